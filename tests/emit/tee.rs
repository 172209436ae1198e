//! `--tee` to somebody who does not read: what is read is published all the same.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::harness::{Listener, emit};

const LINE: usize = 64;

/// Lines of [`LINE`] bytes.
fn lines(count: usize) -> String {
    format!("{}\n", "x".repeat(LINE - 1)).repeat(count)
}

/// The bytes that could not be copied, as `said` tells it.
#[track_caller]
fn uncopied(said: &str) -> usize {
    let told = said.split("--tee: up to ").nth(1).unwrap_or_else(|| panic!("not told: {said}"));
    told.split(' ').next().and_then(|bytes| bytes.parse().ok()).expect("a number")
}

#[test]
fn what_nobody_takes_from_the_tee_is_published_and_does_not_hold_up_the_end() {
    // More than a pipe holds, and less than is read ahead of what is stuck.
    const LINES: usize = 2000;
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut emit = emit(["--tee", "--linger", "60s"]).stdin_open().stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    emit.write(lines(LINES));
    (0..LINES).for_each(|_| drop(listener.next()));
    emit.terminate();
    let said = emit.wait().code(143).err();
    let mut copied = Vec::new();
    std::fs::File::from(OwnedFd::from(reader)).read_to_end(&mut copied).expect("what fitted in");
    assert!(copied.len() < LINES * LINE);
    assert!(copied.len() + uncopied(&said) >= LINES * LINE, "{} and {said}", copied.len());
    assert!(said.contains("2000 records, "), "{said}");
}

#[test]
fn a_signal_ends_a_command_of_whose_tee_nobody_takes_anything() {
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let line = "x".repeat(LINE - 1);
    let command = ["--tee", "--linger", "60s", "--", "yes", &line];
    let mut emit = emit(command).stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    // It has read more than the pipe holds.
    (0..1500).for_each(|_| drop(listener.next()));
    emit.terminate();
    let finished = emit.wait().code(143);
    assert!(uncopied(&finished.err()) > 0);
    assert!(!finished.err().contains("holds its output open"), "{}", finished.err());
}

#[test]
fn a_reader_of_the_tee_who_looks_at_a_page_for_a_while_misses_nothing_of_a_command() {
    // More than a pipe holds, and less than two: the command comes to its end.
    const LINES: usize = 1700;
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let script = format!("yes {} | head -n {LINES}; echo over", "x".repeat(LINE - 1));
    let command = ["--tee", "--", "sh", "-c", &script];
    let mut emit = emit(command).stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    // It may not take this for the end: longer than it waits for a command that has ended
    // and left its output open.
    std::thread::sleep(Duration::from_millis(1500));
    let mut copied = Vec::new();
    let mut reader = std::fs::File::from(OwnedFd::from(reader));
    reader.read_to_end(&mut copied).expect("all of it");
    let messages = listener.everything();
    let finished = emit.wait().success();
    assert_eq!(copied.len(), LINES * LINE + "over\n".len(), "{}", finished.err());
    assert_eq!(messages.len(), LINES + 1);
    assert!(!finished.err().contains("holds its output open"), "{}", finished.err());
}

#[test]
fn a_command_that_has_last_words_is_read_to_its_end_though_nobody_takes_the_copy() {
    const WORDS: usize = 2000;
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    // More than a pipe holds after it is told to end.
    let script = format!(
        "trap 'yes {x} | head -n {WORDS}; echo farewell; exit 7' TERM; while :; do echo {x}; done",
        x = "x".repeat(LINE - 1)
    );
    let command = ["--tee", "--linger", "60s", "--", "sh", "-c", &script];
    let mut emit = emit(command).stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    (0..500).for_each(|_| drop(listener.next()));
    emit.terminate();
    let last = listener.everything().pop().expect("last words");
    assert_eq!(last.json()["msg"], "farewell");
    let finished = emit.wait().code(7);
    assert!(uncopied(&finished.err()) > 0);
}

//! `--tee` to a reader that does not read: the input is published anyway.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::harness::{DEADLINE, Listener, emit};
use zlog_core::text::plural::counted;

const LINE: usize = 64;

/// Lines that a pipe of 64 KiB can't hold: once they are published, the tee is blocked, or
/// will be with the next read.
const MORE_THAN_A_PIPE: usize = (64 << 10) / LINE + 1;

/// Lines of [`LINE`] bytes.
fn lines(count: usize) -> String {
    format!("{}\n", "x".repeat(LINE - 1)).repeat(count)
}

/// The number of bytes not copied, according to standard error.
#[track_caller]
fn uncopied(stderr: &str) -> usize {
    let rest = stderr.split("--tee: up to ").nth(1);
    let rest = rest.unwrap_or_else(|| panic!("not reported: {stderr}"));
    rest.split(' ').next().and_then(|bytes| bytes.replace(',', "").parse().ok()).expect("a number")
}

#[test]
fn a_tee_without_a_reader_delays_neither_the_records_nor_the_end() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut emit = emit(["--tee", "--linger", "60s"]).stdin_open().stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    // zlog reads more than 64 KiB before the tee blocks; its pipe holds the rest.
    emit.write(lines(2000));
    (0..MORE_THAN_A_PIPE).for_each(|_| drop(listener.next()));
    emit.terminate();
    let records = MORE_THAN_A_PIPE + listener.everything().len();
    let stderr = emit.wait().code(143).err();
    let mut copied = Vec::new();
    std::fs::File::from(OwnedFd::from(reader)).read_to_end(&mut copied).expect("what fitted in");
    assert!(copied.len() < records * LINE, "{} bytes of {records} lines", copied.len());
    assert!(copied.len() + uncopied(&stderr) >= records * LINE, "{} and {stderr}", copied.len());
    assert!(stderr.contains(&format!("{}, ", counted(records, "record"))), "{stderr}");
}

#[test]
fn a_signal_ends_a_command_whose_tee_is_not_read() {
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let line = "x".repeat(LINE - 1);
    let command = ["--tee", "--linger", "60s", "--", "yes", &line];
    let mut emit = emit(command).stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    (0..MORE_THAN_A_PIPE).for_each(|_| drop(listener.next()));
    emit.terminate();
    let finished = emit.wait().code(143);
    assert!(uncopied(&finished.err()) > 0);
    assert!(!finished.err().contains("keeps its output open"), "{}", finished.err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_tee_reader_that_starts_after_the_command_has_exited_gets_everything() {
    // More than a pipe holds, and less than two: the command can exit.
    const LINES: usize = 1700;
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let script = format!("yes {} | head -n {LINES}; echo over", "x".repeat(LINE - 1));
    let command = ["--tee", "--", "sh", "-c", &script];
    let mut emit = emit(command).stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    // It has started.
    listener.next();
    let deadline = Instant::now() + DEADLINE;
    while !emit.children().is_empty() {
        assert!(Instant::now() < deadline, "zlog does not notice that the command has exited");
        std::thread::yield_now();
    }
    let mut copied = Vec::new();
    let mut reader = std::fs::File::from(OwnedFd::from(reader));
    reader.read_to_end(&mut copied).expect("all of it");
    let messages = listener.everything();
    let finished = emit.wait().success();
    assert_eq!(messages.len(), LINES);
    assert_eq!(messages[LINES - 1].json()["msg"], "over");
    assert_eq!(copied.len(), LINES * LINE + "over\n".len(), "{}", finished.err());
    assert!(!finished.err().contains("keeps its output open"), "{}", finished.err());
}

#[test]
fn a_command_that_writes_after_the_signal_is_read_to_its_end_though_its_tee_is_not_read() {
    const LINES: usize = 2000;
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    // It writes more than a pipe holds after the signal.
    let script = format!(
        "trap 'yes {x} | head -n {LINES}; echo farewell; exit 7' TERM; while :; do echo {x}; done",
        x = "x".repeat(LINE - 1)
    );
    let command = ["--tee", "--linger", "60s", "--", "sh", "-c", &script];
    let mut emit = emit(command).stdout(writer).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    (0..500).for_each(|_| drop(listener.next()));
    emit.terminate();
    let last = listener.everything().pop().expect("a record");
    assert_eq!(last.json()["msg"], "farewell");
    let finished = emit.wait().code(7);
    assert!(uncopied(&finished.err()) > 0);
}

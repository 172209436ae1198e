//! `--position`: runs that continue where the last one ended.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::write::GzEncoder;
use rustix::process::Signal;
use serde_json::Value;

use super::follow::{append, expect, follow, text};
use crate::harness::{DEADLINE, Listener, Zlog};

/// A log, its position file, and the emitter that reads it.
pub(super) struct Log {
    directory: tempfile::TempDir,
    pub(super) path: PathBuf,
    pub(super) position: PathBuf,
}

impl Log {
    pub(super) fn new() -> Log {
        let directory = tempfile::tempdir().unwrap();
        let (path, position) =
            (directory.path().join("app.log"), directory.path().join("positions"));
        Log { directory, path, position }
    }

    pub(super) fn append(&self, text: &str) {
        append(&self.path, text);
    }

    /// The lines before the position that was saved last.
    fn saved_lines(&self) -> usize {
        let positions = fs::read_to_string(&self.position).unwrap_or_default();
        let whole = positions.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let last: Value =
            serde_json::from_str(whole.rsplit('\n').next().unwrap()).unwrap_or_default();
        let offset = last["files"][0]["offset"].as_u64().unwrap_or(0);
        let log = fs::read(&self.path).unwrap();
        log[..usize::try_from(offset).unwrap()].iter().filter(|byte| **byte == b'\n').count()
    }

    /// Another file in its directory.
    pub(super) fn sibling(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn rename(&self, name: &str) {
        fs::rename(&self.path, self.sibling(name)).unwrap();
    }

    fn emit(&self) -> Zlog {
        follow(&self.path).args(["--no-detect", "--position"]).args([&self.position])
    }

    /// Runs the emitter until it has published `count` lines. Returns all lines that it has
    /// published at its end, and what it said.
    #[track_caller]
    fn read(&self, count: usize) -> (Vec<String>, String) {
        self.run(self.emit(), count)
    }

    #[track_caller]
    fn run(&self, emit: Zlog, count: usize) -> (Vec<String>, String) {
        let mut emit = emit.start();
        let listener = Listener::connect(&emit.endpoint(), "");
        let mut lines: Vec<String> = (0..count).map(|_| text(&listener.next())).collect();
        emit.terminate();
        lines.extend(listener.everything().iter().map(text));
        (lines, emit.wait().ended_by(Signal::TERM).err())
    }
}

#[test]
fn a_restart_neither_repeats_nor_skips_lines() {
    let log = Log::new();
    log.append("one\ntwo\nthr");
    assert_eq!(log.read(2).0, ["one", "two"]);
    log.append("ee\nfour\n");
    assert_eq!(log.read(2).0, ["three", "four"]);
    log.append("five\n");
    assert_eq!(log.read(1).0, ["five"]);
}

#[test]
fn a_restart_neither_repeats_nor_skips_lines_of_utf16() {
    let log = Log::new();
    let append = |text: &str| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        OpenOptions::new().append(true).create(true).open(&log.path).unwrap().write_all(&bytes)
    };
    append("\u{feff}größer\n😀 zwei\n€").unwrap();
    assert_eq!(log.read(2).0, ["größer", "😀 zwei"]);
    append(" drei\näöü€\n").unwrap();
    assert_eq!(log.read(2).0, ["€ drei", "äöü€"]);
    // The part of a pair, too, stands after the position.
    append("fünf\n").unwrap();
    let pair: Vec<u8> = "😀\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut file = OpenOptions::new().append(true).open(&log.path).unwrap();
    file.write_all(&pair[..3]).unwrap();
    assert_eq!(log.read(1).0, ["fünf"]);
    file.write_all(&pair[3..]).unwrap();
    assert_eq!(log.read(1).0, ["😀"]);
}

#[test]
fn a_restart_in_the_middle_of_a_file_neither_repeats_nor_skips_lines() {
    const LINES: usize = 100_000;
    let log = Log::new();
    // Much more than emit reads ahead, which it publishes after the signal.
    log.append(&(0..LINES).map(|number| format!("{number:0100}\n")).collect::<String>());
    let mut lines = Vec::new();
    for run in 0..4 {
        let rest = LINES - lines.len();
        let (read, _) = match run {
            3 => log.read(rest),
            _ => log.run(log.emit().args(["--rate", "10000/s"]), 1000),
        };
        assert!(run == 3 || read.len() < rest, "the signal came too late");
        lines.extend(read);
    }
    let wrong = lines.iter().enumerate().find(|(at, line)| line.parse() != Ok(*at));
    assert!(wrong.is_none() && lines.len() == LINES, "{} {wrong:?}", lines.len());
}

#[test]
fn after_a_kill_no_line_is_skipped() {
    let log = Log::new();
    log.append("one\ntwo\n");
    let mut emit = log.emit().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["one", "two"]);
    log.append("three\n");
    expect(&listener, &["three"]);
    emit.signal(Signal::KILL);
    let _ = emit.wait();
    log.append("four\n");
    let mut emit = log.emit().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    // What was published just before may be repeated.
    let mut expected = ["one", "two", "three", "four"].into_iter().skip_while({
        let first = text(&listener.next());
        move |line| **line != *first
    });
    assert!(expected.next().is_some());
    for line in expected {
        expect(&listener, &[line]);
    }
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
}

/// All lines stand in one block, which was read at once.
#[test]
fn after_a_kill_in_the_middle_of_many_lines_only_the_last_ones_are_repeated() {
    let log = Log::new();
    log.append(&(0..2000).map(|number| format!("{number}\n")).collect::<String>());
    let mut emit = log.emit().args(["--rate", "200/s"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let mut read = Vec::new();
    // How often it is saved depends on the disk.
    let mut saved = 0;
    while read.len() < 100 || saved < 50 {
        read.push(text(&listener.next()));
        saved = log.saved_lines();
    }
    emit.signal(Signal::KILL);
    let _ = emit.wait();
    // On a busy machine, it publishes more before it is killed.
    read.extend(listener.everything().iter().map(text));
    let next = read.len();
    assert_eq!(read[next - 1], (next - 1).to_string());
    let mut emit = log.emit().start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let first: usize = text(&listener.next()).parse().unwrap();
    // What the socket had not sent yet is skipped.
    assert!((saved..=next + 40).contains(&first), "{first} after {next}, {saved} were saved");
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
}

#[test]
fn a_line_of_the_position_file_that_was_not_written_whole_does_not_count() {
    let log = Log::new();
    log.append("one\n");
    assert_eq!(log.read(1).0, ["one"]);
    let complete = fs::read(&log.position).unwrap();
    let line = complete.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
    let mut file = OpenOptions::new().append(true).open(&log.position).unwrap();
    file.write_all(&line[..line.len() / 2]).unwrap();
    file.write_all(b"\xc3").unwrap();
    log.append("two\n");
    assert_eq!(log.read(1).0, ["two"]);
    log.append("three\n");
    assert_eq!(log.read(1).0, ["three"]);
}

#[test]
fn a_position_file_whose_first_line_was_not_written_whole_has_no_positions() {
    let log = Log::new();
    log.append("one\n");
    assert_eq!(log.read(1).0, ["one"]);
    let complete = fs::read(&log.position).unwrap();
    for length in [1, 10, complete.iter().position(|byte| *byte == b'\n').unwrap()] {
        fs::write(&log.position, &complete[..length]).unwrap();
        assert_eq!(log.read(1).0, ["one"]);
    }
}

#[test]
fn lines_that_no_subscriber_has_got_are_read_again_after_a_restart() {
    let log = Log::new();
    log.append("one\ntwo\n");
    let mut emit = log.emit().start();
    emit.expect_stderr("waiting for a subscriber");
    emit.terminate();
    emit.wait().ended_by(Signal::TERM).stderr_has("2 read and not published (no subscriber)");
    assert_eq!(log.read(2).0, ["one", "two"]);
}

#[test]
fn files_that_were_rotated_meanwhile_are_read_to_their_end_first() {
    let log = Log::new();
    log.append("one\n");
    assert_eq!(log.read(1).0, ["one"]);
    log.append("two\n");
    log.rename("app.log.1");
    log.append("three\n");
    assert_eq!(log.read(2).0, ["two", "three"]);
    // The renamed file was still read at the end, so it has a position, too.
    let path = |name: &str| log.directory.path().join(name);
    fs::rename(path("app.log.1"), path("app.log.2")).unwrap();
    log.rename("app.log.1");
    log.append("four\n");
    assert_eq!(log.read(1).0, ["four"]);
}

#[test]
fn several_rotations_while_emit_does_not_run_lose_nothing() {
    for names in [
        ["app.log.3", "app.log.2", "app.log.1"],
        ["app.log-20261124", "app.log-20261125", "app.log-20261126"],
    ] {
        let log = Log::new();
        log.append("one\n");
        assert_eq!(log.read(1).0, ["one"]);
        log.append("two\n");
        append(&log.directory.path().join("app.log.errors"), "of another program\n");
        append(&log.directory.path().join("app.log-20261126.gz"), "compressed\n");
        for (name, line) in names.iter().zip(["three\n", "four\n", "five\n"]) {
            log.rename(name);
            log.append(line);
        }
        assert_eq!(log.read(4).0, ["two", "three", "four", "five"]);
    }
}

/// Compresses a file, as logrotate does: under a new number and name.
pub(super) fn compress(path: &Path) {
    let name = format!("{}.gz", path.display());
    let mut gzip = GzEncoder::new(File::create(name).unwrap(), flate2::Compression::default());
    gzip.write_all(&fs::read(path).unwrap()).unwrap();
    gzip.finish().unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn files_that_were_rotated_and_compressed_or_copied_meanwhile_lose_nothing() {
    type Change = fn(&Log);
    let cases: [(&str, Change); 4] = [
        ("gzip", |log| compress(&log.sibling("app.log.2"))),
        ("gzip of both", |log| {
            compress(&log.sibling("app.log.2"));
            compress(&log.sibling("app.log.1"));
        }),
        ("zstd", |log| {
            let text = fs::read(log.sibling("app.log.2")).unwrap();
            let zstd = zstd::encode_all(&*text, 0).unwrap();
            fs::write(log.sibling("app.log.2.zst"), zstd).unwrap();
            fs::remove_file(log.sibling("app.log.2")).unwrap();
        }),
        ("copy", |log| {
            fs::copy(log.sibling("app.log.2"), log.sibling("copy")).unwrap();
            fs::rename(log.sibling("copy"), log.sibling("app.log.2")).unwrap();
        }),
    ];
    for (what, change) in cases {
        let log = Log::new();
        log.append("one\ntwo\nthr");
        assert_eq!(log.read(2).0, ["one", "two"]);
        log.append("ee\nfour\n");
        log.rename("app.log.2");
        append(&log.sibling("app.log.1"), "five\n");
        log.append("six\n");
        // An older file, and those of other programs.
        append(&log.sibling("app.log.3"), "zero\none\n");
        compress(&log.sibling("app.log.3"));
        append(&log.sibling("app.log.errors"), "another\n");
        change(&log);
        let (lines, said) = log.read(4);
        assert_eq!(lines, ["three", "four", "five", "six"], "{what}");
        assert!(!said.contains("missing"), "{what}: {said}");
        log.append("seven\n");
        assert_eq!(log.read(1).0, ["seven"], "{what}");
    }
}

#[test]
fn a_followed_link_is_read_on_though_its_file_has_other_names() {
    let log = Log::new();
    let names: Vec<PathBuf> = (0..8).map(|number| log.sibling(&format!("day{number}"))).collect();
    append(&names[0], "one\n");
    for name in &names[1..] {
        fs::hard_link(&names[0], name).unwrap();
    }
    std::os::unix::fs::symlink("day0", &log.path).unwrap();
    assert_eq!(log.read(1).0, ["one"]);
    log.append("two\n");
    assert_eq!(log.read(1).0, ["two"]);
    log.append("three\n");
    fs::remove_file(&log.path).unwrap();
    append(&log.sibling("next"), "four\n");
    std::os::unix::fs::symlink("next", &log.path).unwrap();
    assert_eq!(log.read(2).0, ["three", "four"]);
}

#[test]
fn a_file_that_is_truncated_after_a_copy_was_made_loses_nothing() {
    let log = Log::new();
    log.append("one\n");
    assert_eq!(log.read(1).0, ["one"]);
    log.append("two\n");
    fs::copy(&log.path, log.sibling("app.log.1")).unwrap();
    compress(&log.sibling("app.log.1"));
    fs::write(&log.path, "3\n").unwrap();
    assert_eq!(log.read(2).0, ["two", "3"]);
}

#[test]
fn a_restart_in_the_middle_of_a_compressed_file_neither_repeats_nor_skips_lines() {
    const LINES: usize = 100_000;
    let log = Log::new();
    let lines = |numbers: std::ops::Range<usize>| {
        numbers.map(|number| format!("{number:0100}\n")).collect::<String>()
    };
    log.append(&lines(0..10));
    let mut read = log.read(10).0;
    log.append(&lines(10..LINES - 10));
    log.rename("app.log.1");
    compress(&log.sibling("app.log.1"));
    log.append(&lines(LINES - 10..LINES));
    for run in 0..3 {
        let rest = LINES - read.len();
        read.extend(match run {
            2 => log.read(rest).0,
            _ => log.run(log.emit().args(["--rate", "10000/s"]), 1000).0,
        });
        assert!(run == 2 || read.len() < LINES - 10, "the signal came too late");
    }
    let wrong = read.iter().enumerate().find(|(at, line)| line.parse() != Ok(*at));
    assert!(wrong.is_none() && read.len() == LINES, "{} {wrong:?}", read.len());
}

#[test]
fn a_renamed_file_that_was_still_read_is_read_on_after_a_restart() {
    let log = Log::new();
    log.append("one\n");
    let mut late = OpenOptions::new().append(true).open(&log.path).unwrap();
    let mut emit = log.emit().args(["--rotate-wait", "1h"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["one"]);
    log.rename("app.log.1");
    log.append("two\n");
    expect(&listener, &["two"]);
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
    late.write_all(b"late\n").unwrap();
    log.append("three\n");
    assert_eq!(log.read(2).0, ["late", "three"]);
}

#[test]
fn files_later_than_one_that_is_still_written_to_are_not_repeated_after_a_restart() {
    let log = Log::new();
    log.append("one\n");
    let mut late = OpenOptions::new().append(true).open(&log.path).unwrap();
    let mut emit = log.emit().args(["--rotate-wait", "2s"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["one"]);
    log.rename("app.log.2");
    log.append("two\n");
    expect(&listener, &["two"]);
    log.rename("app.log.1");
    log.append("three\n");
    expect(&listener, &["three"]);
    // Longer than the second file is read on. The writer waits for nothing.
    let lines = std::thread::spawn(move || {
        let end = Instant::now() + Duration::from_secs(3);
        let mut lines = 0;
        while Instant::now() < end {
            late.write_all(b"late\n").unwrap();
            lines += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        lines
    });
    for _ in 0..lines.join().unwrap() {
        expect(&listener, &["late"]);
    }
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
    log.append("four\n");
    assert_eq!(log.read(1).0, ["four"]);
}

#[test]
fn a_file_that_was_truncated_rewritten_or_removed_meanwhile_is_read_from_its_start() {
    for (text, says) in [
        ("new\n", "was truncated"),
        ("another text of more bytes\n", "was rewritten"),
        ("", "the file that was read in part is gone"),
    ] {
        let log = Log::new();
        log.append("one\ntwo\n");
        assert_eq!(log.read(2).0, ["one", "two"]);
        if text.is_empty() {
            // Both exist at once, so that the new one has a number of its own.
            let new = log.directory.path().join("new");
            append(&new, "three\n");
            fs::rename(&new, &log.path).unwrap();
        } else {
            fs::write(&log.path, text).unwrap();
        }
        let (lines, said) = log.read(1);
        assert_eq!(lines, [if text.is_empty() { "three" } else { text.trim_end() }]);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn from_end_applies_only_to_files_without_a_position() {
    let log = Log::new();
    log.append("one\n");
    assert_eq!(log.read(1).0, ["one"]);
    log.append("two\n");
    let mut emit = log.emit().args(["--from-end"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["two"]);
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
}

#[test]
fn a_position_file_that_can_not_be_used_is_an_error_with_the_next_step() {
    let log = Log::new();
    log.append("one\n");
    let mut emit = log.emit().start();
    emit.endpoint();
    let deadline = Instant::now() + DEADLINE;
    while fs::read(&log.position).map_or(true, |text| text.is_empty()) {
        assert!(Instant::now() < deadline);
    }
    log.emit().run().code(1).stderr_has("another zlog uses it").stderr_has("\n  Give each");
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
    fs::write(&log.position, "something else\n").unwrap();
    let other = log.emit().run().code(1).stderr_has("zlog did not write this position file");
    other.stderr_has("\n  Name another file");
    assert_eq!(fs::read_to_string(&log.position).unwrap(), "something else\n", "it is kept");
    fs::remove_file(&log.position).unwrap();
    fs::hard_link(&log.path, &log.position).unwrap();
    log.emit()
        .run()
        .code(2)
        .stderr_has("is also a file to read: ")
        .stderr_has("app.log\n")
        .stderr_has("Name another file");
    assert_eq!(fs::read_to_string(&log.path).unwrap(), "one\n", "it is kept");
    let nowhere = follow(&log.path).args(["--position", "/no/such/directory/positions"]).run();
    nowhere.code(1).stderr_has("/no/such/directory/positions: no such file or directory");
}

#[test]
#[cfg(unix)]
fn a_position_file_that_is_a_link_or_a_device_is_refused_and_not_replaced() {
    let log = Log::new();
    let link = log.directory.path().join("link");
    std::os::unix::fs::symlink(&log.position, &link).unwrap();
    for path in [&link, Path::new("/dev/null"), Path::new("/dev/zero")] {
        let refused = follow(&log.path).args([Path::new("--position"), path]).run();
        refused.code(1).stderr_has("is not a regular file");
        assert!(!path.symlink_metadata().unwrap().is_file(), "it is what it was");
    }
}

#[test]
fn each_of_several_files_has_its_own_position() {
    let log = Log::new();
    let other = log.directory.path().join("other.log");
    log.append("one\n");
    append(&other, "1\n");
    let run = |expected: &[&str]| {
        let mut emit = log.emit().args(["--file"]).args([&other]).start();
        let listener = Listener::connect(&emit.endpoint(), "");
        let lines: BTreeSet<String> = expected.iter().map(|_| text(&listener.next())).collect();
        assert_eq!(lines, expected.iter().map(|line| String::from(*line)).collect());
        emit.terminate();
        assert!(listener.everything().is_empty());
        emit.wait().ended_by(Signal::TERM);
    };
    run(&["one", "1"]);
    log.append("two\n");
    run(&["two"]);
    append(&other, "2\n");
    // The position of the other file is kept while it is not read.
    log.append("three\n");
    assert_eq!(log.read(1).0, ["three"]);
    run(&["2"]);
}

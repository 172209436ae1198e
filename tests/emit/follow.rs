//! `--follow`: subscribers that come and go, rotated files, and restarts with `--position`.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{ANY_PORT, DEADLINE, Listener, Running, Zlog, emit, zlog};

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Lines with these numbers.
fn numbered(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("{number}\n")).collect()
}

fn text(message: &crate::harness::Message) -> String {
    message.json()["msg"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn expect(listener: &Listener, lines: &[&str]) {
    for line in lines {
        assert_eq!(text(&listener.next()), *line);
    }
}

/// `emit --follow` without `--wait`.
fn follow(path: &Path) -> Zlog {
    zlog(["emit", "-r", "f", "-b", ANY_PORT, "--follow", "--file"]).args([path])
}

#[test]
fn lines_wait_for_a_subscriber_without_limit_and_again_when_all_have_left() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    append(&log, "one\ntwo\n");
    let mut emit = follow(&log).start();
    let endpoint = emit.endpoint();
    emit.expect_stderr("waiting for a subscriber on tcp://");
    let listener = Listener::connect(&endpoint, "");
    expect(&listener, &["one", "two"]);
    drop(listener);
    // How long emit takes to notice can't be seen from outside: what it publishes until then is
    // missing, and nothing after that.
    for number in 0..50 {
        append(&log, &format!("{number}\n"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let listener = Listener::connect(&endpoint, "");
    let first: usize = text(&listener.next()).parse().expect("a line that was added meanwhile");
    for number in first + 1..50 {
        expect(&listener, &[&number.to_string()]);
    }
    emit.terminate();
    emit.wait().ended_by(Signal::TERM);
}

#[test]
fn a_signal_ends_the_wait_for_a_subscriber_and_what_was_not_published_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    append(&log, "one\ntwo\n");
    let mut emit = follow(&log).start();
    emit.expect_stderr("waiting for a subscriber");
    emit.terminate();
    let emit = emit.wait().ended_by(Signal::TERM);
    emit.stderr_has("0 records, ").stderr_has("2 read and not published (no subscriber)");
}

/// A collector that binds `endpoint` and writes to `file`.
fn collector(endpoint: &str, file: &Path) -> Running {
    let handler = format!("{},format=%(message)s", file.display());
    let mut tail = zlog(["tail", "-b", endpoint, "--file", &handler]).start();
    tail.endpoint();
    tail
}

#[track_caller]
fn wait_for_lines(file: &Path, count: usize) -> Vec<usize> {
    let until = Instant::now() + DEADLINE;
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.lines().count() >= count && text.ends_with('\n') {
            return text.lines().map(|line| line.parse().unwrap()).collect();
        }
        assert!(Instant::now() < until, "{} of {count} lines", text.lines().count());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_is_lost_before_the_collector_is_up_and_across_its_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (log, out) = (directory.path().join("app.log"), directory.path().join("collected"));
    let endpoint = format!("ipc://{}", directory.path().join("collect").display());
    append(&log, &numbered(0..100));
    let mut emit = zlog(["emit", "-c", &endpoint, "--follow", "--file"]).args([&log]).start();
    emit.expect_stderr("waiting for a subscriber");
    for restart in 1..=3 {
        let mut tail = collector(&endpoint, &out);
        wait_for_lines(&out, restart * 100);
        tail.terminate();
        tail.wait().ended_by(Signal::TERM);
        append(&log, &numbered(restart * 100..(restart + 1) * 100));
    }
    let mut tail = collector(&endpoint, &out);
    let lines = wait_for_lines(&out, 400);
    assert!(lines.iter().copied().eq(0..400), "{lines:?}");
    for process in [&mut emit, &mut tail] {
        process.terminate();
    }
    emit.wait().ended_by(Signal::TERM).stderr_has("400 records, ");
    tail.wait().ended_by(Signal::TERM);
}

#[test]
fn a_renamed_file_is_read_on_while_its_writer_still_writes_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let (log, old) = (directory.path().join("app.log"), directory.path().join("app.log.1"));
    append(&log, "first\n");
    let args = ["--file", log.to_str().unwrap(), "--follow", "--rotate-wait", "1h"];
    let mut emit = emit(args).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["first"]);
    let mut late = OpenOptions::new().append(true).open(&log).unwrap();
    for round in 0..3 {
        // A line that is written in two parts, while the new file grows.
        late.write_all(b"begun ").unwrap();
        fs::rename(&log, &old).unwrap();
        append(&log, "new\n");
        expect(&listener, &["new"]);
        late.write_all(b"and ended\n").unwrap();
        expect(&listener, &["begun and ended"]);
        append(&log, "newer\n");
        expect(&listener, &["newer"]);
        late.write_all(format!("late {round}\n").as_bytes()).unwrap();
        expect(&listener, &[&format!("late {round}")]);
        late = OpenOptions::new().append(true).open(&log).unwrap();
    }
    emit.terminate();
    emit.wait().code(143);
}

#[test]
fn a_renamed_file_is_given_up_when_it_has_not_grown_for_the_time_that_was_set() {
    let directory = tempfile::tempdir().unwrap();
    let (log, old) = (directory.path().join("app.log"), directory.path().join("app.log.1"));
    append(&log, "first\nbegun");
    let args = ["--file", log.to_str().unwrap(), "--follow", "--rotate-wait", "200ms"];
    let mut emit = emit(args).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["first"]);
    fs::rename(&log, &old).unwrap();
    append(&log, "new\n");
    // Its last line ends with it.
    let both: BTreeSet<String> = (0..2).map(|_| text(&listener.next())).collect();
    assert_eq!(both, BTreeSet::from(["begun".to_owned(), "new".to_owned()]));
    append(&old, "too late\n");
    append(&log, "newer\n");
    expect(&listener, &["newer"]);
    emit.terminate();
    emit.wait().code(143);
}

/// The writer reopens its file some time after each rotation, as daemons do.
#[test]
fn no_line_is_lost_over_three_rotations_under_a_writer_that_reopens_late() {
    const LINES: usize = 2000;
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    append(&log, "first\n");
    let args = ["--file", log.to_str().unwrap(), "--follow", "--rotate-wait", "1h"];
    let mut emit = emit(args).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["first"]);
    let mut file = File::options().append(true).open(&log).unwrap();
    for number in 0..LINES {
        if number % 500 == 250 {
            fs::rename(&log, directory.path().join(format!("app.log.{number}"))).unwrap();
            append(&log, "");
        }
        if number % 500 == 400 {
            file = File::options().append(true).open(&log).unwrap();
        }
        file.write_all(format!("{number}\n").as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let lines: BTreeSet<usize> =
        (0..LINES).map(|_| text(&listener.next()).parse().unwrap()).collect();
    assert_eq!(lines.len(), LINES);
    emit.terminate();
    emit.wait().code(143).stderr_has("2,001 records");
}

#[test]
fn files_of_several_rotations_between_two_checks_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let log = path("app.log");
    // Another program's numbers grow.
    append(&path("app.log.2"), "old\n");
    let created = |name: &str| path(name).metadata().unwrap().created().ok();
    // The clock of files may stand still for some milliseconds.
    loop {
        append(&log, "first\n");
        let age = created("app.log.2");
        if age.is_none() || created("app.log") > age {
            break;
        }
        fs::remove_file(&log).unwrap();
    }
    let mut emit = emit(["--file", log.to_str().unwrap(), "--follow"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    expect(&listener, &["first"]);
    // As two rotations leave them: it is checked again when the new file is there.
    append(&log, "second\n");
    fs::rename(&log, path("app.log.3")).unwrap();
    append(&path("app.log.1"), "third\n");
    append(&path("app.log.0"), "fourth\n");
    append(&path("app.log.errors"), "of another program\n");
    append(&log, "fifth\n");
    let mut lines: Vec<String> = (0..4).map(|_| text(&listener.next())).collect();
    lines.sort();
    assert_eq!(lines, ["fifth", "fourth", "second", "third"]);
    emit.terminate();
    emit.wait().code(143);
}

/// A log, its position file, and the emitter that reads it.
struct Log {
    directory: tempfile::TempDir,
    path: PathBuf,
    position: PathBuf,
}

impl Log {
    fn new() -> Log {
        let directory = tempfile::tempdir().unwrap();
        let (path, position) =
            (directory.path().join("app.log"), directory.path().join("positions"));
        Log { directory, path, position }
    }

    fn append(&self, text: &str) {
        append(&self.path, text);
    }

    fn rename(&self, name: &str) {
        fs::rename(&self.path, self.directory.path().join(name)).unwrap();
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
    let nowhere = follow(&log.path).args(["--position", "/no/such/directory/positions"]).run();
    nowhere.code(1).stderr_has("/no/such/directory/positions: no such file or directory");
    let endless = follow(&log.path).args(["--position", "/dev/zero"]).run();
    endless.code(1).stderr_has("zlog did not write this position file");
    let whole = zlog(["emit", "--file", "x", "--position", "y"]).run();
    whole.code(2).stderr_has("--follow");
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

//! `--follow`: subscribers that come and go, and rotated files.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{ANY_PORT, DEADLINE, Listener, Running, Zlog, emit, zlog};

pub(super) fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Lines with these numbers.
fn numbered(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("{number}\n")).collect()
}

pub(super) fn text(message: &crate::harness::Message) -> String {
    message.json()["msg"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
pub(super) fn expect(listener: &Listener, lines: &[&str]) {
    for line in lines {
        assert_eq!(text(&listener.next()), *line);
    }
}

/// `emit --follow` without `--wait`.
pub(super) fn follow(path: &Path) -> Zlog {
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
    // Its last line ends with it, sooner than after the default of 5 s.
    let next = || listener.try_next(Duration::from_secs(4)).expect("it is given up in time");
    let both: BTreeSet<String> = (0..2).map(|_| text(&next())).collect();
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

#[test]
fn lines_that_may_be_missing_are_counted_and_fail_where_losses_do() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    append(&log, "one\ntwo\n");
    let mut emit = follow(&log).args(["--fail-on-loss"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let mut tail = zlog(["tail", "-o", "text", "--fail-on-loss", "-f"]).args([&log]).start();
    expect(&listener, &["one", "two"]);
    tail.expect_stdout("two");
    fs::write(&log, "3\n").unwrap();
    expect(&listener, &["3"]);
    tail.expect_stdout("3");
    for mut process in [emit, tail] {
        process.terminate();
        process.wait().code(3).stderr_has("lines may be missing: 1 gap (see above)");
    }
}

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use zlog_bench::smtp_server::{ServerOptions, SmtpServer};

use super::leftovers::{assert_nothing_left, until, until_nothing_left};
use super::{assert_empty, bench};
use crate::harness::{DEADLINE, Running, Terminal, shell_code};

/// Waits until `file` below a directory in `directory` has something in it: then
/// records are being logged.
#[track_caller]
fn until_logging(directory: &Path, bench: &mut Running) {
    until(bench, "a log file grows", || {
        let runs = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        runs.map(|run| run.join("app.log")).any(|log| fs::metadata(log).is_ok_and(|m| m.len() > 0))
    });
}

const LONG: [&str; 4] = ["--duration", "1h", "--warm-up", "0"];

#[test]
fn an_interruption_prints_what_was_measured_so_far_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let export = files.path().join("bench.csv");
    let mut bench = bench(directory.path(), &LONG)
        .args(["--handlers", "file,null", "--export-csv", export.to_str().unwrap()])
        .start();
    until_logging(directory.path(), &mut bench);
    bench.interrupt();
    let bench = bench.wait().code(130).stderr_has("no report files were written");
    let out = bench.out();
    assert!(out.contains("Stopped before the end"), "{out}");
    let line = |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(
        line("file").split_whitespace().nth(1).unwrap().replace(',', "").parse::<u64>().unwrap()
            > 0
    );
    assert!(line("null").contains("not run"), "{out}");
    assert_empty(directory.path());
    assert_empty(files.path());
}

#[test]
fn a_termination_during_publishing_ends_its_subscriber_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = bench(directory.path(), &LONG).args(["--handlers", "file,pub-ipc"]).start();
    until_logging(directory.path(), &mut bench);
    bench.terminate();
    // The harness fails when anything that the bench started still holds its output.
    bench.wait().code(143);
    assert_empty(directory.path());
}

#[test]
fn what_a_slow_mail_server_still_has_to_get_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let delay = Duration::from_millis(100);
    let server = SmtpServer::start(ServerOptions { delay, ..ServerOptions::default() }).unwrap();
    // Of a million, 256 are queued: half a minute's work for that server.
    let mail = ["--handlers", "queue-smtp", "--smtp", &server.url(), "-n", "1000000"];
    let mut bench = bench(directory.path(), &mail).args(["--warm-up", "0"]).start();
    assert!(server.wait_for(3, DEADLINE) >= 3);
    bench.interrupt();
    let out = bench.wait().code(130).out();
    let row = out.lines().find(|line| line.starts_with("queue-smtp")).unwrap();
    assert!(!row.contains("failed") && !row.contains("not run"), "{out}");
    let got = server.stop();
    assert!(got < 100, "{got} mails: it went on to the end");
    assert_empty(directory.path());
}

#[test]
fn processes_and_files_are_gone_also_when_the_bench_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = bench(directory.path(), &LONG).args(["--handlers", "queue-file"]).start();
    until_logging(directory.path(), &mut bench);
    bench.signal(Signal::KILL);
    until_nothing_left(directory.path(), &mut bench);
}

#[test]
fn ctrl_c_in_a_terminal_reaches_all_processes_and_still_prints_what_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let bench = bench(directory.path(), &LONG).args(["--handlers", "pub-tcp,null"]);
    let mut terminal = Terminal::start(bench, 40, 100);
    // The line that shows how far it has come.
    terminal.wait_for_text("round 1 of 5: pub-tcp");
    terminal.press("\x03");
    let (bytes, status) = terminal.wait();
    assert_eq!(shell_code(status), Some(130));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Stopped before the end"), "{text}");
    assert_nothing_left(directory.path());
}

#[test]
fn a_terminal_gets_bars_and_no_trace_of_the_progress_line() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["--handlers", "file,null", "-n", "1000", "--runs", "1"];
    let terminal = Terminal::start(bench(directory.path(), &args), 40, 100);
    let screen = terminal.wait_for_text("memory").contents();
    assert!(screen.contains('█') && screen.contains("calls/s"), "{screen}");
    assert!(!screen.contains("round 1 of 1"), "{screen}");
    assert!(terminal.wait().1.success());
}

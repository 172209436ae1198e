//! A reader of standard output that stops reading: it delays the work, but not the end.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use socket2::SockRef;

use crate::harness::{ANY_PORT, DEADLINE, Input, Publisher, Running, Terminal, shell_code, zlog};

/// The reading and the writing end of a pipe.
pub(super) fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (reader.into(), writer.into())
}

/// The same as a socket pair, which systemd gives a service.
fn sockets() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = UnixStream::pair().expect("two sockets");
    (reader.into(), writer.into())
}

/// Waits until no more bytes fit.
#[track_caller]
pub(super) fn wait_until_full(writer: &OwnedFd) {
    let until = Instant::now() + DEADLINE;
    // For a while: what fills it may be between two writes, with nothing left to write yet.
    let mut full = 0;
    while full < 20 {
        assert!(Instant::now() < until, "it does not fill up");
        full = if has_room(writer) { 0 } else { full + 1 };
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn has_room(writer: &OwnedFd) -> bool {
    // poll(2) reports no room in a socket long before it is full, so a byte is sent.
    let tried = SockRef::from(writer).send_with_flags(b"x", libc::MSG_DONTWAIT);
    if tried.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ENOTSOCK)) {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        return poll(&mut [PollFd::new(writer, PollFlags::OUT)], Some(&at_once)) != Ok(0);
    }
    tried.is_ok()
}

/// A file of records that is larger than all buffers on their way. A full pipe ends with a part
/// of one: whole ones leave more than a page of it.
fn records() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, format!("{}\n", "x".repeat(10_000)).repeat(1000)).expect("written");
    file
}

#[test]
fn the_first_signal_ends_a_tail_whose_reader_has_stopped() {
    let cases = [(Signal::INT, 130), (Signal::TERM, 143)];
    for ((signal, code), (reader, writer)) in cases.into_iter().zip([pipe(), sockets()]) {
        let file = records();
        let args = ["tail", "-o", "text", "--input"];
        let tail = zlog(args).args([file.path()]).stdout(writer.try_clone().expect("a descriptor"));
        let mut tail = tail.start();
        wait_until_full(&writer);
        tail.signal(signal);
        let said = tail.wait().code(code).err();
        assert!(said.contains("its reader stopped reading; up to "), "{said}");
        drop(writer);
        let mut printed = String::new();
        std::fs::File::from(reader).read_to_string(&mut printed).expect("text");
        // What fitted into the pipe is there.
        assert!(printed.len() > 4000 && printed.starts_with('x'), "{}", printed.len());
    }
}

#[test]
fn a_blocked_live_tail_ends_in_pretty_and_in_raw_output() {
    for output in ["pretty", "raw"] {
        let (_reader, writer) = pipe();
        let publisher = Publisher::bind();
        let out = writer.try_clone().expect("a descriptor");
        let mut tail = zlog(["tail", &publisher.endpoint, "-o", output]).stdout(out).start();
        publisher.wait_for_subscription();
        (0..2000).for_each(|_| publisher.send(["app.INFO", &"x".repeat(99)]));
        wait_until_full(&writer);
        tail.terminate();
        tail.wait().code(143).stderr_has(" records not printed completely");
    }
}

#[test]
fn handlers_get_the_records_that_the_reader_does_not_take() {
    const RECORDS: usize = 5000;
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("x.log");
    let (_reader, writer) = pipe();
    let publisher = Publisher::bind();
    let handler = format!("{},queue=10000", log.display());
    let args = ["tail", &publisher.endpoint, "--linger", "60s", "--console", "--file", &handler];
    let mut tail = zlog(args).stdout(writer.try_clone().expect("a descriptor")).start();
    publisher.wait_for_subscription();
    (0..RECORDS).for_each(|_| publisher.send(["app.INFO", &"x".repeat(99)]));
    wait_until_full(&writer);
    tail.terminate();
    let said = tail.wait().code(143).err();
    let written = std::fs::read_to_string(&log).expect("a file").lines().count();
    assert_eq!(written, RECORDS, "{said}");
    assert!(said.contains("not printed completely"), "{said}");
}

#[test]
fn a_reader_that_continues_in_time_gets_everything() {
    let (reader, writer) = pipe();
    let publisher = Publisher::bind();
    let tail = zlog(["tail", &publisher.endpoint, "-o", "text"]);
    let mut tail = tail.stdout(writer.try_clone().expect("a descriptor")).start();
    publisher.wait_for_subscription();
    // More than a pipe holds, and less than two of them do.
    (0..1000).for_each(|_| publisher.send(["app.INFO", &"x".repeat(99)]));
    wait_until_full(&writer);
    drop(writer);
    // There must be room again before the time limit starts.
    tail.signal(Signal::STOP);
    tail.terminate();
    let mut reader = std::fs::File::from(reader);
    let mut printed = vec![0; 60_000];
    reader.read_exact(&mut printed).expect("what was in the pipe");
    tail.signal(Signal::CONT);
    reader.read_to_end(&mut printed).expect("the rest");
    let finished = tail.wait().code(143);
    assert_eq!(finished.err(), "");
    // Records not received by then are not waited for. Each line is whole.
    assert_eq!(printed.len() % 100, 0);
    assert!(printed.len() > 65536, "{}", printed.len());
}

#[test]
fn messages_into_the_same_full_pipe_do_not_delay_the_end() {
    let (_reader, writer) = pipe();
    let file = records();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec \"$0\" tail -o text --input \"$1\" 2>&1"]);
    command.arg(env!("CARGO_BIN_EXE_zlog")).arg(file.path());
    let out = writer.try_clone().expect("a descriptor");
    let mut tail = Running::start_into(command, Input::Empty, Some(out));
    wait_until_full(&writer);
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn a_stopped_terminal_does_not_delay_the_end() {
    let publisher = Publisher::bind();
    let mut terminal = Terminal::start(zlog(["tail", &publisher.endpoint]), 24, 120);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "before"]);
    terminal.wait_for_text("before");
    // Ctrl-S.
    terminal.press("\x13");
    (0..1000).for_each(|_| publisher.send(["app.INFO", &"x".repeat(99)]));
    terminal.terminate();
    let (_, status) = terminal.wait();
    assert_eq!(shell_code(status), Some(143));
}

#[test]
fn the_flags_of_a_shared_descriptor_do_not_change() {
    let (reader, writer) = pipe();
    let publisher = Publisher::bind();
    let tail = zlog(["tail", &publisher.endpoint, "-o", "text", "-n", "1"]);
    let tail = tail.stdout(writer.try_clone().expect("a descriptor")).start();
    publisher.wait_for_subscription();
    publisher.send(["app.INFO", "hello"]);
    let mut printed = [0; 6];
    std::fs::File::from(reader).read_exact(&mut printed).expect("a line");
    assert_eq!(&printed, b"hello\n");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("flags");
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "{flags:?}");
    tail.wait().success();
}

#[test]
fn of_several_tails_the_summary_of_emit_names_the_one_that_was_slow() {
    let mut slow = zlog(["tail", "-b", ANY_PORT, "-o", "text"]).start();
    let mut fast = zlog(["tail", "-b", ANY_PORT, "--count-by", "level"]).start();
    let args = ["emit", "--on-full", "drop", "--hwm", "20", "--rate", "150", "--linger", "0s"];
    let both = ["-c", &slow.endpoint(), "-c", &fast.endpoint(), "--wait", "60s", "--wait-for", "2"];
    let mut emit = zlog(args).args(both).stdin_open().start();
    emit.write("first\n");
    slow.expect_stdout("first");
    slow.signal(Signal::STOP);
    // More than fits into the buffers of a connection.
    emit.write(("x".repeat(100_000) + "\n").repeat(299));
    emit.close_stdin();
    let summary = emit.wait().success().err();
    slow.signal(Signal::CONT);
    assert!(summary.contains(&format!("(no room for process {}", slow.id())), "{summary}");
    assert!(!summary.contains(&format!("process {}", fast.id())), "{summary}");
    fast.terminate();
    fast.wait().code(143);
}

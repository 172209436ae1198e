use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, OptionalActions, tcflow, tcgetattr, tcsetattr};

use super::unix::{StdioWriter, WriteMode};
use super::{Abandoned, ShutdownDeadline};
use crate::os::signal::ShutdownSignal;
use zlog_core::Exit;

/// Long enough for a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn pipe() -> (File, OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    (File::from(OwnedFd::from(reader)), writer.into())
}

fn sockets() -> (File, OwnedFd) {
    let (reader, writer) = UnixStream::pair().unwrap();
    (File::from(OwnedFd::from(reader)), writer.into())
}

/// A terminal in raw mode.
fn terminal() -> (File, OwnedFd) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let user = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
    let mut plain = tcgetattr(&user).unwrap();
    plain.make_raw();
    tcsetattr(&user, OptionalActions::Now, &plain).unwrap();
    (File::from(keyboard), user)
}

/// A writer that checks `stop` instead of the process's signals.
fn stdio_writer(writer: OwnedFd, stop: &ShutdownSignal) -> StdioWriter<OwnedFd> {
    let mut writer = StdioWriter::new(writer);
    writer.deadline.stop = Some(stop.clone());
    writer
}

/// Writers of all modes that can block.
fn modes(stop: &ShutdownSignal) -> Vec<(File, StdioWriter<OwnedFd>)> {
    let mut modes = Vec::new();
    for (reader, writer) in [pipe(), sockets(), terminal()] {
        modes.push((reader.try_clone().unwrap(), stdio_writer(writer.try_clone().unwrap(), stop)));
        let mut asked = stdio_writer(writer, stop);
        asked.mode = WriteMode::Polled;
        modes.push((reader, asked));
    }
    modes
}

#[test]
fn a_missing_reader_blocks_the_work_but_not_the_exit() {
    for (reader, mut writer) in modes(&ShutdownSignal::default()) {
        let stop = ShutdownSignal::default();
        writer.deadline.stop = Some(stop.clone());
        writer.deadline.stall_limit = Duration::from_millis(20);
        let writing = std::thread::spawn(move || {
            let error = loop {
                if let Err(error) = writer.write_all(&[b'x'; 100_000]) {
                    break error;
                }
            };
            (error, writer)
        });
        // Without a request it keeps waiting.
        std::thread::sleep(Duration::from_millis(100));
        assert!(!writing.is_finished());
        stop.ask(15);
        let asked = Instant::now();
        let (error, mut writer) = writing.join().unwrap();
        assert!(asked.elapsed() < DEADLINE);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(Abandoned::exit(&error), Some(Exit::Signal(15)));
        let again = writer.write(b"x").unwrap_err();
        assert_eq!(again.kind(), ErrorKind::TimedOut, "no hole may be in what is read");
        drop(reader);
    }
}

#[test]
fn a_slow_reader_receives_everything_before_the_exit() {
    let stop = ShutdownSignal::default();
    stop.ask(2);
    for (mut reader, mut writer) in modes(&stop) {
        (writer.deadline.stall_limit, writer.deadline.total_limit) = (DEADLINE, DEADLINE);
        let reading = std::thread::spawn(move || {
            let (mut all, mut piece) = (Vec::new(), [0; 30_000]);
            while all.len() < 300_000 {
                std::thread::sleep(Duration::from_millis(1));
                let read = reader.read(&mut piece).unwrap();
                all.extend_from_slice(&piece[..read]);
            }
            all
        });
        let sent: Vec<u8> = (0..300_000_u32).map(|n| b'a' + (n % 23) as u8).collect();
        writer.write_all(&sent).unwrap();
        assert!(reading.join().unwrap() == sent);
    }
}

#[test]
fn a_reader_that_is_too_slow_is_given_up_after_the_total_limit() {
    let (mut reader, writer) = pipe();
    let stop = ShutdownSignal::default();
    stop.ask(2);
    let mut writer = stdio_writer(writer, &stop).with_linger(Duration::from_millis(200));
    writer.deadline.stall_limit = DEADLINE;
    let reading = std::thread::spawn(move || {
        // Ends when the writer is closed.
        while reader.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let asked = Instant::now();
    while asked.elapsed() < DEADLINE && writer.write_all(&[b'x'; 100_000]).is_ok() {}
    assert!(writer.deadline.expired);
    drop(writer);
    reading.join().unwrap();
}

#[test]
fn a_stopped_terminal_blocks_until_a_shutdown_request() {
    let (_keyboard, user) = terminal();
    tcflow(&user, Action::OOff).unwrap();
    let stop = ShutdownSignal::default();
    let mut writer = stdio_writer(user, &stop);
    writer.deadline.stall_limit = Duration::from_millis(20);
    stop.ask(15);
    assert_eq!(writer.write(b"hello\n").unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_closed_pipe_is_reported_as_such_in_every_mode() {
    let mut modes = modes(&ShutdownSignal::default());
    // A terminal whose other side is closed returns another error.
    modes.retain(|(_, writer)| !writer.shared.as_fd().is_terminal());
    let (readers, writers): (Vec<_>, Vec<_>) = modes.into_iter().unzip();
    drop(readers);
    assert_eq!(writers.len(), 4);
    for mut writer in writers {
        assert_eq!(writer.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn files_and_devices_are_written_directly_and_at_their_own_offset() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"before ").unwrap();
    let mut writer = StdioWriter::new(OwnedFd::from(file.try_clone().unwrap()));
    assert!(matches!(writer.mode, WriteMode::Direct), "{writer:?}");
    writer.write_all(b"here ").unwrap();
    file.write_all(b"after").unwrap();
    io::Seek::rewind(&mut file).unwrap();
    assert_eq!(io::read_to_string(&file).unwrap(), "before here after");
    let null = File::options().write(true).open("/dev/null").unwrap();
    assert!(matches!(StdioWriter::new(OwnedFd::from(null)).mode, WriteMode::Direct));
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_opened_again_and_the_shared_flags_stay() {
    let (_reader, pipe_end) = pipe();
    let writer = StdioWriter::new(pipe_end.try_clone().unwrap());
    assert!(matches!(writer.mode, WriteMode::Reopened(_)), "{writer:?}");
    let flags = rustix::fs::fcntl_getfl(&pipe_end).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "{flags:?}");
}

#[test]
fn nothing_is_dropped_without_a_shutdown_request() {
    let mut deadline = ShutdownDeadline {
        stop: Some(ShutdownSignal::default()),
        stall_limit: Duration::ZERO,
        total_limit: Duration::ZERO,
        ..ShutdownDeadline::default()
    };
    assert!(deadline.check().is_ok());
    deadline.stop.as_ref().unwrap().ask(1);
    assert_eq!(Abandoned::exit(&deadline.check().unwrap_err()), Some(Exit::Signal(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_goes_in_comes_out_whole_and_in_order(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 0..60)
    ) {
        for (mut reader, mut writer) in modes(&ShutdownSignal::default()) {
            let sent = pieces.concat();
            let len = sent.len();
            let reading = std::thread::spawn(move || {
                let mut all = vec![0; len];
                reader.read_exact(&mut all).map(|()| all)
            });
            for piece in &pieces {
                writer.write_all(piece).unwrap();
            }
            prop_assert!(reading.join().unwrap().unwrap() == sent);
        }
    }
}

#[test]
fn the_controlling_end_of_a_terminal_is_not_opened_again() {
    let (keyboard, user) = terminal();
    let mut writer = stdio_writer(OwnedFd::from(keyboard), &ShutdownSignal::default());
    assert!(matches!(writer.mode, WriteMode::Polled), "{writer:?}");
    writer.write_all(b"typed\n").unwrap();
    let mut read = [0; 6];
    File::from(user).read_exact(&mut read).unwrap();
    assert_eq!(&read, b"typed\n");
}

#[test]
fn lines_are_not_split_where_writes_are_limited() {
    let (mut reader, writer) = pipe();
    let mut writer = stdio_writer(writer, &ShutdownSignal::default());
    writer.mode = WriteMode::Polled;
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let lines = line.repeat(1000);
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    let mut rest = &lines[..];
    while !rest.is_empty() {
        let written = writer.write(rest).unwrap();
        assert_eq!(written % 100, 0, "whole lines");
        rest = &rest[written..];
    }
    drop(writer);
    assert!(reading.join().unwrap().unwrap() == lines);
}

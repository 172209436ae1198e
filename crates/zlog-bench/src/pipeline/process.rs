//! The processes of a pipeline: starts them, reads their standard error, and records what
//! they used.
//!
//! `implementation` decides what to start.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use crate::usage::peak_memory;
use zlog_core::text::escape;
use zlog_core::{Error, Result};

/// How many lines of standard error are kept, for error messages.
const MAX_STDERR_LINES: usize = 8;
/// How often memory use is read.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// An event on a process's standard error.
enum Event {
    /// A line.
    Line(String),
    /// Standard error was closed: the process exits or has exited.
    Closed(Instant),
}

/// A process.
struct Process {
    /// `None` after the process was waited for.
    child: Option<Child>,
    said: VecDeque<String>,
    peak_memory: Option<u64>,
    ended: Option<Ended>,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// When.
    pub(super) at: Instant,
    /// How.
    pub(super) status: ExitStatus,
    /// Seconds of processor time, user and system.
    pub(super) cpu_seconds: Option<f64>,
    /// Peak resident memory in bytes.
    pub(super) peak_memory: Option<u64>,
}

/// The processes of one pipeline. They are killed when this is dropped.
pub(super) struct ProcessGroup {
    all: Vec<Process>,
    sender: Sender<(usize, Event)>,
    events: Receiver<(usize, Event)>,
}

impl ProcessGroup {
    pub(super) fn new() -> ProcessGroup {
        let (sender, events) = crossbeam_channel::unbounded();
        ProcessGroup { all: Vec::new(), sender, events }
    }

    /// Starts a process. Returns its number, counting from 0.
    pub(super) fn start(&mut self, mut command: Command) -> Result<usize> {
        let failed = |error: std::io::Error| Error::io("can't start a zlog process", &error);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let number = self.all.len();
        if let Some(stderr) = child.stderr.take() {
            let sender = self.sender.clone();
            std::thread::spawn(move || read_stderr(stderr, number, &sender));
        }
        self.all.push(Process {
            child: Some(child),
            said: VecDeque::new(),
            peak_memory: None,
            ended: None,
        });
        Ok(number)
    }

    /// Waits until a process has printed an endpoint on its standard error. `None` after
    /// `timeout` or on `stop`.
    pub(super) fn endpoint(
        &mut self,
        number: usize,
        timeout: Duration,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<String>> {
        let until = Instant::now() + timeout;
        while Instant::now() < until && !stop() {
            let words = self.all[number].said.iter().flat_map(|line| line.split_whitespace());
            if let Some(endpoint) = words.into_iter().find(|word| word.contains("://")) {
                return Ok(Some(endpoint.to_owned()));
            }
            if self.ended(number).is_some() {
                return Err(self.failure(number));
            }
            self.poll()?;
        }
        Ok(None)
    }

    /// Handles events for a moment, then reads memory use.
    pub(super) fn poll(&mut self) -> Result<()> {
        let until = Instant::now() + POLL_INTERVAL;
        while let Ok((number, said)) = self.events.recv_deadline(until) {
            let process = &mut self.all[number];
            match said {
                Event::Line(line) => {
                    process.said.push_back(line);
                    if process.said.len() > MAX_STDERR_LINES {
                        process.said.pop_front();
                    }
                }
                Event::Closed(at) => {
                    process.end(at)?;
                    break; // the caller may wait for this event
                }
            }
        }
        self.all.iter_mut().for_each(Process::read_peak_memory);
        Ok(())
    }

    /// How a process ended; `None` while it runs.
    pub(super) fn ended(&self, number: usize) -> Option<&Ended> {
        self.all[number].ended.as_ref()
    }

    /// The error of a process that failed.
    pub(super) fn failure(&self, number: usize) -> Error {
        let process = &self.all[number];
        let said = process.said.iter().map(|line| escape::escape(line)).collect::<Vec<_>>();
        let status = process.ended.as_ref().map_or(String::new(), |e| format!(" ({})", e.status));
        match said.join("; ") {
            said if said.is_empty() => Error::new(format!("a zlog process failed{status}")),
            said => Error::new(format!("a zlog process failed{status}: {said}")),
        }
    }

    /// Sends SIGTERM to a process.
    pub(super) fn terminate(&mut self, number: usize) {
        if let Some(child) = &mut self.all[number].child {
            terminate(child);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        for child in self.all.iter_mut().filter_map(|process| process.child.as_mut()) {
            // It may have exited already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Process {
    fn end(&mut self, at: Instant) -> Result<()> {
        let Some(child) = self.child.take() else { return Ok(()) };
        let failed = |error| Error::io("can't wait for a zlog process", &error);
        let (status, cpu_seconds) = reap(child).map_err(failed)?;
        self.ended = Some(Ended { at, status, cpu_seconds, peak_memory: self.peak_memory });
        Ok(())
    }

    /// The system keeps the peak; reading often makes sure that the last read is near the
    /// end.
    fn read_peak_memory(&mut self) {
        if let Some(child) = &self.child {
            self.peak_memory = peak_memory(child.id()).or(self.peak_memory);
        }
    }
}

fn read_stderr(stderr: ChildStderr, number: usize, sender: &Sender<(usize, Event)>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    // The receiver is gone when the run was given up.
    while let Ok(1..) = stderr.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        if sender.send((number, Event::Line(text))).is_err() {
            return;
        }
        line.clear();
    }
    let _ = sender.send((number, Event::Closed(Instant::now())));
}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have exited already.
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    let _ = child.kill();
}

/// Waits for a process and returns its status and processor time.
#[cfg(unix)]
fn reap(child: Child) -> std::io::Result<(ExitStatus, Option<f64>)> {
    use std::os::unix::process::ExitStatusExt;

    let pid = libc::pid_t::try_from(child.id()).map_err(std::io::Error::other)?;
    let mut status = 0;
    // SAFETY: rusage consists of integers, for which zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live values of the types that wait4 fills in;
        // `pid` is a child that nobody has waited for, since its `Child` is consumed.
        if unsafe { libc::wait4(pid, &mut status, 0, &mut usage) } == pid {
            break;
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    Ok((ExitStatus::from_raw(status), Some(cpu)))
}

#[cfg(not(unix))]
fn reap(mut child: Child) -> std::io::Result<(ExitStatus, Option<f64>)> {
    Ok((child.wait()?, None))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn until_ended(group: &mut ProcessGroup, number: usize) -> Ended {
        let until = Instant::now() + LONG;
        while group.ended(number).is_none() {
            assert!(Instant::now() < until, "it does not end");
            group.poll().expect("poll");
        }
        group.ended(number).expect("it has ended").clone()
    }

    #[test]
    fn what_a_process_used_is_known_when_it_has_ended() {
        let mut group = ProcessGroup::new();
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 7";
        let number = group.start(shell(script)).unwrap();
        let ended = until_ended(&mut group, number);
        assert_eq!(ended.status.code(), Some(7));
        assert!(ended.cpu_seconds.unwrap() > 0.0);
        #[cfg(target_os = "linux")]
        assert!(ended.peak_memory.unwrap() > 100 << 10);
    }

    #[test]
    fn an_endpoint_is_read_from_what_is_said_and_an_early_end_is_an_error() {
        let mut group = ProcessGroup::new();
        let says = group.start(shell("echo 'bound tcp://127.0.0.1:1' >&2; read x; :")).unwrap();
        let fails = group.start(shell("echo 'no such thing' >&2; exit 1")).unwrap();
        let never = || false;
        let endpoint = group.endpoint(says, LONG, &never).unwrap();
        assert_eq!(endpoint.as_deref(), Some("tcp://127.0.0.1:1"));
        let error = group.endpoint(fails, LONG, &never).unwrap_err().to_string();
        assert!(error.contains("no such thing") && error.contains('1'), "{error}");
    }

    #[test]
    fn processes_end_when_asked_to_and_at_the_latest_with_their_group() {
        let mut group = ProcessGroup::new();
        let asked = group.start(shell("exec sleep 1000")).unwrap();
        let left = group.start(shell("exec sleep 1000")).unwrap();
        group.terminate(asked);
        assert!(!until_ended(&mut group, asked).status.success());
        let pid = group.all[left].child.as_ref().unwrap().id();
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(group);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}

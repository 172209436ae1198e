//! Processes of a pipeline: started, watched, and gone when this is dropped; and
//! what they used up.
//!
//! What may be here: processes as such. What they are for is `system`'s.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use zlog_core::error::{Error, Result};
use zlog_core::text::escape;

/// Most lines of a process's standard error that are kept, for its error.
const KEPT: usize = 8;
/// How often it is looked what processes have used up.
const SLICE: Duration = Duration::from_millis(5);

/// What a process says.
enum Said {
    /// A line on its standard error.
    Line(String),
    /// It has closed its standard error: it ends, or has.
    Closed(Instant),
}

/// A process.
struct Process {
    /// `None` when it has ended and was waited for.
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
    /// Seconds of processor time that it used, in the program and in the system.
    pub(super) cpu_seconds: Option<f64>,
    /// The most memory that was resident at once, in bytes.
    pub(super) peak_memory: Option<u64>,
}

/// Processes that belong together. They are killed when this is dropped.
pub(super) struct Group {
    all: Vec<Process>,
    tell: Sender<(usize, Said)>,
    told: Receiver<(usize, Said)>,
}

impl Group {
    pub(super) fn new() -> Group {
        let (tell, told) = crossbeam_channel::unbounded();
        Group { all: Vec::new(), tell, told }
    }

    /// Starts a process. Returns its number: they count up from 0.
    pub(super) fn start(&mut self, mut command: Command) -> Result<usize> {
        let failed = |error: std::io::Error| Error::io("can't start a process of zlog", &error);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let number = self.all.len();
        if let Some(stderr) = child.stderr.take() {
            let tell = self.tell.clone();
            std::thread::spawn(move || listen(stderr, number, &tell));
        }
        self.all.push(Process {
            child: Some(child),
            said: VecDeque::new(),
            peak_memory: None,
            ended: None,
        });
        Ok(number)
    }

    /// Waits until a process has named an endpoint on its standard error. `None`
    /// after `timeout`, or when `stop` asks.
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
            self.watch()?;
        }
        Ok(None)
    }

    /// Waits a moment for what processes say, and looks at what they use.
    pub(super) fn watch(&mut self) -> Result<()> {
        let until = Instant::now() + SLICE;
        while let Ok((number, said)) = self.told.recv_deadline(until) {
            let process = &mut self.all[number];
            match said {
                Said::Line(line) => {
                    process.said.push_back(line);
                    if process.said.len() > KEPT {
                        process.said.pop_front();
                    }
                }
                Said::Closed(at) => {
                    process.end(at)?;
                    break; // somebody may wait for just this
                }
            }
        }
        self.all.iter_mut().for_each(Process::look);
        Ok(())
    }

    /// How a process ended; `None` while it runs.
    pub(super) fn ended(&self, number: usize) -> Option<&Ended> {
        self.all[number].ended.as_ref()
    }

    /// The error of a process that has not ended as it should.
    pub(super) fn failure(&self, number: usize) -> Error {
        let process = &self.all[number];
        let said = process.said.iter().map(|line| escape::visible(line)).collect::<Vec<_>>();
        let status = process.ended.as_ref().map_or(String::new(), |e| format!(" ({})", e.status));
        match said.join("; ") {
            said if said.is_empty() => Error::new(format!("a process of zlog failed{status}")),
            said => Error::new(format!("a process of zlog failed{status}: {said}")),
        }
    }

    /// Asks a process to end.
    pub(super) fn terminate(&mut self, number: usize) {
        if let Some(child) = &mut self.all[number].child {
            terminate(child);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for child in self.all.iter_mut().filter_map(|process| process.child.as_mut()) {
            // One that has ended already is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Process {
    fn end(&mut self, at: Instant) -> Result<()> {
        let Some(child) = self.child.take() else { return Ok(()) };
        let failed = |error| Error::io("can't wait for a process of zlog", &error);
        let (status, cpu_seconds) = reap(child).map_err(failed)?;
        self.ended = Some(Ended { at, status, cpu_seconds, peak_memory: self.peak_memory });
        Ok(())
    }

    /// The peak is the system's; looking often only makes sure that the last look
    /// is near the end.
    fn look(&mut self) {
        if let Some(child) = &self.child {
            self.peak_memory = peak_memory(child.id()).or(self.peak_memory);
        }
    }
}

fn listen(stderr: ChildStderr, number: usize, tell: &Sender<(usize, Said)>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    // Nobody listens when the run was given up.
    while let Ok(1..) = stderr.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        if tell.send((number, Said::Line(text))).is_err() {
            return;
        }
        line.clear();
    }
    let _ = tell.send((number, Said::Closed(Instant::now())));
}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // One that has ended already is what is wanted.
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    let _ = child.kill();
}

/// Waits for a process, and for what the system knows of its use of processors.
#[cfg(unix)]
fn reap(child: Child) -> std::io::Result<(ExitStatus, Option<f64>)> {
    use std::os::unix::process::ExitStatusExt;

    let pid = libc::pid_t::try_from(child.id()).map_err(std::io::Error::other)?;
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which zero is a value.
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

/// `VmHWM` of a process that runs. Not `ru_maxrss` of one that has ended: that
/// begins with what its parent had when it was started.
#[cfg(target_os = "linux")]
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(not(target_os = "linux"))]
fn peak_memory(_process: u32) -> Option<u64> {
    None
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

    fn until_ended(group: &mut Group, number: usize) -> Ended {
        let until = Instant::now() + LONG;
        while group.ended(number).is_none() {
            assert!(Instant::now() < until, "it does not end");
            group.watch().expect("a look");
        }
        group.ended(number).expect("it has ended").clone()
    }

    #[test]
    fn what_a_process_used_is_known_when_it_has_ended() {
        let mut group = Group::new();
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
        let mut group = Group::new();
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
        let mut group = Group::new();
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

//! A running child process: its streams, signals and end.

use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::DEADLINE;
use super::finished::{Finished, report};
use super::stream::Stream;
use super::watchdog;

/// The standard input of a child.
pub(crate) enum Input {
    /// Nothing.
    Empty,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// A pipe that [`Running::write`] writes to, until [`Running::close_stdin`].
    Open,
}

/// A child process. Dropping it kills it and its children.
pub(crate) struct Running {
    child: Child,
    shown: String,
    deadline: Duration,
    stdin: Option<ChildStdin>,
    /// Its standard output so far.
    pub(crate) stdout: Stream,
    /// Its standard error so far.
    pub(crate) stderr: Stream,
    /// Closed when the child has ended.
    ended: Receiver<()>,
    status: Option<ExitStatus>,
}

/// Starts a command. Of a program that a test has just written, a child of another test may still
/// hold the open file.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let until = Instant::now() + DEADLINE;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == std::io::ErrorKind::ExecutableFileBusy
                    && Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

impl Running {
    /// Starts `command` in a process group of its own.
    #[track_caller]
    pub(crate) fn start(command: Command, input: Input) -> Running {
        Running::start_into(command, input, None)
    }

    /// The same, with its standard output sent to `stdout`.
    #[track_caller]
    pub(crate) fn start_into(
        mut command: Command,
        input: Input,
        stdout: Option<OwnedFd>,
    ) -> Running {
        watchdog::watch();
        let shown = shown(&command);
        command.stdin(match input {
            Input::Empty => Stdio::null(),
            Input::Bytes(_) | Input::Open => Stdio::piped(),
        });
        command.stdout(stdout.map_or_else(Stdio::piped, Stdio::from));
        command.stderr(Stdio::piped()).process_group(0);
        restore_signals(&mut command);
        let mut child =
            spawn(&mut command).unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        // The command holds the write end, which would keep the output from ending.
        drop(command);
        let stdout = match child.stdout.take() {
            Some(stdout) => Stream::read(stdout),
            None => Stream::read(std::io::empty()),
        };
        let stderr = Stream::read(child.stderr.take().expect("stderr is piped"));
        let mut stdin = child.stdin.take();
        if let Input::Bytes(bytes) = input {
            feed(stdin.take().expect("stdin is piped"), bytes);
        }
        let ended = end_of(&child);
        let deadline = DEADLINE;
        Running { child, shown, deadline, stdin, stdout, stderr, ended, status: None }
    }

    /// Uses this time limit instead of [`DEADLINE`].
    pub(crate) fn with_deadline(mut self, deadline: Duration) -> Running {
        self.deadline = deadline;
        self
    }

    /// Waits for a line on standard output that contains `text`, and returns it.
    #[track_caller]
    pub(crate) fn expect_stdout(&mut self, text: &str) -> String {
        let found = self.stdout.wait_for_line(self.until(), |line| line.contains(text));
        found.unwrap_or_else(|| self.fail(&format!("no line on stdout with {text:?}")))
    }

    /// Waits for the line of this number, from 1, on standard output, and returns it.
    #[track_caller]
    pub(crate) fn expect_stdout_line(&mut self, number: usize) -> String {
        let mut left = number;
        let is_it = |_: &str| {
            left -= 1;
            left == 0
        };
        let found = self.stdout.wait_for_line(self.until(), is_it);
        found.unwrap_or_else(|| self.fail(&format!("no line {number} on stdout")))
    }

    /// Waits for a line on standard error that contains `text`, and returns it.
    #[track_caller]
    pub(crate) fn expect_stderr(&mut self, text: &str) -> String {
        let found = self.stderr.wait_for_line(self.until(), |line| line.contains(text));
        found.unwrap_or_else(|| self.fail(&format!("no line on stderr with {text:?}")))
    }

    /// Waits for a line on standard error that contains `text`, and returns the 127.0.0.1
    /// address in it.
    #[track_caller]
    pub(crate) fn expect_address(&mut self, text: &str) -> SocketAddr {
        let line = self.expect_stderr(text);
        let address = line.split_whitespace().find_map(|word| trimmed(word).parse().ok());
        address.unwrap_or_else(|| self.fail(&format!("no address in {line:?}")))
    }

    /// The first endpoint that it reports as bound.
    #[track_caller]
    pub(crate) fn endpoint(&mut self) -> String {
        self.endpoints(1).remove(0)
    }

    /// The first `count` endpoints that it reports as bound.
    #[track_caller]
    pub(crate) fn endpoints(&mut self, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        let all = self.stderr.wait_for_line(self.until(), |line| {
            if line.contains("bound") {
                found.extend(line.split_whitespace().filter(|w| w.contains("://")).map(trimmed));
            }
            found.len() >= count
        });
        if all.is_none() {
            self.fail(&format!("it did not say that it bound {count} endpoint(s)"));
        }
        found
    }

    /// Writes to its standard input, which must be open.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("start it with its stdin open");
        let written = stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush());
        if let Err(error) = written {
            self.fail(&format!("cannot write to its stdin: {error}"));
        }
    }

    /// Closes its standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it SIGINT, as Ctrl-C does.
    pub(crate) fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    /// Sends it SIGTERM, as `kill` does.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Its children, zombies included.
    #[cfg(target_os = "linux")]
    pub(crate) fn children(&self) -> Vec<Pid> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.expect("the system tells of children");
        children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
    }

    /// Waits until it has a thread of this name.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn wait_for_thread(&mut self, name: &str) {
        let until = self.until();
        let tasks = format!("/proc/{}/task", self.id());
        loop {
            let names = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
            let mut names = names.map(|task| std::fs::read_to_string(task.path().join("comm")));
            // A thread that ends meanwhile has no name.
            if names.any(|comm| comm.is_ok_and(|comm| comm.trim_end() == name)) {
                return;
            }
            if Instant::now() >= until || self.ended.try_recv() == Err(TryRecvError::Disconnected) {
                self.fail(&format!("it has no thread {name}"));
            }
            thread::yield_now();
        }
    }

    /// Sends a signal to it, not to its children.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.status.is_none() {
            // It is not reaped yet, so the id is its own.
            let _ = rustix::process::kill_process(Pid::from_child(&self.child), signal);
        }
    }

    /// Waits for its end, and ignores the status.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let left = self.until().saturating_duration_since(Instant::now());
        if self.ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
            self.fail("it did not end in time");
        }
    }

    /// Waits for it to end.
    #[must_use = "check how it ended: success(), code(n)"]
    #[track_caller]
    pub(crate) fn wait(mut self) -> Finished {
        self.stdin = None;
        let until = self.until();
        self.expect_end();
        self.status = self.child.wait().ok();
        if !(self.stdout.wait_for_end(until) && self.stderr.wait_for_end(until)) {
            self.fail("it ended, but something it left behind holds its output open");
        }
        Finished {
            shown: std::mem::take(&mut self.shown),
            status: self.status,
            stdout: self.stdout.bytes(),
            stderr: self.stderr.bytes(),
        }
    }

    /// Fails the test, and shows everything known about the child.
    #[track_caller]
    pub(crate) fn fail(&mut self, why: &str) -> ! {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        let (stdout, stderr) = (self.stdout.bytes(), self.stderr.bytes());
        panic!("{}", report(why, &self.shown, self.status, &stdout, &stderr))
    }

    fn until(&self) -> Instant {
        Instant::now() + self.deadline
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group: its children must not outlive the test, either.
        let group = Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Makes the child start with the default actions: the tests may run as a background job of a
/// script, which ignores SIGINT, and the child would inherit that.
pub(super) fn restore_signals(command: &mut Command) {
    let restore = || {
        for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP] {
            // SAFETY: these numbers are signals, and the default action is no function.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: only async-signal-safe calls are allowed between fork and exec, and signal is one.
    unsafe { command.pre_exec(restore) };
}

/// Writes `bytes` on a thread, so that a child that writes before it reads everything does not
/// block. Ignores errors: the child may stop reading.
fn feed(mut stdin: ChildStdin, bytes: Vec<u8>) {
    thread::spawn(move || {
        let _ = stdin.write_all(&bytes);
    });
}

/// A channel that closes when `child` has ended. Does not reap the child, so that its id stays
/// its own until [`Child::wait`].
fn end_of(child: &Child) -> Receiver<()> {
    let id = Pid::from_child(child);
    let (open, ended) = mpsc::channel();
    thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while rustix::process::waitid(WaitId::Pid(id), options).is_err_and(|e| e == Errno::INTR) {}
        drop(open);
    });
    ended
}

/// The command line as a user would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ")
}

/// An endpoint without the punctuation that follows it in a sentence.
fn trimmed(word: &str) -> String {
    word.trim_matches([',', ';', '(', ')', '`', '\'', '"']).trim_end_matches('.').to_owned()
}

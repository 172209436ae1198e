//! A child process of `zlog bench`, seen from its parent.
//!
//! A child exits when its standard input ends, so that none outlives its parent, however
//! the parent ends.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde::Serialize;

use super::arrivals::{CountClient, CountReply, CountRequest};
use super::protocol::{Request, Response};
use zlog_core::{Error, Result};
use zlog_pipeline::os::fd_limit;

/// How long a child may take to exit after its standard input was closed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);

/// A child process. Dropping it ends the process.
pub(crate) struct ChildProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    responses: Receiver<Response>,
}

impl ChildProcess {
    /// Starts a child and sends it `request`.
    ///
    /// # Errors
    /// It can't be started.
    pub(crate) fn start(request: &Request) -> Result<ChildProcess> {
        ChildProcess::spawn(worker()?, request)
    }

    /// Like [`ChildProcess::start`], but the child leads a process group of its own (on
    /// Unix).
    ///
    /// # Errors
    /// It can't be started.
    pub(crate) fn start_leading(request: &Request) -> Result<ChildProcess> {
        let mut command = worker()?;
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        ChildProcess::spawn(command, request)
    }

    /// The process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn spawn(mut command: Command, request: &Request) -> Result<ChildProcess> {
        let mut child = command.spawn().map_err(|error| not_started(&error))?;
        let stdin = child.stdin.take();
        let (sender, responses) = crossbeam_channel::unbounded();
        if let Some(stdout) = child.stdout.take() {
            // Ends when the child closes its stdout.
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                    let message = serde_json::from_str(&line).unwrap_or_else(|error| {
                        Response::Failed(format!(
                            "invalid response of a `zlog bench` process: {error}"
                        ))
                    });
                    if sender.send(message).is_err() {
                        return;
                    }
                }
            });
        }
        let mut process = ChildProcess { child, stdin, responses };
        process.send(request)?;
        Ok(process)
    }

    fn send(&mut self, message: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(message).map_err(|error| {
            Error::new(format!("can't send to a `zlog bench` process: {error}"))
        })?;
        line.push(b'\n');
        let written = match &mut self.stdin {
            Some(stdin) => stdin.write_all(&line).and_then(|()| stdin.flush()),
            None => return Err(ended_early()),
        };
        written.map_err(|_| ended_early())
    }

    /// Returns the next response, or `None` if none arrives within `wait`.
    ///
    /// # Errors
    /// The child has exited.
    pub(crate) fn recv(&mut self, wait: Duration) -> Result<Option<Response>> {
        match self.responses.recv_timeout(wait) {
            Ok(response) => Ok(Some(response)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.exit_error()),
        }
    }

    /// Asks the child to stop and to send what it has.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Explains why no more responses arrive.
    fn exit_error(&mut self) -> Error {
        self.close_stdin();
        // Its stdout is closed, so it has exited or is about to.
        match self.child.wait() {
            Ok(status) if !status.success() => {
                Error::new(format!("a `zlog bench` process ended early: {status}"))
            }
            _ => ended_early(),
        }
    }
}

fn worker() -> Result<Command> {
    let program = std::env::current_exe().map_err(|error| not_started(&error))?;
    let mut command = Command::new(program);
    command.args(["bench", "worker"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    fd_limit::restore_inherited(&mut command);
    Ok(command)
}

fn not_started(error: &std::io::Error) -> Error {
    Error::io("can't start a `zlog bench` process", error)
}

fn ended_early() -> Error {
    Error::new("a `zlog bench` process ended early")
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.close_stdin();
        let until = Instant::now() + EXIT_TIMEOUT;
        // Its stdout closes when it exits.
        while self.responses.recv_deadline(until).is_ok() {}
        if Instant::now() >= until {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl CountClient for ChildProcess {
    fn request(&mut self, request: CountRequest) -> Result<()> {
        self.send(&request)
    }

    fn reply(&mut self, wait: Duration) -> Result<Option<CountReply>> {
        match self.recv(wait)? {
            None => Ok(None),
            Some(Response::Counted(reply)) => Ok(Some(reply)),
            Some(Response::Failed(why)) => Err(Error::new(why)),
            Some(other) => {
                Err(Error::new(format!("unexpected response of a `zlog bench` process: {other:?}")))
            }
        }
    }
}

//! A Python process that measures one handler. Dropping the session ends it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde::{Deserialize, Serialize};

use super::interpreter::Python;
use crate::reaper::ScratchDir;
use crate::target::PythonHandler;
use zlog_core::text::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::os::fd_limit;

/// The script that the process runs.
const SCRIPT: &str = include_str!("handlers.py");
/// How often the caller can check its stop condition.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Limit on the bytes of a traceback.
const MAX_TRACEBACK: u64 = 64 << 10;

/// The script's task.
#[derive(Debug, Serialize)]
pub(super) struct Task<'t> {
    pub(super) handler: PythonHandler,
    /// The file with the records.
    pub(super) records: &'t Path,
    /// The file to log to.
    pub(super) path: &'t Path,
    /// The server to log to; empty if there is none.
    pub(super) address: String,
    pub(super) from: &'t str,
    pub(super) to: &'t str,
    pub(super) root: &'t str,
    pub(super) high_water_mark: u32,
    pub(super) count: Option<u64>,
    pub(super) duration_seconds: Option<f64>,
    pub(super) warm_up_seconds: f64,
    pub(super) rate: Option<f64>,
    pub(super) threads: usize,
}

/// The script's result.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(super) struct Done {
    pub(super) calls: u64,
    pub(super) seconds: f64,
    pub(super) latency: Vec<(u64, u64)>,
    /// Calls of the warm-up.
    pub(super) warmed: u64,
    /// Seconds from the end of the last call until this message was sent.
    pub(super) closing_seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_memory: Option<u64>,
}

/// A message from the script.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Message {
    /// Its publisher is bound to this endpoint.
    Ready(String),
    /// The result.
    Done(Box<Done>),
    /// The handler failed, for this reason.
    Failed(String),
}

/// A running script.
pub(super) struct Session {
    child: Child,
    /// Python exits when this is closed, even if this process is killed.
    _stdin: Option<ChildStdin>,
    messages: Receiver<Result<Message>>,
}

impl Session {
    /// Starts Python in the group of `scratch`, and sends it its task.
    pub(super) fn start(python: &Python, task: &Task<'_>, scratch: &ScratchDir) -> Result<Session> {
        let failed = |error: std::io::Error| {
            Error::io(escape::escape(&python.program().to_string_lossy()), &error)
        };
        let mut line = serde_json::to_vec(task).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut command = Command::new(python.program());
        command.args(["-c", SCRIPT]).stdin(Stdio::piped());
        scratch.join_group(&mut command);
        fd_limit::restore_inherited(&mut command);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut stdin = child.stdin.take();
        let (sender, messages) = crossbeam_channel::unbounded();
        if let Some(stdout) = child.stdout.take() {
            // Ends when the child closes its stdout.
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                    let message = serde_json::from_str(&line).map_err(|error| {
                        let line = escape::escape(&line);
                        Error::new(format!("invalid message from Python: {line}: {error}"))
                    });
                    if sender.send(message).is_err() {
                        return;
                    }
                }
            });
        }
        // If it has exited already, its stderr says why; `exit_error` reads it.
        let _ = stdin.as_mut().map(|stdin| stdin.write_all(&line).and_then(|()| stdin.flush()));
        Ok(Session { child, _stdin: stdin, messages })
    }

    /// Returns the next message, or `None` if none arrives soon.
    ///
    /// # Errors
    /// The process has ended.
    pub(super) fn recv(&mut self) -> Result<Option<Message>> {
        match self.messages.recv_timeout(POLL_INTERVAL) {
            Ok(message) => message.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.exit_error()),
        }
    }

    /// Explains why it ended, with the last line of its traceback.
    fn exit_error(&mut self) -> Error {
        let mut text = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // Without stderr there is nothing to report.
            let _ = stderr.take(MAX_TRACEBACK).read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text);
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        Error::new(format!(
            "Python ended early: {}",
            escape::escape(last.unwrap_or("it printed nothing"))
        ))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A Python process that measures, and what it says. It has ended when this is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde::Deserialize;

use super::interpreter::Python;
use super::{Done, Task};
use crate::guard::Home;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape;
use zlog_pipeline::os::fd_limit;

/// What the process runs.
const SCRIPT: &str = include_str!("handlers.py");
/// How often a request to stop is looked for.
const SLICE: Duration = Duration::from_millis(50);
/// Most bytes of a traceback that are read.
const MOST_TRACEBACK: u64 = 64 << 10;

/// What it says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Said {
    /// It can be reached there.
    Ready(String),
    /// It has measured.
    Done(Box<Done>),
    /// It could not.
    Failed(String),
}

/// The process.
pub(super) struct Session {
    child: Child,
    /// Python gives up when this is closed: also when this process is killed.
    _stdin: Option<ChildStdin>,
    said: Receiver<Result<Said>>,
}

impl Session {
    /// Starts Python, which ends with `home`, and tells it what to do.
    pub(super) fn start(python: &Python, task: &Task<'_>, home: &Home) -> Result<Session> {
        let failed = |error: std::io::Error| Error::io(python.program().display(), &error);
        let mut line = serde_json::to_vec(task).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut command = Command::new(python.program());
        command.args(["-c", SCRIPT]).stdin(Stdio::piped());
        home.adopt(&mut command);
        fd_limit::as_it_was(&mut command);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut stdin = child.stdin.take();
        let (tell, said) = crossbeam_channel::unbounded();
        if let Some(stdout) = child.stdout.take() {
            // Ends with the child's stdout.
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                    let said = serde_json::from_str(&line).map_err(|error| {
                        let line = escape::visible(&line);
                        Error::new(format!("Python said what it should not: {line}: {error}"))
                    });
                    if tell.send(said).is_err() {
                        return;
                    }
                }
            });
        }
        // One that has ended already has said why on its stderr, which is read below.
        let _ = stdin.as_mut().map(|stdin| stdin.write_all(&line).and_then(|()| stdin.flush()));
        Ok(Session { child, _stdin: stdin, said })
    }

    /// The next thing that it says, if that comes soon.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn hear(&mut self) -> Result<Option<Said>> {
        match self.said.recv_timeout(SLICE) {
            Ok(said) => said.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Why it ended: the last line of its traceback.
    fn ended(&mut self) -> Error {
        let mut text = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // What can't be read can't be told.
            let _ = stderr.take(MOST_TRACEBACK).read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text);
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        Error::new(format!(
            "Python ended early: {}",
            escape::visible(last.unwrap_or("it said nothing"))
        ))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

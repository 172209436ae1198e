//! Another process of the same `zlog bench`, as seen by the one that started it.
//!
//! What may be here: starting it, talking to it, and making sure of its end. A
//! child that reads the end of its standard input stops: so none outlives its
//! parent, however that ends.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde::Serialize;

use super::far::{Order, Reply, Teller};
use super::job::{Job, Told};
use zlog_core::error::{Error, Result};
use zlog_pipeline::os::fd_limit;

/// How long a child that was hung up on may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// A child process. It has ended when this value is dropped.
pub struct Partner {
    child: Child,
    stdin: Option<ChildStdin>,
    told: Receiver<Told>,
}

impl Partner {
    /// Starts a child and gives it its job.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(job: &Job) -> Result<Partner> {
        Partner::spawn(worker()?, job)
    }

    /// The same, and the child leads a process group of its own, where there are such.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start_leading(job: &Job) -> Result<Partner> {
        let mut command = worker()?;
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Partner::spawn(command, job)
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn spawn(mut command: Command, job: &Job) -> Result<Partner> {
        let mut child = command.spawn().map_err(|error| not_started(&error))?;
        let stdin = child.stdin.take();
        let (tell, told) = crossbeam_channel::unbounded();
        if let Some(stdout) = child.stdout.take() {
            // Ends with the child's stdout.
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                    let message = serde_json::from_str(&line).unwrap_or_else(|error| {
                        Told::Failed(format!("a process of zlog said what it should not: {error}"))
                    });
                    if tell.send(message).is_err() {
                        return;
                    }
                }
            });
        }
        let mut partner = Partner { child, stdin, told };
        partner.say(job)?;
        Ok(partner)
    }

    fn say(&mut self, message: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(message)
            .map_err(|error| Error::new(format!("can't talk to a process of zlog: {error}")))?;
        line.push(b'\n');
        let written = match &mut self.stdin {
            Some(stdin) => stdin.write_all(&line).and_then(|()| stdin.flush()),
            None => return Err(gone()),
        };
        written.map_err(|_| gone())
    }

    /// The next thing that it says, if that comes within `wait`.
    ///
    /// # Errors
    /// It has ended.
    pub fn hear(&mut self, wait: Duration) -> Result<Option<Told>> {
        match self.told.recv_timeout(wait) {
            Ok(told) => Ok(Some(told)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Tells it to stop, and to say what it has.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Why it says nothing any more.
    fn ended(&mut self) -> Error {
        self.hang_up();
        // Its stdout is closed: it ends now, or has.
        match self.child.wait() {
            Ok(status) if !status.success() => {
                Error::new(format!("a process of zlog's ended early: {status}"))
            }
            _ => gone(),
        }
    }
}

fn worker() -> Result<Command> {
    let program = std::env::current_exe().map_err(|error| not_started(&error))?;
    let mut command = Command::new(program);
    command.args(["bench", "worker"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    fd_limit::as_it_was(&mut command);
    Ok(command)
}

fn not_started(error: &std::io::Error) -> Error {
    Error::io("can't start a process of zlog", error)
}

fn gone() -> Error {
    Error::new("a process of zlog's ended early")
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.hang_up();
        let until = Instant::now() + GRACE;
        // Its stdout closes when it ends.
        while self.told.recv_deadline(until).is_ok() {}
        if Instant::now() >= until {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Teller for Partner {
    fn ask(&mut self, order: Order) -> Result<()> {
        self.say(&order)
    }

    fn answer(&mut self, wait: Duration) -> Result<Option<Reply>> {
        match self.hear(wait)? {
            None => Ok(None),
            Some(Told::Counted(reply)) => Ok(Some(reply)),
            Some(Told::Failed(why)) => Err(Error::new(why)),
            Some(other) => Err(Error::new(format!("a process of zlog's said {other:?}"))),
        }
    }
}

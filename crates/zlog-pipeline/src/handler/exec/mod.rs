//! A command for each batch of records, which it reads on its standard input: for
//! whatever zlog has no handler for.
//!
//! No shell comes between, unless the command is one (`sh -c '…'`). One run at a time;
//! [`ENVIRONMENT`] tells it what it gets. A run that fails is told with the first line
//! of its standard error, and its records are lost: what it has done of its work
//! nobody knows, so it is not done twice. A command that could not be started is tried
//! again.
//!
//! What may be here: which command, and what is told of it. How a process is fed and
//! ended is `process`'s.

mod process;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use self::process::{Input, RunOutcome};
use super::file::RecordBuffer;
use super::spool::{Batch, BatchOptions, SendOutcome, Spool, SpoolOptions, Transport};
use super::{Backlog, Handler};
use crate::os::executable;
use zlog_core::error::{Error, Result};
use zlog_core::format::Format;
use zlog_core::record::Record;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;

/// Variables that the command finds in its environment: how many records it gets,
/// name and number of the worst level among them, and how many records were dropped
/// after them for want of room.
pub const ENVIRONMENT: [&str; 4] = ["ZLOG_RECORDS", "ZLOG_LEVEL", "ZLOG_LEVELNO", "ZLOG_DROPPED"];

/// How long a run may take, unless it is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes that one run gets, unless a single record is larger.
const BATCH_BYTES: usize = 1 << 20;

/// What is run, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOptions {
    /// The program, looked up in `PATH`, and its arguments.
    pub command: Vec<String>,
    /// How long a run may take. Then its process group is ended.
    pub timeout: Duration,
    /// How many records it gets at once.
    pub batch: BatchOptions,
    /// How many may wait while it runs, or can't be started.
    pub spool: SpoolOptions,
}

impl ExecOptions {
    /// A command given as one string: split into words as a shell does, with its
    /// quotes and backslashes, and nothing else of a shell's.
    ///
    /// # Errors
    /// When a quote is not closed, or there is no word.
    pub fn parse(line: &str) -> Result<ExecOptions> {
        let wrong = |why: &str| {
            Error::usage(format!("the command {:?} {why}", escape(line)))
                .hint("Write it as in a shell: notify --to 'on call'.")
        };
        let command = shell_words::split(line).map_err(|_| wrong("has a quote without an end"))?;
        if command.is_empty() {
            return Err(wrong("is empty"));
        }
        Ok(ExecOptions { command, ..ExecOptions::default() })
    }
}

impl Default for ExecOptions {
    /// No command yet.
    fn default() -> ExecOptions {
        ExecOptions {
            command: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            batch: BatchOptions::default(),
            spool: SpoolOptions::default(),
        }
    }
}

/// Runs a command for each batch.
pub struct ExecHandler {
    spool: Spool<CommandTransport>,
    buffer: RecordBuffer,
}

impl ExecHandler {
    /// Runs the command for records as `format` shows them. Nothing is run before the
    /// first batch is full or due.
    ///
    /// # Errors
    /// When there is no command, or no such program.
    pub fn new(options: ExecOptions, format: Box<dyn Format>) -> Result<ExecHandler> {
        let Some(program) = options.command.first().filter(|program| !program.is_empty()) else {
            return Err(Error::usage("no command is given to run")
                .hint("Name a program and its arguments: notify --to ops."));
        };
        // Whether it can be executed is seen when it is: that may change.
        let found = executable::check(program.as_ref());
        if found.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Err(Error::usage(format!("{}: no such command", escape(program)))
                .hint("Check the spelling, and that it is in your PATH."));
        }
        let runner = CommandTransport { command: options.command, timeout: options.timeout };
        let spool = Spool::new(runner, options.batch, options.spool, BATCH_BYTES);
        Ok(ExecHandler { spool, buffer: RecordBuffer::new(format) })
    }
}

impl Handler for ExecHandler {
    /// # Errors
    /// Where nothing may wait: the run of the command failed.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        self.spool.push(record.level, self.buffer.format(record), String::new)
    }

    /// # Errors
    /// What went wrong with a run since the last call.
    fn flush(&mut self) -> Result<()> {
        self.spool.flush()
    }

    /// # Errors
    /// What went wrong with a run since the last call.
    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        self.spool.on_timer(now)
    }

    fn backlog(&self) -> Backlog {
        self.spool.backlog()
    }

    /// # Errors
    /// What went wrong with a run since the last call.
    fn close(&mut self, until: Instant) -> Result<()> {
        self.spool.close(until)
    }
}

/// The command, as a transport of batches.
struct CommandTransport {
    command: Vec<String>,
    timeout: Duration,
}

impl Transport for CommandTransport {
    type Progress = ();

    fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> SendOutcome {
        let now = Instant::now();
        let deadline = until.map_or(now + self.timeout, |until| until.min(now + self.timeout));
        let name = escape(self.command.first().map_or("", String::as_str));
        let values = [
            batch.len().to_string(),
            batch.worst.name().into_owned(),
            batch.worst.0.to_string(),
            batch.dropped.to_string(),
        ];
        let input = Input { text: &batch.text, environment: ENVIRONMENT.into_iter().zip(values) };
        let why = match process::run(&self.command, input, deadline) {
            RunOutcome::NotStarted(error) => {
                let what = format!("command {name} can't be started");
                return SendOutcome::Retry(
                    Error::io(what, &error).exit_as(zlog_core::error::Exit::Failed),
                );
            }
            RunOutcome::Ended { success: true, .. } => return SendOutcome::Sent,
            RunOutcome::Ended { description, .. } => description,
            RunOutcome::TooLong => format!("not done within {:.1?}, and ended", now.elapsed()),
            RunOutcome::Unknown(error) => format!("how it ended is not known: {error}"),
        };
        let records = counted(batch.len(), "record");
        SendOutcome::Rejected(
            Error::new(format!("command {name} failed with {records}: {why}"))
                .hint("They are lost, as far as it did not take them: it is not run twice."),
        )
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;

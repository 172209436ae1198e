//! Runs a command for each batch of records, which it reads on its standard input: for targets
//! that zlog has no handler for.
//!
//! The command runs without a shell (unless it is one: `sh -c '…'`), one run at a time.
//! [`ENVIRONMENT`] describes its input. A failed run is reported with the first line of its
//! standard error, and its records are lost: nobody knows how much of its work it has done, so
//! it is not repeated. A command that could not be started is tried again.

mod process;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use self::process::{Input, RunOutcome};
use super::retry::{Batch, BatchOptions, Retry, RetryOptions, SendOutcome, Transport, deadline};
use crate::os::executable;
use zlog_core::format::Format;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Error, Exit, Record, Result};

/// Variables in the environment of the command: the number of records, name and number of the
/// highest level among them, and the number of records that were dropped after them because
/// the spool was full.
pub const ENVIRONMENT: [&str; 4] = ["ZLOG_RECORDS", "ZLOG_LEVEL", "ZLOG_LEVELNO", "ZLOG_DROPPED"];

/// The default time limit of a run.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes of input for a run, unless a single record is larger.
const BATCH_BYTES: usize = 1 << 20;

/// Which command to run, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOptions {
    /// The program, looked up in `PATH`, and its arguments.
    pub command: Vec<String>,
    /// The time limit of a run. After it, the command's process group is ended.
    pub timeout: Duration,
    /// How many records one run gets.
    pub batch: BatchOptions,
    /// How many records may wait while it runs, or can't be started.
    pub retry: RetryOptions,
}

impl ExecOptions {
    /// Splits a command line into words as a shell does, with quotes and backslashes, but
    /// without expansions.
    ///
    /// # Errors
    /// A quote is not closed, or there is no word.
    pub fn parse(line: &str) -> Result<ExecOptions> {
        let wrong = |why: &str| {
            Error::usage(format!("the command {:?} {why}", escape(line)))
                .hint("Write it as in a shell: notify --to 'on call'.")
        };
        let command = shell_words::split(line).map_err(|_| wrong("has an unclosed quote"))?;
        if command.is_empty() {
            return Err(wrong("is empty"));
        }
        Ok(ExecOptions { command, ..ExecOptions::default() })
    }
}

impl Default for ExecOptions {
    /// Without a command.
    fn default() -> ExecOptions {
        ExecOptions {
            command: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            batch: BatchOptions::default(),
            retry: RetryOptions::default(),
        }
    }
}

/// Runs a command for each batch.
pub type ExecHandler = Retry<CommandTransport>;

impl ExecHandler {
    /// Runs the command for records formatted by `format`. Nothing runs before the first batch
    /// is full or due.
    ///
    /// # Errors
    /// There is no command, or no such program.
    pub fn new(options: ExecOptions, format: Box<dyn Format>) -> Result<ExecHandler> {
        let Some(program) = options.command.first().filter(|program| !program.is_empty()) else {
            return Err(Error::usage("no command to run")
                .hint("Name a program and its arguments: notify --to ops."));
        };
        // Permissions are checked by each run: they may change.
        let found = executable::check(program.as_ref());
        if found.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Err(executable::not_found(program.as_ref()).exit_as(Exit::Usage));
        }
        let ExecOptions { command, timeout, batch, retry } = options;
        Ok(Retry::with_transport(
            CommandTransport { command, timeout, format },
            batch,
            retry,
            BATCH_BYTES,
        ))
    }
}

/// Sends batches to a command.
pub struct CommandTransport {
    command: Vec<String>,
    timeout: Duration,
    format: Box<dyn Format>,
}

impl Transport for CommandTransport {
    type Progress = ();

    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.format.write(record, out);
    }

    fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> SendOutcome {
        let start = Instant::now();
        let name = escape(self.command.first().map_or("", String::as_str));
        let values = [
            batch.len().to_string(),
            batch.worst.name().into_owned(),
            batch.worst.0.to_string(),
            batch.dropped.to_string(),
        ];
        let input = Input { text: &batch.text, environment: ENVIRONMENT.into_iter().zip(values) };
        let why = match process::run(&self.command, input, deadline(self.timeout, until)) {
            RunOutcome::NotStarted(error) => {
                let what = format!("command {name} can't be started");
                return SendOutcome::Retry(Error::io(what, &error));
            }
            RunOutcome::Ended { success: true, .. } => return SendOutcome::Sent,
            RunOutcome::Ended { description, .. } => description,
            RunOutcome::TooLong => {
                format!("not finished within {:.1?}, and killed", start.elapsed())
            }
            RunOutcome::Unknown(error) => format!("its exit code is unknown: {error}"),
        };
        let records = counted(batch.len(), "record");
        SendOutcome::Rejected(
            Error::new(format!("command {name} failed with {records}: {why}"))
                .hint("Records that it has not processed are lost: it is not run again."),
        )
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;

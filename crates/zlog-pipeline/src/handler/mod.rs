//! Where records go. The contract is [`Handler`]; `router::options` is the registry. To add a
//! handler, imitate `console.rs`, or `exec/mod.rs` for a target that may be unreachable.

mod buffer;
pub mod console;
pub mod exec;
pub mod file;
pub mod nats;
pub mod null;
pub mod otlp;
pub mod publish;
pub mod queue;
pub mod retry;
pub mod rotating;
pub mod smtp;
pub mod socket_handler;
pub mod syslog;
#[cfg(test)]
mod testing;
pub mod timed;
pub mod topic;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use zlog_core::{Error, Record, Result};

use self::buffer::clear;

/// Sends records somewhere.
///
/// Handlers that keep records for longer (batches, retries), or whose target can change under
/// them (files), implement the methods after [`Handler::flush`]; the others use the defaults.
pub trait Handler {
    /// Takes one record. It may be buffered until [`Handler::flush`].
    ///
    /// # Errors
    /// Something went wrong: see [`HandleError`]. The next record may be tried.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError>;

    /// Sends what is buffered. Called whenever the source pauses.
    ///
    /// # Errors
    /// Records could not be sent. [`Handler::backlog`] counts them.
    fn flush(&mut self) -> Result<()>;

    /// Runs timed work: flushing batches, retries. Called at [`Handler::due`], or more often.
    ///
    /// # Errors
    /// Records taken earlier could not be sent.
    fn on_timer(&mut self, now: Instant) -> Result<()> {
        let _ = now;
        Ok(())
    }

    /// When timed work is due; `None` if there is none before the next record. To be asked
    /// again after every call of another method.
    fn due(&self, now: Instant) -> Option<Instant> {
        let _ = now;
        None
    }

    /// Opens the target again: on SIGHUP, after a file was moved away.
    ///
    /// # Errors
    /// It can't be opened; the handler keeps the old one.
    fn reopen(&mut self) -> Result<()> {
        Ok(())
    }

    /// The records that were taken but have not arrived.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    /// Whether the next record might be dropped, because the target is unreachable and no more may
    /// wait. [`Handler::on_timer`] makes room again.
    fn is_full(&self) -> bool {
        false
    }

    /// The notices since the last call, for the user: sentences without a full stop. They are
    /// no errors.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Sends what is buffered, retries included, at most until `until`. The last call. The rest
    /// is lost, and counted by [`Handler::backlog`].
    ///
    /// # Errors
    /// See [`Handler::flush`].
    fn close(&mut self, until: Instant) -> Result<()> {
        let _ = until;
        self.flush()
    }
}

/// Why [`Handler::handle`] failed.
#[derive(Debug)]
pub struct HandleError {
    /// The cause.
    pub error: Error,
    /// Whether the handler took the record despite the error: it has arrived, or
    /// [`Handler::backlog`] counts it.
    pub record_taken: bool,
}

impl HandleError {
    /// An error that did not prevent the handler from taking the record.
    pub fn record_taken(error: Error) -> HandleError {
        HandleError { error, record_taken: true }
    }
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// The record was not taken.
impl From<Error> for HandleError {
    fn from(error: Error) -> HandleError {
        HandleError { error, record_taken: false }
    }
}

impl From<HandleError> for Error {
    fn from(failed: HandleError) -> Error {
        failed.error
    }
}

/// Records that a handler took without an error and that have not arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// Records that wait: for a full batch, or for an unreachable target.
    pub waiting: u64,
    /// Records that were given up, because no more may wait or because the target rejected them.
    /// [`Handler::close`] adds what it could not send.
    pub lost: u64,
    /// Records that were truncated to fit.
    pub cut: u64,
    /// Records that count as sent, over connections without acknowledgements that have broken
    /// since: the last of them may be lost.
    pub unconfirmed: u64,
    /// The last attempt to reach the target failed, or the target did not accept everything. An
    /// outage is not over while this is set, even if calls succeed.
    pub unreachable: bool,
}

/// A [`Backlog`] that one thread publishes to others.
#[derive(Default)]
pub(crate) struct SharedBacklog {
    waiting: AtomicU64,
    lost: AtomicU64,
    cut: AtomicU64,
    unconfirmed: AtomicU64,
    unreachable: AtomicBool,
}

impl SharedBacklog {
    // Each value counts for itself, so no ordering is needed.
    pub(crate) fn store(&self, backlog: &Backlog) {
        self.waiting.store(backlog.waiting, Ordering::Relaxed);
        self.lost.store(backlog.lost, Ordering::Relaxed);
        self.cut.store(backlog.cut, Ordering::Relaxed);
        self.unconfirmed.store(backlog.unconfirmed, Ordering::Relaxed);
        self.unreachable.store(backlog.unreachable, Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Backlog {
        Backlog {
            waiting: self.waiting.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
            unconfirmed: self.unconfirmed.load(Ordering::Relaxed),
            unreachable: self.unreachable.load(Ordering::Relaxed),
        }
    }
}

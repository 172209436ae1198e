//! Where records go. The contract is [`Handler`]. To add one, imitate `console.rs`:
//! one file here, one line in [`HandlerKind`], and tests/parity.rs will not compile
//! until it has an exemplar.
//!
//! What may be here: sending records on. Which records, and in which shape, is
//! decided before (`filter`, `format`).

pub mod console;
pub mod exec;
pub mod file;
pub mod null;
pub mod publish;
pub mod queue;
pub mod rotating;
pub mod smtp;
pub mod spool;
pub mod syslog;
pub mod timed;

use std::time::Instant;

use zlog_core::error::Result;
use zlog_core::record::Record;

/// Sends records somewhere.
///
/// The methods after [`Handler::flush`] are for handlers that hold records for longer
/// (batches, retries) or whose target can go away beneath them (files); the others
/// leave them as they are.
pub trait Handler {
    /// Takes one record. It may be held until [`Handler::flush`].
    ///
    /// # Errors
    /// When the handler as a whole can't go on; a record that can't be sent is
    /// counted, and the next one is taken. Where the record has arrived all the same,
    /// the error says so ([`is_record_kept`](zlog_core::error::Error::is_record_kept)).
    fn handle(&mut self, record: &Record<'_>) -> Result<()>;

    /// Sends on what is held: called whenever the source has nothing more.
    ///
    /// # Errors
    /// As [`Handler::handle`].
    fn flush(&mut self) -> Result<()>;

    /// Does what is due by the clock: a batch that is old enough, another try. Returns
    /// when there is something due again; `None` for not before the next record, after
    /// which it is to be asked again.
    ///
    /// # Errors
    /// As [`Handler::handle`]; also for what went wrong with records that it took
    /// before. Asked once more, it answers when the next try is due.
    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        let _ = now;
        Ok(None)
    }

    /// Opens its target anew: SIGHUP, after a file was moved away.
    ///
    /// # Errors
    /// When it can't be opened; the handler goes on with what it had.
    fn reopen(&mut self) -> Result<()> {
        Ok(())
    }

    /// What was taken and has not arrived.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    /// The last call: sends on what is held, retries included, not beyond `until`.
    /// What is then left is lost, and [`Handler::backlog`] says how much.
    ///
    /// # Errors
    /// As [`Handler::handle`].
    fn close(&mut self, until: Instant) -> Result<()> {
        let _ = until;
        self.flush()
    }
}

/// Records that a handler took without an error, and that have not arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// Records that wait: for their batch to be full, or for a target that is away.
    pub waiting: u64,
    /// Records that were given up, because no more may wait or their target refused
    /// them. [`Handler::close`] adds what it could not send.
    pub lost: u64,
    /// Records that arrived with a part missing, which their target has no room for.
    pub cut: u64,
    /// Records that count as arrived, though a connection that says nothing of arrivals
    /// has broken since it took them: the last of them may be lost.
    pub unconfirmed: u64,
    /// The target could not be reached at the last try, and is tried again, or did not
    /// take all of what it last took: calls in between go well, without an outage being
    /// over.
    pub unreachable: bool,
}

/// Which handler it is may be decided at run time.
impl<H: Handler + ?Sized> Handler for Box<H> {
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        (**self).handle(record)
    }

    fn flush(&mut self) -> Result<()> {
        (**self).flush()
    }

    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        (**self).on_timer(now)
    }

    fn reopen(&mut self) -> Result<()> {
        (**self).reopen()
    }

    fn backlog(&self) -> Backlog {
        (**self).backlog()
    }

    fn close(&mut self, until: Instant) -> Result<()> {
        (**self).close(until)
    }
}

/// Every handler there is: the registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandlerKind {
    /// Standard output, formatted.
    Console,
    /// A ZeroMQ socket.
    Publish,
    /// A file, appended to.
    File,
    /// A file that is replaced when it has grown.
    Rotating,
    /// A file that is replaced by the clock.
    Timed,
    /// Mails, of a record or of many.
    Smtp,
    /// A syslog daemon.
    Syslog,
    /// A command, run with records on its standard input.
    Exec,
    /// A queue and a thread before another handler.
    Queue,
    /// Nowhere.
    Null,
}

impl HandlerKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [HandlerKind; 10] = [
        HandlerKind::Console,
        HandlerKind::Publish,
        HandlerKind::File,
        HandlerKind::Rotating,
        HandlerKind::Timed,
        HandlerKind::Smtp,
        HandlerKind::Syslog,
        HandlerKind::Exec,
        HandlerKind::Queue,
        HandlerKind::Null,
    ];

    /// What it is called in options and messages; the name of its file.
    pub const fn name(self) -> &'static str {
        match self {
            HandlerKind::Console => "console",
            HandlerKind::Publish => "publish",
            HandlerKind::File => "file",
            HandlerKind::Rotating => "rotating",
            HandlerKind::Timed => "timed",
            HandlerKind::Smtp => "smtp",
            HandlerKind::Syslog => "syslog",
            HandlerKind::Exec => "exec",
            HandlerKind::Queue => "queue",
            HandlerKind::Null => "null",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each stands: exhaustive, so that a new handler needs its line here.
    fn place(kind: HandlerKind) -> usize {
        match kind {
            HandlerKind::Console => 0,
            HandlerKind::Publish => 1,
            HandlerKind::File => 2,
            HandlerKind::Rotating => 3,
            HandlerKind::Timed => 4,
            HandlerKind::Smtp => 5,
            HandlerKind::Syslog => 6,
            HandlerKind::Exec => 7,
            HandlerKind::Queue => 8,
            HandlerKind::Null => 9,
        }
    }

    #[test]
    fn all_names_every_handler_once() {
        let places: Vec<_> = HandlerKind::ALL.into_iter().map(place).collect();
        assert_eq!(places, (0..HandlerKind::ALL.len()).collect::<Vec<_>>());
        let mut names: Vec<_> = HandlerKind::ALL.into_iter().map(HandlerKind::name).collect();
        names.dedup();
        assert_eq!(names.len(), HandlerKind::ALL.len());
    }
}

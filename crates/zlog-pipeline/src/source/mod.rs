//! Where records come from. The contract is [`Source`].
//!
//! To add a source, imitate `synthetic.rs`: one file here and one variant of
//! [`SourceKind`]. The compiler then asks for the code that opens it
//! (`src/command/emit/source.rs`) and for an example that is run (`tests/parity.rs`).
//! A source of lines (`stdin`, `file`, `command`) only hands bytes to `text`.
//!
//! A source must not decode (`wire`, `parse`) or select (`filter`) records itself.

mod ahead;
pub mod command;
mod decompress;
pub mod file;
mod fingerprint;
mod lines;
mod listen_stats;
pub mod merge;
pub mod message;
pub mod nats;
mod objects;
pub mod otlp;
mod position;
pub mod python;
mod reader;
pub mod replay;
pub mod stdin;
pub mod subscribe;
pub mod synthetic;
#[cfg(test)]
mod testing;
pub mod text;

pub use listen_stats::ListenStats;
pub use position::saved_record;
pub use reader::{Notice, ReadProgress, Severity, Tee};

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use self::text::LineCounts;
use zlog_core::{Exit, Record, Result};

macro_rules! source_kinds {
    ($($(#[doc = $doc:literal])+ $Kind:ident,)+) => {
        /// The sources that `zlog emit` chooses from. (`tail` reads a subscription, which it
        /// opens itself.)
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum SourceKind {
            $($(#[doc = $doc])+ $Kind,)+
        }

        impl SourceKind {
            /// All of them.
            pub const ALL: &[SourceKind] = &[$(SourceKind::$Kind),+];
        }
    };
}

source_kinds! {
    /// Lines of standard input.
    Stdin,
    /// Lines of files.
    File,
    /// Lines of a child's stdout and stderr.
    Command,
    /// One record with a given text.
    Message,
    /// Generated test records.
    Synthetic,
    /// Stored records, with their original spacing in time.
    Replay,
    /// Programs that log through Python's `SocketHandler` and `DatagramHandler`.
    Python,
    /// Programs and collectors that send OpenTelemetry's log records.
    Otlp,
}

impl SourceKind {
    /// Whether it reads lines, of input that goes on.
    pub fn reads_lines(self) -> bool {
        match self {
            SourceKind::Stdin | SourceKind::File | SourceKind::Command => true,
            SourceKind::Message
            | SourceKind::Synthetic
            | SourceKind::Replay
            | SourceKind::Python
            | SourceKind::Otlp => false,
        }
    }

    /// Whether its records come whole, with levels and names, and not as text.
    pub fn has_whole_records(self) -> bool {
        match self {
            SourceKind::Synthetic | SourceKind::Python | SourceKind::Otlp => true,
            SourceKind::Stdin
            | SourceKind::File
            | SourceKind::Command
            | SourceKind::Message
            | SourceKind::Replay => false,
        }
    }
}

/// Outcome of [`Source::poll`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PollStatus {
    /// Input was read; there may be more at once.
    Delivered,
    /// Nothing came within the wait: the moment to flush.
    Idle,
    /// The source has ended and will deliver nothing more.
    Ended,
}

/// Receives one record, which borrows from the source's buffers. To keep it, take it
/// (`mem::take`) and call [`Record::into_owned`]. After [`ControlFlow::Break`] the source
/// returns without delivering another.
pub type Sink<'s> = dyn FnMut(&mut Record<'_>) -> Result<ControlFlow<()>> + 's;

/// Counts of input that a source has read, changed and lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SourceCounts {
    /// Counts of lines; zero for sources that read none.
    pub lines: LineCounts,
    /// Counts of Python's handlers and of OTLP; zero for every other source.
    pub listen: ListenStats,
}

/// Delivers records one by one, in order, on the thread that calls it.
pub trait Source {
    /// Delivers what is there, or waits up to `wait` for something to come.
    ///
    /// Returns soon after it has delivered what was there, so that the caller can flush
    /// and check the clock and signals; it may return [`PollStatus::Idle`] early. A bad
    /// record is delivered marked or reported as a notice, and never ends the source.
    ///
    /// # Errors
    /// The sink's errors, and a failure of the source as a whole.
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus>;

    /// Ends the source early: delivers what it has received, and what is on its way
    /// (the rest of a line, the queue of a socket) if that comes before `within` is over.
    ///
    /// # Errors
    /// As [`Source::poll`].
    fn finish(&mut self, _within: Duration, _sink: &mut Sink<'_>) -> Result<()> {
        Ok(())
    }

    /// Whether everything that there was to read when the source was opened has been
    /// delivered. What comes later is new.
    fn is_caught_up(&self) -> bool {
        false
    }

    /// From now on, a message in `wake` ends the wait in [`Source::poll`]. Returns whether it
    /// does: otherwise the caller must not wait long.
    fn wake_by(&mut self, _wake: Receiver<()>) -> bool {
        false
    }

    /// The notices since the last call. To be called after each poll.
    fn take_notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }

    /// Everything delivered so far was handled: remembers where to continue after a restart, if
    /// the source can. To be called after each poll, and `at_end`, when nothing may be left for later.
    fn checkpoint(&mut self, _at_end: bool) {}

    /// Counts of input read, changed and lost so far.
    fn counts(&self) -> SourceCounts {
        SourceCounts::default()
    }

    /// The bytes read so far, kept up to date by the reading threads; `None` if the source
    /// has none.
    fn read_progress(&self) -> Option<Arc<ReadProgress>> {
        None
    }

    /// The exit code for a command that read this source to its end: a child's own code,
    /// or failure where input could not be read.
    fn exit(&self) -> Exit {
        Exit::Done
    }

    /// Ends what the source has started and nobody waits for: asks a child command to end,
    /// and kills it when it has not ended `within` that time. Saves the last checkpoint.
    ///
    /// # Errors
    /// It can't be ended or saved.
    fn stop(&mut self, _within: Duration) -> Result<()> {
        Ok(())
    }
}

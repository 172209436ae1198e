//! Where records come from. The contract is [`Source`].
//!
//! To add one, imitate `synthetic.rs`: one file here, one line in [`SourceKind`],
//! and tests/parity.rs will not compile until it has an exemplar. A source of
//! lines (`stdin`, `file`, `command`) is a few lines that give bytes to `text`; those
//! that programs send to over sockets share `listen`.
//!
//! What may be here: taking bytes or messages in. What they mean is `wire`'s and
//! `parse`'s; which of them matter is `filter`'s.

pub mod command;
pub mod file;
mod lines;
pub mod message;
pub mod python;
mod reader;
pub mod replay;
pub mod stdin;
pub mod subscribe;
pub mod synthetic;
pub mod text;

pub use reader::{Notice, ReadProgress, Tee};

use std::ops::ControlFlow;
use std::time::Duration;

use zlog_core::error::Result;
use zlog_core::record::Record;

/// The sources there are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SourceKind {
    /// Lines of standard input.
    Stdin,
    /// Lines of files.
    File,
    /// Lines of a child's stdout and stderr.
    Command,
    /// One record, whose text is given.
    Message,
    /// Test records.
    Synthetic,
    /// Stored records, sent again with their own spacing.
    Replay,
    /// A ZeroMQ subscription.
    Subscribe,
    /// Programs that log through Python's `SocketHandler`.
    SocketHandler,
    /// Programs that log through Python's `DatagramHandler`.
    DatagramHandler,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [SourceKind; 9] = [
        SourceKind::Stdin,
        SourceKind::File,
        SourceKind::Command,
        SourceKind::Message,
        SourceKind::Synthetic,
        SourceKind::Replay,
        SourceKind::Subscribe,
        SourceKind::SocketHandler,
        SourceKind::DatagramHandler,
    ];

    /// Its name, that of its file here.
    pub const fn name(self) -> &'static str {
        match self {
            SourceKind::Stdin => "stdin",
            SourceKind::File => "file",
            SourceKind::Command => "command",
            SourceKind::Message => "message",
            SourceKind::Synthetic => "synthetic",
            SourceKind::Replay => "replay",
            SourceKind::Subscribe => "subscribe",
            SourceKind::SocketHandler => "socket_handler",
            SourceKind::DatagramHandler => "datagram_handler",
        }
    }
}

/// What became of a [`Source::poll`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PollStatus {
    /// Records were delivered, or input without any was read; there may be more at once.
    Delivered,
    /// Nothing came within the wait: the moment to flush.
    Idle,
    /// Nothing will come any more.
    Ended,
}

/// Takes one record. It borrows from the source's buffers and ends with the call. After
/// [`ControlFlow::Break`] the source returns from `poll` without delivering another.
pub type Sink<'s> = dyn FnMut(Record<'_>) -> Result<ControlFlow<()>> + 's;

/// Delivers records one by one, in order, to the one thread that asks.
pub trait Source {
    /// Delivers what is there, or waits up to `wait` for something to come.
    ///
    /// Returns soon after what was there has been delivered, so that the caller
    /// can flush, look at the clock and at signals; it may return early with
    /// [`PollStatus::Idle`]. One bad record is delivered marked or reported, and
    /// never ends the stream.
    ///
    /// # Errors
    /// Whatever `sink` returns, or a failure of the source as a whole.
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus>;
}

//! Where records come from. The contract is [`Source`]. To add one, imitate `synthetic.rs`: one file here, one line in
//! the registry, and tests/parity.rs will not compile until it has an exemplar.
//!
//! What may be here: taking bytes or messages in. What they mean is `wire`'s and
//! `parse`'s; which of them matter is `filter`'s.

pub mod command;
pub mod file;
pub mod replay;
pub mod stdin;
pub mod subscribe;
pub mod synthetic;
pub mod text;

use std::time::Duration;

use crate::error::Result;
use crate::record::Record;

/// What became of a [`Source::poll`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Records were delivered; there may be more at once.
    Delivered,
    /// Nothing came within the wait: the moment to flush.
    Idle,
    /// Nothing will come any more.
    Ended,
}

/// Whether a sink wants more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Go on.
    More,
    /// Enough: the source returns from `poll` without delivering another.
    Enough,
}

/// Takes one record. It borrows from the source's buffers and ends with the call.
pub type Sink<'s> = dyn FnMut(Record<'_>) -> Result<Flow> + 's;

/// Delivers records one by one, in order, to the one thread that asks.
pub trait Source {
    /// Delivers what is there, or waits up to `wait` for something to come.
    ///
    /// Returns soon after what was there has been delivered, so that the caller
    /// can flush, look at the clock and at signals; it may return early with
    /// [`Progress::Idle`]. One bad record is delivered marked or reported, and
    /// never ends the stream.
    ///
    /// # Errors
    /// Whatever `sink` returns, or a failure of the source as a whole.
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<Progress>;
}

//! Counts records where they arrive.
//!
//! A handler that reports success has not shown that anybody received the record. So
//! records are counted at their destination: lines in files, messages in a subscriber,
//! mails in a server. Subscriber and mail server run in processes of their own, so that
//! their work is not charged to the handler.

mod lines;
mod remote;
mod uncounted;

pub(crate) use lines::LineCounter;
pub(crate) use remote::{
    CountClient, CountReply, CountRequest, RemoteCounter, ThreadClient, count_messages,
    serve_counts,
};
pub(crate) use uncounted::Uncounted;

use std::time::Duration;

use zlog_core::Result;

/// Counts the records that arrive at a destination.
pub trait ArrivalCounter {
    /// Waits until `total` records have arrived since the start, or until none has arrived
    /// for the idle timeout. Returns how long ago the last one arrived.
    ///
    /// # Errors
    /// The counter has ended.
    fn wait_for_arrivals(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration>;

    /// Records that had arrived since the start when [`ArrivalCounter::wait_for_arrivals`]
    /// last returned; `None` if they can't be counted.
    ///
    /// # Errors
    /// The counter has ended, or its files can't be read.
    fn arrived(&mut self) -> Result<Option<u64>>;
}

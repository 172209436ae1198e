//! Far ends: where records arrive, and are counted.
//!
//! A handler that says it has sent a record has not shown that anybody got it. So
//! what arrives is counted where it arrives: lines in files, messages in a
//! subscriber, mails in a server. Subscriber and mail server run in a process of
//! their own, so that their work is not the handler's.

mod lines;
mod remote;
mod uncounted;

pub use lines::LineCounter;
pub use remote::{
    CountClient, CountReply, CountRequest, RemoteCounter, ThreadClient, count_messages,
    serve_counts,
};
pub use uncounted::Uncounted;

use std::time::Duration;

use crate::error::Result;

/// Where records arrive.
pub trait ArrivalCounter {
    /// Waits until `total` records have arrived since the beginning, or no more
    /// seem to come. Returns how long ago the last one did.
    ///
    /// # Errors
    /// Nobody counts any more.
    fn wait_for_arrivals(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration>;

    /// Records that have arrived since the beginning, as of the last
    /// [`ArrivalCounter::wait_for_arrivals`]; `None` where they can't be counted.
    ///
    /// # Errors
    /// They can't be counted any more.
    fn arrived(&mut self) -> Result<Option<u64>>;
}

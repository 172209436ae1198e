//! Far ends: where records arrive, and are counted.
//!
//! A handler that says it has sent a record has not shown that anybody got it. So
//! what arrives is counted where it arrives: lines in files, messages in a
//! subscriber, mails in a server. Subscriber and mail server run in a process of
//! their own, so that their work is not the handler's.

mod counter;
mod files;
mod nowhere;

pub use counter::{Channels, Counter, Order, Reply, Teller, serve};
pub use files::Files;
pub use nowhere::Nowhere;

use std::time::Duration;

use zlog_core::error::Result;

/// Where records arrive.
pub trait FarEnd {
    /// Waits until `total` records have arrived since the beginning, or no more
    /// seem to come. Returns how long ago the last one did.
    ///
    /// # Errors
    /// Nobody counts any more.
    fn settle(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration>;

    /// Records that have arrived since the beginning, as of the last
    /// [`FarEnd::settle`]; `None` where they can't be counted.
    ///
    /// # Errors
    /// They can't be counted any more.
    fn arrived(&mut self) -> Result<Option<u64>>;
}

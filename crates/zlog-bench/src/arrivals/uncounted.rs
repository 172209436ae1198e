//! Destinations whose records can't be counted: there is none, or it belongs to the user.

use std::time::Duration;

use super::ArrivalCounter;
use zlog_core::Result;

/// Counts nothing.
#[derive(Debug)]
pub(crate) struct Uncounted;

impl ArrivalCounter for Uncounted {
    fn wait_for_arrivals(&mut self, _total: u64, _stop: &dyn Fn() -> bool) -> Result<Duration> {
        Ok(Duration::ZERO)
    }

    fn arrived(&mut self) -> Result<Option<u64>> {
        Ok(None)
    }
}

//! Timing calls: one caller, several callers, and what they saw.
//!
//! What may be here: when a call is made, how long it took, and how that is kept.
//! What is called is told as a [`Target`], what time it is by a [`Clock`]: so all
//! of it is tested without a handler and without time.
//!
//! # Closed and open loop
//! Without a rate each caller makes its next call as soon as the last one has
//! returned (a closed loop): the rate is as high as the handler allows, and each
//! latency is the time inside the call.
//!
//! With a rate each call has a time at which it is due, whether or not the calls
//! before it have returned (an open loop), and its latency is counted **from that
//! time**. A program that logs because of requests does not stop to receive them
//! while a call is stuck; a benchmark that counts from the call's real start asks
//! less of a handler just when it stalls, and leaves those calls out of its
//! percentiles. That fault is known as coordinated omission, and it is why a
//! closed loop's percentiles say nothing of a given load.

mod caller;
mod callers;
mod clock;
mod tally;

pub use caller::Pace;
pub use callers::measure;
pub(crate) use clock::nanos;
pub use clock::{Clock, Monotonic};
pub use tally::Tally;
pub(crate) use tally::histogram;

#[cfg(test)]
mod testing;
#[cfg(test)]
pub(crate) use testing::FakeClock;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use zlog_core::error::Result;

/// What is called and timed.
pub trait Target: Sync {
    /// Makes call `number`. Each number is used once in a phase; callers on other
    /// threads use others at the same time.
    ///
    /// # Errors
    /// The target can't go on: all callers stop.
    fn call(&self, number: u64) -> Result<()>;
}

impl<F: Fn(u64) -> Result<()> + Sync> Target for F {
    fn call(&self, number: u64) -> Result<()> {
        self(number)
    }
}

/// How much to call, and how fast.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Load {
    /// Stop after this many calls, over all callers.
    pub count: Option<u64>,
    /// Stop after this long, in the middle of a count too.
    pub duration: Option<Duration>,
    /// Calls each second over all callers: an open loop. Without it, a closed one.
    pub rate: Option<f64>,
    /// Callers, each on a thread of its own. At least 1.
    pub threads: usize,
}

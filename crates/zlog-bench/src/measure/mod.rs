//! Times calls: one caller, several callers, and their statistics.
//!
//! The call is a closure, and the time comes from a [`Clock`], so that tests need
//! neither a handler nor real time.
//!
//! # Closed and open loop
//! Without a rate, each caller makes its next call as soon as the last one has returned (a
//! closed loop). The rate is as high as the handler allows, and a latency is the time
//! inside the call.
//!
//! With a rate, each call is due at a scheduled time, whether or not earlier calls have
//! returned (an open loop), and its latency is measured **from that time**. A program that
//! logs requests goes on receiving them while a call is stuck. A benchmark that measures
//! from the real start of a call sends less load while a handler stalls, and its
//! percentiles miss the delayed calls. That is known as coordinated omission, and it is why
//! percentiles of a closed loop say nothing about a given load.

mod call_stats;
mod caller;
mod caller_pool;
mod clock;

pub use call_stats::CallStats;
pub(crate) use call_stats::histogram;
pub use caller::CallSchedule;
pub use caller_pool::measure;
pub(crate) use clock::nanos;
pub use clock::{Clock, Monotonic};

#[cfg(test)]
mod testing;
#[cfg(test)]
pub(crate) use testing::FakeClock;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many calls to make, and how fast.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Load {
    /// Stop after this many calls, over all callers.
    pub count: Option<u64>,
    /// Stop after this long, even before `count` is reached.
    pub duration: Option<Duration>,
    /// Calls per second over all callers (an open loop); `None`: a closed loop.
    pub rate: Option<f64>,
    /// Number of callers, each on its own thread. At least 1.
    pub threads: usize,
}

//! One caller: makes its calls one after the other, and times each.

use std::time::Duration;

use super::clock::{Clock, nanos};
use super::{CallStats, Load};
use zlog_core::Result;

/// How often the stop condition is checked during a wait, in nanoseconds.
const POLL_INTERVAL: u64 = 50_000_000;

/// One caller's share of a [`Load`].
#[derive(Clone, Debug)]
pub(super) struct Share {
    /// Which caller, from 0.
    pub(super) caller: u64,
    /// Number of callers.
    pub(super) callers: u64,
    /// Calls to make.
    pub(super) count: Option<u64>,
    /// How long to make calls.
    pub(super) duration: Option<Duration>,
    /// When calls are due; `None`: as soon as possible.
    pub(super) schedule: Option<CallSchedule>,
}

impl Share {
    /// The share of `caller` in `load`. Counts differ by one at most, and the calls of an
    /// open loop alternate between the callers.
    pub(super) fn of(load: &Load, caller: usize) -> Share {
        let (caller, callers) = (caller as u64, load.threads.max(1) as u64);
        let count = load.count.map(|n| n / callers + u64::from(caller < n % callers));
        let schedule = load.rate.map(CallSchedule::new);
        Share { caller, callers, count, duration: load.duration, schedule }
    }

    /// The number, over all callers, of this caller's call `made`.
    fn number(&self, made: u64) -> u64 {
        made * self.callers + self.caller
    }
}

/// When the calls of an open loop are due.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CallSchedule {
    /// Nanoseconds from one call to the next.
    interval: f64,
}

impl CallSchedule {
    /// `rate` calls per second, which must be more than 0.
    pub fn new(rate: f64) -> CallSchedule {
        CallSchedule { interval: 1e9 / rate }
    }

    /// When call `number` is due, in nanoseconds after the start. It is computed from the
    /// start each time, so that rounding errors do not add up.
    pub fn due(&self, number: u64) -> u64 {
        (number as f64 * self.interval) as u64
    }
}

/// Makes one caller's calls from `start` on, until its share is done or `stop`.
///
/// # Errors
/// The first error of a call.
pub(super) fn run<C: Clock, F: Fn(u64) -> Result<()> + Sync>(
    clock: &C,
    call: &F,
    share: &Share,
    start: u64,
    stop: &dyn Fn() -> bool,
) -> Result<CallStats> {
    let mut stats = CallStats::new(start)?;
    let until = share.duration.map_or(u64::MAX, |duration| start.saturating_add(nanos(duration)));
    let mut now = clock.now();
    while share.count.is_none_or(|count| stats.calls < count) && now < until && !stop() {
        let number = share.number(stats.calls);
        let begin = match &share.schedule {
            None => clock.now(),
            Some(schedule) => {
                let due = start.saturating_add(schedule.due(number));
                if due >= until || !wait(clock, due, stop) {
                    break;
                }
                due
            }
        };
        call(number)?;
        now = clock.now();
        stats.count(now.saturating_sub(begin), now);
    }
    Ok(stats)
}

/// Waits until `due`. Returns `false` if `stop` ended the wait.
fn wait<C: Clock>(clock: &C, due: u64, stop: &dyn Fn() -> bool) -> bool {
    loop {
        let now = clock.now();
        if now >= due {
            return true;
        }
        if stop() {
            return false;
        }
        clock.wait_until(due.min(now.saturating_add(POLL_INTERVAL)));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::super::testing::FakeClock;
    use super::*;
    use zlog_core::Error;

    const US: u64 = 1_000;
    const MS: u64 = 1_000_000;

    fn never() -> bool {
        false
    }

    fn alone(load: Load) -> Share {
        Share::of(&Load { threads: 1, ..load }, 0)
    }

    /// Calls that take 10 µs each, but the one numbered `stalls`: that takes 100 ms.
    fn stalling(clock: &FakeClock, stalls: u64) -> impl Fn(u64) -> Result<()> + Sync {
        move |number: u64| {
            clock.pass(if number == stalls { 100 * MS } else { 10 * US });
            Ok(())
        }
    }

    #[test]
    fn a_closed_loop_counts_the_time_inside_each_call() {
        let clock = FakeClock::default();
        let share = alone(Load { count: Some(1000), ..Load::default() });
        let stats = run(&clock, &stalling(&clock, 500), &share, 0, &never).unwrap();
        assert_eq!(stats.calls, 1000);
        assert_eq!(stats.end, 999 * 10 * US + 100 * MS);
        // One call of a thousand was slow: the median does not know of it.
        assert!(stats.latency.equivalent(stats.latency.value_at_quantile(0.99), 10 * US));
        assert!(stats.latency.equivalent(stats.latency.max(), 100 * MS));
    }

    #[test]
    fn an_open_loop_counts_from_the_time_each_call_was_due_so_that_a_stall_shows() {
        let clock = FakeClock::default();
        // A call each millisecond: during the stall, 99 others become due.
        let share = alone(Load { count: Some(1000), rate: Some(1000.0), ..Load::default() });
        let stats = run(&clock, &stalling(&clock, 500), &share, 0, &never).unwrap();
        let slow = stats.latency.count_between(MS, 200 * MS);
        assert!((99..=102).contains(&slow), "{slow} calls took a millisecond or more");
        // As many after the stall as before were on time again.
        assert!(stats.latency.equivalent(stats.latency.value_at_quantile(0.5), 10 * US));
        // Every call was made at its time or right after the stall, none left out.
        assert_eq!((stats.calls, stats.end), (1000, 999 * MS + 10 * US));
    }

    #[test]
    fn a_handler_slower_than_the_rate_shows_growing_latencies_and_ends_in_time() {
        let clock = FakeClock::default();
        let duration = Some(Duration::from_secs(1));
        let share = alone(Load { duration, rate: Some(1000.0), ..Load::default() });
        let slow = |_: u64| {
            clock.pass(10 * MS);
            Ok(())
        };
        let stats = run(&clock, &slow, &share, 0, &never).unwrap();
        assert_eq!(stats.calls, 100);
        assert!(stats.latency.max() > 890 * MS, "{}", stats.latency.max());
    }

    #[test]
    fn a_duration_ends_a_run_within_one_call() {
        let clock = FakeClock::default();
        let share = alone(Load { duration: Some(Duration::from_millis(1)), ..Load::default() });
        let stats = run(&clock, &stalling(&clock, u64::MAX), &share, 0, &never).unwrap();
        assert_eq!((stats.calls, stats.end), (100, MS));
    }

    #[test]
    fn a_request_to_stop_is_seen_between_calls_and_during_a_wait() {
        let clock = FakeClock::default();
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) >= 10;
        let share = alone(Load::default());
        let stats = run(&clock, &stalling(&clock, u64::MAX), &share, 0, &stop).unwrap();
        assert_eq!(stats.calls, 10);

        let begun = clock.now();
        let share = alone(Load { rate: Some(0.001), count: Some(2), ..Load::default() });
        let stop = || clock.now() > begun + 1000 * MS;
        let stats = run(&clock, &stalling(&clock, u64::MAX), &share, begun, &stop).unwrap();
        assert_eq!(stats.calls, 1, "the second was due after 1000 s");
        assert!(clock.now() < begun + 1200 * MS);
    }

    #[test]
    fn a_target_that_fails_ends_the_run_with_its_error() {
        let clock = FakeClock::default();
        let made = AtomicU64::new(0);
        let call = |number: u64| {
            made.fetch_add(1, Ordering::Relaxed);
            if number == 3 { Err(Error::new("full")) } else { Ok(()) }
        };
        let share = alone(Load { count: Some(10), ..Load::default() });
        let error = run(&clock, &call, &share, 0, &never).unwrap_err();
        assert_eq!((error.to_string().as_str(), made.into_inner()), ("full", 4));
    }

    proptest! {
        #[test]
        fn callers_share_a_count_without_loss_and_use_each_number_once(
            count in 0u64..1000,
            threads in 1usize..9,
        ) {
            let load = Load { count: Some(count), threads, ..Load::default() };
            let mut numbers = Vec::new();
            for caller in 0..threads {
                let share = Share::of(&load, caller);
                numbers.extend((0..share.count.unwrap()).map(|made| share.number(made)));
            }
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn calls_are_due_evenly_however_many_there_are(rate in 0.001f64..1e9, number in 0u64..1_000_000_000) {
            let schedule = CallSchedule::new(rate);
            let exact = number as f64 / rate * 1e9;
            prop_assert!((schedule.due(number) as f64 - exact).abs() <= 1.0 + exact * 1e-12);
        }
    }
}

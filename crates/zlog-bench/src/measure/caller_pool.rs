//! Several callers at once, each on its own thread.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::caller::{self, Share};
use super::{CallStats, Clock, Load};
use zlog_core::{Error, Result};

/// Makes the calls of `load` on all callers and returns their merged statistics. All
/// callers start at the same time. When one fails, or on `stop`, the others end soon.
/// `call` gets the number of the call; each number is used once.
///
/// # Errors
/// The first error of a call, or a thread can't be started.
pub fn measure<C: Clock, F: Fn(u64) -> Result<()> + Sync>(
    clock: &C,
    call: &F,
    load: &Load,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<CallStats> {
    let pool = CallerPool {
        clock,
        call,
        stop,
        ready: Barrier::new(load.threads.max(1)),
        start: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    let shares: Vec<Share> = (0..load.threads.max(1)).map(|n| Share::of(load, n)).collect();
    thread::scope(|scope| {
        let callers: Vec<_> = shares.iter().map(|share| scope.spawn(|| pool.call(share))).collect();
        let mut whole: Option<CallStats> = None;
        let mut failed = None;
        for caller in callers {
            match caller.join().unwrap_or_else(|_| Err(Error::new("a caller's thread panicked"))) {
                Ok(stats) => match &mut whole {
                    Some(whole) => whole.merge(&stats),
                    None => whole = Some(stats),
                },
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match (failed, whole) {
            (Some(error), _) => Err(error),
            (None, Some(whole)) => Ok(whole),
            (None, None) => CallStats::new(clock.now()),
        }
    })
}

/// State that the callers share.
struct CallerPool<'c, C, F> {
    clock: &'c C,
    call: &'c F,
    stop: &'c (dyn Fn() -> bool + Sync),
    /// Callers start only when all threads are ready.
    ready: Barrier,
    start: AtomicU64,
    failed: AtomicBool,
}

impl<C: Clock, F: Fn(u64) -> Result<()> + Sync> CallerPool<'_, C, F> {
    /// Runs one caller.
    fn call(&self, share: &Share) -> Result<CallStats> {
        self.clock.reduce_timer_slack();
        if self.ready.wait().is_leader() {
            self.start.store(self.clock.now(), Ordering::SeqCst);
        }
        self.ready.wait();
        let start = self.start.load(Ordering::SeqCst);
        let stop = || self.failed.load(Ordering::Relaxed) || (self.stop)();
        let stats = caller::run(self.clock, self.call, share, start, &stop);
        if stats.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::super::Monotonic;
    use super::*;

    fn never() -> bool {
        false
    }

    #[test]
    fn all_callers_together_make_the_calls_that_were_asked_for() {
        let seen = Mutex::new(HashSet::new());
        let call = |number: u64| {
            assert!(seen.lock().unwrap().insert(number));
            Ok(())
        };
        let load = Load { count: Some(1003), threads: 4, ..Load::default() };
        let stats = measure(&Monotonic::new(), &call, &load, &never).unwrap();
        assert_eq!((stats.calls, stats.latency.len()), (1003, 1003));
        assert_eq!(seen.into_inner().unwrap(), (0..1003).collect());
    }

    #[test]
    fn one_that_fails_stops_the_others_and_is_reported() {
        let call = |number: u64| if number == 2 { Err(Error::new("disk full")) } else { Ok(()) };
        let load = Load { threads: 3, duration: Some(Duration::from_secs(600)), ..Load::default() };
        let error = measure(&Monotonic::new(), &call, &load, &never).unwrap_err();
        assert_eq!(error.to_string(), "disk full");
    }

    #[test]
    fn an_open_loop_over_several_callers_has_the_rate_that_was_asked_for() {
        let load = Load { threads: 3, rate: Some(30_000.0), count: Some(300), duration: None };
        let stats = measure(&Monotonic::new(), &|_: u64| Ok(()), &load, &never).unwrap();
        // 300 calls at 30,000/s: the last is due after 299/30,000 s.
        assert_eq!(stats.calls, 300);
        assert!(stats.end - stats.start >= 9_966_666, "{}", stats.end - stats.start);
    }
}

//! Several callers at once, each on a thread of its own.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::caller::{self, Share};
use super::{Clock, Load, Tally, Target};
use zlog_core::error::{Error, Result};

/// Makes the calls of `load` and returns what its callers saw together. All begin
/// at the same time; when one fails, or `stop`, the others end soon.
///
/// # Errors
/// The target's, or a thread can't be started.
pub fn measure<C: Clock, T: Target>(
    clock: &C,
    target: &T,
    load: &Load,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Tally> {
    let crew = Crew {
        clock,
        target,
        stop,
        ready: Barrier::new(load.threads.max(1)),
        start: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    let shares: Vec<Share> = (0..load.threads.max(1)).map(|n| Share::of(load, n)).collect();
    thread::scope(|scope| {
        let callers: Vec<_> = shares.iter().map(|share| scope.spawn(|| crew.call(share))).collect();
        let mut whole: Option<Tally> = None;
        let mut failed = None;
        for caller in callers {
            match caller.join().unwrap_or_else(|_| Err(Error::new("a caller's thread panicked"))) {
                Ok(tally) => match &mut whole {
                    Some(whole) => whole.merge(&tally),
                    None => whole = Some(tally),
                },
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match (failed, whole) {
            (Some(error), _) => Err(error),
            (None, Some(whole)) => Ok(whole),
            (None, None) => Tally::new(clock.now()),
        }
    })
}

/// What the callers share.
struct Crew<'c, C, T> {
    clock: &'c C,
    target: &'c T,
    stop: &'c (dyn Fn() -> bool + Sync),
    /// Nobody begins before everybody is there.
    ready: Barrier,
    start: AtomicU64,
    failed: AtomicBool,
}

impl<C: Clock, T: Target> Crew<'_, C, T> {
    /// One caller's run.
    fn call(&self, share: &Share) -> Result<Tally> {
        self.clock.be_punctual();
        if self.ready.wait().is_leader() {
            self.start.store(self.clock.now(), Ordering::SeqCst);
        }
        self.ready.wait();
        let start = self.start.load(Ordering::SeqCst);
        let stop = || self.failed.load(Ordering::Relaxed) || (self.stop)();
        let tally = caller::run(self.clock, self.target, share, start, &stop);
        if tally.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        tally
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
        let target = |number: u64| {
            assert!(seen.lock().unwrap().insert(number));
            Ok(())
        };
        let load = Load { count: Some(1003), threads: 4, ..Load::default() };
        let tally = measure(&Monotonic::new(), &target, &load, &never).unwrap();
        assert_eq!((tally.calls, tally.latency.len()), (1003, 1003));
        assert_eq!(seen.into_inner().unwrap(), (0..1003).collect());
    }

    #[test]
    fn one_that_fails_stops_the_others_and_is_reported() {
        let target = |number: u64| if number == 2 { Err(Error::new("disk full")) } else { Ok(()) };
        let load = Load { threads: 3, duration: Some(Duration::from_secs(600)), ..Load::default() };
        let error = measure(&Monotonic::new(), &target, &load, &never).unwrap_err();
        assert_eq!(error.to_string(), "disk full");
    }

    #[test]
    fn an_open_loop_over_several_callers_has_the_rate_that_was_asked_for() {
        let load = Load { threads: 3, rate: Some(30_000.0), count: Some(300), duration: None };
        let tally = measure(&Monotonic::new(), &|_: u64| Ok(()), &load, &never).unwrap();
        // 300 calls at 30,000/s: the last is due after 299/30,000 s.
        assert_eq!(tally.calls, 300);
        assert!(tally.end - tally.start >= 9_966_666, "{}", tally.end - tally.start);
    }
}

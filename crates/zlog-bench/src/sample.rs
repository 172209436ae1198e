//! Measures one run of one handler: warm-up, calls, arrivals.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::arrivals::ArrivalCounter;
use super::measure::{CallStats, Clock, Load, histogram, measure};
use super::records::Records;
use super::stats::ratio;
use super::usage::Usage;
use zlog_core::Result;
use zlog_pipeline::handler::Handler;

/// The result of one run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Calls made, each with one record.
    pub calls: u64,
    /// Seconds from the start of the first call to the end of the last.
    pub seconds: f64,
    /// Records counted at the destination; `None` if they can't be counted.
    pub arrived: Option<u64>,
    /// Seconds from the start of the first call until the last record had arrived.
    pub arrived_seconds: f64,
    /// Seconds of processor time of the logging process.
    pub cpu_seconds: Option<f64>,
    /// Peak resident memory of the logging process, in bytes.
    pub peak_memory: Option<u64>,
    /// Latencies in nanoseconds (three digits are exact), each with its number of calls.
    pub latency: Vec<(u64, u64)>,
    /// A note for readers of the figures.
    pub note: Option<String>,
}

impl Sample {
    /// Calls per second, over all callers.
    pub(crate) fn calls_per_second(&self) -> Option<f64> {
        ratio(self.calls as f64, self.seconds)
    }

    /// Records per second at the destination.
    pub(crate) fn arrived_per_second(&self) -> Option<f64> {
        ratio(self.arrived? as f64, self.arrived_seconds)
    }

    /// Records that did not arrive; `None` if they can't be counted.
    pub fn lost(&self) -> Option<u64> {
        Some(self.calls.saturating_sub(self.arrived?))
    }

    /// Seconds of processor time per million records.
    pub(crate) fn cpu_per_million(&self) -> Option<f64> {
        ratio(self.cpu_seconds? * 1e6, self.calls as f64)
    }

    /// The latencies as a histogram.
    ///
    /// # Errors
    /// As [`CallStats::new`].
    pub(crate) fn histogram(&self) -> Result<Histogram<u64>> {
        let mut whole = histogram()?;
        for (nanos, calls) in &self.latency {
            whole.saturating_record_n(*nanos, *calls);
        }
        Ok(whole)
    }
}

/// The parameters of a run.
pub(crate) struct Run<'r> {
    /// The records to log.
    pub records: &'r Records,
    /// How much to log, and how fast.
    pub load: &'r Load,
    /// How long to log before measuring.
    pub warm_up: Duration,
    /// Returns what the logging process has used so far.
    pub usage: &'r (dyn Fn() -> Usage + Sync),
    /// Whether to stop.
    pub stop: &'r (dyn Fn() -> bool + Sync),
}

impl Run<'_> {
    /// Logs through `handler` and waits until the records have arrived. Callers share the
    /// handler's lock, as in Python's logging.
    ///
    /// # Errors
    /// The handler failed, or arrivals can't be counted.
    pub(crate) fn measure<C: Clock>(
        &self,
        clock: &C,
        handler: &mut (dyn Handler + Send),
        arrivals: &mut dyn ArrivalCounter,
    ) -> Result<Sample> {
        let handler = Mutex::new(handler);
        let before = self.warm_up(clock, &handler, arrivals)?;
        let used = (self.usage)();
        let stats = self.log(clock, &handler, self.load)?;
        let ago = arrivals.wait_for_arrivals(before + stats.calls, self.stop)?;
        let ended = clock.now().saturating_sub(super::measure::nanos(ago)).max(stats.start);
        let after = (self.usage)();
        let arrived = arrivals.arrived()?.map(|all| all.saturating_sub(before));
        // After a stop, missing records were cancelled, not lost.
        let cut = (self.stop)() && arrived.is_some_and(|arrived| arrived < stats.calls);
        let cpu = after.cpu_seconds.zip(used.cpu_seconds);
        Ok(Sample {
            calls: stats.calls,
            seconds: stats.seconds(),
            arrived: arrived.filter(|_| !cut),
            arrived_seconds: (ended - stats.start) as f64 / 1e9,
            cpu_seconds: cpu.map(|(after, before)| after - before),
            peak_memory: after.peak_memory,
            latency: latencies(&stats.latency),
            note: self.behind(&stats),
        })
    }

    /// Returns how many records of the warm-up have arrived.
    fn warm_up<C: Clock>(
        &self,
        clock: &C,
        handler: &Mutex<&mut (dyn Handler + Send)>,
        arrivals: &mut dyn ArrivalCounter,
    ) -> Result<u64> {
        if self.warm_up.is_zero() {
            return Ok(0);
        }
        let load = Load { count: None, duration: Some(self.warm_up), ..self.load.clone() };
        let calls = self.log(clock, handler, &load)?.calls;
        arrivals.wait_for_arrivals(calls, self.stop)?;
        // Without a counter, any number will do.
        Ok(arrivals.arrived()?.unwrap_or(calls))
    }

    fn log<C: Clock>(
        &self,
        clock: &C,
        handler: &Mutex<&mut (dyn Handler + Send)>,
        load: &Load,
    ) -> Result<CallStats> {
        let lock = || handler.lock().unwrap_or_else(PoisonError::into_inner);
        let call = |number: u64| {
            let record = self.records.get(number);
            lock().handle(&record).map_err(Into::into)
        };
        let stats = measure(clock, &call, load, self.stop)?;
        lock().flush()?;
        Ok(stats)
    }

    /// A note if the rate that was asked for was not reached.
    fn behind(&self, stats: &CallStats) -> Option<String> {
        let asked = self.load.rate?;
        let made = ratio(stats.calls as f64, stats.seconds())?;
        // The last call is due one interval before the end.
        let fell_behind = made < asked * 0.95 && stats.calls > 20;
        fell_behind.then(|| {
            format!("made {made:.0} calls/s of the {asked:.0} asked for: latencies grow with time")
        })
    }
}

/// The values of a histogram, in a form that can be serialized.
fn latencies(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let recorded = histogram.iter_recorded();
    recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::measure::FakeClock;
    use super::*;
    use zlog_core::{Error, Record};
    use zlog_pipeline::handler::HandleError;

    /// Takes 20 µs per record, and forwards records when it is flushed.
    struct Slow<'c> {
        clock: &'c FakeClock,
        held: u64,
        sent: Arc<AtomicU64>,
        fails_at: u64,
    }

    impl Handler for Slow<'_> {
        fn handle(&mut self, _record: &Record<'_>) -> Result<(), HandleError> {
            self.clock.pass(20_000);
            self.held += 1;
            if self.sent.load(Ordering::Relaxed) + self.held == self.fails_at {
                return Err(Error::new("out.log: no space left on device").into());
            }
            Ok(())
        }

        fn flush(&mut self) -> Result<()> {
            self.clock.pass(1_000_000);
            self.sent.fetch_add(std::mem::take(&mut self.held), Ordering::Relaxed);
            Ok(())
        }
    }

    /// Receives records after 5 ms, and loses `loses` of them.
    struct FakeArrivals<'c> {
        clock: &'c FakeClock,
        sent: Arc<AtomicU64>,
        loses: u64,
    }

    impl ArrivalCounter for FakeArrivals<'_> {
        fn wait_for_arrivals(&mut self, total: u64, _stop: &dyn Fn() -> bool) -> Result<Duration> {
            assert_eq!(total, self.sent.load(Ordering::Relaxed), "all was flushed before");
            self.clock.pass(7_000_000);
            Ok(Duration::from_millis(2))
        }

        fn arrived(&mut self) -> Result<Option<u64>> {
            Ok(Some(self.sent.load(Ordering::Relaxed).saturating_sub(self.loses)))
        }
    }

    /// Half a second more of processor time, and more memory, with each call.
    fn usage(looks: &AtomicU64) -> Usage {
        let look = looks.fetch_add(1, Ordering::Relaxed);
        Usage { cpu_seconds: Some(look as f64 / 2.0), peak_memory: Some(1000 + look) }
    }

    fn sample(load: &Load, warm_up: Duration, loses: u64, fails_at: u64) -> Result<Sample> {
        let (clock, sent) = (FakeClock::default(), Arc::new(AtomicU64::new(0)));
        let records = Records::of_size(10).unwrap();
        let looks = AtomicU64::new(0);
        let usage = || usage(&looks);
        let stop = || false;
        let run = Run { records: &records, load, warm_up, usage: &usage, stop: &stop };
        let mut handler = Slow { clock: &clock, held: 0, sent: Arc::clone(&sent), fails_at };
        run.measure(&clock, &mut handler, &mut FakeArrivals { clock: &clock, sent, loses })
    }

    fn count(count: u64) -> Load {
        Load { count: Some(count), threads: 1, ..Load::default() }
    }

    #[test]
    fn a_run_counts_calls_at_the_caller_and_records_at_the_far_end() {
        let sample = sample(&count(1000), Duration::from_millis(10), 0, 0).unwrap();
        assert_eq!((sample.calls, sample.arrived, sample.lost()), (1000, Some(1000), Some(0)));
        // 1000 calls of 20 µs; then 1 ms to flush and 5 ms on the way.
        assert!((sample.seconds - 0.020).abs() < 1e-9);
        assert!((sample.arrived_seconds - 0.026).abs() < 1e-9);
        assert!((sample.calls_per_second().unwrap() - 50_000.0).abs() < 1e-6);
        assert!((sample.arrived_per_second().unwrap() - 1000.0 / 0.026).abs() < 1e-6);
        assert_eq!(sample.cpu_per_million(), Some(500.0));
        assert_eq!(sample.peak_memory, Some(1001));
        assert_eq!(sample.histogram().unwrap().len(), 1000, "the warm-up is not in it");
        assert!(sample.histogram().unwrap().equivalent(sample.latency[0].0, 20_000));
    }

    #[test]
    fn what_was_sent_and_did_not_arrive_is_lost() {
        let sample = sample(&count(1000), Duration::ZERO, 3, 0).unwrap();
        assert_eq!((sample.arrived, sample.lost()), (Some(997), Some(3)));
    }

    #[test]
    fn what_a_stop_has_called_off_is_not_lost() {
        let (clock, sent) = (FakeClock::default(), Arc::new(AtomicU64::new(0)));
        let records = Records::of_size(10).unwrap();
        let stop = || sent.load(Ordering::Relaxed) > 0 || clock.now() >= 200_000;
        let load = count(1000);
        let warm_up = Duration::ZERO;
        let run = Run { records: &records, load: &load, warm_up, usage: &Usage::now, stop: &stop };
        let mut handler = Slow { clock: &clock, held: 0, sent: Arc::clone(&sent), fails_at: 0 };
        let mut arrivals = FakeArrivals { clock: &clock, sent: Arc::clone(&sent), loses: 3 };
        let sample = run.measure(&clock, &mut handler, &mut arrivals).unwrap();
        assert_eq!((sample.calls, sample.arrived, sample.lost()), (10, None, None));
    }

    #[test]
    fn a_handler_that_fails_fails_the_run() {
        let error = sample(&count(1000), Duration::ZERO, 0, 7).unwrap_err();
        assert_eq!(error.to_string(), "out.log: no space left on device");
    }

    #[test]
    fn an_open_loop_that_was_not_kept_up_says_so() {
        let load = |rate| Load { rate: Some(rate), ..count(1000) };
        let noted = |rate| sample(&load(rate), Duration::ZERO, 0, 0).unwrap().note;
        assert_eq!(noted(10_000.0), None);
        let note = noted(100_000.0).unwrap();
        assert!(note.contains("made 50000 calls/s of the 100000 asked for"), "{note}");
    }
}

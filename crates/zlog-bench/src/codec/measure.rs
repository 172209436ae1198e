//! Timing codecs: each in turn, run after run.

use std::hint::black_box;

use super::Codec;
use crate::measure::Clock;
use crate::stats::ratio;
use zlog_core::error::{Error, Result};
use zlog_core::record::Record;

/// Records between two looks for a request to stop.
const BATCH: u64 = 4096;

/// What is timed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Records that each run encodes, and decodes.
    pub count: u64,
    /// Rounds; each measures every codec once.
    pub runs: usize,
    /// Records that each codec encodes and decodes before the first round, unmeasured.
    pub warm_up: u64,
}

/// One run of one codec: records per second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Run {
    /// Encoded each second.
    pub encode: f64,
    /// Decoded each second.
    pub decode: f64,
}

/// What a codec made of the records, and how fast.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// Which one.
    pub codec: Codec,
    /// Bytes of a body, on average.
    pub bytes: f64,
    /// The rounds that were finished.
    pub runs: Vec<Run>,
}

/// Checks that every record comes back the same from every codec, then times them in
/// turns: a machine that gets slower meanwhile slows all of them down alike. A round
/// that `stop` cuts short is left out. `before` is told which codec is measured next,
/// in which round (from 0), and how many runs are done.
///
/// # Errors
/// A record does not come back the same.
pub fn measure<C: Clock>(
    clock: &C,
    records: &[Record<'_>],
    plan: &Plan,
    stop: &dyn Fn() -> bool,
    before: &mut dyn FnMut(Codec, usize, usize),
) -> Result<Vec<Series>> {
    let bodies = Codec::ALL.map(|codec| bodies(codec, records));
    let mut all = Vec::with_capacity(bodies.len());
    for (codec, bodies) in Codec::ALL.into_iter().zip(&bodies) {
        let bodies = bodies.as_ref().map_err(|error| Error::new(error.to_string()))?;
        let whole: usize = bodies.iter().map(Vec::len).sum();
        let bytes = whole as f64 / bodies.len().max(1) as f64;
        let _warm = run(clock, codec, records, bodies, plan.warm_up, stop)?;
        all.push(Series { codec, bytes, runs: Vec::with_capacity(plan.runs) });
    }
    for number in 0..plan.runs {
        let mut round = Vec::with_capacity(all.len());
        for (codec, bodies) in Codec::ALL.into_iter().zip(bodies.iter().flatten()) {
            before(codec, number, number * all.len() + round.len());
            round.extend(run(clock, codec, records, bodies, plan.count, stop)?);
        }
        if round.len() < all.len() {
            break;
        }
        all.iter_mut().zip(round).for_each(|(series, run)| series.runs.push(run));
    }
    Ok(all)
}

/// The body of each record, which reads back as that record.
fn bodies(codec: Codec, records: &[Record<'_>]) -> Result<Vec<Vec<u8>>> {
    let body = |record: &Record<'_>| {
        let mut body = Vec::new();
        codec.encode(record, &mut body)?;
        if codec.decode(&body)? == *record {
            return Ok(body);
        }
        let (name, seq) = (codec.name(), record.seq.unwrap_or_default());
        Err(Error::new(format!("{name}: test record {seq} does not come back as it was")))
    };
    records.iter().map(body).collect()
}

/// `None` when it was stopped, or took no time that the clock can tell.
fn run<C: Clock>(
    clock: &C,
    codec: Codec,
    records: &[Record<'_>],
    bodies: &[Vec<u8>],
    count: u64,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Run>> {
    let mut out = Vec::new();
    let encode = timed(clock, records, count, stop, |record| {
        out.clear();
        codec.encode(black_box(record), &mut out)?;
        black_box(&out);
        Ok(())
    })?;
    let decode = timed(clock, bodies, count, stop, |body| {
        black_box(codec.decode(black_box(body))?);
        Ok(())
    })?;
    Ok(encode.zip(decode).map(|(encode, decode)| Run { encode, decode }))
}

/// Calls `work` with `count` of `items`, over and over, and returns how many a second.
fn timed<C: Clock, T>(
    clock: &C,
    items: &[T],
    count: u64,
    stop: &dyn Fn() -> bool,
    mut work: impl FnMut(&T) -> Result<()>,
) -> Result<Option<f64>> {
    let mut items = items.iter().cycle();
    let start = clock.now();
    let mut left = count;
    while left > 0 {
        if stop() {
            return Ok(None);
        }
        let batch = left.min(BATCH);
        for item in items.by_ref().take(usize::try_from(batch).unwrap_or(usize::MAX)) {
            work(item)?;
        }
        left -= batch;
    }
    let seconds = clock.now().saturating_sub(start) as f64 / 1e9;
    Ok(ratio(count as f64, seconds))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::records;
    use super::*;
    use crate::measure::{FakeClock, Monotonic};

    #[test]
    fn a_rate_is_items_over_the_time_that_they_took() {
        let clock = FakeClock::default();
        let seen = Cell::new(0u64);
        let rate = timed(&clock, &[1, 2, 3], 10_000, &|| false, |item| {
            seen.set(seen.get() + item);
            clock.pass(500);
            Ok(())
        });
        assert_eq!(rate.unwrap(), Some(2_000_000.0));
        // 3,333 times 1 + 2 + 3, and 1 more.
        assert_eq!(seen.get(), 19_999);
    }

    #[test]
    fn what_was_stopped_has_no_rate_and_its_round_is_left_out() {
        let records = records(1, None).unwrap();
        let plan = Plan { count: 10, runs: 3, warm_up: 0 };
        let looks = Cell::new(0);
        // A codec looks twice in a run: 6 times in the first round.
        let stop = || looks.replace(looks.get() + 1) >= 8;
        let all = measure(&Monotonic::new(), &records, &plan, &stop, &mut |_, _, _| {}).unwrap();
        assert!(all.iter().all(|series| series.runs.len() == 1), "{all:?}");
    }

    #[test]
    fn every_codec_is_measured_in_every_run() {
        let records = records(1, Some(50)).unwrap();
        let plan = Plan { count: 100, runs: 2, warm_up: 10 };
        let all =
            measure(&Monotonic::new(), &records, &plan, &|| false, &mut |_, _, _| {}).unwrap();
        assert_eq!(all.len(), Codec::ALL.len());
        for series in all {
            assert_eq!(series.runs.len(), 2);
            assert!(
                series.bytes > 50.0 && series.runs.iter().all(|r| r.encode > 0.0 && r.decode > 0.0)
            );
        }
    }
}

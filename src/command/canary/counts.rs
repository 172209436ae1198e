//! Counts what has come out of a pipeline.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::number::Found;

/// Latencies that are told apart: from a microsecond to a day, to three digits.
const LONGEST: u64 = 24 * 3600 * 1_000_000;
const DIGITS: u8 = 3;

/// What has come out of a pipeline.
pub(super) struct Counts {
    start: Instant,
    /// Which numbers have come.
    received: Vec<u64>,
    distinct: u64,
    duplicates: u64,
    reordered: u64,
    highest: Option<u64>,
    /// From the time when a record was sent until it came for the first time, in microseconds.
    latencies: Histogram<u64>,
    last_arrival: Option<Instant>,
    /// Readers that have got a test record.
    reached: Vec<bool>,
}

impl Counts {
    /// For numbers below `count`, and this many readers.
    pub(super) fn new(count: u64, readers: usize, start: Instant) -> Counts {
        let words = usize::try_from(count.div_ceil(64)).unwrap_or(usize::MAX);
        Counts {
            start,
            received: vec![0; words],
            distinct: 0,
            duplicates: 0,
            reordered: 0,
            highest: None,
            latencies: Histogram::new_with_bounds(1, LONGEST, DIGITS)
                .expect("the bounds are constants that are valid"),
            last_arrival: None,
            reached: vec![false; readers],
        }
    }

    /// Counts a message that a reader has found.
    pub(super) fn count(&mut self, reader: usize, found: Found, now: Instant) {
        if let Some(reached) = self.reached.get_mut(reader) {
            *reached = true;
        }
        let Found::Numbered { number, sent } = found else { return };
        let at = usize::try_from(number / 64).unwrap_or(usize::MAX);
        let Some(word) = self.received.get_mut(at) else { return };
        let bit = 1 << (number % 64);
        self.last_arrival = Some(now);
        if *word & bit != 0 {
            self.duplicates += 1;
            return;
        }
        *word |= bit;
        self.distinct += 1;
        if self.highest.is_some_and(|highest| number < highest) {
            self.reordered += 1;
        }
        self.highest = self.highest.max(Some(number));
        let received = now.saturating_duration_since(self.start).as_micros();
        let latency = u64::try_from(received).unwrap_or(u64::MAX).saturating_sub(sent);
        self.latencies.saturating_record(latency);
    }

    /// The readers that no record has reached, by their places.
    pub(super) fn unreached(&self) -> Vec<usize> {
        let missing = self.reached.iter().enumerate().filter(|(_, reached)| !**reached);
        missing.map(|(reader, _)| reader).collect()
    }

    /// Number of different records that have come.
    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    /// When a numbered record came last.
    pub(super) fn last_arrival(&self) -> Option<Instant> {
        self.last_arrival
    }

    /// The result, of `sent` records.
    pub(super) fn result(&self, sent: u64) -> Outcome {
        let lost = lost(&self.received, sent);
        Outcome {
            sent,
            received: self.distinct,
            duplicates: self.duplicates,
            reordered: self.reordered,
            lost: lost.iter().map(|range| range.end() - range.start() + 1).sum(),
            lost_numbers: lost,
            latencies: (self.distinct > 0).then(|| Latencies::of(&self.latencies)),
        }
    }
}

/// The numbers below `sent` that have not come.
fn lost(received: &[u64], sent: u64) -> Vec<RangeInclusive<u64>> {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    let is_here = |number: u64| {
        let word = usize::try_from(number / 64).ok().and_then(|at| received.get(at));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    };
    for number in (0..sent).filter(|number| !is_here(*number)) {
        match ranges.last_mut() {
            Some(last) if *last.end() + 1 == number => *last = *last.start()..=number,
            _ => ranges.push(number..=number),
        }
    }
    ranges
}

/// What has become of all records.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Records that were handed over.
    pub(super) sent: u64,
    /// Different ones that came out.
    pub(super) received: u64,
    /// Those that did not.
    pub(super) lost: u64,
    /// Their numbers.
    pub(super) lost_numbers: Vec<RangeInclusive<u64>>,
    /// Records that came again.
    pub(super) duplicates: u64,
    /// Records that came after one with a higher number.
    pub(super) reordered: u64,
    /// `None` if nothing came.
    pub(super) latencies: Option<Latencies>,
}

/// How long records took.
#[derive(Debug)]
pub(super) struct Latencies {
    /// The name and the latency of each quantile, in order.
    pub(super) quantiles: Vec<(&'static str, Duration)>,
}

/// The quantiles that are shown.
const QUANTILES: [(&str, f64); 6] =
    [("min", 0.0), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

impl Latencies {
    fn of(histogram: &Histogram<u64>) -> Latencies {
        let of = |at: f64| match at {
            0.0 => histogram.min(),
            1.0 => histogram.max(),
            _ => histogram.value_at_quantile(at),
        };
        let quantile = |(name, at)| (name, Duration::from_micros(of(at)));
        Latencies { quantiles: QUANTILES.into_iter().map(quantile).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_duplicates_and_records_out_of_order_are_counted_apart() {
        let start = Instant::now();
        let mut counts = Counts::new(200, 2, start);
        assert_eq!(counts.unreached(), [0, 1]);
        counts.count(1, Found::Probe, start);
        assert_eq!(counts.unreached(), [0]);
        for number in (0..130).filter(|number| !(60..=70).contains(number) && *number != 99) {
            let found = Found::Numbered { number, sent: number * 1000 };
            counts.count(0, found, start + Duration::from_micros(number * 1000 + 50));
        }
        for number in [65, 12, 12, 4000] {
            counts.count(0, Found::Numbered { number, sent: 0 }, start);
        }
        let result = counts.result(131);
        assert_eq!((result.sent, result.received, result.lost), (131, 119, 12));
        assert_eq!(result.lost_numbers, [60..=64, 66..=70, 99..=99, 130..=130]);
        assert_eq!((result.duplicates, result.reordered), (2, 1));
        let latencies = result.latencies.expect("some came");
        assert_eq!(latencies.quantiles[1], ("p50", Duration::from_micros(50)));
        assert!(counts.unreached().is_empty());
    }

    #[test]
    fn if_nothing_came_all_is_lost() {
        let result = Counts::new(7, 1, Instant::now()).result(7);
        assert_eq!((result.lost, &result.lost_numbers[..]), (7, &[0..=6][..]));
        assert!(result.latencies.is_none());
    }
}

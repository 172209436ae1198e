//! An axis: its range, its grid lines and its labels.

use std::ops::{Range, RangeInclusive};

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::units::{BINARY, Scale, TIMES, scaled, three_digits};

/// The unit of an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Counts: `10k`, `2M`.
    Count,
    /// Bytes, by powers of 1024: `64 B`, `4 KiB`.
    Bytes,
    /// Durations, given in nanoseconds: `20 µs`.
    Nanoseconds,
    /// A plain number: a ratio, seconds of processor time.
    Plain,
}

impl Unit {
    /// A label: three digits at most, and a unit.
    pub(super) fn label(self, value: f64) -> String {
        const THOUSANDS: Scale = ([(1e9, "G"), (1e6, "M"), (1e3, "k")], "");
        let (scale, space) = match self {
            Unit::Count => (THOUSANDS, ""),
            Unit::Bytes => (BINARY, " "),
            Unit::Nanoseconds => (TIMES, " "),
            Unit::Plain => return digits(value),
        };
        let (value, unit) = scaled(value, scale);
        format!("{}{space}{unit}", digits(value))
    }
}

/// Three digits, without trailing zeros.
fn digits(value: f64) -> String {
    let text = three_digits(value);
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A logarithmic axis. Positions are decimal logarithms of values.
///
/// All axes are logarithmic: handlers differ by a factor of a thousand, and so do median
/// and longest latency.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Axis {
    /// The lowest position.
    pub(super) low: f64,
    /// The highest position.
    pub(super) high: f64,
    /// Positions of labels.
    pub(super) labels: Vec<f64>,
    /// Positions of grid lines between labels.
    pub(super) fine: Vec<f64>,
}

impl Axis {
    /// Creates an axis that includes all of `values`, except those that a logarithmic axis
    /// can't show.
    pub(super) fn around(values: impl IntoIterator<Item = f64>) -> Axis {
        let logs = values.into_iter().filter(|v| v.is_finite() && *v > 0.0).map(f64::log10);
        let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), log| {
            (low.min(log), high.max(log))
        });
        // Without values, the axis is empty but valid.
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // Ends at round numbers, a little beyond the outermost points.
        let (low, high) = (round_down(low - 0.02), round_up(high + 0.02));
        let labels = labels(low..=high);
        let fine = steps(low..=high, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        Axis { low, high, labels, fine }
    }

    /// Creates an axis without labels.
    pub(super) fn plain(low: f64, high: f64) -> Axis {
        Axis { low, high, labels: Vec::new(), fine: Vec::new() }
    }

    /// Labels the measured `values`. Of two that are closer than `gap` (a share of the
    /// axis), only the first is labelled.
    pub(super) fn labelled(mut self, mut values: Vec<f64>, gap: f64) -> Axis {
        values.retain(|v| v.is_finite() && *v > 0.0);
        values.sort_by(f64::total_cmp);
        self.labels.clear();
        let apart = (self.high - self.low) * gap;
        for at in values.into_iter().map(f64::log10) {
            if self.labels.last().is_none_or(|last| at - last >= apart) {
                self.labels.push(at);
            }
        }
        self.fine.clear();
        self
    }

    /// Extends the axis by `share`, to make room for text.
    pub(super) fn with_room(mut self, share: f64) -> Axis {
        self.high += (self.high - self.low) * share;
        self
    }
}

/// Implemented by hand because plotters' own logarithmic axis does not let labels be
/// chosen, and the one that does can't format them.
impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        let length = f64::from(limit.1) - f64::from(limit.0);
        #[expect(clippy::cast_possible_truncation, reason = "saturates, far outside the image")]
        let at = (f64::from(limit.0) + share * length).round() as i32;
        at
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { self.fine.clone() } else { self.labels.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

/// The position of `value`, which must be above 0.
pub(super) fn position(value: f64) -> f64 {
    value.log10()
}

/// Powers of ten; with few of them, also their double and fivefold.
fn labels(range: RangeInclusive<f64>) -> Vec<f64> {
    let tens = steps(range.clone(), &[1.0]);
    if tens.len() > 2 { tens } else { steps(range, &[1.0, 2.0, 5.0]) }
}

/// The positions in `range` of these multiples of powers of ten.
fn steps(range: RangeInclusive<f64>, multiples: &[f64]) -> Vec<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "an f64's powers of ten are few")]
    let (first, last) = (range.start().floor() as i32, range.end().floor() as i32);
    let all = (first..=last)
        .flat_map(|ten| multiples.iter().map(move |multiple| f64::from(ten) + multiple.log10()));
    let near = 1e-9;
    all.filter(|at| *at >= range.start() - near && *at <= range.end() + near).collect()
}

const ROUND: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

fn round_down(log: f64) -> f64 {
    let ten = log.floor();
    let below = ROUND.iter().rev().map(|n| ten + n.log10()).find(|at| *at <= log);
    below.unwrap_or(ten)
}

fn round_up(log: f64) -> f64 {
    let ten = log.floor();
    ROUND.iter().map(|n| ten + n.log10()).find(|at| *at >= log).unwrap_or(ten + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_have_three_digits_and_a_unit() {
        let cases = [
            (Unit::Count, 1_000_000.0, "1M"),
            (Unit::Count, 12_345.0, "12.3k"),
            (Unit::Count, 0.5, "0.5"),
            (Unit::Bytes, 100.0, "100 B"),
            (Unit::Bytes, 65_536.0, "64 KiB"),
            (Unit::Nanoseconds, 999.9, "1 µs"),
            (Unit::Nanoseconds, 2.5e9, "2.5 s"),
            (Unit::Nanoseconds, 5e12, "5000 s"),
            (Unit::Plain, 0.25, "0.25"),
        ];
        for (unit, value, label) in cases {
            assert_eq!(unit.label(value), label);
        }
    }

    #[test]
    fn an_axis_of_few_tens_has_labels_between_them() {
        let axis = Axis::around([150.0, 700.0]);
        let labels: Vec<String> =
            axis.labels.iter().map(|at| Unit::Count.label(10f64.powf(*at))).collect();
        assert_eq!(labels, ["100", "200", "500", "1k"]);
        assert_eq!(Axis::around([1.0, 1e6]).labels.len(), 7);
    }

    #[test]
    fn labels_at_measured_values_never_stand_on_each_other() {
        let axis = Axis::around([1.0, 1000.0]).labelled(vec![1000.0, 1.0, 1.1, 30.0], 0.1);
        let shown: Vec<f64> = axis.labels.iter().map(|at| 10f64.powf(*at).round()).collect();
        assert_eq!(shown, [1.0, 30.0, 1000.0]);
    }

    proptest! {
        #[test]
        fn every_value_that_can_be_drawn_is_on_the_axis(
            values in prop::collection::vec(any::<f64>(), 0..20),
        ) {
            let axis = Axis::around(values.iter().copied());
            prop_assert!(axis.low < axis.high);
            prop_assert!(axis.low.is_finite() && axis.high.is_finite());
            for value in values.into_iter().filter(|v| v.is_finite() && *v > 0.0) {
                let at = position(value);
                prop_assert!(axis.low <= at && at <= axis.high, "{value} in {axis:?}");
            }
            prop_assert!(axis.labels.iter().all(|at| axis.low - 1e-6 <= *at && *at <= axis.high + 1e-6));
        }
    }
}

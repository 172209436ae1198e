//! Summarises several runs: median and range.
//!
//! The spread is the whole range from the lowest to the highest run, not a standard
//! deviation: a handful of runs is too few for one, and anything inside the range occurred
//! without any change.

use serde::{Deserialize, Serialize};

/// A figure over several runs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// The middle value; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// Summarises `figures`; `None` if there is none, or one is not finite.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        if figures.iter().any(|figure| !figure.is_finite()) {
            return None;
        }
        figures.sort_by(f64::total_cmp);
        let (low, high) = (*figures.first()?, *figures.last()?);
        let (left, right) = (figures[(figures.len() - 1) / 2], figures[figures.len() / 2]);
        Some(Spread { median: left + (right - left) / 2.0, low, high })
    }

    /// Summarises figures that runs may lack; `None` unless all have one.
    pub(crate) fn of_all(figures: impl IntoIterator<Item = Option<f64>>) -> Option<Spread> {
        Spread::of(figures.into_iter().collect::<Option<Vec<f64>>>()?)
    }

    /// Half the range as a share of the median: the `±` in tables. 0 for a median of 0.
    pub fn relative(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.high - self.low) / 2.0 / self.median.abs() }
    }

    /// Whether the runs differ by more than the median: the median then says little.
    pub(crate) fn is_vague(&self) -> bool {
        self.relative() > 0.5
    }

    /// Whether the ranges overlap.
    pub(crate) fn overlaps(&self, other: &Spread) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// `part` divided by `whole`; `None` unless `whole` is positive.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_the_mean_of_the_middle_two() {
        let spread = Spread::of([9.0, 1.0, 5.0]).unwrap();
        assert_eq!(spread, Spread { median: 5.0, low: 1.0, high: 9.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 9.0]).unwrap().median, 3.0);
        assert_eq!(Spread::of([7.0]).unwrap(), Spread { median: 7.0, low: 7.0, high: 7.0 });
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([1.0, f64::NAN]), None);
    }

    #[test]
    fn one_outlier_moves_the_range_and_not_the_median() {
        let calm = Spread::of([100.0, 101.0, 99.0, 100.0, 100.0]).unwrap();
        let shaken = Spread::of([100.0, 101.0, 99.0, 100.0, 10.0]).unwrap();
        assert_eq!(calm.median, shaken.median);
        assert!((calm.relative() - 0.01).abs() < 1e-12);
        assert!((shaken.relative() - 0.455).abs() < 1e-12);
    }

    #[test]
    fn a_figure_that_one_run_lacks_is_lacking() {
        assert_eq!(Spread::of_all([Some(1.0), None]), None);
        assert_eq!(Spread::of_all([Some(1.0), Some(3.0)]).unwrap().median, 2.0);
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!(ratio(1.0, 4.0), Some(0.25));
    }

    #[test]
    fn the_median_of_a_sample_comes_near_that_of_its_distribution() {
        let mut rng = fastrand::Rng::with_seed(7);
        let sample = (0..10_001).map(|_| -(1.0 - rng.f64()).ln());
        let median = Spread::of(sample).unwrap().median;
        assert!((median - std::f64::consts::LN_2).abs() < 0.03, "{median}");
    }

    proptest! {
        #[test]
        fn the_median_lies_in_the_range_and_half_on_each_side(
            figures in prop::collection::vec(-1e9f64..1e9, 1..50),
        ) {
            let spread = Spread::of(figures.clone()).unwrap();
            prop_assert!(spread.low <= spread.median && spread.median <= spread.high);
            let below = figures.iter().filter(|f| **f <= spread.median).count();
            let above = figures.iter().filter(|f| **f >= spread.median).count();
            prop_assert!(below * 2 >= figures.len() && above * 2 >= figures.len());
            prop_assert!(spread.overlaps(&spread));
        }
    }
}

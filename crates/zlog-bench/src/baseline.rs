//! Compares a report with an earlier one.
//!
//! The comparison uses a handler's calls per second **relative to `file` in the same run**
//! (relative to `null` for `file` itself, or when `file` was not measured): another
//! machine, or the same one under load, changes both numbers alike. Absolute rates are
//! compared on request only.
//!
//! A handler counts as slower when its median ratio is lower by more than the tolerance
//! *and* the ranges of the two measurements do not overlap. A difference that occurs within
//! either measurement proves nothing, and a gate that fails without a cause gets switched
//! off.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::report::{Figures, Report, SCHEMA, Settings};
use super::stats::Spread;
use super::target::BenchTarget;
use super::units::three_digits;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// Fewer runs say nothing about the spread.
pub const MIN_RUNS: usize = 3;
/// Limit on a report's size in bytes; real ones have a few kilobytes.
const MAX_BYTES: u64 = 16 << 20;

/// The figure that is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    /// Calls per second relative to `file` in the same run.
    ToFile,
    /// Calls per second relative to `null` in the same run.
    ToNull,
    /// Calls per second.
    Absolute,
}

impl Metric {
    fn of(self, figures: &Figures) -> Option<Spread> {
        match self {
            Metric::ToFile => figures.ratio_to_file,
            Metric::ToNull => figures.ratio_to_null,
            Metric::Absolute => Some(figures.calls_per_second),
        }
    }

    /// The figures to try for a handler, the preferred one first.
    fn for_row(name: &str, absolute: bool) -> &'static [Metric] {
        if absolute {
            &[Metric::Absolute]
        } else if name == BenchTarget::File.name() {
            &[Metric::ToNull]
        } else if name == BenchTarget::Null.name() {
            &[Metric::ToFile]
        } else {
            &[Metric::ToFile, Metric::ToNull]
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Metric::ToFile => "× file",
            Metric::ToNull => "× null",
            Metric::Absolute => "calls/s",
        }
    }
}

/// A handler that has become slower.
#[derive(Clone, PartialEq, Debug)]
pub enum Regression {
    /// It was measured in both reports.
    Slower {
        /// The handler.
        name: String,
        /// The figure that was compared.
        metric: Metric,
        /// The baseline's value.
        before: Spread,
        /// The new report's value.
        now: Spread,
    },
    /// It was measured in the baseline, and fails now.
    Fails {
        /// The handler.
        name: String,
    },
}

impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names come from a file, so they are escaped.
        match self {
            Regression::Fails { name } => {
                write!(f, "{} (could be measured, and fails now)", escape(name))
            }
            Regression::Slower { name, metric, before, now } => {
                let (was, is) = (three_digits(before.median), three_digits(now.median));
                let fallen = (1.0 - now.median / before.median) * 100.0;
                let (name, unit) = (escape(name), metric.unit());
                write!(f, "{name} ({was} → {is} {unit}, −{fallen:.0} %)")
            }
        }
    }
}

/// The result of a comparison.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Comparison {
    /// Handlers that were compared.
    pub compared: usize,
    /// Those that have become slower.
    pub regressions: Vec<Regression>,
    /// Handlers that only one of the reports has.
    pub skipped: Vec<String>,
}

/// Reads a report written by `--output json`.
///
/// # Errors
/// The file can't be read, or is not a report of this schema.
pub fn read(path: &Path) -> Result<Report> {
    let shown = escape(&path.display().to_string());
    let failed = |error: std::io::Error| Error::io(format!("baseline {shown}"), &error).hint(HINT);
    let wrong = |why: String| Error::new(format!("baseline {shown}: {why}")).hint(HINT);
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err(wrong("it is too large to be a report of `zlog bench`".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    /// The part that is read first, to check the schema.
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let head: Head = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(format!("not a report of `zlog bench`: {error}")))?;
    if head.schema != SCHEMA {
        let found = escape(&head.schema);
        return Err(wrong(format!("its schema is \"{found}\", and this zlog reads \"{SCHEMA}\"")));
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(format!("it is damaged: {error}")))
}

/// The next step when a baseline can't be used.
const HINT: &str = "Make one with: zlog bench --output json > baseline.json";

/// Compares `now` with `before`, which must have been measured with the same settings.
///
/// # Errors
/// The settings differ, or the reports have no handler in common.
pub fn compare(
    now: &Report,
    before: &Report,
    tolerance: f64,
    absolute: bool,
) -> Result<Comparison> {
    if let Some(what) = difference(&now.settings, &before.settings) {
        return Err(Error::new(format!("the baseline was measured with another {what}"))
            .hint("Use the same settings, or measure a new baseline with these."));
    }
    let mut comparison = Comparison::default();
    for row in &before.handlers {
        let Some(was) = row.figures.as_ref().filter(|_| row.runs >= MIN_RUNS) else { continue };
        let Some(is) = now.row(&row.name) else {
            comparison.skipped.push(row.name.clone());
            continue;
        };
        let Some(figures) = is.figures.as_ref().filter(|_| is.error.is_none()) else {
            comparison.compared += 1;
            comparison.regressions.push(Regression::Fails { name: row.name.clone() });
            continue;
        };
        let metrics = Metric::for_row(&row.name, absolute).iter();
        let both = metrics.map(|m| (*m, m.of(was), m.of(figures)));
        let Some((metric, Some(before), Some(now))) =
            both.into_iter().find(|(_, was, is)| was.is_some() && is.is_some())
        else {
            continue;
        };
        comparison.compared += 1;
        if has_fallen(&before, &now, tolerance) {
            let name = row.name.clone();
            comparison.regressions.push(Regression::Slower { name, metric, before, now });
        }
    }
    if comparison.compared == 0 {
        return Err(Error::new("this run and the baseline have no handler in common")
            .hint("Both need `file` or `null` among their --handlers, and 3 runs or more."));
    }
    Ok(comparison)
}

/// Implements the rule in the module's documentation.
fn has_fallen(before: &Spread, now: &Spread, tolerance: f64) -> bool {
    now.median < before.median * (1.0 - tolerance) && !now.overlaps(before)
}

/// Returns the first setting that differs and makes figures incomparable.
fn difference(now: &Settings, before: &Settings) -> Option<&'static str> {
    // Log files that differ by a few lines are still the same load.
    let near = now.mean_message_bytes == before.mean_message_bytes
        || (now.mean_message_bytes / before.mean_message_bytes - 1.0).abs() < 0.05;
    let checks = [
        ("--lines", now.lines.is_some() == before.lines.is_some()),
        ("--size, or other --lines", now.size == before.size && near),
        ("--threads", now.threads == before.threads),
        ("--rate", now.rate == before.rate),
        ("--queue", now.queue == before.queue),
        ("--smtp", now.smtp == before.smtp),
        ("--smtp-delay", now.smtp_delay_seconds == before.smtp_delay_seconds),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::report::tests::{report, series, settings};
    use super::*;

    fn of(all: &[(&str, [u64; 3])]) -> Report {
        let all: Vec<_> = all.iter().map(|(name, calls)| series(name, calls)).collect();
        Report::new(String::new(), settings(), &all, false).unwrap()
    }

    const FILE: (&str, [u64; 3]) = ("file", [1000, 1000, 1000]);
    const NULL: (&str, [u64; 3]) = ("null", [5000, 5000, 5000]);

    fn names(comparison: &Comparison) -> Vec<String> {
        comparison.regressions.iter().map(Regression::to_string).collect()
    }

    #[test]
    fn a_handler_that_fell_behind_file_is_named_with_both_ratios() {
        let before = of(&[FILE, ("pub-tcp", [2000, 2010, 1990]), NULL]);
        let now = of(&[FILE, ("pub-tcp", [1500, 1510, 1490]), NULL]);
        let comparison = compare(&now, &before, 0.1, false).unwrap();
        assert_eq!(names(&comparison), ["pub-tcp (2.00 → 1.50 × file, −25 %)"]);
        assert_eq!(comparison.compared, 3);
    }

    #[test]
    fn file_itself_is_held_against_null() {
        let before = of(&[FILE, NULL]);
        let now = of(&[("file", [500, 500, 500]), NULL]);
        let comparison = compare(&now, &before, 0.1, false).unwrap();
        assert_eq!(names(&comparison), ["file (0.200 → 0.100 × null, −50 %)"]);
    }

    #[test]
    fn a_machine_of_half_the_speed_is_no_regression_unless_rates_are_compared() {
        let before = of(&[FILE, ("pub-tcp", [2000; 3]), NULL]);
        let now = of(&[("file", [500; 3]), ("pub-tcp", [1000; 3]), ("null", [2500; 3])]);
        assert!(compare(&now, &before, 0.1, false).unwrap().regressions.is_empty());
        assert_eq!(compare(&now, &before, 0.1, true).unwrap().regressions.len(), 3);
    }

    #[test]
    fn a_difference_inside_either_ones_own_spread_never_fails() {
        let noisy = of(&[FILE, ("pub-tcp", [2000, 1400, 2100]), NULL]);
        let lower = of(&[FILE, ("pub-tcp", [1500; 3]), NULL]);
        assert!(compare(&lower, &noisy, 0.1, false).unwrap().regressions.is_empty());
        let calm = of(&[FILE, ("pub-tcp", [2000; 3]), NULL]);
        let shaken = of(&[FILE, ("pub-tcp", [1500, 2000, 1000]), NULL]);
        assert!(compare(&shaken, &calm, 0.1, false).unwrap().regressions.is_empty());
    }

    #[test]
    fn less_than_the_tolerance_never_fails() {
        let before = of(&[FILE, ("pub-tcp", [2000; 3]), NULL]);
        let now = of(&[FILE, ("pub-tcp", [1810; 3]), NULL]);
        assert!(compare(&now, &before, 0.1, false).unwrap().regressions.is_empty());
        assert_eq!(compare(&now, &before, 0.05, false).unwrap().regressions.len(), 1);
    }

    #[test]
    fn one_that_fails_now_is_a_regression_and_one_that_was_not_asked_for_is_not() {
        let before = of(&[FILE, ("smtp", [10; 3]), ("pub-tcp", [2000; 3]), NULL]);
        let mut now = report();
        now.settings = before.settings.clone();
        let comparison = compare(&now, &before, 0.9, false).unwrap();
        assert_eq!(names(&comparison), ["smtp (could be measured, and fails now)"]);
        assert_eq!(comparison.skipped, ["pub-tcp"]);
    }

    #[test]
    fn other_settings_or_nothing_in_common_can_not_be_compared() {
        let before = of(&[FILE, NULL]);
        let mut now = before.clone();
        now.settings.threads = 4;
        let error = compare(&now, &before, 0.1, false).unwrap_err().to_string();
        assert!(error.contains("another --threads"), "{error}");
        let error = compare(&of(&[("smtp", [1; 3])]), &before, 0.1, false).unwrap_err();
        assert!(error.to_string().contains("no handler in common"), "{error}");
    }

    #[test]
    fn a_baseline_of_another_schema_or_none_at_all_is_refused_with_the_next_step() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = |content: &str| {
            std::fs::write(file.path(), content).unwrap();
            let error = read(file.path()).unwrap_err().to_string();
            assert!(error.contains("zlog bench --output json"), "{error}");
            error
        };
        assert!(refused("{\"schema\": \"zlog-bench/9\"}").contains("\"zlog-bench/9\""));
        assert!(refused("{\"schema\": \"zlog-bench/1\"}").contains("it is damaged"));
        assert!(refused("handler,calls\n").contains("not a report"));
        assert!(refused("").contains("not a report"));
        std::fs::write(file.path(), crate::report::json(&report()).unwrap()).unwrap();
        assert_eq!(read(file.path()).unwrap(), report());
        assert!(read(Path::new("/nonexistent/b.json")).is_err());
    }

    /// A report as JSON, some of its numbers others.
    fn damaged() -> impl Strategy<Value = String> {
        let numbers = ["0", "-1", "1e308", "-1e308", "5e-324", "18446744073709551615", "null"];
        let change = (any::<prop::sample::Index>(), prop::sample::select(numbers.to_vec()));
        prop::collection::vec(change, 1..8).prop_map(|changes| {
            let json = crate::report::json(&of(&[FILE, NULL])).unwrap();
            let mut json = String::from_utf8(json).unwrap();
            let number = regex::Regex::new(r"(: )-?[0-9][0-9.e+-]*").unwrap();
            for (at, value) in changes {
                let found: Vec<_> = number.find_iter(&json).map(|found| found.range()).collect();
                let range = found[at.index(found.len())].clone();
                json.replace_range(range.start + 2..range.end, value);
            }
            json
        })
    }

    proptest! {
        #[test]
        fn no_numbers_of_a_baseline_make_it_panic(json in damaged()) {
            if let Ok(mut before) = serde_json::from_str::<Report>(&json) {
                let now = of(&[FILE, NULL]);
                before.settings = now.settings.clone();
                for absolute in [true, false] {
                    let _ = compare(&now, &before, 0.1, absolute).map(|found| names(&found));
                }
            }
        }

        #[test]
        fn nothing_is_ever_slower_than_itself(calls in prop::array::uniform3(1u64..1_000_000)) {
            let report = of(&[FILE, ("pub-tcp", calls), NULL]);
            for absolute in [true, false] {
                prop_assert!(compare(&report, &report, 0.0, absolute).unwrap().regressions.is_empty());
            }
        }
    }
}

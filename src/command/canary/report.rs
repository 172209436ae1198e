//! Prints what has become of the records of a canary.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::counts::Outcome;
use zlog_core::text::plural::grouped;

/// Most ranges of lost numbers in a table, and in JSON.
const SHOWN: usize = 10;
const LISTED: usize = 1000;

/// A table.
pub(super) fn table(outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("sent", &grouped(outcome.sent));
    line("received", &grouped(outcome.received));
    let numbers = numbers(&outcome.lost_numbers);
    line("lost", format!("{}  {numbers}", grouped(outcome.lost)).trim_end());
    line("duplicates", &grouped(outcome.duplicates));
    line("reordered", &grouped(outcome.reordered));
    if let Some(latencies) = &outcome.latencies {
        let shown =
            |(name, latency): &(&str, Duration)| format!("{name} {}", milliseconds(*latency));
        let all: Vec<String> = latencies.quantiles.iter().map(shown).collect();
        line("latency", &format!("{} (ms)", all.join("  ")));
    }
    text
}

/// The first ranges of the lost numbers: `17, 400-410, and 3 more ranges`.
fn numbers(ranges: &[RangeInclusive<u64>]) -> String {
    let shown = |range: &RangeInclusive<u64>| match range.start() == range.end() {
        true => range.start().to_string(),
        false => format!("{}-{}", range.start(), range.end()),
    };
    let mut text: Vec<String> = ranges.iter().take(SHOWN).map(shown).collect();
    if ranges.len() > SHOWN {
        text.push(format!("and {} more ranges", ranges.len() - SHOWN));
    }
    text.join(", ")
}

fn milliseconds(latency: Duration) -> String {
    format!("{:.3}", latency.as_secs_f64() * 1e3)
}

/// One JSON object.
pub(super) fn json(outcome: &Outcome) -> String {
    let micros =
        |latency: &Duration| Value::from(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    let latencies = outcome.latencies.as_ref().map(|latencies| {
        let all =
            latencies.quantiles.iter().map(|(name, latency)| ((*name).to_owned(), micros(latency)));
        all.collect::<Map<String, Value>>()
    });
    let lost = outcome.lost_numbers.iter().take(LISTED);
    let object = json!({
        "sent": outcome.sent,
        "received": outcome.received,
        "lost": outcome.lost,
        "lost_numbers": lost.map(|range| [*range.start(), *range.end()]).collect::<Vec<_>>(),
        "duplicates": outcome.duplicates,
        "reordered": outcome.reordered,
        "latency_us": latencies,
    });
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_numbers_are_shown_as_ranges_up_to_a_limit() {
        assert_eq!(numbers(&[]), "");
        assert_eq!(numbers(&[17..=17, 400..=410]), "17, 400-410");
        let many: Vec<_> = (0..13).map(|n| n * 2..=n * 2).collect();
        assert!(numbers(&many).ends_with("18, and 3 more ranges"), "{}", numbers(&many));
    }
}

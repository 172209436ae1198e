//! Counts per interval for each value of a field: what `tail --count-by` prints.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;

use super::counts::Counts;
use crate::filter::{ConditionError, FieldPath};
use crate::level::Level;
use crate::record::Record;
use crate::text::escape;
use crate::text::plural::grouped;
use crate::wire::topic;

/// Counted while their intervals are open, in all: values times intervals. Beyond it, the
/// oldest interval is closed.
const MAX_OPEN_VALUES: usize = 50_000;

/// The most intervals without records that are listed one by one.
const MAX_EMPTY: i64 = 1000;

/// The values that a line lists. The rest is summed up.
const MAX_LISTED: usize = 20;

/// The value of a record that lacks the field.
const NONE: &str = "(none)";

/// What is counted: `--count-by`.
#[derive(Clone, Debug)]
pub enum CountBy {
    /// The topic, or the one that `emit` would give.
    Topic,
    /// A field, such as the level or the source.
    Field(FieldPath),
}

impl FromStr for CountBy {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<CountBy, ConditionError> {
        Ok(match text {
            "topic" => CountBy::Topic,
            field => CountBy::Field(FieldPath::new(field)?),
        })
    }
}

/// The counts of an interval.
pub struct Interval {
    /// Its start, in seconds since 1970-01-01 UTC; `None` for records without a time.
    pub start: Option<i64>,
    counts: Counts,
}

/// Counts records per interval.
pub struct IntervalCounts {
    by: CountBy,
    /// The length of an interval in seconds. `None`: all time is one.
    seconds: Option<i64>,
    /// The difference between the local time and UTC in seconds, so that a day begins at
    /// midnight.
    offset: i64,
    /// By their number. Records without a time have the lowest.
    open: BTreeMap<i64, Counts>,
    open_values: usize,
    /// The number of the last interval that was closed.
    closed: Option<i64>,
    scratch: String,
}

impl IntervalCounts {
    /// Counts by `by` in intervals of `seconds`, or in one that ends with the input. Intervals
    /// begin at multiples of their length since midnight, `offset` seconds east of UTC.
    pub fn new(by: CountBy, seconds: Option<i64>, offset: i64) -> IntervalCounts {
        let open = BTreeMap::new();
        let scratch = String::new();
        IntervalCounts { by, seconds, offset, open, open_values: 0, closed: None, scratch }
    }

    /// Counts a record in the interval of `time`. Returns intervals that are closed early
    /// because there are too many values.
    pub fn count(&mut self, record: &Record<'_>, time: Option<f64>) -> Vec<Interval> {
        let number = self.number_of(time);
        let value: Cow<'_, str> = match &self.by {
            CountBy::Topic => topic::of(record, &mut self.scratch).into(),
            CountBy::Field(path) => path.text(record).unwrap_or_else(|| NONE.into()),
        };
        let counts = self.open.entry(number).or_insert_with(Counts::new);
        let before = counts.len();
        counts.add("", &value);
        self.open_values = (self.open_values + counts.len()).saturating_sub(before);
        let mut closed = Vec::new();
        while self.open_values > MAX_OPEN_VALUES && self.open.len() > 1 {
            closed.extend(self.close_first());
        }
        closed
    }

    /// Closes the intervals that have ended at `now`, and those without records between them.
    pub fn close_before(&mut self, now: f64) -> Vec<Interval> {
        let Some(_) = self.seconds else { return Vec::new() };
        let current = self.number_of(Some(now));
        self.closed.get_or_insert(current - 1);
        let mut closed = Vec::new();
        while self.open.first_key_value().is_some_and(|(number, _)| *number < current) {
            closed.extend(self.close_first());
        }
        closed.extend(self.empty_until(current));
        closed
    }

    /// How many seconds after `now` the current interval ends. `None` without intervals.
    pub fn remaining(&self, now: f64) -> Option<f64> {
        let next = self.number_of(Some(now)).saturating_add(1);
        Some((self.start_of(next)? as f64 - now).max(0.0))
    }

    /// Closes all intervals.
    pub fn close(&mut self) -> Vec<Interval> {
        let mut closed = Vec::new();
        while !self.open.is_empty() {
            closed.extend(self.close_first());
        }
        closed
    }

    /// Closes the first interval, and those without records before it.
    fn close_first(&mut self) -> Vec<Interval> {
        let Some((number, counts)) = self.open.pop_first() else { return Vec::new() };
        self.open_values = self.open_values.saturating_sub(counts.len());
        let mut closed = self.empty_until(number);
        if number != i64::MIN {
            self.closed = self.closed.max(Some(number));
        }
        closed.push(Interval { start: self.start_of(number), counts });
        closed
    }

    /// The intervals without records from the last closed one to the one with this number. None
    /// if they are very many.
    fn empty_until(&mut self, number: i64) -> Vec<Interval> {
        let Some(closed) = self.closed else { return Vec::new() };
        let missing = closed.saturating_add(1)..number;
        if missing.is_empty() {
            return Vec::new();
        }
        self.closed = Some(number - 1);
        if number.saturating_sub(closed) > MAX_EMPTY {
            return Vec::new();
        }
        missing
            .map(|number| Interval { start: self.start_of(number), counts: Counts::new() })
            .collect()
    }

    fn number_of(&self, time: Option<f64>) -> i64 {
        match (time.filter(|time| time.is_finite()), self.seconds) {
            (_, None) => 0,
            (None, _) => i64::MIN,
            // `as` saturates.
            (Some(time), Some(seconds)) => {
                (time as i64).saturating_add(self.offset).div_euclid(seconds)
            }
        }
    }

    fn start_of(&self, number: i64) -> Option<i64> {
        let seconds = self.seconds.filter(|_| number != i64::MIN)?;
        Some(number.saturating_mul(seconds).saturating_sub(self.offset))
    }
}

impl Interval {
    /// The number of records.
    pub fn total(&self) -> u64 {
        self.counts.total()
    }

    /// Each value and its number of records: levels by severity, others by their number.
    fn sorted(&self) -> Vec<(&str, u64)> {
        let mut values: Vec<(&str, u64)> =
            self.counts.iter().map(|(_, value, count)| (value, count)).collect();
        let key = |value: &str| Level::from_name(value).map_or(0, |level| -level.0);
        values.sort_unstable_by(|a, b| (key(a.0), b.1, a.0).cmp(&(key(b.0), a.1, b.0)));
        values
    }

    /// The values as `VALUE=COUNT VALUE=COUNT`: the most frequent ones, and the sum of others.
    pub fn line(&self) -> String {
        let values = self.sorted();
        let (listed, others) = values.split_at(values.len().min(MAX_LISTED));
        let mut line = String::new();
        for (value, count) in listed {
            // Writing to a String can't fail.
            let _ = write!(line, "  {}={count}", escape::escape(value));
        }
        let rest = others.iter().map(|(_, count)| count).sum::<u64>() + self.counts.others();
        if rest > 0 {
            let _ = write!(line, "  (others)={rest}");
        }
        line.trim_start().to_owned()
    }

    /// A table of all values.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for (value, count) in self.sorted() {
            let _ = writeln!(table, "{:>10}  {}", grouped(count), escape::escape(value));
        }
        if self.counts.others() > 0 {
            let _ = writeln!(table, "{:>10}  (others)", grouped(self.counts.others()));
        }
        let _ = writeln!(table, "{:>10}  total", grouped(self.total()));
        table
    }

    /// The values and numbers as a JSON object, which is safe on a terminal.
    pub fn json(&self) -> String {
        let mut counts: serde_json::Map<String, serde_json::Value> = self
            .sorted()
            .into_iter()
            .map(|(value, count)| (value.to_owned(), count.into()))
            .collect();
        if self.counts.others() > 0 {
            counts.insert("(others)".to_owned(), self.counts.others().into());
        }
        escape::escape_json(&serde_json::Value::Object(counts).to_string())
    }
}

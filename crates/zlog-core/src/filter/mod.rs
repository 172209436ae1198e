//! Filters records by level, topic, source, time, regular expressions and conditions on fields.

mod condition;
mod field;
mod search;
mod topics;
mod when;

use crate::level::Level;
use crate::record::Record;
use crate::wire::json::Prefilter;
use crate::wire::topic::level_of;

pub use condition::{Condition, ConditionError};
pub use field::FieldPath;
pub use search::TextFilter;
pub use topics::Topics;
pub use when::{Moment, Span};

/// The conditions for a record to pass. The default passes every record.
///
/// A record without a level passes `min_level` unless `strict_level` is set, and one without a time passes `since` and
/// `until`: excluding it would be a loss that nobody sees. A record without a source does not
/// pass `from_source`.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// This level and above, by number, so that custom levels count, too. A record whose body
    /// gives no level has that of its topic.
    pub min_level: Option<Level>,
    /// A record without a level does not pass `min_level`.
    pub strict_level: bool,
    /// Which topics.
    pub topics: Topics,
    /// Any of these sources: each is the whole name or its beginning.
    pub from_source: Vec<String>,
    /// Not before this: seconds since 1970-01-01 UTC.
    pub since: Option<f64>,
    /// Before this: seconds since 1970-01-01 UTC.
    pub until: Option<f64>,
    /// All of these.
    pub conditions: Vec<Condition>,
    /// Regular expressions that the text must match, or must not.
    pub text: TextFilter,
}

impl Filter {
    /// Whether the record passes. The cheap conditions come first; a message without arguments
    /// costs no allocation.
    pub fn accepts(&mut self, record: &Record<'_>) -> bool {
        self.accepts_level(record)
            && self.topics.accepts(&record.topic)
            && self.accepts_source(record)
            && self.accepts_time(record)
            && self.conditions.iter().all(|condition| condition.accepts(record))
            && self.text.accepts(record)
    }

    /// A check that rejects objects before they are read in whole. `None` if this filter always needs the
    /// whole record.
    pub fn prefilter(&self) -> Option<Prefilter> {
        let (least, text) = (self.min_level, self.text.clone());
        if least.is_none() && !text.can_prefilter() {
            return None;
        }
        let is_below = move |level| least.is_some_and(|least| level < least);
        Some(Prefilter::new(move |level, object| is_below(level) || text.rejects_json(object)))
    }

    fn accepts_level(&self, record: &Record<'_>) -> bool {
        let Some(least) = self.min_level else { return true };
        match level_of(record) {
            Level::NOTSET => !self.strict_level,
            level => level >= least,
        }
    }

    fn accepts_source(&self, record: &Record<'_>) -> bool {
        let Some(source) = record.source.as_deref() else { return self.from_source.is_empty() };
        self.from_source.is_empty()
            || self.from_source.iter().any(|wanted| source.starts_with(wanted.as_str()))
    }

    fn accepts_time(&self, record: &Record<'_>) -> bool {
        let Some(time) = record.time() else { return true };
        // Comparisons with NaN are false: NaN counts as no time.
        !self.since.is_some_and(|since| time < since)
            && !self.until.is_some_and(|until| time >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record<'static> {
        Record {
            topic: "app.ERROR.db".into(),
            msg: "disk full".into(),
            level: Level::ERROR,
            created: Some(100.0),
            source: Some("web:17".into()),
            exc_text: Some("Traceback".into()),
            ..Record::default()
        }
    }

    #[test]
    fn a_filter_without_conditions_passes_everything() {
        assert!(Filter::default().accepts(&record()));
        assert!(Filter::default().accepts(&Record::default()));
    }

    #[test]
    fn levels_are_compared_by_number() {
        let mut filter = Filter { min_level: Some(Level(35)), ..Filter::default() };
        for (level, passes) in [(34, false), (35, true), (40, true), (-1, false), (99, true)] {
            let record = Record { level: Level(level), ..Record::default() };
            assert_eq!(filter.accepts(&record), passes, "{level}");
        }
    }

    #[test]
    fn a_record_without_a_level_passes_unless_its_topic_has_a_lower_one() {
        let mut filter = Filter { min_level: Some(Level::WARNING), ..Filter::default() };
        let with_topic = |topic: &'static str| Record { topic: topic.into(), ..Record::default() };
        assert!(filter.accepts(&with_topic("")));
        assert!(filter.accepts(&with_topic("app")));
        assert!(filter.accepts(&with_topic("app.NOTSET")));
        assert!(filter.accepts(&with_topic("app.ERROR")));
        assert!(!filter.accepts(&with_topic("app.INFO")));
    }

    #[test]
    fn a_strict_level_excludes_records_without_a_level() {
        for least in [Level::WARNING, Level::NOTSET] {
            let mut filter =
                Filter { min_level: Some(least), strict_level: true, ..Filter::default() };
            assert!(!filter.accepts(&Record::default()));
            assert!(!filter.accepts(&Record { topic: "app.NOTSET".into(), ..Record::default() }));
            assert!(filter.accepts(&Record { topic: "app.ERROR".into(), ..Record::default() }));
            assert!(filter.accepts(&record()));
        }
    }

    #[test]
    fn a_source_matches_by_its_whole_name_or_its_beginning() {
        for (wanted, passes) in [("web:17", true), ("web", true), ("eb", false), ("web:177", false)]
        {
            let mut filter = Filter { from_source: vec![wanted.into()], ..Filter::default() };
            assert_eq!(filter.accepts(&record()), passes, "{wanted}");
            assert!(!filter.accepts(&Record::default()), "no source is not that source");
        }
    }

    #[test]
    fn times_outside_the_bounds_are_excluded_and_missing_times_are_not() {
        let mut filter = Filter { since: Some(100.0), until: Some(200.0), ..Filter::default() };
        for (time, passes) in
            [(99.9, false), (100.0, true), (199.9, true), (200.0, false), (f64::NAN, true)]
        {
            let record = Record { created: Some(time), ..Record::default() };
            assert_eq!(filter.accepts(&record), passes, "{time}");
            let arrived = Record { received: Some(time), ..Record::default() };
            assert_eq!(filter.accepts(&arrived), passes, "{time}");
        }
        assert!(filter.accepts(&Record::default()));
    }

    #[test]
    fn every_condition_and_the_text_must_match() {
        let filter = |conditions: &[&str], grep: &str| Filter {
            conditions: conditions.iter().map(|text| text.parse().unwrap()).collect(),
            text: TextFilter::new(vec![grep.parse().unwrap()], false, Vec::new()),
            ..Filter::default()
        };
        for (conditions, grep, passes) in [
            (&["level=error", "source~web"][..], "disk", true),
            (&["level=error", "source=web"], "disk", false),
            (&["level=error"], "tape", false),
        ] {
            assert_eq!(filter(conditions, grep).accepts(&record()), passes, "{conditions:?}");
        }
    }
}

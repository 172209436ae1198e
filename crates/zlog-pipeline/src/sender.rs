//! The fields that an emitter adds to each record: who sent it, from where, and when.
//!
//! The publisher adds the sequence number.

use std::borrow::Cow;

use crate::os::clock::now;
use zlog_core::wire::json::milliseconds;
use zlog_core::wire::topic;
use zlog_core::{Level, RawJson, Record};

/// Describes records whose topic [`SenderFields::fill`] has removed.
pub const OUTSIDE_ROOT: &str =
    "with a topic outside the root, published under the root (--trust-topic keeps their topics)";

/// The fields that an emitting process fills in where a record lacks them, and the root of
/// its topics.
///
/// The texts that a record borrows are `'static`, so that a record of any lifetime can borrow
/// them. A process makes a few of these in its life, and leaks some hundred bytes for each.
#[derive(Clone, Debug)]
pub struct SenderFields {
    /// The beginning of topics; empty if they begin with the level.
    pub root: String,
    /// Records come from lines that were written before. One without a time of its own is
    /// marked by the extra `inherited_time`: it has the time of the line before it.
    pub stored: bool,
    /// Keep a record's own topic even if it is not under `root`.
    pub trust_topic: bool,
    /// Records come from other programs, which may be elsewhere: the fields of this process are not
    /// theirs.
    pub of_others: bool,
    /// The logger's name.
    pub name: &'static str,
    /// The end of topics, before a record's own subtopic; empty for none.
    pub subtopic: &'static str,
    /// This host's name.
    pub hostname: &'static str,
    /// The sender: unique for each emitting process.
    pub source: &'static str,
    /// The process that logs.
    pub process: i64,
    /// Its name.
    pub process_name: &'static str,
    /// When it began, in seconds since 1970-01-01 UTC.
    pub started: f64,
}

impl SenderFields {
    /// The fields of this process, without a root. `source` is made of the host name, the
    /// process id and random letters.
    ///
    /// Host name and process id alone would repeat: containers share both, and a system uses
    /// ids again. Readers would then report lost records that were not lost.
    pub fn of_this_process(name: &str) -> SenderFields {
        let hostname = gethostname::gethostname().to_string_lossy().into_owned();
        let process = std::process::id();
        let tag: String = std::iter::repeat_with(fastrand::alphanumeric).take(4).collect();
        SenderFields {
            root: String::new(),
            stored: false,
            trust_topic: false,
            of_others: false,
            name: name.to_owned().leak(),
            subtopic: "",
            source: format!("{hostname}:{process}:{}", tag.to_ascii_lowercase()).leak(),
            hostname: hostname.leak(),
            process: i64::from(process),
            process_name: "zlog",
            started: now(),
        }
    }

    /// Milliseconds from this process's start to `created`, to the microsecond.
    fn relative(&self, created: f64) -> f64 {
        ((created - self.started) * 1e6) as i64 as f64 / 1e3
    }

    /// Fills in what `record` lacks. Returns whether its own topic was not under the root and
    /// was removed. Allocates only to join two subtopics, or to remove a topic.
    pub fn fill(&self, record: &mut Record<'_>) -> bool {
        let outside = self.is_outside(&record.topic);
        if outside {
            remove_topic(record);
        }
        if self.stored && record.created.is_none() && record.received.is_some() {
            let mark = (Cow::Borrowed("inherited_time"), RawJson(Cow::Borrowed("true")));
            record.extras.push(mark);
        }
        // The time of reading is the best guess, and saves a look at the clock per record.
        let created = *record.created.get_or_insert_with(|| record.received.unwrap_or_else(now));
        record.msecs.get_or_insert(milliseconds(created));
        // Only a complete `LogRecord` has this time: its process was left out on purpose
        // (`logging.logProcesses`).
        if record.relative_created.is_none() && !self.of_others {
            record.relative_created = Some(self.relative(created));
            record.process.get_or_insert(self.process);
            record.process_name.get_or_insert(Cow::Borrowed(self.process_name));
        }
        if !self.of_others {
            record.name.get_or_insert(Cow::Borrowed(self.name));
            record.hostname.get_or_insert(Cow::Borrowed(self.hostname));
        }
        // Never the record's own source: `seq` counts what this process sends.
        record.source = Some(Cow::Borrowed(self.source));
        record.seq = None;
        if record.topic.is_empty() && !self.subtopic.is_empty() {
            record.subtopic = match &*record.subtopic {
                "" => Cow::Borrowed(self.subtopic),
                own => Cow::Owned(format!("{}.{own}", self.subtopic)),
            };
        }
        outside
    }

    /// Whether a record's own topic must not be used. Lines of text can carry one (stored
    /// records do), and whoever writes them must not publish under another program's topics.
    fn is_outside(&self, topic: &str) -> bool {
        !topic.is_empty() && !self.trust_topic && !topic::is_under(topic, &self.root)
    }
}

/// Removes a record's topic, and keeps its subtopic, and its level and name where the record
/// has none.
#[cold]
fn remove_topic(record: &mut Record<'_>) {
    let whole = std::mem::take(&mut record.topic);
    let parts = topic::parse(&whole);
    if record.subtopic.is_empty() {
        record.subtopic = Cow::Owned(parts.subtopic.to_owned());
    }
    if record.level == Level::NOTSET {
        record.level = parts.level.unwrap_or_default();
    }
    if record.name.is_none() && !parts.root.is_empty() {
        record.name = Some(Cow::Owned(parts.root.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_different() {
        let sources: std::collections::HashSet<&str> =
            (0..50).map(|_| SenderFields::of_this_process("x").source).collect();
        assert!(sources.len() > 45, "{} different sources of 50", sources.len());
    }

    #[test]
    fn a_record_keeps_its_own_fields() {
        let sender = SenderFields::of_this_process("app");
        let said = Record {
            name: Some("db".into()),
            created: Some(5.25),
            process: Some(7),
            ..Record::default()
        };
        let mut record = said;
        sender.fill(&mut record);
        assert_eq!((record.name.as_deref(), record.process), (Some("db"), Some(7)));
        assert_eq!((record.created, record.msecs), (Some(5.25), Some(250.0)));
        assert_eq!(record.source.as_deref(), Some(sender.source));
    }

    #[test]
    fn milliseconds_are_exact() {
        let sender = SenderFields::of_this_process("app");
        for millis in 0..1000 {
            let created = Some(1_704_164_645.0 + f64::from(millis) / 1e3);
            let mut record = Record { created, ..Record::default() };
            sender.fill(&mut record);
            assert_eq!(record.msecs, Some(f64::from(millis)));
        }
    }

    #[test]
    fn a_process_that_python_left_out_stays_out() {
        let mut record = Record { relative_created: Some(5.0), ..Record::default() };
        SenderFields::of_this_process("app").fill(&mut record);
        assert_eq!((record.process, record.process_name), (None, None));
        assert!(record.hostname.is_some());
    }

    #[test]
    fn records_of_other_programs_get_no_fields_of_this_process() {
        let sender = SenderFields { of_others: true, ..SenderFields::of_this_process("app") };
        let mut record = Record::default();
        sender.fill(&mut record);
        assert_eq!((&record.name, &record.hostname), (&None, &None));
        assert_eq!((record.process, record.relative_created), (None, None));
        assert_eq!(record.source.as_deref(), Some(sender.source));
    }

    #[test]
    fn a_topic_outside_the_root_gives_only_its_level_name_and_subtopic() {
        let brought = |topic: &'static str| Record { topic: topic.into(), ..Record::default() };
        let mut sender = SenderFields::of_this_process("app");
        sender.root = "app".into();
        let mut record = brought("bank.CRITICAL.transfer");
        assert!(sender.fill(&mut record));
        assert_eq!((&*record.topic, &*record.subtopic), ("", "transfer"));
        assert_eq!((record.level, record.name.as_deref()), (Level::CRITICAL, Some("bank")));

        let mut record = brought("app.ERROR.db");
        assert!(!sender.fill(&mut record));
        assert_eq!(record.topic, "app.ERROR.db");

        sender.trust_topic = true;
        let mut record = brought("bank.CRITICAL.transfer");
        assert!(!sender.fill(&mut record));
        assert_eq!(record.topic, "bank.CRITICAL.transfer");
    }

    #[test]
    fn a_records_own_subtopic_follows_the_configured_one() {
        let mut sender = SenderFields::of_this_process("app");
        sender.subtopic = "eu";
        for (own, whole) in [("db", "eu.db"), ("", "eu")] {
            let mut record = Record { subtopic: own.into(), ..Record::default() };
            sender.fill(&mut record);
            assert_eq!(record.subtopic, whole);
        }
    }
}

//! What an emitter adds to each record: who sent it, from where, when.
//!
//! What may be here: values that are the same for every record of a process, or
//! that follow from the clock. The sequence number is the publisher's.

use std::borrow::Cow;

use crate::os::clock::now;
use zlog_core::record::{Level, Record};
use zlog_core::wire::topic;

/// The words for records of which [`SenderFields::fill`] took the topic away.
pub const OUTSIDE_ROOT: &str =
    "with a topic outside the root, published under the root (--trust-topic keeps their own)";

/// The fields that an emitting process fills in where a record lacks them, and the root
/// that its topics have.
///
/// The texts that a record borrows are `'static`, so that a record may have any lifetime. A
/// process makes a few stamps in its life and leaks their texts, some hundred bytes.
#[derive(Clone, Debug)]
pub struct SenderFields {
    /// What topics begin with; empty: they begin with the level.
    pub root: String,
    /// Keep a topic that a record brings along even if it is not under `root`.
    pub trust_topic: bool,
    /// The logger's name.
    pub name: &'static str,
    /// What topics end with; comes before a line's own subtopic. Empty for none.
    pub subtopic: &'static str,
    /// This host's name.
    pub hostname: &'static str,
    /// Who sends: unique for each emitting process.
    pub source: &'static str,
    /// The process that logs.
    pub process: i64,
    /// Its name.
    pub process_name: &'static str,
    /// When it began, in seconds since 1970-01-01 UTC.
    pub started: f64,
}

impl SenderFields {
    /// A stamp for this process, without a root and with a source made from host, process and chance.
    ///
    /// Host and process alone repeat: containers share names and process numbers,
    /// and a system uses its numbers again. A source that repeats would make
    /// readers see holes in `seq` that are none.
    pub fn of_this_process(name: &str) -> SenderFields {
        let hostname = gethostname::gethostname().to_string_lossy().into_owned();
        let process = std::process::id();
        let tag: String = std::iter::repeat_with(fastrand::alphanumeric).take(4).collect();
        SenderFields {
            root: String::new(),
            trust_topic: false,
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

    /// Fills in what `record` lacks. Returns whether its own topic was not under the root
    /// and was taken away. Allocates only to join two subtopics, or to take a topic apart.
    pub fn fill(&self, record: &mut Record<'_>) -> bool {
        let outside = self.is_outside(&record.topic);
        if outside {
            take_topic_apart(record);
        }
        // When it was read is when it was made, as near as anybody can tell; it
        // spares a look at the clock for each record.
        let created = *record.created.get_or_insert_with(|| record.received.unwrap_or_else(now));
        // As CPython: whole milliseconds, the rest cut off.
        record.msecs.get_or_insert(((created - created as i64 as f64) * 1e3) as i64 as f64);
        record.relative_created.get_or_insert_with(|| self.relative(created));
        record.name.get_or_insert(Cow::Borrowed(self.name));
        record.process.get_or_insert(self.process);
        record.process_name.get_or_insert(Cow::Borrowed(self.process_name));
        record.hostname.get_or_insert(Cow::Borrowed(self.hostname));
        // Never the record's own: `seq` counts what this process sends.
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

    /// Whether a topic that a record brings along may not be used. Lines of text can bring
    /// one along (stored records do), and whoever writes them must not be able to write
    /// into the topics of another program.
    fn is_outside(&self, topic: &str) -> bool {
        !topic.is_empty() && !self.trust_topic && !topic::is_under(topic, &self.root)
    }
}

/// Keeps of a record's topic what is not its root: the subtopic, and the level and the
/// name where the record does not say them itself.
#[cold]
fn take_topic_apart(record: &mut Record<'_>) {
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
    fn two_processes_never_share_a_source() {
        let sources: std::collections::HashSet<&str> =
            (0..50).map(|_| SenderFields::of_this_process("x").source).collect();
        assert!(sources.len() > 45, "chance keeps even one process's stamps apart");
    }

    #[test]
    fn a_record_keeps_what_it_says_itself() {
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
    fn a_topic_outside_the_root_gives_its_level_name_and_subtopic_and_no_more() {
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
    fn a_lines_own_subtopic_follows_the_given_one() {
        let mut sender = SenderFields::of_this_process("app");
        sender.subtopic = "eu";
        for (own, whole) in [("db", "eu.db"), ("", "eu")] {
            let mut record = Record { subtopic: own.into(), ..Record::default() };
            sender.fill(&mut record);
            assert_eq!(record.subtopic, whole);
        }
    }
}

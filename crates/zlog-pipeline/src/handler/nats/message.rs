//! Messages of records: subject, identity and body, as the spool keeps them.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;

use crate::handler::publish::append_seq;
use crate::handler::topic::write_topic;
use zlog_core::Record;
use zlog_core::topic_table::TopicTable;
use zlog_core::wire::{json, subject};

/// The most topics that are numbered, as when publishing on ZeroMQ.
const MAX_TOPICS: usize = 65_536;
/// The longest subject, in bytes. Servers end the connection at a command of more than 4,096
/// (`max_control_line`), in which there are also the address for the confirmation and two lengths.
pub(super) const MAX_SUBJECT: usize = 3840;
/// The longest identity made of a record's own fields.
const MAX_ID: usize = 1024;
/// Lengths of subject and identity before them.
const HEAD: usize = 4;

/// Makes messages.
pub(super) struct MessageWriter {
    prefix: String,
    root: String,
    /// The last number of each source and topic, for records without one.
    topics: TopicTable<u64>,
    /// The beginning of identities for these, unlike that of any other handler.
    instance: String,
    /// How many of them there were.
    numbered: u64,
    json: json::Writer,
    // Reused for each record.
    topic: String,
    subject: String,
    id: String,
}

impl MessageWriter {
    pub(super) fn new(prefix: &str, root: &str) -> MessageWriter {
        MessageWriter {
            prefix: prefix.to_owned(),
            root: root.to_owned(),
            topics: TopicTable::new(MAX_TOPICS),
            instance: std::iter::repeat_with(fastrand::alphanumeric).take(12).collect(),
            numbered: 0,
            json: json::Writer::default(),
            topic: String::new(),
            subject: String::new(),
            id: String::new(),
        }
    }

    /// Appends the message of a record. One whose subject is too long has no subject, and is refused
    /// later: see [`Entry`].
    pub(super) fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        // Without a root, a record without a topic has the one by which `tail` and routes find it.
        write_topic(record, &self.root, self.root.is_empty(), &mut self.topic);
        self.subject.clear();
        self.subject.push_str(&self.prefix);
        self.subject.push('.');
        subject::encode(self.topic.as_bytes(), &mut self.subject);
        if self.subject.len() > MAX_SUBJECT {
            self.subject.clear();
        }
        self.write_id(record);
        for text in [&self.subject, &self.id] {
            // Both are far shorter.
            out.extend_from_slice(&u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
        }
        out.extend_from_slice(self.subject.as_bytes());
        out.extend_from_slice(self.id.as_bytes());
        self.json.write(record, out);
        if record.seq.is_none()
            && let Some(seq) = self.next_seq(record)
        {
            append_seq(out, seq);
        }
    }

    /// The identity by which a server recognises a record that comes again: source, topic and number,
    /// and the time. The same record has the same identity on all ways. The time tells the records of
    /// a program from those of its last run, if it was given the same source (`emit --source`).
    ///
    /// A record without source or number has an identity of this handler.
    fn write_id(&mut self, record: &Record<'_>) {
        self.id.clear();
        if let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) {
            subject::encode(source.as_bytes(), &mut self.id);
            self.id.push('/');
            subject::encode(self.topic.as_bytes(), &mut self.id);
            let micros = record.created.map_or(0, |created| (created * 1e6) as i64);
            // Writing to a string can't fail.
            let _ = write!(self.id, "/{seq}/{micros}");
        }
        if self.id.is_empty() || self.id.len() > MAX_ID {
            self.id.clear();
            self.numbered += 1;
            let _ = write!(self.id, "{}/{}", self.instance, self.numbered);
        }
    }

    /// The next number of the record's source and topic. `None` if there are too many topics.
    fn next_seq(&mut self, record: &Record<'_>) -> Option<u64> {
        let source = record.source.as_deref().unwrap_or_default();
        let seq = self.topics.get_or_insert_with(source, &self.topic, || 0, |_| true)?;
        *seq = seq.saturating_add(1);
        Some(*seq)
    }
}

/// Where the parts of a message are in its bytes.
pub(super) struct Entry {
    /// The subject; `None` if it is too long.
    pub(super) subject: Option<Range<usize>>,
    pub(super) id: Range<usize>,
    pub(super) body: Range<usize>,
}

impl Entry {
    /// Reads what [`MessageWriter::write`] wrote to `range` of `text`. `None` for anything else.
    pub(super) fn read(text: &Bytes, range: Range<usize>) -> Option<Entry> {
        let message = text.get(range.clone())?;
        let length = |at: usize| {
            Some(usize::from(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?])))
        };
        let subject = range.start + HEAD;
        let id = subject + length(0)?;
        let body = id + length(2)?;
        let subject = Some(subject..id).filter(|subject| !subject.is_empty());
        let entry = Entry { subject, id: id..body, body: body..range.end };
        (entry.body.start <= range.end).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlog_core::Level;

    fn record(source: &'static str, seq: Option<u64>) -> Record<'static> {
        Record {
            msg: "hello".into(),
            level: Level::ERROR,
            created: Some(5.25),
            source: Some(source.into()),
            seq,
            ..Record::default()
        }
    }

    /// Subject, identity and body.
    fn written(
        writer: &mut MessageWriter,
        record: &Record<'_>,
    ) -> (Option<String>, String, String) {
        let mut out = b"before".to_vec();
        writer.write(record, &mut out);
        let text = Bytes::from(out);
        let entry = Entry::read(&text, 6..text.len()).unwrap();
        let part = |range: Range<usize>| String::from_utf8(text[range].to_vec()).unwrap();
        (entry.subject.map(part), part(entry.id), part(entry.body))
    }

    #[test]
    fn a_record_with_source_and_number_has_an_identity_of_them() {
        let mut writer = MessageWriter::new("zlog", "app");
        let (subject, id, body) = written(&mut writer, &record("host:1 a", Some(7)));
        assert_eq!(subject.as_deref(), Some("zlog.app.ERROR"));
        assert_eq!(id, "host:1%20a/app.ERROR/7/5250000");
        assert!(body.contains(r#""msg":"hello""#) && body.ends_with('}'), "{body}");
    }

    #[test]
    fn a_record_without_a_number_gets_the_next_of_its_topic_and_an_identity_of_the_handler() {
        let mut writer = MessageWriter::new("zlog", "");
        let (_, first, body) = written(&mut writer, &record("a", None));
        assert!(body.contains(r#""seq":1"#), "{body}");
        let (_, second, body) = written(&mut writer, &record("a", None));
        assert!(body.contains(r#""seq":2"#), "{body}");
        assert_ne!(first, second);
        let (_, other, body) = written(&mut MessageWriter::new("zlog", ""), &record("a", None));
        assert!(body.contains(r#""seq":1"#), "{body}");
        assert!(other != first && other.ends_with("/1"), "{other} {first}");
    }

    #[test]
    fn a_topic_that_makes_too_long_a_subject_has_none() {
        let mut writer = MessageWriter::new("zlog", "");
        let long = Record { topic: "x".repeat(MAX_SUBJECT - 5).into(), ..record("a", Some(1)) };
        assert_eq!(written(&mut writer, &long).0.map(|subject| subject.len()), Some(MAX_SUBJECT));
        let longer = Record { topic: "x".repeat(MAX_SUBJECT - 4).into(), ..record("a", Some(1)) };
        let (subject, id, _) = written(&mut writer, &longer);
        assert_eq!(subject, None);
        assert!(id.len() < 20, "{id}");
    }
}

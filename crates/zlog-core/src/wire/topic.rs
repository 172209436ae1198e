//! Topics: `<root>.<LEVEL>[.<subtopic>]`, PyZMQ's `PUBHandler` scheme.
//!
//! The root may be empty and may contain dots. The first part that is a level name is the
//! level.

use crate::level::Level;
use crate::record::Record;

/// The parts of a topic, borrowed from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Topic<'a> {
    /// The part before the level; empty for none. Without a level, the whole topic.
    pub root: &'a str,
    /// The first part that is a level name.
    pub level: Option<Level>,
    /// The part after the level; empty for none.
    pub subtopic: &'a str,
}

/// Splits a topic into its parts. Never fails: a topic without a level is all root.
pub fn parse(topic: &str) -> Topic<'_> {
    let mut start = 0;
    for part in topic.split('.') {
        let end = start + part.len();
        if let Some(level) = Level::from_name(part) {
            return Topic {
                root: topic[..start].strip_suffix('.').unwrap_or(""),
                level: Some(level),
                subtopic: topic.get(end + 1..).unwrap_or(""),
            };
        }
        start = end + 1;
    }
    Topic { root: topic, level: None, subtopic: "" }
}

/// Longer topics are not remembered: senders must not take memory.
const MAX_REMEMBERED: usize = 256;

/// Splits topics one after the other. The same topic again is not split again.
#[derive(Debug, Default)]
pub(super) struct Parser {
    last: String,
    /// Length of its root, its level, and where its subtopic begins.
    parts: (usize, Option<Level>, usize),
}

impl Parser {
    /// As [`parse`].
    pub(super) fn parse<'t>(&mut self, topic: &'t str) -> Topic<'t> {
        if topic != self.last {
            let parts = parse(topic);
            if topic.len() > MAX_REMEMBERED {
                return parts;
            }
            topic.clone_into(&mut self.last);
            self.parts = (parts.root.len(), parts.level, topic.len() - parts.subtopic.len());
        }
        let (root, level, subtopic) = self.parts;
        Topic { root: &topic[..root], level, subtopic: &topic[subtopic..] }
    }
}

/// Overwrites `out` with a topic.
pub fn write(out: &mut String, root: &str, level_name: &str, subtopic: &str) {
    write_under(out, root, "", level_name, subtopic);
}

/// As [`write()`], with a logger's name after the root. Either may be empty.
pub fn write_under(out: &mut String, root: &str, name: &str, level_name: &str, subtopic: &str) {
    out.clear();
    for part in [root, name] {
        if !part.is_empty() {
            out.push_str(part);
            out.push('.');
        }
    }
    out.push_str(level_name);
    if !subtopic.is_empty() {
        out.push('.');
        out.push_str(subtopic);
    }
}

/// Whether a topic belongs to `root`: it begins with `root` and a dot or, for an empty
/// root, with a level.
pub fn is_under(topic: &str, root: &str) -> bool {
    match root {
        "" => matches!(parse(topic), Topic { root: "", level: Some(_), .. }),
        root => topic.strip_prefix(root).is_some_and(|rest| rest.starts_with('.')),
    }
}

/// The topic of a record. Without one, the topic that `emit` would set, with the logger's
/// name as the root; it is written to `scratch`.
pub fn of<'r>(record: &'r Record<'_>, scratch: &'r mut String) -> &'r str {
    if !record.topic.is_empty() {
        return &record.topic;
    }
    let root = record.name.as_deref().unwrap_or("");
    write(scratch, root, &record.level_name(), &record.subtopic);
    scratch
}

/// The level of a record; without one, the level of its topic.
pub fn level_of(record: &Record<'_>) -> Level {
    match record.level {
        Level::NOTSET => parse(&record.topic).level.unwrap_or(Level::NOTSET),
        level => level,
    }
}

/// The topic of a record without the part that says its level. The whole topic if none does.
pub(crate) fn without_level<'r>(record: &'r Record<'_>, scratch: &'r mut String) -> &'r str {
    let own = record.levelname.as_deref();
    let says_level = |part: &str| {
        Some(part) == own || Level::from_name(part).is_some_and(|level| level == record.level)
    };
    let mut start = 0;
    for part in record.topic.split('.') {
        let end = start + part.len();
        if says_level(part) {
            let (before, after) = (&record.topic[..start], &record.topic[end..]);
            if after.is_empty() {
                return before.strip_suffix('.').unwrap_or(before);
            }
            scratch.clear();
            scratch.push_str(before);
            scratch.push_str(&after[1..]);
            return scratch;
        }
        start = end + 1;
    }
    &record.topic
}

/// Reads a part of a topic as users type it.
///
/// # Errors
/// It contains control characters.
pub fn typed_part(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".into());
    }
    Ok(text.trim_matches('.').to_owned())
}

/// Reads a root as users type it.
///
/// # Errors
/// One of its parts is the name of a level, or it contains control characters.
pub fn typed_root(text: &str) -> Result<String, String> {
    let root = typed_part(text)?;
    if let Some(part) = root.split('.').find(|part| Level::from_name(part).is_some()) {
        return Err(format!("`{part}` would be read as the level: choose another name"));
    }
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(topic: &str) -> (&str, Option<i32>, &str) {
        let t = parse(topic);
        (t.root, t.level.map(|l| l.0), t.subtopic)
    }

    #[test]
    fn the_first_part_that_is_a_level_name_is_the_level() {
        assert_eq!(parts("myprogram.ERROR"), ("myprogram", Some(40), ""));
        assert_eq!(parts("my.program.ERROR.db.INFO"), ("my.program", Some(40), "db.INFO"));
        assert_eq!(parts("INFO"), ("", Some(20), ""));
        assert_eq!(parts("INFO.db"), ("", Some(20), "db"));
        assert_eq!(parts("app.Level 35.x"), ("app", Some(35), "x"));
        assert_eq!(parts("app.ERRORS"), ("app.ERRORS", None, ""));
        assert_eq!(parts("app.WARN"), ("app", Some(30), ""));
        assert_eq!(parts(""), ("", None, ""));
    }

    #[test]
    fn a_loggers_name_stands_between_root_and_level() {
        let mut out = String::from("old");
        for (root, name, want) in [
            ("shop", "app.db", "shop.app.db.INFO"),
            ("", "app.db", "app.db.INFO"),
            ("shop", "", "shop.INFO"),
        ] {
            write_under(&mut out, root, name, "INFO", "");
            assert_eq!(out, want);
        }
    }

    #[test]
    fn a_topic_belongs_to_its_root_at_a_dot() {
        for topic in ["app.ERROR", "app.db.INFO", "app."] {
            assert!(is_under(topic, "app"), "{topic}");
        }
        for topic in ["app", "apps.ERROR", "bank.ERROR", "ERROR.app", ""] {
            assert!(!is_under(topic, "app"), "{topic}");
        }
        assert!(is_under("a.b.INFO", "a.b") && !is_under("a.INFO", "a.b"));
        assert!(is_under("ERROR.db", "") && is_under("Level 7", ""));
        assert!(!is_under("bank.ERROR", "") && !is_under("bank", "") && !is_under("", ""));
    }

    #[test]
    fn a_topic_is_split_alike_whatever_was_split_before_it() {
        let long = format!("{}.ERROR.db", "x".repeat(MAX_REMEMBERED));
        let topics = ["", "app.INFO", "app.INFO.db", "app", "INFO", "app.INFO.dc", &long];
        let mut parser = Parser::default();
        for (one, other) in topics.iter().flat_map(|a| topics.iter().map(move |b| (a, b))) {
            for topic in [one, one, other] {
                assert_eq!(parser.parse(topic), parse(topic));
            }
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut out = String::from("old");
        for (root, level, sub) in [("", "INFO", ""), ("a.b", "ERROR", "c.d"), ("x", "Level 7", "")]
        {
            write(&mut out, root, level, sub);
            let topic = parse(&out);
            assert_eq!(
                (topic.root, topic.level.map(Level::name).as_deref(), topic.subtopic),
                (root, Some(level), sub)
            );
        }
    }

    #[test]
    fn a_root_with_a_level_among_its_parts_is_refused() {
        assert_eq!(typed_root("my.program."), Ok("my.program".into()));
        assert!(typed_root("my.ERROR").unwrap_err().contains("ERROR"));
        assert!(typed_root("a\x1bb").is_err());
    }
}

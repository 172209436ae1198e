//! Filters topics by prefix and root, and computes the subscriptions for them.

use crate::error::{Error, Result};
use crate::level::Level;
use crate::wire::topic;

/// Every level name that may stand in a topic. Custom levels are `Level N`.
const LEVEL_NAMES: [&str; 8] =
    ["DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTSET"];

/// The beginning of every custom level in a topic.
const CUSTOM_LEVEL_PREFIX: &str = "Level ";

/// Which topics pass: those with one of the prefixes or roots (all topics when there are
/// neither), except the excluded ones.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    /// Any of these prefixes, compared byte by byte as ZeroMQ does.
    pub prefixes: Vec<String>,
    /// Any of these roots, exactly: the root of `app.ERROR.db` is `app`. A topic without a
    /// level has no root; only a prefix matches it.
    pub roots: Vec<String>,
    /// Prefixes of topics to exclude.
    pub excluded: Vec<String>,
    /// Prefixes match only whole parts of a topic: `app.ERROR` then matches `app.ERROR.db`,
    /// and not `app.ERRORS`.
    pub whole_parts: bool,
}

impl Topics {
    /// Refuses roots that no topic can have, which would match nothing.
    ///
    /// # Errors
    /// A root contains a level; the root of a topic ends before its first level.
    pub fn check(&self) -> Result<()> {
        match self.roots.iter().find(|root| topic::parse(root).level.is_some()) {
            None => Ok(()),
            Some(root) => Err(Error::usage(format!("no topic has the root {root:?}")).hint(format!(
                "A root ends before the first level. To match topics by prefix, give {root:?} as TOPIC."
            ))),
        }
    }

    /// Whether every topic passes.
    pub fn accept_all(&self) -> bool {
        self.prefixes.is_empty() && self.roots.is_empty() && self.excluded.is_empty()
    }

    /// Whether the topic passes.
    pub fn accepts(&self, topic: &str) -> bool {
        self.includes(topic) && !self.any_prefix(&self.excluded, topic)
    }

    fn includes(&self, topic: &str) -> bool {
        (self.prefixes.is_empty() && self.roots.is_empty())
            || self.any_prefix(&self.prefixes, topic)
            || self.has_root(topic)
    }

    fn has_root(&self, topic: &str) -> bool {
        if self.roots.is_empty() {
            return false;
        }
        let parts = topic::parse(topic);
        parts.level.is_some() && self.roots.iter().any(|root| root == parts.root)
    }

    fn any_prefix(&self, prefixes: &[String], topic: &str) -> bool {
        prefixes.iter().any(|prefix| {
            topic.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                !self.whole_parts
                    || rest.is_empty()
                    || rest.starts_with('.')
                    || prefix.is_empty()
                    || prefix.ends_with('.')
            })
        })
    }

    /// The prefixes to subscribe to, so that every record that passes these topics and
    /// `min_level` arrives, and few others do. They are sorted, and none covers another.
    ///
    /// A root becomes one prefix for each level name from `min_level` up, so that lower levels
    /// never cross the wire. A prefix can't tell custom levels (`Level N`) apart, so all of
    /// them arrive and [`Filter`](super::Filter) decides. `NOTSET` is always included, because
    /// a record without a level passes every `min_level`. Without prefixes and roots, the empty
    /// prefix subscribes to everything.
    ///
    /// `whole_parts` changes nothing here: ZeroMQ can't express where a prefix must end.
    pub fn subscriptions(&self, min_level: Option<Level>) -> Vec<Vec<u8>> {
        let mut prefixes: Vec<Vec<u8>> =
            self.prefixes.iter().map(|prefix| prefix.clone().into_bytes()).collect();
        let names = LEVEL_NAMES.into_iter().filter(|name| passes(name, min_level));
        let names: Vec<&str> = names.chain([CUSTOM_LEVEL_PREFIX]).collect();
        let mut written = String::new();
        for root in &self.roots {
            for name in &names {
                topic::write(&mut written, root, name, "");
                prefixes.push(written.clone().into_bytes());
            }
        }
        if prefixes.is_empty() {
            return vec![Vec::new()];
        }
        // After sorting, a prefix is followed by those that it covers.
        prefixes.sort_unstable();
        prefixes.dedup_by(|next, kept| next.starts_with(kept));
        prefixes
    }
}

fn passes(name: &str, min_level: Option<Level>) -> bool {
    let level = Level::from_name(name).unwrap_or(Level::NOTSET);
    level == Level::NOTSET || min_level.is_none_or(|least| level >= least)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::Filter;
    use crate::record::Record;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn subscribed(topics: &[&str], roots: &[&str], level: Option<Level>) -> Vec<String> {
        Topics { prefixes: strings(topics), roots: strings(roots), ..Topics::default() }
            .subscriptions(level)
            .into_iter()
            .map(|prefix| String::from_utf8(prefix).unwrap())
            .collect()
    }

    #[test]
    fn whole_parts_end_at_a_dot_or_at_the_end() {
        let topics =
            Topics { prefixes: strings(&["app.ERROR"]), whole_parts: true, ..Topics::default() };
        for (topic, passes) in [
            ("app.ERROR", true),
            ("app.ERROR.db", true),
            ("app.ERRORS", false),
            ("app.ERROR-2", false),
            ("app", false),
        ] {
            assert_eq!(topics.accepts(topic), passes, "{topic}");
        }
        let dotted = Topics { prefixes: strings(&["app."]), ..topics.clone() };
        assert!(dotted.accepts("app.ERRORS"));
        let all = Topics { prefixes: strings(&[""]), ..topics };
        assert!(all.accepts("app"));
    }

    #[test]
    fn excluded_topics_are_left_out_of_the_included_ones() {
        let mut topics = Topics {
            prefixes: strings(&["app"]),
            excluded: strings(&["app.ERROR"]),
            ..Topics::default()
        };
        assert!(topics.accepts("app.INFO"));
        assert!(!topics.accepts("app.ERRORS"));
        topics.whole_parts = true;
        assert!(topics.accepts("app.ERRORS"));
        assert!(!topics.accepts("app.ERROR.db"));
    }

    #[test]
    fn a_root_matches_exactly_and_needs_a_level() {
        let topics = Topics { roots: strings(&["app", ""]), ..Topics::default() };
        for (topic, passes) in [
            ("app.INFO", true),
            ("app.Level 35.db", true),
            ("INFO.db", true),
            ("app.web.INFO", false),
            ("app", false),
            ("", false),
            ("app.INFORMED", false),
        ] {
            assert_eq!(topics.accepts(topic), passes, "{topic}");
        }
    }

    #[test]
    fn a_root_that_contains_a_level_is_refused() {
        let topics = |root| Topics { roots: strings(&[root]), ..Topics::default() };
        assert!(topics("app.web").check().is_ok() && topics("").check().is_ok());
        let error = topics("app.ERROR").check().unwrap_err();
        assert!(error.to_string().contains("app.ERROR"), "{error}");
    }

    #[test]
    fn topics_and_roots_add_up() {
        let topics =
            Topics { prefixes: strings(&["web"]), roots: strings(&["app"]), ..Topics::default() };
        assert!(topics.accepts("website") && topics.accepts("app.INFO"));
        assert!(!topics.accepts("db.INFO"));
    }

    #[test]
    fn without_topics_everything_is_subscribed_to() {
        assert_eq!(subscribed(&[], &[], Some(Level::ERROR)), [""]);
        assert_eq!(subscribed(&["a", ""], &["b"], None), [""]);
    }

    #[test]
    fn a_root_with_a_level_becomes_the_level_names_from_there_up() {
        let expected = ["r.CRITICAL", "r.ERROR", "r.FATAL", "r.Level ", "r.NOTSET", "r.WARN"];
        assert_eq!(subscribed(&[], &["r"], Some(Level::WARNING)), expected);
        let expected = ["CRITICAL", "FATAL", "Level ", "NOTSET"];
        assert_eq!(subscribed(&[], &[""], Some(Level(41))), expected);
    }

    #[test]
    fn a_root_without_a_level_becomes_all_level_names() {
        let expected = [
            "r.CRITICAL",
            "r.DEBUG",
            "r.ERROR",
            "r.FATAL",
            "r.INFO",
            "r.Level ",
            "r.NOTSET",
            "r.WARN",
        ];
        assert_eq!(subscribed(&[], &["r"], None), expected);
    }

    #[test]
    fn a_prefix_that_another_covers_is_left_out() {
        assert_eq!(subscribed(&["app.ERROR", "app", "db", "app"], &[], None), ["app", "db"]);
        let expected = ["r.C", "r.FATAL", "r.Level ", "r.NOTSET"];
        assert_eq!(subscribed(&["r.C"], &["r"], Some(Level::CRITICAL)), expected);
    }

    /// Topics similar to those asked for: a root, a level in any spelling, a subtopic.
    fn a_topic() -> impl Strategy<Value = String> {
        let root = prop_oneof![Just("r"), Just("r.s"), Just(""), Just("x")];
        let level = prop_oneof![
            Just("DEBUG".to_owned()),
            Just("WARN".to_owned()),
            Just("WARNING".to_owned()),
            Just("FATAL".to_owned()),
            Just("NOTSET".to_owned()),
            Just("ERRORS".to_owned()),
            (-60..60i32).prop_map(|number| Level(number).name().into_owned()),
            (-60..60i32).prop_map(|number| format!("Level {number}")),
        ];
        (root, level, prop_oneof![Just(""), Just("db"), Just("db.INFO")]).prop_map(
            |(root, level, subtopic)| {
                let mut topic = String::new();
                topic::write(&mut topic, root, &level, subtopic);
                topic
            },
        )
    }

    proptest! {
        #[test]
        fn prefixes_are_compared_as_zeromq_compares_them(
            wanted in prop::collection::vec("[ab.é]{0,3}", 1..3),
            topic in "[ab.é]{0,5}",
        ) {
            let expected = wanted.iter().any(|w| topic.as_bytes().starts_with(w.as_bytes()));
            let topics = Topics { prefixes: wanted, ..Topics::default() };
            prop_assert_eq!(topics.accepts(&topic), expected);
        }

        #[test]
        fn every_record_that_passes_was_subscribed_to(
            topic in a_topic(),
            least in prop::option::of(-60..60i32),
            roots in prop::collection::vec(prop_oneof![Just("r"), Just("r.s"), Just("")], 0..3),
            wanted in prop::collection::vec(prop_oneof![Just("r.E"), Just("x."), Just("r.s.WARN")], 0..3),
            whole_parts: bool,
        ) {
            let mut filter = Filter {
                min_level: least.map(Level),
                topics: Topics {
                    prefixes: strings(&wanted),
                    roots: strings(&roots),
                    whole_parts,
                    ..Topics::default()
                },
                ..Filter::default()
            };
            let level = topic::parse(&topic).level.unwrap_or_default();
            let record = Record { topic: topic.as_str().into(), level, ..Record::default() };
            let prefixes = filter.topics.subscriptions(filter.min_level);
            let arrives = prefixes.iter().any(|prefix| topic.as_bytes().starts_with(prefix));
            prop_assert!(arrives || !filter.accepts(&record), "{} {:?}", topic, prefixes);
        }
    }
}

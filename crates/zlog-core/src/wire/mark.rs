//! Marks: small messages in which a publisher tells its readers how far it has numbered a topic.
//!
//! A gap in sequence numbers shows a loss only when a later record of the topic arrives. A mark
//! shows it without one. Two kinds of messages exist, of two frames each, both of UTF-8. `U` is the
//! character U+10FFFF, which no text has:
//!
//! | topic | body | meaning |
//! |---|---|---|
//! | `Uzlog.start\0` source | `{}` | From now on, marks of this source have all of its records. |
//! | `Uzlog.mark\0` topic `\0` source `\0` round | `{"first":1,"last":200}` | The records `first` to `last` were published before this. |
//!
//! A *round* begins when subscriptions have changed. First, the publisher sends a mark for each
//! topic with records that it has not marked yet; then it sends the start. `first` is the first
//! number of the topic in the round. So after a start, a reader knows that it had subscribed before
//! `first` was published, also if it has never seen the topic. A later mark of the same round has
//! the same `first`, and may replace an earlier one.
//!
//! A reader subscribes to the marks of its topics, to all starts, and to a *token*, in this order:
//! [`subscriptions`]. The token differs for each reader. A relay therefore passes it on to its publishers,
//! which begin a round. Sockets send their first subscriptions in the order of their bytes. All of
//! these sort behind topics, and a token behind a start: who gets a start has subscribed to its
//! topics.
//!
//! The publisher sends marks only to those who have subscribed to a prefix that begins with
//! [`RESERVED`]: other readers would show them as records.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Topics of zlog itself begin with this.
pub const RESERVED: &[u8] = "\u{10ffff}zlog.".as_bytes();
/// Bytes of a mark at most: names of a source and a topic, and numbers. Readers keep marks.
const MAX_BYTES: usize = 4096;
/// The beginning of the topic of a start. The source follows.
const START: &str = "\u{10ffff}zlog.start\0";
/// The beginning of the topic of a mark. Topic, source and round follow.
const MARK: &str = "\u{10ffff}zlog.mark\0";
/// The beginning of tokens. Nothing is published under it.
const TOKEN: &str = "\u{10ffff}zlog.token.";
/// Number of random letters in a token.
const TOKEN_LETTERS: usize = 12;

/// A message about the records of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark<'a> {
    /// From now on, marks of this source have all of its records.
    Start {
        /// The source.
        source: Cow<'a, str>,
    },
    /// Records that were published.
    Published {
        /// Their source.
        source: Cow<'a, str>,
        /// Their topic.
        topic: Cow<'a, str>,
        /// The number of the first one in this round.
        first: u64,
        /// The number of the last one.
        last: u64,
    },
}

impl Mark<'_> {
    /// Copies what it borrows.
    pub fn into_owned(self) -> Mark<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Mark::Start { source } => Mark::Start { source: own(source) },
            Mark::Published { source, topic, first, last } => {
                Mark::Published { source: own(source), topic: own(topic), first, last }
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    first: u64,
    last: u64,
}

/// The prefix to subscribe to for the marks of topics that begin with `topic`.
fn prefix(topic: &[u8]) -> Vec<u8> {
    [MARK.as_bytes(), topic].concat()
}

/// With what the topics of marks of these topics begin, and that of a start. Nothing for no topics.
pub fn prefixes<T: AsRef<[u8]>>(topics: &[T]) -> impl Iterator<Item = Vec<u8>> {
    let start = (!topics.is_empty()).then(|| START.into());
    topics.iter().map(|topic| prefix(topic.as_ref())).chain(start)
}

/// What a reader of topics subscribes to after them, in this order. A new token each time.
pub fn subscriptions<T: AsRef<[u8]>>(topics: &[T]) -> Vec<Vec<u8>> {
    let letters = std::iter::repeat_with(fastrand::alphanumeric).take(TOKEN_LETTERS);
    let token: String = TOKEN.chars().chain(letters).collect();
    prefixes(topics).chain([token.into_bytes()]).collect()
}

/// Whether a topic or a prefix is one of zlog itself.
pub fn is_reserved(topic: &[u8]) -> bool {
    topic.starts_with(RESERVED)
}

/// Writes the frames of a mark. `round` is not used for a start. Returns `false` if a name has a
/// NUL, which separates them.
pub fn write(mark: &Mark<'_>, round: u64, topic: &mut String, body: &mut Vec<u8>) -> bool {
    topic.clear();
    body.clear();
    let source = match mark {
        Mark::Start { source } => {
            topic.push_str(START);
            topic.push_str(source);
            body.extend_from_slice(b"{}");
            source
        }
        Mark::Published { source, topic: of, first, last } => {
            topic.push_str(MARK);
            for part in [of, "\0", source, "\0", itoa::Buffer::new().format(round)] {
                topic.push_str(part);
            }
            // Two numbers can't fail, and a vector takes them all.
            let _ = serde_json::to_writer(body, &Body { first: *first, last: *last });
            if of.contains('\0') {
                return false;
            }
            source
        }
    };
    !source.contains('\0')
}

/// Reads a message whose topic is reserved. `None` if it is no valid mark: then it is none of a
/// version that this one knows, and is to be ignored.
pub fn read<'a>(frames: &[&'a [u8]]) -> Option<Mark<'a>> {
    let [topic, body] = *frames else { return None };
    if topic.len() + body.len() > MAX_BYTES {
        return None;
    }
    let topic = std::str::from_utf8(topic).ok()?;
    if let Some(source) = topic.strip_prefix(START) {
        return Some(Mark::Start { source: source.into() });
    }
    let mut parts = topic.strip_prefix(MARK)?.split('\0');
    let (topic, source, _round) = (parts.next()?, parts.next()?, parts.next()?);
    let Body { first, last } = serde_json::from_slice(body).ok()?;
    let (source, topic) = (source.into(), topic.into());
    (parts.next().is_none() && first <= last).then_some(Mark::Published {
        source,
        topic,
        first,
        last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(mark: &Mark<'_>) -> Option<(String, Vec<u8>)> {
        let (mut topic, mut body) = ("old".to_owned(), b"old".to_vec());
        write(mark, 7, &mut topic, &mut body).then_some((topic, body))
    }

    #[test]
    fn a_mark_reads_as_documented() {
        let mark = Mark::Published {
            source: "web1:42:abcd".into(),
            topic: "app.INFO".into(),
            first: 1,
            last: 200,
        };
        let (topic, body) = written(&mark).expect("no NUL");
        assert_eq!(topic, "\u{10ffff}zlog.mark\0app.INFO\0web1:42:abcd\x007");
        assert_eq!(body, br#"{"first":1,"last":200}"#);
        assert_eq!(read(&[topic.as_bytes(), &body]), Some(mark));
        assert!(topic.as_bytes().starts_with(&prefix(b"app.")));
        let start = Mark::Start { source: "web1:42:abcd".into() };
        let (topic, body) = written(&start).expect("no NUL");
        assert!(topic.as_bytes().starts_with(START.as_bytes()) && is_reserved(topic.as_bytes()));
        assert_eq!(read(&[topic.as_bytes(), &body]), Some(start));
    }

    #[test]
    fn names_with_a_nul_are_not_marked_and_foreign_messages_are_no_marks() {
        for (source, topic) in [("a\0b", "t"), ("a", "t\0u")] {
            let (source, topic) = (source.into(), topic.into());
            assert_eq!(written(&Mark::Published { source, topic, first: 1, last: 1 }), None);
        }
        assert_eq!(written(&Mark::Start { source: "\0".into() }), None);
        for (topic, body) in [
            ("app.INFO", r#"{"first":1,"last":2}"#),
            ("\u{10ffff}zlog.mark\0t\0s", r#"{"first":1,"last":2}"#),
            ("\u{10ffff}zlog.mark\0t\0s\x001\0", r#"{"first":1,"last":2}"#),
            ("\u{10ffff}zlog.mark\0t\0s\x001", r#"{"first":3,"last":2}"#),
            ("\u{10ffff}zlog.mark\0t\0s\x001", r#"{"first":-1,"last":2}"#),
            ("\u{10ffff}zlog.mark\0t\0s\x001", ""),
        ] {
            assert_eq!(read(&[topic.as_bytes(), body.as_bytes()]), None, "{topic:?} {body}");
        }
    }

    #[test]
    fn subscriptions_sort_behind_topics_and_end_with_a_token_that_differs() {
        let (one, other) = (subscriptions(&["app", "web.ERROR"]), subscriptions(&["app"]));
        assert!(one.is_sorted() && one[0].as_slice() > "\u{ffff}.INFO".as_bytes());
        assert_eq!((one.len(), one[2].as_slice()), (4, START.as_bytes()));
        assert_ne!(one.last(), other.last());
        assert!(one.iter().all(|prefix| is_reserved(prefix)));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(
            topic in prop::collection::vec(any::<u8>(), 0..60),
            body in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            read(&[&prefix(&topic), &body]);
            read(&[&topic, &body]);
        }
    }
}

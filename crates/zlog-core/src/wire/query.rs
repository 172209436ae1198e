//! The protocol of a relay's queries: the last messages of topics, messages that a reader lacks, and
//! the relay's status.
//!
//! Defines everything that both sides share: questions, answers, marker prefixes and limits.
//! It follows the Clone pattern of the ZeroMQ guide: a late subscriber asks for what was
//! published before.
//!
//! A question is one frame of JSON: `{"zlog":1,"ask":"last",…}`, `{"zlog":1,"ask":"missing",…}` or
//! `{"zlog":1,"ask":"status"}`. An answer is a number of messages; each begins with a frame
//! of JSON:
//!
//! | answer | what follows |
//! |---|---|
//! | `ready` | nothing: the relay expects the subscriptions, between the markers |
//! | `message` | the frames of one message, as it was published |
//! | `end` | nothing: carries the number of messages |
//! | `status` | nothing: carries the status |
//! | `refused` | nothing: carries the reason |
//!
//! # Without loss and without duplicates
//! The question names two markers, which are prefixes that no topic has. On `ready`, the
//! client subscribes to the first marker, to its prefixes, and to the second marker. The
//! relay sees these subscriptions in order, and answers at the second marker. So the answer
//! contains what was published before, and the subscription delivers what is published
//! after. Messages published between the markers may be in both; [`End::window`] tells how
//! many those are, and the client compares.
//!
//! # Missing messages
//! A reader that sees a hole in the numbers of a source and topic asks for exactly these. The answer
//! has what the relay has of them, hole by hole, each in the order of the numbers. It ends early at
//! [`MAX_MESSAGES`]: then the reader asks for the rest.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The version of these messages.
const VERSION: u32 = 1;
/// Most messages that can be asked for.
pub const MAX_MESSAGES: usize = 10_000;
/// Most holes in a question, and the longest name of a source or a topic in one, in bytes.
pub const MAX_HOLES: usize = 200;
const MAX_NAME_LEN: usize = 1024;
/// Most prefixes in a question, and their maximum length in bytes.
const MAX_PREFIXES: usize = 1000;
const MAX_PREFIX_LEN: usize = 1024;

/// Largest frame of a question that a relay reads, in bytes. zlog's are far smaller.
pub const MAX_QUESTION_BYTES: usize = 256 << 10;
/// Most frames of a question that a relay reads; a valid question has one.
pub const MAX_QUESTION_FRAMES: usize = 4;
/// Most frames in a message of an answer: the head, and eight of a published message.
pub const MAX_ANSWER_FRAMES: usize = 16;
/// Largest status that is read, in bytes. That of 20,000 failing handlers takes about 5 MiB,
/// and parsing takes up to forty times the size in memory.
pub const MAX_STATUS_BYTES: u64 = 8 << 20;

/// Why a relay refuses for now. The same question may be answered a little later.
pub const TOO_MANY: &str = "too many queries at once";

/// A subscription to this announces that the subscriber is about to end. No topic begins
/// with it.
pub const ENDING: &[u8] = b"\0zlog.ending";
/// A registered subscriber subscribes to this and its name once it has subscribed to its
/// topics. So publishers on the same machine know whom they still have to wait for.
///
/// No topic begins with it: it is no UTF-8. libzmq sends the subscriptions of a socket in the
/// order of their bytes, so this one is the last.
pub const REGISTERED: &[u8] = b"\xffzlog.registered.";
/// Markers begin with this. No topic does.
const MARKER: &str = "\0zlog.mark.";
/// Maximum length of a marker, in bytes.
pub const MAX_MARKER_LEN: usize = 64;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Question {
    /// The last messages of some topics.
    Last(Last),
    /// Messages that a reader lacks.
    Missing(Missing),
    /// The relay's status.
    Status,
}

/// The question for the last messages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Last {
    /// Maximum number of messages.
    pub n: usize,
    /// Prefixes of their topics.
    pub prefixes: Vec<String>,
    /// The marker that the client subscribes to before the prefixes.
    pub begin: String,
    /// The marker that the client subscribes to after them.
    pub end: String,
}

/// The question for messages that a reader lacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Missing {
    /// Which ones.
    pub holes: Vec<Hole>,
}

/// Numbers of a source and a topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hole {
    /// The source of the records.
    pub source: String,
    /// Their topic.
    pub topic: String,
    /// The first number.
    pub first: u64,
    /// The last one; [`u64::MAX`] for all that there are.
    pub last: u64,
}

/// The first frame of a message of an answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// The client may subscribe now.
    Ready,
    /// One message; its frames follow.
    Message {
        /// When the relay received it, in seconds since 1970-01-01 UTC.
        received: f64,
    },
    /// The end of the answer.
    End(End),
    /// The relay's status.
    Status(Box<Status>),
    /// The question is refused.
    Refused {
        /// The reason, as text.
        why: String,
    },
}

/// The end of an answer, with what the client needs to find duplicates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct End {
    /// Number of messages sent.
    pub messages: usize,
    /// Number of messages published while the client was subscribing: its subscription may
    /// deliver these, too.
    pub window: usize,
    /// Whether the markers were seen. If not, messages may be missing between the answer
    /// and the subscription.
    pub subscribed: bool,
    /// Whether only the newest of the kept messages were looked at.
    #[serde(default)]
    pub is_cut: bool,
}

/// The status of a relay. Counts are since its start.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// zlog's version.
    pub version: String,
    /// Its process id.
    pub process: u32,
    /// Seconds since its start.
    pub uptime: f64,
    /// The endpoints that it collects on.
    pub collect: Vec<EndpointPeers>,
    /// The endpoints that it publishes on.
    pub publish: Vec<EndpointPeers>,
    /// Number of different prefixes that it subscribes to upstream.
    pub prefixes: usize,
    /// The messages forwarded.
    pub forwarded: Traffic,
    /// Its own sources.
    pub sources: Vec<Source>,
    /// Its handlers.
    pub handlers: Vec<Handler>,
    /// Subscribers that had no room for messages, the slowest first, as far as they are known.
    pub slow: Vec<SlowSubscriber>,
    /// The messages kept for late subscribers, with `--keep`.
    pub keep: Option<Keep>,
    /// Questions answered before this one.
    pub answered: u64,
    /// Questions refused, or whose client did not read the answer.
    pub refused: u64,
}

/// An endpoint and its peers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointPeers {
    /// The endpoint.
    pub endpoint: String,
    /// Number of connected peers.
    pub peers: usize,
}

/// Messages forwarded.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Number of messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages per second, lately.
    pub rate: f64,
    /// Messages forwarded while nobody had subscribed to them.
    pub unheard: u64,
    /// Number of times that a message was dropped for a subscriber without room.
    pub no_room: u64,
    /// Messages dropped for all subscribers.
    pub dropped: u64,
    /// Frames dropped from messages that had too many.
    pub frames_cut: u64,
}

/// A subscriber that had no room for messages.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowSubscriber {
    /// Its address, and its process if that runs on the relay's machine.
    pub peer: String,
    /// Messages dropped for it alone.
    pub dropped: u64,
    /// How often it had no room for a message.
    pub times: u64,
    /// Seconds that messages have waited for it.
    pub waited: f64,
}

/// A source of the relay itself.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Number of records.
    pub records: u64,
    /// Records per second, lately.
    pub rate: f64,
    /// Records without a subscriber.
    pub unheard: u64,
    /// Number of connected clients.
    pub clients: u64,
    /// Messages about it: clients disconnected, records left out.
    pub remarks: Vec<String>,
    /// Whether it has not ended.
    pub running: bool,
}

/// A handler and its queue.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Handler {
    /// Its name.
    pub name: String,
    /// Records handled, without those that wait or are lost.
    pub handled: u64,
    /// Records in its queue.
    pub queued: u64,
    /// Records that it holds: for a batch, or an unreachable target.
    pub waiting: u64,
    /// Records dropped because the queue was full.
    pub dropped: u64,
    /// Records lost.
    pub lost: u64,
    /// The error, while it fails.
    pub outage: Option<String>,
}

/// Messages kept for late subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Keep {
    /// Number of topics.
    pub topics: usize,
    /// Number of messages.
    pub messages: usize,
    /// Memory used, in bytes.
    pub bytes: usize,
    /// Messages that could not be kept.
    pub refused: u64,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    zlog: u32,
    #[serde(flatten)]
    what: T,
}

/// Whether a subscription to this prefix is a marker.
pub fn is_marker(prefix: &[u8]) -> bool {
    prefix.starts_with(MARKER.as_bytes())
}

/// Two new markers, unique to one question.
pub fn markers() -> (String, String) {
    let tag: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
    (format!("{MARKER}{tag}.a"), format!("{MARKER}{tag}.b"))
}

/// Writes a question.
pub fn write_question(question: &Question) -> Vec<u8> {
    write(question)
}

/// Writes the first frame of a message of an answer.
pub fn write_answer(answer: &Answer) -> Vec<u8> {
    write(answer)
}

pub(super) fn write<T: Serialize>(what: &T) -> Vec<u8> {
    // Can't fail: plain data with string keys.
    serde_json::to_vec(&Versioned { zlog: VERSION, what }).unwrap_or_default()
}

/// Reads a question.
///
/// # Errors
/// The reason why it is refused, for the client.
pub fn read_question(frames: &[impl AsRef<[u8]>]) -> Result<Question, String> {
    let [frame] = frames else { return Err("a question is one frame".into()) };
    let question: Question = read(frame.as_ref())?;
    if let Question::Last(last) = &question {
        if last.n > MAX_MESSAGES {
            return Err(format!("{} messages are too many: at most {MAX_MESSAGES}", last.n));
        }
        let too_long = |prefix: &String| prefix.len() > MAX_PREFIX_LEN;
        if last.prefixes.len() > MAX_PREFIXES || last.prefixes.iter().any(too_long) {
            return Err(format!("at most {MAX_PREFIXES} prefixes of {MAX_PREFIX_LEN} bytes"));
        }
        let wrong = |it: &String| !is_marker(it.as_bytes()) || it.len() > MAX_MARKER_LEN;
        if wrong(&last.begin) || wrong(&last.end) || last.begin == last.end {
            return Err("these are not markers".into());
        }
    }
    if let Question::Missing(missing) = &question {
        let too_long = |it: &Hole| it.source.len().max(it.topic.len()) > MAX_NAME_LEN;
        if missing.holes.len() > MAX_HOLES || missing.holes.iter().any(too_long) {
            return Err(format!("at most {MAX_HOLES} holes, with names of {MAX_NAME_LEN} bytes"));
        }
    }
    Ok(question)
}

/// Reads the first frame of a message of an answer.
///
/// # Errors
/// It is not the answer of a relay.
pub fn read_answer(frame: &[u8]) -> Result<Answer> {
    read(frame).map_err(|why| {
        Error::new(format!("the answer is not that of a zlog relay: {why}"))
            .hint("Use the query endpoint that the relay prints when it starts.")
    })
}

pub(super) fn read<T: for<'a> Deserialize<'a>>(frame: &[u8]) -> Result<T, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    let version: Versioned<serde_json::Value> = serde_json::from_slice(frame).map_err(wrong)?;
    if version.zlog != VERSION {
        return Err(format!("unknown version {}: this zlog has version {VERSION}", version.zlog));
    }
    serde_json::from_value(version.what).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn last() -> Last {
        let (begin, end) = markers();
        Last { n: 50, prefixes: vec!["app.".into()], begin, end }
    }

    fn missing(holes: usize) -> Missing {
        let (source, topic) = ("web1:42:abcd".to_owned(), "app.INFO".to_owned());
        Missing { holes: vec![Hole { source, topic, first: 7, last: u64::MAX }; holes] }
    }

    #[test]
    fn questions_and_answers_survive_a_round_trip() {
        for question in [Question::Status, Question::Last(last()), Question::Missing(missing(2))] {
            assert_eq!(read_question(&[write_question(&question)]), Ok(question));
        }
        let status =
            Status { version: "1".into(), keep: Some(Keep::default()), ..Status::default() };
        for answer in [
            Answer::Ready,
            Answer::Message { received: 1.5 },
            Answer::End(End { messages: 3, window: 1, subscribed: true, is_cut: false }),
            Answer::Status(Box::new(status)),
            Answer::Refused { why: "\x1b".into() },
        ] {
            assert_eq!(read_answer(&write_answer(&answer)).expect("an answer"), answer);
        }
    }

    #[test]
    fn a_question_reads_as_documented() {
        let text = String::from_utf8(write_question(&Question::Status)).expect("UTF-8");
        assert_eq!(text, r#"{"zlog":1,"ask":"status"}"#);
    }

    #[test]
    fn a_question_beyond_the_limits_is_refused_with_the_reason() {
        let refused = |last: Last| {
            read_question(&[write_question(&Question::Last(last))]).expect_err("refused")
        };
        assert!(refused(Last { n: MAX_MESSAGES + 1, ..last() }).contains("10000"));
        assert!(refused(Last { prefixes: vec!["x".repeat(2000)], ..last() }).contains("prefixes"));
        assert!(refused(Last { begin: "app".into(), ..last() }).contains("markers"));
        let many = Question::Missing(missing(MAX_HOLES + 1));
        assert!(read_question(&[write_question(&many)]).expect_err("refused").contains("holes"));
        let newer = br#"{"zlog":2,"ask":"status"}"#;
        assert!(read_question(&[newer]).expect_err("newer").contains("version 2"));
        assert!(read_question(&[] as &[&[u8]]).is_err());
        assert!(read_answer(b"hello").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_question(&[&bytes]);
            let _ = read_answer(&bytes);
        }
    }
}

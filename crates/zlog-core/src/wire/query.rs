//! What is asked of a relay beside its stream, and what it answers.
//!
//! What may be here: the messages, and reading and writing them. After the Clone
//! pattern of the ZeroMQ guide: who comes late asks for what went before.
//!
//! A question is one frame of JSON, `{"zlog":1,"ask":"last",…}` or
//! `{"zlog":1,"ask":"status"}`. An answer is any number of messages, each begun by a
//! frame of JSON:
//!
//! | answer | what follows |
//! |---|---|
//! | `ready` | the relay has read the question: subscribe now, the marks around it |
//! | `message` | the frames of one message, as it was published |
//! | `end` | nothing: how many messages there were |
//! | `status` | nothing: the status is in it |
//! | `refused` | nothing: why |
//!
//! # None twice and none missing
//! The asker names two marks: prefixes that no topic has. When the relay is ready,
//! it subscribes to the first mark, what it wants, and the second mark. The relay
//! sees them come, and answers at the second one: so what was published before is in
//! the answer, and what comes after goes to the subscription. What was published
//! between the marks may be both, and [`End::window`] says how much that is: the
//! asker compares.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The version of these messages.
const VERSION: u32 = 1;
/// Most messages that can be asked for.
pub const MAX_MESSAGES: usize = 10_000;
/// Most prefixes in a question, and longest one, in bytes.
const MAX_PREFIXES: usize = 1000;
const MAX_PREFIX_LEN: usize = 1024;
/// What marks begin with, and their longest.
const MARKER: &str = "\0zlog.mark.";
const MAX_MARKER_LEN: usize = 64;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Question {
    /// The last messages of some topics.
    Last(Last),
    /// How it stands.
    Status,
}

/// Which messages are asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Last {
    /// How many at most.
    pub n: usize,
    /// What their topics begin with.
    pub prefixes: Vec<String>,
    /// What is subscribed to before these prefixes.
    pub begin: String,
    /// What is subscribed to after them.
    pub end: String,
}

/// What an answer's message begins with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// Subscribe now.
    Ready,
    /// One message: its frames follow.
    Message {
        /// When the relay received it, in seconds since 1970-01-01 UTC.
        received: f64,
    },
    /// That was all.
    End(End),
    /// How it stands.
    Status(Box<Status>),
    /// There will be no answer.
    Refused {
        /// Why, for a person to read.
        why: String,
    },
}

/// What an answer is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct End {
    /// How many messages were sent.
    pub messages: usize,
    /// How many messages of the wanted topics were published while the asker was
    /// subscribing: it may have these from its subscription, too.
    pub window: usize,
    /// Whether the marks were seen. If not, messages may be missing between the answer
    /// and the subscription.
    pub subscribed: bool,
}

/// How it stands with a relay. Counts are since it began.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// zlog's version.
    pub version: String,
    /// Its process.
    pub process: u32,
    /// Seconds since it began.
    pub uptime: f64,
    /// Where it collects.
    pub collect: Vec<EndpointPeers>,
    /// Where it publishes.
    pub publish: Vec<EndpointPeers>,
    /// Different prefixes that it asks of publishers.
    pub prefixes: usize,
    /// What has passed.
    pub forwarded: Traffic,
    /// Where records come from other than from publishers.
    pub sources: Vec<Source>,
    /// Where records go other than to subscribers.
    pub handlers: Vec<Handler>,
    /// What is kept, if anything is.
    pub keep: Option<Keep>,
    /// Questions that were answered, this one left out.
    pub answered: u64,
    /// Questions that could not be, or whose asker did not take the answer.
    pub refused: u64,
}

/// An endpoint and who is there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointPeers {
    /// The endpoint.
    pub endpoint: String,
    /// Peers that are connected.
    pub peers: usize,
}

/// Messages that went on.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// How many.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many each second of late.
    pub rate: f64,
    /// Times that a subscriber had no room, and messages were dropped for it alone.
    pub no_room: u64,
    /// Messages dropped for everybody.
    pub dropped: u64,
    /// Frames cut off messages that had too many.
    pub frames_cut: u64,
}

/// A source of records of the relay's own.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// What it is called.
    pub name: String,
    /// Records that it gave.
    pub records: u64,
    /// How many each second of late.
    pub rate: f64,
    /// Records that nobody wanted.
    pub unheard: u64,
    /// Clients that are connected to it.
    pub clients: u64,
    /// What a person should know of it: clients cut off, records left out.
    pub remarks: Vec<String>,
    /// Whether it goes on.
    pub running: bool,
}

/// A handler, and the queue before it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Handler {
    /// What it is called.
    pub name: String,
    /// Records that it took and passed on; without those that wait or are lost.
    pub handled: u64,
    /// Records in its queue.
    pub queued: u64,
    /// Records that it holds: for a batch, or a target that is away.
    pub waiting: u64,
    /// Records dropped because the queue was full.
    pub dropped: u64,
    /// Records that were given up.
    pub lost: u64,
    /// Why it fails, while it does.
    pub outage: Option<String>,
}

/// What is kept for late comers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Keep {
    /// Topics.
    pub topics: usize,
    /// Messages.
    pub messages: usize,
    /// Bytes that they take.
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

/// Marks for a question: unlike those of any other one.
pub fn markers() -> (String, String) {
    let tag: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
    (format!("{MARKER}{tag}.a"), format!("{MARKER}{tag}.b"))
}

/// Writes a question.
pub fn write_question(question: &Question) -> Vec<u8> {
    write(question)
}

/// Writes what an answer's message begins with.
pub fn write_answer(answer: &Answer) -> Vec<u8> {
    write(answer)
}

fn write<T: Serialize>(what: &T) -> Vec<u8> {
    // Plain data under names: there is nothing in it that JSON can't hold.
    serde_json::to_vec(&Versioned { zlog: VERSION, what }).unwrap_or_default()
}

/// Reads a question.
///
/// # Errors
/// Why it is none, or none that is answered; for whoever asked.
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
        let wrong = |mark: &String| !mark.starts_with(MARKER) || mark.len() > MAX_MARKER_LEN;
        if wrong(&last.begin) || wrong(&last.end) || last.begin == last.end {
            return Err("those are no marks".into());
        }
    }
    Ok(question)
}

/// Reads what an answer's message begins with.
///
/// # Errors
/// It is no answer of a relay.
pub fn read_answer(frame: &[u8]) -> Result<Answer> {
    read(frame).map_err(|why| {
        Error::new(format!("what answers is no zlog relay: {why}"))
            .hint("Ask where a relay takes questions: it says where when it starts.")
    })
}

fn read<T: for<'a> Deserialize<'a>>(frame: &[u8]) -> Result<T, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    let version: Versioned<serde_json::Value> = serde_json::from_slice(frame).map_err(wrong)?;
    if version.zlog != VERSION {
        return Err(format!("version {} is not known here: it is {VERSION}", version.zlog));
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

    #[test]
    fn questions_and_answers_come_back_as_they_were() {
        for question in [Question::Status, Question::Last(last())] {
            assert_eq!(read_question(&[write_question(&question)]), Ok(question));
        }
        let status =
            Status { version: "1".into(), keep: Some(Keep::default()), ..Status::default() };
        for answer in [
            Answer::Ready,
            Answer::Message { received: 1.5 },
            Answer::End(End { messages: 3, window: 1, subscribed: true }),
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
    fn a_question_without_measure_is_refused_with_the_reason() {
        let refused = |last: Last| {
            read_question(&[write_question(&Question::Last(last))]).expect_err("refused")
        };
        assert!(refused(Last { n: MAX_MESSAGES + 1, ..last() }).contains("10000"));
        assert!(refused(Last { prefixes: vec!["x".repeat(2000)], ..last() }).contains("prefixes"));
        assert!(refused(Last { begin: "app".into(), ..last() }).contains("marks"));
        let newer = br#"{"zlog":2,"ask":"status"}"#;
        assert!(read_question(&[newer]).expect_err("newer").contains("version 2"));
        assert!(read_question(&[] as &[&[u8]]).is_err());
        assert!(read_answer(b"hello").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_can_hurt(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_question(&[&bytes]);
            let _ = read_answer(&bytes);
        }
    }
}

//! Publishes on a ZeroMQ socket.
//!
//! What may be here: which topic a record goes to, its number there, and what
//! happens when a subscriber has no room. The bytes are `wire`'s, the socket is
//! `socket`'s.
//!
//! Every message is two frames of UTF-8: PyZMQ's watcher exits on anything else.
//! Both come from `str` alone, so that this holds by construction.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Handler;
use crate::socket::{BrokenConnection, Flushed, Publisher, Sent};
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::text::plural::counted;
use zlog_core::wire;

/// Subscriptions are read every so many records. libzmq keeps what subscribers
/// send up in memory until then.
const DRAIN_EVERY: u32 = 64;
/// Most topics that are numbered, and longest one. Topics can come from the input,
/// and are kept.
const MAX_TOPICS: usize = 65_536;
const MAX_TOPIC_LEN: usize = 1024;

/// How long a record may wait for room before it is told whom it waits for. libzmq finds
/// room when half of what it holds has gone: a subscriber that is merely slow can take
/// seconds for that.
const LONG_WAIT: Duration = Duration::from_secs(3);
/// A subscriber whose connection breaks so long after the last record has had all of them,
/// unless it had stopped reading.
const IN_FLIGHT: Duration = Duration::from_secs(10);
/// A longer count of what may be lost says nothing. libzmq and the system hold some 10,000
/// messages of usual size at each end.
const MAX_MEANINGFUL_LOSS: u64 = 100_000;
/// Most subscribers that are told of as having no room.
const MAX_REPORTED_SUBSCRIBERS: usize = 64;

/// What a body is written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wire {
    /// One JSON object under `LogRecord` attribute names.
    #[default]
    Json,
    /// The formatted message, as PyZMQ's `PUBHandler` sends it. It has no number.
    Text,
}

/// What happens to a record while a subscriber has no room for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFull {
    /// It waits, and with it whatever it came from.
    #[default]
    Block,
    /// It is dropped, for all subscribers, and counted. Its number shows them the hole.
    Drop,
}

/// How records are published.
pub struct PublishOptions {
    /// What topics begin with; may be empty.
    pub root: String,
    /// Whether a record's logger follows in its topic: `root.name.LEVEL`. For a source
    /// that many programs share, whose loggers are what one tells them apart by.
    pub logger_in_topic: bool,
    /// What bodies are written as.
    pub wire: Wire,
    /// What happens while a subscriber has no room.
    pub on_full: OnFull,
    /// Asked while a subscriber has no room: whether to give up. The record that
    /// waits is then dropped, and so is every one after it that finds no room.
    pub give_up: Box<dyn Fn() -> bool + Send>,
    /// Says something about subscribers to a person: a sentence without a full stop.
    pub report: Box<dyn Fn(&str) + Send>,
}

/// What was published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Published {
    /// Records handed to the socket.
    pub records: u64,
    /// Bytes of them: topics and bodies.
    pub bytes: u64,
    /// Records dropped because a subscriber had no room.
    pub dropped_full: u64,
    /// Records sent while nobody had subscribed to their topic.
    pub unsubscribed: u64,
    /// Records sent without a number because there were too many topics, or theirs
    /// was too long.
    pub unnumbered: u64,
    /// Connections that broke while records were on their way: some may be lost.
    pub broken: u64,
}

/// What is known of a topic.
struct Topic {
    name: Box<str>,
    /// The number of its last record. The first is 1.
    seq: u64,
    /// Whether anybody hears it, as of this generation of subscriptions.
    has_subscriber: bool,
    generation: u64,
}

/// Publishes records.
pub struct Publish {
    publisher: Publisher,
    options: PublishOptions,
    topics: Vec<Topic>,
    /// Places in `topics`.
    index: HashMap<Box<str>, usize>,
    /// The place used last.
    last: usize,
    published: Published,
    since_drain: u32,
    /// When records were last sent, and how many there were by then.
    sent_at: Option<Instant>,
    sent_by_then: u64,
    /// Whom records were said to wait for.
    reported: Vec<String>,
    // Reused for each record.
    topic: String,
    body: Vec<u8>,
}

impl Publish {
    /// Publishes through `publisher`.
    pub fn new(mut publisher: Publisher, options: PublishOptions) -> Publish {
        if options.on_full == OnFull::Drop {
            publisher.set_send_slice(Duration::ZERO);
        }
        Publish {
            publisher,
            options,
            topics: Vec::new(),
            index: HashMap::new(),
            last: 0,
            published: Published::default(),
            since_drain: 0,
            sent_at: None,
            sent_by_then: 0,
            reported: Vec::new(),
            topic: String::new(),
            body: Vec::new(),
        }
    }

    /// What was published so far.
    pub fn published(&self) -> Published {
        self.published
    }

    /// The socket: to wait for subscribers, and to ask about connections.
    pub fn publisher(&mut self) -> &mut Publisher {
        &mut self.publisher
    }

    /// Closes the socket once everything has gone out, or after `linger`.
    pub fn close(self, linger: Duration) -> (Published, Flushed) {
        (self.published, self.publisher.close(linger))
    }

    /// The topic of a record: its own where it has one (it was received or
    /// stored), else made from root, level and subtopic.
    fn write_topic(&mut self, record: &Record<'_>) {
        if record.topic.is_empty() {
            let root = &*self.options.root;
            // A name with dots would be several parts of the topic, and move the root.
            let level = match record.level_name() {
                name if name.contains('.') => record.level.name(),
                name => name,
            };
            let name =
                record.name.as_deref().filter(|_| self.options.logger_in_topic).unwrap_or_default();
            wire::topic::write_under(&mut self.topic, root, name, &level, &record.subtopic);
        } else {
            self.topic.clear();
            self.topic.push_str(&record.topic);
        }
    }

    /// The next number of the topic, and whether anybody hears it.
    fn look_up(&mut self) -> (Option<u64>, bool) {
        let Some(at) = self.find() else {
            return (None, self.publisher.has_subscriber(self.topic.as_bytes()));
        };
        let generation = self.publisher.generation();
        let topic = &mut self.topics[at];
        topic.seq += 1;
        if topic.generation != generation {
            topic.has_subscriber = self.publisher.has_subscriber(self.topic.as_bytes());
            topic.generation = generation;
        }
        (Some(topic.seq), topic.has_subscriber)
    }

    /// Where the topic stands among those that are numbered; `None` when there are
    /// too many or it is too long. Records of one topic tend to come in a row.
    fn find(&mut self) -> Option<usize> {
        if self.topics.get(self.last).is_some_and(|last| *last.name == *self.topic) {
            return Some(self.last);
        }
        if let Some(at) = self.index.get(self.topic.as_str()) {
            self.last = *at;
            return Some(self.last);
        }
        if self.topics.len() >= MAX_TOPICS || self.topic.len() > MAX_TOPIC_LEN {
            return None;
        }
        self.last = self.topics.len();
        let name: Box<str> = self.topic.as_str().into();
        self.index.insert(name.clone(), self.last);
        // Of no generation yet, so that whether it is heard is looked up.
        self.topics.push(Topic { name, seq: 0, has_subscriber: false, generation: u64::MAX });
        Some(self.last)
    }

    fn write_body(&mut self, record: &Record<'_>, seq: Option<u64>) {
        self.body.clear();
        match self.options.wire {
            Wire::Text => wire::text::write(record, &mut self.body),
            Wire::Json => {
                wire::json::write(record, &mut self.body);
                // A record that already has a number (from another publisher)
                // keeps it: with its source, it tells of losses on the whole way.
                match seq {
                    _ if record.seq.is_some() => {}
                    Some(seq) => append_seq(&mut self.body, seq),
                    None => self.published.unnumbered += 1,
                }
            }
        }
    }

    /// Sends topic and body. Returns whether they went.
    fn send(&mut self) -> Result<bool> {
        let mut waiting: Option<Instant> = None;
        loop {
            if self.publisher.send(self.topic.as_bytes(), &self.body)? == Sent::Sent {
                return Ok(true);
            }
            // A subscriber that has gone makes room, once that has been read.
            self.drain();
            if self.options.on_full == OnFull::Drop {
                return Ok(false);
            }
            if waiting.get_or_insert_with(Instant::now).elapsed() >= LONG_WAIT {
                self.report_waiting();
            }
            if (self.options.give_up)() {
                // Thousands may follow: none of them waits any more.
                self.publisher.set_send_slice(Duration::ZERO);
                return Ok(false);
            }
        }
    }

    fn drain(&mut self) {
        self.since_drain = 0;
        self.publisher.process_events();
        if self.sent_by_then != self.published.records {
            self.sent_by_then = self.published.records;
            self.sent_at = Some(Instant::now());
        }
        let Publish { publisher, options, .. } = self;
        publisher.wait_for_ending(&*options.give_up);
        for broken in publisher.broken() {
            let recent = self.sent_at.is_some_and(|at| at.elapsed() < IN_FLIGHT);
            let wanted =
                self.topics.iter().any(|topic| topic.seq > 0 && broken.subscribed_to(&topic.name));
            if recent && wanted {
                self.published.broken += 1;
                (options.report)(&describe_broken(&broken));
            }
        }
    }

    /// Says whom a record waits for; of each subscriber once.
    fn report_waiting(&mut self) {
        if self.reported.len() >= MAX_REPORTED_SUBSCRIBERS {
            return;
        }
        let mut names = self.publisher.blocked_peers();
        names.retain(|name| !self.reported.contains(name));
        names.truncate(MAX_REPORTED_SUBSCRIBERS - self.reported.len());
        if !names.is_empty() {
            (self.options.report)(&format!(
                "waiting for room for the next record: {} does not take any",
                names.join(", ")
            ));
            self.reported.append(&mut names);
        }
    }
}

/// What is said of a subscriber whose connection broke.
fn describe_broken(broken: &BrokenConnection) -> String {
    let peer = &broken.peer;
    let most = match broken.sent {
        n if n < MAX_MEANINGFUL_LOSS => {
            format!("up to {} on their way to it", counted(n, "record"))
        }
        _ => "the last records on their way to it".to_owned(),
    };
    format!("the connection to {peer} broke before it had unsubscribed: {most} may be lost")
}

/// Puts `seq` into a JSON object, as its last key.
///
/// The record is borrowed and shared between handlers, and its number is this
/// one's alone: so it is written in place of the closing brace.
fn append_seq(object: &mut Vec<u8>, seq: u64) {
    if object.pop_if(|last| *last == b'}').is_none() {
        return;
    }
    if object.len() > 1 {
        object.push(b',');
    }
    object.extend_from_slice(b"\"seq\":");
    object.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
    object.push(b'}');
}

impl Handler for Publish {
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        self.since_drain += 1;
        if self.since_drain >= DRAIN_EVERY {
            self.drain();
        }
        self.write_topic(record);
        let (seq, has_subscriber) = self.look_up();
        self.write_body(record, seq);
        if self.send()? {
            self.published.records += 1;
            self.published.bytes += (self.topic.len() + self.body.len()) as u64;
            self.published.unsubscribed += u64::from(!has_subscriber);
        } else {
            self.published.dropped_full += 1;
        }
        Ok(())
    }

    /// Nothing is held here (libzmq sends on its own): reads subscriptions.
    fn flush(&mut self) -> Result<()> {
        self.drain();
        Ok(())
    }
}

#[cfg(test)]
mod tests;

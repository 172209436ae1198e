//! Publishes records on a ZeroMQ socket: chooses the topic of a record, numbers it, and waits or
//! drops when a subscriber's queue is full.
//!
//! Every message is two frames of UTF-8, because PyZMQ's watcher exits on anything else. Both
//! frames are built from `str` only.

mod marks;

use std::time::{Duration, Instant};

use self::marks::{Marks, TopicMarks};
use super::topic::write_topic;
use super::{Backlog, HandleError, Handler};
use crate::socket::{
    BrokenReport, Confirmation, CountNotNeeded, Flushed, NotNeeded, Publisher, Sent,
    SlowSubscribers, name_lacking, with_process,
};
use zlog_core::text::choice::{Choice, Named};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::topic_table::TopicTable;
use zlog_core::wire;
use zlog_core::{Error, Record, Result};

/// Events of connections are processed after this many records, and with libzmq subscriptions.
const DRAIN_EVERY: u32 = 64;
/// The most topics that are numbered. Topics can come from the input, and are kept in memory.
const MAX_TOPICS: usize = 65_536;

/// How long a record waits before the subscriber that it waits for is reported. libzmq makes
/// room only after half of its queue is sent, which takes a slow subscriber seconds; the native
/// engine does so at once.
const LONG_WAIT: Duration = Duration::from_secs(3);
/// The most subscribers that are reported as slow.
const MAX_REPORTED_SUBSCRIBERS: usize = 64;

/// The format of bodies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wire {
    /// One JSON object with the names of `LogRecord` attributes.
    #[default]
    Json,
    /// The formatted message, as from PyZMQ's `PUBHandler`. It carries no sequence number.
    Text,
}

impl Choice for Wire {
    const CHOICES: &'static [Named<Wire>] = &[
        Named::new(
            Wire::Json,
            "json",
            "Whole records, as JSON under Python's LogRecord attribute names",
        ),
        Named::new(Wire::Text, "text", "The message alone, as PyZMQ's PUBHandler sends it"),
    ];
}

/// The policy for a record while a subscriber's queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFull {
    /// Wait, which slows down the source.
    #[default]
    Block,
    /// Drop the record and count it: for the slow subscriber, or with libzmq for all. The gap in
    /// `seq` shows the loss.
    Drop,
}

impl Choice for OnFull {
    const CHOICES: &'static [Named<OnFull>] = &[
        Named::new(
            OnFull::Block,
            "block",
            "Wait: the input is read only as fast as the slowest subscriber receives",
        ),
        Named::new(OnFull::Drop, "drop", "Drop the record and count it"),
    ];
}

/// How records are published.
pub struct PublishOptions {
    /// The beginning of topics; may be empty.
    pub root: String,
    /// Whether the record's logger follows the root, as in `root.name.LEVEL`. For sources that
    /// many programs share: their logger names tell them apart.
    pub logger_in_topic: bool,
    /// The format of bodies.
    pub wire: Wire,
    /// The policy while a subscriber's queue is full.
    pub on_full: OnFull,
    /// Asked while a record waits for room: whether to give up. That record is dropped then,
    /// and so is every later one that would have to wait.
    pub give_up: Box<dyn Fn() -> bool + Send>,
    /// Tells the user something about subscribers: a sentence without a full stop. A callback,
    /// because [`Handler::handle`] may block for long.
    pub report: Box<dyn Fn(&str) + Send>,
}

/// Counts of published records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Published {
    /// Records sent.
    pub records: u64,
    /// Their bytes: topics and bodies.
    pub bytes: u64,
    /// Records dropped because a subscriber's queue was full.
    pub dropped_full: u64,
    /// Records sent while nobody had subscribed to their topic. The native engine counts them when
    /// it gets to them.
    pub unsubscribed: u64,
    /// Those of them that were sent before anybody had subscribed to any topic.
    pub before_subscribers: u64,
    /// Records queued for subscribers that left in order, or were disconnected because of what
    /// they sent. Counted for each such subscriber.
    pub left: u64,
    /// Records sent without a number because there were too many topics, or theirs was too long.
    pub unnumbered: u64,
    /// Topics that begin at 1 again, because too many others came between their records.
    pub renumbered: u64,
    /// Connections that broke while records were in transit, so that some may be lost.
    pub broken: u64,
}

/// State of a topic.
struct Topic {
    /// The number of its last record. The first is 1.
    seq: u64,
    /// The number of its last record among all records that were sent.
    last: u64,
    /// Whether anybody has subscribed to it, as of this generation of subscriptions.
    has_subscriber: bool,
    generation: u64,
    marks: TopicMarks,
}

/// Publishes records.
pub struct Publish {
    /// `None` once it is closed.
    publisher: Option<Publisher>,
    options: PublishOptions,
    /// By source and topic.
    topics: TopicTable<Topic>,
    /// If records go to a spool from which they are confirmed.
    confirmation: Option<Confirmation>,
    /// If records have numbers, and the engine sends marks.
    marks: Option<Marks>,
    published: Published,
    /// The engine's counts of records that nobody lacks. Without it, they are counted here.
    not_needed: Option<CountNotNeeded>,
    /// Whether anybody has subscribed to anything, if they are counted here.
    had_subscriber: bool,
    broken: BrokenReport,
    since_drain: u32,
    /// The subscribers that were reported as slow.
    reported: Vec<String>,
    /// The subscribers that had no room.
    slow: SlowSubscribers,
    /// The subscribers that lack records at the end, and how many.
    lacking: Option<String>,
    // Reused for each record.
    topic: String,
    body: Vec<u8>,
    writer: wire::json::Writer,
}

impl Publish {
    /// Publishes through `publisher`.
    pub fn new(mut publisher: Publisher, options: PublishOptions) -> Publish {
        if options.on_full == OnFull::Drop {
            publisher.drop_when_full();
        }
        let has_marks = publisher.has_marks() && options.wire == Wire::Json;
        Publish {
            not_needed: publisher.not_needed(),
            publisher: Some(publisher),
            options,
            topics: TopicTable::new(MAX_TOPICS),
            confirmation: None,
            marks: has_marks.then(Marks::new),
            published: Published::default(),
            had_subscriber: false,
            broken: BrokenReport::default(),
            since_drain: 0,
            reported: Vec::new(),
            slow: SlowSubscribers::default(),
            lacking: None,
            topic: String::new(),
            body: Vec::new(),
            writer: wire::json::Writer::default(),
        }
    }

    /// The same, with a spool: records have arrived when they are on its disk.
    pub(crate) fn with_confirmation(self, confirmation: Confirmation) -> Publish {
        Publish { confirmation: Some(confirmation), ..self }
    }

    /// Counts of records published so far.
    pub fn published(&self) -> Published {
        let (renumbered, broken) = (self.topics.forgotten(), self.broken.total());
        let published = Published { renumbered, broken, ..self.published };
        match self.not_needed.as_ref().map(|count| count()) {
            Some(NotNeeded { unsubscribed, before_subscribers, left }) => {
                Published { unsubscribed, before_subscribers, left, ..published }
            }
            None => published,
        }
    }

    /// The subscribers that had no room for records.
    pub fn slow(&self) -> &SlowSubscribers {
        &self.slow
    }

    /// The subscribers that did not read all records before the socket was closed, and how many
    /// each lacks: `127.0.0.1:53412: 200`. `None` if all did, or if they are not known.
    pub fn lacking(&self) -> Option<&str> {
        self.lacking.as_deref()
    }

    /// The socket, to wait for subscribers and to ask about connections.
    ///
    /// # Panics
    /// After [`Handler::close`].
    pub fn publisher(&mut self) -> &mut Publisher {
        self.publisher.as_mut().expect("the socket is open until `close`")
    }

    /// How long until [`Handler::flush`] has timed work to do; `None` if it has none.
    pub fn wait_at_most(&self) -> Option<Duration> {
        let now = Instant::now();
        let marks = self.marks.as_ref().and_then(|marks| marks.wait_at_most(now));
        let publisher = self.publisher.as_ref().and_then(Publisher::wait_at_most);
        marks.into_iter().chain(publisher).min()
    }

    /// The number of a record, unless it can't have one, and whether its topic has a subscriber.
    ///
    /// A record with a number (from another publisher) keeps it: together with its source, it
    /// shows losses along the whole path.
    fn look_up(&mut self, record: &Record<'_>) -> Result<(Option<u64>, bool)> {
        let Publish { publisher, topics, marks, topic: name, .. } = self;
        let publisher = publisher.as_mut().ok_or_else(closed)?;
        let source = record.source.as_deref().unwrap_or_default();
        if let Some(marks) = marks {
            marks.begin(publisher, topics);
            if record.seq.is_none() {
                marks.start(publisher, source);
            }
        }
        // A generation that never exists, so that subscribers are looked up.
        let new = || Topic {
            seq: 0,
            last: 0,
            has_subscriber: false,
            generation: u64::MAX,
            marks: TopicMarks::default(),
        };
        let Some(topic) = topics.get_or_insert_with(source, name, new, |_| true) else {
            return Ok((record.seq, publisher.has_subscriber(name.as_bytes())));
        };
        topic.seq = record.seq.unwrap_or(topic.seq.saturating_add(1));
        topic.last = self.published.records + 1;
        let generation = publisher.generation();
        if topic.generation != generation {
            topic.has_subscriber = publisher.has_subscriber(name.as_bytes());
            topic.generation = generation;
        }
        if let Some(marks) = marks {
            marks.note(&mut topic.marks, topic.seq);
        }
        Ok((Some(topic.seq), topic.has_subscriber))
    }

    fn write_body(&mut self, record: &Record<'_>, seq: Option<u64>) {
        self.body.clear();
        match self.options.wire {
            Wire::Text => wire::text::write(record, &mut self.body),
            Wire::Json => {
                self.writer.write(record, &mut self.body);
                match seq {
                    _ if record.seq.is_some() => {}
                    Some(seq) => append_seq(&mut self.body, seq),
                    None => self.published.unnumbered += 1,
                }
            }
        }
    }

    /// Sends topic and body. Returns whether they were sent.
    fn send(&mut self) -> Result<bool> {
        let mut waiting: Option<Instant> = None;
        loop {
            let publisher = self.publisher.as_mut().ok_or_else(closed)?;
            if publisher.send(self.topic.as_bytes(), &self.body)? == Sent::Sent {
                return Ok(true);
            }
            let waited = publisher.send_slice();
            self.slow.note(Instant::now(), waited, || publisher.blocked_peers());
            // Notice subscribers that have left: they make room.
            self.drain();
            if self.options.on_full == OnFull::Drop {
                return Ok(false);
            }
            if waiting.get_or_insert_with(Instant::now).elapsed() >= LONG_WAIT {
                self.report_waiting();
            }
            if (self.options.give_up)() {
                // Thousands of records may follow: none of them waits any more.
                self.publisher().set_send_slice(Duration::ZERO);
                return Ok(false);
            }
        }
    }

    /// Reads subscriptions, and reports connections that broke.
    fn drain(&mut self) {
        let Publish { publisher: Some(publisher), options, .. } = self else { return };
        self.since_drain = 0;
        publisher.process_events();
        publisher.wait_for_ending(&*options.give_up);
        let now = Instant::now();
        for broken in publisher.broken() {
            if self.topics.iter().any(|(_, topic, known)| broken.was_sent(topic, known.last))
                && let Some(text) = self.broken.add(&broken, now)
            {
                (options.report)(&escape(&text));
            }
        }
        if let Some(text) = self.broken.take_count(now) {
            (options.report)(&text);
        }
        self.count_dropped(false);
    }

    /// Reads subscriptions between two records, and sends the marks that are due. Not while a
    /// record waits for room: it has its number, so a mark would tell of it before it is sent.
    fn drain_between_records(&mut self) {
        self.drain();
        if let (Some(marks), Some(publisher)) = (&mut self.marks, &mut self.publisher) {
            marks.on_timer(publisher, &mut self.topics, Instant::now());
        }
    }

    /// Counts records that were dropped for single subscribers, or were queued for one that was
    /// cut off.
    fn count_dropped(&mut self, is_last: bool) {
        let Publish { publisher: Some(publisher), .. } = self else { return };
        for dropped in publisher.take_dropped(is_last) {
            self.published.dropped_full += dropped.messages;
            self.slow.note_dropped(dropped.peer, dropped.messages);
        }
    }

    /// Reports the subscribers that a record waits for, each once.
    fn report_waiting(&mut self) {
        if self.reported.len() >= MAX_REPORTED_SUBSCRIBERS {
            return;
        }
        let mut names = self.publisher().blocked_peers();
        names.retain(|name| !self.reported.contains(name));
        names.truncate(MAX_REPORTED_SUBSCRIBERS - self.reported.len());
        if !names.is_empty() {
            let verb = if names.len() == 1 { "does not read its" } else { "do not read their" };
            let shown: Vec<String> = names.iter().map(|name| with_process(name)).collect();
            (self.options.report)(&format!("waiting: {} {verb} records", shown.join(", ")));
            self.reported.append(&mut names);
        }
    }
}

fn closed() -> Error {
    Error::new("the socket is closed")
}

/// Adds `seq` to a JSON object, as its last key.
///
/// The record is shared between handlers, and the number belongs to this one, so it is written
/// in place of the closing brace.
pub(super) fn append_seq(object: &mut Vec<u8>, seq: u64) {
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
    /// # Errors
    /// The socket has failed or is closed.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        self.since_drain += 1;
        if self.since_drain >= DRAIN_EVERY {
            self.drain_between_records();
        }
        let PublishOptions { root, logger_in_topic, .. } = &self.options;
        write_topic(record, root, *logger_in_topic, &mut self.topic);
        let (seq, has_subscriber) = self.look_up(record)?;
        self.write_body(record, seq);
        if self.send()? {
            self.published.records += 1;
            self.published.bytes += (self.topic.len() + self.body.len()) as u64;
            if !has_subscriber {
                self.published.unsubscribed += 1;
                self.had_subscriber = self.had_subscriber || self.publisher().subscribers("") > 0;
                self.published.before_subscribers += u64::from(!self.had_subscriber);
            }
            self.had_subscriber |= has_subscriber;
        } else {
            self.published.dropped_full += 1;
        }
        Ok(())
    }

    /// Processes events. Nothing is buffered here: the engine sends by itself.
    fn flush(&mut self) -> Result<()> {
        self.drain_between_records();
        Ok(())
    }

    /// Reads subscriptions, and reports subscribers that were disconnected.
    fn on_timer(&mut self, _: Instant) -> Result<()> {
        self.drain_between_records();
        if let Some(text) = self.publisher.as_mut().and_then(Publisher::take_report) {
            (self.options.report)(&escape(&text));
        }
        Ok(())
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.wait_at_most()?)
    }

    fn backlog(&self) -> Backlog {
        let confirmation = self.confirmation.as_ref();
        Backlog {
            waiting: confirmation.map_or(0, Confirmation::unsynced),
            lost: self.published.dropped_full + confirmation.map_or(0, Confirmation::lost),
            ..Backlog::default()
        }
    }

    /// Closes the socket once everything is sent, at most until `until`.
    ///
    /// # Errors
    /// Time was up. How many records are lost is unknown.
    fn close(&mut self, until: Instant) -> Result<()> {
        self.count_dropped(true);
        let Some(mut publisher) = self.publisher.take() else { return Ok(()) };
        if let Some(marks) = &mut self.marks {
            marks.send_all(&mut publisher, &mut self.topics);
        }
        for text in self.broken.take_rest().into_iter().chain(publisher.take_last_report()) {
            (self.options.report)(&escape(&text));
        }
        let flushed = publisher.close(until.saturating_duration_since(Instant::now()));
        if let Some(confirmation) = &self.confirmation
            && confirmation.waiting() > 0
        {
            let waiting = counted(confirmation.waiting(), "record");
            (self.options.report)(&format!(
                "{waiting} left in the spool {}: the next process with it sends them",
                confirmation.spool()
            ));
        }
        match flushed {
            Flushed::Yes => Ok(()),
            Flushed::No(lacking) if lacking.is_empty() => Err(Error::new(
                "a subscriber did not read all records in time; the number of lost records is \
                 unknown",
            )),
            Flushed::No(lacking) => {
                let lacking = self.lacking.insert(name_lacking(&lacking));
                Err(Error::new(format!("not read in time: {lacking}")))
            }
        }
    }
}

#[cfg(test)]
mod tests;

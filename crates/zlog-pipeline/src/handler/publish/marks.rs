//! Sends marks of the topics that were published: see [`mark`].

use std::time::{Duration, Instant};

use super::Topic;
use crate::socket::Publisher;
use zlog_core::topic_table::TopicTable;
use zlog_core::wire::mark::{self, Mark};

/// How long a topic without a record waits for its mark: this, or up to twice as long.
const IDLE: Duration = Duration::from_millis(250);
/// Most sources of a round that are started. This process is one; a publisher that numbers the
/// records of others has more.
const MAX_SOURCES: usize = 64;

/// What a topic needs for its marks.
#[derive(Default)]
pub(super) struct TopicMarks {
    /// The round of its last record, and the number of its first one in that round.
    round: u64,
    first: u64,
    /// The numbers of its last record as of the last mark, and as of the last look.
    marked: u64,
    seen: u64,
}

/// The marks of a publisher.
pub(super) struct Marks {
    /// The current round, and the generation of subscriptions with which it began.
    round: u64,
    generation: u64,
    /// The sources whose start was sent in this round.
    started: Vec<Box<str>>,
    /// Whether a topic has records that no mark tells of.
    is_due: bool,
    /// When to look for topics without new records.
    look_at: Option<Instant>,
    // Reused for each mark.
    topic: String,
    body: Vec<u8>,
}

impl Marks {
    pub(super) fn new() -> Marks {
        Marks {
            round: 0,
            // One that never exists: the first record begins a round.
            generation: u64::MAX,
            started: Vec::new(),
            is_due: false,
            look_at: None,
            topic: String::new(),
            body: Vec::new(),
        }
    }

    /// Begins a round if subscriptions have changed. Called before each record.
    pub(super) fn begin(&mut self, publisher: &mut Publisher, topics: &mut TopicTable<Topic>) {
        if self.generation != publisher.generation() {
            self.generation = publisher.generation();
            self.send_all(publisher, topics);
            self.round += 1;
            self.started.clear();
        }
    }

    /// Sends the start of a source that this publisher numbers, if it was not sent in this round.
    pub(super) fn start(&mut self, publisher: &mut Publisher, source: &str) {
        let is_known = self.started.iter().any(|started| **started == *source);
        if is_known || source.is_empty() || self.started.len() >= MAX_SOURCES {
            return;
        }
        self.started.push(source.into());
        self.send(publisher, &Mark::Start { source: source.into() });
    }

    /// Notes the number of a record, which is about to be sent.
    pub(super) fn note(&mut self, topic: &mut TopicMarks, seq: u64) {
        if topic.round != self.round || seq < topic.first {
            (topic.round, topic.first) = (self.round, seq);
        }
        self.is_due = true;
    }

    /// Sends the marks of topics that have had no record for some time.
    pub(super) fn on_timer(
        &mut self,
        publisher: &mut Publisher,
        topics: &mut TopicTable<Topic>,
        now: Instant,
    ) {
        match self.look_at {
            Some(at) if now < at => return,
            Some(_) => self.send_where(publisher, topics, |topic| {
                std::mem::replace(&mut topic.marks.seen, topic.seq) == topic.seq
            }),
            None => {}
        }
        self.look_at = self.is_due.then(|| now + IDLE);
    }

    /// How long until [`Marks::on_timer`] has something to do; `None` if it has nothing.
    pub(super) fn wait_at_most(&self, now: Instant) -> Option<Duration> {
        let wait = self.look_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        self.is_due.then_some(wait)
    }

    /// Sends the marks of all topics that have records without one.
    pub(super) fn send_all(&mut self, publisher: &mut Publisher, topics: &mut TopicTable<Topic>) {
        self.send_where(publisher, topics, |_| true);
    }

    fn send_where(
        &mut self,
        publisher: &mut Publisher,
        topics: &mut TopicTable<Topic>,
        mut is_wanted: impl FnMut(&mut Topic) -> bool,
    ) {
        self.is_due = false;
        for (source, name, topic) in topics.iter_mut() {
            if topic.seq == topic.marks.marked || source.is_empty() {
                continue;
            }
            if !is_wanted(topic) {
                self.is_due = true;
                continue;
            }
            let (first, last) = (topic.marks.first, topic.seq);
            topic.marks.marked = last;
            let (source, topic) = (source.into(), name.into());
            self.send(publisher, &Mark::Published { source, topic, first, last });
        }
    }

    fn send(&mut self, publisher: &mut Publisher, mark: &Mark<'_>) {
        if mark::write(mark, self.round, &mut self.topic, &mut self.body) {
            publisher.send_mark(self.topic.as_bytes(), &self.body);
        }
    }
}

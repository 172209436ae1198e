//! Asks a relay for records that did not arrive, and puts them in their place.
//!
//! A hole shows by the number of a later record of the same source and topic, or by a mark. From
//! then on, the records of that source and topic are held, and the relay is asked for exactly the
//! missing numbers. What it has is delivered before the held ones; what it lacks stays missing, and
//! whoever counts the numbers after this reports it. After a reconnect, the relay is also asked for
//! what followed the last record of each source and topic: their senders may have ended.
//!
//! Everything is bounded: the streams that wait, the messages and bytes that are held, the holes of a
//! question, and the time without an answer. Beyond a bound, records are delivered with the hole.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::answer::{Answered, Asking, Message};
use crate::socket::{Endpoint, SocketOptions};
use zlog_core::sequence::SequenceTracker;
use zlog_core::wire::mark::Mark;
use zlog_core::wire::query::{Hole, MAX_HOLES};

/// Most sources and topics with a hole at a time.
const MAX_STREAMS: usize = 1000;
/// Most bytes and messages that are held.
const MAX_HELD_BYTES: usize = 64 << 20;
const MAX_HELD: usize = 100_000;
/// Time between a reconnect and the question for what was missed: until then, the subscriptions have
/// reached the relay.
const AFTER_RECONNECT: Duration = Duration::from_millis(300);
/// Time until a relay is asked again that has too many queries.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// Time between two looks at connections.
const LOOK: Duration = Duration::from_millis(50);

/// What happens to a record that has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Disposition {
    /// It is delivered at once.
    Deliver,
    /// [`Healer::hold`] must get it.
    Hold,
    /// A relay has sent it before.
    Repeated,
}

/// What is delivered next.
pub(super) enum Released {
    Message(Message),
    Mark(Mark<'static>),
}

/// A source and topic of which numbers are missing.
struct Stream {
    source: String,
    topic: String,
    /// The first number that was not delivered.
    next: u64,
    /// The last number that is known to exist.
    known: u64,
    /// Everything after `next` is asked for, also beyond `known`.
    is_open: bool,
    /// The last number that the current question asks for, if it does.
    asked_to: Option<u64>,
    /// Messages that wait for those before them.
    held: BTreeMap<u64, Message>,
    marks: Vec<Mark<'static>>,
    until: Instant,
}

/// Asks for missing records.
pub(super) struct Healer {
    /// The query endpoints of relays.
    relays: Vec<Endpoint>,
    patience: Duration,
    /// The key to ask with.
    options: SocketOptions,
    sequences: SequenceTracker,
    streams: Vec<Stream>,
    /// Questions go to one relay after the other.
    asking: Option<Asking>,
    /// Not before this time.
    ask_at: Instant,
    /// Why relays refuse for now.
    busy: Option<String>,
    ready: VecDeque<Released>,
    held: usize,
    held_bytes: usize,
    healed: u64,
    /// What relays have sent after a reconnect: source, topic, first and last number. It may arrive
    /// once more.
    repeated: VecDeque<(String, String, u64, u64)>,
    /// Whether each endpoint had a peer at the last look, and ever.
    peers: Vec<(bool, bool)>,
    next_look: Instant,
    reconnected: Option<Instant>,
    /// Nothing more had arrived at the last poll.
    is_idle: bool,
    /// The first reason why a relay did not answer, until it is taken, and whether there was one.
    reason: Option<String>,
    has_reason: bool,
}

impl Healer {
    /// Asks `relays`, and waits for `patience` at most without an answer.
    pub(super) fn new(relays: Vec<Endpoint>, patience: Duration, options: SocketOptions) -> Healer {
        Healer {
            relays,
            patience,
            options,
            sequences: SequenceTracker::default(),
            streams: Vec::new(),
            asking: None,
            ask_at: Instant::now(),
            busy: None,
            ready: VecDeque::new(),
            held: 0,
            held_bytes: 0,
            healed: 0,
            repeated: VecDeque::new(),
            peers: Vec::new(),
            next_look: Instant::now(),
            reconnected: None,
            is_idle: false,
            reason: None,
            has_reason: false,
        }
    }

    /// Number of records that a relay had.
    pub(super) fn healed(&self) -> u64 {
        self.healed
    }

    /// Why no relay answers, once.
    pub(super) fn take_reason(&mut self) -> Option<String> {
        self.reason.take()
    }

    /// Whether records wait for others, or are to be delivered.
    pub(super) fn is_busy(&self) -> bool {
        !self.streams.is_empty() || !self.ready.is_empty() || self.reconnected.is_some()
    }

    /// Takes the number of a record that has arrived.
    pub(super) fn observe(
        &mut self,
        source: &str,
        topic: &str,
        seq: u64,
        now: Instant,
    ) -> Disposition {
        if !self.repeated.is_empty() && self.was_sent(source, topic, seq) {
            return Disposition::Repeated;
        }
        let missing = self.sequences.observe(source, topic, seq);
        if let Some(at) = self.find(source, topic) {
            if seq < self.streams[at].next {
                // Repeated, or of a sender that has started again.
                self.release(at);
            }
            return Disposition::Hold;
        }
        let is_open = missing > 0 && self.open(source, topic, (seq - missing, seq), now);
        // What was released comes first.
        if is_open || !self.ready.is_empty() { Disposition::Hold } else { Disposition::Deliver }
    }

    fn was_sent(&self, source: &str, topic: &str, seq: u64) -> bool {
        let mut sent = self.repeated.iter();
        sent.any(|it| it.1 == topic && it.0 == source && (it.2..=it.3).contains(&seq))
    }

    /// Holds the record that was last passed to [`Healer::observe`].
    pub(super) fn hold(&mut self, source: &str, topic: &str, seq: u64, message: Message) {
        let Some(at) = self.find(source, topic) else {
            return self.ready.push_back(Released::Message(message));
        };
        self.insert(at, seq, message);
        if self.held > MAX_HELD || self.held_bytes > MAX_HELD_BYTES {
            // The oldest hole has had the most time.
            self.release(0);
        }
    }

    /// Takes a mark. Returns it if it need not wait.
    pub(super) fn observe_mark(
        &mut self,
        mark: Mark<'static>,
        now: Instant,
    ) -> Option<Mark<'static>> {
        let Mark::Published { source, topic, last, .. } = &mark else {
            self.sequences.observe_mark(&mark);
            return self.pass(mark);
        };
        let expected = self.sequences.expected(source, topic);
        let missing = self.sequences.observe_mark(&mark);
        let at = match self.find(source, topic) {
            Some(at) => at,
            None => {
                let first =
                    expected.unwrap_or_else(|| (*last).saturating_add(1).saturating_sub(missing));
                if missing == 0 || first > *last || !self.open(source, topic, (first, *last), now) {
                    return self.pass(mark);
                }
                self.streams.len() - 1
            }
        };
        let stream = &mut self.streams[at];
        stream.known = stream.known.max(*last);
        if stream.marks.len() < MAX_HOLES {
            stream.marks.push(mark);
        }
        None
    }

    /// Returns a mark that need not wait, unless something is to be delivered before.
    fn pass(&mut self, mark: Mark<'static>) -> Option<Mark<'static>> {
        if self.ready.is_empty() {
            return Some(mark);
        }
        self.ready.push_back(Released::Mark(mark));
        None
    }

    /// Notes whether a poll has brought messages. If not, a connection may have changed.
    pub(super) fn polled(&mut self, delivered: bool) {
        self.is_idle = !delivered;
        if !delivered {
            self.next_look = Instant::now();
        }
    }

    fn find(&self, source: &str, topic: &str) -> Option<usize> {
        self.streams.iter().position(|it| it.topic == topic && it.source == source)
    }

    /// Opens a hole: numbers from `next` on are missing, up to `known`. Returns whether there is room.
    fn open(&mut self, source: &str, topic: &str, (next, known): (u64, u64), now: Instant) -> bool {
        if self.streams.len() >= MAX_STREAMS {
            return false;
        }
        let until = now + self.patience;
        let (source, topic) = (source.to_owned(), topic.to_owned());
        let (held, marks) = (BTreeMap::new(), Vec::new());
        let (is_open, asked_to) = (false, None);
        self.streams.push(Stream {
            source,
            topic,
            next,
            known,
            is_open,
            asked_to,
            held,
            marks,
            until,
        });
        true
    }

    fn insert(&mut self, at: usize, seq: u64, message: Message) {
        let stream = &mut self.streams[at];
        stream.known = stream.known.max(seq);
        let bytes: usize = message.0.iter().map(Vec::len).sum();
        if stream.held.insert(seq, message).is_none() {
            self.held += 1;
            self.held_bytes += bytes;
        }
    }

    /// Does timed work: asks, reads answers, notices reconnects. `peers` has the number of peers of
    /// each endpoint.
    pub(super) fn process(&mut self, now: Instant, peers: impl FnOnce() -> Vec<usize>) {
        self.look_for_reconnects(now, peers);
        if self.asking.is_none() && !self.streams.is_empty() && now >= self.ask_at {
            self.ask();
        }
        self.read_answer(now);
        while let Some(at) = self.streams.iter().position(|it| it.until <= now) {
            self.release(at);
            if let Some(why) = self.busy.take() {
                self.note_reason(why);
            }
        }
        if self.streams.is_empty() {
            self.asking = None;
        }
    }

    /// Whether something is to be delivered.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// What is to be delivered next.
    pub(super) fn next(&mut self) -> Option<Released> {
        self.ready.pop_front()
    }

    /// Gives up all holes: at the end.
    pub(super) fn release_all(&mut self) {
        while !self.streams.is_empty() {
            self.release(0);
        }
        (self.asking, self.reconnected) = (None, None);
    }

    fn look_for_reconnects(&mut self, now: Instant, peers: impl FnOnce() -> Vec<usize>) {
        if now >= self.next_look {
            self.next_look = now + LOOK;
            let peers = peers();
            self.peers.resize(peers.len(), (false, false));
            for (peers, (is_here, was_here)) in peers.iter().zip(&mut self.peers) {
                let before = std::mem::replace(is_here, *peers > 0);
                if *is_here && !before && *was_here {
                    self.reconnected = Some(now + AFTER_RECONNECT);
                }
                *was_here |= *is_here;
            }
        }
        // Records that are on their way show by themselves what is missing before them.
        if self.is_idle && self.reconnected.is_some_and(|at| at <= now) {
            self.reconnected = None;
            self.open_all(now);
        }
    }

    /// Asks for what followed the last record of each source and topic.
    fn open_all(&mut self, now: Instant) {
        self.repeated.clear();
        let room = MAX_STREAMS - self.streams.len();
        let all = self.sequences.all_expected().filter(|(source, topic, _)| {
            !self.streams.iter().any(|it| it.source == *source && it.topic == *topic)
        });
        let all =
            all.take(room).map(|(source, topic, next)| (source.to_owned(), topic.to_owned(), next));
        for (source, topic, next) in all.collect::<Vec<_>>() {
            if self.open(&source, &topic, (next, next.saturating_sub(1)), now)
                && let Some(stream) = self.streams.last_mut()
            {
                stream.is_open = true;
            }
        }
    }

    /// Asks for the first missing numbers of as many streams as one question takes.
    fn ask(&mut self) {
        let mut holes = Vec::new();
        for stream in self.streams.iter_mut().take(MAX_HOLES) {
            let (first, last) = stream.hole();
            stream.asked_to = Some(last);
            let (source, topic) = (stream.source.clone(), stream.topic.clone());
            holes.push(Hole { source, topic, first, last });
        }
        self.asking = Some(Asking::new(&self.relays, holes, self.options.clone()));
    }

    fn read_answer(&mut self, now: Instant) {
        while let Some(asking) = &mut self.asking {
            let answered = asking.next();
            let is_busy = asking.is_busy();
            if is_busy {
                self.ask_at = now + BUSY_PAUSE;
            }
            match answered {
                Answered::Nothing => return,
                Answered::Message { source, topic, seq, message } => {
                    if let Some(at) = self.find(&source, &topic) {
                        self.take_healed(at, seq, message, now);
                    }
                }
                Answered::End { is_whole } => {
                    (self.asking, self.busy) = (None, None);
                    // A busy relay may have what the others lack.
                    self.close_asked(is_whole && !is_busy);
                }
                Answered::Failed(why) => {
                    self.asking = None;
                    match is_busy {
                        true => self.busy = Some(why),
                        false => self.note_reason(why),
                    }
                    self.close_asked(!is_busy);
                }
            }
        }
    }

    /// Notes why no relay has answered, the first time.
    fn note_reason(&mut self, why: String) {
        if !std::mem::replace(&mut self.has_reason, true) {
            self.reason = Some(why);
        }
    }

    /// Takes a record that a relay had.
    fn take_healed(&mut self, at: usize, seq: u64, message: Message, now: Instant) {
        let stream = &mut self.streams[at];
        if seq < stream.next || stream.held.contains_key(&seq) {
            return;
        }
        self.healed += 1;
        // As long as a relay sends what is missing, all wait: it sends one hole after the other.
        self.streams.iter_mut().for_each(|stream| stream.until = now + self.patience);
        if self.streams[at].is_open {
            self.note_sent(at, seq);
        }
        self.insert(at, seq, message);
        self.deliver_next(at);
    }

    /// Remembers what a relay has sent beyond what has arrived.
    fn note_sent(&mut self, at: usize, seq: u64) {
        let (source, topic) = (self.streams[at].source.clone(), self.streams[at].topic.clone());
        self.sequences.observe(&source, &topic, seq);
        match self.repeated.iter_mut().find(|it| it.1 == topic && it.0 == source) {
            Some(sent) => sent.3 = sent.3.max(seq),
            None => self.repeated.push_back((source, topic, seq, seq)),
        }
        if self.repeated.len() > MAX_STREAMS {
            self.repeated.pop_front();
        }
    }

    /// Delivers what follows without a hole.
    fn deliver_next(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        while let Some(message) = stream.held.remove(&stream.next) {
            self.held -= 1;
            self.held_bytes -= message.0.iter().map(Vec::len).sum::<usize>();
            self.ready.push_back(Released::Message(message));
            stream.next = stream.next.saturating_add(1);
        }
    }

    /// Ends a question. Gives up the numbers that no relay has returned. If the answer was cut at its
    /// limit, asks again for the streams that got nothing.
    fn close_asked(&mut self, is_whole: bool) {
        let mut at = 0;
        while at < self.streams.len() {
            self.deliver_next(at);
            let stream = &mut self.streams[at];
            if let Some(asked_to) = stream.asked_to.take().filter(|_| is_whole) {
                let first_held = stream.held.keys().next().copied().unwrap_or(u64::MAX);
                stream.next = stream.next.max(asked_to.saturating_add(1).min(first_held));
                stream.is_open = false;
                self.deliver_next(at);
            }
            let stream = &self.streams[at];
            if stream.held.is_empty() && stream.next > stream.known && !stream.is_open {
                self.release(at);
            } else {
                at += 1;
            }
        }
    }

    /// Delivers what a stream holds, with its holes, and forgets it.
    fn release(&mut self, at: usize) {
        let stream = self.streams.remove(at);
        for (_, message) in stream.held {
            self.held -= 1;
            self.held_bytes -= message.0.iter().map(Vec::len).sum::<usize>();
            self.ready.push_back(Released::Message(message));
        }
        self.ready.extend(stream.marks.into_iter().map(Released::Mark));
    }
}

impl Stream {
    /// The first numbers that are missing.
    fn hole(&self) -> (u64, u64) {
        let before_held = self.held.keys().next().map(|first| first.saturating_sub(1));
        let last = match self.is_open {
            true => u64::MAX,
            false => self.known,
        };
        (self.next, before_held.unwrap_or(last).max(self.next))
    }
}

#[cfg(test)]
mod tests;

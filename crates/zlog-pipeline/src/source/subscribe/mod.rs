//! Records from a ZeroMQ subscription.

mod backlog;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use self::backlog::Backlog;
use super::{PollStatus, Sink, Source};
use crate::socket::{self, Drain, Endpoint, PublisherRequest, Subscriber};
use zlog_core::wire;
use zlog_core::wire::mark::{self, Mark};
use zlog_core::{Record, Result};

/// How long one poll waits for messages while the connections are drained.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// For how long messages that come too late are counted.
const COUNT_TIME: Duration = Duration::from_millis(500);
/// Most marks kept until they are taken, which happens only at the end that several wait.
const MAX_MARKS: usize = 16_384;

/// Decodes the messages that a subscriber receives.
pub struct Subscribe {
    subscriber: Subscriber,
    decoder: wire::Decoder,
    backlog: Backlog,
    keep_bodies: bool,
    late: LateMessages,
    marks: Vec<Mark<'static>>,
}

/// Messages that arrived after the time that [`Source::finish`] had. They are not delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LateMessages {
    /// How many were counted.
    pub count: u64,
    /// Whether publishers were still sending when counting ended.
    pub and_more: bool,
}

impl LateMessages {
    /// Whether any came too late.
    pub fn any(&self) -> bool {
        self.count > 0 || self.and_more
    }
}

impl Subscribe {
    /// Reads from `subscriber`. With `keep_bodies`, records have their [`Record::body`].
    pub fn new(subscriber: Subscriber, keep_bodies: bool) -> Subscribe {
        let late = LateMessages::default();
        let (decoder, backlog) = (wire::Decoder::default(), Backlog::default());
        Subscribe { subscriber, decoder, backlog, keep_bodies, late, marks: Vec::new() }
    }

    /// Requests the last `n` messages of `prefixes` from the relay whose query endpoint is
    /// `at`, and subscribes to `prefixes`, which must not have been done before. These messages
    /// are delivered before live ones. Returns what a person should know about the answer.
    ///
    /// Whatever the relay answers, the subscription is made. `stop` ends the wait for it.
    ///
    /// # Errors
    /// No socket can be opened.
    pub fn fetch_backlog(
        &mut self,
        n: usize,
        at: &Endpoint,
        prefixes: &[Vec<u8>],
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<String>> {
        let (backlog, notices) = backlog::fetch(n, at, prefixes, &mut self.subscriber, stop)?;
        self.backlog = backlog;
        Ok(notices)
    }

    /// Takes the marks that have arrived. A poll ends at a mark, so all records before it were
    /// delivered, and those after it were not. At the end, in [`Source::finish`], records after
    /// it may be delivered first.
    pub fn take_marks(&mut self) -> Vec<Mark<'static>> {
        std::mem::take(&mut self.marks)
    }

    /// The socket: to change topics, and to ask about connections.
    pub fn subscriber(&mut self) -> &mut Subscriber {
        &mut self.subscriber
    }

    /// Counts of messages that came too late for [`Source::finish`].
    pub fn late(&self) -> LateMessages {
        self.late
    }

    /// Counts the messages that come too late, for at most [`COUNT_TIME`].
    fn count_late(&mut self, mut drain: Drain) -> Result<()> {
        let until = Instant::now() + COUNT_TIME;
        self.subscriber.request(PublisherRequest::Stop);
        drain.stop_requested();
        loop {
            let before = self.late.count;
            self.subscriber.recv(DRAIN_POLL, &mut |frames, _| {
                self.late.count += u64::from(!is_reserved(frames));
                Ok(ControlFlow::Continue(()))
            })?;
            let now = Instant::now();
            if drain.is_done(now, self.late.count > before) {
                return Ok(());
            }
            if now >= until {
                self.late.and_more = true;
                return Ok(());
            }
        }
    }
}

/// Whether a message is none for readers of records.
fn is_reserved(frames: &[&[u8]]) -> bool {
    frames.first().is_some_and(|topic| mark::is_reserved(topic))
}

fn poll_status(delivered: bool) -> PollStatus {
    if delivered { PollStatus::Delivered } else { PollStatus::Idle }
}

impl Source for Subscribe {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let Subscribe { subscriber, decoder, backlog, keep_bodies, marks, .. } = self;
        let mut deliver = |frames: &[&[u8]], received| {
            let mut record = Record::default();
            decoder.decode_into(frames, received, &mut record);
            if *keep_bodies {
                record.body = frames.last().map(|body| Cow::Borrowed(*body));
            }
            sink(&mut record)
        };
        let mut wait = wait;
        while let Some(message) = backlog.next() {
            let frames: Vec<&[u8]> = message.frames.iter().map(Vec::as_slice).collect();
            if deliver(&frames, message.received)?.is_break() {
                return Ok(PollStatus::Delivered);
            }
            wait = Duration::ZERO;
        }
        let delivered = subscriber.recv(wait, &mut |frames, received| {
            if is_reserved(frames) {
                let mark = mark::read(frames).filter(|_| marks.len() < MAX_MARKS);
                marks.extend(mark.map(Mark::into_owned));
                return Ok(ControlFlow::Break(()));
            }
            match backlog.is_duplicate(frames) {
                true => Ok(ControlFlow::Continue(())),
                false => deliver(frames, received),
            }
        });
        delivered.map(poll_status)
    }

    /// Makes publishers stop, and delivers what they have sent. What comes after `within` is
    /// counted ([`Subscribe::late`]).
    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        self.subscriber.ignore_wakeups();
        let started = Instant::now();
        let mut drain = Drain::new(&self.subscriber.endpoint_status(), started, within);
        loop {
            if Instant::now() >= started + within {
                return self.count_late(drain);
            }
            // Checked first: what the system had received from a publisher that is gone has
            // arrived by the end of the poll.
            let gone = socket::connected_peers(&self.subscriber.endpoint_status()) == 0;
            let came = self.poll(DRAIN_POLL, sink)? == PollStatus::Delivered;
            let now = Instant::now();
            if drain.is_done(now, came) || (gone && !came) {
                return Ok(());
            }
            let subscriber = &mut self.subscriber;
            if let Some(request) = drain.next_request(now, || subscriber.is_caught_up()) {
                subscriber.request(request);
            }
        }
    }
}

#[cfg(test)]
mod tests;

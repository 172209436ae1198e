//! Records from a ZeroMQ subscription.

mod answer;
mod backlog;
mod heal;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use self::backlog::Backlog;
use self::heal::{Disposition, Healer, Released};
use super::{PollStatus, Sink, Source};
use crate::socket::{self, Drain, Endpoint, PublisherRequest, SocketOptions, Subscriber};
use zlog_core::wire;
use zlog_core::wire::json::Prefilter;
use zlog_core::wire::mark::{self, Mark};
use zlog_core::{Record, Result};

/// How long one poll waits for messages while the connections are drained.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// For how long messages that come too late are counted.
const COUNT_TIME: Duration = Duration::from_millis(500);
/// Longest wait for messages while others are missing: answers of relays do not end it.
const HEAL_POLL: Duration = Duration::from_millis(5);
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
    healer: Option<Healer>,
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
        Subscribe {
            subscriber,
            decoder,
            backlog,
            keep_bodies,
            late,
            marks: Vec::new(),
            healer: None,
        }
    }

    /// From now on, objects that this rejects are read only as far as later records depend on them.
    pub fn set_prefilter(&mut self, prefilter: Option<Prefilter>) {
        self.decoder = wire::Decoder::with_prefilter(prefilter);
    }

    /// From now on, asks the relays with these query endpoints for records that did not arrive, and
    /// holds later ones meanwhile, for `patience` at most without an answer. `options` has the key
    /// to ask with.
    pub fn heal(&mut self, relays: Vec<Endpoint>, patience: Duration, options: SocketOptions) {
        self.healer = Some(Healer::new(relays, patience, options));
    }

    /// Number of records that did not arrive and that a relay had.
    pub fn healed(&self) -> u64 {
        self.healer.as_ref().map_or(0, Healer::healed)
    }

    /// Why no relay answers, once.
    pub fn take_reason(&mut self) -> Option<String> {
        self.healer.as_mut()?.take_reason()
    }

    /// Delivers the records that are held, though others before them are missing.
    ///
    /// # Errors
    /// The error of `sink`.
    pub fn release(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        let Some(healer) = &mut self.healer else { return Ok(()) };
        healer.release_all();
        while !self.deliver_released(sink)?.is_break() {}
        Ok(())
    }

    /// Delivers what the healer releases, up to a mark. Breaks if there is nothing, or `sink` does.
    fn deliver_released(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
        let Subscribe { decoder, keep_bodies, marks, healer, .. } = self;
        while let Some(released) = healer.as_mut().and_then(Healer::next) {
            match released {
                Released::Message((frames, received)) => {
                    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
                    let mut record = Record::default();
                    decode_into(decoder, (&frames, received), *keep_bodies, &mut record);
                    if sink(&mut record)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Released::Mark(mark) => {
                    marks.push(mark);
                    return Ok(ControlFlow::Continue(()));
                }
            }
        }
        Ok(ControlFlow::Break(()))
    }

    /// Requests the last `n` messages of `prefixes` from the relay whose query endpoint is
    /// `at`, and subscribes to `prefixes`, which must not have been done before. These messages
    /// are delivered before live ones. `options` has the key to ask with. Returns what a person
    /// should know about the answer.
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
        options: &SocketOptions,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<String>> {
        let subscriber = &mut self.subscriber;
        let (backlog, notices) = backlog::fetch(n, at, prefixes, options, subscriber, stop)?;
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

/// Decodes a message into an empty record.
fn decode_into<'a>(
    decoder: &mut wire::Decoder,
    (frames, received): (&[&'a [u8]], f64),
    keep_body: bool,
    record: &mut Record<'a>,
) {
    decoder.decode_into(frames, received, record);
    if keep_body {
        record.body = frames.last().map(|body| Cow::Borrowed(*body));
    }
}

impl Subscribe {
    /// Goes on with the search for missing records, and shortens the wait for messages meanwhile.
    /// Returns whether records can be delivered.
    fn process_healer(&mut self, wait: &mut Duration) -> bool {
        let Some(healer) = &mut self.healer else { return false };
        let subscriber = &self.subscriber;
        healer.process(Instant::now(), || {
            subscriber.endpoint_status().iter().map(|endpoint| endpoint.peers).collect()
        });
        if healer.is_busy() {
            *wait = HEAL_POLL.min(*wait);
        }
        healer.has_ready()
    }
}

impl Source for Subscribe {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let mut wait = wait;
        if self.process_healer(&mut wait) {
            // Marks are taken between two polls.
            let _ = self.deliver_released(sink)?;
            return Ok(PollStatus::Delivered);
        }
        let Subscribe { subscriber, decoder, backlog, keep_bodies, marks, healer, .. } = self;
        while let Some(message) = backlog.next() {
            let frames: Vec<&[u8]> = message.frames.iter().map(Vec::as_slice).collect();
            let mut record = Record::default();
            decode_into(decoder, (&frames, message.received), *keep_bodies, &mut record);
            if sink(&mut record)?.is_break() {
                return Ok(PollStatus::Delivered);
            }
            wait = Duration::ZERO;
        }
        let delivered = subscriber.recv(wait, &mut |frames, received| {
            if is_reserved(frames) {
                let mark = mark::read(frames).filter(|_| marks.len() < MAX_MARKS);
                let mark = mark.map(Mark::into_owned);
                let mark = match healer.as_mut() {
                    Some(healer) => mark.and_then(|it| healer.observe_mark(it, Instant::now())),
                    None => mark,
                };
                marks.extend(mark);
                return Ok(ControlFlow::Break(()));
            }
            if backlog.is_duplicate(frames) {
                return Ok(ControlFlow::Continue(()));
            }
            let mut record = Record::default();
            decode_into(decoder, (frames, received), *keep_bodies, &mut record);
            if let (Some(healer), Some(source), Some(seq)) =
                (healer.as_mut(), &record.source, record.seq)
            {
                match healer.observe(source, &record.topic, seq, Instant::now()) {
                    Disposition::Deliver => {}
                    Disposition::Repeated => return Ok(ControlFlow::Continue(())),
                    Disposition::Hold => {
                        let message = frames.iter().map(|frame| frame.to_vec()).collect();
                        healer.hold(source, &record.topic, seq, (message, received));
                        return Ok(ControlFlow::Continue(()));
                    }
                }
            }
            sink(&mut record)
        })?;
        if let Some(healer) = &mut self.healer {
            healer.polled(delivered);
        }
        Ok(poll_status(delivered))
    }

    /// Makes publishers stop, and delivers what they have sent. What comes after `within` is
    /// counted ([`Subscribe::late`]).
    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        self.drain(within, sink)?;
        self.release(sink)
    }
}

impl Subscribe {
    fn drain(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
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

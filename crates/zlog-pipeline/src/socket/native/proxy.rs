//! The proxy on the crate `zmtp`: messages are forwarded in groups, from the blocks that they were
//! read into.
//!
//! Each socket has a thread. The caller's thread groups messages and inspects them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use zmtp::{Batch, BatchBuilder, Group, Message, SharedBatch};

use super::local::{LocalPublisher, LocalQueue};
use super::publisher::Publisher;
use super::subscriber::Subscriber;
use crate::socket::broken_report::BrokenReport;
use crate::socket::connection::{ConnectionEvent, EndpointStatus};
use crate::socket::drain::PublisherRequest;
use crate::socket::endpoint::Endpoint;
use crate::socket::flush::Flushed;
use crate::socket::options::SocketOptions;
use crate::socket::proxy::{
    Counts, Forwarded, HandedCount, Inspect, MAX_EVENTS, MAX_MARKERS, Marker, ProxyOptions,
    ProxySocket, Waker,
};
use crate::socket::publisher::{self, PublisherSocket, Sent};
use crate::socket::slow_subscribers::SlowSubscribers;
use crate::socket::subscriber::{MAX_FRAMES, SubscriberSocket};
use crate::socket::upstream::{PrefixChange, UpstreamSubscriptions};
use zlog_core::Result;
use zlog_core::wire::mark::{self, is_reserved};
use zlog_core::wire::query::{ENDING, MAX_MARKER_LEN, is_marker};

/// Most messages of a group that nothing inspects, whatever the caller says: about a block.
const MAX_GROUP: usize = 20_000;

/// A collecting and a publishing socket.
pub(in crate::socket) struct Proxy {
    collect: Subscriber,
    publish: Publisher,
    /// The messages of publishers in this process, and whose turn is next; the socket that
    /// collects comes after the last of them.
    locals: Vec<Arc<LocalQueue>>,
    turn: usize,
    waker: Waker,
    /// The batch that is forwarded, and where its next message stands.
    current: Option<(SharedBatch, usize)>,
    /// Messages that were inspected and wait for room. Their number without marks, and their bytes
    /// without headers.
    group: Group,
    group_messages: u64,
    group_bytes: u64,
    /// Most messages of a group: the high-water mark of the publishing socket.
    max_group: usize,
    /// How often the relay itself has subscribed to a prefix.
    own: HashMap<Box<[u8]>, usize>,
    upstream: UpstreamSubscriptions,
    /// Number of prefixes of marks in `upstream`.
    mark_prefixes: usize,
    markers: Vec<Marker>,
    events: VecDeque<ConnectionEvent>,
    broken: BrokenReport,
    slow: SlowSubscribers,
    block: bool,
    /// Publishers were asked to stop: new subscriptions are not sent to them.
    stopped: bool,
    counts: Counts,
}

impl Proxy {
    /// Opens both sockets.
    pub(in crate::socket) fn open(
        collect_on: &[Endpoint],
        publish_on: &[Endpoint],
        options: &ProxyOptions,
    ) -> Result<Proxy> {
        let mut publish = Publisher::open_for_proxy(publish_on, &options.publish)?;
        if !options.block {
            publish.drop_when_full();
        }
        let mut collect = Subscriber::open::<&[u8]>(collect_on, &[], &options.collect)?;
        let (wake, wakes) = crossbeam_channel::bounded(1);
        collect.wake_by(wakes);
        publish.wake_on_events(wake.clone())?;
        let waker = Arc::new(move || {
            // One message serves for several.
            let _ = wake.try_send(());
        });
        Ok(Proxy {
            collect,
            publish,
            locals: Vec::new(),
            turn: 0,
            waker,
            current: None,
            group: Group::default(),
            group_messages: 0,
            group_bytes: 0,
            max_group: match options.publish.hwm {
                0 => MAX_GROUP,
                hwm => usize::try_from(hwm).unwrap_or(MAX_GROUP).min(MAX_GROUP),
            },
            own: HashMap::new(),
            upstream: UpstreamSubscriptions::new(Instant::now()),
            mark_prefixes: 0,
            markers: Vec::new(),
            events: VecDeque::new(),
            broken: BrokenReport::default(),
            slow: SlowSubscribers::default(),
            block: options.block,
            stopped: false,
            counts: Counts { is_no_room_exact: true, ..Counts::default() },
        })
    }

    /// Takes the next batch of the publishers in turns.
    fn next_batch(&mut self) -> Result<Option<Batch>> {
        for _ in 0..=self.locals.len() {
            let turn = self.turn;
            self.turn = if turn < self.locals.len() { turn + 1 } else { 0 };
            let batch = match self.locals.get(turn) {
                Some(local) => local.take(),
                None => self.collect.next_batch()?,
            };
            if batch.is_some() {
                return Ok(batch);
            }
        }
        Ok(None)
    }

    /// Makes sure that there is a message in `current`. Returns whether there is one.
    fn receive(&mut self) -> Result<bool> {
        loop {
            if let Some((batch, at)) = &self.current
                && batch.messages_from(*at).next().is_some()
            {
                return Ok(true);
            }
            self.current = None;
            match self.next_batch()? {
                Some(batch) => self.current = Some((batch.into(), 0)),
                None => return Ok(false),
            }
        }
    }

    /// Takes up to `most` messages of the current batch: each after `inspect` has read it. Adds
    /// them to the group if they are to be forwarded. Returns how many.
    fn take(
        &mut self,
        most: usize,
        forwards: bool,
        mut inspect: Option<&mut Inspect<'_>>,
    ) -> Result<u64> {
        let Some((batch, at)) = &mut self.current else { return Ok(0) };
        let mut messages = batch.messages_from(*at);
        let mut taken = 0;
        while taken < most as u64
            && let Some(message) = messages.next()
        {
            let frames = Frames::of(&message);
            if frames.cut > 0 {
                if !self.group.is_empty() {
                    // It makes a group of its own.
                    break;
                }
                self.counts.frames_cut += frames.cut;
            }
            *at = messages.position();
            // A mark goes to those who have subscribed to it, and is no message to anyone else.
            let is_mark = is_reserved(frames.frames[0]);
            if is_mark && !frames.is_mark() {
                continue;
            }
            taken += u64::from(!is_mark);
            if forwards {
                self.group_messages += u64::from(!is_mark);
                self.group_bytes += if is_mark { 0 } else { frames.bytes };
                match frames.cut {
                    0 => self.group.push(batch, &message, *at),
                    _ => push_alone(&mut self.group, frames.first()),
                }
            }
            if let Some(inspect) = &mut inspect
                && !is_mark
            {
                inspect(frames.first())?;
            }
            if frames.cut > 0 {
                break;
            }
        }
        Ok(taken)
    }

    /// Forwards the group. Returns whether there was room.
    fn send(&mut self) -> Result<bool> {
        if !self.group.is_empty() && self.publish.forward(&mut self.group)? == Sent::Full {
            if self.block {
                let (slow, publish) = (&mut self.slow, &self.publish);
                slow.note(Instant::now(), publish.send_slice(), || publish.blocked_peers());
            }
            return Ok(false);
        }
        self.counts.messages += std::mem::take(&mut self.group_messages);
        self.counts.bytes += std::mem::take(&mut self.group_bytes);
        Ok(true)
    }

    fn note_dropped(&mut self, is_last: bool) {
        for lacking in self.publish.take_dropped(is_last) {
            self.counts.no_room += lacking.messages;
            self.slow.note_dropped(lacking.peer, lacking.messages);
        }
    }

    fn process_subscriptions(&mut self, now: Instant) {
        for noted in self.publish.socket().take_noted() {
            if noted.prefix.len() <= MAX_MARKER_LEN && self.markers.len() < MAX_MARKERS {
                self.markers.push(Marker { prefix: noted.prefix, arrived: noted.passed });
            }
        }
        // Publishers need not know of markers.
        let changes = self.publish.socket().take_changes().into_iter();
        let changes = changes.filter(|(_, prefix)| !is_marker(prefix) && **prefix != *ENDING);
        let mut changes: Vec<_> = changes.collect();
        // Topics before their marks: see `zlog_core::wire::mark`.
        changes.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
        if self.stopped {
            return;
        }
        for (is_wanted, prefix) in changes {
            if is_reserved(&prefix) {
                // Each removal follows an addition.
                self.mark_prefixes =
                    if is_wanted { self.mark_prefixes + 1 } else { self.mark_prefixes - 1 };
            }
            let change = match is_wanted {
                true => PrefixChange::Added(&prefix),
                false => PrefixChange::Removed(&prefix),
            };
            if let Some(message) = self.upstream.note(change, now) {
                pass_on(&mut self.collect, &message);
            }
        }
        while let Some(message) = self.upstream.next_deferred(now) {
            pass_on(&mut self.collect, &message);
        }
    }
}

/// Sends a subscription or a cancel upstream: 1 or 0, then a prefix.
fn pass_on(collect: &mut Subscriber, message: &[u8]) {
    match message.split_first() {
        Some((1, prefix)) => collect.subscribe(prefix),
        Some((_, prefix)) => collect.unsubscribe(prefix),
        None => {}
    }
}

/// Makes a group of a copy of one message.
fn push_alone(group: &mut Group, frames: &[&[u8]]) {
    let mut copy = BatchBuilder::default();
    copy.push(frames);
    let Some(batch) = copy.take().map(SharedBatch::from) else { return };
    let mut messages = batch.messages_from(0);
    while let Some(message) = messages.next() {
        group.push(&batch, &message, messages.position());
    }
}

/// The frames of a message, as far as they are forwarded.
struct Frames<'m> {
    frames: [&'m [u8]; MAX_FRAMES],
    count: usize,
    bytes: u64,
    /// Number of further frames.
    cut: u64,
}

impl<'m> Frames<'m> {
    #[inline]
    fn of(message: &Message<'m>) -> Frames<'m> {
        let mut it = Frames { frames: [&[]; MAX_FRAMES], count: 0, bytes: 0, cut: 0 };
        for frame in message.frames() {
            match it.frames.get_mut(it.count) {
                Some(slot) => {
                    *slot = frame;
                    it.count += 1;
                    it.bytes += frame.len() as u64;
                }
                None => it.cut += 1,
            }
        }
        it
    }

    fn first(&self) -> &[&'m [u8]] {
        &self.frames[..self.count]
    }

    /// Whether it is a mark as zlog sends it. Marks are kept for subscribers without room.
    fn is_mark(&self) -> bool {
        self.cut == 0 && mark::read(self.first()).is_some()
    }
}

impl ProxySocket for Proxy {
    fn bound(&self) -> (&[String], &[String]) {
        (self.collect.bound(), self.publish.bound())
    }

    fn waker(&self) -> Waker {
        Arc::clone(&self.waker)
    }

    fn inproc_publisher(&mut self, options: &SocketOptions) -> Result<publisher::Publisher> {
        let queue = Arc::new(LocalQueue::new(self.waker()));
        self.locals.push(Arc::clone(&queue));
        let local = LocalPublisher::new(queue, self.publish.shared_socket(), options);
        Ok(publisher::Publisher::of(Box::new(local)))
    }

    fn counted_publisher(&mut self) -> Result<(publisher::Publisher, HandedCount)> {
        let queue = Arc::new(LocalQueue::new(self.waker()));
        self.locals.push(Arc::clone(&queue));
        let options = SocketOptions::publisher();
        let local = LocalPublisher::new(Arc::clone(&queue), self.publish.shared_socket(), &options);
        let handed = Arc::new(move || queue.handed());
        Ok((publisher::Publisher::of(Box::new(local)), handed))
    }

    fn slow(&self) -> &SlowSubscribers {
        &self.slow
    }

    fn subscribe(&mut self, prefix: &[u8]) {
        let count = self.own.entry(prefix.into()).or_default();
        *count += 1;
        if *count == 1 {
            self.publish.socket().subscribe(prefix);
            self.process_subscriptions(Instant::now());
        }
    }

    fn unsubscribe(&mut self, prefix: &[u8]) {
        let Some(count) = self.own.get_mut(prefix) else { return };
        *count -= 1;
        if *count == 0 {
            self.own.remove(prefix);
            self.publish.socket().unsubscribe(prefix);
            self.process_subscriptions(Instant::now());
        }
    }

    fn process_events(&mut self) {
        let mut events = SubscriberSocket::events(&self.collect);
        events.extend(self.publish.take_events());
        self.events.extend(events);
        let surplus = self.events.len().saturating_sub(MAX_EVENTS);
        self.events.drain(..surplus);
        self.note_dropped(false);
        self.process_subscriptions(Instant::now());
    }

    fn take_report(&mut self) -> Option<String> {
        self.publish.take_report()
    }

    fn take_last_report(&mut self) -> Option<String> {
        self.publish.take_last_report()
    }

    fn broken_reports(&mut self, now: Instant) -> Vec<String> {
        let Proxy { publish, broken, .. } = self;
        broken.add_all(publish.broken(), now)
    }

    fn take_broken(&mut self) -> (u64, Option<String>) {
        (self.broken.total(), self.broken.take_rest())
    }

    fn request(&mut self, request: PublisherRequest) {
        self.stopped |= request == PublisherRequest::Stop;
        self.collect.request(request);
    }

    fn markers(&mut self) -> Vec<Marker> {
        std::mem::take(&mut self.markers)
    }

    fn has_unread(&self) -> bool {
        !self.collect.is_caught_up()
    }

    fn wait(&mut self, wait: Duration) -> bool {
        if self.current.is_some() {
            return false;
        }
        match self.collect.wait_for_batch(wait) {
            Some(batch) => {
                self.current = Some((batch.into(), 0));
                false
            }
            // A wake-up may stand for a message of this process as well.
            None => true,
        }
    }

    fn counts(&self) -> Counts {
        Counts { unheard: self.publish.socket().unsubscribed(), ..self.counts }
    }

    fn wait_for_counts(&mut self) {
        self.note_dropped(true);
    }

    fn upstream_prefixes(&self) -> usize {
        self.upstream.len() - self.mark_prefixes
    }

    fn endpoint_status(&self) -> (Vec<EndpointStatus>, Vec<EndpointStatus>) {
        (self.collect.endpoint_status(), self.publish.endpoint_status())
    }

    fn events(&mut self) -> Vec<ConnectionEvent> {
        self.events.drain(..).collect()
    }

    fn forward(&mut self, most: usize, mut inspect: Option<&mut Inspect<'_>>) -> Result<Forwarded> {
        let mut left = most as u64;
        while left > 0 {
            if !self.send()? {
                return Ok(Forwarded::Full);
            }
            if !self.receive()? {
                return Ok(Forwarded::All);
            }
            let group = match &inspect {
                Some(_) => usize::try_from(left).unwrap_or(usize::MAX).min(self.max_group),
                None => self.max_group,
            };
            let inspect = inspect.as_mut().map(|inspect| &mut **inspect as &mut Inspect<'_>);
            left = left.saturating_sub(self.take(group, true, inspect)?);
        }
        Ok(if self.send()? { Forwarded::More } else { Forwarded::Full })
    }

    fn discard(&mut self, most: u64, inspect: &mut Inspect<'_>) -> Result<Forwarded> {
        let waiting = std::mem::take(&mut self.group_messages);
        self.group.clear();
        self.group_bytes = 0;
        self.counts.dropped += waiting;
        let mut left = most.saturating_sub(waiting);
        while left > 0 {
            if !self.receive()? {
                return Ok(Forwarded::All);
            }
            let before = left;
            // Also if `inspect` fails.
            let taken = self.take(1, false, Some(&mut *inspect));
            left -= taken.as_ref().map_or(1, |taken| *taken).min(left);
            self.counts.dropped += before - left;
            taken?;
        }
        Ok(Forwarded::More)
    }

    fn close(self: Box<Self>, linger: Duration) -> Flushed {
        let Proxy { collect, publish, .. } = *self;
        drop(collect);
        Box::new(publish).close(linger)
    }
}

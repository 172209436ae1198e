//! The publisher's side of the event loop: reads subscriptions, passes messages on to
//! subscribers, writes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crossbeam_channel::Sender;

use super::absent::{Absent, AbsentPeers};
use super::peer::Peer;
use super::report::{add_dropped, dropped_of, dropped_of_absent, status_of, status_of_absent};
use super::run::Batch;
use super::subscriptions::Offender;
use super::{Dropped, End, PeerStatus, Shared};
use crate::net::link::Link;
use crate::net::links::Links;
use crate::net::role::Role;
use crate::protocol::scanner::{Item, Scanner};
use crate::protocol::subscription::{self, FromSubscriber};
use crate::{Address, Disconnect, Options, SocketType, WhenFull};

mod delivery;
mod notices;
mod stall;

/// Bytes of one read, and reads of one subscriber in a row.
const READ: usize = 16 << 10;
const READS: usize = 4;
/// Topics whose subscribers are remembered.
const CACHED_TOPICS: usize = 1024;

/// A request of the owner.
pub(crate) enum Request {
    /// The state of all subscribers.
    Peers(Sender<Vec<PeerStatus>>),
    /// What was dropped since the last time.
    Dropped(Sender<Vec<Dropped>>),
    /// What happens to full subscribers from now on.
    WhenFull(WhenFull),
}

/// The publisher's side of the event loop.
pub(crate) struct PublisherRole {
    shared: Arc<Shared>,
    options: Options,
    /// Messages to pass on.
    todo: VecDeque<Batch>,
    topics: TopicCache,
    /// Subscribers with something to write.
    dirty: Vec<usize>,
    /// Subscribers for which notices wait.
    noticed: Vec<usize>,
    /// A subscriber of the first message has no room.
    blocked_by: Option<usize>,
    /// While one has none: when to look next who takes nothing.
    next_look: Option<Instant>,
    /// Subscribers that offend because another one exceeded the limit of all.
    offenders: Vec<Offender>,
    /// Subscribers that are expected back.
    absent: AbsentPeers,
    /// What was dropped for subscribers that are gone.
    dropped: Vec<Dropped>,
    is_closing: bool,
    /// Subscribers that disconnected while the socket was being closed, with unsent messages.
    lost: Vec<PeerStatus>,
    buffer: Box<[u8]>,
}

/// The subscribers of the topics seen last.
#[derive(Default)]
struct TopicCache {
    generation: u64,
    found: HashMap<Box<[u8]>, Arc<[usize]>>,
    buffer: Vec<usize>,
}

impl TopicCache {
    fn find(&mut self, shared: &Shared, topic: &[u8]) -> Arc<[usize]> {
        let generation = shared.generation();
        if self.generation != generation || self.found.len() >= CACHED_TOPICS {
            self.generation = generation;
            self.found.clear();
        }
        if let Some(found) = self.found.get(topic) {
            return Arc::clone(found);
        }
        shared.subscriptions().find(topic, 0, &mut self.buffer);
        let found: Arc<[usize]> = self.buffer.as_slice().into();
        self.found.insert(topic.into(), Arc::clone(&found));
        found
    }
}

impl PublisherRole {
    pub(crate) fn new(shared: Arc<Shared>, options: Options) -> PublisherRole {
        PublisherRole {
            shared,
            options,
            todo: VecDeque::new(),
            topics: TopicCache::default(),
            dirty: Vec::new(),
            noticed: Vec::new(),
            blocked_by: None,
            next_look: None,
            offenders: Vec::new(),
            absent: AbsentPeers::default(),
            dropped: Vec::new(),
            is_closing: false,
            lost: Vec::new(),
            buffer: vec![0; READ].into(),
        }
    }

    /// Handles what a subscriber has sent.
    fn handle(
        &mut self,
        slot: usize,
        link: &mut Link<Peer>,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), Disconnect> {
        let mut partial = std::mem::take(&mut link.peer.partial);
        let mut bytes = bytes;
        if !partial.is_empty() {
            partial.extend_from_slice(bytes);
            bytes = &partial;
        }
        while let Some(item) = link.peer.scanner.next(bytes)? {
            let (Item::Message(len) | Item::Command { len, .. }) = item;
            match subscription::read(item, bytes)? {
                FromSubscriber::Subscription(subscribe, prefix) => {
                    self.subscribe(slot, subscribe, prefix, now)?;
                }
                FromSubscriber::Ping(context) => link.pong(context),
                FromSubscriber::Other => {}
            }
            bytes = &bytes[len..];
        }
        link.peer.partial = bytes.to_vec();
        Ok(())
    }

    fn subscribe(
        &mut self,
        slot: usize,
        subscribe: bool,
        prefix: &[u8],
        now: Instant,
    ) -> Result<(), Disconnect> {
        if subscribe && self.options.note.is_some_and(|note| note(prefix)) {
            self.shared.note(prefix);
        }
        let applied = self.shared.apply(slot, subscribe, prefix, now);
        match applied {
            Ok(()) => Ok(()),
            Err(Offender(offender, why)) if offender == slot => Err(why),
            Err(Offender(offender, why)) => {
                // What it subscribes to until it is disconnected is still limited by its rights.
                self.shared.change(|subscriptions| subscriptions.cancel_all(offender));
                self.offenders.push(Offender(offender, why));
                Ok(())
            }
        }
    }

    fn write(&mut self, links: &mut Links<Peer>, now: Instant) {
        for slot in std::mem::take(&mut self.dirty) {
            let Some(link) = links.get_mut(slot) else { continue };
            link.peer.is_dirty = false;
            if let Err(why) = link.write(now) {
                links.end(slot, why);
            }
        }
    }

    /// Keeps the subscriptions of a subscriber that is expected back, and what is queued for it.
    fn keep(&mut self, slot: usize, link: &mut Link<Peer>) {
        let marker = self.options.end_marker.as_deref();
        if self.shared.subscriptions().has_none(slot) {
            return;
        }
        let mut outbox = std::mem::take(&mut link.outbox);
        outbox.rewind();
        let endpoint = link.endpoint.clone();
        let notices = std::mem::take(&mut link.peer.notices);
        let peer = Peer { sent: outbox.messages() as u64, notices, ..Peer::default() };
        link.peer.sent -= peer.sent;
        let number = self.absent.add(Absent { endpoint, since: Instant::now(), outbox, peer });
        self.noticed.push(number);
        self.shared.change(|subscriptions| subscriptions.renumber(slot, number, marker));
    }

    fn take_dropped(&mut self, links: &mut Links<Peer>) -> Vec<Dropped> {
        for (_, link) in links.iter_mut() {
            let counts = std::mem::take(&mut link.peer.dropped);
            self.dropped.extend(dropped_of(link, counts, None));
        }
        let absent = self.absent.iter_mut().filter_map(|absent| dropped_of_absent(absent, None));
        self.dropped.extend(absent);
        std::mem::take(&mut self.dropped)
    }
}

impl Role for PublisherRole {
    type Peer = Peer;
    type Request = Request;

    const PEERS_PAUSE: bool = true;

    fn socket_types(&self) -> &'static [SocketType] {
        &[SocketType::XPub]
    }

    fn answer(&mut self, request: Request, links: &mut Links<Peer>) {
        match request {
            Request::Peers(answer) => {
                let ready = links.iter().filter(|(_, link)| link.is_ready());
                let blocks = |slot| self.blocked_by == Some(slot);
                let peers = ready.map(|(slot, link)| PeerStatus {
                    is_full: blocks(slot)
                        || link.outbox.messages() >= self.options.queue_messages
                        || link.outbox.bytes() >= self.options.queue_bytes,
                    ..status_of(link)
                });
                // Fails if the owner no longer waits.
                let _ = answer.send(peers.collect());
            }
            Request::Dropped(answer) => {
                let _ = answer.send(self.take_dropped(links));
            }
            Request::WhenFull(when_full) => self.options.when_full = when_full,
        }
    }

    fn ready(&mut self, slot: usize, link: &mut Link<Peer>, rest: &[u8]) -> Result<(), Disconnect> {
        link.peer.scanner = Scanner::new(self.options.max_message, self.options.max_parts);
        if link.connector.is_some()
            && let Some((number, absent)) = self.absent.take(&link.endpoint)
        {
            self.shared.change(|subscriptions| subscriptions.renumber(number, slot, None));
            (link.peer.sent, link.peer.dropped) = (absent.peer.sent, absent.peer.dropped);
            link.peer.notices = absent.peer.notices;
            link.outbox.append_all(absent.outbox);
            self.noticed.push(slot);
        }
        self.admitted(slot, link);
        self.handle(slot, link, rest, Instant::now())
    }

    fn admitted(&mut self, slot: usize, link: &Link<Peer>) {
        let receives = link.rights.receive.clone();
        self.shared.change(|subscriptions| subscriptions.restrict(slot, receives));
    }

    fn read(&mut self, slot: usize, link: &mut Link<Peer>, now: Instant) -> Result<(), Disconnect> {
        for _ in 0..READS {
            let mut buffer = std::mem::take(&mut self.buffer);
            let handled = match link.read(&mut buffer, now) {
                Ok(Some(read)) => self.handle(slot, link, &buffer[..read], now),
                Ok(None) => Ok(()),
                Err(why) => Err(why),
            };
            self.buffer = buffer;
            handled?;
            if !link.readable {
                break;
            }
        }
        Ok(())
    }

    fn can_read(&self) -> bool {
        true
    }

    fn closed(&mut self, slot: usize, link: &mut Link<Peer>, why: &Disconnect) {
        let marker = self.options.end_marker.as_deref();
        let was_announced = self.shared.subscriptions().has_none_but(slot, marker);
        let is_expected = self.options.keep_absent && link.connector.is_some();
        if is_expected && !matches!(why, Disconnect::Local | Disconnect::Stalled) {
            self.keep(slot, link);
        }
        self.shared.remove(slot);
        // Another connection may get the slot.
        self.offenders.retain(|Offender(offender, _)| *offender != slot);
        if was_announced || why.is_offence() {
            let unsent = link.outbox.unsent() as u64;
            self.shared.counts.left.fetch_add(unsent, Ordering::Relaxed);
        }
        if self.blocked_by == Some(slot) {
            self.blocked_by = None;
        }
        if self.is_closing
            && !was_announced
            && !why.is_offence()
            && *why != Disconnect::Local
            && link.outbox.messages() > 0
        {
            self.lost.push(status_of(link));
        }
        let counts = std::mem::take(&mut link.peer.dropped);
        let end = End { why: why.clone(), messages: link.peer.sent, was_announced };
        if let Some(dropped) = dropped_of(link, counts, Some(end)) {
            add_dropped(&mut self.dropped, dropped);
        }
    }

    fn turn(&mut self, links: &mut Links<Peer>, now: Instant) -> Option<Instant> {
        for Offender(slot, why) in std::mem::take(&mut self.offenders) {
            links.end(slot, why);
        }
        self.todo.extend(self.shared.pending.take());
        let has_sent = !self.todo.is_empty();
        // Before messages, which could take all room that there is.
        self.queue_waiting(links);
        self.pass_on(links, now);
        self.write(links, now);
        while self.queue_waiting(links) {
            self.write(links, now);
        }
        if self.blocked_by.is_none() {
            self.next_look = None;
        }
        if self.todo.is_empty() {
            let has_more = has_sent && self.shared.pending.expect();
            return (has_more || !self.shared.pending.park()).then_some(now);
        }
        // A write may have made room. Otherwise a connection becomes writable, or ends.
        match self.blocked_by.and_then(|slot| links.get(slot)) {
            Some(link) if link.outbox.is_empty() => Some(now),
            _ => self.cut_off(links, now),
        }
    }

    fn is_drained(&self) -> bool {
        let none_absent = self.absent.waiting().next().is_none();
        none_absent && self.todo.is_empty() && self.shared.pending.is_empty()
    }

    fn close(&mut self) {
        self.is_closing = true;
        // What waits is in memory already, within the limits of `pending`.
        (self.options.queue_bytes, self.options.queue_messages) = (usize::MAX, usize::MAX);
    }

    fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    fn forget(&mut self, address: &Address) {
        if let Some((number, mut absent)) = self.absent.take(address) {
            self.shared.remove(number);
            if let Some(dropped) = dropped_of_absent(&mut absent, Some(Disconnect::Local)) {
                add_dropped(&mut self.dropped, dropped);
            }
        }
    }

    fn keeps(&self, _: &Address) -> bool {
        self.options.keep_absent
    }

    fn awaits(&self, address: &Address) -> bool {
        self.absent.waiting().any(|absent| absent.endpoint == *address)
    }

    fn abandon(&mut self, links: &Links<Peer>) {
        let lacking = links.iter().filter(|(_, link)| link.is_ready() && !link.outbox.is_empty());
        let lacking = lacking.map(|(_, link)| status_of(link));
        let absent = self.absent.waiting().map(status_of_absent);
        let lacking = lacking.chain(absent).chain(self.lost.drain(..));
        // Those that lack notices alone have all messages.
        let lacking = lacking.filter(|it| it.queued_messages > 0).collect();
        *self.shared.abandoned.lock().unwrap_or_else(PoisonError::into_inner) = lacking;
    }
}

#[cfg(test)]
mod tests;

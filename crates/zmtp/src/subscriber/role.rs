//! The subscriber's side of the event loop: sends subscriptions, reads messages into blocks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Sender, TrySendError};

use super::batch::{BLOCK, Batch, Pool};
use crate::net::link::Link;
use crate::net::links::Links;
use crate::net::role::Role;
use crate::protocol::command::{self, Command};
use crate::protocol::frame;
use crate::protocol::scanner::{Item, Scanner};
use crate::{Disconnect, Options, SocketType};

/// Least room in a block for another read.
const MIN_READ: usize = 16 << 10;
/// Reads from one publisher in a row.
const READS: usize = 4;
/// Most bytes of one read into a message that has a block of its own.
const LARGE_READ: usize = 1 << 20;

/// What is known of a publisher.
pub(crate) struct Peer {
    scanner: Scanner,
    /// The start of a message whose end has not arrived.
    tail: Vec<u8>,
}

impl Default for Peer {
    fn default() -> Peer {
        Peer { scanner: Scanner::new(0, 0), tail: Vec::new() }
    }
}

/// A request of the owner.
pub(crate) enum Request {
    /// Subscribes to a prefix (`true`) or cancels that.
    Subscription(bool, Vec<u8>),
    /// Whether everything that has arrived was handed over.
    CaughtUp(Sender<bool>),
}

/// The subscriber's side of the event loop.
pub(crate) struct SubscriberRole {
    options: Options,
    topics: BTreeSet<Vec<u8>>,
    /// The block that is read into, up to where it has whole messages, and how many.
    block: Box<[u8]>,
    end: usize,
    messages: usize,
    batches: Sender<Batch>,
    pool: Arc<Pool>,
    /// The block is full and the owner has not taken the ones before.
    is_full: bool,
    /// Bytes of the incomplete messages of all publishers.
    incomplete: usize,
    /// The owner has dropped its end.
    is_gone: bool,
}

impl SubscriberRole {
    pub(crate) fn new(
        options: Options,
        topics: BTreeSet<Vec<u8>>,
        batches: Sender<Batch>,
        pool: Arc<Pool>,
    ) -> SubscriberRole {
        SubscriberRole {
            options,
            topics,
            block: pool.get(),
            end: 0,
            messages: 0,
            batches,
            pool,
            is_full: false,
            incomplete: 0,
            is_gone: false,
        }
    }

    /// Hands over the messages of the block. Returns whether the block is empty then.
    fn hand_over(&mut self) -> bool {
        if self.messages == 0 {
            self.end = 0;
            return true;
        }
        if !self.has_room() {
            return false;
        }
        let block = std::mem::replace(&mut self.block, self.pool.get());
        let batch = Batch::new(block, self.end, self.messages, Arc::clone(&self.pool));
        (self.end, self.messages) = (0, 0);
        self.send(batch)
    }

    /// Whether another batch may be handed over.
    fn has_room(&self) -> bool {
        !self.batches.is_full() && self.pool.has_room()
    }

    /// Hands over a batch. This thread alone fills the channel, so there is room.
    fn send(&mut self, batch: Batch) -> bool {
        if let Err(TrySendError::Disconnected(_)) = self.batches.try_send(batch) {
            self.is_gone = true;
        }
        true
    }

    /// Makes room for a read of `needed` bytes at the end of the block. Returns whether there is.
    fn make_room(&mut self, needed: usize) -> bool {
        if BLOCK - self.end >= needed {
            return true;
        }
        self.is_full = !self.hand_over();
        !self.is_full
    }

    /// Reads from a publisher once. Returns whether to go on.
    fn read_once(&mut self, link: &mut Link<Peer>, now: Instant) -> Result<bool, Disconnect> {
        let tail = link.peer.tail.len();
        let needed = link.peer.scanner.needed().max(tail);
        if needed + MIN_READ > BLOCK {
            return self.read_large(link, now);
        }
        if !self.make_room(needed + MIN_READ) {
            return Ok(false);
        }
        self.block[self.end..][..tail].copy_from_slice(&link.peer.tail);
        let start = self.end + tail;
        let Some(read) = link.read(&mut self.block[start..], now)? else { return Ok(false) };
        self.take_messages(link, start + read)?;
        Ok(link.readable)
    }

    /// Moves the end of the block's messages on, and keeps what is incomplete apart.
    fn take_messages(&mut self, link: &mut Link<Peer>, end: usize) -> Result<(), Disconnect> {
        self.incomplete -= link.peer.tail.len();
        link.peer.tail.clear();
        // Beyond `self.end` once a message was refused: what follows is moved up.
        let mut at = self.end;
        let notices = self.options.notice_prefix.as_deref();
        while let Some(item) = link.peer.scanner.next(&self.block[at..end])? {
            let (Item::Message(len) | Item::Command { len, .. }) = item;
            match item {
                Item::Message(_) if !link.admits(&self.block[at..at + len], notices) => {}
                Item::Message(_) => {
                    if at > self.end {
                        self.block.copy_within(at..at + len, self.end);
                    }
                    self.end += len;
                    self.messages += 1;
                }
                Item::Command { body, .. } => {
                    answer_command(&self.block[at + body..at + len], link)?;
                    if at == self.end {
                        self.end += len;
                    }
                }
            }
            at += len;
        }
        link.peer.tail.extend_from_slice(&self.block[at..end]);
        self.incomplete += link.peer.tail.len();
        Ok(())
    }

    /// Reads into a message that does not fit into a block.
    fn read_large(&mut self, link: &mut Link<Peer>, now: Instant) -> Result<bool, Disconnect> {
        if !self.has_room() || !self.hand_over() {
            self.is_full = true;
            return Ok(false);
        }
        let mut tail = std::mem::take(&mut link.peer.tail);
        let start = tail.len();
        self.incomplete -= start;
        // Grows as bytes arrive, not as they are announced.
        let needed = link.peer.scanner.needed().max(start + MIN_READ);
        let room = (needed - start).min(LARGE_READ);
        // Twice as much as there is, as a vector grows by itself, but not beyond what is needed.
        if tail.capacity() < start + room {
            tail.reserve_exact((start + room).max(needed.min(2 * start)) - start);
        }
        tail.resize(start + room, 0);
        let read = link.read(&mut tail[start..], now);
        tail.truncate(start + read.clone().ok().flatten().unwrap_or(0));
        if read?.is_none() {
            self.keep(link, tail);
            return Ok(false);
        }
        match link.peer.scanner.next(&tail)? {
            Some(Item::Message(len)) => {
                let rest = tail.split_off(len);
                if link.admits(&tail, self.options.notice_prefix.as_deref()) {
                    let pool = Arc::clone(&self.pool);
                    self.send(Batch::new(tail.into(), len, 1, pool));
                }
                self.keep(link, rest);
            }
            Some(Item::Command { len, body }) => {
                answer_command(&tail[body..len], link)?;
                self.keep(link, tail.split_off(len));
            }
            None => self.keep(link, tail),
        }
        Ok(true)
    }

    fn keep(&mut self, link: &mut Link<Peer>, tail: Vec<u8>) {
        self.incomplete += tail.len();
        link.peer.tail = tail;
    }

    /// Disconnects the publisher with the largest incomplete message if all together take too
    /// much.
    fn check_incomplete(&self, links: &mut Links<Peer>) {
        if self.incomplete > self.options.incomplete_bytes {
            let largest = links.iter().max_by_key(|(_, link)| link.peer.tail.len() + link.held());
            if let Some(slot) = largest.map(|(slot, _)| slot) {
                links.end(slot, Disconnect::IncompleteMessages);
            }
        }
    }
}

/// Answers a command of a publisher.
fn answer_command(body: &[u8], link: &mut Link<Peer>) -> Result<(), Disconnect> {
    match command::parse(body)? {
        Command::Ping(context) => link.pong(context),
        Command::Error(_) => return Err(Disconnect::Malformed("an ERROR after the handshake")),
        _ => {}
    }
    Ok(())
}

/// Whether the peer is a publisher.
fn subscribes(link: &Link<Peer>) -> bool {
    link.is_ready() && link.own_type == Some(SocketType::XSub)
}

/// Writes a subscription as the peer understands it.
fn put_subscription(out: &mut Vec<u8>, has_commands: bool, subscribe: bool, prefix: &[u8]) {
    if has_commands {
        command::put_subscription(out, subscribe, prefix);
    } else {
        frame::put_message(out, &[&[subscribe.into()], prefix].concat(), false);
    }
}

impl Role for SubscriberRole {
    type Peer = Peer;
    type Request = Request;

    const PEERS_PAUSE: bool = false;

    fn socket_types(&self) -> &'static [SocketType] {
        if self.options.accept_push {
            return &[SocketType::XSub, SocketType::Pull];
        }
        &[SocketType::XSub]
    }

    fn answer(&mut self, request: Request, links: &mut Links<Peer>) {
        match request {
            Request::Subscription(subscribe, prefix) => {
                for (_, link) in links.iter_mut().filter(|(_, link)| subscribes(link)) {
                    let mut bytes = Vec::new();
                    put_subscription(&mut bytes, link.has_commands, subscribe, &prefix);
                    link.outbox.push_bytes(bytes);
                    // An error shows at the next read.
                    let _ = link.write(Instant::now());
                }
                let _ = match subscribe {
                    true => self.topics.insert(prefix),
                    false => self.topics.remove(&prefix),
                };
            }
            Request::CaughtUp(answer) => {
                let idle = links.iter().all(|(_, link)| !link.readable);
                let caught_up = idle && self.messages == 0 && self.batches.is_empty();
                // Fails if the owner no longer waits.
                let _ = answer.send(caught_up);
            }
        }
    }

    fn ready(&mut self, _: usize, link: &mut Link<Peer>, rest: &[u8]) -> Result<(), Disconnect> {
        link.peer.scanner = Scanner::new(self.options.max_message, self.options.max_parts);
        self.incomplete += link.held();
        if self.make_room(rest.len()) {
            self.block[self.end..][..rest.len()].copy_from_slice(rest);
            self.take_messages(link, self.end + rest.len())?;
        } else {
            self.keep(link, rest.to_vec());
        }
        if subscribes(link) {
            let mut bytes = Vec::new();
            for topic in &self.topics {
                put_subscription(&mut bytes, link.has_commands, true, topic);
            }
            link.outbox.push_bytes(bytes);
        }
        Ok(())
    }

    fn read(&mut self, _: usize, link: &mut Link<Peer>, now: Instant) -> Result<(), Disconnect> {
        let held = link.held();
        let mut outcome = Ok(true);
        for _ in 0..READS {
            if self.is_full || outcome != Ok(true) {
                break;
            }
            outcome = self.read_once(link, now);
        }
        self.incomplete = self.incomplete + link.held() - held;
        outcome.map(drop)
    }

    fn can_read(&self) -> bool {
        !self.is_full
    }

    fn closed(&mut self, _: usize, link: &mut Link<Peer>, _: &Disconnect) {
        self.incomplete -= link.peer.tail.len() + link.held();
    }

    fn turn(&mut self, links: &mut Links<Peer>, now: Instant) -> Option<Instant> {
        self.check_incomplete(links);
        let was_full = self.is_full;
        if !self.hand_over() || self.is_full && !self.has_room() {
            // Asked first: a batch that is dropped in between wakes, too.
            self.pool.wait();
            if self.has_room() {
                return Some(now);
            }
            return None;
        }
        self.is_full = false;
        was_full.then_some(now)
    }

    fn is_drained(&self) -> bool {
        true
    }

    fn close(&mut self) {}

    fn has_lost(&self) -> bool {
        false
    }
}

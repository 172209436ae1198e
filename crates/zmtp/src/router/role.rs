//! The router's side of the event loop: passes messages of peers to the owner and back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::queues::Queues;
use crate::net::link::Link;
use crate::net::links::Links;
use crate::net::role::Role;
use crate::protocol::command::{self, Command};
use crate::protocol::scanner::{Item, Scanner};
use crate::{Disconnect, Options, SocketType};

/// Bytes of one read, and reads of one peer in a row.
const READ: usize = 16 << 10;
const READS: usize = 4;

/// What is known of a peer.
pub(crate) struct Peer {
    scanner: Scanner,
    /// What has arrived and was not passed on: an incomplete message, or all that follows when
    /// the owner has enough to read.
    held: Vec<u8>,
}

impl Default for Peer {
    fn default() -> Peer {
        Peer { scanner: Scanner::new(0, 0), held: Vec::new() }
    }
}

/// A request of the owner.
pub(crate) enum Request {
    /// Reads a peer again.
    Resume(u64),
    /// Ends a connection.
    End(u64),
}

/// The router's side of the event loop.
pub(crate) struct RouterRole {
    types: &'static [SocketType],
    options: Options,
    queues: Arc<Queues>,
    /// Slots by the numbers of their connections.
    slots: HashMap<u64, usize>,
    /// Slots with something that the system has not taken.
    unsent: Vec<usize>,
    /// Bytes that are held of all peers.
    held: usize,
    is_closing: bool,
    /// A connection that ended while the socket was being closed had unsent messages.
    has_lost: bool,
    buffer: Box<[u8]>,
}

impl RouterRole {
    pub(super) fn new(
        types: &'static [SocketType],
        options: Options,
        queues: Arc<Queues>,
    ) -> RouterRole {
        let (slots, unsent, buffer) = (HashMap::new(), Vec::new(), vec![0; READ].into());
        let (held, is_closing, has_lost) = (0, false, false);
        RouterRole { types, options, queues, slots, unsent, held, is_closing, has_lost, buffer }
    }

    /// Handles what a peer has sent, until the owner has enough to read.
    fn handle(&mut self, link: &mut Link<Peer>, bytes: &[u8]) -> Result<(), Disconnect> {
        let mut held = std::mem::take(&mut link.peer.held);
        self.held -= held.len();
        held.extend_from_slice(bytes);
        let mut at = 0;
        while !link.is_paused
            && let Some(item) = link.peer.scanner.next(&held[at..])?
        {
            match item {
                Item::Message(len) => {
                    link.is_paused =
                        !self.queues.arrive(link.id, &link.rights, &held[at..at + len]);
                    at += len;
                }
                Item::Command { len, body } => {
                    if let Command::Ping(context) = command::parse(&held[at + body..at + len])? {
                        link.pong(context);
                    }
                    at += len;
                }
            }
        }
        held.drain(..at);
        self.held += held.len();
        link.peer.held = held;
        Ok(())
    }

    /// Disconnects the peer with the most incomplete bytes if all together have too many.
    fn check_held(&self, links: &mut Links<Peer>) {
        if self.held > self.options.incomplete_bytes {
            let peers = links.iter().map(|(slot, link)| (link.peer.held.len(), slot));
            if let Some((_, slot)) = peers.max() {
                links.end(slot, Disconnect::IncompleteMessages);
            }
        }
    }

    /// Refuses a peer that may not receive everything: an answer could have any topic. Its rights
    /// may have changed since it was admitted.
    fn check_rights(&self, link: &Link<Peer>) -> Result<(), Disconnect> {
        match link.rights.receive {
            Some(_) if !self.options.admit_limited => {
                Err(Disconnect::Refused(format!("{} may not ask", link.rights.name)))
            }
            _ => Ok(()),
        }
    }

    /// Passes messages of the owner on to their peers.
    fn pass_on(&mut self, links: &mut Links<Peer>, now: Instant) {
        for (connection, messages) in self.queues.take_outgoing() {
            let Some(slot) = self.slots.get(&connection).copied() else { continue };
            let Some(link) = links.get_mut(slot) else { continue };
            messages.into_iter().for_each(|message| link.outbox.push_message(message));
            if let Err(why) = link.write(now) {
                links.end(slot, why);
            }
            self.unsent.push(slot);
        }
    }

    /// Tells the owner what the system has not taken.
    fn note_unsent(&mut self, links: &Links<Peer>) {
        self.unsent.sort_unstable();
        self.unsent.dedup();
        self.unsent.retain(|slot| {
            let Some(link) = links.get(*slot) else { return false };
            self.queues.note_unsent(link.id, link.outbox.messages(), link.outbox.bytes());
            !link.outbox.is_empty()
        });
    }
}

impl Role for RouterRole {
    type Peer = Peer;
    type Request = Request;

    const PEERS_PAUSE: bool = true;

    fn socket_types(&self) -> &'static [SocketType] {
        self.types
    }

    fn answer(&mut self, request: Request, links: &mut Links<Peer>) {
        let (Request::Resume(connection) | Request::End(connection)) = request;
        let Some(slot) = self.slots.get(&connection).copied() else { return };
        match request {
            Request::Resume(_) => {
                if let Some(link) = links.get_mut(slot) {
                    link.is_paused = false;
                    // What is held may be all that there is.
                    link.readable = true;
                    links.schedule(slot);
                }
            }
            Request::End(_) => links.end(slot, Disconnect::Local),
        }
    }

    fn ready(&mut self, slot: usize, link: &mut Link<Peer>, rest: &[u8]) -> Result<(), Disconnect> {
        self.check_rights(link)?;
        link.peer.scanner = Scanner::new(self.options.max_message, self.options.max_parts);
        self.slots.insert(link.id, slot);
        self.queues.add(link.id, &link.address);
        self.handle(link, rest)
    }

    fn read(&mut self, _: usize, link: &mut Link<Peer>, now: Instant) -> Result<(), Disconnect> {
        self.check_rights(link)?;
        self.handle(link, &[])?;
        for _ in 0..READS {
            if link.is_paused || !link.readable {
                break;
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            let handled = match link.read(&mut buffer, now) {
                Ok(Some(read)) => self.handle(link, &buffer[..read]),
                Ok(None) => Ok(()),
                Err(why) => Err(why),
            };
            self.buffer = buffer;
            handled?;
        }
        Ok(())
    }

    fn can_read(&self) -> bool {
        true
    }

    fn closed(&mut self, _: usize, link: &mut Link<Peer>, why: &Disconnect) {
        let has_unsent = self.queues.unsent(link.id).is_some_and(|unsent| unsent > 0);
        self.has_lost |= self.is_closing && has_unsent && *why != Disconnect::Local;
        self.held -= std::mem::take(&mut link.peer.held).len();
        self.slots.remove(&link.id);
        self.queues.remove(link.id, self.types == [SocketType::Dealer]);
    }

    fn turn(&mut self, links: &mut Links<Peer>, now: Instant) -> Option<Instant> {
        self.pass_on(links, now);
        self.note_unsent(links);
        self.check_held(links);
        None
    }

    fn is_drained(&self) -> bool {
        self.queues.is_drained()
    }

    fn close(&mut self) {
        self.is_closing = true;
    }

    fn has_lost(&self) -> bool {
        self.has_lost
    }
}

//! Makes connections: accepts at listeners, connects to addresses, and shakes hands.

use std::io;
use std::time::{Duration, Instant};

use mio::Token;

use super::{Driver, HANDSHAKE_READ, LISTENERS};
use crate::net::backoff::Backoff;
use crate::net::link::{Link, Stage};
use crate::net::role::Role;
use crate::net::status::{Event, EventKind};
use crate::net::transport::{Listener, Stream};
use crate::protocol::handshake::{Handshake, Own};
use crate::protocol::security::Credentials;
use crate::{Address, Disconnect};

/// When to accept again after an error, such as no more descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// How often the authenticator is asked whether something has changed.
const ADMIT_AGAIN: Duration = Duration::from_secs(1);

/// An address to connect to.
pub(super) struct Connector {
    pub(super) address: Address,
    pub(super) backoff: Backoff,
    /// When to try, unless there is a connection.
    pub(super) retry_at: Option<Instant>,
}

impl<R: Role> Driver<R> {
    pub(super) fn listen(&mut self, mut listener: Listener, address: Address, now: Instant) {
        let id = self.next_endpoint;
        self.next_endpoint += 1;
        if let Err(error) = listener.register(self.poll.registry(), Token(LISTENERS - id)) {
            self.status.update(&address, |it| it.last_end = Some(error.into()));
            return;
        }
        self.listeners.insert(id, (listener, address));
        self.accept(id, now);
    }

    /// Accepts what connects to a listener.
    pub(super) fn accept(&mut self, id: usize, now: Instant) {
        while let Some((listener, address)) = self.listeners.get(&id) {
            match listener.accept() {
                Ok((stream, peer)) => {
                    let refuses = self.options.refuse_descriptor.zip(stream.descriptor());
                    if self.links.accepted() >= self.options.max_connections
                        || refuses.is_some_and(|(refuses, descriptor)| refuses(descriptor))
                    {
                        self.status.note_change();
                        continue;
                    }
                    let address = address.clone();
                    let stage = Stage::Connecting;
                    self.add((stream, stage), address, None, peer, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    self.accept_at = Some(now + ACCEPT_AGAIN);
                    return;
                }
            }
        }
    }

    fn add(
        &mut self,
        (stream, stage): (Stream, Stage),
        endpoint: Address,
        connector: Option<usize>,
        peer: String,
        now: Instant,
    ) {
        let times = (now, self.options.handshake, self.options.dead_after);
        let link = Link::new((self.next_id, stream, stage), endpoint, connector, peer, times);
        self.next_id += 1;
        self.note_timer(link.deadline);
        if self.links.add(link).is_err()
            && let Some(id) = connector
        {
            self.retry(id, now);
        }
    }

    pub(super) fn add_connector(&mut self, address: Address, now: Instant) {
        if self.closing.is_some() || self.connectors.values().any(|it| it.address == address) {
            return;
        }
        let backoff = Backoff::new(self.options.reconnect, self.options.reconnect_max);
        let id = self.next_endpoint;
        self.next_endpoint += 1;
        self.connectors.insert(id, Connector { address, backoff, retry_at: None });
        self.connect(id, now);
    }

    pub(super) fn remove_connector(&mut self, address: &Address) {
        let id = self.connectors.iter().find(|(_, it)| it.address == *address).map(|(id, _)| *id);
        if let Some(id) = id {
            self.connectors.remove(&id);
            self.end_all(address, Some(id));
        }
    }

    pub(super) fn connect(&mut self, id: usize, now: Instant) {
        let Some(connector) = self.connectors.get_mut(&id) else { return };
        connector.retry_at = None;
        let address = connector.address.clone();
        match Stream::connect(&address) {
            Ok(stream) => {
                let peer = match &address {
                    Address::Tcp(address) => address.to_string(),
                    Address::Ipc(_) => String::new(),
                };
                self.add((stream, Stage::Connecting), address, Some(id), peer, now);
            }
            Err(error) => self.fail(id, error.into(), now),
        }
    }

    /// Notes that a connection could not be made, and when to try again.
    fn fail(&mut self, id: usize, why: Disconnect, now: Instant) {
        if let Some(connector) = self.connectors.get(&id) {
            let (endpoint, peer) = (connector.address.clone(), String::new());
            self.status.update(&endpoint, |status| status.reached = false);
            self.status.record(Event { endpoint, peer, kind: EventKind::Unreachable(why) });
        }
        self.retry(id, now);
    }

    /// Plans the next attempt of a connector, if it was not removed.
    pub(super) fn retry(&mut self, id: usize, now: Instant) {
        let Some(connector) = self.connectors.get_mut(&id) else { return };
        let delay = connector.backoff.next(fastrand::f64());
        connector.retry_at = Some(now + delay);
        let (endpoint, peer) = (connector.address.clone(), String::new());
        self.status.record(Event { endpoint, peer, kind: EventKind::Retrying(delay) });
        self.note_timer(Some(now + delay));
    }

    /// Starts the handshake of a connection that is made. Returns whether it is.
    pub(super) fn start_handshake(&mut self, link: &mut Link<R::Peer>) -> Result<bool, Disconnect> {
        if link.connector.is_some() {
            if !link.stream.is_connected()? {
                (link.readable, link.writable) = (false, false);
                return Ok(false);
            }
            if link.stream.is_self_connected() {
                return Err(Disconnect::Io(io::ErrorKind::ConnectionRefused));
            }
            self.status.update(&link.endpoint, |status| status.reached = true);
            (link.readable, link.writable) = (true, true);
        }
        let mut out = Vec::new();
        let (endpoint, is_bound) = (&link.endpoint, link.connector.is_none());
        let authenticator = self.own.authenticator.as_ref();
        let security = authenticator.and_then(|it| it.security(endpoint, is_bound));
        let handshake = match security {
            Some(security) => {
                let own = Own { security, ..self.own.clone() };
                Handshake::new(&own, &link.address, &mut out)
            }
            None => Handshake::new(&self.own, &link.address, &mut out),
        };
        link.staged.push(&out);
        link.stage = Stage::Handshake(handshake);
        Ok(true)
    }

    /// Reads a part of a handshake, and answers.
    pub(super) fn shake_hands(
        &mut self,
        slot: usize,
        link: &mut Link<R::Peer>,
        now: Instant,
    ) -> Result<(), Disconnect> {
        let mut buffer = [0; HANDSHAKE_READ];
        let read = link.read(&mut buffer, now);
        let Stage::Handshake(handshake) = &mut link.stage else { return Ok(()) };
        let Some(read) = read.map_err(|why| handshake.explain(why))? else { return Ok(()) };
        let mut out = Vec::new();
        let peer = handshake.read(&buffer[..read], &mut out);
        link.staged.push(&out);
        let peer = match peer {
            Ok(Some(peer)) => peer,
            Ok(None) => return Ok(()),
            Err(why) => {
                // Tells the peer why, if the system takes it at once.
                let _ = link.write(now);
                if let (Disconnect::Mechanism(theirs), Some(_), Some(authenticator)) =
                    (&why, link.connector, &self.own.authenticator)
                {
                    authenticator.note_mechanism(&link.endpoint, theirs);
                }
                return Err(why);
            }
        };
        (link.key, link.rights, link.has_server) = (peer.key, peer.rights, peer.is_server);
        if link.key.is_some() && self.admit_again_at.is_none() {
            self.admit_again_at = Some(now + ADMIT_AGAIN);
        }
        let rest = link.start_session(peer.session, peer.rest)?;
        link.stage = Stage::Ready;
        (link.own_type, link.has_commands) = (Some(peer.own_type), peer.has_commands);
        (link.deadline, link.ready_since) = (None, Some(now));
        self.note_timer(link.next_deadline());
        let (endpoint, address) = (link.endpoint.clone(), link.address.clone());
        let handled = self.role.ready(slot, link, &rest);
        // Also if `rest` breaks the protocol: `Disconnected` follows, which lowers the peer count.
        self.status.record(Event { endpoint, peer: address, kind: EventKind::Connected });
        handled
    }

    /// Asks the authenticator about all peers again, if it says that something has changed.
    pub(super) fn admit_again(&mut self, now: Instant) {
        let has_keys = self.links.iter().any(|(_, link)| link.key.is_some());
        self.admit_again_at = has_keys.then_some(now + ADMIT_AGAIN);
        let Some(authenticator) = &self.own.authenticator else { return };
        if !has_keys || !authenticator.has_changed() {
            return;
        }
        let mut refused = Vec::new();
        for (slot, link) in self.links.iter_mut().filter(|(_, link)| link.is_ready()) {
            let Some(key) = &link.key else { continue };
            let (mechanism, is_server) = ("CURVE", link.has_server);
            let credentials =
                Credentials { mechanism, key: Some(key), is_server, address: &link.address };
            match authenticator.admit(&credentials) {
                Ok(rights) if rights == link.rights => {}
                Ok(rights) => {
                    link.rights = rights;
                    self.role.admitted(slot, link);
                }
                Err(why) => refused.push((slot, Disconnect::Refused(why))),
            }
        }
        refused.into_iter().for_each(|(slot, why)| self.links.end(slot, why));
        // The authenticator may have something to tell, too.
        self.status.note_change();
    }
}

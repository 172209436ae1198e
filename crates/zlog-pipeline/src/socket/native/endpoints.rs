//! The endpoints of a socket as they were given, and the addresses that the engine connects to for
//! them.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zmtp::{Address, Disconnect};

use super::address::{to_address, to_endpoint};
use crate::socket::addresses::AddressState;
use crate::socket::connection::{
    ConnectionEvent, ConnectionState, CutOff, EndpointStatus, EventKind, HandshakeFailure,
    wrong_type,
};
use crate::socket::connector::Connector;
use crate::socket::endpoint::Role;
use crate::socket::keyring::Keyring;

/// Events kept until they are taken; further ones are dropped.
const EVENTS: usize = 1024;

/// An endpoint.
struct Entry {
    /// The endpoint as it was given or bound, or the path of the run directory.
    endpoint: String,
    role: Role,
    is_run_directory: bool,
    /// Why the last lookup of the host failed.
    unresolved: Option<String>,
    /// Whether untried addresses remain.
    more: bool,
    duplicate_of: Option<usize>,
    addresses: Vec<Address>,
}

/// The endpoints of a socket.
#[derive(Default)]
pub(super) struct Endpoints {
    entries: Vec<Entry>,
    /// Events that do not come from the engine.
    events: Vec<ConnectionEvent>,
    keyring: Option<Arc<Keyring>>,
}

/// Locks the endpoints of a socket.
pub(super) fn lock(endpoints: &Mutex<Endpoints>) -> MutexGuard<'_, Endpoints> {
    endpoints.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Endpoints {
    /// No endpoints yet.
    pub(super) fn new(keyring: Option<Arc<Keyring>>) -> Endpoints {
        Endpoints { keyring, ..Endpoints::default() }
    }

    /// Adds an endpoint with the addresses that are bound or connected. Returns its index.
    pub(super) fn add(&mut self, endpoint: &str, role: Role, addresses: Vec<Address>) -> usize {
        self.entries.push(Entry {
            endpoint: endpoint.to_owned(),
            role,
            is_run_directory: false,
            unresolved: None,
            more: false,
            duplicate_of: None,
            addresses,
        });
        self.entries.len() - 1
    }

    /// Adds a run directory. Returns its index.
    pub(super) fn add_run_directory(&mut self, path: &str) -> usize {
        let entry = self.add(path, Role::Connect, Vec::new());
        self.entries[entry].is_run_directory = true;
        entry
    }

    /// Whether there are endpoints, and all are connected ones.
    pub(super) fn all_connect(&self) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|it| it.role == Role::Connect)
    }

    /// The state of each endpoint, from that of the engine's addresses.
    pub(super) fn status(&self, engine: &[zmtp::EndpointStatus]) -> Vec<EndpointStatus> {
        let status = |entry: &Entry| {
            let other = entry.duplicate_of.and_then(|other| self.entries.get(other));
            let endpoint = entry.endpoint.clone();
            let keyring = self.keyring.as_deref();
            EndpointStatus { endpoint, ..other.unwrap_or(entry).status(keyring, engine) }
        };
        self.entries.iter().map(status).collect()
    }

    /// The keys of the socket.
    pub(super) fn keyring(&self) -> Option<Arc<Keyring>> {
        self.keyring.clone()
    }

    /// Takes the events that do not come from the engine.
    pub(super) fn take_events(&mut self) -> Vec<ConnectionEvent> {
        std::mem::take(&mut self.events)
    }

    /// The events of endpoints that an event of the engine means.
    pub(super) fn translate(&self, event: &zmtp::Event) -> Vec<ConnectionEvent> {
        let kinds = match &event.kind {
            zmtp::EventKind::Connected => vec![EventKind::Connected],
            zmtp::EventKind::Disconnected(why) => {
                let cut_off = cut_off(why).map(EventKind::CutOff);
                std::iter::once(EventKind::Disconnected).chain(cut_off).collect()
            }
            zmtp::EventKind::Unreachable(_) => Vec::new(),
            zmtp::EventKind::Failed(why) => {
                let entry = self.entries.iter().find(|it| it.addresses.contains(&event.endpoint));
                let is_bound = entry.is_some_and(|entry| entry.role == Role::Bind);
                let address = (!is_bound).then_some(&event.endpoint);
                let failure = failure(self.keyring.as_deref(), why, address);
                vec![EventKind::HandshakeFailed(failure.of_peer(&event.peer))]
            }
            zmtp::EventKind::Retrying(pause) => vec![EventKind::Retrying(*pause)],
        };
        let entry = self.entries.iter().find(|entry| entry.addresses.contains(&event.endpoint));
        let endpoint = match entry {
            Some(entry) if !entry.is_run_directory => entry.endpoint.clone(),
            _ => to_endpoint(&event.endpoint),
        };
        let (endpoint, peer) = (&endpoint, &event.peer);
        let event = |kind| ConnectionEvent { endpoint: endpoint.clone(), peer: peer.clone(), kind };
        kinds.into_iter().map(event).collect()
    }
}

impl Entry {
    fn status(&self, keyring: Option<&Keyring>, engine: &[zmtp::EndpointStatus]) -> EndpointStatus {
        let is_bound = self.role == Role::Bind;
        let own = |it: &&zmtp::EndpointStatus| {
            it.is_bound == is_bound && self.addresses.contains(&it.address)
        };
        let own: Vec<&zmtp::EndpointStatus> = engine.iter().filter(own).collect();
        let peers = own.iter().map(|it| it.peers).sum();
        let refusal = own.iter().find_map(|it| {
            let why = it.last_end.as_ref()?;
            let address = (!is_bound).then_some(&it.address);
            is_refusal(why, is_bound || it.reached).then(|| failure(keyring, why, address).reason)
        });
        let is_cut_off =
            own.iter().any(|it| it.last_end.as_ref().is_some_and(Disconnect::is_offence));
        let is_trying = self.more || own.iter().any(|it| it.last_end.is_none());
        let state = match refusal {
            _ if peers > 0 => ConnectionState::Connected,
            Some(why) if !self.is_run_directory => ConnectionState::HandshakeRefused(why),
            _ if !is_bound && is_cut_off => ConnectionState::CutOff,
            _ if !is_bound && is_trying => ConnectionState::Connecting,
            _ => ConnectionState::NotConnected,
        };
        EndpointStatus {
            endpoint: self.endpoint.clone(),
            role: self.role,
            is_run_directory: self.is_run_directory,
            state,
            peers,
            reached: own.iter().any(|it| it.reached),
            unresolved: self.unresolved.clone(),
        }
    }
}

/// Whether a connection ended in its handshake. `reached` tells whether it was made at all.
fn is_refusal(why: &Disconnect, reached: bool) -> bool {
    match why {
        Disconnect::NotZmtp
        | Disconnect::OldVersion(_)
        | Disconnect::Mechanism(_)
        | Disconnect::Refused(_)
        | Disconnect::RefusedByPeer(_)
        | Disconnect::ServerKey
        | Disconnect::Undecipherable(_)
        | Disconnect::SocketType(_) => true,
        Disconnect::HandshakeTimeout => reached,
        _ => false,
    }
}

/// Why a handshake failed. `address` is the connected one; `None` if the peer came to a bound one.
fn failure(
    keyring: Option<&Keyring>,
    why: &Disconnect,
    address: Option<&Address>,
) -> HandshakeFailure {
    if let Some(reason) = keyring.and_then(|keyring| keyring.explain(why, address)) {
        return HandshakeFailure { is_about_keys: true, ..reason.into() };
    }
    let reason = match why {
        Disconnect::SocketType(theirs) => {
            let reason = wrong_type(theirs);
            return HandshakeFailure { may_be_wrong_type: true, ..reason.into() };
        }
        Disconnect::NotZmtp => "the peer does not speak ZeroMQ".to_owned(),
        Disconnect::OldVersion(major) => {
            format!("the peer speaks ZMTP {major}, which only --engine libzmq understands")
        }
        Disconnect::Mechanism(_) => {
            "one side asks for encryption or a password and the other does not".to_owned()
        }
        Disconnect::Closed | Disconnect::Io(_) | Disconnect::HandshakeTimeout => {
            "the peer broke it off or does not speak ZeroMQ (ZMTP 3)".to_owned()
        }
        _ => why.to_string(),
    };
    reason.into()
}

/// What the peer sent, if that is why this side has disconnected it.
fn cut_off(why: &Disconnect) -> Option<CutOff> {
    match why {
        Disconnect::MessageTooLarge(_) => Some(CutOff::TooLarge),
        offence if offence.is_offence() => Some(CutOff::Other(why.to_string())),
        _ => None,
    }
}

/// The reason to report if this side has disconnected a subscriber because of what it sent.
pub(super) fn misuse(why: &Disconnect) -> Option<String> {
    why.is_offence().then(|| match why {
        Disconnect::MessageTooLarge(_) => "it sent more than 4 KiB at once".to_owned(),
        Disconnect::TooManyParts(_) | Disconnect::NotASubscription => {
            "it sent something other than a subscription".to_owned()
        }
        Disconnect::Malformed(what) => format!("it broke the protocol: {what}"),
        _ => why.to_string(),
    })
}

impl Endpoints {
    /// The reason to report if a peer that came to a bound endpoint was refused because of its key.
    pub(super) fn refusal(&self, event: &zmtp::Event) -> Option<String> {
        let zmtp::EventKind::Failed(why) = &event.kind else { return None };
        let bound = self.entries.iter().filter(|entry| entry.role == Role::Bind);
        let is_bound = bound.flat_map(|entry| &entry.addresses).any(|it| *it == event.endpoint);
        self.keyring.as_ref().filter(|_| is_bound)?.explain(why, None)
    }
}

/// A publisher or a subscriber.
pub(super) trait Socket: Deref<Target = zmtp::Socket> + Send + Sync + 'static {}

impl<S: Deref<Target = zmtp::Socket> + Send + Sync + 'static> Socket for S {}

/// A socket and its endpoints, for what follows host names and run directories.
pub(super) struct Connections<'a> {
    pub(super) socket: &'a zmtp::Socket,
    pub(super) endpoints: &'a mut Endpoints,
}

impl Connector for Connections<'_> {
    fn connect(&mut self, entry: usize, address: &str, more: bool) {
        let Endpoints { entries, keyring, .. } = &mut *self.endpoints;
        let entry = &mut entries[entry];
        (entry.more, entry.unresolved) = (more, None);
        // It comes from `Endpoint::at` or from another process.
        if let Some(address) = to_address(address) {
            if let Some(keyring) = keyring.as_ref().filter(|_| !entry.is_run_directory) {
                keyring.name(&address, &entry.endpoint);
            }
            self.socket.connect(&address);
            entry.addresses.push(address);
        }
    }

    fn disconnect(&mut self, entry: usize, address: &str) {
        if let Some(address) = to_address(address) {
            self.socket.disconnect(&address);
            self.endpoints.entries[entry].addresses.retain(|it| *it != address);
        }
    }

    fn address_state(&self, _: usize, address: &str) -> AddressState {
        let Some(address) = to_address(address) else { return AddressState::Failed };
        let status = self.socket.endpoints();
        match status.iter().find(|it| !it.is_bound && it.address == address) {
            Some(it) if it.peers > 0 => AddressState::Up,
            Some(it) if it.last_end.is_none() => AddressState::Pending,
            _ => AddressState::Failed,
        }
    }

    fn addresses(&self, entry: usize) -> Vec<String> {
        self.endpoints.entries[entry].addresses.iter().map(to_endpoint).collect()
    }

    fn find_duplicate(&self, entry: usize, addresses: &[String]) -> Option<usize> {
        let has = |other: &Entry| {
            let mut its = other.addresses.iter();
            other.role == Role::Connect && its.any(|it| addresses.contains(&to_endpoint(it)))
        };
        let mut others = self.endpoints.entries.iter().enumerate();
        others.find(|(at, other)| *at != entry && has(other)).map(|(at, _)| at)
    }

    fn set_duplicate_of(&mut self, entry: usize, other: Option<usize>) {
        self.endpoints.entries[entry].duplicate_of = other;
    }

    fn is_duplicate(&self, entry: usize) -> bool {
        self.endpoints.entries[entry].duplicate_of.is_some()
    }

    fn is_up(&self, entry: usize) -> bool {
        let status = self.endpoints.status(&self.socket.endpoints());
        status.get(entry).is_some_and(|status| status.peers > 0)
    }

    fn note_unresolved(&mut self, entry: usize, why: &str) {
        let Endpoints { entries, events, .. } = &mut *self.endpoints;
        let entry = &mut entries[entry];
        let is_new = entry.unresolved.replace(why.to_owned()).as_deref() != Some(why);
        if is_new && events.len() < EVENTS {
            let endpoint = entry.endpoint.clone();
            let kind = EventKind::Unresolved(why.into());
            events.push(ConnectionEvent { endpoint, peer: String::new(), kind });
        }
    }

    fn unresolved(&self, entry: usize) -> Option<String> {
        self.endpoints.entries[entry].unresolved.clone()
    }

    /// What was received stays when its connection ends.
    fn has_unread(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_whose_publisher_was_disconnected_because_of_what_it_sent_is_cut_off() {
        let address = Address::parse("tcp://127.0.0.1:5555").expect("an address");
        let mut endpoints = Endpoints::default();
        endpoints.add("tcp://127.0.0.1:5555", Role::Connect, vec![address.clone()]);
        for (last_end, state) in [
            (Some(Disconnect::MessageTooLarge(4096)), ConnectionState::CutOff),
            (Some(Disconnect::Closed), ConnectionState::NotConnected),
            (None, ConnectionState::Connecting),
        ] {
            let (address, is_bound) = (address.clone(), false);
            let engine =
                zmtp::EndpointStatus { address, is_bound, peers: 0, reached: false, last_end };
            assert_eq!(endpoints.status(&[engine])[0].state, state);
        }
    }
}

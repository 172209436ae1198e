//! The state of each endpoint's connections, and which of them libzmq gave up.
//!
//! Draws conclusions from monitor events; the caller owns the socket and the clock, so the
//! tests need neither.
//!
//! After a malformed or too large frame, and after a failed handshake, libzmq closes a
//! connection that it made and never retries; connecting again has no effect. The only sign
//! is an event that does not follow: where libzmq retries, it says so (RETRIED) at once. So a
//! connection without events for 500 ms after its end is disconnected and connected again.
//!
//! An endpoint has one connection. A host name has one for each address that libzmq was told
//! to connect to (see `addresses`), or none. A run directory has one for each publisher that is
//! registered in it.

mod entry;

use std::time::Instant;

use self::entry::{BACKOFF, Connection, Entry, GIVEN_UP};
use super::monitor::{Kind, MonitorEvent};
use crate::socket::addresses::AddressState;
use crate::socket::connection::{ConnectionEvent, ConnectionState, EndpointStatus, EventKind};
use crate::socket::endpoint::Role;

/// The endpoints of a socket.
#[derive(Default)]
pub(super) struct ConnectionTable {
    entries: Vec<Entry>,
    /// Events to report.
    events: Vec<ConnectionEvent>,
}

impl ConnectionTable {
    /// Adds an endpoint that libzmq has bound or connected. libzmq may use `aliases` for it.
    pub(super) fn add(&mut self, endpoint: &str, role: Role, aliases: Vec<String>) {
        let entry = self.add_host_name(endpoint, role);
        self.entries[entry].connections.push(Connection::new(endpoint, aliases));
    }

    /// Adds a host name, without any connection. Returns its index.
    pub(super) fn add_host_name(&mut self, endpoint: &str, role: Role) -> usize {
        let status = EndpointStatus {
            endpoint: endpoint.to_owned(),
            role,
            is_run_directory: false,
            state: match role {
                Role::Bind => ConnectionState::NotConnected,
                Role::Connect => ConnectionState::Connecting,
            },
            peers: 0,
            reached: false,
            unresolved: None,
        };
        let (connections, more, refusal, duplicate_of) = (Vec::new(), false, None, None);
        self.entries.push(Entry { status, connections, more, refusal, duplicate_of });
        self.entries.len() - 1
    }

    /// Adds a run directory, without any connection. Returns its index.
    pub(super) fn add_run_directory(&mut self, path: &str) -> usize {
        let entry = self.add_host_name(path, Role::Connect);
        let status = &mut self.entries[entry].status;
        (status.is_run_directory, status.state) = (true, ConnectionState::NotConnected);
        entry
    }

    /// Notes that libzmq was told to connect to an address of a host name. `more` tells
    /// whether untried addresses remain.
    pub(super) fn connect(&mut self, entry: usize, address: &str, more: bool) {
        let entry = &mut self.entries[entry];
        entry.more = more;
        entry.status.unresolved = None;
        if entry.status.state == ConnectionState::NotConnected {
            entry.status.state = ConnectionState::Connecting;
        }
        entry.connections.push(Connection::new(address, Vec::new()));
    }

    /// Notes that connecting to the address failed at once.
    pub(super) fn fail(&mut self, entry: usize, address: &str) {
        let connections = &mut self.entries[entry].connections;
        connections.iter_mut().filter(|c| c.address == address).for_each(|c| c.failed = true);
    }

    /// Notes that libzmq was told to disconnect, for which it reports no event.
    pub(super) fn disconnect(&mut self, entry: usize, address: &str) {
        let entry = &mut self.entries[entry];
        entry.connections.retain(|connection| connection.address != address);
        entry.status.peers = entry.connections.iter().map(|connection| connection.peers).sum();
        if entry.status.is_run_directory && entry.connections.is_empty() {
            entry.status.state = ConnectionState::NotConnected;
        }
    }

    /// The state of an address of a host name.
    pub(super) fn address_state(&self, entry: usize, address: &str) -> AddressState {
        let connections = &self.entries[entry].connections;
        match connections.iter().find(|connection| connection.address == address) {
            Some(connection) if connection.peers > 0 => AddressState::Up,
            Some(connection) if connection.failed => AddressState::Failed,
            _ => AddressState::Pending,
        }
    }

    /// The addresses that libzmq was told to connect to.
    pub(super) fn addresses(&self, entry: usize) -> impl Iterator<Item = &str> {
        self.entries[entry].connections.iter().map(|connection| connection.address.as_str())
    }

    /// Another endpoint that is connected to one of these addresses.
    pub(super) fn find_duplicate(&self, entry: usize, addresses: &[String]) -> Option<usize> {
        let has = |other: &Entry| {
            other.status.role == Role::Connect
                && other.connections.iter().any(|c| addresses.contains(&c.address))
        };
        let mut others = self.entries.iter().enumerate();
        others.find(|(at, other)| *at != entry && has(other)).map(|(at, _)| at)
    }

    /// Marks a host name as a duplicate of another endpoint, whose state it shares.
    pub(super) fn set_duplicate_of(&mut self, entry: usize, other: Option<usize>) {
        self.entries[entry].duplicate_of = other;
    }

    /// Whether it is a duplicate of another endpoint.
    pub(super) fn is_duplicate(&self, entry: usize) -> bool {
        self.entries[entry].duplicate_of.is_some()
    }

    /// Whether messages can flow, on this endpoint or the one it duplicates.
    pub(super) fn is_up(&self, entry: usize) -> bool {
        let entry = &self.entries[entry];
        entry.duplicate_of.map_or(entry.status.peers, |other| self.entries[other].status.peers) > 0
    }

    /// Notes that the host can't be resolved. A new reason is an event.
    pub(super) fn note_unresolved(&mut self, entry: usize, why: &str) {
        let status = &mut self.entries[entry].status;
        status.state = ConnectionState::NotConnected;
        if status.unresolved.replace(why.to_owned()).as_deref() != Some(why) {
            let endpoint = status.endpoint.clone();
            let (peer, kind) = (String::new(), EventKind::Unresolved(why.into()));
            self.events.push(ConnectionEvent { endpoint, peer, kind });
        }
    }

    fn push_event(&mut self, entry: usize, connection: usize, kind: EventKind) {
        let Entry { status, connections, .. } = &self.entries[entry];
        let endpoint = match status.is_run_directory {
            true => connections[connection].address.clone(),
            false => status.endpoint.clone(),
        };
        self.events.push(ConnectionEvent { endpoint, peer: String::new(), kind });
    }

    /// Takes the events since the last call.
    pub(super) fn events(&mut self) -> std::vec::Drain<'_, ConnectionEvent> {
        self.events.drain(..)
    }

    /// Why the last lookup of the host failed.
    pub(super) fn unresolved(&self, entry: usize) -> Option<&str> {
        self.entries[entry].status.unresolved.as_deref()
    }

    /// Applies a monitor event.
    pub(super) fn record(&mut self, event: MonitorEvent, now: Instant) {
        let Some((entry, connection)) = self.find(&event) else { return };
        if let Some(kind) = self.entries[entry].record(connection, event.kind, now) {
            self.push_event(entry, connection, kind);
        }
    }

    /// Whether an event belongs to a connection that this socket has made, and whose handshake
    /// is not done.
    pub(super) fn is_in_handshake(&self, event: &MonitorEvent) -> bool {
        self.find(event).is_some_and(|(entry, connection)| {
            let entry = &self.entries[entry];
            entry.status.role == Role::Connect && entry.connections[connection].peers == 0
        })
    }

    /// The next address to disconnect and connect again now.
    ///
    /// `jitter` (0 to 1) spreads the attempt after that, so that the subscribers of one
    /// publisher do not reconnect all at once.
    pub(super) fn next_reconnect(&mut self, now: Instant, jitter: f64) -> Option<String> {
        let entries = self.entries.iter_mut().enumerate();
        let connections = entries.flat_map(|(entry, it)| {
            let connections = it.connections.iter_mut().enumerate();
            connections.map(move |(nth, connection)| (entry, nth, connection))
        });
        let mut due = connections.filter(|(.., c)| c.reconnect_at.is_some_and(|at| at <= now));
        let (entry, nth, connection) = due.next()?;
        connection.backoff = (connection.backoff * 2).min(BACKOFF.1);
        let spread = connection.backoff.mul_f64(jitter.clamp(0.0, 1.0) / 4.0);
        connection.reconnect_at = Some(now + GIVEN_UP + connection.backoff + spread);
        let address = connection.address.clone();
        self.push_event(entry, nth, EventKind::Reconnected);
        Some(address)
    }

    /// When the next connection is to be made again.
    pub(super) fn next_reconnect_at(&self) -> Option<Instant> {
        let connections = self.entries.iter().flat_map(|entry| &entry.connections);
        connections.filter_map(|connection| connection.reconnect_at).min()
    }

    /// The state of each endpoint.
    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        let status =
            |entry: &Entry| match entry.duplicate_of.map(|other| &self.entries[other].status) {
                Some(other) => {
                    EndpointStatus { endpoint: entry.status.endpoint.clone(), ..other.clone() }
                }
                None => entry.status.clone(),
            };
        self.entries.iter().map(status).collect()
    }

    /// Number of open connections: peers, connections in a handshake, and peers too old for
    /// handshake events.
    pub(super) fn open(&self) -> usize {
        self.entries.iter().flat_map(|entry| &entry.connections).map(|c| c.open).sum()
    }

    /// Whether all endpoints are bound ones.
    pub(super) fn all_bound(&self) -> bool {
        self.entries.iter().all(|entry| entry.status.role == Role::Bind)
    }

    /// Whether there are endpoints, and all are connected ones.
    pub(super) fn all_connect(&self) -> bool {
        let mut roles = self.entries.iter().map(|entry| entry.status.role);
        !self.entries.is_empty() && roles.all(|role| role == Role::Connect)
    }

    /// The endpoint and the connection of a monitor event: those with the same spelling,
    /// otherwise the same port (libzmq names a bound wildcard by the local address of the
    /// peer's connection), otherwise the only one. Among several, one in whose state the event
    /// can occur.
    fn find(&self, event: &MonitorEvent) -> Option<(usize, usize)> {
        let fits = |role: Role| match event.kind {
            Kind::Accepted => role == Role::Bind,
            Kind::Trying | Kind::Reached | Kind::Retrying(_) => role == Role::Connect,
            Kind::Ready | Kind::Refused(_) | Kind::Disconnected | Kind::Misused => true,
        };
        let can_happen = |role: Role, connection: &Connection| match event.kind {
            Kind::Reached => connection.open == 0,
            Kind::Ready => connection.has_room(role),
            Kind::Disconnected => connection.open > 0,
            _ => true,
        };
        let all: Vec<(usize, usize, Role, &Connection)> = self
            .entries
            .iter()
            .enumerate()
            .flat_map(|(at, entry)| {
                let role = entry.status.role;
                let connections = entry.connections.iter().enumerate();
                connections.map(move |(nth, connection)| (at, nth, role, connection))
            })
            .collect();
        let find = |meant: &dyn Fn(Role, &Connection) -> bool| {
            let of = |(_, _, role, connection): &&(usize, usize, Role, &Connection)| {
                fits(*role) && meant(*role, connection)
            };
            let best = all.iter().filter(of).find(|(_, _, role, c)| can_happen(*role, c));
            best.or_else(|| all.iter().find(of)).map(|(entry, nth, ..)| (*entry, *nth))
        };
        let spelled = find(&|_, connection| connection.is_spelled(&event.address));
        let at_port = || find(&|role, connection| connection.is_at_port(role, &event.address));
        let only = || match self.entries.as_slice() {
            [entry] => match entry.connections.as_slice() {
                [it] if entry.status.role == Role::Bind || !it.is_another(&event.address) => {
                    Some((0, 0))
                }
                _ => None,
            },
            _ => None,
        };
        spelled.or_else(at_port).or_else(only)
    }
}

#[cfg(test)]
mod tests;

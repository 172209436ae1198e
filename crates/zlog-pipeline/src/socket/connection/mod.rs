//! The state of each endpoint's connections, and which of them libzmq gave up.
//!
//! What may be here: conclusions from what the monitor saw, without a socket and
//! without a clock of its own, so that tests need neither.
//!
//! After a frame that is malformed or too large, and after a failed handshake,
//! libzmq ends a connection that it made and never tries again; a repeated
//! connect does nothing. It can be told by what does not follow: where libzmq
//! goes on it says so (RETRIED) at once. So a connection of which nothing is
//! heard for [`GIVEN_UP`] after its end is disconnected and connected reconnect_at.
//!
//! An endpoint has one connection, but for a host name: that has one for each of its
//! addresses that libzmq has been given (see `addresses`), or none.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::addresses::AddressState;
use super::endpoint::Role;
use super::monitor::{Kind, MonitorEvent};

/// Silence after which libzmq is taken to have given a connection up.
const GIVEN_UP: Duration = Duration::from_millis(500);
/// Shortest and longest further pause before it is made reconnect_at.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How it stands with an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// There is no connection, and the last try failed or ended.
    NotConnected,
    /// A connection is being made, or its handshake is not done.
    Connecting,
    /// The peer is there, and the handshake failed for this reason.
    HandshakeRefused(String),
    /// At least one peer is connected and messages can flow.
    Connected,
}

/// An endpoint and its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointStatus {
    /// The endpoint: as it was given, or as it was bound.
    pub endpoint: String,
    /// Which end this is.
    pub role: Role,
    /// How it stands.
    pub state: ConnectionState,
    /// Peers whose handshake is done.
    pub peers: usize,
    /// Whether something answered the last try to connect, be it a publisher or not.
    pub reached: bool,
    /// Why the host's name could not be resolved when it was last looked up.
    pub unresolved: Option<String>,
}

/// What happened to a connection, for a person to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionEvent {
    /// The endpoint: as it was given, or as it was bound.
    pub endpoint: String,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of [`ConnectionEvent`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A peer is connected and its handshake is done.
    Connected,
    /// A connection ended.
    Disconnected,
    /// The next try comes after this pause.
    Retrying(Duration),
    /// A handshake failed, for this reason.
    HandshakeFailed(String),
    /// libzmq had given the connection up, and it was made reconnect_at.
    Reconnected,
    /// The host's name is not known, for this reason. It is asked for again.
    Unresolved(String),
}

impl fmt::Display for ConnectionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match &self.kind {
            EventKind::Connected => write!(f, "{endpoint}: connected"),
            EventKind::Disconnected => write!(f, "{endpoint}: disconnected"),
            EventKind::Retrying(pause) => {
                write!(f, "{endpoint}: trying again in {} ms", pause.as_millis())
            }
            EventKind::HandshakeFailed(why) => write!(f, "{endpoint}: handshake failed: {why}"),
            EventKind::Reconnected => write!(f, "{endpoint}: connecting anew"),
            EventKind::Unresolved(why) => write!(f, "{endpoint}: host not found: {why}"),
        }
    }
}

/// One endpoint.
struct Entry {
    status: EndpointStatus,
    connections: Vec<Connection>,
    /// Addresses of its name are left that have not been tried in this round.
    more: bool,
    /// Why the last handshake failed, until one succeeds.
    refusal: Option<String>,
    /// The endpoint that stands for this one too: its name has an address of that one.
    duplicate_of: Option<usize>,
}

/// What libzmq has been told to connect to or to bind.
struct Connection {
    /// As libzmq was given it, or as it was bound.
    address: String,
    /// How libzmq may spell it, other than so.
    aliases: Vec<String>,
    /// Something has answered since libzmq last said that it tries again. (That a try
    /// began, it does not say of ipc, where one fails at once.)
    answered: bool,
    /// A try has failed, or the connection ended, since it was last up.
    failed: bool,
    /// Connections whose transport is up, with or without a handshake.
    open: usize,
    /// Those whose handshake is done.
    peers: usize,
    /// The handshake of a connection whose end is still to be told has failed.
    refused: bool,
    /// Since when the connection is up.
    up: Option<Instant>,
    /// When it is to be made reconnect_at, unless libzmq shows that it goes on.
    reconnect_at: Option<Instant>,
    backoff: Duration,
}

impl Connection {
    fn new(address: &str, aliases: Vec<String>) -> Connection {
        Connection {
            address: address.to_owned(),
            aliases,
            answered: false,
            failed: false,
            open: 0,
            peers: 0,
            refused: false,
            up: None,
            reconnect_at: None,
            backoff: BACKOFF.0,
        }
    }
}

/// All endpoints of a socket.
#[derive(Default)]
pub(super) struct ConnectionTable {
    entries: Vec<Entry>,
}

impl ConnectionTable {
    /// Adds an endpoint that libzmq has been given, with other spellings of it that libzmq
    /// may use.
    pub(super) fn add(&mut self, endpoint: &str, role: Role, aliases: Vec<String>) {
        let entry = self.add_host_name(endpoint, role);
        self.entries[entry].connections.push(Connection::new(endpoint, aliases));
    }

    /// Adds an endpoint that libzmq knows nothing of: a host name. Returns which it is.
    pub(super) fn add_host_name(&mut self, endpoint: &str, role: Role) -> usize {
        let status = EndpointStatus {
            endpoint: endpoint.to_owned(),
            role,
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

    /// Notes that libzmq has been told to connect to an address of this entry's name. There
    /// may be `more` to be tried.
    pub(super) fn connect(&mut self, entry: usize, address: &str, more: bool) {
        let entry = &mut self.entries[entry];
        entry.more = more;
        entry.status.unresolved = None;
        if entry.status.state == ConnectionState::NotConnected {
            entry.status.state = ConnectionState::Connecting;
        }
        entry.connections.push(Connection::new(address, Vec::new()));
    }

    /// Notes that libzmq could not be told so.
    pub(super) fn fail(&mut self, entry: usize, address: &str) {
        let connections = &mut self.entries[entry].connections;
        connections.iter_mut().filter(|c| c.address == address).for_each(|c| c.failed = true);
    }

    /// Notes that libzmq has been told to disconnect from it. libzmq says nothing of what
    /// ends by that.
    pub(super) fn disconnect(&mut self, entry: usize, address: &str) {
        let entry = &mut self.entries[entry];
        entry.connections.retain(|connection| connection.address != address);
        entry.status.peers = entry.connections.iter().map(|connection| connection.peers).sum();
    }

    /// How it stands with an address of an entry.
    pub(super) fn address_state(&self, entry: usize, address: &str) -> AddressState {
        let connections = &self.entries[entry].connections;
        match connections.iter().find(|connection| connection.address == address) {
            Some(connection) if connection.peers > 0 => AddressState::Up,
            Some(connection) if connection.failed => AddressState::Failed,
            _ => AddressState::Pending,
        }
    }

    /// The addresses that libzmq has of an entry.
    pub(super) fn addresses(&self, entry: usize) -> impl Iterator<Item = &str> {
        self.entries[entry].connections.iter().map(|connection| connection.address.as_str())
    }

    /// Another entry to connect that has one of these addresses, if there is one.
    pub(super) fn find_duplicate(&self, entry: usize, addresses: &[String]) -> Option<usize> {
        let has = |other: &Entry| {
            other.status.role == Role::Connect
                && other.connections.iter().any(|c| addresses.contains(&c.address))
        };
        let mut others = self.entries.iter().enumerate();
        others.find(|(at, other)| *at != entry && has(other)).map(|(at, _)| at)
    }

    /// Says which entry stands for this one too, if one does.
    pub(super) fn set_duplicate_of(&mut self, entry: usize, other: Option<usize>) {
        self.entries[entry].duplicate_of = other;
    }

    /// Whether another entry stands for this one too.
    pub(super) fn is_duplicate(&self, entry: usize) -> bool {
        self.entries[entry].duplicate_of.is_some()
    }

    /// Whether messages can flow at an entry, or at the one that stands for it.
    pub(super) fn is_up(&self, entry: usize) -> bool {
        let entry = &self.entries[entry];
        entry.duplicate_of.map_or(entry.status.peers, |other| self.entries[other].status.peers) > 0
    }

    /// Notes that the host of an entry can't be resolved. Returns what is worth telling: a
    /// reason that is another than the last.
    pub(super) fn note_unresolved(&mut self, entry: usize, why: &str) -> Option<ConnectionEvent> {
        let status = &mut self.entries[entry].status;
        status.state = ConnectionState::NotConnected;
        let known = status.unresolved.replace(why.to_owned());
        let kind = EventKind::Unresolved(why.to_owned());
        (known.as_deref() != Some(why))
            .then(|| ConnectionEvent { endpoint: status.endpoint.clone(), kind })
    }

    /// Why the host of an entry can't be resolved, if it could not be when it was last looked up.
    pub(super) fn unresolved(&self, entry: usize) -> Option<&str> {
        self.entries[entry].status.unresolved.as_deref()
    }

    /// Draws the conclusions from what the monitor saw. Returns what is worth telling.
    pub(super) fn record(&mut self, event: MonitorEvent, now: Instant) -> Option<ConnectionEvent> {
        let (entry, connection) = self.find(&event)?;
        let entry = &mut self.entries[entry];
        let kind = entry.record(connection, event.kind, now)?;
        Some(ConnectionEvent { endpoint: entry.status.endpoint.clone(), kind })
    }

    /// An endpoint and the address of it that is to be disconnected and connected now, if
    /// there is one.
    ///
    /// `jitter` (0 to 1) spreads the next try, so that many readers of one
    /// publisher don't come back all at once.
    pub(super) fn next_reconnect(&mut self, now: Instant, jitter: f64) -> Option<(&str, &str)> {
        let connections = self.entries.iter_mut().flat_map(|entry| {
            let endpoint = &entry.status.endpoint;
            entry.connections.iter_mut().map(move |connection| (endpoint, connection))
        });
        let mut due = connections.filter(|(_, c)| c.reconnect_at.is_some_and(|at| at <= now));
        let (endpoint, connection) = due.next()?;
        connection.backoff = (connection.backoff * 2).min(BACKOFF.1);
        let spread = connection.backoff.mul_f64(jitter.clamp(0.0, 1.0) / 4.0);
        connection.reconnect_at = Some(now + GIVEN_UP + connection.backoff + spread);
        Some((endpoint, &connection.address))
    }

    /// How it stands with each endpoint.
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

    /// Connections of any kind, over all endpoints: peers, those that are still
    /// shaking hands, and those too old for a handshake that libzmq tells of.
    pub(super) fn open(&self) -> usize {
        self.entries.iter().flat_map(|entry| &entry.connections).map(|c| c.open).sum()
    }

    /// Whether every endpoint is bound.
    pub(super) fn all_bound(&self) -> bool {
        self.entries.iter().all(|entry| entry.status.role == Role::Bind)
    }

    /// Whether there are endpoints, and all of them are connected to.
    pub(super) fn all_connect(&self) -> bool {
        let mut roles = self.entries.iter().map(|entry| entry.status.role);
        !self.entries.is_empty() && roles.all(|role| role == Role::Connect)
    }

    /// The entry and the connection that libzmq means: by its spelling, else by its port (a
    /// bound wildcard is named by the address that a peer came in on), else the only one.
    /// Of several it is one to which this can happen.
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

impl Connection {
    /// Whether there can be one more peer than are known.
    fn has_room(&self, role: Role) -> bool {
        match role {
            Role::Connect => self.peers == 0,
            Role::Bind => self.peers < self.open.max(1),
        }
    }

    fn is_spelled(&self, address: &str) -> bool {
        self.address == address || self.aliases.iter().any(|alias| alias == address)
    }

    /// Whether it has the port of `address`, and may be the same.
    fn is_at_port(&self, role: Role, address: &str) -> bool {
        let same = port(address).is_some() && port(&self.address) == port(address);
        same && (role == Role::Bind || !self.is_another(address))
    }

    /// Whether it is for sure another address: one that was disconnected may still be told
    /// of.
    fn is_another(&self, address: &str) -> bool {
        match (socket_address(&self.address), socket_address(address)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        }
    }

    fn schedule_reconnect(&mut self, role: Role, now: Instant) {
        if role == Role::Connect {
            self.reconnect_at.get_or_insert(now + GIVEN_UP + self.backoff);
        }
    }
}

impl Entry {
    fn record(&mut self, nth: usize, kind: Kind, now: Instant) -> Option<EventKind> {
        let role = self.status.role;
        let connection = &mut self.connections[nth];
        match kind {
            Kind::Trying | Kind::Reached | Kind::Accepted => {
                connection.open += usize::from(kind != Kind::Trying);
                connection.answered = kind == Kind::Reached;
                self.status.reached |= connection.answered;
                connection.reconnect_at = None;
                self.status.unresolved = None;
                // A refusal stays the explanation until a handshake succeeds.
                if role == Role::Connect && self.status.state == ConnectionState::NotConnected {
                    self.status.state = ConnectionState::Connecting;
                }
                None
            }
            Kind::Retrying(pause) => {
                connection.reconnect_at = None;
                connection.failed = true;
                // It also follows the end of a connection, which something had answered.
                self.status.reached &= std::mem::take(&mut connection.answered);
                self.try_failed();
                Some(EventKind::Retrying(pause))
            }
            // Over WebSocket libzmq tells of two handshakes for each connection.
            Kind::Ready if !connection.has_room(role) => None,
            Kind::Ready => {
                connection.reconnect_at = None;
                connection.failed = false;
                connection.up = Some(now);
                connection.peers += 1;
                self.status.peers += 1;
                self.status.state = ConnectionState::Connected;
                (self.more, self.refusal) = (false, None);
                Some(EventKind::Connected)
            }
            Kind::Refused(why) => {
                connection.refused = true;
                connection.failed = true;
                connection.schedule_reconnect(role, now);
                self.refusal = Some(why.clone());
                if self.status.peers == 0 && !self.more {
                    self.status.state = ConnectionState::HandshakeRefused(why.clone());
                }
                Some(EventKind::HandshakeFailed(why))
            }
            Kind::Disconnected => self.gone(nth, now),
            // Told of by itself; the end of its connection follows.
            Kind::Misused => None,
        }
    }

    /// A try to connect has come to nothing. As long as other addresses are left, more
    /// are coming.
    fn try_failed(&mut self) {
        if self.status.state == ConnectionState::Connecting && !self.more {
            let refused = self.refusal.clone().map(ConnectionState::HandshakeRefused);
            self.status.state = refused.unwrap_or(ConnectionState::NotConnected);
        }
    }

    /// The end of a connection. That of one whose handshake failed has been told.
    fn gone(&mut self, nth: usize, now: Instant) -> Option<EventKind> {
        let role = self.status.role;
        let connection = &mut self.connections[nth];
        connection.open = connection.open.saturating_sub(1);
        connection.failed = true;
        // What lasted was good: whatever comes next starts over with a short pause.
        if connection.up.take().is_some_and(|up| now.saturating_duration_since(up) >= BACKOFF.1) {
            connection.backoff = BACKOFF.0;
        }
        connection.schedule_reconnect(role, now);
        if std::mem::take(&mut connection.refused) {
            return None;
        }
        let was_up = connection.peers > 0;
        if was_up {
            connection.peers -= 1;
            self.status.peers = self.status.peers.saturating_sub(1);
        }
        if self.status.peers == 0 && was_up {
            self.status.state = ConnectionState::NotConnected;
        } else if self.status.peers == 0 {
            self.try_failed();
        }
        was_up.then_some(EventKind::Disconnected)
    }
}

/// The address behind `scheme://`, without a path, if it is one.
fn socket_address(address: &str) -> Option<SocketAddr> {
    let (_, rest) = address.split_once("://")?;
    rest.split_once('/').map_or(rest, |(address, _path)| address).parse().ok()
}

/// What stands behind the last colon of a tcp or ws address, without a path.
fn port(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    if scheme == "ipc" {
        return None;
    }
    let rest = rest.split_once('/').map_or(rest, |(host, _path)| host);
    rest.rsplit_once(':').map(|(_, port)| port)
}

#[cfg(test)]
mod tests;

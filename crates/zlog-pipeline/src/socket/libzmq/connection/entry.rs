//! One endpoint of the table: the state of its connections, and how monitor events change it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::super::monitor::Kind;
use super::{ConnectionState, EndpointStatus, EventKind};
use crate::socket::endpoint::Role;

/// Time without events after which libzmq is assumed to have given a connection up.
pub(super) const GIVEN_UP: Duration = Duration::from_millis(500);
/// Minimum and maximum further delay before zlog reconnects it.
pub(super) const BACKOFF: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(5));

/// An endpoint.
pub(super) struct Entry {
    pub(super) status: EndpointStatus,
    pub(super) connections: Vec<Connection>,
    /// Whether untried addresses of its host name remain in this round.
    pub(super) more: bool,
    /// Why the last handshake failed, until one succeeds.
    pub(super) refusal: Option<String>,
    /// Index of the endpoint whose state it shares: its host name has that one's address.
    pub(super) duplicate_of: Option<usize>,
}

/// An address that libzmq has bound or connects to.
pub(super) struct Connection {
    /// The address as it was given to libzmq, or as it was bound.
    pub(super) address: String,
    /// Other spellings that libzmq may use.
    aliases: Vec<String>,
    /// Whether anything has answered since libzmq's last RETRIED. (Over ipc libzmq does not
    /// report attempts that fail at once.)
    answered: bool,
    /// Whether an attempt has failed, or the connection ended, since it was last up.
    pub(super) failed: bool,
    /// Number of open transports, with or without a handshake.
    pub(super) open: usize,
    /// Number of those whose handshake is done.
    pub(super) peers: usize,
    /// Whether a handshake has failed on a connection whose end is not reported yet.
    refused: bool,
    /// Since when the connection is up.
    up: Option<Instant>,
    /// When to reconnect it, unless libzmq reports a retry before.
    pub(super) reconnect_at: Option<Instant>,
    pub(super) backoff: Duration,
}

impl Connection {
    pub(super) fn new(address: &str, aliases: Vec<String>) -> Connection {
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

    /// Whether one more peer can be connected.
    pub(super) fn has_room(&self, role: Role) -> bool {
        match role {
            Role::Connect => self.peers == 0,
            Role::Bind => self.peers < self.open.max(1),
        }
    }

    pub(super) fn is_spelled(&self, address: &str) -> bool {
        self.address == address || self.aliases.iter().any(|alias| alias == address)
    }

    /// Whether it has the port of `address`, and may be the same.
    pub(super) fn is_at_port(&self, role: Role, address: &str) -> bool {
        let same = port(address).is_some() && port(&self.address) == port(address);
        same && (role == Role::Bind || !self.is_another(address))
    }

    /// Whether `address` is certainly another one: events of an address that was disconnected
    /// may still arrive.
    pub(super) fn is_another(&self, address: &str) -> bool {
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
    /// Applies a monitor event of connection number `nth`. Returns what to report, if anything.
    pub(super) fn record(&mut self, nth: usize, kind: Kind, now: Instant) -> Option<EventKind> {
        let role = self.status.role;
        let connection = &mut self.connections[nth];
        match kind {
            Kind::Trying | Kind::Reached | Kind::Accepted => {
                connection.open += usize::from(kind != Kind::Trying);
                connection.answered = kind == Kind::Reached;
                self.status.reached |= connection.answered;
                connection.reconnect_at = None;
                self.status.unresolved = None;
                // A refusal stays the reason until a handshake succeeds.
                if role == Role::Connect && self.status.state == ConnectionState::NotConnected {
                    self.status.state = ConnectionState::Connecting;
                }
                None
            }
            Kind::Retrying(pause) => {
                connection.reconnect_at = None;
                connection.failed = true;
                // RETRIED also follows the end of a connection, which was answered.
                self.status.reached &= std::mem::take(&mut connection.answered);
                self.attempt_failed();
                Some(EventKind::Retrying(pause))
            }
            // Over WebSocket libzmq reports two handshakes per connection.
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
            Kind::Refused(failure) => {
                connection.refused = true;
                connection.failed = true;
                connection.schedule_reconnect(role, now);
                self.refusal = Some(failure.reason.clone());
                if self.status.peers == 0 && !self.more {
                    self.status.state = ConnectionState::HandshakeRefused(failure.reason.clone());
                }
                Some(EventKind::HandshakeFailed(failure))
            }
            Kind::Disconnected => self.disconnected(nth, now),
            // Reported elsewhere; the end of the connection follows.
            Kind::Misused => None,
        }
    }

    /// Updates the state after a failed attempt. While untried addresses remain, it stays.
    fn attempt_failed(&mut self) {
        if self.status.state == ConnectionState::Connecting && !self.more {
            let refused = self.refusal.clone().map(ConnectionState::HandshakeRefused);
            self.status.state = refused.unwrap_or(ConnectionState::NotConnected);
        }
    }

    /// Updates the state after a disconnect. After a failed handshake it is not reported.
    fn disconnected(&mut self, nth: usize, now: Instant) -> Option<EventKind> {
        let role = self.status.role;
        let connection = &mut self.connections[nth];
        connection.open = connection.open.saturating_sub(1);
        connection.failed = true;
        // The connection lasted: the next delay starts over.
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
            self.attempt_failed();
        }
        was_up.then_some(EventKind::Disconnected)
    }
}

/// The address after `scheme://`, if it is numeric. Without a path.
fn socket_address(address: &str) -> Option<SocketAddr> {
    let (_, rest) = address.split_once("://")?;
    rest.split_once('/').map_or(rest, |(address, _path)| address).parse().ok()
}

/// The port of a tcp or ws address.
fn port(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    if scheme == "ipc" {
        return None;
    }
    let rest = rest.split_once('/').map_or(rest, |(host, _path)| host);
    rest.rsplit_once(':').map(|(_, port)| port)
}

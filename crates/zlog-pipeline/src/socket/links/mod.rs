//! The state of each endpoint's connections, and which of them libzmq gave up.
//!
//! What may be here: conclusions from what the monitor saw, without a socket and
//! without a clock of its own, so that tests need neither.
//!
//! After a frame that is malformed or too large, and after a failed handshake,
//! libzmq ends a connection that it made and never tries again; a repeated
//! connect does nothing. It can be told by what does not follow: where libzmq
//! goes on it says so (RETRIED) at once. So a connection of which nothing is
//! heard for [`GIVEN_UP`] after its end is disconnected and connected anew.
//!
//! An endpoint has one connection, but for a host name: that has one for each of its
//! addresses that libzmq has been given (see `addresses`), or none.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::addresses::Outlook;
use super::endpoint::Role;
use super::monitor::{Seen, What};

/// Silence after which libzmq is taken to have given a connection up.
const GIVEN_UP: Duration = Duration::from_millis(500);
/// Shortest and longest further pause before it is made anew.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How it stands with an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkState {
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
pub struct LinkStatus {
    /// The endpoint: as it was given, or as it was bound.
    pub endpoint: String,
    /// Which end this is.
    pub role: Role,
    /// How it stands.
    pub state: LinkState,
    /// Peers whose handshake is done.
    pub peers: usize,
    /// Whether something answered the last try to connect, be it a publisher or not.
    pub reached: bool,
    /// Why the host's name could not be resolved when it was last looked up.
    pub unresolved: Option<String>,
}

/// What happened to a connection, for a person to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkEvent {
    /// The endpoint: as it was given, or as it was bound.
    pub endpoint: String,
    /// What happened.
    pub what: Occurrence,
}

/// The kinds of [`LinkEvent`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Occurrence {
    /// A peer is connected and its handshake is done.
    Connected,
    /// A connection ended.
    Disconnected,
    /// The next try comes after this pause.
    Retrying(Duration),
    /// A handshake failed, for this reason.
    HandshakeFailed(String),
    /// libzmq had given the connection up, and it was made anew.
    MadeAnew,
    /// The host's name is not known, for this reason. It is asked for again.
    Unresolved(String),
}

impl fmt::Display for LinkEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match &self.what {
            Occurrence::Connected => write!(f, "{endpoint}: connected"),
            Occurrence::Disconnected => write!(f, "{endpoint}: disconnected"),
            Occurrence::Retrying(pause) => {
                write!(f, "{endpoint}: trying again in {} ms", pause.as_millis())
            }
            Occurrence::HandshakeFailed(why) => write!(f, "{endpoint}: handshake failed: {why}"),
            Occurrence::MadeAnew => write!(f, "{endpoint}: connecting anew"),
            Occurrence::Unresolved(why) => write!(f, "{endpoint}: host not found: {why}"),
        }
    }
}

/// One endpoint.
struct Link {
    status: LinkStatus,
    connections: Vec<Connection>,
    /// Addresses of its name are left that have not been tried in this round.
    more: bool,
    /// Why the last handshake failed, until one succeeds.
    refusal: Option<String>,
    /// The endpoint that stands for this one too: its name has an address of that one.
    same_as: Option<usize>,
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
    /// When it is to be made anew, unless libzmq shows that it goes on.
    anew: Option<Instant>,
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
            anew: None,
            backoff: BACKOFF.0,
        }
    }
}

/// All endpoints of a socket.
#[derive(Default)]
pub(super) struct Links {
    links: Vec<Link>,
}

impl Links {
    /// Adds an endpoint that libzmq has been given, with other spellings of it that libzmq
    /// may use.
    pub(super) fn add(&mut self, endpoint: &str, role: Role, aliases: Vec<String>) {
        let link = self.add_name(endpoint, role);
        self.links[link].connections.push(Connection::new(endpoint, aliases));
    }

    /// Adds an endpoint that libzmq knows nothing of: a host name. Returns which it is.
    pub(super) fn add_name(&mut self, endpoint: &str, role: Role) -> usize {
        let status = LinkStatus {
            endpoint: endpoint.to_owned(),
            role,
            state: match role {
                Role::Bind => LinkState::NotConnected,
                Role::Connect => LinkState::Connecting,
            },
            peers: 0,
            reached: false,
            unresolved: None,
        };
        let (connections, more, refusal, same_as) = (Vec::new(), false, None, None);
        self.links.push(Link { status, connections, more, refusal, same_as });
        self.links.len() - 1
    }

    /// Notes that libzmq has been told to connect to an address of this link's name. There
    /// may be `more` to be tried.
    pub(super) fn connect(&mut self, link: usize, address: &str, more: bool) {
        let link = &mut self.links[link];
        link.more = more;
        link.status.unresolved = None;
        if link.status.state == LinkState::NotConnected {
            link.status.state = LinkState::Connecting;
        }
        link.connections.push(Connection::new(address, Vec::new()));
    }

    /// Notes that libzmq could not be told so.
    pub(super) fn fail(&mut self, link: usize, address: &str) {
        let connections = &mut self.links[link].connections;
        connections.iter_mut().filter(|c| c.address == address).for_each(|c| c.failed = true);
    }

    /// Notes that libzmq has been told to disconnect from it. libzmq says nothing of what
    /// ends by that.
    pub(super) fn disconnect(&mut self, link: usize, address: &str) {
        let link = &mut self.links[link];
        link.connections.retain(|connection| connection.address != address);
        link.status.peers = link.connections.iter().map(|connection| connection.peers).sum();
    }

    /// How it stands with an address of a link.
    pub(super) fn outlook(&self, link: usize, address: &str) -> Outlook {
        let connections = &self.links[link].connections;
        match connections.iter().find(|connection| connection.address == address) {
            Some(connection) if connection.peers > 0 => Outlook::Up,
            Some(connection) if connection.failed => Outlook::Failed,
            _ => Outlook::Pending,
        }
    }

    /// The addresses that libzmq has of a link.
    pub(super) fn addresses(&self, link: usize) -> impl Iterator<Item = &str> {
        self.links[link].connections.iter().map(|connection| connection.address.as_str())
    }

    /// Another link to connect that has one of these addresses, if there is one.
    pub(super) fn other_with(&self, link: usize, addresses: &[String]) -> Option<usize> {
        let has = |other: &Link| {
            other.status.role == Role::Connect
                && other.connections.iter().any(|c| addresses.contains(&c.address))
        };
        let mut others = self.links.iter().enumerate();
        others.find(|(at, other)| *at != link && has(other)).map(|(at, _)| at)
    }

    /// Says which link stands for this one too, if one does.
    pub(super) fn set_same_as(&mut self, link: usize, other: Option<usize>) {
        self.links[link].same_as = other;
    }

    /// Whether another link stands for this one too.
    pub(super) fn is_same_as_another(&self, link: usize) -> bool {
        self.links[link].same_as.is_some()
    }

    /// Whether messages can flow at a link, or at the one that stands for it.
    pub(super) fn is_up(&self, link: usize) -> bool {
        let link = &self.links[link];
        link.same_as.map_or(link.status.peers, |other| self.links[other].status.peers) > 0
    }

    /// Notes that the host of a link can't be resolved. Returns what is worth telling: a
    /// reason that is another than the last.
    pub(super) fn note_unresolved(&mut self, link: usize, why: &str) -> Option<LinkEvent> {
        let status = &mut self.links[link].status;
        status.state = LinkState::NotConnected;
        let known = status.unresolved.replace(why.to_owned());
        let what = Occurrence::Unresolved(why.to_owned());
        (known.as_deref() != Some(why))
            .then(|| LinkEvent { endpoint: status.endpoint.clone(), what })
    }

    /// Why the host of a link can't be resolved, if it could not be when it was last looked up.
    pub(super) fn unresolved(&self, link: usize) -> Option<&str> {
        self.links[link].status.unresolved.as_deref()
    }

    /// Draws the conclusions from what the monitor saw. Returns what is worth telling.
    pub(super) fn note(&mut self, seen: Seen, now: Instant) -> Option<LinkEvent> {
        let (link, connection) = self.find(&seen)?;
        let link = &mut self.links[link];
        let what = link.note(connection, seen.what, now)?;
        Some(LinkEvent { endpoint: link.status.endpoint.clone(), what })
    }

    /// An endpoint and the address of it that is to be disconnected and connected now, if
    /// there is one.
    ///
    /// `jitter` (0 to 1) spreads the next try, so that many readers of one
    /// publisher don't come back all at once.
    pub(super) fn due(&mut self, now: Instant, jitter: f64) -> Option<(&str, &str)> {
        let connections = self.links.iter_mut().flat_map(|link| {
            let endpoint = &link.status.endpoint;
            link.connections.iter_mut().map(move |connection| (endpoint, connection))
        });
        let mut due = connections.filter(|(_, c)| c.anew.is_some_and(|at| at <= now));
        let (endpoint, connection) = due.next()?;
        connection.backoff = (connection.backoff * 2).min(BACKOFF.1);
        let spread = connection.backoff.mul_f64(jitter.clamp(0.0, 1.0) / 4.0);
        connection.anew = Some(now + GIVEN_UP + connection.backoff + spread);
        Some((endpoint, &connection.address))
    }

    /// How it stands with each endpoint.
    pub(super) fn status(&self) -> Vec<LinkStatus> {
        let status = |link: &Link| match link.same_as.map(|other| &self.links[other].status) {
            Some(other) => LinkStatus { endpoint: link.status.endpoint.clone(), ..other.clone() },
            None => link.status.clone(),
        };
        self.links.iter().map(status).collect()
    }

    /// Connections of any kind, over all endpoints: peers, those that are still
    /// shaking hands, and those too old for a handshake that libzmq tells of.
    pub(super) fn open(&self) -> usize {
        self.links.iter().flat_map(|link| &link.connections).map(|c| c.open).sum()
    }

    /// Whether every endpoint is bound.
    pub(super) fn all_bound(&self) -> bool {
        self.links.iter().all(|link| link.status.role == Role::Bind)
    }

    /// Whether there are endpoints, and all of them are connected to.
    pub(super) fn all_connect(&self) -> bool {
        let mut roles = self.links.iter().map(|link| link.status.role);
        !self.links.is_empty() && roles.all(|role| role == Role::Connect)
    }

    /// The link and the connection that libzmq means: by its spelling, else by its port (a
    /// bound wildcard is named by the address that a peer came in on), else the only one.
    /// Of several it is one to which this can happen.
    fn find(&self, seen: &Seen) -> Option<(usize, usize)> {
        let fits = |role: Role| match seen.what {
            What::Accepted => role == Role::Bind,
            What::Trying | What::Reached | What::Retrying(_) => role == Role::Connect,
            What::Ready | What::Refused(_) | What::Gone | What::Misused => true,
        };
        let can_happen = |role: Role, connection: &Connection| match seen.what {
            What::Reached => connection.open == 0,
            What::Ready => connection.has_room(role),
            What::Gone => connection.open > 0,
            _ => true,
        };
        let all: Vec<(usize, usize, Role, &Connection)> = self
            .links
            .iter()
            .enumerate()
            .flat_map(|(at, link)| {
                let role = link.status.role;
                let connections = link.connections.iter().enumerate();
                connections.map(move |(nth, connection)| (at, nth, role, connection))
            })
            .collect();
        let find = |meant: &dyn Fn(Role, &Connection) -> bool| {
            let of = |(_, _, role, connection): &&(usize, usize, Role, &Connection)| {
                fits(*role) && meant(*role, connection)
            };
            let best = all.iter().filter(of).find(|(_, _, role, c)| can_happen(*role, c));
            best.or_else(|| all.iter().find(of)).map(|(link, nth, ..)| (*link, *nth))
        };
        let spelled = find(&|_, connection| connection.is_spelled(&seen.address));
        let at_port = || find(&|role, connection| connection.is_at_port(role, &seen.address));
        let only = || match self.links.as_slice() {
            [link] => match link.connections.as_slice() {
                [it] if link.status.role == Role::Bind || !it.is_another(&seen.address) => {
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

    fn suspect(&mut self, role: Role, now: Instant) {
        if role == Role::Connect {
            self.anew.get_or_insert(now + GIVEN_UP + self.backoff);
        }
    }
}

impl Link {
    fn note(&mut self, nth: usize, what: What, now: Instant) -> Option<Occurrence> {
        let role = self.status.role;
        let connection = &mut self.connections[nth];
        match what {
            What::Trying | What::Reached | What::Accepted => {
                connection.open += usize::from(what != What::Trying);
                connection.answered = what == What::Reached;
                self.status.reached |= connection.answered;
                connection.anew = None;
                self.status.unresolved = None;
                // A refusal stays the explanation until a handshake succeeds.
                if role == Role::Connect && self.status.state == LinkState::NotConnected {
                    self.status.state = LinkState::Connecting;
                }
                None
            }
            What::Retrying(pause) => {
                connection.anew = None;
                connection.failed = true;
                // It also follows the end of a connection, which something had answered.
                self.status.reached &= std::mem::take(&mut connection.answered);
                self.try_failed();
                Some(Occurrence::Retrying(pause))
            }
            // Over WebSocket libzmq tells of two handshakes for each connection.
            What::Ready if !connection.has_room(role) => None,
            What::Ready => {
                connection.anew = None;
                connection.failed = false;
                connection.up = Some(now);
                connection.peers += 1;
                self.status.peers += 1;
                self.status.state = LinkState::Connected;
                (self.more, self.refusal) = (false, None);
                Some(Occurrence::Connected)
            }
            What::Refused(why) => {
                connection.refused = true;
                connection.failed = true;
                connection.suspect(role, now);
                self.refusal = Some(why.clone());
                if self.status.peers == 0 && !self.more {
                    self.status.state = LinkState::HandshakeRefused(why.clone());
                }
                Some(Occurrence::HandshakeFailed(why))
            }
            What::Gone => self.gone(nth, now),
            // Told of by itself; the end of its connection follows.
            What::Misused => None,
        }
    }

    /// A try to connect has come to nothing. As long as other addresses are left, more
    /// are coming.
    fn try_failed(&mut self) {
        if self.status.state == LinkState::Connecting && !self.more {
            let refused = self.refusal.clone().map(LinkState::HandshakeRefused);
            self.status.state = refused.unwrap_or(LinkState::NotConnected);
        }
    }

    /// The end of a connection. That of one whose handshake failed has been told.
    fn gone(&mut self, nth: usize, now: Instant) -> Option<Occurrence> {
        let role = self.status.role;
        let connection = &mut self.connections[nth];
        connection.open = connection.open.saturating_sub(1);
        connection.failed = true;
        // What lasted was good: whatever comes next starts over with a short pause.
        if connection.up.take().is_some_and(|up| now.saturating_duration_since(up) >= BACKOFF.1) {
            connection.backoff = BACKOFF.0;
        }
        connection.suspect(role, now);
        if std::mem::take(&mut connection.refused) {
            return None;
        }
        let was_up = connection.peers > 0;
        if was_up {
            connection.peers -= 1;
            self.status.peers = self.status.peers.saturating_sub(1);
        }
        if self.status.peers == 0 && was_up {
            self.status.state = LinkState::NotConnected;
        } else if self.status.peers == 0 {
            self.try_failed();
        }
        was_up.then_some(Occurrence::Disconnected)
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

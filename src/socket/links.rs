//! The state of each endpoint's connections, and which of them libzmq gave up.
//!
//! What may be here: conclusions from what the monitor saw, without a socket and
//! without a clock of its own, so that tests need neither.
//!
//! After a frame that is malformed or too large, and after a failed handshake,
//! libzmq ends a connection that it made and never tries again; a repeated
//! connect does nothing. It can be told by what does not follow: where libzmq
//! goes on it says so (RETRIED) at once. So an endpoint of which nothing is
//! heard for [`GIVEN_UP`] after its end is disconnected and connected anew.

use std::fmt;
use std::time::{Duration, Instant};

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

struct Link {
    status: LinkStatus,
    /// How libzmq may spell the endpoint, other than as it was given.
    aliases: Vec<String>,
    /// Something has answered since libzmq last said that it tries again. (That a try
    /// began, it does not say of ipc, where one fails at once.)
    answered: bool,
    /// Connections whose transport is up, with or without a handshake.
    open: usize,
    /// The handshake of a connection whose end is still to be told has failed.
    refused: bool,
    /// Since when the connection is up.
    up: Option<Instant>,
    /// When it is to be made anew, unless libzmq shows that it goes on.
    anew: Option<Instant>,
    backoff: Duration,
}

/// All endpoints of a socket.
#[derive(Default)]
pub(super) struct Links {
    links: Vec<Link>,
}

impl Links {
    /// Adds an endpoint, with other spellings of it that libzmq may use.
    pub(super) fn add(&mut self, endpoint: &str, role: Role, aliases: Vec<String>) {
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
        self.links.push(Link {
            status,
            aliases,
            answered: false,
            open: 0,
            refused: false,
            up: None,
            anew: None,
            backoff: BACKOFF.0,
        });
    }

    /// Notes that the host of `endpoint` can't be resolved.
    pub(super) fn note_unresolved(&mut self, endpoint: &str, why: &str) {
        for link in &mut self.links {
            if link.status.endpoint == endpoint {
                link.status.unresolved = Some(why.to_owned());
            }
        }
    }

    /// Draws the conclusions from what the monitor saw. Returns what is worth telling.
    pub(super) fn note(&mut self, seen: Seen, now: Instant) -> Option<LinkEvent> {
        let link = self.find(&seen)?;
        let what = link.note(seen.what, now)?;
        Some(LinkEvent { endpoint: link.status.endpoint.clone(), what })
    }

    /// An endpoint that is to be disconnected and connected now, if there is one.
    ///
    /// `jitter` (0 to 1) spreads the next try, so that many readers of one
    /// publisher don't come back all at once.
    pub(super) fn due(&mut self, now: Instant, jitter: f64) -> Option<&str> {
        let link = self.links.iter_mut().find(|link| link.anew.is_some_and(|at| at <= now))?;
        link.backoff = (link.backoff * 2).min(BACKOFF.1);
        let pause = GIVEN_UP + link.backoff + link.backoff.mul_f64(jitter.clamp(0.0, 1.0) / 4.0);
        link.anew = Some(now + pause);
        Some(&link.status.endpoint)
    }

    /// How it stands with each endpoint.
    pub(super) fn status(&self) -> Vec<LinkStatus> {
        self.links.iter().map(|link| link.status.clone()).collect()
    }

    /// Connections of any kind, over all endpoints: peers, those that are still
    /// shaking hands, and those too old for a handshake that libzmq tells of.
    pub(super) fn open(&self) -> usize {
        self.links.iter().map(|link| link.open).sum()
    }

    /// Whether every endpoint is bound.
    pub(super) fn all_bound(&self) -> bool {
        self.links.iter().all(|link| link.status.role == Role::Bind)
    }

    /// The link that libzmq means: by its spelling, else by its port (a bound
    /// wildcard is named by the address that a peer came in on, a name by what it
    /// resolved to), else the only one. Of several (a name and its address) it is
    /// one to which this can happen.
    fn find(&mut self, seen: &Seen) -> Option<&mut Link> {
        let fits = |link: &Link| match seen.what {
            What::Accepted => link.status.role == Role::Bind,
            What::Trying | What::Reached | What::Retrying(_) => link.status.role == Role::Connect,
            What::Ready | What::Refused(_) | What::Gone | What::Misused => true,
        };
        let spelled = |link: &Link| {
            link.status.endpoint == seen.address || link.aliases.contains(&seen.address)
        };
        let same_port = |link: &Link| {
            port(&seen.address).is_some() && port(&link.status.endpoint) == port(&seen.address)
        };
        let can_happen = |link: &Link| match seen.what {
            What::Reached => link.open == 0,
            What::Ready => link.has_room(),
            What::Gone => link.open > 0,
            _ => true,
        };
        let only = self.links.len() == 1;
        let find = |meant: &dyn Fn(&Link) -> bool| {
            let of = |link: &Link| fits(link) && meant(link);
            let links = &self.links;
            let best = links.iter().position(|link| of(link) && can_happen(link));
            best.or_else(|| links.iter().position(of))
        };
        let at = find(&spelled).or_else(|| find(&same_port)).or(only.then_some(0))?;
        self.links.get_mut(at)
    }
}

impl Link {
    /// Whether there can be one more peer than are known.
    fn has_room(&self) -> bool {
        match self.status.role {
            Role::Connect => self.status.peers == 0,
            Role::Bind => self.status.peers < self.open.max(1),
        }
    }

    fn note(&mut self, what: What, now: Instant) -> Option<Occurrence> {
        let connects = self.status.role == Role::Connect;
        match what {
            What::Trying | What::Reached | What::Accepted => {
                self.open += usize::from(what != What::Trying);
                self.answered = what == What::Reached;
                self.status.reached |= self.answered;
                self.anew = None;
                self.status.unresolved = None;
                // A refusal stays the explanation until a handshake succeeds.
                if connects && self.status.state == LinkState::NotConnected {
                    self.status.state = LinkState::Connecting;
                }
                None
            }
            What::Retrying(pause) => {
                self.anew = None;
                // It also follows the end of a connection, which something had answered.
                self.status.reached &= std::mem::take(&mut self.answered);
                if self.status.state == LinkState::Connecting {
                    self.status.state = LinkState::NotConnected;
                }
                Some(Occurrence::Retrying(pause))
            }
            // Over WebSocket libzmq tells of two handshakes for each connection.
            What::Ready if !self.has_room() => None,
            What::Ready => {
                self.anew = None;
                self.up = Some(now);
                self.status.peers += 1;
                self.status.state = LinkState::Connected;
                Some(Occurrence::Connected)
            }
            What::Refused(why) => {
                self.refused = true;
                self.suspect(now);
                if self.status.peers == 0 {
                    self.status.state = LinkState::HandshakeRefused(why.clone());
                }
                Some(Occurrence::HandshakeFailed(why))
            }
            What::Gone => self.gone(now),
            // Told of by itself; the end of its connection follows.
            What::Misused => None,
        }
    }

    /// The end of a connection. That of one whose handshake failed has been told.
    fn gone(&mut self, now: Instant) -> Option<Occurrence> {
        self.open = self.open.saturating_sub(1);
        // What lasted was good: whatever comes next starts over with a short pause.
        if self.up.take().is_some_and(|up| now.saturating_duration_since(up) >= BACKOFF.1) {
            self.backoff = BACKOFF.0;
        }
        self.suspect(now);
        if std::mem::take(&mut self.refused) {
            return None;
        }
        let was_up = self.status.peers > 0;
        self.status.peers = self.status.peers.saturating_sub(1);
        if self.status.peers == 0 && (was_up || self.status.state == LinkState::Connecting) {
            self.status.state = LinkState::NotConnected;
        }
        was_up.then_some(Occurrence::Disconnected)
    }

    fn suspect(&mut self, now: Instant) {
        if self.status.role == Role::Connect {
            self.anew.get_or_insert(now + GIVEN_UP + self.backoff);
        }
    }
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
mod tests {
    use super::*;

    const HERE: &str = "tcp://127.0.0.1:5";

    fn connecting() -> (Links, Instant) {
        let mut links = Links::default();
        links.add(HERE, Role::Connect, Vec::new());
        (links, Instant::now())
    }

    fn peers(links: &Links) -> usize {
        links.status().iter().map(|status| status.peers).sum()
    }

    fn seen(what: What) -> Seen {
        Seen { address: HERE.to_owned(), what }
    }

    fn state(links: &Links) -> LinkState {
        links.status()[0].state.clone()
    }

    #[test]
    fn a_connection_that_libzmq_retries_is_left_to_it() {
        let (mut links, t) = connecting();
        links.note(seen(What::Ready), t);
        assert_eq!(state(&links), LinkState::Connected);
        links.note(seen(What::Gone), t);
        links.note(seen(What::Retrying(Duration::from_millis(100))), t);
        assert_eq!(state(&links), LinkState::NotConnected);
        assert_eq!(links.due(t + Duration::from_secs(60), 0.0), None);
    }

    #[test]
    fn a_connection_that_libzmq_gave_up_is_made_anew_with_growing_pauses() {
        let (mut links, mut t) = connecting();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            links.note(seen(What::Ready), t);
            links.note(seen(What::Gone), t);
            let start = t;
            while links.due(t, 0.0).is_none() {
                t += Duration::from_millis(50);
            }
            pauses.push((t - start).as_millis());
        }
        assert_eq!(pauses, [600, 700, 900, 1300, 2100, 3700, 5500, 5500, 5500]);
    }

    #[test]
    fn a_connection_that_lasted_starts_over_with_a_short_pause() {
        let (mut links, mut t) = connecting();
        for _ in 0..5 {
            links.note(seen(What::Gone), t);
            t += Duration::from_secs(9);
            assert!(links.due(t, 0.0).is_some());
        }
        links.note(seen(What::Ready), t);
        t += Duration::from_secs(6);
        links.note(seen(What::Gone), t);
        assert!(links.due(t + Duration::from_millis(600), 0.0).is_some());
    }

    #[test]
    fn until_a_connect_answers_it_is_tried_again() {
        let (mut links, t) = connecting();
        links.note(seen(What::Refused("no".into())), t);
        assert!(links.due(t + Duration::from_millis(600), 0.0).is_some());
        assert_eq!(links.due(t + Duration::from_millis(700), 0.0), None);
        assert!(links.due(t + Duration::from_secs(2), 1.0).is_some());
    }

    #[test]
    fn what_answers_and_does_not_shake_hands_is_told_from_nobody() {
        let (mut links, t) = connecting();
        let mut reached = |what| {
            links.note(seen(what), t);
            links.status()[0].reached
        };
        let retrying = || What::Retrying(Duration::from_millis(100));
        assert!(!reached(What::Trying) && !reached(retrying()));
        reached(What::Trying);
        assert!(reached(What::Reached) && reached(What::Gone) && reached(retrying()));
        assert!(reached(What::Trying), "the answer is not known yet");
        assert!(!reached(retrying()));
        // Over ipc, a try that fails at once is not told of.
        assert!(reached(What::Reached) && reached(What::Gone) && reached(retrying()));
        assert!(!reached(retrying()));
    }

    #[test]
    fn a_refused_handshake_stays_the_explanation_until_one_succeeds() {
        let (mut links, t) = connecting();
        links.note(seen(What::Reached), t);
        links.note(seen(What::Refused("wrong key".into())), t);
        links.note(seen(What::Gone), t);
        links.note(seen(What::Trying), t);
        links.note(seen(What::Reached), t);
        assert_eq!(state(&links), LinkState::HandshakeRefused("wrong key".into()));
        links.note(seen(What::Ready), t);
        assert_eq!(state(&links), LinkState::Connected);
    }

    #[test]
    fn peers_of_a_bound_endpoint_are_counted_and_failed_handshakes_are_not() {
        let mut links = Links::default();
        links.add("tcp://0.0.0.0:5", Role::Bind, Vec::new());
        let t = Instant::now();
        for what in [What::Accepted, What::Ready, What::Accepted, What::Ready] {
            links.note(seen(what), t);
        }
        assert_eq!(peers(&links), 2);
        links.note(seen(What::Accepted), t);
        assert_eq!((peers(&links), links.open()), (2, 3));
        links.note(seen(What::Refused("stranger".into())), t);
        assert_eq!(links.note(seen(What::Gone), t), None);
        assert_eq!((peers(&links), state(&links)), (2, LinkState::Connected));
        links.note(seen(What::Gone), t);
        links.note(seen(What::Gone), t);
        links.note(seen(What::Gone), t);
        assert_eq!((peers(&links), links.open()), (0, 0));
        assert_eq!(state(&links), LinkState::NotConnected);
        assert_eq!(links.due(t + Duration::from_secs(60), 0.0), None, "bound ones are libzmq's");
    }

    #[test]
    fn two_handshakes_of_one_connection_are_one_peer() {
        for (role, comes) in [(Role::Connect, What::Reached), (Role::Bind, What::Accepted)] {
            let mut links = Links::default();
            links.add(HERE, role, Vec::new());
            let t = Instant::now();
            links.note(seen(comes), t);
            assert!(links.note(seen(What::Ready), t).is_some());
            assert_eq!(links.note(seen(What::Ready), t), None);
            assert_eq!(peers(&links), 1);
            links.note(seen(What::Gone), t);
            assert_eq!(state(&links), LinkState::NotConnected);
        }
    }

    #[test]
    fn a_name_and_its_address_are_two_endpoints() {
        let mut links = Links::default();
        links.add("tcp://localhost:5", Role::Connect, vec![HERE.into()]);
        links.add(HERE, Role::Connect, Vec::new());
        let t = Instant::now();
        let peers = |links: &Links| links.status().iter().map(|s| s.peers).collect::<Vec<_>>();
        for what in [What::Reached, What::Reached, What::Ready, What::Ready] {
            links.note(seen(what), t);
        }
        assert_eq!(peers(&links), [1, 1]);
        links.note(seen(What::Gone), t);
        links.note(seen(What::Gone), t);
        assert_eq!(peers(&links), [0, 0]);
    }

    #[test]
    fn an_endpoint_is_found_by_what_its_name_resolved_to() {
        let mut links = Links::default();
        links.add("tcp://localhost:5", Role::Connect, Vec::new());
        links.add("tcp://localhost:6", Role::Connect, vec!["tcp://[::1]:6".into()]);
        let t = Instant::now();
        links.note(seen(What::Ready), t);
        links.note(Seen { address: "tcp://[::1]:6".into(), what: What::Ready }, t);
        let peers: Vec<usize> = links.status().iter().map(|s| s.peers).collect();
        assert_eq!(peers, [1, 1]);
    }
}

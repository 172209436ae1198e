//! Which endpoints have no peer: told when it has lasted, once each time.
//!
//! A publisher that is down and an address that is another service's look like a
//! stream on which nothing happens, from the first moment or after an hour. What
//! may be here: the reasons and their words; the state of links is handed in.

use std::collections::HashSet;
use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use zlog_pipeline::socket::{ConnectionEvent, ConnectionState, EndpointStatus, EventKind, Role};

/// How long there must have been no peer. A publisher that is started again is
/// back sooner.
const REPORT_AFTER: Duration = Duration::from_secs(3);

/// How often links are looked at.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Follows which endpoints have no peer.
#[derive(Debug)]
pub(super) struct NoPeerMonitor {
    next_check: Instant,
    started: Instant,
    /// In the order of the links.
    peers: Vec<PeerState>,
    /// Endpoints that have had a peer, be it between two looks.
    had_peer: HashSet<String>,
}

#[derive(Debug)]
struct PeerState {
    without_peer_since: Instant,
    /// The kind of reason told last. Its details may change with every try.
    reported: Option<Discriminant<Reason>>,
}

/// Why an endpoint has no peer.
#[derive(Debug)]
enum Reason {
    /// Nobody answers.
    Unreachable,
    /// Somebody answers, and is no publisher that shakes hands.
    NoHandshake,
    /// Somebody answers, and the handshake fails for this reason.
    HandshakeFailed(String),
    /// The host can't be found, for this reason.
    HostNotFound(String),
    /// Bound, and nobody has connected.
    NobodyConnected,
}

/// An endpoint without a peer, in words.
#[derive(Debug)]
pub(super) struct Finding {
    endpoint: String,
    reason: Reason,
    had_peer: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match &self.reason {
            Reason::Unreachable if self.had_peer => {
                write!(f, "not connected any more: nobody answers at {endpoint}; still trying")
            }
            Reason::Unreachable => {
                write!(f, "not connected: nobody answers at {endpoint} yet; still trying")
            }
            Reason::NoHandshake => write!(
                f,
                "not connected: something answers at {endpoint}, and it does not shake hands \
                 as a ZeroMQ publisher does; still trying"
            ),
            Reason::HandshakeFailed(why) => {
                write!(f, "not connected: handshake with {endpoint} failed: {why}; still trying")
            }
            Reason::HostNotFound(why) => {
                write!(f, "not connected: the host of {endpoint} is not found: {why}")
            }
            Reason::NobodyConnected => write!(f, "no publisher has connected to {endpoint} yet"),
        }
    }
}

impl NoPeerMonitor {
    /// Begins at `now`.
    pub(super) fn new(now: Instant) -> NoPeerMonitor {
        NoPeerMonitor { next_check: now, started: now, peers: Vec::new(), had_peer: HashSet::new() }
    }

    /// Takes note of what happened to a connection.
    pub(super) fn observe(&mut self, event: &ConnectionEvent) {
        if event.kind == EventKind::Connected {
            self.had_peer.insert(event.endpoint.clone());
        }
    }

    /// Looks at the links when it is time: what there is to say that has not been said.
    ///
    /// There must be as many links each time, in the same order.
    pub(super) fn check(
        &mut self,
        now: Instant,
        links: impl FnOnce() -> Vec<EndpointStatus>,
    ) -> Vec<Finding> {
        if now < self.next_check {
            return Vec::new();
        }
        self.next_check = now + CHECK_INTERVAL;
        let links = links();
        let started = self.started;
        self.peers
            .resize_with(links.len(), || PeerState { without_peer_since: started, reported: None });
        let states = self.peers.iter_mut().zip(links);
        let check = |(state, link): (&mut PeerState, EndpointStatus)| {
            let had_peer = self.had_peer.contains(&link.endpoint);
            state.check(now, link, had_peer)
        };
        states.filter_map(check).collect()
    }
}

impl PeerState {
    fn check(&mut self, now: Instant, link: EndpointStatus, had_peer: bool) -> Option<Finding> {
        let Some(reason) = reason(&link) else {
            *self = PeerState { without_peer_since: now, reported: None };
            return None;
        };
        // To a bound endpoint publishers come and go.
        let usual = matches!(reason, Reason::NobodyConnected) && had_peer;
        let kind = discriminant(&reason);
        if usual || now < self.without_peer_since + REPORT_AFTER || self.reported == Some(kind) {
            return None;
        }
        self.reported = Some(kind);
        Some(Finding { endpoint: link.endpoint, reason, had_peer })
    }
}

/// Why a link has no peer; `None` when it has one.
fn reason(link: &EndpointStatus) -> Option<Reason> {
    if link.peers > 0 {
        return None;
    }
    Some(match (&link.state, link.role, &link.unresolved) {
        (ConnectionState::Connected, ..) => return None,
        (ConnectionState::HandshakeRefused(why), ..) => Reason::HandshakeFailed(why.clone()),
        (_, Role::Bind, _) => Reason::NobodyConnected,
        (_, Role::Connect, Some(why)) => Reason::HostNotFound(why.clone()),
        (_, Role::Connect, None) if link.reached => Reason::NoHandshake,
        (_, Role::Connect, None) => Reason::Unreachable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "tcp://h:1";

    fn link(role: Role, state: ConnectionState) -> EndpointStatus {
        let peers = usize::from(state == ConnectionState::Connected);
        EndpointStatus {
            endpoint: HERE.into(),
            role,
            state,
            peers,
            reached: false,
            unresolved: None,
        }
    }

    /// What is said of one link in these states, four seconds apart.
    fn told(role: Role, states: &[ConnectionState]) -> Vec<String> {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let mut told = Vec::new();
        for (at, state) in (1..).zip(states) {
            let now = start + Duration::from_secs(4) * at;
            if *state == ConnectionState::Connected {
                no_peer.observe(&ConnectionEvent {
                    endpoint: HERE.into(),
                    kind: EventKind::Connected,
                });
            }
            let findings = no_peer.check(now, || vec![link(role, state.clone())]);
            told.extend(findings.iter().map(Finding::to_string));
        }
        told
    }

    #[test]
    fn nothing_is_said_before_a_few_seconds_have_passed() {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let away = || vec![link(Role::Connect, ConnectionState::NotConnected)];
        assert!(no_peer.check(start + REPORT_AFTER / 2, away).is_empty());
        assert_eq!(no_peer.check(start + REPORT_AFTER, away).len(), 1);
    }

    #[test]
    fn a_publisher_that_is_away_is_told_once_and_again_when_it_has_gone_again() {
        use ConnectionState::{Connected, Connecting, NotConnected};
        let states = [NotConnected, Connecting, NotConnected, Connected, NotConnected];
        let told = told(Role::Connect, &states);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("nobody answers at tcp://h:1 yet"), "{told:?}");
        assert!(told[1].contains("any more"), "{told:?}");
    }

    #[test]
    fn a_refused_handshake_is_told_with_its_first_reason() {
        let refused = |why: &str| ConnectionState::HandshakeRefused(why.into());
        let told = told(Role::Connect, &[refused("not ZeroMQ"), refused("broken pipe")]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("tcp://h:1 failed: not ZeroMQ"), "{told:?}");
    }

    #[test]
    fn publishers_that_leave_a_bound_endpoint_are_nothing_to_tell_of() {
        use ConnectionState::{Connected, NotConnected};
        assert_eq!(told(Role::Bind, &[NotConnected, NotConnected]).len(), 1);
        assert_eq!(told(Role::Bind, &[Connected, NotConnected, NotConnected]).len(), 0);
    }
}

//! Reports endpoints that have had no peer for some seconds, once each time.
//!
//! Without the report, a publisher that is down or an address that belongs to another service
//! looks like a stream on which nothing happens.

use std::collections::HashSet;
use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use zlog_pipeline::socket::{ConnectionEvent, ConnectionState, EndpointStatus, EventKind, Role};

/// How long an endpoint must have had no peer. A publisher that restarts is back sooner.
const REPORT_AFTER: Duration = Duration::from_secs(3);

/// How often the endpoints are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Tracks which endpoints have no peer.
#[derive(Debug)]
pub(super) struct NoPeerMonitor {
    next_check: Instant,
    /// Whether every endpoint had a peer at the last check.
    is_settled: bool,
    started: Instant,
    /// In the order of the endpoints.
    peers: Vec<PeerState>,
    /// Endpoints that have had a peer, even one that came and went between two checks.
    had_peer: HashSet<String>,
}

#[derive(Debug)]
struct PeerState {
    without_peer_since: Instant,
    /// The kind of the reason reported last. Its details may change with every attempt.
    reported: Option<Discriminant<Reason>>,
}

/// Why an endpoint has no peer.
#[derive(Debug)]
enum Reason {
    /// The connection is not accepted.
    Unreachable,
    /// The connection is accepted, and no ZeroMQ handshake follows.
    NoHandshake,
    /// The handshake failed for this reason.
    HandshakeFailed(String),
    /// The host's name was not resolved for this reason.
    HostNotFound(String),
    /// The endpoint is bound, and no publisher has connected.
    NobodyConnected,
}

/// An endpoint without a peer; `Display` explains it.
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
                "not connected: {endpoint} answers, but is not a ZeroMQ publisher; still trying"
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
    /// Starts at `now`.
    pub(super) fn new(now: Instant) -> NoPeerMonitor {
        NoPeerMonitor {
            next_check: now,
            is_settled: false,
            started: now,
            peers: Vec::new(),
            had_peer: HashSet::new(),
        }
    }

    /// Notes an event of a connection.
    pub(super) fn observe(&mut self, event: &ConnectionEvent) {
        if event.kind == EventKind::Connected {
            self.had_peer.insert(event.endpoint.clone());
        }
    }

    /// When the next check is due. None is due once every endpoint has a peer, until a
    /// connection changes.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.is_settled).then_some(self.next_check)
    }

    /// Notes that a connection may have changed.
    pub(super) fn connections_changed(&mut self) {
        self.is_settled = false;
    }

    /// Checks the endpoints when a check is due. Returns findings that were not reported yet.
    ///
    /// `endpoints` must return the same endpoints in the same order each time.
    pub(super) fn check(
        &mut self,
        now: Instant,
        endpoints: impl FnOnce() -> Vec<EndpointStatus>,
    ) -> Vec<Finding> {
        if now < self.next_check {
            return Vec::new();
        }
        self.next_check = now + CHECK_INTERVAL;
        let endpoints = endpoints();
        self.is_settled = endpoints.iter().all(|endpoint| endpoint.peers > 0);
        let started = self.started;
        self.peers.resize_with(endpoints.len(), || PeerState {
            without_peer_since: started,
            reported: None,
        });
        let states = self.peers.iter_mut().zip(endpoints);
        let check = |(state, endpoint): (&mut PeerState, EndpointStatus)| {
            let had_peer = self.had_peer.contains(&endpoint.endpoint);
            state.check(now, endpoint, had_peer)
        };
        states.filter_map(check).collect()
    }
}

impl PeerState {
    fn check(&mut self, now: Instant, endpoint: EndpointStatus, had_peer: bool) -> Option<Finding> {
        let Some(reason) = reason(&endpoint) else {
            *self = PeerState { without_peer_since: now, reported: None };
            return None;
        };
        // Publishers may come to a bound endpoint and leave it.
        let expected = matches!(reason, Reason::NobodyConnected) && had_peer;
        let kind = discriminant(&reason);
        if expected || now < self.without_peer_since + REPORT_AFTER || self.reported == Some(kind) {
            return None;
        }
        self.reported = Some(kind);
        Some(Finding { endpoint: endpoint.endpoint, reason, had_peer })
    }
}

/// Why an endpoint has no peer; `None` when it has one.
fn reason(endpoint: &EndpointStatus) -> Option<Reason> {
    if endpoint.peers > 0 {
        return None;
    }
    Some(match (&endpoint.state, endpoint.role, &endpoint.unresolved) {
        (ConnectionState::Connected, ..) => return None,
        (ConnectionState::HandshakeRefused(why), ..) => Reason::HandshakeFailed(why.clone()),
        (_, Role::Bind, _) => Reason::NobodyConnected,
        (_, Role::Connect, Some(why)) => Reason::HostNotFound(why.clone()),
        (_, Role::Connect, None) if endpoint.reached => Reason::NoHandshake,
        (_, Role::Connect, None) => Reason::Unreachable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "tcp://h:1";

    fn endpoint(role: Role, state: ConnectionState) -> EndpointStatus {
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

    /// The reports about one endpoint in these states, four seconds apart.
    fn reports(role: Role, states: &[ConnectionState]) -> Vec<String> {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let mut reports = Vec::new();
        for (at, state) in (1..).zip(states) {
            let now = start + Duration::from_secs(4) * at;
            if *state == ConnectionState::Connected {
                no_peer.observe(&ConnectionEvent {
                    endpoint: HERE.into(),
                    kind: EventKind::Connected,
                });
            }
            let findings = no_peer.check(now, || vec![endpoint(role, state.clone())]);
            reports.extend(findings.iter().map(Finding::to_string));
        }
        reports
    }

    #[test]
    fn nothing_is_reported_in_the_first_seconds() {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let away = || vec![endpoint(Role::Connect, ConnectionState::NotConnected)];
        assert!(no_peer.check(start + REPORT_AFTER / 2, away).is_empty());
        assert_eq!(no_peer.check(start + REPORT_AFTER, away).len(), 1);
    }

    #[test]
    fn an_unreachable_publisher_is_reported_once_and_again_after_it_has_been_connected() {
        use ConnectionState::{Connected, Connecting, NotConnected};
        let states = [NotConnected, Connecting, NotConnected, Connected, NotConnected];
        let reports = reports(Role::Connect, &states);
        assert_eq!(reports.len(), 2, "{reports:?}");
        assert!(reports[0].contains("nobody answers at tcp://h:1 yet"), "{reports:?}");
        assert!(reports[1].contains("any more"), "{reports:?}");
    }

    #[test]
    fn a_failed_handshake_is_reported_with_its_first_reason() {
        let refused = |why: &str| ConnectionState::HandshakeRefused(why.into());
        let reports = reports(Role::Connect, &[refused("not ZeroMQ"), refused("broken pipe")]);
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].contains("tcp://h:1 failed: not ZeroMQ"), "{reports:?}");
    }

    #[test]
    fn publishers_that_leave_a_bound_endpoint_are_not_reported() {
        use ConnectionState::{Connected, NotConnected};
        assert_eq!(reports(Role::Bind, &[NotConnected, NotConnected]).len(), 1);
        assert_eq!(reports(Role::Bind, &[Connected, NotConnected, NotConnected]).len(), 0);
    }
}

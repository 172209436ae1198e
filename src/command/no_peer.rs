//! Reports endpoints that have had no peer for some seconds, once each time.
//!
//! Without the report, a publisher that is down or an address that belongs to another service
//! looks like a stream on which nothing happens.

use std::collections::HashSet;
use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use super::endpoints;
use zlog_pipeline::socket::{
    ConnectionEvent, ConnectionState, EndpointStatus, EventKind, PeerKind, Role, host_not_found,
    peer_kind, why_unreachable,
};

/// How long an endpoint must have had no peer. A publisher that restarts is back sooner.
const REPORT_AFTER: Duration = Duration::from_secs(3);

/// How often the endpoints are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Shortest time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(3);

/// Tracks which endpoints have no peer.
#[derive(Debug)]
pub(crate) struct NoPeerMonitor {
    next_check: Instant,
    /// Whether every endpoint had a peer at the last check.
    had_all_peers: bool,
    /// The same, and no connection has changed since: no check is due.
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
    /// The connection is not accepted, and it never was.
    Unreachable,
    /// The connection is not accepted any more.
    Gone,
    /// The connection is accepted, and no ZeroMQ handshake follows.
    NoHandshake,
    /// The handshake failed for this reason.
    HandshakeFailed(String),
    /// The host's name was not resolved for this reason.
    HostNotFound(String),
    /// The endpoint is bound, and no publisher has connected.
    NobodyConnected,
}

/// Endpoints that have no peer for the same kind of reason; `Display` explains it.
#[derive(Debug)]
pub(crate) struct Finding {
    endpoints: Vec<String>,
    /// The state of the first endpoint.
    reason: Reason,
    /// Whether the endpoints are bound here. Otherwise their peers can be asked.
    are_bound: bool,
    /// The run directory, if no publisher is registered in it either.
    run_directory: Option<String>,
    /// More about the reason, which [`Finding::look_closer`] finds out.
    detail: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.endpoints.iter().map(String::as_str).collect();
        let at = endpoints::name_some(&names);
        let or_in = self.run_directory.as_ref().map(|path| format!(" or in {path}"));
        let or_in = or_in.unwrap_or_default();
        match &self.reason {
            Reason::Gone => write!(f, "waiting again: nobody answers at {at}{or_in} any more"),
            Reason::Unreachable => match &self.detail {
                Some(why) => write!(f, "not connected to {at}: {why}; still trying"),
                None => write!(f, "waiting: nobody answers at {at}{or_in} yet"),
            },
            Reason::NoHandshake if names.len() > 1 => {
                write!(f, "not connected: {at} answer, but are no ZeroMQ publishers; still trying")
            }
            Reason::NoHandshake | Reason::HandshakeFailed(_) => {
                match (&self.detail, &self.reason) {
                    (None, Reason::HandshakeFailed(why)) => {
                        write!(f, "not connected: handshake with {at} failed: {why}; still trying")
                    }
                    (what, _) => {
                        let what = what.as_deref().unwrap_or("is not a ZeroMQ publisher");
                        write!(f, "not connected: {at} answers, but {what}; still trying")
                    }
                }
            }
            Reason::HostNotFound(why) => {
                let what = host_not_found(&at, names.len(), why);
                write!(f, "not connected; still trying: {what}")
            }
            Reason::NobodyConnected => write!(f, "no publisher has connected to {at} yet"),
        }
    }
}

impl Finding {
    /// Finds out why an ipc socket does not answer.
    fn look_at_sockets(&mut self) {
        let Some((first, others)) = self.endpoints.split_first() else { return };
        if matches!(self.reason, Reason::Unreachable) {
            self.detail = why_unreachable(first)
                .filter(|why| others.iter().all(|it| why_unreachable(it).as_ref() == Some(why)));
        }
    }

    /// Finds out what answers instead of a publisher, which may take a second or two.
    pub(crate) fn look_closer(&mut self) {
        let is_handshake = matches!(self.reason, Reason::NoHandshake | Reason::HandshakeFailed(_));
        let ([endpoint], true, false) = (&self.endpoints[..], is_handshake, self.are_bound) else {
            return;
        };
        self.detail = match peer_kind(endpoint) {
            Some(PeerKind::Subscriber) => Some("is a subscriber, too".to_owned()),
            Some(PeerKind::Other(kind)) => Some(format!("is a {kind} socket")),
            Some(PeerKind::Publisher) | None => None,
        };
    }
}

impl NoPeerMonitor {
    /// Starts at `now`.
    pub(crate) fn new(now: Instant) -> NoPeerMonitor {
        NoPeerMonitor {
            next_check: now,
            had_all_peers: false,
            is_settled: false,
            started: now,
            peers: Vec::new(),
            had_peer: HashSet::new(),
        }
    }

    /// Notes an event of a connection.
    pub(crate) fn observe(&mut self, event: &ConnectionEvent) {
        if event.kind == EventKind::Connected {
            self.had_peer.insert(event.endpoint.clone());
        }
    }

    /// When the next check is due. None is due once every endpoint has a peer, until a
    /// connection changes.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.is_settled).then_some(self.next_check)
    }

    /// Notes that a connection may have changed.
    pub(crate) fn connections_changed(&mut self) {
        self.is_settled = false;
    }

    /// Checks the endpoints when a check is due. Returns findings that were not reported yet,
    /// one for each kind of reason.
    ///
    /// `endpoints` must return the same endpoints in the same order each time.
    pub(crate) fn check(
        &mut self,
        now: Instant,
        endpoints: impl FnOnce() -> Vec<EndpointStatus>,
    ) -> Vec<Finding> {
        if now < self.next_check {
            return Vec::new();
        }
        self.next_check = now + CHECK_INTERVAL;
        let endpoints = endpoints();
        let is_settled = endpoints.iter().all(|endpoint| endpoint.peers > 0);
        if self.had_all_peers {
            // There was no check since, because no connection had changed.
            self.peers.iter_mut().for_each(|state| state.without_peer_since = now);
        }
        (self.is_settled, self.had_all_peers) = (is_settled, is_settled);
        let (directories, endpoints): (Vec<_>, Vec<_>) =
            endpoints.into_iter().partition(|endpoint| endpoint.is_run_directory);
        let has_registered = directories.iter().any(|directory| directory.peers > 0);
        let run_directory = directories.into_iter().next().map(|directory| directory.endpoint);
        let started = self.started;
        self.peers.resize_with(endpoints.len(), || PeerState {
            without_peer_since: started,
            reported: None,
        });
        let mut findings: Vec<Finding> = Vec::new();
        for (state, endpoint) in self.peers.iter_mut().zip(endpoints) {
            let had_peer = self.had_peer.contains(&endpoint.endpoint);
            // Publishers that are registered elsewhere are enough.
            let reason = reason(&endpoint, had_peer).filter(|reason| {
                !(has_registered && matches!(reason, Reason::Unreachable | Reason::Gone))
            });
            let Some(reason) = state.check(now, reason, had_peer) else { continue };
            self.next_check = now + REPORT_INTERVAL;
            let kind = discriminant(&reason);
            match findings.iter_mut().find(|finding| discriminant(&finding.reason) == kind) {
                Some(finding) => finding.endpoints.push(endpoint.endpoint),
                None => findings.push(Finding {
                    are_bound: endpoint.role == Role::Bind,
                    endpoints: vec![endpoint.endpoint],
                    reason,
                    run_directory: run_directory.clone(),
                    detail: None,
                }),
            }
        }
        findings.iter_mut().for_each(Finding::look_at_sockets);
        findings
    }
}

impl PeerState {
    /// Updates the state. Returns the reason if it is to be reported.
    fn check(&mut self, now: Instant, reason: Option<Reason>, had_peer: bool) -> Option<Reason> {
        let Some(reason) = reason else {
            *self = PeerState { without_peer_since: now, reported: None };
            return None;
        };
        // Publishers may come to a bound endpoint and leave it.
        let expected = matches!(reason, Reason::NobodyConnected) && had_peer;
        let kind = discriminant(&reason);
        let report_after = match reason {
            // A mistyped name, most of the time.
            Reason::HostNotFound(_) => Duration::ZERO,
            _ => REPORT_AFTER,
        };
        if expected || now < self.without_peer_since + report_after || self.reported == Some(kind) {
            return None;
        }
        self.reported = Some(kind);
        Some(reason)
    }
}

/// Why an endpoint has no peer; `None` when it has one.
fn reason(endpoint: &EndpointStatus, had_peer: bool) -> Option<Reason> {
    if endpoint.peers > 0 {
        return None;
    }
    Some(match (&endpoint.state, endpoint.role, &endpoint.unresolved) {
        // The end of the connection is reported with its reason.
        (ConnectionState::Connected | ConnectionState::CutOff, ..) => return None,
        // Peers that a bound endpoint refuses are reported one by one.
        (ConnectionState::HandshakeRefused(why), Role::Connect, _) => {
            Reason::HandshakeFailed(why.clone())
        }
        (_, Role::Bind, _) => Reason::NobodyConnected,
        (_, Role::Connect, Some(why)) => Reason::HostNotFound(why.clone()),
        _ if endpoints::is_refused(endpoint) => Reason::NoHandshake,
        (_, Role::Connect, None) if had_peer => Reason::Gone,
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
            is_run_directory: false,
            state,
            peers,
            reached: false,
            unresolved: None,
        }
    }

    /// The endpoint of this name, to which there is no connection.
    fn unreachable(endpoint: impl Into<String>) -> EndpointStatus {
        let state = ConnectionState::NotConnected;
        EndpointStatus { endpoint: endpoint.into(), ..self::endpoint(Role::Connect, state) }
    }

    fn run_directory(peers: usize) -> EndpointStatus {
        EndpointStatus { is_run_directory: true, peers, ..unreachable("/run/user/7/zlog") }
    }

    /// The reports about one endpoint in these states, four seconds apart.
    fn reports(role: Role, states: &[ConnectionState]) -> Vec<String> {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let mut reports = Vec::new();
        for (at, state) in (1..).zip(states) {
            let now = start + Duration::from_secs(4) * at;
            if *state == ConnectionState::Connected {
                let (endpoint, peer) = (HERE.into(), String::new());
                let kind = EventKind::Connected;
                no_peer.observe(&ConnectionEvent { endpoint, peer, kind });
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
    fn a_host_that_is_not_found_is_reported_at_once() {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let unresolved = Some("name or service not known".to_owned());
        let found =
            no_peer.check(start, || vec![EndpointStatus { unresolved, ..unreachable(HERE) }]);
        assert_eq!(
            found[0].to_string(),
            "not connected; still trying: the host of tcp://h:1 is not found: name or service not \
             known. Check its spelling, or write an address, as 127.0.0.1"
        );
    }

    #[test]
    fn an_unreachable_publisher_is_reported_once_and_again_after_it_has_been_connected() {
        use ConnectionState::{Connected, Connecting, NotConnected};
        let states =
            [NotConnected, Connecting, NotConnected, Connected, NotConnected, NotConnected];
        let reports = reports(Role::Connect, &states);
        assert_eq!(reports.len(), 2, "{reports:?}");
        assert!(reports[0].contains("nobody answers at tcp://h:1 yet"), "{reports:?}");
        assert!(reports[1].contains("any more"), "{reports:?}");
    }

    #[test]
    fn a_publisher_that_is_back_within_seconds_is_not_reported() {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let state = |state| move || vec![endpoint(Role::Connect, state)];
        no_peer.check(start, state(ConnectionState::Connected));
        assert_eq!(no_peer.due(), None);
        // Nothing happens for a minute.
        let lost = start + Duration::from_secs(60);
        no_peer.connections_changed();
        assert!(no_peer.check(lost, state(ConnectionState::NotConnected)).is_empty());
        let found = no_peer.check(lost + REPORT_AFTER, state(ConnectionState::NotConnected));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_publisher_that_was_cut_off_here_is_not_reported_as_missing() {
        let states = [ConnectionState::Connected, ConnectionState::CutOff, ConnectionState::CutOff];
        assert_eq!(reports(Role::Connect, &states), [""; 0]);
    }

    #[test]
    fn a_failed_handshake_is_reported_with_its_first_reason() {
        let refused = |why: &str| ConnectionState::HandshakeRefused(why.into());
        let reports = reports(Role::Connect, &[refused("not ZeroMQ"), refused("broken pipe")]);
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].contains("tcp://h:1 failed: not ZeroMQ"), "{reports:?}");
        // It does not try again where it has bound.
        let refused = ConnectionState::HandshakeRefused("PUSH".into());
        let reports = self::reports(Role::Bind, &[refused]);
        assert_eq!(reports, ["no publisher has connected to tcp://h:1 yet"]);
    }

    #[test]
    fn publishers_that_leave_a_bound_endpoint_are_not_reported() {
        use ConnectionState::{Connected, NotConnected};
        assert_eq!(reports(Role::Bind, &[NotConnected, NotConnected]).len(), 1);
        assert_eq!(reports(Role::Bind, &[Connected, NotConnected, NotConnected]).len(), 0);
    }

    #[test]
    fn hundreds_of_unreachable_endpoints_are_one_report() {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let all = || (1..=700).map(|port| unreachable(format!("tcp://h:{port}"))).collect();
        let findings = no_peer.check(start + REPORT_AFTER, all);
        let texts: Vec<String> = findings.iter().map(Finding::to_string).collect();
        let expected =
            "waiting: nobody answers at tcp://h:1, tcp://h:2, tcp://h:3 and 697 more yet";
        assert_eq!(texts, [expected]);
    }

    #[test]
    fn endpoints_that_are_lost_one_after_the_other_are_reported_together() {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let mut reports = 0;
        // One of 100 endpoints is lost every 100 ms.
        for tick in 0..150 {
            let now = start + REPORT_AFTER + Duration::from_millis(100) * tick;
            let status = |number: u32| match number < tick {
                true => unreachable(format!("tcp://h:{number}")),
                false => endpoint(Role::Connect, ConnectionState::Connected),
            };
            reports += no_peer.check(now, || (0..100).map(status).collect()).len();
        }
        assert!((2..=5).contains(&reports), "{reports} reports in 15 s");
    }

    #[test]
    fn the_run_directory_is_named_unless_a_publisher_is_registered_there() {
        let start = Instant::now();
        let mut no_peer = NoPeerMonitor::new(start);
        let now = start + REPORT_AFTER;
        let found = no_peer.check(now, || vec![unreachable(HERE), run_directory(1)]);
        assert!(found.is_empty(), "{found:?}");
        let later = |seconds| now + REPORT_AFTER * seconds;
        let found = no_peer.check(later(1), || vec![unreachable(HERE), run_directory(0)]);
        assert_eq!(
            found[0].to_string(),
            "waiting: nobody answers at tcp://h:1 or in /run/user/7/zlog yet"
        );
    }
}

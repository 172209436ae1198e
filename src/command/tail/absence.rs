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
const PATIENCE: Duration = Duration::from_secs(3);

/// How often links are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Follows which endpoints have no peer.
#[derive(Debug)]
pub(super) struct Absence {
    next_look: Instant,
    begun: Instant,
    /// In the order of the links.
    known: Vec<Known>,
    /// Endpoints that have had a peer, be it between two looks.
    had_peer: HashSet<String>,
}

#[derive(Debug)]
struct Known {
    alone_since: Instant,
    /// The kind of reason told last. Its details may change with every try.
    told: Option<Discriminant<Reason>>,
}

/// Why an endpoint has no peer.
#[derive(Debug)]
enum Reason {
    /// Nobody answers.
    Away,
    /// Somebody answers, and is no publisher that shakes hands.
    Mute,
    /// Somebody answers, and the handshake fails for this reason.
    Refused(String),
    /// The host can't be found, for this reason.
    Unknown(String),
    /// Bound, and nobody has connected.
    Alone,
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
            Reason::Away if self.had_peer => {
                write!(f, "not connected any more: nobody answers at {endpoint}; still trying")
            }
            Reason::Away => {
                write!(f, "not connected: nobody answers at {endpoint} yet; still trying")
            }
            Reason::Mute => write!(
                f,
                "not connected: something answers at {endpoint}, and it does not shake hands \
                 as a ZeroMQ publisher does; still trying"
            ),
            Reason::Refused(why) => {
                write!(f, "not connected: handshake with {endpoint} failed: {why}; still trying")
            }
            Reason::Unknown(why) => {
                write!(f, "not connected: the host of {endpoint} is not found: {why}")
            }
            Reason::Alone => write!(f, "no publisher has connected to {endpoint} yet"),
        }
    }
}

impl Absence {
    /// Begins at `now`.
    pub(super) fn new(now: Instant) -> Absence {
        Absence { next_look: now, begun: now, known: Vec::new(), had_peer: HashSet::new() }
    }

    /// Takes note of what happened to a connection.
    pub(super) fn note(&mut self, event: &ConnectionEvent) {
        if event.kind == EventKind::Connected {
            self.had_peer.insert(event.endpoint.clone());
        }
    }

    /// Looks at the links when it is time: what there is to say that has not been said.
    ///
    /// There must be as many links each time, in the same order.
    pub(super) fn look(
        &mut self,
        now: Instant,
        links: impl FnOnce() -> Vec<EndpointStatus>,
    ) -> Vec<Finding> {
        if now < self.next_look {
            return Vec::new();
        }
        self.next_look = now + LOOK;
        let links = links();
        let begun = self.begun;
        self.known.resize_with(links.len(), || Known { alone_since: begun, told: None });
        let looked = self.known.iter_mut().zip(links);
        let look = |(known, link): (&mut Known, EndpointStatus)| {
            let had_peer = self.had_peer.contains(&link.endpoint);
            known.look(now, link, had_peer)
        };
        looked.filter_map(look).collect()
    }
}

impl Known {
    fn look(&mut self, now: Instant, link: EndpointStatus, had_peer: bool) -> Option<Finding> {
        let Some(reason) = reason(&link) else {
            *self = Known { alone_since: now, told: None };
            return None;
        };
        // To a bound endpoint publishers come and go.
        let usual = matches!(reason, Reason::Alone) && had_peer;
        let kind = discriminant(&reason);
        if usual || now < self.alone_since + PATIENCE || self.told == Some(kind) {
            return None;
        }
        self.told = Some(kind);
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
        (ConnectionState::HandshakeRefused(why), ..) => Reason::Refused(why.clone()),
        (_, Role::Bind, _) => Reason::Alone,
        (_, Role::Connect, Some(why)) => Reason::Unknown(why.clone()),
        (_, Role::Connect, None) if link.reached => Reason::Mute,
        (_, Role::Connect, None) => Reason::Away,
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
        let mut absence = Absence::new(start);
        let mut told = Vec::new();
        for (at, state) in (1..).zip(states) {
            let now = start + Duration::from_secs(4) * at;
            if *state == ConnectionState::Connected {
                absence
                    .note(&ConnectionEvent { endpoint: HERE.into(), kind: EventKind::Connected });
            }
            let findings = absence.look(now, || vec![link(role, state.clone())]);
            told.extend(findings.iter().map(Finding::to_string));
        }
        told
    }

    #[test]
    fn nothing_is_said_before_a_few_seconds_have_passed() {
        let start = Instant::now();
        let mut absence = Absence::new(start);
        let away = || vec![link(Role::Connect, ConnectionState::NotConnected)];
        assert!(absence.look(start + PATIENCE / 2, away).is_empty());
        assert_eq!(absence.look(start + PATIENCE, away).len(), 1);
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

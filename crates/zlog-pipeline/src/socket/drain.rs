//! The end of a subscription without loss: what is asked of publishers before the socket
//! is closed, and when everything that was on its way has come.
//!
//! Whoever just closes a socket loses what the system and the peers hold for it. There are
//! two ways to make publishers stop first:
//!
//! - Those that connect to this side are told that it is about to end ([`ENDING`]). An
//!   `emit` then sends nothing until the connection is gone. It keeps the subscription, so
//!   that libzmq holds what comes until there is somebody again.
//! - Those that this side connects to forget its subscriptions with the connection. It
//!   unsubscribes; what they publish from then on is not meant for it.
//!
//! PyZMQ's publishers know nothing of the first way. If they connect and go on sending, the
//! second one follows.
//!
//! Nothing is asked before what has come is taken in: a publisher may have ended, and what
//! it has sent may still be on its way. Whoever writes to a connection whose other end is
//! closed makes the system drop that.
//!
//! What may be here: which of it is due, without a socket.

use std::time::{Duration, Instant};

use super::connection::{ConnectionState, EndpointStatus};
use super::endpoint::Role;

/// A subscriber that subscribes to this is about to end. No topic begins with it.
pub(super) const ENDING: &[u8] = b"\0zlog.ending";

/// Silence after which everything has come. An `emit` that is idle learns within 50 ms that
/// it is to stop; the rest is for busy machines, where what the system has received does
/// not come all at once.
const QUIET: Duration = Duration::from_millis(250);

/// What is to be asked of publishers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublisherRequest {
    /// To hold their records back: this subscriber is about to end.
    Hold,
    /// To send nothing more.
    Stop,
}

/// Follows the end of a subscription.
#[derive(Debug)]
pub struct Drain {
    /// Whether there are endpoints that publishers connect to, and that this side connects to.
    bound: bool,
    connects: bool,
    asked: Option<PublisherRequest>,
    /// When publishers are asked at the latest, and when those that do not hold their records
    /// back are asked to stop.
    ask_at: Instant,
    stop_at: Instant,
    /// When silence has lasted long enough.
    quiet_at: Option<Instant>,
}

impl Drain {
    /// Begins `now`. All of it may take as long as `within`.
    pub fn new(endpoints: &[EndpointStatus], now: Instant, within: Duration) -> Drain {
        let any = |role| endpoints.iter().any(|endpoint| endpoint.role == role);
        Drain {
            bound: any(Role::Bind),
            connects: any(Role::Connect),
            asked: None,
            ask_at: now + within.mul_f64(0.5),
            stop_at: now + within.mul_f64(0.75),
            quiet_at: None,
        }
    }

    /// What is to be asked of publishers now: each is returned once. `caught_up` says
    /// whether everything that has come has been taken in.
    pub fn next_request(
        &mut self,
        now: Instant,
        caught_up: impl FnOnce() -> bool,
    ) -> Option<PublisherRequest> {
        let request = match self.asked {
            None if now < self.ask_at && !caught_up() => return None,
            None if self.bound => PublisherRequest::Hold,
            None => PublisherRequest::Stop,
            Some(PublisherRequest::Hold) if now >= self.stop_at => PublisherRequest::Stop,
            Some(_) => return None,
        };
        self.asked = Some(request);
        self.quiet_at = None;
        Some(request)
    }

    /// Publishers were asked to stop by somebody else.
    pub fn stop_requested(&mut self) {
        (self.asked, self.quiet_at) = (Some(PublisherRequest::Stop), None);
    }

    /// Takes note of whether something has come since the last time. Returns whether
    /// everything has.
    pub fn is_done(&mut self, now: Instant, came: bool) -> bool {
        if came || self.asked.is_none() {
            self.quiet_at = None;
            return false;
        }
        if now < *self.quiet_at.get_or_insert(now + QUIET) {
            return false;
        }
        if self.asked == Some(PublisherRequest::Hold) && self.connects {
            self.stop_at = now;
            return false;
        }
        true
    }
}

/// Peers whose handshake is done.
pub fn connected_peers(endpoints: &[EndpointStatus]) -> usize {
    let connected =
        endpoints.iter().filter(|endpoint| endpoint.state == ConnectionState::Connected);
    connected.map(|endpoint| endpoint.peers).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(4);

    fn drain(roles: &[Role]) -> (Drain, Instant) {
        let endpoint = |role: &Role| EndpointStatus {
            endpoint: String::new(),
            role: *role,
            state: ConnectionState::Connected,
            peers: 1,
            reached: true,
            unresolved: None,
        };
        let endpoints: Vec<EndpointStatus> = roles.iter().map(endpoint).collect();
        let now = Instant::now();
        (Drain::new(&endpoints, now, WITHIN), now)
    }

    fn asked(drain: &mut Drain, now: Instant) -> Option<PublisherRequest> {
        drain.next_request(now, || true)
    }

    #[test]
    fn nothing_is_asked_before_what_has_come_is_taken_in_unless_that_takes_too_long() {
        for (role, ask) in
            [(Role::Bind, PublisherRequest::Hold), (Role::Connect, PublisherRequest::Stop)]
        {
            let (mut drain, t) = drain(&[role]);
            assert_eq!(drain.next_request(t, || false), None);
            assert!(!drain.is_done(t, false) && !drain.is_done(t + QUIET, false));
            assert_eq!(drain.next_request(t + WITHIN.mul_f64(0.6), || false), Some(ask));
        }
    }

    #[test]
    fn publishers_that_connect_are_asked_to_hold_and_keep_the_subscription() {
        let (mut drain, t) = drain(&[Role::Bind]);
        assert_eq!(
            (asked(&mut drain, t), asked(&mut drain, t)),
            (Some(PublisherRequest::Hold), None)
        );
        assert!(!drain.is_done(t, true) && !drain.is_done(t, false));
        assert!(drain.is_done(t + QUIET, false));
        assert_eq!(asked(&mut drain, t + QUIET), None);
    }

    #[test]
    fn publishers_that_do_not_hold_are_asked_to_stop_while_there_is_time() {
        let (mut drain, t) = drain(&[Role::Bind]);
        asked(&mut drain, t);
        assert!(!drain.is_done(t + WITHIN / 2, true));
        assert_eq!(asked(&mut drain, t + WITHIN / 2), None);
        assert_eq!(asked(&mut drain, t + WITHIN.mul_f64(0.8)), Some(PublisherRequest::Stop));
    }

    #[test]
    fn publishers_that_bind_are_asked_to_stop_at_once() {
        let (mut drain, t) = drain(&[Role::Connect]);
        assert_eq!(
            (asked(&mut drain, t), asked(&mut drain, t)),
            (Some(PublisherRequest::Stop), None)
        );
        assert!(!drain.is_done(t, false) && drain.is_done(t + QUIET, false));
    }

    #[test]
    fn with_both_kinds_holding_comes_first_and_both_have_to_be_quiet() {
        let (mut drain, t) = drain(&[Role::Bind, Role::Connect]);
        assert_eq!(asked(&mut drain, t), Some(PublisherRequest::Hold));
        assert!(!drain.is_done(t, false) && !drain.is_done(t + QUIET, false));
        assert_eq!(asked(&mut drain, t + QUIET), Some(PublisherRequest::Stop));
        assert!(!drain.is_done(t + QUIET, false) && drain.is_done(t + 2 * QUIET, false));
    }

    #[test]
    fn what_comes_after_a_pause_begins_the_silence_anew() {
        let (mut drain, t) = drain(&[Role::Connect]);
        asked(&mut drain, t);
        assert!(!drain.is_done(t, false) && !drain.is_done(t + QUIET, true));
        assert!(!drain.is_done(t + QUIET, false));
        assert!(drain.is_done(t + 2 * QUIET, false));
    }
}

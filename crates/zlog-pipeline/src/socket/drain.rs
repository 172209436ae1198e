//! Ends a subscription without loss: stops publishers first, then receives what is in
//! flight, then lets the caller close the socket.
//!
//! Closing at once would lose what the system and the peers still hold for the socket.
//! There are two ways to make publishers stop:
//!
//! - Publishers that connect to this side receive a subscription to [`ENDING`](zlog_core::wire::query::ENDING). `emit` then
//!   sends nothing until the connection is gone. The other subscriptions stay, so libzmq
//!   queues new messages until a subscriber is back.
//! - Publishers that this side connects to drop its subscriptions with the connection
//!   anyway, so it unsubscribes. What they publish afterwards is not meant for it.
//!
//! PyZMQ's publishers ignore the `ENDING` subscription; if they keep sending, this side
//! unsubscribes.
//!
//! Requests are sent only after everything received so far was read: a publisher may have
//! exited with messages still in flight, and the system discards those when this side
//! writes to the closed connection.
//!
//! Decides what is due; the caller owns the socket.

use std::time::{Duration, Instant};

use super::connection::{ConnectionState, EndpointStatus};
use super::endpoint::Role;

/// How long nothing may arrive before everything counts as received. An idle `emit` reacts
/// within 50 ms; the rest is reserve for busy machines.
const QUIET: Duration = Duration::from_millis(250);

/// A request to publishers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublisherRequest {
    /// Hold records back: this subscriber is about to end.
    Hold,
    /// Stop sending.
    Stop,
}

/// The state of a subscription that is being ended.
#[derive(Debug)]
pub struct Drain {
    /// Whether any endpoint is bound, and whether any is connected.
    bound: bool,
    connects: bool,
    requested: Option<PublisherRequest>,
    /// Latest time of the first request, and of [`PublisherRequest::Stop`] after
    /// [`PublisherRequest::Hold`] had no effect.
    request_at: Instant,
    stop_at: Instant,
    /// When the current silence has lasted [`QUIET`].
    quiet_at: Option<Instant>,
}

impl Drain {
    /// Starts at `now` and plans all requests within `within`.
    pub fn new(endpoints: &[EndpointStatus], now: Instant, within: Duration) -> Drain {
        let any = |role| endpoints.iter().any(|endpoint| endpoint.role == role);
        Drain {
            bound: any(Role::Bind),
            connects: any(Role::Connect),
            requested: None,
            request_at: now + within.mul_f64(0.5),
            stop_at: now + within.mul_f64(0.75),
            quiet_at: None,
        }
    }

    /// The request to send now, if any; each is returned once. `caught_up` tells whether
    /// everything received so far was read.
    pub fn next_request(
        &mut self,
        now: Instant,
        caught_up: impl FnOnce() -> bool,
    ) -> Option<PublisherRequest> {
        let request = match self.requested {
            None if now < self.request_at && !caught_up() => return None,
            None if self.bound => PublisherRequest::Hold,
            None => PublisherRequest::Stop,
            Some(PublisherRequest::Hold) if now >= self.stop_at => PublisherRequest::Stop,
            Some(_) => return None,
        };
        self.requested = Some(request);
        self.quiet_at = None;
        Some(request)
    }

    /// Notes that the caller has sent [`PublisherRequest::Stop`] itself.
    pub fn stop_requested(&mut self) {
        (self.requested, self.quiet_at) = (Some(PublisherRequest::Stop), None);
    }

    /// Whether everything in flight has arrived. `came` tells whether a message arrived
    /// since the last call.
    pub fn is_done(&mut self, now: Instant, came: bool) -> bool {
        if came || self.requested.is_none() {
            self.quiet_at = None;
            return false;
        }
        if now < *self.quiet_at.get_or_insert(now + QUIET) {
            return false;
        }
        if self.requested == Some(PublisherRequest::Hold) && self.connects {
            self.stop_at = now;
            return false;
        }
        true
    }
}

/// Number of peers whose handshake is done.
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
            is_run_directory: false,
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
    fn no_request_is_sent_before_everything_received_is_read_unless_that_takes_too_long() {
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
    fn publishers_that_connect_are_asked_to_hold_and_stay_subscribed_to() {
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
    fn publishers_that_do_not_hold_are_asked_to_stop_before_the_time_is_up() {
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
    fn with_both_kinds_of_endpoint_hold_comes_first_and_both_must_fall_silent() {
        let (mut drain, t) = drain(&[Role::Bind, Role::Connect]);
        assert_eq!(asked(&mut drain, t), Some(PublisherRequest::Hold));
        assert!(!drain.is_done(t, false) && !drain.is_done(t + QUIET, false));
        assert_eq!(asked(&mut drain, t + QUIET), Some(PublisherRequest::Stop));
        assert!(!drain.is_done(t + QUIET, false) && drain.is_done(t + 2 * QUIET, false));
    }

    #[test]
    fn a_late_message_restarts_the_silence() {
        let (mut drain, t) = drain(&[Role::Connect]);
        asked(&mut drain, t);
        assert!(!drain.is_done(t, false) && !drain.is_done(t + QUIET, true));
        assert!(!drain.is_done(t + QUIET, false));
        assert!(drain.is_done(t + 2 * QUIET, false));
    }
}

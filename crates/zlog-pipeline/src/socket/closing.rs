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

use super::endpoint::Role;
use super::links::{LinkState, LinkStatus};

/// A subscriber that subscribes to this is about to end. No topic begins with it.
pub(super) const ENDING: &[u8] = b"\0zlog.ending";

/// Silence after which everything has come. An `emit` that is idle learns within 50 ms that
/// it is to stop; the rest is for busy machines, where what the system has received does
/// not come all at once.
const QUIET: Duration = Duration::from_millis(250);

/// What is to be asked of publishers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// To hold their records back: this subscriber is about to end.
    Hold,
    /// To send nothing more.
    Stop,
}

/// Follows the end of a subscription.
#[derive(Debug)]
pub struct Closing {
    /// Whether there are endpoints that publishers connect to, and that this side connects to.
    bound: bool,
    connects: bool,
    asked: Option<Ask>,
    /// When publishers are asked at the latest, and when those that do not hold their records
    /// back are asked to stop.
    ask_at: Instant,
    stop_at: Instant,
    /// When silence has lasted long enough.
    quiet_at: Option<Instant>,
}

impl Closing {
    /// Begins `now`. All of it may take as long as `within`.
    pub fn new(links: &[LinkStatus], now: Instant, within: Duration) -> Closing {
        let any = |role| links.iter().any(|link| link.role == role);
        Closing {
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
    pub fn ask(&mut self, now: Instant, caught_up: impl FnOnce() -> bool) -> Option<Ask> {
        let ask = match self.asked {
            None if now < self.ask_at && !caught_up() => return None,
            None if self.bound => Ask::Hold,
            None => Ask::Stop,
            Some(Ask::Hold) if now >= self.stop_at => Ask::Stop,
            Some(_) => return None,
        };
        self.asked = Some(ask);
        self.quiet_at = None;
        Some(ask)
    }

    /// Publishers were asked to stop by somebody else.
    pub fn stop_asking(&mut self) {
        (self.asked, self.quiet_at) = (Some(Ask::Stop), None);
    }

    /// Takes note of whether something has come since the last time. Returns whether
    /// everything has.
    pub fn note(&mut self, now: Instant, came: bool) -> bool {
        if came || self.asked.is_none() {
            self.quiet_at = None;
            return false;
        }
        if now < *self.quiet_at.get_or_insert(now + QUIET) {
            return false;
        }
        if self.asked == Some(Ask::Hold) && self.connects {
            self.stop_at = now;
            return false;
        }
        true
    }
}

/// Peers whose handshake is done.
pub fn connected_peers(links: &[LinkStatus]) -> usize {
    let connected = links.iter().filter(|link| link.state == LinkState::Connected);
    connected.map(|link| link.peers).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(4);

    fn closing(roles: &[Role]) -> (Closing, Instant) {
        let link = |role: &Role| LinkStatus {
            endpoint: String::new(),
            role: *role,
            state: LinkState::Connected,
            peers: 1,
            reached: true,
            unresolved: None,
        };
        let links: Vec<LinkStatus> = roles.iter().map(link).collect();
        let now = Instant::now();
        (Closing::new(&links, now, WITHIN), now)
    }

    fn asked(closing: &mut Closing, now: Instant) -> Option<Ask> {
        closing.ask(now, || true)
    }

    #[test]
    fn nothing_is_asked_before_what_has_come_is_taken_in_unless_that_takes_too_long() {
        for (role, ask) in [(Role::Bind, Ask::Hold), (Role::Connect, Ask::Stop)] {
            let (mut closing, t) = closing(&[role]);
            assert_eq!(closing.ask(t, || false), None);
            assert!(!closing.note(t, false) && !closing.note(t + QUIET, false));
            assert_eq!(closing.ask(t + WITHIN.mul_f64(0.6), || false), Some(ask));
        }
    }

    #[test]
    fn publishers_that_connect_are_asked_to_hold_and_keep_the_subscription() {
        let (mut closing, t) = closing(&[Role::Bind]);
        assert_eq!((asked(&mut closing, t), asked(&mut closing, t)), (Some(Ask::Hold), None));
        assert!(!closing.note(t, true) && !closing.note(t, false));
        assert!(closing.note(t + QUIET, false));
        assert_eq!(asked(&mut closing, t + QUIET), None);
    }

    #[test]
    fn publishers_that_do_not_hold_are_asked_to_stop_while_there_is_time() {
        let (mut closing, t) = closing(&[Role::Bind]);
        asked(&mut closing, t);
        assert!(!closing.note(t + WITHIN / 2, true));
        assert_eq!(asked(&mut closing, t + WITHIN / 2), None);
        assert_eq!(asked(&mut closing, t + WITHIN.mul_f64(0.8)), Some(Ask::Stop));
    }

    #[test]
    fn publishers_that_bind_are_asked_to_stop_at_once() {
        let (mut closing, t) = closing(&[Role::Connect]);
        assert_eq!((asked(&mut closing, t), asked(&mut closing, t)), (Some(Ask::Stop), None));
        assert!(!closing.note(t, false) && closing.note(t + QUIET, false));
    }

    #[test]
    fn with_both_kinds_holding_comes_first_and_both_have_to_be_quiet() {
        let (mut closing, t) = closing(&[Role::Bind, Role::Connect]);
        assert_eq!(asked(&mut closing, t), Some(Ask::Hold));
        assert!(!closing.note(t, false) && !closing.note(t + QUIET, false));
        assert_eq!(asked(&mut closing, t + QUIET), Some(Ask::Stop));
        assert!(!closing.note(t + QUIET, false) && closing.note(t + 2 * QUIET, false));
    }

    #[test]
    fn what_comes_after_a_pause_begins_the_silence_anew() {
        let (mut closing, t) = closing(&[Role::Connect]);
        asked(&mut closing, t);
        assert!(!closing.note(t, false) && !closing.note(t + QUIET, true));
        assert!(!closing.note(t + QUIET, false));
        assert!(closing.note(t + 2 * QUIET, false));
    }
}

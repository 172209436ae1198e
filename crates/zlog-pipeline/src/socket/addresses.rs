//! Which address of a host name libzmq is given, and when it is given another.
//!
//! What may be here: the choice, without a socket, a resolver or a clock of its own, so
//! that tests need none of them.
//!
//! libzmq could resolve names itself. It does so on the one thread that moves all
//! messages, takes the first address only, and of one family only.
//!
//! Addresses are tried one after the other, and round again. The one that has worked is
//! kept when its connection is lost: libzmq holds subscriptions and messages for it until
//! it is back. If it stays away, others are tried beside it, and the first of them that
//! works takes its place.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an address that has worked may be away before others are tried: what is
/// started again is back sooner.
const STAY: Duration = Duration::from_secs(3);
/// Shortest time from one try of an address to the next: as long as libzmq's own pauses.
const PAUSE: Duration = Duration::from_millis(200);
/// Shortest time from an answer of the resolver to the next question. A name that
/// appears is found that late, and a name server is asked that often.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How it stands with an address that libzmq has been given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AddressState {
    /// It is being tried.
    Pending,
    /// Messages can flow.
    Up,
    /// At least one try has failed, or the connection has ended.
    Failed,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Ask the resolver.
    LookUp,
    /// Connect to this address.
    Connect {
        /// Which one.
        address: SocketAddr,
        /// There are others in this round that have not been tried.
        more: bool,
    },
    /// Disconnect from this address.
    Disconnect(SocketAddr),
}

/// The addresses of one name.
#[derive(Debug)]
pub(super) struct Addresses {
    found: Vec<SocketAddr>,
    /// The one that has worked last.
    kept: Option<SocketAddr>,
    /// Since when that one is away.
    away: Option<Instant>,
    /// The one that is being tried beside it.
    trying: Option<SocketAddr>,
    /// Where in the round the next one is.
    next: usize,
    /// When the next round may begin.
    round: Instant,
    /// When the resolver may be asked; `None` while it is being asked.
    look_up: Option<Instant>,
}

impl Addresses {
    /// None are known yet.
    pub(super) fn new(now: Instant) -> Addresses {
        Addresses {
            found: Vec::new(),
            kept: None,
            away: None,
            trying: None,
            next: 0,
            round: now,
            look_up: Some(now),
        }
    }

    /// Takes the resolver's answer. Where there is none, the last one stays good.
    ///
    /// IPv4 goes first: `PUBHandler`, and whatever else binds a ZeroMQ socket without
    /// asking for IPv6, listens there alone.
    pub(super) fn answered(&mut self, found: Option<&[SocketAddr]>, now: Instant) {
        self.look_up = Some(now + LOOK_AGAIN);
        let Some(found) = found else { return };
        let mut found = found.to_vec();
        found.sort_by_key(SocketAddr::is_ipv6);
        if found != self.found {
            self.found = found;
            self.next = 0;
        }
    }

    /// Whether it is time to ask the resolver, which counts as done then.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        self.look_up.take_if(|at| *at <= now).is_some()
    }

    /// What is to be done next, if anything is to be done now. `state` tells how it
    /// stands with an address that is connected to.
    pub(super) fn step(
        &mut self,
        now: Instant,
        state: &dyn Fn(SocketAddr) -> AddressState,
    ) -> Option<Step> {
        if let Some(address) = self.trying.filter(|address| state(*address) == AddressState::Up) {
            self.trying = None;
            if let Some(old) = self.kept.replace(address) {
                return Some(Step::Disconnect(old));
            }
        }
        if let Some(kept) = self.kept {
            if state(kept) == AddressState::Up {
                (self.away, self.next) = (None, 0);
                return self.trying.take().map(Step::Disconnect);
            }
            self.away.get_or_insert(now);
        }
        if self.asks(now) {
            return Some(Step::LookUp);
        }
        if self.away.is_some_and(|since| now < since + STAY) {
            return None;
        }
        if let Some(address) = self.trying {
            let is_alone = self.others().all(|other| other == address);
            if is_alone || state(address) != AddressState::Failed {
                return None; // libzmq goes on trying it.
            }
            self.trying = None;
            return Some(Step::Disconnect(address));
        }
        self.connect(now)
    }

    /// The next address of the round.
    fn connect(&mut self, now: Instant) -> Option<Step> {
        if self.next == 0 && now < self.round {
            return None;
        }
        let count = self.others().count();
        let address = self.others().nth(self.next)?;
        if self.next == 0 {
            self.round = now + PAUSE;
        }
        self.next += 1;
        let more = self.next < count;
        if !more {
            self.next = 0;
        }
        self.trying = Some(address);
        Some(Step::Connect { address, more })
    }

    /// What can be tried.
    fn others(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.found.iter().copied().filter(|address| Some(*address) != self.kept)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A name, its addresses and a network, with a clock that stands still between calls.
    struct Trial {
        addresses: Addresses,
        network: HashMap<SocketAddr, AddressState>,
        now: Instant,
    }

    impl Trial {
        fn new() -> Trial {
            let now = Instant::now();
            Trial { addresses: Addresses::new(now), network: HashMap::new(), now }
        }

        /// One that has asked the resolver, and got this.
        fn with(found: &[&str]) -> Trial {
            let mut trial = Trial::new();
            assert_eq!(trial.steps(), ["look up"]);
            trial.answer(found);
            trial
        }

        fn answer(&mut self, found: &[&str]) {
            let found: Vec<SocketAddr> = found.iter().map(|text| at(text)).collect();
            self.addresses.answered(Some(&found), self.now);
        }

        fn set(&mut self, address: &str, state: AddressState) {
            self.network.insert(at(address), state);
        }

        /// All that is to be done now, in words; each is done at once.
        fn steps(&mut self) -> Vec<String> {
            let mut done = Vec::new();
            let network = &mut self.network;
            loop {
                let state = |address| network.get(&address).copied().expect("a connected address");
                let Some(step) = self.addresses.step(self.now, &state) else { return done };
                done.push(match step {
                    Step::LookUp => "look up".to_owned(),
                    Step::Connect { address, more } => {
                        assert!(network.insert(address, AddressState::Pending).is_none());
                        format!("connect {}{}", address.ip(), if more { " …" } else { "" })
                    }
                    Step::Disconnect(address) => {
                        network.remove(&address).expect("it was connected");
                        format!("disconnect {}", address.ip())
                    }
                });
                assert!(done.len() < 20, "without end: {done:?}");
            }
        }

        fn after(&mut self, pause: Duration) -> Vec<String> {
            self.now += pause;
            self.steps()
        }
    }

    fn at(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().expect(ip), 5)
    }

    #[test]
    fn all_addresses_are_tried_in_turn_ipv4_first_and_then_again_after_a_pause() {
        let mut trial = Trial::with(&["::1", "::2", "127.0.0.1"]);
        assert_eq!(trial.steps(), ["connect 127.0.0.1 …"]);
        assert_eq!(trial.steps(), [""; 0]);
        trial.set("127.0.0.1", AddressState::Failed);
        assert_eq!(trial.steps(), ["disconnect 127.0.0.1", "connect ::1 …"]);
        trial.set("::1", AddressState::Failed);
        assert_eq!(trial.steps(), ["disconnect ::1", "connect ::2"]);
        trial.set("::2", AddressState::Failed);
        assert_eq!(trial.steps(), ["disconnect ::2"]);
        assert_eq!(trial.after(PAUSE), ["connect 127.0.0.1 …"]);
    }

    #[test]
    fn the_only_address_is_left_to_libzmq() {
        let mut trial = Trial::with(&["::1"]);
        assert_eq!(trial.steps(), ["connect ::1"]);
        trial.set("::1", AddressState::Failed);
        assert_eq!(trial.after(PAUSE), [""; 0]);
        assert_eq!(trial.after(LOOK_AGAIN), ["look up"]);
        trial.answer(&["::1"]);
        assert_eq!(trial.after(PAUSE), [""; 0]);
    }

    #[test]
    fn a_connection_that_is_up_stays_and_nobody_is_asked() {
        let mut trial = Trial::with(&["127.0.0.1", "::1"]);
        trial.steps();
        trial.set("127.0.0.1", AddressState::Up);
        assert_eq!(trial.steps(), [""; 0]);
        assert_eq!(trial.after(Duration::from_secs(3600)), [""; 0]);
    }

    #[test]
    fn an_address_that_has_worked_is_kept_until_another_works() {
        let mut trial = Trial::with(&["127.0.0.1", "::1"]);
        trial.steps();
        trial.set("127.0.0.1", AddressState::Up);
        assert_eq!(trial.after(LOOK_AGAIN), [""; 0]);
        trial.set("127.0.0.1", AddressState::Failed);
        assert_eq!(trial.steps(), ["look up"]);
        trial.answer(&["127.0.0.1", "::1"]);
        assert_eq!(trial.after(STAY / 2), [""; 0]);
        assert_eq!(trial.after(STAY / 2), ["look up", "connect ::1"]);
        trial.set("::1", AddressState::Up);
        assert_eq!(trial.steps(), ["disconnect 127.0.0.1"]);
    }

    #[test]
    fn an_address_that_comes_back_ends_the_search_for_others() {
        let mut trial = Trial::with(&["127.0.0.1", "::1"]);
        trial.steps();
        trial.set("127.0.0.1", AddressState::Up);
        trial.steps();
        trial.set("127.0.0.1", AddressState::Failed);
        trial.steps();
        trial.answer(&["127.0.0.1", "::1"]);
        assert_eq!(trial.after(STAY), ["look up", "connect ::1"]);
        trial.set("127.0.0.1", AddressState::Up);
        assert_eq!(trial.steps(), ["disconnect ::1"]);
        assert_eq!(trial.after(STAY), [""; 0]);
    }

    #[test]
    fn a_name_that_appears_later_and_one_that_moves_are_picked_up() {
        let mut trial = Trial::new();
        assert_eq!(trial.steps(), ["look up"]);
        assert_eq!(trial.after(Duration::from_secs(60)), [""; 0], "it is being asked");
        trial.addresses.answered(None, trial.now);
        assert_eq!(trial.steps(), [""; 0]);
        assert_eq!(trial.after(LOOK_AGAIN), ["look up"]);
        trial.answer(&["10.0.0.1"]);
        assert_eq!(trial.steps(), ["connect 10.0.0.1"]);
        trial.set("10.0.0.1", AddressState::Failed);
        assert_eq!(trial.after(LOOK_AGAIN), ["look up"]);
        trial.answer(&["10.0.0.2"]);
        assert_eq!(trial.steps(), ["disconnect 10.0.0.1", "connect 10.0.0.2"]);
        trial.set("10.0.0.2", AddressState::Failed);
        assert_eq!(trial.after(LOOK_AGAIN), ["look up"]);
        trial.addresses.answered(None, trial.now);
        assert_eq!(trial.after(PAUSE), [""; 0], "the last answer stays good");
    }
}

//! Chooses which address of a host name to connect to, and when to try another.
//!
//! Works on values only: the caller owns the socket, the resolver and the clock, so the
//! tests need none of them.
//!
//! libzmq can resolve names itself, but it does so on its only I/O thread, which blocks
//! all messages; it also uses only the first address, of one address family.
//!
//! Addresses are tried round robin. After a disconnect, the address that worked last is
//! kept, because the engine may hold subscriptions and messages for it. If it stays down, the
//! others are tried in parallel, and the first one that connects replaces it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a working address may be down before others are tried. A restarted peer is
/// back sooner.
const STAY: Duration = Duration::from_secs(3);
/// Minimum time between two attempts, the same as the longest reconnect interval, about.
const PAUSE: Duration = Duration::from_millis(200);
/// Minimum time between a resolver answer and the next lookup. Bounds both the load on the
/// name server and the delay until a new address is noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// State of an address that the engine was told to connect to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AddressState {
    /// The first attempt is in progress.
    Pending,
    /// The handshake is done: messages can flow.
    Up,
    /// At least one attempt has failed, or the connection has ended.
    Failed,
}

/// The next action for the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Ask the resolver.
    LookUp,
    /// Connect to this address.
    Connect {
        /// The address.
        address: SocketAddr,
        /// Whether untried addresses remain in this round.
        more: bool,
    },
    /// Disconnect from this address.
    Disconnect(SocketAddr),
}

/// The addresses of one host name.
#[derive(Debug)]
pub(super) struct Addresses {
    found: Vec<SocketAddr>,
    /// The address that worked last.
    kept: Option<SocketAddr>,
    /// When `kept` was first seen down.
    down_since: Option<Instant>,
    /// The address that is being tried in addition to `kept`.
    trying: Option<SocketAddr>,
    /// Index of the next address of the round.
    next: usize,
    /// Earliest start of the next round.
    round: Instant,
    /// Earliest next lookup; `None` during a lookup.
    look_up: Option<Instant>,
}

impl Addresses {
    /// Starts without addresses; a lookup is due at once.
    pub(super) fn new(now: Instant) -> Addresses {
        Addresses {
            found: Vec::new(),
            kept: None,
            down_since: None,
            trying: None,
            next: 0,
            round: now,
            look_up: Some(now),
        }
    }

    /// Takes the resolver's answer. `None` (a failed lookup) keeps the previous addresses.
    ///
    /// IPv4 comes first: `PUBHandler`, like any ZeroMQ socket bound without `ZMQ_IPV6`,
    /// listens on IPv4 only.
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

    /// Whether a lookup is due. Returns true once; the caller then starts the lookup.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        self.look_up.take_if(|at| *at <= now).is_some()
    }

    /// Whether no address is known to work, so that time alone may bring a next action.
    pub(super) fn is_down(&self) -> bool {
        self.kept.is_none() || self.down_since.is_some() || self.trying.is_some()
    }

    /// The next action that is due, if any. `state` returns the state of an address that
    /// was connected to.
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
                (self.down_since, self.next) = (None, 0);
                return self.trying.take().map(Step::Disconnect);
            }
            self.down_since.get_or_insert(now);
        }
        if self.asks(now) {
            return Some(Step::LookUp);
        }
        if self.down_since.is_some_and(|since| now < since + STAY) {
            return None;
        }
        if let Some(address) = self.trying {
            let is_alone = self.others().all(|other| other == address);
            if is_alone || state(address) != AddressState::Failed {
                return None; // The engine retries by itself.
            }
            self.trying = None;
            return Some(Step::Disconnect(address));
        }
        self.connect(now)
    }

    /// Connects to the next address of the round.
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

    /// All addresses but `kept`.
    fn others(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.found.iter().copied().filter(|address| Some(*address) != self.kept)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A host name and a simulated network; the clock advances only in `after`.
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

        /// A trial whose first lookup has returned `found`.
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

        /// Performs all actions that are due now, and describes them.
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
    fn addresses_are_tried_in_turn_ipv4_first_and_again_after_a_pause() {
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
    fn a_single_address_is_left_to_the_engine() {
        let mut trial = Trial::with(&["::1"]);
        assert_eq!(trial.steps(), ["connect ::1"]);
        trial.set("::1", AddressState::Failed);
        assert_eq!(trial.after(PAUSE), [""; 0]);
        assert_eq!(trial.after(LOOK_AGAIN), ["look up"]);
        trial.answer(&["::1"]);
        assert_eq!(trial.after(PAUSE), [""; 0]);
    }

    #[test]
    fn a_working_connection_stays_and_causes_no_lookup() {
        let mut trial = Trial::with(&["127.0.0.1", "::1"]);
        trial.steps();
        trial.set("127.0.0.1", AddressState::Up);
        assert_eq!(trial.steps(), [""; 0]);
        assert_eq!(trial.after(Duration::from_secs(3600)), [""; 0]);
    }

    #[test]
    fn a_working_address_is_kept_until_another_one_works() {
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
    fn an_address_that_comes_back_ends_the_search() {
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
    fn a_name_that_appears_later_or_changes_its_address_is_followed() {
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

//! Host names to connect to: looked up on threads of their own, and followed.
//!
//! What may be here: what joins `addresses`, which chooses, with the resolver, the table
//! and the socket.

use std::time::{Duration, Instant};

use super::addresses::{Addresses, Step};
use super::attach;
use super::connection::{ConnectionEvent, ConnectionTable};
use super::endpoint::Endpoint;
use crate::os::resolve::{Answer, Lookup};

/// How long opening a socket waits for the first answers, so that names which this
/// machine knows by itself (`localhost`) are connected to at once.
const AT_ONCE: Duration = Duration::from_millis(100);
/// When a name that has no answer yet is told of.
const SLOW: Duration = Duration::from_secs(3);
/// Shortest time between two looks at names while nothing happens.
const LOOK: Duration = Duration::from_millis(10);

/// The names among a socket's endpoints.
#[derive(Default)]
pub(super) struct HostNames {
    names: Vec<HostName>,
    next_look: Option<Instant>,
}

/// An endpoint whose host is a name.
struct HostName {
    endpoint: Endpoint,
    /// Which of the table it is.
    entry: usize,
    addresses: Addresses,
    lookup: Option<Lookup>,
    /// When the last lookup began.
    asked: Instant,
}

impl HostNames {
    /// Adds an endpoint, which is `entry`, and begins to look it up, if its host is a name.
    pub(super) fn add(&mut self, endpoint: &Endpoint, entry: usize) {
        let (endpoint, asked) = (endpoint.clone(), Instant::now());
        let mut name =
            HostName { endpoint, entry, addresses: Addresses::new(asked), lookup: None, asked };
        if name.addresses.asks(asked) {
            name.look_up(asked);
        }
        self.names.push(name);
    }

    /// Connects to what is known at once.
    pub(super) fn open(
        &mut self,
        socket: &mut zmq::Socket,
        table: &mut ConnectionTable,
        on_event: &mut dyn FnMut(ConnectionEvent),
    ) {
        let deadline = Instant::now() + AT_ONCE;
        for name in &mut self.names {
            let answer = name.lookup.as_ref().and_then(|lookup| lookup.wait(deadline));
            if let Some(answer) = answer {
                name.answered(answer, Instant::now(), socket, table, on_event);
            }
        }
        self.update(true, Instant::now(), socket, table, on_event);
    }

    /// Takes in answers, and connects where it is time for another address. `changed`
    /// says whether something has happened to a connection. Never waits.
    ///
    /// Returns whether anything changed here.
    pub(super) fn update(
        &mut self,
        changed: bool,
        now: Instant,
        socket: &mut zmq::Socket,
        table: &mut ConnectionTable,
        on_event: &mut dyn FnMut(ConnectionEvent),
    ) -> bool {
        if self.names.is_empty() || !changed && self.next_look.is_some_and(|at| now < at) {
            return false;
        }
        self.next_look = Some(now + LOOK);
        let update = |any, name: &mut HostName| name.update(now, socket, table, on_event) | any;
        self.names.iter_mut().fold(false, update)
    }
}

impl HostName {
    fn look_up(&mut self, now: Instant) {
        self.asked = now;
        self.lookup = self.endpoint.name().map(|(host, port)| Lookup::start(host, port));
    }

    fn update(
        &mut self,
        now: Instant,
        socket: &mut zmq::Socket,
        table: &mut ConnectionTable,
        on_event: &mut dyn FnMut(ConnectionEvent),
    ) -> bool {
        let mut changed = false;
        let answer = self.lookup.as_ref().and_then(Lookup::poll);
        if let Some(answer) = answer {
            changed = true;
            self.answered(answer, now, socket, table, on_event);
        } else if self.lookup.is_some() && now >= self.asked + SLOW {
            let nothing_known = table.unresolved(self.entry).is_none();
            if nothing_known && !self.has_connections(table) {
                changed = true;
                let why = "no name server has answered yet";
                table.note_unresolved(self.entry, why).into_iter().for_each(&mut *on_event);
            }
        }
        if table.is_duplicate(self.entry) {
            if !table.is_up(self.entry) && self.addresses.asks(now) {
                self.look_up(now);
            }
            return changed;
        }
        while let Some(step) = self.next_step(now, table) {
            changed = true;
            self.take(step, now, socket, table);
        }
        changed
    }

    fn has_connections(&self, table: &ConnectionTable) -> bool {
        table.is_duplicate(self.entry) || table.addresses(self.entry).next().is_some()
    }

    fn answered(
        &mut self,
        answer: Answer,
        now: Instant,
        socket: &mut zmq::Socket,
        table: &mut ConnectionTable,
        on_event: &mut dyn FnMut(ConnectionEvent),
    ) {
        self.lookup = None;
        let (endpoint, entry) = (&self.endpoint, self.entry);
        let answer = answer.and_then(|mut found| {
            found.retain(|address| endpoint.allows(*address));
            let none = "it has no address of the source address's family";
            if found.is_empty() { Err(none.to_owned()) } else { Ok(found) }
        });
        let found = match answer {
            Ok(found) => found,
            Err(why) => {
                self.addresses.answered(None, now);
                if !self.has_connections(table) {
                    table.note_unresolved(entry, &why).into_iter().for_each(on_event);
                }
                return;
            }
        };
        let texts: Vec<String> = found.iter().map(|address| endpoint.at(*address)).collect();
        let other = table.find_duplicate(entry, &texts);
        table.set_duplicate_of(entry, other);
        if other.is_some() {
            // Connected twice, everything would come twice.
            let connected: Vec<String> = table.addresses(entry).map(str::to_owned).collect();
            for address in connected {
                attach::disconnect(socket, &address);
                table.disconnect(entry, &address);
            }
            self.addresses = Addresses::new(now);
        }
        self.addresses.answered(Some(&found), now);
    }

    fn next_step(&mut self, now: Instant, table: &ConnectionTable) -> Option<Step> {
        let (endpoint, entry) = (&self.endpoint, self.entry);
        self.addresses.step(now, &|address| table.address_state(entry, &endpoint.at(address)))
    }

    fn take(
        &mut self,
        step: Step,
        now: Instant,
        socket: &mut zmq::Socket,
        table: &mut ConnectionTable,
    ) {
        match step {
            Step::LookUp => self.look_up(now),
            Step::Connect { address, more } => {
                let text = self.endpoint.at(address);
                table.connect(self.entry, &text, more);
                if attach::connect(socket, &text).is_err() {
                    table.fail(self.entry, &text);
                }
            }
            Step::Disconnect(address) => {
                let text = self.endpoint.at(address);
                attach::disconnect(socket, &text);
                table.disconnect(self.entry, &text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::{ConnectionState, EventKind};
    use super::super::endpoint::Role;
    use super::super::testing::DEADLINE;
    use super::*;

    /// HostNames as they are after their first answers, and what was told.
    fn opened(texts: &[&str]) -> (HostNames, ConnectionTable, Vec<ConnectionEvent>) {
        let mut socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
        socket.set_linger(0).expect("linger");
        let (mut names, mut table) = (HostNames::default(), ConnectionTable::default());
        for text in texts {
            let endpoint = Endpoint::parse(text, Role::Connect).expect(text);
            if endpoint.name().is_some() {
                let entry = table.add_host_name(text, Role::Connect);
                names.add(&endpoint, entry);
            } else {
                table.add(text, Role::Connect, Vec::new());
            }
        }
        let mut told = Vec::new();
        names.open(&mut socket, &mut table, &mut |event| told.push(event));
        let until = Instant::now() + DEADLINE;
        while names.names.iter().any(|name| name.lookup.is_some()) {
            assert!(Instant::now() < until, "no answer");
            let on_event = &mut |event| told.push(event);
            names.update(true, Instant::now(), &mut socket, &mut table, on_event);
            std::thread::yield_now();
        }
        (names, table, told)
    }

    #[test]
    fn a_name_is_connected_to_by_its_ipv4_address_first() {
        let (_, table, told) = opened(&["tcp://localhost:9"]);
        assert_eq!(table.addresses(0).collect::<Vec<_>>(), ["tcp://127.0.0.1:9"]);
        assert_eq!(table.status()[0].state, ConnectionState::Connecting);
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn a_name_with_the_address_of_another_endpoint_is_not_connected_to() {
        let (_, table, _) = opened(&["tcp://localhost:9", "tcp://127.0.0.1:9"]);
        assert_eq!(table.addresses(0).count(), 0);
        assert!(table.is_duplicate(0));
    }

    #[test]
    fn a_name_that_is_not_known_is_told_with_the_reason() {
        let (_, table, told) = opened(&["tcp://host.invalid:9"]);
        assert_eq!(table.status()[0].state, ConnectionState::NotConnected);
        assert!(matches!(told[0].kind, EventKind::Unresolved(_)), "{told:?}");
        assert_eq!(table.addresses(0).count(), 0, "libzmq is not given the name");
    }
}

//! Connects to host names: resolves them on threads of their own and follows changes.
//!
//! Joins [`Addresses`], which decides, with the resolver, the connection table and the
//! socket.

use std::time::{Duration, Instant};

use super::addresses::{Addresses, Step};
use super::attach;
use super::connection::ConnectionTable;
use crate::os::resolve::{Answer, Lookup};
use crate::socket::endpoint::Endpoint;

/// How long opening a socket waits for the first answers. Long enough for names that this
/// machine resolves itself (`localhost`).
const AT_ONCE: Duration = Duration::from_millis(100);
/// How long a lookup may take before it is reported.
const SLOW: Duration = Duration::from_secs(3);
/// Minimum time between two checks while no connection changes.
const LOOK: Duration = Duration::from_millis(10);

/// Time between two checks of names without a connection, while nothing else happens.
const IDLE_LOOK: Duration = Duration::from_millis(50);

/// All endpoints of a socket whose host is a name.
#[derive(Default)]
pub(super) struct HostNames {
    names: Vec<HostName>,
    next_look: Option<Instant>,
}

/// One such endpoint.
struct HostName {
    endpoint: Endpoint,
    /// Its index in the connection table.
    entry: usize,
    addresses: Addresses,
    lookup: Option<Lookup>,
    /// Start of the last lookup.
    asked: Instant,
}

impl HostNames {
    /// Adds an endpoint with this index in the connection table, and starts its lookup.
    pub(super) fn add(&mut self, endpoint: &Endpoint, entry: usize) {
        let (endpoint, asked) = (endpoint.clone(), Instant::now());
        let mut name =
            HostName { endpoint, entry, addresses: Addresses::new(asked), lookup: None, asked };
        if name.addresses.asks(asked) {
            name.look_up(asked);
        }
        self.names.push(name);
    }

    /// Waits up to [`AT_ONCE`] for answers, and connects to the addresses found.
    pub(super) fn open(&mut self, socket: &mut zmq::Socket, table: &mut ConnectionTable) {
        let deadline = Instant::now() + AT_ONCE;
        for name in &mut self.names {
            let answer = name.lookup.as_ref().and_then(|lookup| lookup.wait(deadline));
            if let Some(answer) = answer {
                name.answered(answer, Instant::now(), socket, table);
            }
        }
        self.update(true, Instant::now(), socket, table);
    }

    /// How long until [`HostNames::update`] may have something to do without a change: while a
    /// name has no connection.
    pub(super) fn wait_at_most(&self) -> Option<Duration> {
        let waits = |name: &HostName| name.lookup.is_some() || name.addresses.is_down();
        self.names.iter().any(waits).then_some(IDLE_LOOK)
    }

    /// Handles answers, and connects to the next address where one is due. `changed` tells
    /// whether a connection has changed. Never waits.
    ///
    /// Returns whether anything changed here.
    pub(super) fn update(
        &mut self,
        changed: bool,
        now: Instant,
        socket: &mut zmq::Socket,
        table: &mut ConnectionTable,
    ) -> bool {
        if self.names.is_empty() || !changed && self.next_look.is_some_and(|at| now < at) {
            return false;
        }
        self.next_look = Some(now + LOOK);
        let update = |any, name: &mut HostName| name.update(now, socket, table) | any;
        self.names.iter_mut().fold(false, update)
    }
}

impl HostName {
    fn look_up(&mut self, now: Instant) {
        self.asked = now;
        self.lookup = self.endpoint.name().map(|(host, port)| Lookup::of_endpoint(host, port));
    }

    fn update(
        &mut self,
        now: Instant,
        socket: &mut zmq::Socket,
        table: &mut ConnectionTable,
    ) -> bool {
        let mut changed = false;
        let answer = self.lookup.as_ref().and_then(Lookup::poll);
        if let Some(answer) = answer {
            changed = true;
            self.answered(answer, now, socket, table);
        } else if self.lookup.is_some() && now >= self.asked + SLOW {
            let nothing_known = table.unresolved(self.entry).is_none();
            if nothing_known && !self.has_connections(table) {
                changed = true;
                let why = "no name server has answered yet";
                table.note_unresolved(self.entry, why);
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
                    table.note_unresolved(entry, &why);
                }
                return;
            }
        };
        let texts: Vec<String> = found.iter().map(|address| endpoint.at(*address)).collect();
        let other = table.find_duplicate(entry, &texts);
        table.set_duplicate_of(entry, other);
        if other.is_some() {
            // A second connection to the same publisher would deliver everything twice.
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
    use super::*;
    use crate::socket::endpoint::Role;
    use crate::socket::testing::DEADLINE;

    /// A table of these endpoints after the first answers for their names.
    fn opened(texts: &[&str]) -> ConnectionTable {
        let mut socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
        socket.set_linger(0).expect("linger");
        let (mut names, mut table) = (HostNames::default(), ConnectionTable::default());
        for text in texts {
            let endpoint = Endpoint::parse(text, Role::Connect).expect(text);
            if endpoint.name().is_some() {
                names.add(&endpoint, table.add_host_name(text, Role::Connect));
            } else {
                table.add(text, Role::Connect, Vec::new());
            }
        }
        names.open(&mut socket, &mut table);
        let until = Instant::now() + DEADLINE;
        while names.names.iter().any(|name| name.lookup.is_some()) {
            assert!(Instant::now() < until, "no answer");
            names.update(true, Instant::now(), &mut socket, &mut table);
            std::thread::yield_now();
        }
        table
    }

    #[test]
    fn a_name_is_connected_to_at_its_ipv4_address_first() {
        let mut table = opened(&["tcp://localhost:9"]);
        assert_eq!(table.addresses(0).collect::<Vec<_>>(), ["tcp://127.0.0.1:9"]);
        assert_eq!(table.status()[0].state, ConnectionState::Connecting);
        assert_eq!(table.events().count(), 0);
    }

    #[test]
    fn a_name_that_resolves_to_another_endpoint_is_not_connected_to_twice() {
        let table = opened(&["tcp://localhost:9", "tcp://127.0.0.1:9"]);
        assert_eq!(table.addresses(0).count(), 0);
        assert!(table.is_duplicate(0));
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_reason() {
        let mut table = opened(&["tcp://host.invalid:9"]);
        assert_eq!(table.status()[0].state, ConnectionState::NotConnected);
        assert_eq!(table.addresses(0).count(), 0, "libzmq does not get the name");
        let events: Vec<_> = table.events().map(|event| event.kind).collect();
        assert!(matches!(events[..], [EventKind::Unresolved(_)]), "{events:?}");
    }
}

//! The connections of a libzmq socket, for what follows host names and run directories.

use super::attach;
use super::connection::ConnectionTable;
use crate::socket::addresses::AddressState;
use crate::socket::connector::Connector;

/// A socket and the table of its connections.
pub(super) struct Connections<'a> {
    pub(super) socket: &'a mut zmq::Socket,
    pub(super) table: &'a mut ConnectionTable,
}

impl Connector for Connections<'_> {
    fn connect(&mut self, entry: usize, address: &str, more: bool) {
        self.table.connect(entry, address, more);
        if attach::connect(self.socket, address).is_err() {
            self.table.fail(entry, address);
        }
    }

    fn disconnect(&mut self, entry: usize, address: &str) {
        attach::disconnect(self.socket, address);
        self.table.disconnect(entry, address);
    }

    fn address_state(&self, entry: usize, address: &str) -> AddressState {
        self.table.address_state(entry, address)
    }

    fn addresses(&self, entry: usize) -> Vec<String> {
        self.table.addresses(entry).map(str::to_owned).collect()
    }

    fn find_duplicate(&self, entry: usize, addresses: &[String]) -> Option<usize> {
        self.table.find_duplicate(entry, addresses)
    }

    fn set_duplicate_of(&mut self, entry: usize, other: Option<usize>) {
        self.table.set_duplicate_of(entry, other);
    }

    fn is_duplicate(&self, entry: usize) -> bool {
        self.table.is_duplicate(entry)
    }

    fn is_up(&self, entry: usize) -> bool {
        self.table.is_up(entry)
    }

    fn note_unresolved(&mut self, entry: usize, why: &str) {
        self.table.note_unresolved(entry, why);
    }

    fn unresolved(&self, entry: usize) -> Option<String> {
        self.table.unresolved(entry).map(str::to_owned)
    }

    fn has_unread(&self) -> bool {
        self.socket.get_events().is_ok_and(|it| it.contains(zmq::POLLIN))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::socket::connection::{ConnectionState, EventKind};
    use crate::socket::endpoint::{Endpoint, Role};
    use crate::socket::host_names::HostNames;
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
        names.open(&mut Connections { socket: &mut socket, table: &mut table });
        let until = Instant::now() + DEADLINE;
        while names.is_looking_up() {
            assert!(Instant::now() < until, "no answer");
            let mut connections = Connections { socket: &mut socket, table: &mut table };
            names.update(true, Instant::now(), &mut connections);
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

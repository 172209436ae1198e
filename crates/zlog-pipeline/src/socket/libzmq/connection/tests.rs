use std::time::Duration;

use super::*;

const HERE: &str = "tcp://127.0.0.1:5";

fn connecting() -> (ConnectionTable, Instant) {
    let mut table = ConnectionTable::default();
    table.add(HERE, Role::Connect, Vec::new());
    (table, Instant::now())
}

fn peers(table: &ConnectionTable) -> usize {
    table.status().iter().map(|status| status.peers).sum()
}

fn event(kind: Kind) -> MonitorEvent {
    MonitorEvent { address: HERE.to_owned(), kind, descriptor: None }
}

fn state(table: &ConnectionTable) -> ConnectionState {
    table.status()[0].state.clone()
}

#[test]
fn a_connection_that_libzmq_retries_is_left_to_it() {
    let (mut table, t) = connecting();
    table.record(event(Kind::Ready), t);
    assert_eq!(state(&table), ConnectionState::Connected);
    table.record(event(Kind::Disconnected), t);
    table.record(event(Kind::Retrying(Duration::from_millis(100))), t);
    assert_eq!(state(&table), ConnectionState::NotConnected);
    assert_eq!(table.next_reconnect(t + Duration::from_secs(60), 0.0), None);
}

#[test]
fn a_connection_that_libzmq_gave_up_is_reopened_with_growing_delays() {
    let (mut table, mut t) = connecting();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        table.record(event(Kind::Ready), t);
        table.record(event(Kind::Disconnected), t);
        let start = t;
        while table.next_reconnect(t, 0.0).is_none() {
            t += Duration::from_millis(50);
        }
        pauses.push((t - start).as_millis());
    }
    assert_eq!(pauses, [600, 700, 900, 1300, 2100, 3700, 5500, 5500, 5500]);
}

#[test]
fn a_connection_that_lasted_starts_over_with_a_short_delay() {
    let (mut table, mut t) = connecting();
    for _ in 0..5 {
        table.record(event(Kind::Disconnected), t);
        t += Duration::from_secs(9);
        assert!(table.next_reconnect(t, 0.0).is_some());
    }
    table.record(event(Kind::Ready), t);
    t += Duration::from_secs(6);
    table.record(event(Kind::Disconnected), t);
    assert!(table.next_reconnect(t + Duration::from_millis(600), 0.0).is_some());
}

#[test]
fn a_refused_connection_is_retried_with_backoff() {
    let (mut table, t) = connecting();
    table.record(event(Kind::Refused("no".into())), t);
    assert!(table.next_reconnect(t + Duration::from_millis(600), 0.0).is_some());
    assert_eq!(table.next_reconnect(t + Duration::from_millis(700), 0.0), None);
    assert!(table.next_reconnect(t + Duration::from_secs(2), 1.0).is_some());
}

#[test]
fn a_peer_that_answers_without_a_handshake_is_distinguished_from_no_answer() {
    let (mut table, t) = connecting();
    let mut reached = |kind| {
        table.record(event(kind), t);
        table.status()[0].reached
    };
    let retrying = || Kind::Retrying(Duration::from_millis(100));
    assert!(!reached(Kind::Trying) && !reached(retrying()));
    reached(Kind::Trying);
    assert!(reached(Kind::Reached) && reached(Kind::Disconnected) && reached(retrying()));
    assert!(reached(Kind::Trying), "the answer is not known yet");
    assert!(!reached(retrying()));
    // Over ipc, attempts that fail at once are not reported.
    assert!(reached(Kind::Reached) && reached(Kind::Disconnected) && reached(retrying()));
    assert!(!reached(retrying()));
}

#[test]
fn a_refused_handshake_stays_the_reason_until_one_succeeds() {
    let (mut table, t) = connecting();
    table.record(event(Kind::Reached), t);
    table.record(event(Kind::Refused("wrong key".into())), t);
    table.record(event(Kind::Disconnected), t);
    table.record(event(Kind::Trying), t);
    table.record(event(Kind::Reached), t);
    assert_eq!(state(&table), ConnectionState::HandshakeRefused("wrong key".into()));
    table.record(event(Kind::Ready), t);
    assert_eq!(state(&table), ConnectionState::Connected);
}

#[test]
fn peers_of_a_bound_endpoint_are_counted_and_failed_handshakes_are_not() {
    let mut table = ConnectionTable::default();
    table.add("tcp://0.0.0.0:5", Role::Bind, Vec::new());
    let t = Instant::now();
    for kind in [Kind::Accepted, Kind::Ready, Kind::Accepted, Kind::Ready] {
        table.record(event(kind), t);
    }
    assert_eq!(peers(&table), 2);
    table.record(event(Kind::Accepted), t);
    assert_eq!((peers(&table), table.open()), (2, 3));
    table.record(event(Kind::Refused("stranger".into())), t);
    table.events();
    table.record(event(Kind::Disconnected), t);
    assert_eq!(table.events().count(), 0);
    assert_eq!((peers(&table), state(&table)), (2, ConnectionState::Connected));
    table.record(event(Kind::Disconnected), t);
    table.record(event(Kind::Disconnected), t);
    table.record(event(Kind::Disconnected), t);
    assert_eq!((peers(&table), table.open()), (0, 0));
    assert_eq!(state(&table), ConnectionState::NotConnected);
    assert_eq!(
        table.next_reconnect(t + Duration::from_secs(60), 0.0),
        None,
        "bound ones are libzmq's"
    );
}

#[test]
fn two_handshakes_of_one_connection_are_one_peer() {
    for (role, comes) in [(Role::Connect, Kind::Reached), (Role::Bind, Kind::Accepted)] {
        let mut table = ConnectionTable::default();
        table.add(HERE, role, Vec::new());
        let t = Instant::now();
        table.record(event(comes), t);
        table.record(event(Kind::Ready), t);
        table.record(event(Kind::Ready), t);
        assert_eq!(table.events().count(), 1);
        assert_eq!(peers(&table), 1);
        table.record(event(Kind::Disconnected), t);
        assert_eq!(state(&table), ConnectionState::NotConnected);
    }
}

#[test]
fn a_name_that_resolves_to_another_endpoint_shares_its_state() {
    let mut table = ConnectionTable::default();
    let name = table.add_host_name("tcp://localhost:5", Role::Connect);
    table.add(HERE, Role::Connect, Vec::new());
    assert_eq!(table.find_duplicate(name, &["tcp://[::1]:5".into(), HERE.into()]), Some(1));
    table.set_duplicate_of(name, Some(1));
    let t = Instant::now();
    let peers =
        |table: &ConnectionTable| table.status().iter().map(|s| s.peers).collect::<Vec<_>>();
    for kind in [Kind::Reached, Kind::Ready] {
        table.record(event(kind), t);
    }
    assert_eq!(peers(&table), [1, 1]);
    assert_eq!((table.open(), table.is_up(name)), (1, true));
    assert_eq!(table.status()[name].endpoint, "tcp://localhost:5");
    table.record(event(Kind::Disconnected), t);
    assert_eq!(peers(&table), [0, 0]);
}

/// A host name with these addresses, the last of which completes the round.
fn name(addresses: &[&str]) -> ConnectionTable {
    let mut table = ConnectionTable::default();
    table.add_host_name("tcp://h:5", Role::Connect);
    for (at, address) in addresses.iter().enumerate() {
        table.connect(0, address, at + 1 < addresses.len());
    }
    table
}

fn event_at(address: &str, kind: Kind) -> MonitorEvent {
    MonitorEvent { address: address.to_owned(), kind, descriptor: None }
}

#[test]
fn events_of_one_address_of_a_name_do_not_affect_the_other() {
    const THERE: &str = "tcp://[::1]:5";
    let retrying = || Kind::Retrying(Duration::from_millis(100));
    let (mut table, t) = (name(&[HERE, THERE]), Instant::now());
    table.record(event(retrying()), t);
    assert_eq!(table.address_state(0, HERE), AddressState::Failed);
    assert_eq!(table.address_state(0, THERE), AddressState::Pending);
    table.disconnect(0, HERE);
    // This event was queued before libzmq was told to disconnect.
    table.events();
    table.record(event(retrying()), t);
    assert_eq!(table.events().count(), 0);
    assert_eq!(table.address_state(0, THERE), AddressState::Pending);
    table.record(event_at(THERE, Kind::Reached), t);
    table.record(event_at(THERE, Kind::Ready), t);
    assert_eq!((table.address_state(0, THERE), peers(&table)), (AddressState::Up, 1));
    table.disconnect(0, THERE);
    assert_eq!((table.open(), peers(&table)), (0, 0));
}

#[test]
fn a_name_counts_as_failed_only_after_its_last_address_has_failed() {
    let retrying = || Kind::Retrying(Duration::from_millis(100));
    let t = Instant::now();
    let mut table = name(&[HERE]);
    table.connect(0, "tcp://127.0.0.2:5", true);
    table.record(event(Kind::Refused("no ZeroMQ".into())), t);
    assert_eq!(state(&table), ConnectionState::Connecting);
    table.connect(0, "tcp://[::1]:5", false);
    table.record(event_at("tcp://[::1]:5", retrying()), t);
    assert_eq!(state(&table), ConnectionState::HandshakeRefused("no ZeroMQ".into()));
}

#[test]
fn a_resolution_error_is_reported_once() {
    let mut table = name(&[]);
    for (why, events) in [("nobody answers", 1), ("nobody answers", 0), ("no such name", 1)] {
        table.note_unresolved(0, why);
        assert_eq!(table.events().count(), events, "{why}");
    }
    assert_eq!(state(&table), ConnectionState::NotConnected);
    assert_eq!(table.unresolved(0), Some("no such name"));
}

use super::*;

const HERE: &str = "tcp://127.0.0.1:5";

fn connecting() -> (Links, Instant) {
    let mut links = Links::default();
    links.add(HERE, Role::Connect, Vec::new());
    (links, Instant::now())
}

fn peers(links: &Links) -> usize {
    links.status().iter().map(|status| status.peers).sum()
}

fn seen(what: What) -> Seen {
    Seen { address: HERE.to_owned(), what, descriptor: None }
}

fn state(links: &Links) -> LinkState {
    links.status()[0].state.clone()
}

#[test]
fn a_connection_that_libzmq_retries_is_left_to_it() {
    let (mut links, t) = connecting();
    links.note(seen(What::Ready), t);
    assert_eq!(state(&links), LinkState::Connected);
    links.note(seen(What::Gone), t);
    links.note(seen(What::Retrying(Duration::from_millis(100))), t);
    assert_eq!(state(&links), LinkState::NotConnected);
    assert_eq!(links.due(t + Duration::from_secs(60), 0.0), None);
}

#[test]
fn a_connection_that_libzmq_gave_up_is_made_anew_with_growing_pauses() {
    let (mut links, mut t) = connecting();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        links.note(seen(What::Ready), t);
        links.note(seen(What::Gone), t);
        let start = t;
        while links.due(t, 0.0).is_none() {
            t += Duration::from_millis(50);
        }
        pauses.push((t - start).as_millis());
    }
    assert_eq!(pauses, [600, 700, 900, 1300, 2100, 3700, 5500, 5500, 5500]);
}

#[test]
fn a_connection_that_lasted_starts_over_with_a_short_pause() {
    let (mut links, mut t) = connecting();
    for _ in 0..5 {
        links.note(seen(What::Gone), t);
        t += Duration::from_secs(9);
        assert!(links.due(t, 0.0).is_some());
    }
    links.note(seen(What::Ready), t);
    t += Duration::from_secs(6);
    links.note(seen(What::Gone), t);
    assert!(links.due(t + Duration::from_millis(600), 0.0).is_some());
}

#[test]
fn until_a_connect_answers_it_is_tried_again() {
    let (mut links, t) = connecting();
    links.note(seen(What::Refused("no".into())), t);
    assert!(links.due(t + Duration::from_millis(600), 0.0).is_some());
    assert_eq!(links.due(t + Duration::from_millis(700), 0.0), None);
    assert!(links.due(t + Duration::from_secs(2), 1.0).is_some());
}

#[test]
fn what_answers_and_does_not_shake_hands_is_told_from_nobody() {
    let (mut links, t) = connecting();
    let mut reached = |what| {
        links.note(seen(what), t);
        links.status()[0].reached
    };
    let retrying = || What::Retrying(Duration::from_millis(100));
    assert!(!reached(What::Trying) && !reached(retrying()));
    reached(What::Trying);
    assert!(reached(What::Reached) && reached(What::Gone) && reached(retrying()));
    assert!(reached(What::Trying), "the answer is not known yet");
    assert!(!reached(retrying()));
    // Over ipc, a try that fails at once is not told of.
    assert!(reached(What::Reached) && reached(What::Gone) && reached(retrying()));
    assert!(!reached(retrying()));
}

#[test]
fn a_refused_handshake_stays_the_explanation_until_one_succeeds() {
    let (mut links, t) = connecting();
    links.note(seen(What::Reached), t);
    links.note(seen(What::Refused("wrong key".into())), t);
    links.note(seen(What::Gone), t);
    links.note(seen(What::Trying), t);
    links.note(seen(What::Reached), t);
    assert_eq!(state(&links), LinkState::HandshakeRefused("wrong key".into()));
    links.note(seen(What::Ready), t);
    assert_eq!(state(&links), LinkState::Connected);
}

#[test]
fn peers_of_a_bound_endpoint_are_counted_and_failed_handshakes_are_not() {
    let mut links = Links::default();
    links.add("tcp://0.0.0.0:5", Role::Bind, Vec::new());
    let t = Instant::now();
    for what in [What::Accepted, What::Ready, What::Accepted, What::Ready] {
        links.note(seen(what), t);
    }
    assert_eq!(peers(&links), 2);
    links.note(seen(What::Accepted), t);
    assert_eq!((peers(&links), links.open()), (2, 3));
    links.note(seen(What::Refused("stranger".into())), t);
    assert_eq!(links.note(seen(What::Gone), t), None);
    assert_eq!((peers(&links), state(&links)), (2, LinkState::Connected));
    links.note(seen(What::Gone), t);
    links.note(seen(What::Gone), t);
    links.note(seen(What::Gone), t);
    assert_eq!((peers(&links), links.open()), (0, 0));
    assert_eq!(state(&links), LinkState::NotConnected);
    assert_eq!(links.due(t + Duration::from_secs(60), 0.0), None, "bound ones are libzmq's");
}

#[test]
fn two_handshakes_of_one_connection_are_one_peer() {
    for (role, comes) in [(Role::Connect, What::Reached), (Role::Bind, What::Accepted)] {
        let mut links = Links::default();
        links.add(HERE, role, Vec::new());
        let t = Instant::now();
        links.note(seen(comes), t);
        assert!(links.note(seen(What::Ready), t).is_some());
        assert_eq!(links.note(seen(What::Ready), t), None);
        assert_eq!(peers(&links), 1);
        links.note(seen(What::Gone), t);
        assert_eq!(state(&links), LinkState::NotConnected);
    }
}

#[test]
fn a_name_with_the_address_of_another_endpoint_stands_as_that_one_does() {
    let mut links = Links::default();
    let name = links.add_name("tcp://localhost:5", Role::Connect);
    links.add(HERE, Role::Connect, Vec::new());
    assert_eq!(links.other_with(name, &["tcp://[::1]:5".into(), HERE.into()]), Some(1));
    links.set_same_as(name, Some(1));
    let t = Instant::now();
    let peers = |links: &Links| links.status().iter().map(|s| s.peers).collect::<Vec<_>>();
    for what in [What::Reached, What::Ready] {
        links.note(seen(what), t);
    }
    assert_eq!(peers(&links), [1, 1]);
    assert_eq!((links.open(), links.is_up(name)), (1, true));
    assert_eq!(links.status()[name].endpoint, "tcp://localhost:5");
    links.note(seen(What::Gone), t);
    assert_eq!(peers(&links), [0, 0]);
}

/// A name of which libzmq has these addresses; the last is tried last.
fn name(addresses: &[&str]) -> Links {
    let mut links = Links::default();
    links.add_name("tcp://h:5", Role::Connect);
    for (at, address) in addresses.iter().enumerate() {
        links.connect(0, address, at + 1 < addresses.len());
    }
    links
}

fn seen_at(address: &str, what: What) -> Seen {
    Seen { address: address.to_owned(), what, descriptor: None }
}

#[test]
fn what_happens_to_one_address_of_a_name_does_not_happen_to_the_other() {
    const THERE: &str = "tcp://[::1]:5";
    let retrying = || What::Retrying(Duration::from_millis(100));
    let (mut links, t) = (name(&[HERE, THERE]), Instant::now());
    links.note(seen(retrying()), t);
    assert_eq!(links.outlook(0, HERE), Outlook::Failed);
    assert_eq!(links.outlook(0, THERE), Outlook::Pending);
    links.disconnect(0, HERE);
    // Still on its way when libzmq was told to disconnect.
    assert_eq!(links.note(seen(retrying()), t), None);
    assert_eq!(links.outlook(0, THERE), Outlook::Pending);
    links.note(seen_at(THERE, What::Reached), t);
    links.note(seen_at(THERE, What::Ready), t);
    assert_eq!((links.outlook(0, THERE), peers(&links)), (Outlook::Up, 1));
    links.disconnect(0, THERE);
    assert_eq!((links.open(), peers(&links)), (0, 0));
}

#[test]
fn a_name_is_not_given_up_before_its_last_address_has_failed() {
    let retrying = || What::Retrying(Duration::from_millis(100));
    let t = Instant::now();
    let mut links = name(&[HERE]);
    links.connect(0, "tcp://127.0.0.2:5", true);
    links.note(seen(What::Refused("no ZeroMQ".into())), t);
    assert_eq!(state(&links), LinkState::Connecting);
    links.connect(0, "tcp://[::1]:5", false);
    links.note(seen_at("tcp://[::1]:5", retrying()), t);
    assert_eq!(state(&links), LinkState::HandshakeRefused("no ZeroMQ".into()));
}

#[test]
fn a_reason_why_a_name_is_not_resolved_is_told_once() {
    let mut links = name(&[]);
    assert!(links.note_unresolved(0, "nobody answers").is_some());
    assert!(links.note_unresolved(0, "nobody answers").is_none());
    assert!(links.note_unresolved(0, "no such name").is_some());
    assert_eq!(state(&links), LinkState::NotConnected);
    assert_eq!(links.unresolved(0), Some("no such name"));
}

use super::*;
use crate::net::link::Stage;
use crate::net::status::Status;
use crate::net::transport::Stream;

#[test]
fn the_generation_changes_when_a_subscriber_above_the_limit_of_all_loses_its_subscriptions() {
    let options = Options { subscription_bytes_total: 300, ..Options::publisher() };
    let shared = Arc::new(Shared::new(&options, Arc::new(Status::new())));
    let mut role = PublisherRole::new(Arc::clone(&shared), options);
    let now = Instant::now();
    for prefix in [&b"topic"[..], &[b'x'; 100]] {
        role.subscribe(0, true, prefix, now).expect("within the limit");
    }
    assert_eq!(role.topics.find(&shared, b"topic")[..], [0]);
    role.subscribe(1, true, b"another", now).expect("the other one is the largest");
    assert_eq!(role.offenders, [Offender(0, Disconnect::TooManySubscriptions)]);
    assert_eq!(shared.generation(), shared.subscriptions().generation());
    assert_eq!(role.topics.find(&shared, b"topic")[..], [0_usize; 0]);
}

/// A connection whose handshake is complete.
fn link(id: u64) -> Link<Peer> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let stream = mio::net::TcpStream::connect(address).expect("a connection");
    let (now, hour) = (Instant::now(), std::time::Duration::from_secs(3600));
    let stream = (id, Stream::Tcp(stream), Stage::Ready);
    Link::new(stream, Address::Tcp(address), None, String::new(), (now, hour, hour))
}

#[test]
fn an_offender_that_has_left_is_not_taken_for_the_next_connection_in_its_slot() {
    let options = Options { subscription_bytes_total: 300, ..Options::publisher() };
    let shared = Arc::new(Shared::new(&options, Arc::new(Status::new())));
    let mut role = PublisherRole::new(Arc::clone(&shared), options);
    let now = Instant::now();
    role.subscribe(0, true, &[b'x'; 200], now).expect("within the limit");
    role.subscribe(1, true, b"another", now).expect("the other one is the largest");
    role.closed(0, &mut link(1), &Disconnect::Closed);
    assert_eq!(role.offenders, []);
}

#[test]
fn a_connection_that_is_ended_twice_does_not_end_the_next_one_in_its_slot() {
    let poll = mio::Poll::new().expect("a poll");
    let mut links = Links::new(poll.registry().try_clone().expect("a registry"));
    let slot = links.add(link(1)).expect("a slot");
    links.end(slot, Disconnect::Local);
    let first = links.take(slot).expect("the first one");
    links.release(slot, &first);
    assert_eq!(links.add(link(2)).expect("a slot"), slot);
    assert_eq!(links.take_ended().len(), 0);
    links.end(slot, Disconnect::Local);
    links.end(slot, Disconnect::Local);
    assert_eq!(links.take_ended().len(), 1);
}

use std::ops::ControlFlow;

use super::*;
use crate::socket::Subscriber;
use crate::socket::testing::{
    DEADLINE, bind, connect, plain_socket, publisher, slow_subscriber, subscriber, take, until,
};

fn options() -> ProxyOptions {
    let mut options = ProxyOptions {
        collect: SocketOptions::subscriber(),
        publish: SocketOptions::publisher(),
        block: false,
    };
    options.publish.send_slice = Duration::from_millis(5);
    options
}

/// A proxy on free ports, with the endpoints that it collects and publishes on.
fn proxy(options: &ProxyOptions) -> (Proxy, String, String) {
    let any = || [bind("tcp://127.0.0.1:0")];
    let proxy = Proxy::open(&any(), &any(), options).expect("proxy");
    let (collect, publish) = proxy.bound();
    let (collect, publish) = (collect[0].clone(), publish[0].clone());
    (proxy, collect, publish)
}

/// Runs a proxy until `done` returns true.
#[track_caller]
fn run(proxy: &mut Proxy, what: &str, mut done: impl FnMut(&mut Proxy) -> bool) {
    until(what, || {
        proxy.wait(Duration::from_millis(5));
        proxy.process_events();
        proxy.forward(1000, None).expect("forward");
        done(proxy)
    });
}

/// An XPUB that connects to the collecting side and records its subscriptions.
struct RawPublisher {
    socket: zmq::Socket,
    received: Vec<Vec<u8>>,
}

impl RawPublisher {
    fn connect(endpoint: &str) -> RawPublisher {
        let socket = plain_socket(zmq::XPUB, endpoint, |_| {});
        RawPublisher { socket, received: Vec::new() }
    }

    fn has_received(&mut self, expected: &[&[u8]]) -> bool {
        while let Ok(message) = self.socket.recv_bytes(zmq::DONTWAIT) {
            self.received.push(message);
        }
        self.received == expected
    }
}

fn subscribe_to(endpoint: &str, topics: &[&str]) -> Subscriber {
    Subscriber::open(&[connect(endpoint)], topics, &SocketOptions::subscriber())
        .expect("subscriber")
}

#[test]
fn exactly_the_wanted_prefixes_are_subscribed_to_upstream() {
    let (mut proxy, collect, publish) = proxy(&options());
    let mut upstream = RawPublisher::connect(&collect);
    let first = subscribe_to(&publish, &["app"]);
    run(&mut proxy, "the first subscription", |_| upstream.has_received(&[b"\x01app"]));
    let second = subscribe_to(&publish, &["app"]);
    let mut third = subscribe_to(&publish, &["app", "web.ERROR"]);
    run(&mut proxy, "the second prefix", |_| {
        upstream.has_received(&[b"\x01app", b"\x01web.ERROR"])
    });
    proxy.subscribe(b"app");
    drop((first, second));
    third.unsubscribe(b"web.ERROR");
    run(&mut proxy, "its end", |_| {
        upstream.has_received(&[b"\x01app", b"\x01web.ERROR", b"\x00web.ERROR"])
    });
    drop(third);
    run(&mut proxy, "nobody is there", |proxy| {
        proxy.endpoint_status().1.iter().all(|link| link.peers == 0)
            && proxy.upstream_prefixes() == 1
    });
    proxy.unsubscribe(b"app");
    run(&mut proxy, "nobody wants it", |_| {
        upstream.received.len() == 3 && {
            upstream.has_received(&[b"\x01app", b"\x01web.ERROR", b"\x00web.ERROR", b"\x00app"])
        }
    });
}

#[test]
fn a_marker_is_reported_and_not_sent_upstream() {
    let (mut proxy, collect, publish) = proxy(&options());
    let mut upstream = RawPublisher::connect(&collect);
    let subscriber = subscribe_to(&publish, &["\0zlog.mark.1"]);
    let mut seen = Vec::new();
    run(&mut proxy, "a marker", |proxy| {
        seen.extend(proxy.markers());
        !seen.is_empty()
    });
    assert_eq!(&*seen[0].prefix, b"\0zlog.mark.1");
    drop(subscriber);
    let _other = subscribe_to(&publish, &["z"]);
    run(&mut proxy, "another subscription", |_| upstream.has_received(&[b"\x01z"]));
}

#[test]
fn messages_pass_with_up_to_eight_frames_and_the_ninth_is_cut() {
    let (mut proxy, collect, publish) = proxy(&options());
    let mut upstream = RawPublisher::connect(&collect);
    let mut subscriber = subscriber(&publish, &[""]);
    run(&mut proxy, "a subscription", |_| upstream.has_received(&[b"\x01"]));
    for count in [1usize, 2, 3, 8, 9] {
        let frames: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        upstream.socket.send_multipart(&frames, 0).expect("send");
    }
    run(&mut proxy, "five messages", |proxy| proxy.counts().messages == 5);
    let taken = take(&mut subscriber, 5);
    assert_eq!(taken[..3], ["0", "0|1", "0|1|2"]);
    assert_eq!(taken[3], taken[4]);
    assert_eq!(proxy.counts().frames_cut, 1);
    assert_eq!(proxy.close(DEADLINE), Flushed::Yes);
}

#[test]
fn messages_of_an_inproc_publisher_are_forwarded_too() {
    let (mut proxy, _, publish) = proxy(&options());
    let mut inproc = proxy.inproc_publisher(&SocketOptions::publisher()).expect("inproc");
    let mut subscriber = subscriber(&publish, &["app"]);
    run(&mut proxy, "a subscription", |_| {
        inproc.process_events();
        inproc.has_subscriber(b"app.INFO")
    });
    inproc.send(b"app.INFO", b"hello").expect("send");
    run(&mut proxy, "a message", |proxy| proxy.counts().messages == 1);
    assert_eq!(take(&mut subscriber, 1), ["app.INFO|hello"]);
    drop(inproc);
}

/// A fast and a stuck subscriber, once the subscriptions of both have arrived. Each sets a
/// marker: the subscription itself is the same for both.
fn two_subscribers(
    options: &ProxyOptions,
) -> (Proxy, crate::socket::Publisher, Subscriber, zmq::Socket) {
    let (mut proxy, _, publish) = proxy(options);
    let mut inproc = proxy.inproc_publisher(&SocketOptions::publisher()).expect("inproc");
    let subscriber = subscriber(&publish, &["", "\0zlog.mark.quick"]);
    let stuck = slow_subscriber(&publish, &["", "\0zlog.mark.stuck"]);
    let mut markers = 0;
    run(&mut proxy, "two subscribers", |proxy| {
        inproc.process_events();
        markers += proxy.markers().len();
        markers == 2 && inproc.has_subscriber(b"t")
    });
    (proxy, inproc, subscriber, stuck)
}

#[test]
fn messages_are_dropped_for_a_stuck_subscriber_only() {
    let mut options = options();
    options.publish.hwm = 100;
    let (mut proxy, mut inproc, mut subscriber, _stuck) = two_subscribers(&options);
    let body = [b'x'; 10_000];
    let mut next = 0;
    // In small groups, so that the fast one always has room.
    while proxy.counts().no_room == 0 || next < 1000 {
        for _ in 0..20 {
            inproc.send(b"t", &body).expect("send");
        }
        next += 20;
        run(&mut proxy, "they have passed", |proxy| proxy.counts().messages == next);
        assert_eq!(take(&mut subscriber, 20).len(), 20);
        assert!(next < 100_000, "the stuck one is never full");
    }
}

#[test]
fn with_block_a_stuck_subscriber_holds_publishers_up_until_it_is_gone() {
    let mut options = options();
    options.publish.hwm = 10;
    options.block = true;
    let (mut proxy, mut inproc, mut subscriber, stuck) = two_subscribers(&options);
    let body = [b'x'; 10_000];
    let mut sent = 0;
    until("it is full", || {
        if inproc.send(b"t", &body).expect("send") == crate::socket::Sent::Sent {
            sent += 1;
        }
        proxy.process_events();
        let full = proxy.forward(1000, None).expect("forward") == Forwarded::Full;
        let _ = subscriber.recv(Duration::ZERO, &mut |_, _| Ok(ControlFlow::Continue(())));
        full && proxy.forward(1000, None).expect("forward") == Forwarded::Full
    });
    drop(stuck);
    run(&mut proxy, "everything has passed", |proxy| {
        let _ = subscriber.recv(Duration::ZERO, &mut |_, _| Ok(ControlFlow::Continue(())));
        proxy.counts().messages == sent
    });
    assert_eq!((proxy.counts().no_room, proxy.counts().dropped), (0, 0));
}

#[test]
fn both_sides_reconnect_after_a_frame_that_is_too_large() {
    let mut options = options();
    options.collect.max_message = 10_000;
    let (mut upstream, endpoint) = publisher(&SocketOptions::publisher());
    let mut proxy =
        Proxy::open(&[connect(&endpoint)], &[bind("tcp://127.0.0.1:0")], &options).expect("proxy");
    let mut subscriber = subscriber(&proxy.bound().1[0].clone(), &[""]);
    run(&mut proxy, "a subscription", |_| {
        upstream.process_events();
        upstream.has_subscriber(b"t")
    });
    upstream.send(b"t", &[0; 20_000]).expect("send");
    run(&mut proxy, "the publisher's end", |_| {
        upstream.process_events();
        !upstream.has_subscriber(b"t")
    });
    run(&mut proxy, "it is back", |_| {
        upstream.process_events();
        upstream.has_subscriber(b"t")
    });
    upstream.send(b"t", b"small").expect("send");
    run(&mut proxy, "a message", |proxy| proxy.counts().messages == 1);
    assert_eq!(take(&mut subscriber, 1), ["t|small"]);
}

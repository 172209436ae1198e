use std::ops::ControlFlow;

use super::*;
use crate::socket::Subscriber;
use crate::socket::testing::{DEADLINE, bind, connect, publisher, subscriber, take, until};

fn options() -> ProxyOptions {
    let mut options = ProxyOptions {
        collect: SocketOptions::subscriber(),
        publish: SocketOptions::publisher(),
        block: false,
    };
    options.publish.send_slice = Duration::from_millis(5);
    options
}

/// A proxy of free ports: where it collects, and where it publishes.
fn proxy(options: &ProxyOptions) -> (Proxy, String, String) {
    let any = || [bind("tcp://127.0.0.1:0")];
    let proxy = Proxy::open(&any(), &any(), options).expect("proxy");
    let (collect, publish) = proxy.bound();
    let (collect, publish) = (collect[0].clone(), publish[0].clone());
    (proxy, collect, publish)
}

/// Runs a proxy until `done` says so.
#[track_caller]
fn run(proxy: &mut Proxy, what: &str, mut done: impl FnMut(&mut Proxy) -> bool) {
    until(what, || {
        super::super::wait(proxy, None, Duration::from_millis(5));
        proxy.process_events();
        proxy.forward(1000, None).expect("forward");
        done(proxy)
    });
}

/// A raw XPUB that connects to the collecting side, and sees what it is asked for.
struct RawPublisher {
    socket: zmq::Socket,
    asked: Vec<Vec<u8>>,
}

impl RawPublisher {
    fn connect(endpoint: &str) -> RawPublisher {
        let socket = zmq::Context::new().socket(zmq::XPUB).expect("socket");
        socket.set_linger(0).expect("linger");
        socket.connect(endpoint).expect("connect");
        RawPublisher { socket, asked: Vec::new() }
    }

    fn has_been_asked(&mut self, expected: &[&[u8]]) -> bool {
        while let Ok(message) = self.socket.recv_bytes(zmq::DONTWAIT) {
            self.asked.push(message);
        }
        self.asked == expected
    }
}

fn wants(endpoint: &str, topics: &[&str]) -> Subscriber {
    Subscriber::open(&[connect(endpoint)], topics, &SocketOptions::subscriber())
        .expect("subscriber")
}

#[test]
fn publishers_are_asked_for_exactly_what_is_wanted() {
    let (mut proxy, collect, publish) = proxy(&options());
    let mut upstream = RawPublisher::connect(&collect);
    let first = wants(&publish, &["app"]);
    run(&mut proxy, "the first subscription", |_| upstream.has_been_asked(&[b"\x01app"]));
    let second = wants(&publish, &["app"]);
    let mut third = wants(&publish, &["app", "web.ERROR"]);
    run(&mut proxy, "the second prefix", |_| {
        upstream.has_been_asked(&[b"\x01app", b"\x01web.ERROR"])
    });
    proxy.subscribe(b"app");
    drop((first, second));
    third.unsubscribe(b"web.ERROR");
    run(&mut proxy, "its end", |_| {
        upstream.has_been_asked(&[b"\x01app", b"\x01web.ERROR", b"\x00web.ERROR"])
    });
    drop(third);
    run(&mut proxy, "nobody is there", |proxy| {
        proxy.endpoint_status().1.iter().all(|link| link.peers == 0)
            && proxy.upstream_prefixes() == 1
    });
    proxy.unsubscribe(b"app");
    run(&mut proxy, "nobody wants it", |_| {
        upstream.asked.len() == 3 && {
            upstream.has_been_asked(&[b"\x01app", b"\x01web.ERROR", b"\x00web.ERROR", b"\x00app"])
        }
    });
}

#[test]
fn a_mark_is_told_of_and_goes_no_further() {
    let (mut proxy, collect, publish) = proxy(&options());
    let mut upstream = RawPublisher::connect(&collect);
    let subscriber = wants(&publish, &["\0zlog.mark.1"]);
    let mut seen = Vec::new();
    run(&mut proxy, "a mark", |proxy| {
        seen.extend(proxy.marks());
        !seen.is_empty()
    });
    assert_eq!(&*seen[0], b"\0zlog.mark.1");
    drop(subscriber);
    let _other = wants(&publish, &["z"]);
    run(&mut proxy, "another subscription", |_| upstream.has_been_asked(&[b"\x01z"]));
}

#[test]
fn messages_pass_whole_whatever_their_frames_and_the_ninth_is_cut() {
    let (mut proxy, collect, publish) = proxy(&options());
    let mut upstream = RawPublisher::connect(&collect);
    let mut subscriber = subscriber(&publish, &[""]);
    run(&mut proxy, "a subscription", |_| upstream.has_been_asked(&[b"\x01"]));
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
fn a_publisher_inside_is_collected_from_like_any_other() {
    let (mut proxy, _, publish) = proxy(&options());
    let mut inside = proxy.inproc_publisher(&SocketOptions::publisher()).expect("inside");
    let mut subscriber = subscriber(&publish, &["app"]);
    run(&mut proxy, "a subscription", |_| {
        inside.process_events();
        inside.has_subscriber(b"app.INFO")
    });
    inside.send(b"app.INFO", b"hello").expect("send");
    run(&mut proxy, "a message", |proxy| proxy.counts().messages == 1);
    assert_eq!(take(&mut subscriber, 1), ["app.INFO|hello"]);
    drop(inside);
}

/// A SUB of everything that holds little and reads only when told.
fn stuck(endpoint: &str) -> zmq::Socket {
    let socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
    socket.set_rcvhwm(1).expect("hwm");
    socket.set_rcvbuf(4096).expect("buffer");
    socket.set_linger(0).expect("linger");
    socket.set_subscribe(b"").expect("subscribe");
    socket.set_subscribe(b"\0zlog.mark.stuck").expect("subscribe");
    socket.connect(endpoint).expect("connect");
    socket
}

/// A quick and a stuck one, once what both want has come: a connection says nothing
/// of it yet, and the wish of one alone would hide that the other's is still missing.
fn two_subscribers(
    options: &ProxyOptions,
) -> (Proxy, crate::socket::Publisher, Subscriber, zmq::Socket) {
    let (mut proxy, _, publish) = proxy(options);
    let mut inside = proxy.inproc_publisher(&SocketOptions::publisher()).expect("inside");
    let subscriber = subscriber(&publish, &["", "\0zlog.mark.quick"]);
    let stuck = stuck(&publish);
    let mut marks = 0;
    run(&mut proxy, "two subscribers", |proxy| {
        inside.process_events();
        marks += proxy.marks().count();
        marks == 2 && inside.has_subscriber(b"t")
    });
    (proxy, inside, subscriber, stuck)
}

#[test]
fn a_stuck_subscriber_is_dropped_for_alone_and_the_other_loses_nothing() {
    let mut options = options();
    options.publish.hwm = 100;
    let (mut proxy, mut inside, mut subscriber, _stuck) = two_subscribers(&options);
    let body = [b'x'; 10_000];
    let mut next = 0;
    // Few at a time, so that the quick one always has room.
    while proxy.counts().no_room == 0 || next < 1000 {
        for _ in 0..20 {
            inside.send(b"t", &body).expect("send");
        }
        next += 20;
        run(&mut proxy, "they have passed", |proxy| proxy.counts().messages == next);
        assert_eq!(take(&mut subscriber, 20).len(), 20);
        assert!(next < 100_000, "the stuck one is never full");
    }
}

#[test]
fn with_block_publishers_feel_a_stuck_subscriber_until_it_is_gone() {
    let mut options = options();
    options.publish.hwm = 10;
    options.block = true;
    let (mut proxy, mut inside, mut subscriber, stuck) = two_subscribers(&options);
    let body = [b'x'; 10_000];
    let mut sent = 0;
    until("it is full", || {
        if inside.send(b"t", &body).expect("send") == crate::socket::Sent::Sent {
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
fn both_sides_come_back_after_a_frame_that_is_too_large() {
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

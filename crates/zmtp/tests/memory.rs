//! The memory that sockets take, counted in bytes. A process of its own, and one test at a time:
//! everything that is allocated counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use zmtp::{Address, Options, Publisher, Sent, Subscriber, WhenFull};

const DEADLINE: Duration = Duration::from_secs(60);
/// A test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Counts allocated bytes: now, and at most.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn add(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The system moves large blocks without a copy, so the old one does not count.
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        add(size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn bind(socket: &zmtp::Socket) -> SocketAddr {
    match socket.bind(&Address::parse("tcp://127.0.0.1:*").expect("an address")).expect("bind") {
        Address::Tcp(address) => address,
        other => panic!("{other}"),
    }
}

/// A subscriber whose system takes little, and which reads nothing.
fn stopped_subscriber(address: SocketAddr, topic: &[u8]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    socket.set_recv_buffer_size(2048).expect("a size");
    socket.connect(&address.into()).expect("connect");
    let mut stream = TcpStream::from(socket);
    let mut hello = vec![0; 64];
    (hello[0], hello[9], hello[10], hello[11]) = (0xff, 0x7f, 3, 1);
    hello[12..16].copy_from_slice(b"NULL");
    hello.extend(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB\0");
    hello.extend([topic.len() as u8 + 1, 1]);
    hello.extend(topic);
    stream.write_all(&hello).expect("write");
    let mut greeting = [0; 64];
    stream.read_exact(&mut greeting).expect("a greeting");
    stream
}

/// Per message that waits for a subscriber, the queue takes a reference of 32 bytes at most, in a
/// table with as much room again; the messages themselves are there once.
#[test]
fn a_subscriber_that_does_not_read_costs_a_reference_for_each_message_at_most() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    const SUBSCRIBERS: usize = 30;
    const MESSAGES: usize = 2000;
    for (topics, per_message) in [(1, 4), (2, 48)] {
        let options = Options {
            queue_messages: MESSAGES,
            queue_bytes: MESSAGES * 4096,
            when_full: WhenFull::Drop,
            ..Options::publisher()
        };
        let publisher = Publisher::new(options).expect("socket");
        let address = bind(&publisher);
        let stopped: Vec<TcpStream> =
            (0..SUBSCRIBERS).map(|_| stopped_subscriber(address, b"a")).collect();
        until("all", || publisher.subscribers(b"a") == SUBSCRIBERS);
        let before = NOW.load(Ordering::Relaxed);
        let body = [b'x'; 1000];
        let is_full = || publisher.peers().iter().all(|it| it.queued_messages >= MESSAGES - 300);
        let mut sent = 0;
        while sent % 500 != 0 || sent == 0 || !is_full() {
            // Every other message is for nobody, so that the ones before and after are apart.
            let topic: &[u8] = if sent % topics == 0 { b"a" } else { b"b" };
            let outcome = publisher.send_within(&[topic, &body], DEADLINE).expect("send");
            assert_eq!(outcome, Sent::Sent);
            // The thread takes it: a chunk of its own.
            publisher.take_dropped();
            sent += 1;
            assert!(sent < 100 * MESSAGES, "never full");
        }
        let now = NOW.load(Ordering::Relaxed).saturating_sub(before);
        // The messages, with those between, and spare blocks.
        let shared = topics * MESSAGES * 1100 + (20 << 18);
        let each = now.saturating_sub(shared) / SUBSCRIBERS;
        println!("{topics}: {now} bytes, {each} for each subscriber");
        assert!(each <= MESSAGES * per_message + (16 << 10), "{topics}: {each} of {now}");
        drop(stopped);
    }
}

/// Messages that the owner has not taken are bounded by their bytes, not by their number: 2 MiB,
/// one that waits, and one that arrives.
#[test]
fn a_subscriber_of_large_messages_holds_one_that_waits_and_one_that_arrives() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    const LARGE: usize = 16 << 20;
    let publisher = Publisher::new(Options::publisher()).expect("socket");
    let subscriber = Subscriber::new(Options::subscriber(), &["a"]).expect("socket");
    subscriber.connect(&Address::Tcp(bind(&publisher)));
    until("a subscriber", || publisher.has_subscriber(b"a"));
    let body = vec![b'x'; LARGE];
    MOST.store(NOW.load(Ordering::Relaxed), Ordering::Relaxed);
    let before = NOW.load(Ordering::Relaxed);
    let mut sent = 0;
    // Until its queue is full, and the publisher's.
    while publisher.send_within(&[b"a", &body], Duration::from_secs(1)).expect("send") == Sent::Sent
    {
        sent += 1;
        assert!(sent < 50, "never full");
    }
    let most = MOST.load(Ordering::Relaxed) - before;
    println!("{sent} messages sent, {} MiB at most", most >> 20);
    // The publisher has up to two: one queued, and one that waits.
    assert!(most < 4 * LARGE + (8 << 20), "{most}");
    let mut received = 0;
    until("all", || {
        received += subscriber.recv(Duration::from_millis(10)).expect("a thread").is_some() as u32;
        received == sent
    });
}

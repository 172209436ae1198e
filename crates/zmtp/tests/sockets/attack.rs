//! Sockets in a process of their own, whose memory is measured while hostile peers attack them,
//! or whose network fails.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use zmtp::{Disconnect, EventKind, Options, Publisher, Subscriber};

use super::harness::{DEADLINE, Engine, Pub, Sub, address, until};
use super::hostile::{RawPeer, hello, read_frame};

/// Runs an ignored test of this program in another process.
fn child(through: &[&str], test: &str) -> Command {
    let program = std::env::current_exe().expect("a program").display().to_string();
    let arguments = ["--exact", test, "--ignored", "--nocapture", "--test-threads=1"];
    let line: Vec<&str> = through.iter().copied().chain([&*program]).chain(arguments).collect();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A process that is attacked.
struct Victim {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Victim {
    fn start() -> Victim {
        // Address space, of which threads and allocators reserve much more than they use.
        let limit = ["prlimit", "--as=1500000000"];
        let mut child = child(&limit, "attack::a_victim").spawn().expect("a process");
        let input = child.stdin.take().expect("an input");
        let output = BufReader::new(child.stdout.take().expect("an output"));
        Victim { child, input, output }
    }

    /// What follows `key` on the next line that has it.
    fn answer(&mut self, key: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).expect("a line"), 0, "it has ended");
            if let Some((_, value)) = line.split_once(key) {
                return value.trim().to_owned();
            }
        }
    }

    /// Resident memory in MiB: now, and at most.
    fn memory(&mut self) -> (usize, usize) {
        writeln!(self.input, "memory").expect("a request");
        let answer = self.answer("memory ");
        let (now, most) = answer.split_once(' ').expect("two numbers");
        (now.parse().expect("a number"), most.parse().expect("a number"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bound publisher and a bound subscriber, until standard input ends.
#[test]
#[ignore = "runs in a process of its own"]
fn a_victim() {
    let limits = |options| Options {
        handshake: Duration::from_secs(2),
        max_connections: 500,
        incomplete_bytes: 32 << 20,
        ..options
    };
    let publisher = Publisher::new(limits(Options {
        subscription_bytes: 1 << 20,
        subscription_bytes_total: 16 << 20,
        ..Options::publisher()
    }));
    let publisher = publisher.expect("socket");
    let subscriber = Subscriber::new(limits(Options::subscriber()), &["t"]).expect("socket");
    let any = address("tcp://127.0.0.1:*");
    println!("publisher {}", publisher.bind(&any).expect("bind"));
    println!("subscriber {}", subscriber.bind(&any).expect("bind"));
    std::thread::spawn(move || while subscriber.recv(DEADLINE).is_ok() {});
    let mut next = 0_u64;
    for line in std::io::stdin().lines() {
        match line.expect("a line").as_str() {
            "memory" => {
                let status = std::fs::read_to_string("/proc/self/status").expect("a status");
                let value = |key: &str| {
                    let line = status.lines().find_map(|line| line.strip_prefix(key));
                    let kib: usize =
                        line.expect(key).trim().trim_end_matches(" kB").parse().expect("a number");
                    kib / 1024
                };
                println!("memory {} {}", value("VmRSS:"), value("VmHWM:"));
            }
            _ => {
                next += 1;
                publisher.send(&[b"t", &next.to_be_bytes()]).expect("send");
            }
        }
    }
}

/// What each of many hostile peers sends: to a publisher, and to a subscriber.
fn streams() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let sub = |bytes: &[u8]| [hello("SUB"), bytes.to_vec()].concat();
    let publ = |bytes: &[u8]| [hello("PUB"), bytes.to_vec()].concat();
    let mut subscriptions = Vec::new();
    for n in 0..5000_u32 {
        subscriptions.extend([0, 204, 1]);
        subscriptions.extend([b'x'; 199]);
        subscriptions.extend(n.to_be_bytes());
    }
    let mut incomplete = vec![2];
    incomplete.extend((100_u64 << 20).to_be_bytes());
    incomplete.extend(vec![b'x'; 4 << 20]);
    let random: Vec<u8> =
        (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let common = |hello: &str| vec![super::hostile::hello(hello)[..40].to_vec(), random.clone()];
    let mut to_publisher = common("SUB");
    to_publisher.push(sub(&subscriptions));
    to_publisher.push(sub(&b"\x04\x0a\x04PING\0\0ctx".repeat(50_000)));
    to_publisher.push(sub(&[1, 0].repeat(100_000)));
    // A subscriber to everything that reads nothing.
    to_publisher.push(sub(b"\x00\x01\x01"));
    let mut to_subscriber = common("PUB");
    to_subscriber.push(publ(&incomplete));
    to_subscriber.push(publ(&[1, 0].repeat(100_000)));
    to_subscriber.push(publ(&b"\x04\x0a\x04PING\0\0ctx".repeat(50_000)));
    to_subscriber.push(publ(&b"\x01\x01t\x00\x01x".repeat(50_000)));
    (to_publisher, to_subscriber)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_under_attack_stays_within_the_limits_and_an_honest_peer_is_served() {
    let mut victim = Victim::start();
    let publisher = victim.answer("publisher ");
    let subscriber = victim.answer("subscriber ");
    let mut honest = Sub::new(Engine::Native, "", &["t"]);
    honest.connect(&publisher);
    until("an honest subscriber", || {
        writeln!(victim.input, "send").expect("a request");
        honest.try_recv().is_some()
    });
    let honest_publisher = Pub::new(Engine::Native, "");
    honest_publisher.connect(&subscriber);
    let (before, _) = victim.memory();
    let (to_publisher, to_subscriber) = streams();
    let mut peers = Vec::new();
    let mut writers = Vec::new();
    for _ in 0..30 {
        for (endpoint, streams) in [(&publisher, &to_publisher), (&subscriber, &to_subscriber)] {
            for bytes in streams {
                let peer = RawPeer::connect(endpoint);
                let mut writing = RawPeer(peer.0.try_clone().expect("a clone"));
                writing.0.set_write_timeout(Some(Duration::from_secs(3))).expect("a time-out");
                let bytes = bytes.clone();
                writers.push(std::thread::spawn(move || writing.write(&bytes)));
                peers.push(peer);
            }
        }
    }
    writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
    let start = Instant::now();
    until("an honest subscriber is served", || {
        writeln!(victim.input, "send").expect("a request");
        honest.try_recv().is_some()
    });
    let (now, most) = victim.memory();
    println!("before {before} MiB, at most {most}, afterwards {now}; {:?}", start.elapsed());
    // 16 of subscriptions and as much for their tables, 32 of incomplete messages, twice that
    // while they grow, and blocks.
    assert!(most < 160, "{most} MiB");
    drop(peers);
}

/// A network without the machine at the other end: `unshare` gives the process a network of its
/// own, whose interface goes down.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_whose_machine_is_gone_is_ended_and_one_that_only_does_not_read_is_kept() {
    let is_up = Command::new("unshare").args(["-rn", "ip", "link", "set", "lo", "up"]).status();
    if !is_up.is_ok_and(|status| status.success()) {
        println!("left out: no network namespaces");
        return;
    }
    let output = child(&["unshare", "-rn"], "attack::a_network_that_fails").output();
    let output = output.expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs a network of its own"]
fn a_network_that_fails() {
    let link = |state| {
        let status = Command::new("ip").args(["link", "set", "lo", state]).status();
        assert!(status.expect("ip").success());
    };
    link("up");
    let options = Options { dead_after: Duration::from_millis(900), ..Options::publisher() };
    let publisher = Publisher::new(options).expect("socket");
    let endpoint = publisher.bind(&address("tcp://127.0.0.1:*")).expect("bind").to_string();
    let options = Options { dead_after: Duration::from_millis(900), ..Options::subscriber() };
    let subscriber = Subscriber::new(options, &["t"]).expect("socket");
    subscriber.connect(&address(&endpoint));
    // It answers no PING, as a subscriber that does not read.
    let mut peer = RawPeer::subscribed(&endpoint, &[b"t"]);
    until("two subscribers", || publisher.subscribers(b"t") == 2);
    publisher.send(&[b"t", b"body"]).expect("send");
    read_frame(&mut peer.0).expect("a message");
    subscriber.recv(DEADLINE).expect("a thread").expect("a message");
    let start = Instant::now();
    until("four times the limit", || start.elapsed() > Duration::from_millis(3600));
    assert_eq!(publisher.subscribers(b"t"), 2, "its machine answers");
    link("down");
    let dead = EventKind::Disconnected(Disconnect::Dead);
    let notices = |socket: &zmtp::Socket| {
        let mut seen = Vec::new();
        until("an end", || {
            seen.extend(socket.events().try_iter().map(|event| event.kind));
            seen.contains(&dead)
        });
    };
    notices(&publisher);
    notices(&subscriber);
    link("up");
    until("a message through a new connection", || {
        publisher.send(&[b"t", b"body"]).expect("send");
        subscriber.recv(Duration::from_millis(10)).expect("a thread").is_some()
    });
}

//! `tail --last`: the messages that a relay has kept, and then the live ones.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::relay;
use crate::harness::{ANY_PORT, DEADLINE, Publisher, Running, zlog};

/// A publisher that sends numbered messages until it is dropped.
struct Busy {
    end: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Busy {
    fn start(publisher: Publisher, body: impl Fn(u64) -> String + Send + 'static) -> Busy {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            let mut n = 0;
            while !ended.load(Ordering::Relaxed) {
                for _ in 0..10 {
                    n += 1;
                    let topic = if n % 3 == 0 { "app.INFO" } else { "app.ERROR" };
                    publisher.send([topic.to_owned(), body(n)]);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Busy { end, thread: Some(thread) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// A relay that keeps messages of `publisher`, its endpoint and its query endpoint.
#[track_caller]
fn keeper(publisher: &Publisher, args: &[&str]) -> (Running, String, String) {
    let from = ["relay", "-c", &publisher.endpoint, "--publish-bind", ANY_PORT];
    let mut running = zlog(from).args(args).start();
    let mut bound = running.endpoints(2);
    assert_eq!(publisher.wait_for_subscription(), b"", "--keep subscribes to everything");
    let ask = bound.remove(1);
    (running, bound.remove(0), ask)
}

/// The relay's status.
#[track_caller]
fn status(ask: &str) -> serde_json::Value {
    let status = zlog(["relay", "--status", "--ask", ask, "-o", "json"]).run().success();
    serde_json::from_slice(&status.stdout).expect("JSON")
}

/// Waits until this many messages are kept.
#[track_caller]
fn wait_for_kept(ask: &str, messages: u64) {
    let until = Instant::now() + DEADLINE;
    loop {
        let status = status(ask);
        if status["keep"]["messages"] == messages {
            return;
        }
        assert!(Instant::now() < until, "not {messages} kept: {status}");
    }
}

/// The numbers that a tail has printed, one per line.
fn numbers(out: &str) -> Vec<u64> {
    let number = |line: &str| line.trim_start_matches('n').parse().expect("a number");
    out.lines().map(number).collect()
}

#[test]
fn in_a_busy_stream_no_message_is_repeated_or_missing() {
    let publisher = Publisher::bind();
    // Block: a slow tail on a busy machine must not lose messages.
    let args = ["--keep", "1000", "--on-full", "block"];
    let (_relay, publish, ask) = keeper(&publisher, &args);
    let _busy = Busy::start(publisher, |n| format!("n{n}"));
    for round in 0..8 {
        let args = ["tail", &publish, "--ask", &ask, "--last", "50", "-o", "text", "-n", "2000"];
        let tails: Vec<Running> = (0..3).map(|_| zlog(args).start()).collect();
        for tail in tails {
            let tail = tail.wait().success();
            assert!(!tail.err().contains("earlier"), "{}", tail.err());
            let numbers = numbers(&tail.out());
            let consecutive: Vec<u64> = (numbers[0]..).take(2000).collect();
            assert!(numbers == consecutive, "round {round}: {}", hole(&numbers));
        }
    }
}

/// The first gap in the numbers.
fn hole(numbers: &[u64]) -> String {
    let at = numbers.windows(2).position(|pair| pair[0] + 1 != pair[1]);
    at.map_or_else(String::new, |at| {
        format!("at {at}: {:?}", &numbers[at..numbers.len().min(at + 5)])
    })
}

#[test]
fn the_last_messages_of_the_wanted_topics_come_first() {
    let publisher = Publisher::bind();
    let (_relay, publish, ask) = keeper(&publisher, &["--keep", "10"]);
    for n in 1..=20 {
        publisher.send(["quiet.INFO".to_owned(), format!("q{n}")]);
        publisher.send(["app.INFO".to_owned(), format!("n{n}")]);
        publisher.send(["app.ERROR".to_owned(), format!("e{n}")]);
    }
    wait_for_kept(&ask, 30);
    let tail = |args: &[&str]| zlog(["tail", &publish, "--ask", &ask]).args(args).run();
    let out = tail(&["-o", "text", "--last", "100", "-n", "30"]).success().out();
    assert!(out.starts_with("q11\nn11\ne11\nq12\n") && out.ends_with("e20\n"), "{out}");
    let out = tail(&["-o", "text", "--last", "3", "-n", "3", "app"]).success().out();
    assert_eq!(out, "e19\nn20\ne20\n");
    let out = tail(&["--last", "2", "-n", "2", "app.INFO", "-o", "raw"]).success().out();
    assert_eq!(out, "n19\nn20\n");
    // With fewer messages than asked for, it shows them and waits.
    tail(&["--last", "50", "-n", "11", "--timeout", "100ms", "quiet"]).code(3);
}

#[test]
fn kept_text_has_the_time_when_the_relay_received_it() {
    let publisher = Publisher::bind();
    let (_relay, publish, ask) = keeper(&publisher, &["--keep", "10"]);
    publisher.send(["app.INFO", "hello"]);
    wait_for_kept(&ask, 1);
    let args = ["tail", &publish, "--ask", &ask, "--last", "1", "-n", "1", "-o", "json"];
    let first = zlog(args).run().success().out();
    let second = zlog(args).run().success().out();
    let at = |out: &str| {
        serde_json::from_str::<serde_json::Value>(out).expect("JSON")["received"].to_string()
    };
    assert_ne!(at(&first), "null", "{first}");
    assert_eq!(at(&first), at(&second));
}

#[test]
fn without_a_relay_the_reason_is_reported_and_live_records_are_shown() {
    let publisher = Publisher::bind();
    let mut tail =
        zlog(["tail", &publisher.endpoint, "--last", "5", "-o", "text", "-n", "1"]).start();
    tail.expect_stderr("no past records");
    while publisher.wait_for_subscription() != b"" {}
    publisher.send(["app.INFO", "live"]);
    assert_eq!(tail.wait().success().out(), "live\n");
}

#[test]
fn a_relay_without_keep_refuses() {
    let relay = relay(&[]);
    let args =
        ["tail", &relay.publish, "--ask", &relay.ask, "--last", "5", "-o", "text", "-n", "1"];
    let mut tail = zlog(args).start();
    tail.expect_stderr("it was started without --keep");
    relay.wait_for_peers(0, 1);
    zlog(["emit", "-c", &relay.collect, "--wait", "60s", "-m", "live"]).run().success();
    assert_eq!(tail.wait().success().out(), "live\n");
}

#[test]
fn the_query_endpoint_of_an_ipc_path_ends_in_ask() {
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = format!("ipc://{}/logs", directory.path().display());
    let ports = ["relay", "-b", ANY_PORT, "--publish-bind", &endpoint, "--keep", "5"];
    let mut relay = zlog(ports).start();
    let bound = relay.endpoints(3);
    assert_eq!(bound[2], format!("{endpoint}.ask"));
    zlog(["emit", "-c", &bound[0], "--wait", "60s", "-m", "early"]).run().success();
    wait_for_kept(&bound[2], 1);
    let shown = zlog(["tail", &endpoint, "--last", "1", "-n", "1", "-o", "text"]).run().success();
    assert_eq!(shown.out(), "early\n");
    let status = zlog(["relay", "--status", &endpoint]).run().success();
    assert!(status.out().contains("keeps           1 message of 1 topic"), "{}", status.out());
    relay.terminate();
    relay.wait().code(143);
    assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), 0);
}

#[test]
fn several_endpoints_cannot_be_asked_at_once() {
    let args = ["tail", "tcp://127.0.0.1:5", "tcp://127.0.0.1:6", "--last", "5"];
    let said = zlog(args).run().code(2).err();
    assert!(said.contains("--ask ENDPOINT"), "{said}");
    let said = zlog(["tail", "--last", "10001"]).run().code(2).err();
    assert!(said.contains("at most 10000"), "{said}");
}

/// Asks for everything kept, as a ZMTP 3 DEALER, and does not read the answer.
fn ask_and_do_not_read(endpoint: &str, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("tcp://")).expect("a port");
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting).expect("it is read");
    // Read first: libzmq refuses a READY in the same segment.
    stream.read_exact(&mut greeting).expect("a greeting");
    let ready = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER";
    let mark = |end: &str| format!("\\u0000zlog.mark.{number}{end}");
    let question = format!(
        r#"{{"zlog":1,"ask":"last","n":10000,"prefixes":[""],"begin":"{}","end":"{}"}}"#,
        mark("a"),
        mark("b")
    );
    for (flags, frame) in [(4, &ready[..]), (0, question.as_bytes())] {
        let length = u8::try_from(frame.len()).expect("a short frame");
        stream.write_all(&[&[flags, length], frame].concat()).expect("it is read");
    }
    stream
}

/// The peak memory of a process, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes << 10
}

#[cfg(target_os = "linux")]
#[test]
fn clients_that_do_not_read_share_their_answers_and_are_disconnected() {
    const BODY: usize = 1 << 20;
    const KEPT: usize = 24;
    const CLIENTS: usize = 30;
    let publisher = Publisher::bind();
    let (mut relay, publish, ask) = keeper(&publisher, &["--keep", "24"]);
    for _ in 0..KEPT {
        publisher.send(["app.INFO".to_owned(), "x".repeat(BODY)]);
    }
    wait_for_kept(&ask, KEPT as u64);
    let before = peak_memory(relay.id());
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|n| ask_and_do_not_read(&ask, n)).collect();
    // Meanwhile a client that reads gets its answer.
    let last = KEPT.to_string();
    let args = ["tail", &publish, "--ask", &ask, "--last", &last, "-n", &last, "-o", "text"];
    assert_eq!(zlog(args).run().success().stdout.len(), KEPT * (BODY + 1));
    relay.expect_stderr("disconnected 127.0.0.1: it did not read the answer to its query in time");
    // A client that reads in time gets its whole answer, so all must be disconnected first.
    let until = Instant::now() + DEADLINE;
    while status(&ask)["refused"] != CLIENTS {
        assert!(Instant::now() < until, "not all were disconnected: {}", status(&ask));
    }
    for mut client in clients {
        client.set_read_timeout(Some(DEADLINE)).expect("a plain option");
        let mut answer = Vec::new();
        match client.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        assert!(answer.len() < KEPT * BODY, "it was broken off");
    }
    let grown = peak_memory(relay.id()) - before;
    assert!(grown < 4 * (KEPT * BODY) as u64, "{grown} bytes for {CLIENTS} clients");
    relay.terminate();
    let said = relay.wait().code(143).err();
    assert_eq!(said.matches("disconnected 127.0.0.1").count(), 1, "{said}");
}

//! What a publisher costs by subscribers and by subscriptions, and what one that has stopped
//! reading costs the others: this engine beside libzmq.
//!
//!     cargo bench -p zlog-zmtp --bench fanout -- [SECONDS]
//!
//! Sends messages of 300 bytes at a fixed rate to subscribers in another process, and prints the
//! processor time that this process takes for a message.

#![expect(clippy::unwrap_used, reason = "an error ends a measurement")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use zmtp::{Address, Options, Publisher, Sent, WhenFull};

#[expect(dead_code, reason = "used by the other bench")]
mod raw_zmtp;

const TOPIC: &[u8] = b"topic.1.";
/// Messages in a second, sent in 100 parts.
const RATE: u32 = 2000;
const BODY: [u8; 300] = [b'x'; 300];
/// Longest wait for the next subscription.
const SUBSCRIBING: Duration = Duration::from_secs(20);
/// Messages queued for a subscriber.
const MARK: usize = 1000;

/// A publisher of either engine that drops what a subscriber has no room for.
enum Engine {
    Native(Publisher),
    Libzmq(zmq::Socket),
}

impl Engine {
    fn new(is_native: bool) -> (Engine, String) {
        if is_native {
            let when_full = WhenFull::Drop;
            let options = Options { queue_messages: MARK, when_full, ..Options::publisher() };
            let publisher = Publisher::new(options).unwrap();
            let any = Address::parse("tcp://127.0.0.1:*").unwrap();
            let endpoint = publisher.bind(&any).unwrap().to_string();
            return (Engine::Native(publisher), endpoint);
        }
        let socket = zmq::Context::new().socket(zmq::XPUB).unwrap();
        socket.set_sndhwm(MARK as i32).unwrap();
        socket.set_rcvhwm(0).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_xpub_verbose(true).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap();
        (Engine::Libzmq(socket), endpoint)
    }

    /// Waits for this many subscribers, whose last subscription is to `TOPIC`. Returns whether they
    /// have come: libzmq has not told of the last of 100,000 subscriptions after minutes.
    fn wait(&self, subscribers: usize) -> bool {
        match self {
            Engine::Native(publisher) => {
                while publisher.subscribers(TOPIC) < subscribers {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Engine::Libzmq(socket) => {
                socket.set_rcvtimeo(SUBSCRIBING.as_millis() as i32).unwrap();
                let mut count = 0;
                while count < subscribers {
                    let Ok(subscription) = socket.recv_bytes(0) else { return false };
                    count += usize::from(subscription[1..] == *TOPIC);
                }
            }
        }
        true
    }

    fn send(&self) {
        match self {
            Engine::Native(publisher) => {
                let wait = Duration::from_secs(10);
                assert_eq!(publisher.send_within(&[TOPIC, &BODY], wait).unwrap(), Sent::Sent);
            }
            Engine::Libzmq(socket) => socket.send_multipart([TOPIC, &BODY], 0).unwrap(),
        }
    }
}

/// Processor time of this process, and its resident memory in KiB.
fn usage() -> (Duration, usize) {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let times = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (Duration::from_nanos(times.sum()), resident)
}

/// Subscribers in a process of their own.
struct Subscribers(Child);

impl Subscribers {
    fn start(endpoint: &str, count: usize, topics: usize, stopped: usize) -> Subscribers {
        let numbers = [count, topics, stopped].map(|number| number.to_string());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("drain").arg(endpoint).args(numbers);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Subscribers(command.spawn().unwrap())
    }

    /// Ends them. Returns the bytes that they have read.
    fn end(mut self) -> u64 {
        drop(self.0.stdin.take());
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.0.wait().unwrap();
        line.trim().parse().unwrap()
    }
}

/// Reads what `count` subscribers get until standard input ends. The first `stopped` read
/// nothing.
fn drain(endpoint: &str, count: usize, topics: usize, stopped: usize) {
    let mut poll = Poll::new().unwrap();
    let address = endpoint.trim_start_matches("tcp://");
    let mut streams = Vec::new();
    for slot in 0..count {
        let mut stream = TcpStream::connect(address).unwrap();
        raw_zmtp::handshake(&mut stream, "SUB");
        let mut bytes = Vec::new();
        for topic in (1..=topics).rev() {
            let topic = format!("topic.{topic}.");
            bytes.extend([0, topic.len() as u8 + 1, 1]);
            bytes.extend(topic.as_bytes());
        }
        stream.write_all(&bytes).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut stream = mio::net::TcpStream::from_std(stream);
        if slot >= stopped {
            poll.registry().register(&mut stream, Token(slot), Interest::READABLE).unwrap();
        }
        streams.push(stream);
    }
    // It lives as long as the poll: its event is lost with it.
    let waker = Arc::new(mio::Waker::new(poll.registry(), Token(count)).unwrap());
    let wakes = Arc::clone(&waker);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        wakes.wake().unwrap();
    });
    let (mut events, mut buffer, mut total) = (Events::with_capacity(1024), [0; 65_536], 0);
    loop {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            let Some(stream) = streams.get_mut(event.token().0) else {
                println!("{total}");
                return;
            };
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => total += read as u64,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

/// Sends for a while. Returns the processor time for a message in microseconds, the part of the
/// messages that the reading subscribers got, and the growth of memory in MiB. `None` if they have
/// not all subscribed.
fn measure(
    is_native: bool,
    time: Duration,
    (count, topics, stopped): (usize, usize, usize),
) -> Option<(f64, f64, f64)> {
    let (engine, endpoint) = Engine::new(is_native);
    let subscribers = Subscribers::start(&endpoint, count, topics, stopped);
    if !engine.wait(count) {
        subscribers.end();
        return None;
    }
    let (before, resident) = usage();
    let (start, mut sent) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        for _ in 0..RATE / 100 {
            engine.send();
            sent += 1;
        }
        let due = start + Duration::from_millis(u64::from(sent) * 1000 / u64::from(RATE));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    std::thread::sleep(Duration::from_millis(300));
    let (after, resident_after) = usage();
    let read = subscribers.end() as f64;
    let message = (2 + TOPIC.len() + 9 + BODY.len()) as f64;
    let expected = f64::from(sent) * message * (count - stopped) as f64;
    let cost = (after - before).as_secs_f64() * 1e6 / f64::from(sent);
    Some((cost, read / expected, (resident_after as f64 - resident as f64) / 1024.0))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    if let [mode, endpoint, numbers @ ..] = &arguments[..]
        && mode == "drain"
    {
        let numbers: Vec<usize> = numbers.iter().map(|it| it.parse().unwrap()).collect();
        return drain(endpoint, numbers[0], numbers[1], numbers[2]);
    }
    let seconds = arguments.first().and_then(|it| it.parse().ok()).unwrap_or(3);
    let time = Duration::from_secs(seconds);
    println!(
        "| subscribers | subscriptions of each | stopped | native: µs a message | arrived | memory, MiB | libzmq: µs | arrived | memory, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let cases = [
        (1, 1, 0),
        (8, 1, 0),
        (64, 1, 0),
        (256, 1, 0),
        // One that has stopped, beside 64 that read.
        (65, 1, 1),
        (1, 10, 0),
        (1, 100, 0),
        (1, 1000, 0),
        (1, 10_000, 0),
        (1, 100_000, 0),
    ];
    for case in cases {
        print!("| {} | {} | {} ", case.0, case.1, case.2);
        for is_native in [true, false] {
            match measure(is_native, time, case) {
                Some((cost, arrived, memory)) => {
                    print!("| {cost:.2} | {:.1} % | {memory:+.1} ", 100.0 * arrived);
                }
                None => print!("| not all subscriptions came | | "),
            }
            std::io::stdout().flush().unwrap();
        }
        println!("|");
    }
}

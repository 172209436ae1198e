//! Messages per second from one publisher to one subscriber over tcp: this engine, libzmq, each
//! with the other, and a program without an engine.
//!
//!     cargo bench -p zlog-zmtp --bench engine -- [ROUNDS] [CASE]...
//!
//! Prints medians of the rounds, in which the cases take turns: messages per second, their ratio
//! to others, and the processor time that both sides together take for a message. On a busy
//! machine, that says more.
//! Without CASE, the name of one, measures all.

#![expect(clippy::unwrap_used, reason = "an error ends a measurement")]

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zmtp::{Address, KeyPair, Options, Publisher, Security, Subscriber};

mod raw_zmtp;

const TOPIC: &[u8] = b"bench.INFO";
const PREFIX: &[u8] = b"bench.";
/// Messages before the clock starts, and the time that is measured.
const WARM_UP: u64 = 200_000;
const TIME: Duration = Duration::from_millis(1000);
/// The high-water mark of zlog, for libzmq.
const HWM: i32 = 8000;

static SERVER: LazyLock<KeyPair> = LazyLock::new(KeyPair::generate);

fn of_client() -> Security {
    Security::CurveClient { keys: KeyPair::generate(), server: *SERVER.public() }
}

/// Processor time of the threads of this process, in nanoseconds.
fn processor_time() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let times = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum()
}

/// Messages per second, and nanoseconds of processor time for a message.
#[derive(Clone, Copy)]
struct Outcome {
    rate: f64,
    cost: f64,
}

/// Counts messages after a warm-up.
#[derive(Default)]
struct Meter {
    count: u64,
    start: Option<(Instant, f64)>,
}

impl Meter {
    /// Counts messages. Returns whether to go on.
    fn count(&mut self, messages: u64) -> bool {
        self.count += messages;
        if self.start.is_none() && self.count > WARM_UP {
            (self.start, self.count) = (Some((Instant::now(), processor_time())), 0);
        }
        self.start.is_none_or(|(start, _)| start.elapsed() < TIME)
    }

    fn outcome(&self) -> Outcome {
        let (start, used) = self.start.unwrap();
        let count = self.count as f64;
        let cost = (processor_time() - used) / count;
        Outcome { rate: count / start.elapsed().as_secs_f64(), cost }
    }
}

/// A sender on a thread, which runs until it is stopped.
struct Sender {
    endpoint: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    fn start(endpoint: String, mut send: impl FnMut(&AtomicBool) + Send + 'static) -> Sender {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = Some(std::thread::spawn(move || send(&stopped)));
        Sender { endpoint, stop, thread }
    }

    fn raw(body: usize) -> Sender {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let body = vec![b'x'; body];
        Sender::start(endpoint, move |_| raw_zmtp::send(&listener, TOPIC, &body))
    }

    fn libzmq(body: usize) -> Sender {
        Sender::secured_libzmq(body, false)
    }

    fn libzmq_curve(body: usize) -> Sender {
        Sender::secured_libzmq(body, true)
    }

    fn secured_libzmq(body: usize, curve: bool) -> Sender {
        let mut socket = zmq::Context::new().socket(zmq::XPUB).unwrap();
        let nodrop: i32 = 1;
        // SAFETY: reads one int. The crate lacks the option.
        let rc = unsafe {
            let option = zmq_sys::ZMQ_XPUB_NODROP as i32;
            let value = (&raw const nodrop).cast();
            zmq_sys::zmq_setsockopt(socket.as_mut_ptr(), option, value, size_of::<i32>())
        };
        assert_eq!(rc, 0);
        socket.set_sndhwm(HWM).unwrap();
        socket.set_sndtimeo(100).unwrap();
        socket.set_linger(0).unwrap();
        if curve {
            socket.set_curve_server(true).unwrap();
            socket.set_curve_secretkey(SERVER.secret()).unwrap();
        }
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap();
        let body = vec![b'x'; body];
        Sender::start(endpoint, move |stop| {
            socket.recv_bytes(0).unwrap();
            while !stop.load(Ordering::Relaxed) {
                if socket.send(TOPIC, zmq::SNDMORE).is_ok() {
                    socket.send(&body[..], 0).unwrap();
                }
            }
        })
    }

    fn native(body: usize) -> Sender {
        Sender::secured_native(body, Security::Null)
    }

    fn native_curve(body: usize) -> Sender {
        Sender::secured_native(body, Security::CurveServer(SERVER.clone()))
    }

    fn secured_native(body: usize, security: Security) -> Sender {
        let options = Options { security, ..Options::publisher() };
        let publisher = Publisher::new(options).unwrap();
        let any = Address::parse("tcp://127.0.0.1:*").unwrap();
        let endpoint = publisher.bind(&any).unwrap().to_string();
        let body = vec![b'x'; body];
        Sender::start(endpoint, move |stop| {
            while publisher.subscribers(PREFIX) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            while !stop.load(Ordering::Relaxed) {
                let wait = Duration::from_millis(100);
                publisher.send_within(&[TOPIC, &body], wait).unwrap();
            }
        })
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn receive_raw(endpoint: &str) -> Outcome {
    let mut meter = Meter::default();
    let address = endpoint.strip_prefix("tcp://").unwrap().parse().unwrap();
    raw_zmtp::receive(address, |messages| meter.count(messages));
    meter.outcome()
}

fn receive_libzmq(endpoint: &str) -> Outcome {
    receive_by_libzmq(endpoint, false)
}

fn receive_libzmq_curve(endpoint: &str) -> Outcome {
    receive_by_libzmq(endpoint, true)
}

fn receive_by_libzmq(endpoint: &str, curve: bool) -> Outcome {
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    if curve {
        let keys = KeyPair::generate();
        socket.set_curve_serverkey(SERVER.public()).unwrap();
        socket.set_curve_publickey(keys.public()).unwrap();
        socket.set_curve_secretkey(keys.secret()).unwrap();
    }
    socket.set_rcvhwm(HWM).unwrap();
    socket.connect(endpoint).unwrap();
    socket.set_subscribe(PREFIX).unwrap();
    let (mut meter, mut frame) = (Meter::default(), zmq::Message::new());
    loop {
        for _ in 0..1000 {
            socket.recv(&mut frame, 0).unwrap();
            socket.recv(&mut frame, 0).unwrap();
        }
        if !meter.count(1000) {
            return meter.outcome();
        }
    }
}

fn receive_native(endpoint: &str) -> Outcome {
    receive_natively(endpoint, Security::Null)
}

fn receive_native_curve(endpoint: &str) -> Outcome {
    receive_natively(endpoint, of_client())
}

/// Looks at both frames of each message.
fn receive_natively(endpoint: &str, security: Security) -> Outcome {
    let options = Options { security, ..Options::subscriber() };
    let subscriber = Subscriber::new(options, &[PREFIX]).unwrap();
    subscriber.connect(&Address::parse(endpoint).unwrap());
    let mut meter = Meter::default();
    loop {
        let batch = subscriber.recv(Duration::from_secs(10)).unwrap().expect("messages");
        let mut messages = 0;
        for message in batch.messages() {
            let mut frames = message.frames();
            let topic = frames.next().unwrap_or_default();
            let body = frames.next().unwrap_or_default();
            messages += u64::from(topic.starts_with(PREFIX) && !body.is_empty());
        }
        if !meter.count(messages) {
            return meter.outcome();
        }
    }
}

type Case = (&'static str, fn(usize) -> Sender, fn(&str) -> Outcome);

const CASES: [Case; 8] = [
    ("program without an engine", Sender::raw, receive_raw),
    ("native → native", Sender::native, receive_native),
    ("libzmq → libzmq", Sender::libzmq, receive_libzmq),
    ("native → libzmq", Sender::native, receive_libzmq),
    ("libzmq → native", Sender::libzmq, receive_native),
    ("program's sender → native", Sender::raw, receive_native),
    ("native → native, CURVE", Sender::native_curve, receive_native_curve),
    ("libzmq → libzmq, CURVE", Sender::libzmq_curve, receive_libzmq_curve),
];

fn main() {
    // `cargo bench` passes --bench.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let rounds = arguments.iter().find_map(|it| it.parse().ok()).unwrap_or(5);
    let wanted: Vec<&String> = arguments.iter().filter(|it| it.parse::<usize>().is_err()).collect();
    for body in [100, 300] {
        let mut outcomes = vec![Vec::new(); CASES.len()];
        for _ in 0..rounds {
            for ((name, send, receive), outcomes) in CASES.iter().zip(&mut outcomes) {
                if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
                    outcomes.push(receive(&send(body).endpoint));
                }
            }
        }
        let median = |outcomes: &[Outcome], of: fn(&Outcome) -> f64| {
            let mut values: Vec<f64> = outcomes.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let rates: Vec<f64> = outcomes.iter().map(|of| median(of, |it| it.rate)).collect();
        println!("| {body}-byte bodies | M/s | of the program | of libzmq → libzmq | ns |");
        println!("|---|---|---|---|---|");
        for (((name, ..), rate), outcomes) in CASES.iter().zip(&rates).zip(&outcomes) {
            let (program, libzmq) = (rate / rates[0], rate / rates[2]);
            let cost = median(outcomes, |it| it.cost);
            println!("| {name} | {:.2} | {program:.2} | {libzmq:.2} | {cost:.0} |", rate / 1e6);
        }
        println!();
    }
}

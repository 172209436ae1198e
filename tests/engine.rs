//! The engine `zmtp` with PyZMQ, the libzmq that Python programs come with, on the other side.

use std::time::Duration;

use zmtp::{Address, Options, Publisher, Subscriber};

use crate::harness::{Input, Python, Running, python};

const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a script with PyZMQ, which gets an endpoint.
fn pyzmq(python: &Python, script: &str, endpoint: &str) -> Running {
    let mut command = python.command();
    command.args(["-c", script, endpoint]);
    Running::start(command, Input::Empty)
}

fn endpoints(directory: &tempfile::TempDir) -> [String; 2] {
    let ipc = format!("ipc://{}", directory.path().join("socket").display());
    ["tcp://127.0.0.1:*".to_owned(), ipc]
}

fn address(endpoint: &str) -> Address {
    Address::parse(endpoint).unwrap_or_else(|| panic!("{endpoint}"))
}

#[test]
fn pyzmq_receives_what_the_engine_publishes_over_tcp_and_ipc() {
    let Some(python) = python() else { return };
    let script = "
import sys, zmq
with zmq.Context() as context, context.socket(zmq.SUB) as socket:
    socket.subscribe('a.')
    socket.connect(sys.argv[1])
    for number in range(1000):
        topic, body = socket.recv_multipart()
        assert topic == b'a.x' and body == b'%d' % number + b'x' * number, number
";
    for endpoint in endpoints(&tempfile::tempdir().unwrap()) {
        let publisher = Publisher::new(Options::publisher()).unwrap();
        let bound = publisher.bind(&address(&endpoint)).unwrap().to_string();
        let subscriber = pyzmq(&python, script, &bound);
        let start = std::time::Instant::now();
        while !publisher.has_subscriber(b"a.") {
            assert!(start.elapsed() < DEADLINE, "no subscription");
            std::thread::sleep(Duration::from_millis(5));
        }
        for number in 0..1000 {
            let body = [number.to_string().into_bytes(), vec![b'x'; number]].concat();
            for topic in [&b"b.x"[..], b"a.x"] {
                publisher.send_within(&[topic, &body], DEADLINE).unwrap();
            }
        }
        subscriber.wait().success();
    }
}

#[test]
fn the_engine_receives_what_pyzmq_publishes_over_tcp_and_ipc() {
    let Some(python) = python() else { return };
    let script = "
import sys, zmq
with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
    socket.connect(sys.argv[1])
    assert socket.recv() == b'\\x01a.'
    for number in range(1000):
        for topic in (b'b.x', b'a.x'):
            socket.send_multipart([topic, b'%d' % number + b'x' * number])
";
    for endpoint in endpoints(&tempfile::tempdir().unwrap()) {
        let subscriber = Subscriber::new(Options::subscriber(), &["a."]).unwrap();
        let bound = subscriber.bind(&address(&endpoint)).unwrap().to_string();
        let publisher = pyzmq(&python, script, &bound);
        let mut number = 0;
        while number < 1000 {
            let batch = subscriber.recv(DEADLINE).unwrap().expect("messages");
            for message in batch.messages() {
                let expected = [number.to_string().into_bytes(), vec![b'x'; number]].concat();
                assert!(message.frames().eq([&b"a.x"[..], &expected]), "{number}");
                number += 1;
            }
        }
        publisher.wait().success();
    }
}

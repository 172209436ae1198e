//! The engine `zmtp` with PyZMQ, the libzmq that Python programs come with, on the other side.

use std::time::Duration;

use zmtp::{
    Address, Delivery, Disconnect, EventKind, KeyPair, Options, Publisher, Router, Security,
    Subscriber,
};

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

/// Key pairs of a server, of a client and of a stranger as arguments: in hexadecimal, the secret
/// and the public key of each.
fn hex(keys: &[&KeyPair]) -> Vec<String> {
    let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    keys.iter().flat_map(|keys| [hex(keys.secret()), hex(keys.public())]).collect()
}

const KEYS: &str = "
import sys, zmq, zmq.utils.z85
endpoint, *keys = sys.argv[1:]
keys = [zmq.utils.z85.encode(bytes.fromhex(key)) for key in keys]
";

#[test]
fn pyzmq_receives_by_curve_what_the_engine_publishes_and_a_stranger_nothing() {
    let Some(python) = python() else { return };
    let script = "
def subscriber(context, secret, public):
    socket = context.socket(zmq.SUB)
    socket.curve_secretkey, socket.curve_publickey, socket.curve_serverkey = secret, public, keys[1]
    socket.subscribe('a.')
    socket.connect(endpoint)
    return socket
with zmq.Context() as context:
    with subscriber(context, *keys[2:4]) as known, subscriber(context, *keys[4:6]) as stranger:
        for number in range(1000):
            assert known.recv_multipart() == [b'a.x', b'%d' % number + b'x' * number], number
        assert not stranger.poll(100)
";
    let [server, client, stranger] = [(); 3].map(|()| KeyPair::generate());
    let admitted = Only(*client.public());
    let options = Options {
        security: Security::CurveServer(server.clone()),
        authenticator: Some(std::sync::Arc::new(admitted)),
        ..Options::publisher()
    };
    let publisher = Publisher::new(options).unwrap();
    let bound = publisher.bind(&address("tcp://127.0.0.1:*")).unwrap().to_string();
    let mut command = python.command();
    command.args(["-c", &format!("{KEYS}{script}"), &bound]);
    command.args(hex(&[&server, &client, &stranger]));
    let subscriber = Running::start(command, Input::Empty);
    let refused = EventKind::Failed(Disconnect::Refused("a stranger".to_owned()));
    let (mut seen, start) = (Vec::new(), std::time::Instant::now());
    while !publisher.has_subscriber(b"a.") || !seen.contains(&refused) {
        seen.extend(publisher.events().try_iter().map(|event| event.kind));
        assert!(start.elapsed() < DEADLINE, "not both: {seen:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    for number in 0..1000 {
        let body = [number.to_string().into_bytes(), vec![b'x'; number]].concat();
        publisher.send_within(&[b"a.x", &body], DEADLINE).unwrap();
    }
    subscriber.wait().success();
}

struct Only([u8; 32]);

impl zmtp::Authenticator for Only {
    fn admit(&self, peer: &zmtp::Credentials<'_>) -> Result<zmtp::Rights, String> {
        if peer.key == Some(&self.0) {
            Ok(zmtp::Rights::default())
        } else {
            Err("a stranger".to_owned())
        }
    }
}

#[test]
fn pyzmq_with_an_authenticator_admits_the_engine_by_its_key_and_refuses_another_key() {
    let Some(python) = python() else { return };
    // The authenticator reads the keys that it admits from a directory.
    let script = "
import pathlib, tempfile
from zmq.auth.thread import ThreadAuthenticator
with tempfile.TemporaryDirectory() as directory, zmq.Context() as context:
    known = pathlib.Path(directory, 'client.key')
    known.write_text('metadata\\ncurve\\n    public-key = \"%s\"\\n' % keys[3].decode())
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve(domain='global', location=directory)
    with context.socket(zmq.XPUB) as socket:
        socket.curve_secretkey, socket.curve_publickey, socket.curve_server = keys[0], keys[1], True
        socket.zap_domain = b'global'
        socket.linger = 5000
        port = socket.bind_to_random_port('tcp://127.0.0.1')
        print('bound to 127.0.0.1:%d' % port, file=sys.stderr, flush=True)
        assert socket.recv() == b'\\x01a.'
        for number in range(1000):
            socket.send_multipart([b'a.x', b'%d' % number + b'x' * number])
        assert socket.recv() == b'\\x00a.'
    authenticator.stop()
";
    let [server, client, stranger] = [(); 3].map(|()| KeyPair::generate());
    let mut command = python.command();
    command.args(["-c", &format!("{KEYS}{script}"), ""]);
    command.args(hex(&[&server, &client, &stranger]));
    let mut publisher = Running::start(command, Input::Empty);
    let endpoint = Address::Tcp(publisher.expect_address("bound to "));
    let subscriber = |keys: &KeyPair| {
        let security = Security::CurveClient { keys: keys.clone(), server: *server.public() };
        let options = Options { security, ..Options::subscriber() };
        let subscriber = Subscriber::new(options, &["a."]).unwrap();
        subscriber.connect(&endpoint);
        subscriber
    };
    let refused = EventKind::Failed(Disconnect::RefusedByPeer("400".to_owned()));
    let stranger = subscriber(&stranger);
    let (mut seen, start) = (Vec::new(), std::time::Instant::now());
    while !seen.contains(&refused) {
        seen.extend(stranger.events().try_iter().map(|event| event.kind));
        assert!(start.elapsed() < DEADLINE, "not refused: {seen:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    let known = subscriber(&client);
    let mut number = 0;
    while number < 1000 {
        let batch = known.recv(DEADLINE).unwrap().expect("messages");
        for message in batch.messages() {
            let expected = [number.to_string().into_bytes(), vec![b'x'; number]].concat();
            assert!(message.frames().eq([&b"a.x"[..], &expected]), "{number}");
            number += 1;
        }
    }
    known.close(DEADLINE);
    publisher.wait().success();
}

#[test]
fn pyzmq_asks_the_engine_as_a_dealer_and_answers_it_as_a_router() {
    let Some(python) = python() else { return };
    let script = "
import sys, zmq
with zmq.Context() as context:
    with context.socket(zmq.DEALER) as dealer, context.socket(zmq.ROUTER) as router:
        dealer.linger = 5000
        dealer.connect(sys.argv[1])
        for number in range(100):
            dealer.send_multipart([b'question', b'%d' % number])
        for number in range(100):
            assert dealer.recv_multipart() == [b'answer', b'%d' % number]
        router.connect(sys.argv[2])
        for number in range(100):
            sender, *question = router.recv_multipart()
            router.send_multipart([sender, b'answer', *question])
        assert router.recv_multipart() == [sender, b'end']
";
    let router = Router::new(Options::subscriber()).unwrap();
    let dealer = Router::dealer(Options::subscriber()).unwrap();
    let any = address("tcp://127.0.0.1:*");
    let bound = [&router, &dealer].map(|it| it.bind(&any).unwrap().to_string());
    let mut command = python.command();
    command.args(["-c", script]).args(&bound);
    let peer = Running::start(command, Input::Empty);
    for number in 0..100 {
        let question = router.recv(DEADLINE).unwrap().expect("a question");
        let number = number.to_string().into_bytes();
        assert!(question.frames().eq([&b"question"[..], &number]));
        assert_eq!(router.send(question.connection, &[b"answer", &number]), Delivery::Sent);
    }
    let start = std::time::Instant::now();
    while dealer.connections().is_empty() {
        assert!(start.elapsed() < DEADLINE, "no connection");
        std::thread::sleep(Duration::from_millis(5));
    }
    let connection = dealer.connections()[0];
    for number in 0..100_u8 {
        assert_eq!(dealer.send(connection, &[&[number], b"", &[b'x'; 300]]), Delivery::Sent);
        let answer = dealer.recv(DEADLINE).unwrap().expect("an answer");
        assert!(answer.frames().eq([&b"answer"[..], &[number], b"", &[b'x'; 300]]));
    }
    assert_eq!(dealer.send(connection, &[b"end"]), Delivery::Sent);
    peer.wait().success();
}

#[test]
fn logbook_pushes_to_a_subscriber_that_accepts_push() {
    let Some(python) = python() else { return };
    let script = "
import sys, logbook
from logbook.queues import ZeroMQHandler
handler = ZeroMQHandler(sys.argv[1], multi=True)
with handler.applicationbound():
    for number in range(100):
        logbook.Logger('app').warning('number {}', number)
handler.close(5000)
";
    let options = Options { accept_push: true, ..Options::subscriber() };
    let subscriber = Subscriber::new(options, &[""]).unwrap();
    let bound = subscriber.bind(&address("tcp://127.0.0.1:*")).unwrap().to_string();
    let peer = pyzmq(&python, script, &bound);
    let mut number = 0;
    while number < 100 {
        let batch = subscriber.recv(DEADLINE).unwrap().expect("records");
        for message in batch.messages() {
            let frames: Vec<&[u8]> = message.frames().collect();
            let record: serde_json::Value = serde_json::from_slice(frames[0]).unwrap();
            let message = record["message"].as_str();
            assert_eq!((frames.len(), message), (1, Some(&*format!("number {number}"))));
            number += 1;
        }
    }
    peer.wait().success();
}

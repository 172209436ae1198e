//! Both sides against each other, any split of the bytes, and everything changed on the way.

use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::Disconnect;
use crate::protocol::command;
use crate::protocol::frame::{self, Frames};
use crate::protocol::greeting;
use crate::protocol::handshake::{Handshake, Own};
use crate::protocol::keys::{KEY, KeyPair};
use crate::protocol::security::{Authenticator, Credentials, Rights, Security};
use crate::protocol::session::Session;
use crate::protocol::socket_type::SocketType;

const MAX_MESSAGE: usize = 5000;

/// One side of a connection.
struct End {
    handshake: Option<Handshake>,
    session: Option<Session>,
    /// What it has to send, and what it has received in plain.
    out: Vec<u8>,
    plain: Vec<u8>,
}

impl End {
    fn new(socket_types: &'static [SocketType], security: Security) -> End {
        End::admitting(socket_types, security, None)
    }

    fn admitting(
        socket_types: &'static [SocketType],
        security: Security,
        authenticator: Option<Arc<dyn Authenticator>>,
    ) -> End {
        let mut out = Vec::new();
        let own = Own { socket_types, security, authenticator, max_message: MAX_MESSAGE };
        let handshake = Some(Handshake::new(&own, "192.0.2.1:5", &mut out));
        End { handshake, session: None, out, plain: Vec::new() }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Disconnect> {
        let mut bytes = bytes.to_vec();
        if let Some(handshake) = &mut self.handshake {
            let Some(peer) = handshake.read(&bytes, &mut self.out)? else { return Ok(()) };
            (self.handshake, self.session, bytes) = (None, peer.session, peer.rest);
        }
        let session = self.session.as_mut().expect("a session");
        session.receive(&bytes)?;
        assert!(session.held() <= 2 * (MAX_MESSAGE + 100) + bytes.len());
        // In small pieces, as if the reader had little room.
        let mut buffer = [0; 7];
        while session.has_plain() {
            let taken = session.take(&mut buffer);
            self.plain.extend(&buffer[..taken]);
        }
        Ok(())
    }

    fn send(&mut self, frames: &[u8]) {
        let session = self.session.as_mut().expect("a session");
        assert_eq!(session.encrypt(frames, usize::MAX, &mut self.out), frames.len());
    }
}

fn pair() -> (End, End) {
    let (server, client) = (KeyPair::generate(), KeyPair::generate());
    let security = Security::CurveClient { keys: client, server: *server.public() };
    let client = End::new(&[SocketType::XSub], security);
    (client, End::new(&[SocketType::XPub], Security::CurveServer(server)))
}

/// Passes on what both sides send, through `change`, until there is nothing more.
fn exchange(
    client: &mut End,
    server: &mut End,
    mut change: impl FnMut(&'static str, Vec<u8>) -> Vec<Vec<u8>>,
) -> Result<(), (&'static str, Disconnect)> {
    while !client.out.is_empty() || !server.out.is_empty() {
        for piece in change("client", std::mem::take(&mut client.out)) {
            server.feed(&piece).map_err(|why| ("server", why))?;
        }
        for piece in change("server", std::mem::take(&mut server.out)) {
            client.feed(&piece).map_err(|why| ("client", why))?;
        }
    }
    Ok(())
}

fn unchanged(_: &'static str, bytes: Vec<u8>) -> Vec<Vec<u8>> {
    vec![bytes]
}

fn connected() -> (End, End) {
    let (mut client, mut server) = pair();
    assert_eq!(exchange(&mut client, &mut server, unchanged), Ok(()));
    assert!(client.session.is_some() && server.session.is_some());
    (client, server)
}

fn message(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, body) in frames.iter().enumerate() {
        frame::put_message(&mut bytes, body, at + 1 < frames.len());
    }
    bytes
}

/// Splits each stream at these places.
fn splitter(cuts: &[Index]) -> impl FnMut(&'static str, Vec<u8>) -> Vec<Vec<u8>> {
    move |_, bytes| {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_sides_receive_what_the_other_sent_however_it_is_split(
        sent in vec(vec(vec(any::<u8>(), 0..300), 1..4), 0..6),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let (mut client, mut server) = pair();
        prop_assert_eq!(exchange(&mut client, &mut server, splitter(&cuts)), Ok(()));
        let mut plain: Vec<u8> = sent.iter().flat_map(|frames| message(frames)).collect();
        command::put_subscription(&mut plain, true, b"topic");
        client.send(&plain);
        server.send(&plain);
        prop_assert_eq!(exchange(&mut client, &mut server, splitter(&cuts)), Ok(()));
        prop_assert!(client.plain == plain && server.plain == plain);
    }

    #[test]
    fn a_changed_byte_ends_the_connection_and_nothing_after_it_is_taken(
        at in any::<Index>(), with in 1..=255u8, from_client in any::<bool>(),
    ) {
        let (client, server) = connected();
        let (mut from, mut to) = if from_client { (client, server) } else { (server, client) };
        let plain = message(&[b"one".to_vec(), b"two".to_vec()]);
        from.send(&plain);
        let mut bytes = std::mem::take(&mut from.out);
        // Of a header, only the length matters.
        let at = at.index(bytes.len());
        prop_assume!(at % (bytes.len() / 2) != 0);
        bytes[at] ^= with;
        let outcome = to.feed(&bytes);
        // A length that has grown is waited for.
        prop_assert!(outcome.is_err() || to.plain.len() < plain.len());
        prop_assert!(plain.starts_with(&to.plain));
    }
}

/// The frames of `bytes`, after a greeting if there is one.
fn commands(bytes: &[u8]) -> Vec<Vec<u8>> {
    let bytes = if bytes.first() == Some(&0xff) { &bytes[greeting::LEN..] } else { bytes };
    Frames(bytes).map(<[u8]>::to_vec).collect()
}

/// A handshake in which `change` changes the body of each command. Returns who ended it and why.
fn changed(change: impl Fn(&mut Vec<u8>)) -> Option<(&'static str, Disconnect)> {
    let (mut client, mut server) = pair();
    let rewrite = |_: &'static str, bytes: Vec<u8>| {
        let greeting = if bytes.first() == Some(&0xff) { greeting::LEN } else { 0 };
        let mut out = bytes[..greeting].to_vec();
        for mut body in commands(&bytes) {
            change(&mut body);
            frame::put_header(&mut out, false, true, body.len());
            out.extend(body);
        }
        vec![out]
    };
    exchange(&mut client, &mut server, rewrite).err()
}

#[test]
fn a_handshake_with_a_changed_or_truncated_command_ends_with_its_name() {
    assert_eq!(changed(|_| ()), None);
    let receivers =
        [("HELLO", "server"), ("WELCOME", "client"), ("INITIATE", "server"), ("READY", "client")];
    for (name, receiver) in receivers {
        let is_it = |body: &[u8]| body[1..].starts_with(name.as_bytes());
        let flipped = changed(|body| {
            if is_it(body) {
                *body.last_mut().expect("a byte") ^= 1;
            }
        });
        assert_eq!(flipped, Some((receiver, Disconnect::Undecipherable(name))));
        for keep in [0, 20] {
            let truncated = changed(|body| {
                if is_it(body) {
                    body.truncate(1 + name.len() + keep);
                }
            });
            let (by, why) = truncated.expect("an end");
            assert_eq!(by, receiver);
            let named = matches!(why, Disconnect::Malformed(_) | Disconnect::Undecipherable(_));
            assert!(named, "{name}: {why:?}");
        }
        let renamed = changed(|body| {
            if is_it(body) {
                body[1] = b'X';
            }
        });
        assert_eq!(
            renamed,
            Some((receiver, Disconnect::Malformed("a CURVE command out of order")))
        );
    }
}

#[test]
fn wrong_keys_and_a_stolen_public_key_are_refused() {
    let (server, other, client) = (KeyPair::generate(), KeyPair::generate(), KeyPair::generate());
    let stolen = KeyPair::of(*other.public(), *client.secret());
    for (keys, expected_server, refused) in
        [(client.clone(), *other.public(), "HELLO"), (stolen, *server.public(), "INITIATE")]
    {
        let security = Security::CurveClient { keys, server: expected_server };
        let mut client = End::new(&[SocketType::XSub], security);
        let mut server = End::new(&[SocketType::XPub], Security::CurveServer(server.clone()));
        let outcome = exchange(&mut client, &mut server, unchanged);
        assert_eq!(outcome, Err(("server", Disconnect::Undecipherable(refused))));
    }
    let weak = Security::CurveClient { keys: client, server: [0; KEY] };
    let mut client = End::new(&[SocketType::XSub], weak);
    let mut server = End::new(&[SocketType::XPub], Security::CurveServer(server));
    let outcome = exchange(&mut client, &mut server, unchanged);
    assert!(matches!(outcome, Err((_, Disconnect::Malformed(_)))), "{outcome:?}");
}

#[test]
fn commands_of_a_handshake_that_are_repeated_or_out_of_order_end_it() {
    for name in ["HELLO", "WELCOME", "INITIATE"] {
        let (mut client, mut server) = pair();
        let twice = |_: &'static str, bytes: Vec<u8>| {
            let again = bytes.windows(name.len()).any(|part| part == name.as_bytes());
            let start = if bytes.first() == Some(&0xff) { greeting::LEN } else { 0 };
            let repeated = if again { bytes[start..].to_vec() } else { Vec::new() };
            vec![[bytes, repeated].concat()]
        };
        let outcome = exchange(&mut client, &mut server, twice);
        assert!(matches!(outcome, Err((_, Disconnect::Malformed(_)))), "{name}: {outcome:?}");
    }
}

#[test]
fn repeated_missing_reordered_and_plain_frames_end_the_connection() {
    let one = |end: &mut End, body: &[u8]| {
        end.send(&message(&[body.to_vec()]));
        std::mem::take(&mut end.out)
    };
    type Attack = fn(&[Vec<u8>]) -> Vec<u8>;
    let attacks: [(Attack, Disconnect); 6] = [
        (|sent| [&sent[0][..], &sent[0]].concat(), Disconnect::Replayed),
        (|sent| [&sent[0][..], &sent[2]].concat(), Disconnect::Replayed),
        (|sent| [&sent[1][..], &sent[0]].concat(), Disconnect::Replayed),
        (|_| b"\x00\x05plain".to_vec(), Disconnect::Malformed("a frame that is not encrypted")),
        (
            |sent| [b"\x00\x12".as_slice(), &sent[0][2..20]].concat(),
            Disconnect::Malformed("a CURVE command of a wrong length"),
        ),
        (
            |_| [&[2][..], &(MAX_MESSAGE as u64 + 100).to_be_bytes()].concat(),
            Disconnect::MessageTooLarge(MAX_MESSAGE),
        ),
    ];
    for from_client in [true, false] {
        for (attack, expected) in &attacks {
            let (client, server) = connected();
            let (mut from, mut to) = if from_client { (client, server) } else { (server, client) };
            let sent = [&b"one"[..], b"two", b"three"].map(|body| one(&mut from, body));
            assert_eq!(to.feed(&attack(&sent)), Err(expected.clone()));
        }
    }
}

/// Keeps whom it was asked about.
struct Asked(Mutex<Vec<(String, Vec<u8>, String)>>, bool);

impl Authenticator for Asked {
    fn admit(&self, peer: &Credentials<'_>) -> Result<Rights, String> {
        let key = peer.key.expect("a key").to_vec();
        let asked = (peer.mechanism.to_owned(), key, peer.address.to_owned());
        self.0.lock().expect("a lock").push(asked);
        if self.1 { Ok(Rights::default()) } else { Err("on no list".to_owned()) }
    }
}

#[test]
fn an_authenticator_is_asked_with_the_proved_key_before_ready_is_sent() {
    for admits in [true, false] {
        let (server, client) = (KeyPair::generate(), KeyPair::generate());
        let security = Security::CurveClient { keys: client.clone(), server: *server.public() };
        let asked = Arc::new(Asked(Mutex::default(), admits));
        let authenticator = Some(Arc::clone(&asked) as Arc<dyn Authenticator>);
        let security_of_server = Security::CurveServer(server);
        let mut server = End::admitting(&[SocketType::XPub], security_of_server, authenticator);
        let mut client_end = End::new(&[SocketType::XSub], security);
        let outcome = exchange(&mut client_end, &mut server, unchanged);
        let expected = ("CURVE".to_owned(), client.public().to_vec(), "192.0.2.1:5".to_owned());
        assert_eq!(*asked.0.lock().expect("a lock"), [expected]);
        if admits {
            assert_eq!(outcome, Ok(()));
        } else {
            let refused = Disconnect::Refused("on no list".to_owned());
            assert_eq!(outcome, Err(("server", refused)));
            assert_eq!(server.out, b"\x04\x0a\x05ERROR\x03400");
            let told = client_end.feed(&server.out);
            assert_eq!(told, Err(Disconnect::RefusedByPeer("400".to_owned())));
        }
    }
}

#[test]
fn the_debug_form_of_a_key_pair_hides_the_secret_key() {
    let keys = KeyPair::from_secret([7; KEY]);
    assert!(!format!("{keys:?}").contains("[7, 7"));
    assert_eq!(*KeyPair::from_secret(*keys.secret()).public(), *keys.public());
}

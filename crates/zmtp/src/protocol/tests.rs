//! Any split of the bytes gives the same events, and nothing that arrives takes more memory than
//! stated.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::command::{self, Command};
use super::frame::{self, Frames};
use super::greeting;
use super::handshake::{Handshake, Own, Peer};
use super::heartbeat::{Due, Heartbeat};
use super::metadata::{self, Property, SOCKET_TYPE};
use super::scanner::{Item, Scanner};
use super::security::{Authenticator, Credentials, Rights, Security};
use super::socket_type::SocketType;
use super::subscription::{self, FromSubscriber};
use crate::Disconnect;

const MAX_MESSAGE: usize = 4096;
const MAX_PARTS: usize = 4;

/// What a stream holds.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Message(Vec<Vec<u8>>),
    Command(Vec<u8>),
}

fn part() -> impl Strategy<Value = Part> {
    let frame = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 250..260)];
    prop_oneof![
        vec(frame, 1..=MAX_PARTS).prop_map(Part::Message),
        vec(any::<u8>(), 0..300).prop_map(Part::Command),
    ]
}

fn encode(parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Message(frames) => {
                for (at, body) in frames.iter().enumerate() {
                    frame::put_message(&mut out, body, at + 1 < frames.len());
                }
            }
            Part::Command(body) => {
                frame::put_header(&mut out, false, true, body.len());
                out.extend(body);
            }
        }
    }
    out
}

/// Splits `bytes` at these places.
fn split<'b>(bytes: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// What a scanner finds in a stream that arrives in pieces. Checks that the incomplete rest stays
/// within its limit.
fn scan(pieces: &[&[u8]]) -> Result<Vec<Part>, (Vec<Part>, Disconnect)> {
    let mut scanner = Scanner::new(MAX_MESSAGE, MAX_PARTS);
    let (mut held, mut found) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match scanner.next(&held) {
                Err(why) => return Err((found, why)),
                Ok(None) => break,
                Ok(Some(item)) => {
                    let (Item::Message(len) | Item::Command { len, .. }) = item;
                    found.push(match item {
                        Item::Message(_) => {
                            let frames = Frames(&held[..len]).map(<[u8]>::to_vec);
                            Part::Message(frames.collect())
                        }
                        Item::Command { body, .. } => Part::Command(held[body..len].to_vec()),
                    });
                    held.drain(..len);
                }
            }
        }
        assert!(held.len() < MAX_MESSAGE && scanner.needed() <= MAX_MESSAGE);
    }
    Ok(found)
}

proptest! {
    #[test]
    fn messages_and_commands_survive_any_split(
        parts in vec(part(), 0..12),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes = encode(&parts);
        prop_assert_eq!(scan(&split(&bytes, &cuts)), Ok(parts));
    }

    #[test]
    fn random_bytes_give_the_same_events_however_they_are_split(
        bytes in vec(prop_oneof![0..8u8, any::<u8>()], 0..400),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(scan(&split(&bytes, &cuts)), scan(&single));
    }

    #[test]
    fn a_handshake_gives_the_same_outcome_however_it_is_split(
        bytes in prop_oneof![
            valid_handshake(),
            (valid_handshake(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut b, at, x)| {
                let at = at.index(b.len());
                b[at] = x;
                b
            }),
            vec(any::<u8>(), 0..200),
        ],
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(shake(&split(&bytes, &cuts)), shake(&single));
    }

    #[test]
    fn no_bytes_of_a_command_make_the_parser_panic(body in vec(any::<u8>(), 0..40)) {
        let _ = command::parse(&body);
    }
}

fn put_ready(out: &mut Vec<u8>, properties: &[Property<'_>]) {
    command::put(out, "READY", &[&metadata::encode(properties)]);
}

fn own(socket_types: &'static [SocketType], authenticator: Option<Arc<dyn Authenticator>>) -> Own {
    Own { socket_types, security: Security::Null, authenticator, max_message: MAX_MESSAGE }
}

fn valid_handshake() -> impl Strategy<Value = Vec<u8>> {
    (0..2u8, vec(any::<u8>(), 0..20)).prop_map(|(minor, rest)| {
        let mut bytes = greeting::encode("NULL", false).to_vec();
        bytes[11] = minor;
        put_ready(&mut bytes, &[("Identity", b""), (SOCKET_TYPE, b"SUB")]);
        bytes.extend(rest);
        bytes
    })
}

/// Whether the peer knows commands, and what it has sent after the handshake, if that is complete.
type Outcome = Result<Option<(bool, Vec<u8>)>, Disconnect>;

/// The outcome of a handshake, and what the peer was sent. What follows the handshake may arrive
/// with it or later.
fn shake(pieces: &[&[u8]]) -> (Outcome, Vec<u8>) {
    let mut out = Vec::new();
    let mut handshake = Handshake::new(&own(&[SocketType::XPub], None), "", &mut out);
    let mut pieces = pieces.iter();
    while let Some(piece) = pieces.next() {
        match handshake.read(piece, &mut out) {
            Ok(None) => {}
            Ok(Some(Peer { has_commands, mut rest, .. })) => {
                pieces.for_each(|piece| rest.extend_from_slice(piece));
                return (Ok(Some((has_commands, rest))), out);
            }
            Err(why) => return (Err(why), out),
        }
    }
    (Ok(None), out)
}

/// A handshake with these bytes of the peer, in one piece.
fn refusal(bytes: &[u8]) -> Option<Disconnect> {
    shake(&[bytes]).0.err()
}

#[test]
fn a_handshake_fails_as_soon_as_it_must() {
    let greeting = |mechanism| greeting::encode(mechanism, false).to_vec();
    let ready = |kind: &str| {
        let mut bytes = greeting("NULL");
        put_ready(&mut bytes, &[(SOCKET_TYPE, kind.as_bytes())]);
        bytes
    };
    let then = |more: &[u8]| [greeting("NULL"), more.to_vec()].concat();
    let mut error = greeting("NULL");
    command::put_error(&mut error, "go\taway");
    let cases = [
        (b"GET / HTTP".to_vec(), Disconnect::NotZmtp),
        (b"\xff\0\0\0\0\0\0\0\x01\x7e".to_vec(), Disconnect::NotZmtp),
        (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01".to_vec(), Disconnect::OldVersion(2)),
        (greeting("CURVE"), Disconnect::Mechanism("CURVE".to_owned())),
        (ready("PULL"), Disconnect::SocketType("PULL".to_owned())),
        (ready("PUB"), Disconnect::SocketType("PUB".to_owned())),
        (error, Disconnect::RefusedByPeer("go\taway".to_owned())),
        (then(&[0, 1, 1]), Disconnect::Malformed("a message in a handshake")),
        (then(&[6, 0, 0, 0, 0, 0, 1, 0, 0]), Disconnect::MessageTooLarge(4096)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(refusal(&bytes), Some(expected));
    }
    assert_eq!(refusal(&ready("SUB")), None);
    assert_eq!(refusal(&ready("XSUB")), None);
    let told = shake(&[&ready("PULL")]).1;
    assert!(told.windows(19).any(|text| text == b"Invalid socket type"), "the peer is told why");
}

struct Deny;

impl Authenticator for Deny {
    fn admit(&self, peer: &Credentials<'_>) -> Result<Rights, String> {
        assert_eq!((peer.mechanism, peer.key, peer.address), ("NULL", None, "192.0.2.1:5"));
        Err("on no list".to_owned())
    }
}

#[test]
fn an_authenticator_is_asked_with_mechanism_key_and_address_before_ready_is_sent() {
    let mut out = Vec::new();
    let deny = Some(Arc::new(Deny) as Arc<dyn Authenticator>);
    let own = own(&[SocketType::XSub], deny);
    let mut handshake = Handshake::new(&own, "192.0.2.1:5", &mut out);
    let outcome = handshake.read(&greeting::encode("NULL", false), &mut out);
    assert_eq!(outcome.err(), Some(Disconnect::Refused("on no list".to_owned())));
    assert_eq!(&out[greeting::LEN..], b"\x04\x0a\x05ERROR\x03400");
}

#[test]
fn a_side_of_several_types_answers_as_the_one_that_fits_the_peer() {
    for (theirs, expected) in [
        ("PUB", Ok((SocketType::XSub, "XSUB"))),
        ("PUSH", Ok((SocketType::Pull, "PULL"))),
        ("DEALER", Err(Disconnect::SocketType("DEALER".to_owned()))),
    ] {
        let mut out = Vec::new();
        let own = own(&[SocketType::XSub, SocketType::Pull], None);
        let mut handshake = Handshake::new(&own, "", &mut out);
        let mut bytes = greeting::encode("NULL", false).to_vec();
        put_ready(&mut bytes, &[(SOCKET_TYPE, theirs.as_bytes())]);
        let outcome = handshake.read(&bytes, &mut out);
        let answer = |name: &str| out[greeting::LEN..].ends_with(name.as_bytes());
        match expected {
            Ok((own_type, name)) => {
                let peer = outcome.ok().flatten().expect("a peer");
                assert!(peer.own_type == own_type && answer(name));
            }
            Err(why) => assert_eq!(outcome.err(), Some(why)),
        }
    }
}

#[test]
fn subscriptions_come_as_commands_and_as_messages() {
    let mut command = Vec::new();
    command::put_subscription(&mut command, false, b"a.b");
    let cases: [(&[u8], _); 5] = [
        (b"\x00\x04\x01a.b", Ok(FromSubscriber::Subscription(true, b"a.b"))),
        (b"\x00\x01\x00", Ok(FromSubscriber::Subscription(false, b""))),
        (&command, Ok(FromSubscriber::Subscription(false, b"a.b"))),
        (b"\x00\x02\x02a", Err(Disconnect::NotASubscription)),
        (b"\x00\x00", Err(Disconnect::NotASubscription)),
    ];
    for (bytes, expected) in cases {
        let item = Scanner::new(100, 1).next(bytes).unwrap().expect("complete");
        assert_eq!(subscription::read(item, bytes), expected);
    }
}

#[test]
fn limits_are_checked_before_the_bytes_arrive() {
    let mut scanner = Scanner::new(100, 2);
    assert_eq!(scanner.next(&[0, 99]), Err(Disconnect::MessageTooLarge(100)));
    let mut scanner = Scanner::new(100, 2);
    assert_eq!(scanner.next(b"\x01\x00\x01\x00\x00\x00"), Err(Disconnect::TooManyParts(2)));
    let mut huge = vec![2];
    huge.extend((u64::MAX / 2).to_be_bytes());
    assert_eq!(Scanner::new(100, 2).next(&huge), Err(Disconnect::MessageTooLarge(100)));
    for wrong in [&[8, 0][..], &[5, 0], &[0xff, 0], &[2, 128, 0, 0, 0, 0, 0, 0, 0]] {
        assert!(matches!(Scanner::new(100, 2).next(wrong), Err(Disconnect::Malformed(_))));
    }
    let between = b"\x01\x01x\x04\x05\x04PING";
    assert!(matches!(Scanner::new(100, 2).next(between), Err(Disconnect::Malformed(_))));
}

#[test]
fn ping_is_answered_with_its_context() {
    let mut bytes = Vec::new();
    command::put_ping(&mut bytes);
    assert_eq!(command::parse(&bytes[2..]), Ok(Command::Ping(b"")));
    assert_eq!(command::parse(b"\x04PING\x00\x0actx"), Ok(Command::Ping(b"ctx")));
    assert!(command::parse(b"\x04PING\x00").is_err());
    assert!(command::parse(&[b"\x04PING\x00\x00".as_slice(), &[0; 17]].concat()).is_err());
    let mut bytes = Vec::new();
    command::put_pong(&mut bytes, b"ctx");
    assert_eq!(bytes, b"\x04\x08\x04PONGctx");
    assert_eq!(command::parse(&bytes[2..]), Ok(Command::Pong));
}

#[test]
fn a_silent_peer_is_asked_after_a_third_of_the_time_and_dead_after_the_whole() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut heartbeat = Heartbeat::new(Duration::from_secs(30), start);
    assert_eq!((heartbeat.check(at(9)), heartbeat.next()), (Due::Nothing, at(10)));
    assert_eq!(heartbeat.check(at(10)), Due::Ping);
    assert_eq!((heartbeat.check(at(29)), heartbeat.next()), (Due::Nothing, at(30)));
    assert_eq!(heartbeat.check(at(30)), Due::Silent);
    heartbeat.note_received(at(31));
    assert_eq!((heartbeat.check(at(40)), heartbeat.check(at(41))), (Due::Nothing, Due::Ping));
}

#[test]
fn a_process_that_was_stopped_asks_before_it_gives_a_peer_up() {
    let start = Instant::now();
    let later = start + Duration::from_secs(3600);
    let mut heartbeat = Heartbeat::new(Duration::from_secs(30), start);
    assert_eq!(heartbeat.check(later), Due::Ping);
    assert_eq!(heartbeat.check(later + Duration::from_secs(19)), Due::Nothing);
    assert_eq!(heartbeat.check(later + Duration::from_secs(20)), Due::Silent);
}

#[test]
fn the_time_in_which_a_process_was_stopped_is_no_silence_of_the_peer() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut heartbeat = Heartbeat::new(Duration::from_secs(30), start);
    assert_eq!(heartbeat.check(at(10)), Due::Ping);
    // Stopped from 12 to 3612.
    heartbeat.skip(Duration::from_secs(3600));
    assert_eq!((heartbeat.check(at(3612)), heartbeat.next()), (Due::Nothing, at(3630)));
    assert_eq!(heartbeat.check(at(3630)), Due::Silent);
}

#[test]
fn whole_messages_are_counted_up_to_a_limit() {
    let bytes = b"\x01\x01a\x00\x01b\x00\x02cd\x00\x00";
    for (messages, max, expected) in [
        (9, 99, (12, 3)),
        (9, 11, (10, 2)),
        (9, 9, (6, 1)),
        (9, 5, (0, 0)),
        (1, 99, (6, 1)),
        (0, 99, (0, 0)),
    ] {
        assert_eq!(frame::first_messages(bytes, messages, max), expected);
    }
}

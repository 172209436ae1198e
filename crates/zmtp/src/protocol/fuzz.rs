//! What the fuzzers of `fuzz/` run, and the ordinary tests with the inputs that those have found
//! worth keeping. Any bytes of a peer give the same events however they are split, and take no
//! more memory than stated.

use std::time::{Duration, Instant};

use super::command;
use super::frame::{self, Frames};
use super::handshake::{Handshake, Own};
use super::heartbeat::{Due, Heartbeat};
use super::keys::KeyPair;
use super::scanner::{Item, Scanner};
use super::security::Security;
use super::session::Session;
use super::socket_type::SocketType;
use super::subscription;
use crate::Disconnect;

const MAX_MESSAGE: usize = 4096;
const MAX_PARTS: usize = 4;

/// Reads any bytes, and panics if a promise is broken.
type Target = fn(&[u8]);

/// The targets, by name.
pub(crate) const TARGETS: [(&str, Target); 4] =
    [("frames", frames), ("handshake", handshake), ("session", session), ("heartbeat", heartbeat)];

/// Splits bytes into pieces of a length that the first one gives.
fn pieces(data: &[u8]) -> (&[u8], impl Iterator<Item = &[u8]>) {
    let (size, bytes) = data.split_first().map_or((1, data), |(size, rest)| (*size, rest));
    (bytes, bytes.chunks(usize::from(size).max(1)))
}

/// The messages and commands of a stream, and how it ends.
type Found = (Vec<Vec<u8>>, Option<Disconnect>);

fn scan<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Found {
    let mut scanner = Scanner::new(MAX_MESSAGE, MAX_PARTS);
    let (mut held, mut found) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let item = match scanner.next(&held) {
                Ok(None) => break,
                Ok(Some(item)) => item,
                Err(why) => return (found, Some(why)),
            };
            let len = match item {
                Item::Message(len) => {
                    let frames: usize = Frames(&held[..len]).map(<[u8]>::len).sum();
                    assert!(frames < len && Frames(&held[..len]).count() <= MAX_PARTS);
                    assert_eq!(frame::first_messages(&held[..len], 2, usize::MAX), (len, 1));
                    len
                }
                Item::Command { len, body } => {
                    let _ = command::parse(&held[body..len]);
                    len
                }
            };
            let _ = subscription::read(item, &held[..len]);
            found.push(held[..len].to_vec());
            held.drain(..len);
        }
        assert!(held.len() < MAX_MESSAGE && scanner.needed() <= MAX_MESSAGE);
    }
    (found, None)
}

/// Frames of a peer, after the handshake.
fn frames(data: &[u8]) {
    let (bytes, pieces) = pieces(data);
    assert_eq!(scan(pieces), scan(bytes.chunks(usize::MAX)));
}

/// How a handshake ends: whether the peer knows commands and what it has sent after the
/// handshake, or why it has failed.
type Outcome = Result<Option<(bool, Vec<u8>)>, Disconnect>;

fn shake<'p>(own: &Own, pieces: impl Iterator<Item = &'p [u8]>) -> Outcome {
    let mut out = Vec::new();
    let mut handshake = Handshake::new(own, "192.0.2.1:5", &mut out);
    let mut after: Option<(bool, Vec<u8>)> = None;
    for piece in pieces {
        match &mut after {
            Some((_, rest)) => rest.extend_from_slice(piece),
            None => {
                let peer = handshake.read(piece, &mut out)?;
                after = peer.map(|peer| (peer.has_commands, peer.rest));
            }
        }
        assert!(out.len() < 2000, "more than a handshake has");
    }
    Ok(after)
}

/// A handshake of each kind.
fn handshake(data: &[u8]) {
    let (kind, data) = data.split_first().map_or((0, data), |(kind, rest)| (*kind, rest));
    let keys = KeyPair::from_secret([kind; 32]);
    let own = Own {
        socket_types: match kind & 4 {
            0 => &[SocketType::XPub],
            _ => &[SocketType::XSub, SocketType::Pull],
        },
        security: match kind & 3 {
            0 | 1 => Security::Null,
            2 => Security::CurveServer(keys),
            _ => Security::CurveClient { server: *keys.public(), keys },
        },
        authenticator: None,
        max_message: MAX_MESSAGE,
    };
    let (bytes, pieces) = pieces(data);
    assert_eq!(shake(&own, pieces), shake(&own, bytes.chunks(usize::MAX)));
}

/// What a session decrypts from a stream, and how that ends.
fn decrypt<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> (Vec<u8>, Option<Disconnect>) {
    let (_, mut session) = Session::pair(MAX_MESSAGE);
    let (mut plain, mut buffer) = (Vec::new(), [0; 100]);
    for piece in pieces {
        let outcome = session.receive(piece);
        assert!(session.held() <= 2 * (MAX_MESSAGE + 100) + 2 * piece.len());
        while session.has_plain() {
            let taken = session.take(&mut buffer);
            plain.extend_from_slice(&buffer[..taken]);
        }
        if outcome.is_err() {
            return (plain, outcome.err());
        }
    }
    (plain, None)
}

/// Frames of a peer by CURVE: of one that has the right key, and then of one that has not.
fn session(data: &[u8]) {
    let (bytes, sizes) = pieces(data);
    let (mut sender, _) = Session::pair(MAX_MESSAGE);
    let mut encrypted = Vec::new();
    for body in sizes {
        let (flags, body) = body.split_first().map_or((0, body), |(flags, rest)| (*flags, rest));
        sender.seal(flags, body, &mut encrypted);
    }
    let size = usize::from(data.first().copied().unwrap_or(1)).max(1);
    for bytes in [&encrypted, bytes] {
        let (whole, ended) = decrypt(bytes.chunks(usize::MAX));
        // What was decrypted before an error is the same up to where the pieces ended.
        let (split, split_ended) = decrypt(bytes.chunks(size));
        assert_eq!(ended, split_ended);
        assert!(split == whole);
        assert!(scan(whole.chunks(usize::MAX)) == scan(split.chunks(size)));
    }
}

/// A clock that goes on by any steps: a peer is dead only if it was asked, and had the time to
/// answer.
fn heartbeat(data: &[u8]) {
    let limit = Duration::from_secs(30);
    let mut now = Instant::now();
    let mut heartbeat = Heartbeat::new(limit, now);
    let (mut received, mut asked) = (now, None);
    for step in data {
        now += Duration::from_millis(u64::from(step >> 1) * 200);
        if step & 1 == 1 {
            heartbeat.note_received(now);
            (received, asked) = (now, None);
            continue;
        }
        match heartbeat.check(now) {
            Due::Nothing => assert!(now < heartbeat.next()),
            Due::Ping => {
                assert!(asked.is_none() && now >= received + limit / 3);
                asked = Some(now);
            }
            Due::Silent => assert!(asked.is_some_and(|at| now >= at + limit - limit / 3)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn inputs_that_the_fuzzers_have_kept_pass() {
        for (name, target) in TARGETS {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            let files = std::fs::read_dir(corpus).expect("a corpus");
            let mut count = 0;
            for file in files {
                target(&std::fs::read(file.expect("a file").path()).expect("an input"));
                count += 1;
            }
            assert!(count > 5, "{name}");
        }
    }
}

//! A handshake whose only purpose is to learn the type of the peer's socket.

use std::io::{self, Read, Write};

use crate::protocol::command::{self, Command};
use crate::protocol::greeting;
use crate::protocol::handshake::MAX_COMMAND;
use crate::protocol::metadata;
use crate::protocol::scanner::{Item, Scanner};
use crate::protocol::socket_type::SocketType;

/// Shakes hands over a connection, without encryption, and returns the type of the peer's socket as it
/// names it (`XPUB`). `None` if the peer speaks another protocol, asks for another mechanism, or the
/// connection ends: `stream` needs a deadline of its own.
///
/// To a publisher and a subscriber it looks like a peer that connects and leaves: they would
/// report a handshake that is broken off. Other sockets see that, because a PUSH would send messages
/// to a peer.
pub fn peer_type(mut stream: impl Read + Write) -> Option<String> {
    stream.write_all(&greeting::encode("NULL", false)).ok()?;
    let mut received = Vec::new();
    let theirs = loop {
        if let Some(theirs) = greeting::parse(&received).ok()? {
            break theirs;
        }
        read_more(&mut stream, &mut received).ok()?;
    };
    if theirs.mechanism != b"NULL" {
        return None;
    }
    received.drain(..greeting::LEN);
    let mut scanner = Scanner::new(MAX_COMMAND, 1);
    let body = loop {
        match scanner.next(&received).ok()? {
            Some(Item::Command { len, body }) => break &received[body..len],
            Some(Item::Message(_)) => return None,
            None => read_more(&mut stream, &mut received).ok()?,
        }
    };
    let Ok(Command::Ready(properties)) = command::parse(body) else { return None };
    let kind = metadata::find(properties, metadata::SOCKET_TYPE).ok()??;
    let own = [SocketType::Sub, SocketType::Pub].into_iter().find(|own| own.fits(kind));
    if let Some(own) = own {
        let mut ready = Vec::new();
        command::put(&mut ready, "READY", &[&metadata::of_type(own)]);
        // The answer is known, whether the peer gets this or not.
        let _ = stream.write_all(&ready);
    }
    Some(String::from_utf8_lossy(kind).into_owned())
}

fn read_more(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 512];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            received.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}

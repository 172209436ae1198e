//! Commands: a name, and data whose form depends on it.

use bytes::BufMut;

use super::frame;
use crate::disconnect::Disconnect;

/// Longest context of a PING, in bytes.
const MAX_CONTEXT: usize = 16;

/// A command of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Command<'a> {
    /// The peer's metadata; see [`metadata::parse`].
    Ready(&'a [u8]),
    /// The peer refuses the handshake, for this reason.
    Error(&'a [u8]),
    /// Subscribes to a prefix.
    Subscribe(&'a [u8]),
    /// Cancels a prefix.
    Cancel(&'a [u8]),
    /// Asks for a PONG with this context.
    Ping(&'a [u8]),
    /// Answers a PING.
    Pong,
    /// Any other command, by its name, and its data. After the handshake, peers ignore what they
    /// don't know.
    Other(&'a [u8], &'a [u8]),
}

/// Parses the body of a command.
///
/// # Errors
/// It has no name, or its data is malformed.
pub(crate) fn parse(body: &[u8]) -> Result<Command<'_>, Disconnect> {
    let Some((name, data)) = short_string(body).filter(|(name, _)| !name.is_empty()) else {
        return Err(Disconnect::Malformed("a command without a name"));
    };
    Ok(match name {
        b"READY" => Command::Ready(data),
        b"ERROR" => {
            let reason = short_string(data);
            let reason = reason.ok_or(Disconnect::Malformed("an ERROR without a reason"))?;
            Command::Error(reason.0)
        }
        b"SUBSCRIBE" => Command::Subscribe(data),
        b"CANCEL" => Command::Cancel(data),
        b"PING" => match data.get(2..) {
            Some(context) if context.len() <= MAX_CONTEXT => Command::Ping(context),
            _ => return Err(Disconnect::Malformed("a PING of a wrong length")),
        },
        b"PONG" => Command::Pong,
        _ => Command::Other(name, data),
    })
}

/// Splits a string after its length of one byte.
fn short_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

/// Writes a command. `data` is concatenated.
pub(crate) fn put(out: &mut impl BufMut, name: &str, data: &[&[u8]]) {
    let size = 1 + name.len() + data.iter().map(|part| part.len()).sum::<usize>();
    frame::put_header(out, false, true, size);
    put_short_string(out, name.as_bytes());
    data.iter().for_each(|part| out.put_slice(part));
}

fn put_short_string(out: &mut impl BufMut, text: &[u8]) {
    out.put_u8(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.put_slice(text);
}

/// Writes ERROR. The reason is cut after 255 bytes.
pub(crate) fn put_error(out: &mut impl BufMut, reason: &str) {
    let reason = &reason.as_bytes()[..reason.len().min(255)];
    let mut data = Vec::new();
    put_short_string(&mut data, reason);
    put(out, "ERROR", &[&data]);
}

/// Writes SUBSCRIBE or CANCEL.
pub(crate) fn put_subscription(out: &mut impl BufMut, subscribe: bool, prefix: &[u8]) {
    put(out, if subscribe { "SUBSCRIBE" } else { "CANCEL" }, &[prefix]);
}

/// Writes PING without a context. Its time to live is 0: with another one libzmq starts a timer
/// that ends the connection while its own reader pauses.
pub(crate) fn put_ping(out: &mut impl BufMut) {
    put(out, "PING", &[&[0, 0]]);
}

/// Writes PONG with the context of the PING.
pub(crate) fn put_pong(out: &mut impl BufMut, context: &[u8]) {
    put(out, "PONG", &[context]);
}

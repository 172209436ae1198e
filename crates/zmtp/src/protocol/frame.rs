//! Frames: a flag byte, a length of one or eight bytes, and the body.

use bytes::BufMut;

use crate::disconnect::Disconnect;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// The longest header.
pub(crate) const MAX_HEADER: usize = 9;

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// Another frame of the same message follows.
    pub(crate) more: bool,
    /// The body is a command.
    pub(crate) command: bool,
    /// Bytes of the header.
    pub(crate) len: usize,
    /// Bytes of the body.
    pub(crate) size: u64,
}

impl Header {
    /// Parses the header at the start of `bytes`. Returns `None` while bytes are missing.
    ///
    /// # Errors
    /// Flags that ZMTP does not know, or a length that it does not allow.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Header>, Disconnect> {
        let Some(&flags) = bytes.first() else { return Ok(None) };
        let (more, command) = (flags & MORE != 0, flags & COMMAND != 0);
        if flags > MORE | LONG | COMMAND || more && command {
            return Err(Disconnect::Malformed("unknown flags of a frame"));
        }
        let (len, size) = if flags & LONG == 0 {
            let Some(&size) = bytes.get(1) else { return Ok(None) };
            (2, size.into())
        } else {
            let Some(size) = bytes.get(1..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            (MAX_HEADER, u64::from_be_bytes(*size))
        };
        // ZMTP 3 reserves the highest bit.
        if size > u64::MAX / 2 {
            return Err(Disconnect::Malformed("a frame length of 2^63 or more"));
        }
        Ok(Some(Header { more, command, len, size }))
    }
}

/// Whether bytes begin with a command.
pub(crate) fn is_command(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|flags| flags & COMMAND != 0)
}

/// Bytes that a frame with a body of `size` bytes takes.
pub(crate) fn encoded_len(size: usize) -> usize {
    size + if size > 255 { MAX_HEADER } else { 2 }
}

/// Writes a frame of a message.
#[inline]
pub(crate) fn put_message(out: &mut impl BufMut, body: &[u8], more: bool) {
    put_header(out, more, false, body.len());
    out.put_slice(body);
}

/// Writes the header of a frame with a body of `size` bytes.
#[inline]
pub(crate) fn put_header(out: &mut impl BufMut, more: bool, command: bool, size: usize) {
    let flags = if more { MORE } else { 0 } | if command { COMMAND } else { 0 };
    match u8::try_from(size) {
        Ok(short) => out.put_slice(&[flags, short]),
        Err(_) => {
            out.put_u8(flags | LONG);
            out.put_u64(size as u64);
        }
    }
}

/// The frames of one encoded message, which a [`Scanner`](super::scanner::Scanner) has checked.
#[derive(Clone, Debug)]
pub(crate) struct Frames<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let header = Header::parse(self.0).ok()??;
        let body = self.0.get(header.len..)?;
        let (body, rest) = body.split_at_checked(usize::try_from(header.size).ok()?)?;
        self.0 = rest;
        Some(body)
    }
}

/// The bytes and the number of the first messages of `bytes`: at most `max_messages`, and at most
/// `max_bytes` of them. `bytes` are whole messages.
pub(crate) fn first_messages(
    bytes: &[u8],
    max_messages: usize,
    max_bytes: usize,
) -> (usize, usize) {
    let (mut at, mut end, mut count) = (0, 0, 0);
    while count < max_messages
        && let Ok(Some(header)) = Header::parse(&bytes[at.min(bytes.len())..])
    {
        at = at.saturating_add(header.len);
        at = at.saturating_add(usize::try_from(header.size).unwrap_or(usize::MAX));
        if at > max_bytes || at > bytes.len() {
            break;
        }
        if !header.more {
            (end, count) = (at, count + 1);
        }
    }
    (end, count)
}

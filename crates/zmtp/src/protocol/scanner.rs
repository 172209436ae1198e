//! Splits a stream of bytes into messages and commands, within limits.

use super::frame::Header;
use crate::disconnect::Disconnect;

/// A message or a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    /// All frames of a message, with their headers: this many bytes.
    Message(usize),
    /// A command, with its header: this many bytes, of which the body starts at `body`.
    Command {
        /// Bytes in all.
        len: usize,
        /// Bytes of the header.
        body: usize,
    },
}

/// Finds the end of messages. Remembers how far an incomplete message was scanned, so that each
/// frame is looked at once however its bytes arrive.
#[derive(Debug)]
pub(crate) struct Scanner {
    /// Most bytes of a message with its headers.
    max_message: usize,
    /// Most frames of a message.
    max_parts: usize,
    /// Bytes and frames of the incomplete message whose frames are known.
    scanned: usize,
    parts: usize,
    /// Bytes of the incomplete message with the frame whose header is known.
    needed: usize,
}

impl Scanner {
    pub(crate) fn new(max_message: usize, max_parts: usize) -> Scanner {
        Scanner { max_message, max_parts, scanned: 0, parts: 0, needed: 0 }
    }

    /// Finds the message or command at the start of `bytes`. Returns `None` while it is
    /// incomplete: the next call must pass the same bytes and further ones.
    ///
    /// # Errors
    /// It breaks the protocol or a limit.
    #[inline]
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<Item>, Disconnect> {
        loop {
            let Some(header) = Header::parse(bytes.get(self.scanned..).unwrap_or_default())? else {
                return Ok(None);
            };
            if header.command && self.parts > 0 {
                return Err(Disconnect::Malformed("a command between the frames of a message"));
            }
            if self.parts >= self.max_parts {
                return Err(Disconnect::TooManyParts(self.max_parts));
            }
            let end = usize::try_from(header.size).ok();
            let end = end.and_then(|size| size.checked_add(self.scanned + header.len));
            let Some(end) = end.filter(|end| *end <= self.max_message) else {
                return Err(Disconnect::MessageTooLarge(self.max_message));
            };
            if bytes.len() < end {
                self.needed = end;
                return Ok(None);
            }
            if header.more {
                (self.scanned, self.parts) = (end, self.parts + 1);
                continue;
            }
            (self.scanned, self.parts, self.needed) = (0, 0, 0);
            return Ok(Some(match header.command {
                true => Item::Command { len: end, body: header.len },
                false => Item::Message(end),
            }));
        }
    }

    /// Bytes of the incomplete message that are known to be needed.
    pub(crate) fn needed(&self) -> usize {
        self.needed
    }
}

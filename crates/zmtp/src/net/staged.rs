//! Bytes to write before what the outbox has.

use std::io::{self, IoSlice};

use super::outbox::Outbox;
use super::transport::Stream;
use crate::protocol::session::{self, Session};

/// Bytes that are encrypted at a time, or one frame if that is larger. The memory that is kept.
const BATCH: usize = 64 << 10;

/// Bytes to write before what the outbox has: those of the handshake, and those that are
/// encrypted. Encrypted messages stay in the outbox until they are written: so it alone says
/// what a peer was not sent yet.
#[derive(Default)]
pub(crate) struct Staged {
    bytes: Vec<u8>,
    /// Bytes that are written.
    written: usize,
    /// Bytes of the outbox that they were encrypted from.
    plain: usize,
    /// Bytes before those that are encrypted.
    unencrypted: usize,
}

impl Staged {
    /// Appends bytes that are sent as they are.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Encrypts the first messages of the outbox.
    pub(crate) fn encrypt(&mut self, outbox: &Outbox, session: &mut Session) {
        if self.plain == 0 {
            self.unencrypted = self.bytes.len();
        }
        for frames in outbox.unwritten() {
            self.plain += session.encrypt(&frames, BATCH, &mut self.bytes);
            if self.bytes.len() >= BATCH {
                return;
            }
        }
    }

    /// Writes until everything is written or the system takes no more. Returns the bytes
    /// written, and whether the system would take more. If it would, takes what was encrypted
    /// out of the outbox.
    pub(crate) fn write_to(
        &mut self,
        stream: &mut Stream,
        outbox: &mut Outbox,
    ) -> io::Result<(usize, bool)> {
        let start = self.written;
        while self.written < self.bytes.len() {
            match stream.write_vectored(&[IoSlice::new(&self.bytes[self.written..])]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok((self.written - start, false));
                }
                Err(error) => return Err(error),
            }
        }
        outbox.advance(std::mem::take(&mut self.plain));
        let written = std::mem::take(&mut self.written) - start;
        self.bytes.clear();
        self.bytes.shrink_to(2 * BATCH);
        Ok((written, true))
    }

    /// Takes out of the outbox the frames whose encrypted form is written: the connection has
    /// ended, and whoever is expected back must not get them twice.
    pub(super) fn settle(&mut self, outbox: &mut Outbox) {
        let (mut written, mut done) = (self.written.saturating_sub(self.unencrypted), 0);
        let pieces: Vec<_> = if self.plain > 0 { outbox.unwritten().collect() } else { Vec::new() };
        for (plain, encrypted) in pieces.iter().flat_map(|piece| session::frame_sizes(piece)) {
            if encrypted > written || done + plain > self.plain {
                break;
            }
            (written, done) = (written - encrypted, done + plain);
        }
        outbox.advance(done);
        *self = Staged::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_encrypted_is_not_sent_again_on_another_connection() {
        let (mut session, _) = Session::pair(1000);
        let messages: Vec<Vec<u8>> = (0..10).map(|n| [&[0, 200][..], &[n; 200]].concat()).collect();
        for (whole, more) in [(0, 0), (0, 5), (3, 0), (3, 20), (10, 0)] {
            let (mut outbox, mut staged) = (Outbox::default(), Staged::default());
            messages.iter().for_each(|message| outbox.push_message(message.clone()));
            staged.push(b"the handshake");
            staged.encrypt(&outbox, &mut session);
            let (_, size) = session::frame_sizes(&messages[0]).next().expect("a frame");
            assert_eq!(staged.bytes.len(), 13 + 10 * size);
            staged.written = 13 + whole * size + more;
            staged.settle(&mut outbox);
            outbox.rewind();
            let rest: Vec<u8> = outbox.unwritten().flat_map(|piece| piece.to_vec()).collect();
            assert_eq!(rest, messages[whole..].concat());
            assert_eq!((outbox.messages(), staged.is_empty()), (10 - whole, true));
        }
    }
}

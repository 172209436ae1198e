//! Bytes to write before what the outbox has.

use std::io::{self, IoSlice};

use super::outbox::Outbox;
use super::transport::Stream;
use crate::protocol::curve::Session;

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
}

impl Staged {
    /// Appends bytes that are sent as they are.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Encrypts the first messages of the outbox.
    pub(crate) fn encrypt(&mut self, outbox: &Outbox, session: &mut Session) {
        for frames in outbox.unwritten() {
            self.plain += session.encrypt(frames, BATCH, &mut self.bytes);
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

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

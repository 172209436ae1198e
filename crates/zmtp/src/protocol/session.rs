//! Encrypts and decrypts what follows a CURVE handshake: each frame is in a box of its own.

use super::frame::{self, Header, MAX_HEADER};
use super::keys::{MAC, SHORT_NONCE, SharedKey, WRONG_LENGTH, nonce};
use super::scanner::{Item, Scanner};
use crate::disconnect::Disconnect;

/// What the nonces of a side begin with.
const FROM_CLIENT: &[u8] = b"CurveZMQMESSAGEC";
const FROM_SERVER: &[u8] = b"CurveZMQMESSAGES";

/// What the body of a frame begins with. A counter and a box follow.
const MESSAGE: &[u8] = b"\x07MESSAGE";
const BOX: usize = MESSAGE.len() + SHORT_NONCE;
/// Bytes by which a frame gets longer: the above, the MAC and the flags.
const OVERHEAD: usize = BOX + MAC + 1;
/// Flags in a box.
const MORE: u8 = 1;
const COMMAND: u8 = 2;
/// The bytes of each frame of `frames`, plain and encrypted. Those of a frame that is not whole
/// are missing.
pub(crate) fn frame_sizes(frames: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut rest = frames;
    std::iter::from_fn(move || {
        let header = Header::parse(rest).ok()??;
        let size = usize::try_from(header.size).ok()?;
        let plain = header.len.checked_add(size)?;
        rest = rest.get(plain..)?;
        Some((plain, frame::encoded_len(size + OVERHEAD)))
    })
}

/// Memory that is kept for what is decrypted.
const KEPT: usize = 64 << 10;

/// One direction: what its nonces begin with, and the last counter.
struct Direction {
    start: &'static [u8],
    counter: u64,
}

/// Encrypts and decrypts what is sent after a handshake. Plain text is frames on both sides of
/// it, so that what is above and below needs no other form.
pub(crate) struct Session {
    key: SharedKey,
    send: Direction,
    receive: Direction,
    /// A frame of the peer was decrypted: from now on, no counter may be missing.
    has_received: bool,
    scanner: Scanner,
    max_message: usize,
    /// The start of a frame whose end has not arrived.
    encrypted: Vec<u8>,
    /// Frames that were decrypted, up to `taken` already passed on.
    plain: Vec<u8>,
    taken: usize,
}

impl Session {
    /// A session of a server. `counters` are the last ones of both sides, that of this one first.
    pub(super) fn server(key: SharedKey, counters: (u64, u64), max_message: usize) -> Session {
        Session::new(key, (FROM_SERVER, FROM_CLIENT), counters, max_message)
    }

    /// A session of a client, as above.
    pub(super) fn client(key: SharedKey, counters: (u64, u64), max_message: usize) -> Session {
        Session::new(key, (FROM_CLIENT, FROM_SERVER), counters, max_message)
    }

    fn new(
        key: SharedKey,
        (send, receive): (&'static [u8], &'static [u8]),
        counters: (u64, u64),
        max_message: usize,
    ) -> Session {
        Session {
            key,
            send: Direction { start: send, counter: counters.0 },
            receive: Direction { start: receive, counter: counters.1 },
            has_received: false,
            scanner: Scanner::new(max_message.saturating_add(MAX_HEADER + OVERHEAD), 1),
            max_message,
            encrypted: Vec::new(),
            plain: Vec::new(),
            taken: 0,
        }
    }

    /// Encrypts the first frames of `frames`, which are whole ones, until `out` has `enough`
    /// bytes. Returns the bytes of `frames` that were encrypted.
    pub(crate) fn encrypt(&mut self, frames: &[u8], enough: usize, out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while out.len() < enough
            && let Ok(Some(header)) = Header::parse(&frames[at..])
        {
            let start = at + header.len;
            let end = start + usize::try_from(header.size).unwrap_or(usize::MAX - start);
            let Some(body) = frames.get(start..end) else { break };
            self.encrypt_frame(header, body, out);
            at = end;
        }
        at
    }

    fn encrypt_frame(&mut self, header: Header, body: &[u8], out: &mut Vec<u8>) {
        let more = if header.more { MORE } else { 0 };
        self.seal(more | if header.command { COMMAND } else { 0 }, body, out);
    }

    /// Encrypts a frame with these flags.
    pub(crate) fn seal(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) {
        self.send.counter += 1;
        let counter = self.send.counter.to_be_bytes();
        // As a message, not as a command: so does libzmq.
        frame::put_header(out, false, false, body.len() + OVERHEAD);
        out.extend_from_slice(MESSAGE);
        out.extend(counter);
        let mac = out.len();
        out.extend([0; MAC]);
        out.push(flags);
        out.extend_from_slice(body);
        self.key.seal_end(&nonce(self.send.start, &counter), mac, out);
    }

    /// Both ends of a connection.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn pair(max_message: usize) -> (Session, Session) {
        let (start, key) = ((1, 1), || SharedKey::of([7; super::keys::KEY]));
        (Session::client(key(), start, max_message), Session::server(key(), start, max_message))
    }

    /// Decrypts what has arrived, for [`Session::take`].
    ///
    /// Holds an incomplete frame, and what the last call has decrypted: together less than
    /// twice the largest message.
    ///
    /// # Errors
    /// A frame is not genuine, was sent before, or follows one that is missing.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Disconnect> {
        let mut encrypted = std::mem::take(&mut self.encrypted);
        encrypted.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let item = self.scanner.next(&encrypted[at..]).map_err(|why| match why {
                Disconnect::MessageTooLarge(_) => Disconnect::MessageTooLarge(self.max_message),
                why => why,
            })?;
            let Some(Item::Message(len) | Item::Command { len, .. }) = item else { break };
            self.decrypt(&encrypted[at..at + len])?;
            at += len;
        }
        encrypted.drain(..at);
        self.encrypted = encrypted;
        Ok(())
    }

    /// Decrypts a frame.
    fn decrypt(&mut self, frame: &[u8]) -> Result<(), Disconnect> {
        let header = Header::parse(frame)?.map_or(0, |header| header.len);
        let message = frame.get(header..).and_then(|body| body.strip_prefix(MESSAGE));
        let message = message.ok_or(Disconnect::Malformed("a frame that is not encrypted"))?;
        let (counter, sealed) = message
            .split_first_chunk::<SHORT_NONCE>()
            .filter(|(_, sealed)| sealed.len() > MAC)
            .ok_or(WRONG_LENGTH)?;
        let number = u64::from_be_bytes(*counter);
        let last = self.receive.counter;
        if number <= last || self.has_received && number > last + 1 {
            return Err(Disconnect::Replayed);
        }
        // The header goes where the flags are decrypted to.
        let size = sealed.len() - MAC - 1;
        let start = self.plain.len();
        let flags = start + frame::encoded_len(size) - size - 1;
        self.plain.resize(flags + 1 + size, 0);
        let text = &mut self.plain[flags..];
        if !self.key.open_into(&nonce(self.receive.start, counter), sealed, text) {
            return Err(Disconnect::Undecipherable("MESSAGE"));
        }
        (self.receive.counter, self.has_received) = (number, true);
        let bits = self.plain[flags];
        let (more, command) = (bits & MORE != 0, bits & COMMAND != 0);
        if bits & !(MORE | COMMAND) != 0 || more && command {
            return Err(Disconnect::Malformed("unknown flags of a frame"));
        }
        frame::put_header(&mut &mut self.plain[start..=flags], more, command, size);
        Ok(())
    }

    /// Takes decrypted frames, as many bytes as `buffer` has room for. Returns how many.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.plain[self.taken..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        if self.taken == self.plain.len() {
            self.plain.clear();
            self.plain.shrink_to(KEPT);
            self.taken = 0;
        }
        count
    }

    /// Whether there is something to take.
    pub(crate) fn has_plain(&self) -> bool {
        self.taken < self.plain.len()
    }

    /// Bytes that it holds of what has arrived.
    pub(crate) fn held(&self) -> usize {
        self.encrypted.len() + self.plain.len()
    }
}

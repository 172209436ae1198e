//! One connection: its stream, and where it stands.

use std::io;
use std::time::{Duration, Instant};

use super::outbox::Outbox;
use super::staged::Staged;
use super::transport::Stream;
use crate::protocol::command;
use crate::protocol::frame::Frames;
use crate::protocol::handshake::Handshake;
use crate::protocol::heartbeat::{Due, Heartbeat};
use crate::protocol::security::{Rights, allows};
use crate::protocol::session::Session;
use crate::{Address, Disconnect, SocketType};

/// Bytes of one read that are decrypted.
const ENCRYPTED_READ: usize = 16 << 10;

/// Bytes that are kept of the topic of a refused message.
const REFUSED_TOPIC: usize = 255;

/// Where a connection stands.
pub(crate) enum Stage {
    /// The system connects.
    Connecting,
    /// Greetings and the commands of the mechanism.
    Handshake(Handshake),
    /// Messages.
    Ready,
    /// The own direction is closed. The peer's end is waited for: closing before it has read
    /// everything could make its system drop the rest. It has sent this many bytes meanwhile.
    Finishing(usize),
}

/// A connection. `P` is what the kind of socket knows of the peer.
pub(crate) struct Link<P> {
    /// Never reused.
    pub(crate) id: u64,
    pub(crate) stream: Stream,
    pub(crate) stage: Stage,
    /// The bound or connected address.
    pub(crate) endpoint: Address,
    /// The connector that made it; `None` if it was accepted.
    pub(crate) connector: Option<usize>,
    /// The peer's address. For ipc, its process, as `process 17`, or nothing.
    pub(crate) address: String,
    /// When connecting or the handshake must be done.
    pub(crate) deadline: Option<Instant>,
    /// When the handshake was complete.
    pub(crate) ready_since: Option<Instant>,
    pub(crate) outbox: Outbox,
    pub(super) staged: Staged,
    /// The peer's key, if the mechanism has keys, and what the peer may do.
    pub(crate) key: Option<[u8; 32]>,
    pub(crate) rights: Rights,
    /// The peer is the server of the mechanism.
    pub(super) has_server: bool,
    /// Messages of the peer that were refused, and the topic of the first, until they are counted.
    pub(super) refused: Option<(Box<[u8]>, u64)>,
    /// What encrypts the connection.
    session: Option<Box<Session>>,
    /// The system may take and have bytes.
    pub(crate) writable: bool,
    pub(crate) readable: bool,
    /// The peer is not read until the owner has read what there is of it.
    pub(crate) is_paused: bool,
    /// The peer has ended its direction. Its end follows what it has sent.
    pub(crate) read_closed: bool,
    /// The own type, once the handshake is complete.
    pub(crate) own_type: Option<SocketType>,
    /// The peer knows the commands of ZMTP 3.1.
    pub(crate) has_commands: bool,
    pub(crate) heartbeat: Heartbeat,
    /// A PONG is in the outbox, up to this many bytes before its end. Another one would say
    /// the same, and a peer could ask without reading.
    pong_queued: bool,
    /// When the system took bytes for the last time, or there were none to take.
    pub(crate) progress: Instant,
    /// What the peer had not taken when [`Link::note_taken`] looked last.
    untaken: Option<usize>,
    pub(crate) peer: P,
}

impl<P: Default> Link<P> {
    pub(crate) fn new(
        (id, stream, stage): (u64, Stream, Stage),
        endpoint: Address,
        connector: Option<usize>,
        address: String,
        (now, handshake, dead_after): (Instant, Duration, Duration),
    ) -> Link<P> {
        Link {
            id,
            stream,
            stage,
            endpoint,
            connector,
            address,
            deadline: Some(now + handshake),
            ready_since: None,
            outbox: Outbox::default(),
            staged: Staged::default(),
            key: None,
            rights: Rights::default(),
            has_server: false,
            refused: None,
            session: None,
            writable: true,
            readable: true,
            is_paused: false,
            read_closed: false,
            own_type: None,
            has_commands: false,
            heartbeat: Heartbeat::new(dead_after, now),
            pong_queued: false,
            progress: now,
            untaken: None,
            peer: P::default(),
        }
    }
}

impl<P> Link<P> {
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }

    /// Whether the peer may send this message. Counts it otherwise, unless its topic begins with
    /// `notices`.
    pub(crate) fn admits(&mut self, message: &[u8], notices: Option<&[u8]>) -> bool {
        if self.rights.send.is_none() {
            return true;
        }
        let topic = Frames(message).next().unwrap_or_default();
        let admits = allows(&self.rights.send, topic);
        let is_notice = notices.is_some_and(|prefix| topic.starts_with(prefix));
        if !admits && !is_notice {
            let topic = &topic[..topic.len().min(REFUSED_TOPIC)];
            self.refused.get_or_insert_with(|| (topic.into(), 0)).1 += 1;
        }
        admits
    }

    /// Encrypts all that follows by `session`, if there is one. Returns the part of `rest` that
    /// is still unencrypted.
    ///
    /// # Errors
    /// `rest` can't be decrypted.
    pub(super) fn start_session(
        &mut self,
        session: Option<Session>,
        rest: Vec<u8>,
    ) -> Result<Vec<u8>, Disconnect> {
        let Some(mut session) = session else { return Ok(rest) };
        session.receive(&rest)?;
        self.readable |= session.has_plain();
        self.session = Some(Box::new(session));
        Ok(Vec::new())
    }

    /// Reads once, and decrypts. Returns `None` if nothing has arrived that is complete.
    /// [`Link::readable`] says whether there may be more.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        now: Instant,
    ) -> Result<Option<usize>, Disconnect> {
        if self.session.as_ref().is_some_and(|session| !session.has_plain()) {
            let mut encrypted = [0; ENCRYPTED_READ];
            let Some(read) = self.read_stream(&mut encrypted, now)? else { return Ok(None) };
            if let Some(session) = &mut self.session {
                session.receive(&encrypted[..read])?;
            }
        }
        let Some(session) = &mut self.session else { return self.read_stream(buffer, now) };
        let taken = session.take(buffer);
        self.readable |= session.has_plain();
        Ok((taken > 0).then_some(taken))
    }

    /// Bytes that are held until they are decrypted or read.
    pub(crate) fn held(&self) -> usize {
        self.session.as_ref().map_or(0, |session| session.held())
    }

    fn read_stream(
        &mut self,
        buffer: &mut [u8],
        now: Instant,
    ) -> Result<Option<usize>, Disconnect> {
        match self.stream.read(buffer) {
            Ok(0) => Err(Disconnect::Closed),
            Ok(read) => {
                self.heartbeat.note_received(now);
                // Less than there was room for: the system has no more for now. It says so when
                // it has. The end of the connection may already be announced.
                self.readable &= read == buffer.len() || self.read_closed;
                Ok(Some(read))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what is queued, if the system takes it.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) fn write(&mut self, now: Instant) -> Result<(), Disconnect> {
        if !self.writable || matches!(self.stage, Stage::Connecting) {
            return Ok(());
        }
        let idle = self.is_flushed();
        let mut written = 0;
        loop {
            let (staged, writable) = self.staged.write_to(&mut self.stream, &mut self.outbox)?;
            (written, self.writable) = (written + staged, writable);
            if !writable || self.outbox.is_empty() {
                break;
            }
            let Some(session) = &mut self.session else {
                let (count, writable) = self.outbox.write_to(&mut self.stream)?;
                (written, self.writable) = (written + count, writable);
                break;
            };
            self.staged.encrypt(&self.outbox, session);
        }
        if written > 0 || idle {
            self.progress = now;
        }
        if self.outbox.is_empty() {
            self.pong_queued = false;
        }
        Ok(())
    }

    /// Takes out of the outbox what was written, also in part. For a connection that has ended.
    pub(super) fn settle(&mut self) {
        self.staged.settle(&mut self.outbox);
    }

    /// Whether the system has taken everything.
    pub(super) fn is_flushed(&self) -> bool {
        self.staged.is_empty() && self.outbox.is_empty()
    }

    /// Answers a PING.
    pub(crate) fn pong(&mut self, context: &[u8]) {
        if !self.pong_queued {
            let mut bytes = Vec::new();
            command::put_pong(&mut bytes, context);
            self.outbox.push_bytes(bytes);
            self.pong_queued = true;
        }
    }

    /// Sends a PING if one is due.
    ///
    /// # Errors
    /// Nothing of the peer's machine has arrived. A peer that only does not read or is suspended
    /// is no reason: its machine acknowledges the PING. `may_pause` decides where the system does
    /// not tell.
    pub(crate) fn beat(&mut self, now: Instant, may_pause: bool) -> Result<(), Disconnect> {
        if !self.is_ready() || !self.has_commands || !self.stream.is_tcp() {
            return Ok(());
        }
        match self.heartbeat.check(now) {
            Due::Nothing => {}
            // What is queued asks as well: the system of the peer must acknowledge it.
            Due::Ping if !self.outbox.is_empty() => {}
            Due::Ping => {
                let mut bytes = Vec::new();
                command::put_ping(&mut bytes);
                self.outbox.push_bytes(bytes);
            }
            Due::Silent if self.stream.is_unanswered().unwrap_or(!may_pause) => {
                return Err(Disconnect::Dead);
            }
            Due::Silent => self.heartbeat.postpone(now),
        }
        Ok(())
    }

    /// Forgets what the peer had not taken: [`Link::note_taken`] begins to look.
    pub(crate) fn begin_to_look(&mut self, now: Instant) {
        (self.untaken, self.progress) = (self.stream.untaken(), now);
    }

    /// Looks whether the peer has taken bytes since the last time, which counts as progress. The
    /// system takes bytes only when it has much room again, so a slow peer makes no progress
    /// otherwise.
    pub(crate) fn note_taken(&mut self, now: Instant) {
        let untaken = self.stream.untaken();
        if untaken < self.untaken {
            self.progress = now;
        }
        self.untaken = untaken;
    }

    /// Moves all times on: this process was suspended for `gap`, which is no fault of the peer.
    pub(super) fn skip(&mut self, gap: Duration) {
        self.heartbeat.skip(gap);
        self.progress += gap;
        self.deadline = self.deadline.map(|deadline| deadline + gap);
        self.ready_since = self.ready_since.map(|since| since + gap);
    }

    /// When timed work is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Ready if self.has_commands && self.stream.is_tcp() => {
                Some(self.heartbeat.next())
            }
            Stage::Ready => None,
            _ => self.deadline,
        }
    }
}

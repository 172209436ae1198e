//! Python's `SocketHandler`: clients that send a pickled record after the other over
//! TCP or a Unix socket, each after its length.
//!
//! What may be here: letting clients in, reading from them in turn, and showing bad
//! ones the acceptor. Where their frames end is `frames`'; waiting is `listen`'s.
//!
//! | a client | what becomes of it |
//! |---|---|
//! | sends what is no record: another protocol, a pickle of something else | cut off and named |
//! | announces a record longer than one may be | cut off and named |
//! | sends a record with too many values | the record is left out and counted; it stays |
//! | stands still in the middle of a record for a minute | cut off and named |
//! | goes away in the middle of a record | the record is counted as lost, and named |
//! | hangs up with records unread and connects again | read to its end before the new connection, and named |
//! | connects when there are as many as may be | turned away and named |
//! | floods | gets its turn like the others |
//!
//! Standing still between two records is what a program does that has nothing to say.

mod acceptor;
mod disconnect;
mod frames;
mod reconnect;

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use self::acceptor::{Accepted, Acceptor};
use self::disconnect::DisconnectReason;
use self::frames::{FeedOutcome, FrameOutcome, Frames};
use self::reconnect::{Idle, Predecessor, Processes};
use super::{Delivery, ListenOptions, ListenStats, NoticeLimiter, Peer, Stream, TurnOutcome};
use crate::os::fd_limit;
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::wire::pickle::Refused;

/// What all clients together may have under way: half-sent records. A good client
/// has some hundred bytes; beyond this, the one that has most is cut off.
const MAX_BUFFERED: usize = 64 << 20;

/// How long Python's `SocketHandler` waits for room in its socket.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is read of a client until its first record is known: it is kept as long as the
/// client waits for an earlier connection, of which there may be hundreds.
const FIRST_READ: usize = 4 << 10;

/// A program that sends records.
struct Client {
    stream: Stream,
    peer: Peer,
    /// Connections are numbered in the order in which they were made.
    number: u64,
    /// The processes that it sends records of.
    processes: Processes,
    /// Its first record has been looked at.
    identified: bool,
    predecessor: Option<Predecessor>,
    idle: Idle,
    /// Bytes read from it.
    read: u64,
    /// It has hung up, and what it had sent had been unread for [`TIMEOUT`].
    hung_up: bool,
    frames: Frames,
    /// Frames wait that the sink had enough before.
    has_pending: bool,
    /// Whether it is among those whose turn will be.
    queued: bool,
    /// When it last sent something.
    last_read: Instant,
}

/// How a client's turn ended, where it was its last.
enum ConnectionEnd {
    /// It has closed the connection.
    Closed,
    /// The connection broke.
    Broken(io::Error),
    /// zlog ends, or makes room.
    Shutdown,
    /// It is cut off.
    Disconnected(DisconnectReason),
}

/// All clients, and the acceptors that they come in by.
pub(super) struct Clients {
    acceptors: Vec<Acceptor>,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    /// The token of the first client; those before it are other sockets'.
    first_token: usize,
    /// Bytes of memory of all frames under way.
    buffered: usize,
    max_buffered: usize,
    max_clients: usize,
    max_record: usize,
    stall: Duration,
    /// The number of the next client.
    next: u64,
    /// How many wait for an earlier connection of their process.
    waiting: usize,
    /// For those who are told that descriptors have run out.
    connections: fd_limit::Connections,
}

impl Clients {
    /// Opens the acceptors, with tokens from 0 on.
    ///
    /// # Errors
    /// An address that can't be listened on.
    pub(super) fn bind(
        options: &ListenOptions,
        registry: &Registry,
        bound: &mut Vec<String>,
    ) -> Result<Clients> {
        let acceptors = acceptor::open(options, registry, bound)?;
        Ok(Clients {
            acceptors,
            clients: Vec::new(),
            free: Vec::new(),
            first_token: 0,
            buffered: 0,
            max_buffered: MAX_BUFFERED.max(options.max_record.saturating_mul(4)),
            max_clients: options.max_clients,
            max_record: options.max_record,
            stall: options.stall,
            next: 0,
            waiting: 0,
            connections: fd_limit::Connections::default(),
        })
    }

    /// How many acceptors there are.
    pub(super) fn listeners(&self) -> usize {
        self.acceptors.len()
    }

    /// From where on tokens are clients'.
    pub(super) fn set_first_token(&mut self, token: usize) {
        self.first_token = token;
    }

    /// The client whose token this is.
    pub(super) fn client_of_token(&self, token: usize) -> Option<usize> {
        token.checked_sub(self.first_token)
    }

    /// Somebody waits at an acceptor.
    pub(super) fn set_ready(&mut self, acceptor: usize) {
        if let Some(acceptor) = self.acceptors.get_mut(acceptor) {
            acceptor.set_ready();
        }
    }

    /// A client may have sent something, or closed the connection. Whether it is to be put
    /// into the queue.
    pub(super) fn wake(&mut self, client: usize, closed: bool, at: Instant) -> bool {
        // It may have gone since the system spoke of it.
        let Some(client) = self.clients.get_mut(client).and_then(Option::as_mut) else {
            return false;
        };
        // In the queue already, with something to read since then.
        let unread = client.queued && at.duration_since(client.last_read) >= TIMEOUT;
        client.hung_up |= closed && unread;
        client.idle.end(at);
        !client.is_waiting() && !std::mem::replace(&mut client.queued, true)
    }

    /// How long may be waited before an acceptor or a wait must be looked at again.
    pub(super) fn max_wait(&self, now: Instant) -> Duration {
        let waits = if self.waiting > 0 { reconnect::CHECK } else { Duration::MAX };
        self.acceptors.iter().map(|acceptor| acceptor.max_wait(now)).fold(waits, Duration::min)
    }

    /// Lets those in who wait, so far as there is room. Whether some may wait still.
    pub(super) fn accept(
        &mut self,
        registry: &Registry,
        at: Instant,
        stats: &mut ListenStats,
        notices: &mut NoticeLimiter,
    ) -> bool {
        let mut more = false;
        for acceptor in 0..self.acceptors.len() {
            loop {
                match self.acceptors[acceptor].accept(at, notices) {
                    Accepted::NoClient => break,
                    Accepted::Later => {
                        more = true;
                        break;
                    }
                    Accepted::Client(stream, peer) => {
                        if self.count() >= self.max_clients {
                            stats.turned_away += 1;
                            let most = self.max_clients;
                            notices.report(|| {
                                format!("{peer} was turned away: {most} clients are connected already (--max-clients)")
                            });
                            continue;
                        }
                        self.admit(registry, stream, peer, at, notices);
                        stats.clients_total += 1;
                        self.update_count(stats);
                    }
                }
            }
        }
        more
    }

    /// The end begins: no one new is to come, as far as that can be had.
    pub(super) fn stop_accepting(&mut self) {
        self.acceptors.iter_mut().for_each(Acceptor::stop_accepting);
    }

    /// Whether somebody waits at an acceptor, as the system could not let them in.
    pub(super) fn has_unaccepted(&self) -> bool {
        self.acceptors.iter().any(Acceptor::is_failing)
    }

    /// At the end: those who have sent whole records, and no more for a while, make room
    /// for those outside. Returns whether any did; acceptors are tried again in any case.
    pub(super) fn make_room(
        &mut self,
        stats: &mut ListenStats,
        notices: &mut NoticeLimiter,
    ) -> bool {
        let before = self.count();
        for slot in 0..self.clients.len() {
            let said_all = |client: &Client| {
                !client.queued && !client.is_waiting() && !client.frames.is_partial()
            };
            if self.clients[slot].as_ref().is_some_and(said_all) {
                self.close(slot, &ConnectionEnd::Shutdown, stats, notices);
            }
        }
        self.acceptors.iter_mut().for_each(Acceptor::retry_now);
        self.count() < before
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.clients.len() - self.free.len()
    }

    fn update_count(&mut self, stats: &mut ListenStats) {
        stats.clients = self.count() as u64;
        self.connections.set(self.count());
    }

    fn admit(
        &mut self,
        registry: &Registry,
        mut stream: Stream,
        peer: Peer,
        at: Instant,
        notices: &mut NoticeLimiter,
    ) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() - 1
        });
        let token = Token(self.first_token + slot);
        if let Err(error) = registry.register(stream.source(), token, Interest::READABLE) {
            notices.report(|| format!("{peer} could not be let in: {error}"));
            self.free.push(slot);
            return;
        }
        let mut processes = Processes::default();
        processes.note(peer.process());
        self.clients[slot] = Some(Client {
            stream,
            peer,
            number: self.next,
            processes,
            identified: false,
            predecessor: None,
            idle: Idle::new(at),
            read: 0,
            hung_up: false,
            frames: Frames::default(),
            has_pending: false,
            queued: false,
            last_read: at,
        });
        self.next += 1;
        self.find_predecessor(slot);
    }

    /// Reads once from a client, and delivers what is whole.
    ///
    /// # Errors
    /// Whatever the sink returns.
    pub(super) fn turn(
        &mut self,
        slot: usize,
        buffer: &mut [u8],
        delivery: &mut Delivery<'_, '_>,
    ) -> Result<TurnOutcome> {
        let Some(client) = self.clients.get_mut(slot).and_then(Option::as_mut) else {
            return Ok(TurnOutcome::Idle);
        };
        let before = client.frames.size();
        let identified = client.identified;
        let mut outcome = client.turn(self.max_record, buffer, delivery)?;
        self.buffered = self.buffered + client.frames.size() - before;
        if outcome.is_ok() && client.identified != identified {
            outcome = Ok(self.identify(slot));
        }
        if let Some(client) = &mut self.clients[slot] {
            client.queued = matches!(outcome, Ok(TurnOutcome::Again | TurnOutcome::Stopped));
        }
        let outcome = outcome.unwrap_or_else(|end| {
            self.close(slot, &end, delivery.stats, delivery.notices);
            TurnOutcome::Idle
        });
        if self.buffered > self.max_buffered {
            self.disconnect_largest(delivery.stats, delivery.notices);
        }
        Ok(outcome)
    }

    /// A client has ended, or is ended.
    fn close(
        &mut self,
        slot: usize,
        end: &ConnectionEnd,
        stats: &mut ListenStats,
        notices: &mut NoticeLimiter,
    ) {
        let Some(client) = self.clients[slot].take() else { return };
        self.buffered -= client.frames.size();
        self.free.push(slot);
        self.update_count(stats);
        self.waiting -= usize::from(client.is_waiting());
        let peer = &client.peer;
        let partial = client.frames.is_partial();
        let in_middle = if partial { " in the middle of a record, which is lost" } else { "" };
        match end {
            ConnectionEnd::Disconnected(bad) => {
                stats.cut_off += 1;
                let max_record = self.max_record;
                notices.report(|| format!("{peer} was cut off: {}", bad.describe(max_record)));
                return;
            }
            ConnectionEnd::Closed | ConnectionEnd::Shutdown if !partial => {}
            ConnectionEnd::Closed => notices.report(|| format!("{peer} went away{in_middle}")),
            ConnectionEnd::Broken(error) => {
                notices.report(|| format!("the connection of {peer} broke{in_middle}: {error}"));
            }
            ConnectionEnd::Shutdown => notices.report(|| format!("{peer} was still{in_middle}")),
        }
        stats.truncated += u64::from(partial);
        if !matches!(end, ConnectionEnd::Shutdown) {
            self.report_unread(&client, partial, stats, notices);
        }
    }

    /// Somebody has to go, or memory would.
    fn disconnect_largest(&mut self, stats: &mut ListenStats, notices: &mut NoticeLimiter) {
        let size = |client: &Option<Client>| client.as_ref().map_or(0, |c| c.frames.size());
        let largest = (0..self.clients.len()).max_by_key(|slot| size(&self.clients[*slot]));
        if let Some(slot) = largest {
            self.close(
                slot,
                &ConnectionEnd::Disconnected(DisconnectReason::MemoryLimit),
                stats,
                notices,
            );
        }
    }

    /// Cuts those off who have stood still in the middle of a record for too long,
    /// unless nobody was listening: `excused`.
    pub(super) fn disconnect_stalled(
        &mut self,
        at: Instant,
        excused: bool,
        stats: &mut ListenStats,
        notices: &mut NoticeLimiter,
    ) {
        for slot in 0..self.clients.len() {
            let Some(client) = &mut self.clients[slot] else { continue };
            // What is in the queue has not stood still, or has not been read yet.
            if excused || client.queued || client.is_waiting() || !client.frames.is_partial() {
                client.last_read = at;
            } else if at.duration_since(client.last_read) >= self.stall {
                self.close(
                    slot,
                    &ConnectionEnd::Disconnected(DisconnectReason::Stalled(self.stall)),
                    stats,
                    notices,
                );
            }
        }
    }

    /// Nothing more is read: what is under way is lost.
    pub(super) fn end(&mut self, stats: &mut ListenStats, notices: &mut NoticeLimiter) {
        for slot in 0..self.clients.len() {
            self.close(slot, &ConnectionEnd::Shutdown, stats, notices);
        }
        self.acceptors.clear();
    }
}

impl Client {
    /// Whether an earlier connection of its process has to be read first.
    fn is_waiting(&self) -> bool {
        self.predecessor.as_ref().is_some_and(Predecessor::is_awaited)
    }

    /// Reads once, or goes on with what waits.
    fn turn(
        &mut self,
        max_record: usize,
        buffer: &mut [u8],
        delivery: &mut Delivery<'_, '_>,
    ) -> Result<Result<TurnOutcome, ConnectionEnd>> {
        let room = if self.identified { buffer.len() } else { FIRST_READ.min(buffer.len()) };
        let read = if self.has_pending { Ok(0) } else { self.stream.read(&mut buffer[..room]) };
        let bytes = match read {
            Ok(0) if self.has_pending => &[],
            Ok(0) => return Ok(Err(ConnectionEnd::Closed)),
            Ok(length) => &buffer[..length],
            Err(error) => {
                return Ok(match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.idle.begin(Instant::now());
                        Ok(TurnOutcome::Idle)
                    }
                    io::ErrorKind::Interrupted => Ok(TurnOutcome::Again),
                    _ => Err(ConnectionEnd::Broken(error)),
                });
            }
        };
        self.last_read = delivery.at;
        self.read += bytes.len() as u64;
        let Client { frames, peer, processes, identified, .. } = self;
        let outcome = frames.feed(bytes, max_record, &mut |frame| {
            take(frame, peer, processes, identified, delivery)
        })?;
        self.has_pending = matches!(outcome, FeedOutcome::Pending);
        Ok(match outcome {
            FeedOutcome::Consumed => Ok(TurnOutcome::Again),
            FeedOutcome::Pending => Ok(TurnOutcome::Stopped),
            FeedOutcome::Rejected(bad) => Err(ConnectionEnd::Disconnected(bad)),
            FeedOutcome::TooLong { header } => {
                Err(ConnectionEnd::Disconnected(DisconnectReason::TooLong(header)))
            }
        })
    }
}

/// Takes one frame. Of the first record of a client, only the process is taken.
fn take(
    frame: &[u8],
    peer: &Peer,
    processes: &mut Processes,
    identified: &mut bool,
    delivery: &mut Delivery<'_, '_>,
) -> Result<FrameOutcome<DisconnectReason>> {
    let mut record = Record::default();
    Ok(match delivery.decode(frame, &mut record) {
        Ok(()) => {
            processes.note(record.process);
            if !std::mem::replace(identified, true) {
                return Ok(FrameOutcome::Retry);
            }
            match delivery.take(record, peer)? {
                ControlFlow::Continue(()) => FrameOutcome::Continue,
                ControlFlow::Break(()) => FrameOutcome::Stop,
            }
        }
        // Python's own doing, with a list of a million numbers as an extra. The next
        // record may be like any other.
        Err(refused @ Refused::TooLarge(_)) => {
            delivery.stats.too_large += 1;
            delivery.notices.report(|| format!("a record of {peer} was left out: {refused}"));
            FrameOutcome::Continue
        }
        Err(refused) => FrameOutcome::Reject(DisconnectReason::NotARecord(refused)),
    })
}

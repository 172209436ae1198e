//! Python's `SocketHandler`: clients that send one pickled record after the other, each
//! after its length, over TCP or a Unix socket.
//!
//! | a client | is handled so |
//! |---|---|
//! | sends no record at all: another protocol, a pickle of something else | disconnected and named |
//! | has sent records, and sends something that can't be read | that record is skipped and counted; the client stays |
//! | sends a record that is too long, or has too many values | the same |
//! | stops in the middle of a record for a minute | disconnected and named |
//! | disconnects in the middle of a record | the record is counted as lost, and the client named |
//! | disconnects with records unread and connects again | read to its end before the new connection, and named |
//! | connects when the maximum number is connected | refused and named |
//! | floods | gets its turn like the others |
//!
//! A client may stop between two records for as long as it likes.

mod acceptor;
mod client;
mod disconnect;
mod frames;
mod other_protocol;
mod predecessor;
mod reconnect;

use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use self::acceptor::{Accepted, Acceptor};
use self::client::{Client, ConnectionEnd};
use self::disconnect::DisconnectReason;
use self::frames::Frames;
use self::predecessor::{Idle, Processes};
use super::delivery::{Delivery, TurnOutcome};
use super::options::ListenOptions;
use super::peer::Peer;
use super::sockets::Stream;
use super::stats::ListenReport;
use crate::os::fd_limit;
use zlog_core::Result;

/// Most memory for the incomplete records of all clients, in bytes. A good client needs
/// some hundred bytes; beyond the limit, the client that has most is disconnected.
const MAX_BUFFERED: usize = 64 << 20;

/// How long Python's `SocketHandler` waits for room in its socket before it gives up.
const TIMEOUT: Duration = Duration::from_secs(1);

/// All clients, and the sockets that accept them.
pub(super) struct Clients {
    acceptors: Vec<Acceptor>,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    /// The token of the first client; lower tokens belong to other sockets.
    first_token: usize,
    /// Memory of all incomplete records, in bytes.
    buffered: usize,
    max_buffered: usize,
    max_clients: usize,
    max_record: usize,
    stall: Duration,
    /// The number of the next client.
    next: u64,
    /// Clients that wait for an earlier connection of their process.
    waiting: usize,
    /// Shown when descriptors run out.
    connections: fd_limit::Connections,
}

impl Clients {
    /// Listens on all addresses. The tokens of the listening sockets begin with 0.
    ///
    /// # Errors
    /// An address can't be listened on.
    pub(super) fn bind(
        options: &ListenOptions,
        registry: &Registry,
        notices: &mut Vec<String>,
    ) -> Result<Clients> {
        let acceptors = acceptor::open(options, registry, notices)?;
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

    /// Number of listening sockets.
    pub(super) fn listeners(&self) -> usize {
        self.acceptors.len()
    }

    /// Sets the token of the first client.
    pub(super) fn set_first_token(&mut self, token: usize) {
        self.first_token = token;
    }

    /// The client of a token.
    pub(super) fn client_of_token(&self, token: usize) -> Option<usize> {
        token.checked_sub(self.first_token)
    }

    /// Clients may be waiting at a listening socket.
    pub(super) fn set_ready(&mut self, acceptor: usize) {
        if let Some(acceptor) = self.acceptors.get_mut(acceptor) {
            acceptor.set_ready();
        }
    }

    /// A client may have sent something, or closed the connection. Returns whether it must be
    /// queued.
    pub(super) fn wake(&mut self, client: usize, closed: bool, at: Instant) -> bool {
        // It may be gone since the event was reported.
        let Some(client) = self.clients.get_mut(client).and_then(Option::as_mut) else {
            return false;
        };
        // It is in the queue already, with bytes unread since its last turn.
        let unread = client.queued && at.duration_since(client.last_read) >= TIMEOUT;
        client.disconnected_unread |= closed && unread;
        client.idle.end(at);
        !client.is_waiting() && !std::mem::replace(&mut client.queued, true)
    }

    /// Longest wait before [`Clients::accept`] or [`Clients::release`] must be called.
    pub(super) fn max_wait(&self, now: Instant) -> Duration {
        let waits = if self.waiting > 0 { predecessor::CHECK } else { Duration::MAX };
        self.acceptors.iter().map(|acceptor| acceptor.max_wait(now)).fold(waits, Duration::min)
    }

    /// Accepts the clients that wait, up to the maximum. Returns whether more may wait.
    pub(super) fn accept(
        &mut self,
        registry: &Registry,
        at: Instant,
        report: &mut ListenReport,
    ) -> bool {
        let mut more = false;
        for acceptor in 0..self.acceptors.len() {
            loop {
                match self.acceptors[acceptor].accept(at, &mut report.notices) {
                    Accepted::NoClient => break,
                    Accepted::Later => {
                        more = true;
                        break;
                    }
                    Accepted::Client(stream, peer) => {
                        if self.count() >= self.max_clients {
                            report.stats.refused += 1;
                            let most = self.max_clients;
                            report.notice(|| {
                                format!(
                                    "refused {peer}: {most} clients are connected (--max-clients)"
                                )
                            });
                            continue;
                        }
                        self.admit(registry, stream, peer, at, report);
                        report.stats.clients_total += 1;
                        self.update_count(report);
                    }
                }
            }
        }
        more
    }

    /// Removes the files of Unix sockets, so that no new client finds them.
    pub(super) fn stop_accepting(&mut self) {
        self.acceptors.iter_mut().for_each(Acceptor::unlink);
    }

    /// Whether clients wait that the system could not accept.
    pub(super) fn has_unaccepted(&self) -> bool {
        self.acceptors.iter().any(Acceptor::is_failing)
    }

    /// At the end: disconnects the clients that have sent whole records and nothing more for a
    /// while, and accepts again. Returns whether any was disconnected.
    pub(super) fn make_room(&mut self, report: &mut ListenReport) -> bool {
        let before = self.count();
        for slot in 0..self.clients.len() {
            let is_finished = |client: &Client| {
                !client.queued && !client.is_waiting() && !client.frames.is_partial()
            };
            if self.clients[slot].as_ref().is_some_and(is_finished) {
                self.close(slot, &ConnectionEnd::Shutdown, report);
            }
        }
        self.acceptors.iter_mut().for_each(Acceptor::retry_now);
        self.count() < before
    }

    /// Number of clients.
    pub(super) fn count(&self) -> usize {
        self.clients.len() - self.free.len()
    }

    fn update_count(&mut self, report: &mut ListenReport) {
        report.stats.clients = self.count() as u64;
        self.connections.set(self.count());
    }

    fn admit(
        &mut self,
        registry: &Registry,
        mut stream: Stream,
        peer: Peer,
        at: Instant,
        report: &mut ListenReport,
    ) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() - 1
        });
        let token = Token(self.first_token + slot);
        if let Err(error) = registry.register(stream.source(), token, Interest::READABLE) {
            report.notice(|| format!("can't accept {peer}: {error}"));
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
            disconnected_unread: false,
            frames: Frames::default(),
            has_pending: false,
            queued: false,
            last_read: at,
        });
        self.next += 1;
        self.find_predecessor(slot);
    }

    /// Reads once from a client, and delivers the records that are complete.
    ///
    /// # Errors
    /// The sink's errors.
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
            self.close(slot, &end, delivery.report);
            TurnOutcome::Idle
        });
        if self.buffered > self.max_buffered {
            self.disconnect_largest(delivery.report);
        }
        Ok(outcome)
    }

    /// Closes a connection, and reports what is lost with it.
    fn close(&mut self, slot: usize, end: &ConnectionEnd, report: &mut ListenReport) {
        let Some(mut client) = self.clients[slot].take() else { return };
        self.buffered -= client.frames.size();
        self.free.push(slot);
        self.update_count(report);
        self.waiting -= usize::from(client.is_waiting());
        // A record that is skipped is counted already.
        let partial = client.frames.is_partial() && !client.frames.is_skipping();
        let in_middle = if partial { " in the middle of a record, which is lost" } else { "" };
        match end {
            ConnectionEnd::Disconnected(reason) => {
                report.stats.disconnected += 1;
                let max_record = self.max_record;
                let unread = reason
                    .keeps_frames()
                    .then(|| disconnect::count_unread(&mut client.stream, &client.frames));
                report.stats.unread += unread.unwrap_or_default();
                report.notice(|| {
                    let (why, lost) = (
                        reason.describe(max_record),
                        disconnect::describe_loss(unread, client.identified),
                    );
                    format!("disconnected {}: {why}; {lost}", client.peer)
                });
                return;
            }
            ConnectionEnd::Shutdown => {
                let unread = disconnect::count_unread(&mut client.stream, &client.frames);
                report.stats.unread += unread.saturating_sub(partial.into());
                if partial {
                    report.notice(|| format!("{} was still{in_middle}", client.peer));
                }
            }
            ConnectionEnd::Closed if !partial => {}
            ConnectionEnd::Closed => {
                report.notice(|| format!("{} disconnected{in_middle}", client.peer));
            }
            ConnectionEnd::Broken(error) => report
                .notice(|| format!("the connection of {} broke{in_middle}: {error}", client.peer)),
        }
        report.stats.truncated += u64::from(partial);
        if !matches!(end, ConnectionEnd::Shutdown) {
            self.report_unread(&client, partial, report);
        }
    }

    /// Cuts off the client with most memory.
    fn disconnect_largest(&mut self, report: &mut ListenReport) {
        let size = |client: &Option<Client>| client.as_ref().map_or(0, |c| c.frames.size());
        let largest = (0..self.clients.len()).max_by_key(|slot| size(&self.clients[*slot]));
        if let Some(slot) = largest {
            let reason = DisconnectReason::MemoryLimit;
            self.close(slot, &ConnectionEnd::Disconnected(reason), report);
        }
    }

    /// Cuts off clients that have stopped in the middle of a record for too long, unless
    /// zlog itself was too busy to read: `excused`.
    pub(super) fn disconnect_stalled(
        &mut self,
        at: Instant,
        excused: bool,
        report: &mut ListenReport,
    ) {
        for slot in 0..self.clients.len() {
            let Some(client) = &mut self.clients[slot] else { continue };
            // A client in the queue has sent something.
            if excused || client.queued || client.is_waiting() || !client.frames.is_partial() {
                client.last_read = at;
            } else if at.duration_since(client.last_read) >= self.stall {
                let reason = DisconnectReason::Stalled(self.stall);
                self.close(slot, &ConnectionEnd::Disconnected(reason), report);
            }
        }
    }

    /// Closes all connections; incomplete records are lost.
    pub(super) fn end(&mut self, report: &mut ListenReport) {
        for slot in 0..self.clients.len() {
            self.close(slot, &ConnectionEnd::Shutdown, report);
        }
        self.acceptors.clear();
    }
}

//! The order of connections that one process makes one after the other.
//!
//! A `SocketHandler` that finds no room in its socket for 1 s drops the record, closes the
//! connection and opens another one for the next record. The bytes sent before may still be
//! unread, so the new connection waits for the old one. Over TCP the system does not report
//! that the old connection was closed while bytes are unread, so connections are matched by
//! process: the one that the system names (Unix sockets on Linux), and the `process` of the
//! records.
//!
//! A process may also have several handlers, each with a lasting connection. So the wait is
//! bounded: it ends with the earlier connection, when that is idle, or when as many bytes
//! have been read from it as it can have held when the wait began.

use std::time::{Duration, Instant};

use super::Clients;
use super::client::Client;
use super::predecessor::Predecessor;
use crate::source::python::delivery::TurnOutcome;
use crate::source::python::stats::ListenReport;

/// Bytes that the sender's side of a connection can hold: the largest default
/// `net.ipv4.tcp_wmem` of Linux. Unix sockets hold less.
const SENDERS_BUFFER: u64 = 4 << 20;

/// An earlier connection is idle when nothing could be read from it for this time, in all:
/// the rest of a closed connection and its end arrive as soon as the system can send them.
const IDLE: Duration = Duration::from_millis(100);

/// The same for another machine: the network may have to send a packet again.
const REMOTE_IDLE: Duration = Duration::from_millis(500);

impl Predecessor {
    fn new(slot: usize, earlier: &Client) -> Predecessor {
        let held = SENDERS_BUFFER.saturating_add(earlier.stream.receive_buffer() as u64);
        let idle_timeout = if earlier.peer.host().is_some() { REMOTE_IDLE } else { IDLE };
        Predecessor {
            slot,
            number: earlier.number,
            read: earlier.read,
            held,
            idle: earlier.idle.total,
            idle_timeout,
            asked: false,
            awaited: true,
        }
    }

    /// Whether it is idle, or everything that it held when the wait began has been read.
    fn is_exhausted(&mut self, earlier: &mut Client, at: Instant) -> bool {
        if earlier.read - self.read >= self.held {
            return true;
        }
        earlier.idle.count(at);
        if earlier.queued || earlier.is_waiting() || !std::mem::replace(&mut self.asked, true) {
            return false;
        }
        let idle = earlier.idle.total - self.idle;
        idle.max(at.duration_since(earlier.last_read)) >= self.idle_timeout
    }
}

impl Clients {
    /// Called with the first record of a client: it goes on, or waits for another one.
    pub(super) fn identify(&mut self, slot: usize) -> TurnOutcome {
        let Some(client) = &self.clients[slot] else { return TurnOutcome::Idle };
        // An earlier client whose first record is not known may be of the same process.
        let is_open = |earlier: &Client| {
            !earlier.identified
                && earlier.queued
                && earlier.number < client.number
                && earlier.peer.shares_machine(&client.peer)
        };
        if self.clients.iter().flatten().any(is_open) {
            if let Some(client) = &mut self.clients[slot] {
                client.identified = false;
            }
            return TurnOutcome::Again;
        }
        if self.find_predecessor(slot) { TurnOutcome::Idle } else { TurnOutcome::Again }
    }

    /// Looks for an earlier connection of the client's process. Returns whether there is one
    /// that must be read first.
    pub(super) fn find_predecessor(&mut self, slot: usize) -> bool {
        let Some(client) = &self.clients[slot] else { return false };
        if client.predecessor.is_some() {
            return client.is_waiting();
        }
        let clients = self.clients.iter().enumerate();
        let earlier = clients.filter_map(|(slot, earlier)| Some((slot, earlier.as_ref()?)));
        let earlier = earlier.filter(|(_, earlier)| {
            earlier.number < client.number
                && earlier.peer.shares_machine(&client.peer)
                && earlier.processes.share(&client.processes)
        });
        let Some((at, last)) = earlier.max_by_key(|(_, earlier)| earlier.number) else {
            return false;
        };
        let found = Predecessor::new(at, last);
        if let Some(client) = &mut self.clients[slot] {
            client.predecessor = Some(found);
            self.waiting += 1;
        }
        true
    }

    /// Whether clients wait for an earlier connection of their process.
    pub(in crate::source::python) fn any_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Ends the waits that are over, and calls `ready` with the clients to queue.
    pub(in crate::source::python) fn release(&mut self, at: Instant, ready: impl FnMut(usize)) {
        self.end_waits(|predecessor, earlier| predecessor.is_exhausted(earlier, at), ready);
    }

    /// The same at the end: also ends each wait for a client that does not wait itself and has nothing to
    /// read. One whose wait has just ended is queued.
    pub(in crate::source::python) fn release_first(&mut self, ready: impl FnMut(usize)) {
        self.end_waits(|_, earlier| !earlier.is_waiting() && !earlier.queued, ready);
    }

    fn end_waits(
        &mut self,
        mut is_over: impl FnMut(&mut Predecessor, &mut Client) -> bool,
        mut ready: impl FnMut(usize),
    ) {
        if self.waiting == 0 {
            return;
        }
        for slot in 0..self.clients.len() {
            let Some(mut client) = self.clients[slot].take_if(|client| client.is_waiting()) else {
                continue;
            };
            if let Some(predecessor) = &mut client.predecessor {
                let earlier = self.clients[predecessor.slot].as_mut();
                let earlier = earlier.filter(|earlier| earlier.number == predecessor.number);
                if earlier.is_none_or(|earlier| is_over(predecessor, earlier)) {
                    predecessor.awaited = false;
                    self.waiting -= 1;
                    client.queued = true;
                    ready(slot);
                }
            }
            self.clients[slot] = Some(client);
        }
    }

    /// Reports a client that disconnected while its bytes were unread.
    pub(super) fn report_unread(&self, client: &Client, partial: bool, report: &mut ListenReport) {
        // A predecessor that is no longer awaited had a lasting connection.
        let succeeds = |later: &Client| {
            later.predecessor.as_ref().is_some_and(|own| {
                own.awaited && own.number == client.number && client.read > own.read
            })
        };
        let again = self.clients.iter().flatten().any(succeeds);
        if !again && !client.disconnected_unread {
            return;
        }
        report.stats.disconnected_unread += 1;
        // A record that was sent in part is already counted.
        report.stats.dropped += u64::from(again && !partial);
        let again = if again { " and connected again" } else { "" };
        let peer = &client.peer;
        report.notice(|| {
            format!(
                "{peer} disconnected{again} before zlog had read all its records: its \
                 SocketHandler waited for 1 s and dropped a record"
            )
        });
    }
}

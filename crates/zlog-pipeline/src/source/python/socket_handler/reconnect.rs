//! Connections that one process makes one after the other, and their order.
//!
//! A `SocketHandler` that finds no room in its socket for 1 s drops the record, closes
//! the connection and makes another for the next record. What it sent before may then
//! still be unread, so the new connection waits for the old one. Over TCP the system
//! cannot tell that the old one was closed while data is in the way of its end, so this
//! goes by the process: the one that the system names (Unix sockets on Linux), and the
//! `process` of the records.
//!
//! A process may also have several handlers, each with a connection that lasts. So a
//! wait is bounded: it ends with the earlier connection, when that is idle, or when as
//! much has been read from it as it can have held when the wait began.

use std::time::{Duration, Instant};

use super::{Client, Clients};
use crate::source::python::{ListenStats, NoticeLimiter, TurnOutcome};

/// How many processes are remembered of a connection. More than one is rare: a
/// `QueueListener` that sends the records of its workers, or a connection shared by
/// forked children.
const MOST_PROCESSES: usize = 16;

/// What the sender's side of a connection can hold: the largest `net.ipv4.tcp_wmem` of
/// Linux by default. Unix sockets hold less.
const SENDERS_BUFFER: u64 = 4 << 20;

/// An earlier connection lasts when nothing could be read from it for so long, in all:
/// what a closed one still holds, and its end, come as soon as the system can send them.
const IDLE: Duration = Duration::from_millis(100);

/// The same for another machine, whose network may have to send a packet again.
const REMOTE_IDLE: Duration = Duration::from_millis(500);

/// How often it is checked whether a wait is over.
pub(super) const CHECK: Duration = Duration::from_millis(20);

/// How long connections have had nothing to read, as far as the reader looked.
#[derive(Debug)]
pub(super) struct Idle {
    total: Duration,
    since: Option<Instant>,
}

impl Idle {
    /// Idle from now on.
    pub(super) fn new(now: Instant) -> Idle {
        Idle { total: Duration::ZERO, since: Some(now) }
    }

    /// There is nothing to read.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// There may be something to read.
    pub(super) fn end(&mut self, now: Instant) {
        self.count(now);
        self.since = None;
    }

    /// Counts up to now, and that much. After a longer pause than [`CHECK`] the reader
    /// was busy, and does not know how long there was nothing.
    fn count(&mut self, now: Instant) {
        if let Some(since) = self.since.replace(now) {
            self.total += now.duration_since(since).min(CHECK);
        } else {
            self.since = None;
        }
    }
}

/// Process numbers seen on a connection, the last one at the end.
#[derive(Debug, Default)]
pub(super) struct Processes(Vec<i64>);

impl Processes {
    /// Adds a process, if there is one.
    pub(super) fn note(&mut self, process: Option<i64>) {
        let Some(process) = process else { return };
        if self.0.last() == Some(&process) {
            return;
        }
        self.0.retain(|known| *known != process);
        if self.0.len() == MOST_PROCESSES {
            self.0.remove(0);
        }
        self.0.push(process);
    }

    /// Whether a process is in both.
    pub(super) fn share(&self, other: &Processes) -> bool {
        self.0.iter().any(|process| other.0.contains(process))
    }
}

/// The connection that the same process made before this one.
#[derive(Debug)]
pub(super) struct Predecessor {
    /// Its place among the clients, and its number, since places are used again.
    slot: usize,
    number: u64,
    /// Bytes that had been read from it when it was found to be the predecessor.
    read: u64,
    /// The most that it can have held then.
    held: u64,
    /// How long it had been idle then, and how much longer it is awaited when it is.
    idle: Duration,
    patience: Duration,
    /// The system has been asked what there is to read since this was found.
    asked: bool,
    awaited: bool,
}

impl Predecessor {
    fn new(slot: usize, earlier: &Client) -> Predecessor {
        let held = SENDERS_BUFFER.saturating_add(earlier.stream.receive_buffer() as u64);
        let patience = if earlier.peer.host().is_some() { REMOTE_IDLE } else { IDLE };
        Predecessor {
            slot,
            number: earlier.number,
            read: earlier.read,
            held,
            idle: earlier.idle.total,
            patience,
            asked: false,
            awaited: true,
        }
    }

    /// Whether the client still waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Whether it is idle, or cannot hold more of what it held when this was found.
    fn is_exhausted(&mut self, earlier: &mut Client, at: Instant) -> bool {
        if earlier.read - self.read >= self.held {
            return true;
        }
        earlier.idle.count(at);
        if earlier.queued || earlier.is_waiting() || !std::mem::replace(&mut self.asked, true) {
            return false;
        }
        let idle = earlier.idle.total - self.idle;
        idle.max(at.duration_since(earlier.last_read)) >= self.patience
    }
}

impl Clients {
    /// The first record of a client has come: whether it goes on, or waits.
    pub(super) fn identify(&mut self, slot: usize) -> TurnOutcome {
        let Some(client) = &self.clients[slot] else { return TurnOutcome::Idle };
        // An earlier one whose first record is still being read may be of the same process.
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

    /// Looks for an earlier connection of the client's process. Whether there is one,
    /// which has to be read first.
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
    pub(in crate::source) fn any_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Ends the waits that are over, and puts the clients into the queue by `ready`.
    pub(in crate::source) fn release(&mut self, at: Instant, ready: impl FnMut(usize)) {
        self.end_waits(|predecessor, earlier| predecessor.is_exhausted(earlier, at), ready);
    }

    /// The same, and nothing more will come of a predecessor that does not wait itself.
    pub(in crate::source) fn release_first(&mut self, ready: impl FnMut(usize)) {
        self.end_waits(|_, earlier| !earlier.is_waiting(), ready);
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

    /// Tells of a client that hung up while what it had sent was unread.
    pub(super) fn report_unread(
        &self,
        client: &Client,
        partial: bool,
        stats: &mut ListenStats,
        notices: &mut NoticeLimiter,
    ) {
        // What is not awaited any more had lasted.
        let succeeds = |later: &Client| {
            later.predecessor.as_ref().is_some_and(|own| {
                own.awaited && own.number == client.number && client.read > own.read
            })
        };
        let again = self.clients.iter().flatten().any(succeeds);
        if !again && !client.hung_up {
            return;
        }
        stats.hung_up += 1;
        // One that was sent in part has been counted.
        stats.dropped += u64::from(again && !partial);
        let again = if again { " and connected again" } else { "" };
        let peer = &client.peer;
        notices.report(|| {
            format!(
                "{peer} hung up{again} while records of it were unread: SocketHandler does so \
                 when it has waited 1 s for room, and drops the record that it has"
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes(all: impl IntoIterator<Item = i64>) -> Processes {
        let mut processes = Processes::default();
        all.into_iter().for_each(|process| processes.note(Some(process)));
        processes
    }

    #[test]
    fn the_processes_seen_last_are_remembered() {
        let seen = processes((0..20).chain([5]));
        assert_eq!(seen.0.len(), MOST_PROCESSES);
        assert!(seen.share(&processes([5])) && seen.share(&processes([1, 19])));
        assert!(!seen.share(&processes([3])));
        assert!(!Processes::default().share(&Processes::default()), "unknown is not the same");
    }
}

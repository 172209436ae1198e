//! The peers of a publishing socket: reads the subscriptions that they send, disconnects
//! those that break the limits, and tracks those that disconnect.
//!
//! A peer may send subscriptions and cancels within the limits of [`Subscriptions`].
//! Disconnects are reported at a limited rate, because an offender may reconnect at once.

use std::time::Instant;

use super::connection_manager::ConnectionManager;
use super::descriptor::{self, Descriptor};
use super::subscriber_tracker::SubscriberTracker;
use super::subscriptions::{Misuse, Origin, Subscriptions};
use crate::socket::broken_report::{BrokenConnection, IN_FLIGHT, MAX_BROKEN};
use crate::socket::misuse_report::MisuseReport;
use crate::socket::upstream::PrefixChange;
use zlog_core::wire::query::ENDING;

/// Most messages read at once: a flooding peer must not keep the socket from sending. libzmq
/// queues at most 256 of them, and leaves the rest with the peer.
const MAX_READ: usize = 4096;

/// Message properties added by `zmq-sys/edits/`: the number of the pipe, the number of the
/// connection, the connection's descriptor, and libzmq's own address of the peer.
const PIPE: &str = "__pipe";
const CONNECTION: &str = "__connection";
const DESCRIPTOR: &str = "__fd";
const ADDRESS: &str = "Peer-Address";

/// An event of a peer.
pub(super) enum PeerEvent<'a> {
    /// It subscribed to `prefix`, or cancelled it.
    Subscription {
        /// Whether it subscribed.
        begin: bool,
        prefix: &'a [u8],
        /// Whether this was the first subscription to the prefix, or the last cancel.
        change: Option<PrefixChange<'a>>,
    },
    /// It announced its end. Carries the number of its connection.
    Ending(u64),
    /// Its connection ended. Carries the number.
    Disconnected(u64),
}

/// The peers of a publishing socket.
pub(super) struct Peers {
    pub(super) subscriptions: Subscriptions,
    tracker: SubscriberTracker,
    broken: Vec<BrokenConnection>,
    /// Number of messages sent, and when it last grew.
    sent: u64,
    sent_at: Option<Instant>,
    message: zmq::Message,
    misuse: MisuseReport,
}

impl Peers {
    pub(super) fn new() -> Peers {
        Peers {
            subscriptions: Subscriptions::default(),
            tracker: SubscriberTracker::default(),
            broken: Vec::new(),
            sent: 0,
            sent_at: None,
            message: zmq::Message::new(),
            misuse: MisuseReport::default(),
        }
    }

    /// Reads the messages of peers and their disconnects, and passes each to `each`. `sent`
    /// is the number of messages sent so far. Never waits.
    pub(super) fn read(
        &mut self,
        socket: &mut zmq::Socket,
        connections: &mut ConnectionManager,
        sent: u64,
        now: Instant,
        mut each: impl FnMut(PeerEvent<'_>),
    ) {
        if std::mem::replace(&mut self.sent, sent) != sent {
            self.sent_at = Some(now);
        }
        for address in connections.misused() {
            self.record_end(&address, Misuse::Frame);
        }
        // Most messages of a connection that has ended are queued already. The others come
        // right after its disconnect.
        self.read_messages(socket, sent, now, &mut each);
        for (descriptor, misused) in connections.disconnected() {
            let connection = self.tracker.disconnected(descriptor, misused, sent);
            connection.map(PeerEvent::Disconnected).into_iter().for_each(&mut each);
        }
        self.read_messages(socket, sent, now, &mut each);
        let recent = self.sent_at.is_some_and(|at| now.saturating_duration_since(at) < IN_FLIGHT);
        let room = MAX_BROKEN.saturating_sub(self.broken.len());
        let broken = self.tracker.broken().filter(|broken| recent && broken.sent > 0);
        self.broken.extend(broken.take(room));
    }

    fn read_messages(
        &mut self,
        socket: &mut zmq::Socket,
        sent: u64,
        now: Instant,
        each: &mut impl FnMut(PeerEvent<'_>),
    ) {
        for _ in 0..MAX_READ {
            if socket.recv(&mut self.message, zmq::DONTWAIT).is_err() {
                break;
            }
            self.handle_message(sent, now, each);
        }
    }

    fn handle_message(&mut self, sent: u64, now: Instant, each: &mut impl FnMut(PeerEvent<'_>)) {
        let (pipe, connection) = (self.number(PIPE), self.number(CONNECTION));
        let address = self.message.gets(ADDRESS).unwrap_or_default().to_owned();
        // Without a descriptor it is a cancel that libzmq makes when a connection ends.
        let descriptor = self.message.gets(DESCRIPTOR).and_then(|fd| fd.parse().ok());
        let Peers { subscriptions, tracker, message, .. } = self;
        let from = Origin { pipe, connection, address: &address };
        let update = subscriptions.apply(message, from, now);
        match message.split_first() {
            Some((_, ENDING)) => {
                let ends = message[0] == 1 && descriptor.is_some();
                let ending = (ends && tracker.expect_end(connection)).then_some(connection);
                ending.map(PeerEvent::Ending).into_iter().for_each(&mut *each);
            }
            Some((&first @ (0 | 1), prefix)) => {
                if let Some(descriptor) = descriptor {
                    let name = || peer_name(descriptor, &address);
                    tracker.handle(message, (connection, descriptor), sent, name);
                }
                let change = update.change;
                each(PeerEvent::Subscription { begin: first == 1, prefix, change });
            }
            _ => {}
        }
        if let Some(offender) = update.offender {
            zmq_sys::zlog_end_connection(offender.connection);
            self.tracker.misused(offender.connection);
            self.record_end(&offender.address, offender.why);
        }
    }

    fn number(&mut self, property: &str) -> u64 {
        self.message.gets(property).and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    fn record_end(&mut self, address: &str, why: Misuse) {
        self.misuse.add(readable(address), why.to_string());
    }

    /// See [`MisuseReport::take`].
    pub(super) fn take_report(&mut self, now: Instant) -> Option<String> {
        self.misuse.take(now)
    }

    /// See [`MisuseReport::take_last`].
    pub(super) fn take_last_report(&mut self) -> Option<String> {
        self.misuse.take_last()
    }

    /// The connections that ended without a cancel since the last call, while messages may
    /// have been in flight.
    pub(super) fn broken(&mut self) -> impl Iterator<Item = BrokenConnection> + '_ {
        self.broken.drain(..)
    }

    /// The peers for which the system holds at least `least` unsent bytes.
    pub(super) fn with_unsent(&self, least: u64) -> impl Iterator<Item = String> {
        let peers = self.tracker.iter().filter(move |(fd, _)| descriptor::unsent(*fd) >= least);
        peers.map(|(_, peer)| peer.to_owned())
    }
}

/// The peer's name for messages.
fn peer_name(descriptor: Descriptor, address: &str) -> String {
    if let Some(address) = descriptor::peer_address(descriptor) {
        return address;
    }
    if address.is_empty() { "an unknown address".to_owned() } else { readable(address) }
}

/// libzmq's address of a peer, for messages. Over ipc it is `:user:group:process`, after
/// `localhost` where the system names the socket so.
fn readable(address: &str) -> String {
    let numbers = address.strip_prefix("localhost").unwrap_or(address).strip_prefix(':');
    let numbers: Vec<&str> = numbers.unwrap_or_default().split(':').collect();
    match numbers[..] {
        [user, group, process]
            if [user, group, process].iter().all(|number| number.parse::<u32>().is_ok()) =>
        {
            format!("process {process}")
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_over_ipc_is_named_by_its_process() {
        for address in ["localhost:0:0:7568", ":0:0:7568", ":1000:1000:7568"] {
            assert_eq!(peer_name(-1, address), "process 7568");
        }
        for address in ["127.0.0.1", "::1", "localhost", "fe80::1:2:3"] {
            assert_eq!(peer_name(-1, address), address);
        }
    }
}

//! What comes up from the subscribers of a publishing socket, and what is done with those
//! that do not keep to what they may send.
//!
//! A subscriber may send subscriptions and cancels, as many as [`Subscriptions`] allows.
//! Who sends more is cut off, and it is told, but not of each: it may come again at once.

use std::time::{Duration, Instant};

use super::descriptor::Descriptor;
use super::subscriptions::{Edge, Misuse, Origin, Subscriptions};

/// Most messages taken in at once: a peer that floods this socket must not keep it from
/// sending. libzmq holds no more than 256 of them, and leaves the rest with the peer.
const DRAIN: usize = 4096;
/// Shortest time between two reports.
const PAUSE: Duration = Duration::from_secs(60);

/// Properties of a message (`zmq-sys/edits.rs`): the numbers of the pipe that it came
/// through and of the connection, the connection's descriptor, and the address at its
/// other end.
const PIPE: &str = "__pipe";
pub(super) const CONNECTION: &str = "__connection";
const DESCRIPTOR: &str = "__fd";
pub(super) const ADDRESS: &str = "Peer-Address";

/// Who sent a message.
pub(super) struct Sender<'a> {
    /// The number of its connection; 0 for a socket of this process.
    pub(super) connection: u64,
    /// The descriptor of its connection; `None` for cancels that libzmq makes when a
    /// connection ends.
    pub(super) descriptor: Option<Descriptor>,
    /// Where it comes from: an address, or `:user:group:process` over ipc.
    pub(super) address: &'a str,
}

/// The subscribers of a socket.
pub(super) struct Peers {
    pub(super) subscriptions: Subscriptions,
    message: zmq::Message,
    /// Connections ended since the last report, and the last of them.
    ended: u64,
    last: Option<(String, Misuse)>,
    reported: Option<Instant>,
}

impl Peers {
    pub(super) fn new() -> Peers {
        Peers {
            subscriptions: Subscriptions::default(),
            message: zmq::Message::new(),
            ended: 0,
            last: None,
            reported: None,
        }
    }

    /// Takes in what subscribers have sent up, and gives each message to `each`, with what
    /// follows from it. Never waits.
    pub(super) fn drain(
        &mut self,
        socket: &mut zmq::Socket,
        now: Instant,
        mut each: impl FnMut(&[u8], &Sender<'_>, Option<Edge<'_>>),
    ) {
        for _ in 0..DRAIN {
            if socket.recv(&mut self.message, zmq::DONTWAIT).is_err() {
                return;
            }
            let (pipe, connection) = (self.number(PIPE), self.number(CONNECTION));
            let address = self.message.gets(ADDRESS).unwrap_or_default().to_owned();
            let descriptor = self.message.gets(DESCRIPTOR).and_then(|fd| fd.parse().ok());
            let from = Origin { pipe, connection, address: &address };
            let taken = self.subscriptions.take(&self.message, from, now);
            each(&self.message, &Sender { connection, descriptor, address: &address }, taken.edge);
            if let Some(ended) = taken.ended {
                zmq_sys::zlog_end_connection(ended.connection);
                self.note(ended.address.into(), ended.why);
            }
        }
    }

    fn number(&mut self, property: &str) -> u64 {
        self.message.gets(property).and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    /// Notes that a connection is ended.
    pub(super) fn note(&mut self, address: String, why: Misuse) {
        self.ended += 1;
        self.last = Some((address, why));
    }

    /// What a person should know: of the first connection that was ended, and then once a
    /// minute at most.
    pub(super) fn report(&mut self, now: Instant) -> Option<String> {
        self.last.as_ref()?;
        if self.reported.is_some_and(|at| now.saturating_duration_since(at) < PAUSE) {
            return None;
        }
        self.reported = Some(now);
        let ended = std::mem::take(&mut self.ended);
        let (address, why) = self.last.take()?;
        let at = if address.is_empty() { String::new() } else { format!(" at {address}") };
        Some(match ended {
            1 => format!("ended the connection of a subscriber{at}: {why}"),
            _ => format!("ended {ended} connections of subscribers, the last{at}: {why}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_were_ended_are_told_of_once_and_then_once_a_minute() {
        let mut peers = Peers::new();
        let start = Instant::now();
        assert_eq!(peers.report(start), None);
        peers.note("10.0.0.7".into(), Misuse::Frame);
        let text = peers.report(start).expect("told");
        assert!(text.starts_with("ended the connection of a subscriber at 10.0.0.7: "), "{text}");
        peers.note("10.0.0.8".into(), Misuse::Rate);
        peers.note(String::new(), Misuse::Cancels);
        assert_eq!(peers.report(start + PAUSE / 2), None);
        let text = peers.report(start + PAUSE).expect("told");
        assert!(text.starts_with("ended 2 connections of subscribers, the last: "), "{text}");
        assert_eq!(peers.report(start + 3 * PAUSE), None);
    }
}

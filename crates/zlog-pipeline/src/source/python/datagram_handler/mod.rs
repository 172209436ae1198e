//! Python's `DatagramHandler`: a pickled record in each datagram, after its length.
//!
//! What may be here: receiving datagrams, and counting those that were dropped. UDP
//! promises nothing (a Unix socket does): one that is lost on the way is not seen here,
//! and has no number that would be missed. What can be known is counted: datagrams that hold no whole
//! record, and those that the system dropped because they came too fast.

#[cfg(target_os = "linux")]
mod drops;

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use mio::{Interest, Registry, Token};

use super::{
    DatagramSocket, Delivery, ListenOptions, ListenStats, NoticeLimiter, Peer, Sender, TurnOutcome,
};
use zlog_core::error::{Error, Result};
use zlog_core::wire::pickle::Refused;

/// `logging.handlers.DEFAULT_UDP_LOGGING_PORT`.
const PORT: u16 = 9021;

/// Bytes before a record, which say its length.
const HEADER: usize = 4;

/// Datagrams in one turn.
const TURN: u32 = 64;

/// A socket that datagrams come to.
struct Receiver {
    socket: DatagramSocket,
    name: Arc<str>,
    queued: bool,
    /// Who sent last: the next one is likely from there, too.
    last: Option<(Sender, Peer)>,
    /// Datagrams have come since the system was asked about drops.
    busy: bool,
    /// A Unix socket drops none: who sends waits.
    #[cfg(target_os = "linux")]
    drops: Option<drops::Drops>,
    longest: usize,
}

/// All sockets that datagrams come to.
pub(super) struct Datagrams {
    receivers: Vec<Receiver>,
    longest: usize,
}

impl Datagrams {
    /// Binds the sockets, with tokens from `first` on.
    ///
    /// # Errors
    /// An address that can't be listened on.
    pub(super) fn bind(
        options: &ListenOptions,
        registry: &Registry,
        first: usize,
        bound: &mut Vec<String>,
    ) -> Result<Datagrams> {
        let mut receivers: Vec<Receiver> = Vec::new();
        for address in &options.udp {
            for socket in address.open(PORT, options.allow_remote, DatagramSocket::open)? {
                let mut receiver = Receiver::new(socket, options.max_record);
                let token = Token(first + receivers.len());
                let source = receiver.socket.source();
                let watched = registry.register(source, token, Interest::READABLE);
                watched.map_err(|error| Error::io("watching a socket", &error))?;
                bound.push(format!("{} for Python's DatagramHandler", receiver.name));
                receivers.push(receiver);
            }
        }
        let unbounded = receivers.iter().any(|receiver| receiver.socket.is_unbounded());
        let longest = if unbounded { options.max_record.saturating_add(HEADER + 1) } else { 0 };
        Ok(Datagrams { receivers, longest })
    }

    /// How much room the longest datagram wants, with one byte that tells a longer one,
    /// if that may be more than UDP's.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// How many sockets there are.
    pub(super) fn sockets(&self) -> usize {
        self.receivers.len()
    }

    /// The end begins: no one new is to send, as far as that can be had. Whether somebody
    /// may be waiting in the middle of it: until there is room in a Unix socket.
    pub(super) fn stop_accepting(&mut self) -> bool {
        self.receivers.iter_mut().for_each(|receiver| receiver.socket.stop_accepting());
        self.receivers.iter().any(|receiver| receiver.socket.is_unbounded())
    }

    /// Something may have come. Whether the socket is to be put into the queue.
    pub(super) fn wake(&mut self, socket: usize) -> bool {
        let receiver = self.receivers.get_mut(socket);
        receiver.is_some_and(|receiver| !std::mem::replace(&mut receiver.queued, true))
    }

    /// Receives what is there, up to a bound, and delivers it.
    ///
    /// # Errors
    /// Whatever the sink returns.
    pub(super) fn turn(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
        delivery: &mut Delivery<'_, '_>,
    ) -> Result<TurnOutcome> {
        let Some(receiver) = self.receivers.get_mut(socket) else { return Ok(TurnOutcome::Idle) };
        let outcome = receiver.turn(buffer, delivery)?;
        receiver.queued = outcome != TurnOutcome::Idle;
        Ok(outcome)
    }

    /// Asks the system what it dropped.
    #[cfg(target_os = "linux")]
    pub(super) fn count_drops(&mut self, stats: &mut ListenStats, notices: &mut NoticeLimiter) {
        for receiver in &mut self.receivers {
            if !std::mem::take(&mut receiver.busy) {
                continue;
            }
            let dropped = receiver.drops.as_mut().map_or(0, drops::Drops::count_new);
            if dropped > 0 {
                stats.dropped_datagrams += dropped;
                let name = &receiver.name;
                notices.report(|| {
                    format!(
                        "{dropped} datagrams to {name} were dropped by the system: they came \
                         faster than they could be read (a higher net.core.rmem_max may help)"
                    )
                });
            }
        }
    }

    /// Nobody else tells.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn count_drops(&mut self, _heard: &mut ListenStats, _told: &mut NoticeLimiter) {}
}

impl Receiver {
    fn new(socket: DatagramSocket, longest: usize) -> Receiver {
        Receiver {
            name: socket.name().into(),
            #[cfg(target_os = "linux")]
            drops: match &socket {
                DatagramSocket::Udp(socket) => Some(drops::Drops::of(socket, socket.local_addr())),
                DatagramSocket::Unix(..) => None,
            },
            socket,
            queued: false,
            last: None,
            busy: false,
            longest,
        }
    }

    fn turn(&mut self, buffer: &mut [u8], delivery: &mut Delivery<'_, '_>) -> Result<TurnOutcome> {
        for _ in 0..TURN {
            let (length, from) = match self.socket.receive(buffer) {
                Ok(received) => received,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(TurnOutcome::Idle),
                    io::ErrorKind::Interrupted => continue,
                    // Of one datagram, or of the network for a while: the next may come.
                    _ => {
                        let name = &self.name;
                        let text = format_args!("receiving on {name}");
                        delivery.notices.report(|| Error::io(text, &error).to_string());
                        return Ok(TurnOutcome::Idle);
                    }
                },
            };
            self.busy = true;
            if self.take(&buffer[..length], from, delivery)?.is_break() {
                return Ok(TurnOutcome::Stopped);
            }
        }
        Ok(TurnOutcome::Again)
    }

    /// Takes one datagram.
    fn take(
        &mut self,
        datagram: &[u8],
        from: Sender,
        delivery: &mut Delivery<'_, '_>,
    ) -> Result<ControlFlow<()>> {
        let peer = match &mut self.last {
            Some((sender, peer)) if *sender == from => peer,
            last => &mut last.insert((from, Peer::new(from, &self.name))).1,
        };
        let refused = match pickle_of(datagram) {
            _ if datagram.len() > self.longest.saturating_add(HEADER) => DatagramError::TooLong,
            Ok(pickle) => match delivery.deliver(pickle, peer)? {
                Ok(flow) => return Ok(flow),
                Err(Refused::Truncated) => DatagramError::Truncated,
                Err(refused) => DatagramError::NotARecord(refused),
            },
            Err(bad) => bad,
        };
        delivery.stats.bad_datagrams += 1;
        delivery.notices.report(|| {
            let why = refused.describe();
            format!("a datagram of {peer} ({} bytes) was left out: {why}", datagram.len())
        });
        Ok(ControlFlow::Continue(()))
    }
}

/// What is wrong with a datagram.
#[derive(PartialEq, Eq, Debug)]
enum DatagramError {
    TooLong,
    TooShort,
    Truncated,
    TrailingBytes,
    NotARecord(Refused),
}

impl DatagramError {
    fn describe(&self) -> String {
        match self {
            DatagramError::TooLong => {
                "its record is longer than one may be (--max-record)".to_owned()
            }
            DatagramError::TooShort => "it is too short for a record and its length".to_owned(),
            DatagramError::Truncated => "it ends in the middle of a record".to_owned(),
            DatagramError::TrailingBytes => "it goes on after its record".to_owned(),
            DatagramError::NotARecord(Refused::NotARecord) => {
                "it is a pickle of something else than a log record".to_owned()
            }
            DatagramError::NotARecord(refused) => format!("no pickled record ({refused})"),
        }
    }
}

/// The pickle in a datagram: what follows its length, which must be right.
fn pickle_of(datagram: &[u8]) -> Result<&[u8], DatagramError> {
    let (header, pickle) = datagram.split_first_chunk::<HEADER>().ok_or(DatagramError::TooShort)?;
    // A length beyond usize is longer than what came, too.
    let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
    match length.cmp(&pickle.len()) {
        std::cmp::Ordering::Equal => Ok(pickle),
        std::cmp::Ordering::Greater => Err(DatagramError::Truncated),
        std::cmp::Ordering::Less => Err(DatagramError::TrailingBytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_a_length_and_as_many_bytes() {
        assert_eq!(pickle_of(b"\0\0\0\x02}."), Ok(&b"}."[..]));
        assert_eq!(pickle_of(b"\0\0\0\0"), Ok(&b""[..]));
        assert_eq!(pickle_of(b""), Err(DatagramError::TooShort));
        assert_eq!(pickle_of(b"\0\0\0"), Err(DatagramError::TooShort));
        assert_eq!(pickle_of(b"\0\0\0\x03}."), Err(DatagramError::Truncated));
        assert_eq!(pickle_of(b"\xff\xff\xff\xff}."), Err(DatagramError::Truncated));
        assert_eq!(pickle_of(b"\0\0\0\x01}."), Err(DatagramError::TrailingBytes));
    }
}

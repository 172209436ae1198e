//! Python's `DatagramHandler`: each datagram is a pickled record after its length.
//!
//! UDP guarantees nothing (a Unix socket does): a datagram that is lost on the way can't
//! be seen, since records from Python have no number that would be missing. What can be
//! known is counted: datagrams without a complete record, and those that the system dropped
//! because they came too fast.

#[cfg(target_os = "linux")]
mod drops;

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use mio::{Interest, Registry, Token};

use super::delivery::{Delivery, TurnOutcome};
use super::options::ListenOptions;
use super::peer::{Peer, Sender};
use super::sockets::DatagramSocket;
use super::stats::ListenReport;
use zlog_core::wire::pickle::Refused;
use zlog_core::{Error, Record, Result};

/// `logging.handlers.DEFAULT_UDP_LOGGING_PORT`.
const PORT: u16 = 9021;

/// Bytes of the length before a record.
const HEADER: usize = 4;

/// Most datagrams in one turn.
const TURN: u32 = 64;

/// A socket that receives datagrams.
struct Receiver {
    socket: DatagramSocket,
    name: Arc<str>,
    queued: bool,
    /// The last sender: the next datagram is likely from the same one.
    last: Option<(Sender, Peer)>,
    /// Datagrams have come since the system was asked for drops.
    busy: bool,
    /// `None` for a Unix socket: it drops nothing, since its senders wait.
    #[cfg(target_os = "linux")]
    drops: Option<drops::Drops>,
    max_record: usize,
}

/// All sockets that receive datagrams.
pub(super) struct Datagrams {
    receivers: Vec<Receiver>,
    longest: usize,
}

impl Datagrams {
    /// Binds the sockets. Their tokens begin with `first`.
    ///
    /// # Errors
    /// An address can't be listened on.
    pub(super) fn bind(
        options: &ListenOptions,
        registry: &Registry,
        first: usize,
        notices: &mut Vec<String>,
    ) -> Result<Datagrams> {
        let mut receivers: Vec<Receiver> = Vec::new();
        for address in &options.udp {
            for socket in address.open(PORT, options.allow_remote, DatagramSocket::open)? {
                let mut receiver = Receiver::new(socket, options.max_record);
                let token = Token(first + receivers.len());
                let source = receiver.socket.source();
                let registered = registry.register(source, token, Interest::READABLE);
                registered.map_err(|error| Error::io("watching a socket", &error))?;
                notices
                    .push(format!("listening on {} for Python's DatagramHandler", receiver.name));
                receivers.push(receiver);
            }
        }
        let unbounded = receivers.iter().any(|receiver| receiver.socket.is_unbounded());
        let longest = if unbounded { options.max_record.saturating_add(HEADER + 1) } else { 0 };
        Ok(Datagrams { receivers, longest })
    }

    /// The buffer size that the longest datagram needs, with one more byte by which a longer
    /// datagram is noticed; 0 if all sockets are UDP, whose datagrams are short.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Number of sockets.
    pub(super) fn sockets(&self) -> usize {
        self.receivers.len()
    }

    /// Removes the files of Unix sockets, so that no new sender finds them. Returns whether
    /// a sender may be waiting for room in one.
    pub(super) fn stop_accepting(&mut self) -> bool {
        self.receivers.iter_mut().for_each(|receiver| receiver.socket.unlink());
        self.receivers.iter().any(|receiver| receiver.socket.is_unbounded())
    }

    /// A socket may have datagrams. Returns whether it must be queued.
    pub(super) fn wake(&mut self, socket: usize) -> bool {
        let receiver = self.receivers.get_mut(socket);
        receiver.is_some_and(|receiver| !std::mem::replace(&mut receiver.queued, true))
    }

    /// Receives up to [`TURN`] datagrams and delivers their records.
    ///
    /// # Errors
    /// The sink's errors.
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

    /// Asks the system how many datagrams it has dropped.
    #[cfg(target_os = "linux")]
    pub(super) fn count_drops(&mut self, report: &mut ListenReport) {
        for receiver in &mut self.receivers {
            if !std::mem::take(&mut receiver.busy) {
                continue;
            }
            let dropped = receiver.drops.as_mut().map_or(0, drops::Drops::count_new);
            if dropped > 0 {
                report.stats.dropped_datagrams += dropped;
                let name = &receiver.name;
                report.notice(|| {
                    format!(
                        "the system dropped {dropped} datagrams to {name}: they arrived too fast \
                         (a higher net.core.rmem_max may help)"
                    )
                });
            }
        }
    }

    /// Other systems do not say.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn count_drops(&mut self, _: &mut ListenReport) {}
}

impl Receiver {
    fn new(socket: DatagramSocket, max_record: usize) -> Receiver {
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
            max_record,
        }
    }

    fn turn(&mut self, buffer: &mut [u8], delivery: &mut Delivery<'_, '_>) -> Result<TurnOutcome> {
        for _ in 0..TURN {
            let (length, from) = match self.socket.receive(buffer) {
                Ok(received) => received,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(TurnOutcome::Idle),
                    io::ErrorKind::Interrupted => continue,
                    // The error of one datagram, or of the network for a while.
                    _ => {
                        let text = format_args!("receiving on {}", self.name);
                        delivery.report.notice(|| Error::io(text, &error).to_string());
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

    /// Delivers the record of a datagram, or reports why it has none.
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
        let mut record = Record::default();
        let error = match pickle_of(datagram) {
            _ if datagram.len() > self.max_record.saturating_add(HEADER) => DatagramError::TooLong,
            Ok(pickle) => match delivery.decode(pickle, &mut record) {
                Ok(()) => return delivery.deliver(&mut record, peer),
                Err(Refused::Truncated) => DatagramError::Truncated,
                Err(refused) => DatagramError::NotARecord(refused),
            },
            Err(error) => error,
        };
        delivery.report.stats.bad_datagrams += 1;
        delivery.report.notice(|| {
            let (length, why) = (datagram.len(), error.describe());
            format!("dropped a datagram from {peer} ({length} bytes): {why}")
        });
        Ok(ControlFlow::Continue(()))
    }
}

/// Why a datagram has no record.
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
            DatagramError::TooLong => "its record is longer than --max-record".to_owned(),
            DatagramError::TooShort => "it is too short for a record and its length".to_owned(),
            DatagramError::Truncated => "it ends in the middle of a record".to_owned(),
            DatagramError::TrailingBytes => "it continues after its record".to_owned(),
            DatagramError::NotARecord(Refused::NotARecord) => {
                "it is a pickle, but not of a log record".to_owned()
            }
            DatagramError::NotARecord(refused) => format!("not a pickled record ({refused})"),
        }
    }
}

/// The pickle in a datagram: what follows its length, which must be right.
fn pickle_of(datagram: &[u8]) -> Result<&[u8], DatagramError> {
    let (header, pickle) = datagram.split_first_chunk::<HEADER>().ok_or(DatagramError::TooShort)?;
    // A length that exceeds usize exceeds every datagram, too.
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

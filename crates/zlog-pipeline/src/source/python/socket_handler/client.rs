//! One client of a `SocketHandler`: its connection, and the frames read from it.

use std::io::{self, Read};
use std::time::Instant;

use super::super::delivery::{Delivery, TurnOutcome};
use super::super::peer::Peer;
use super::super::sockets::Stream;
use super::disconnect::DisconnectReason;
use super::frames::{FeedOutcome, Frame, FrameOutcome, Frames};
use super::predecessor::{Idle, Predecessor, Processes};
use zlog_core::wire::pickle::Refused;
use zlog_core::{Record, Result};

/// Bytes of a client's first read. They are kept while the client waits for an earlier
/// connection, and hundreds may wait.
const FIRST_READ: usize = 4 << 10;

/// A program that sends records.
pub(super) struct Client {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    /// Connections are numbered in the order in which they were made.
    pub(super) number: u64,
    /// The processes that it sends records of.
    pub(super) processes: Processes,
    /// The process of its first record is known.
    pub(super) identified: bool,
    pub(super) predecessor: Option<Predecessor>,
    pub(super) idle: Idle,
    /// Bytes read from it.
    pub(super) read: u64,
    /// It has disconnected after its bytes had been unread for [`TIMEOUT`].
    pub(super) disconnected_unread: bool,
    pub(super) frames: Frames,
    /// The sink has returned `Break` before all frames were delivered.
    pub(super) has_pending: bool,
    /// It is in the queue of turns.
    pub(super) queued: bool,
    /// When something was last read from it.
    pub(super) last_read: Instant,
}

/// Why a connection ends.
pub(super) enum ConnectionEnd {
    /// The client has closed it.
    Closed,
    /// It broke.
    Broken(io::Error),
    /// zlog ends, or makes room for other clients.
    Shutdown,
    /// The client is disconnected.
    Disconnected(DisconnectReason),
}

impl Client {
    /// Whether an earlier connection of its process must be read first.
    pub(super) fn is_waiting(&self) -> bool {
        self.predecessor.as_ref().is_some_and(Predecessor::is_awaited)
    }

    /// Reads once, or goes on with the frames that wait.
    pub(super) fn turn(
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
        let outcome = frames.feed(bytes, max_record, &mut |frame| match frame {
            Frame::Whole(frame) => take(frame, peer, processes, identified, delivery),
            Frame::TooLong(length) => {
                delivery.report.stats.too_large += 1;
                delivery.report.notice(|| {
                    format!(
                        "skipped a record of {length} bytes from {peer}: at most {max_record} are \
                         allowed (--max-record)"
                    )
                });
                Ok(FrameOutcome::Continue)
            }
        })?;
        self.has_pending = matches!(outcome, FeedOutcome::Pending);
        Ok(match outcome {
            FeedOutcome::Consumed => Ok(TurnOutcome::Again),
            FeedOutcome::Pending => Ok(TurnOutcome::Stopped),
            FeedOutcome::Rejected(reason) => Err(ConnectionEnd::Disconnected(reason)),
            FeedOutcome::NoFrame { header } => {
                Err(ConnectionEnd::Disconnected(DisconnectReason::NoFrame(header)))
            }
        })
    }
}

/// Delivers the record of one frame. The first record of a client is decoded for its
/// process alone, and comes again.
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
            match delivery.deliver(&mut record, peer)?.is_continue() {
                true => FrameOutcome::Continue,
                false => FrameOutcome::Stop,
            }
        }
        // An honest client may do this, with a list of a million numbers as an extra.
        Err(refused @ Refused::TooLarge(_)) => {
            delivery.report.stats.too_large += 1;
            delivery.report.notice(|| format!("dropped a record from {peer}: {refused}"));
            FrameOutcome::Continue
        }
        // It has sent records: this one is lost, and the next ones need not be.
        Err(refused) if *identified => {
            delivery.report.stats.unreadable += 1;
            delivery.report.notice(|| format!("can't read a record from {peer}: {refused}"));
            FrameOutcome::Continue
        }
        Err(refused) => FrameOutcome::Reject(DisconnectReason::NotARecord(refused)),
    })
}

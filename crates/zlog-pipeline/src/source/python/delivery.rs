//! From what was received to the sink, for both of Python's handlers.

use std::ops::ControlFlow;
use std::time::Instant;

use super::peer::Peer;
use super::stats::ListenReport;
use crate::source::Sink;
use zlog_core::wire::pickle::{self, Limits, Refused};
use zlog_core::{Record, Result};

/// Outcome of a socket's turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TurnOutcome {
    /// There may be more to read at once.
    Again,
    /// There is nothing more to read.
    Idle,
    /// The sink has returned `Break`; a part of what was read is kept.
    Stopped,
}

/// Decodes pickles and delivers their records.
pub(super) struct Delivery<'d, 's> {
    pub(super) limits: &'d Limits,
    pub(super) reader: &'d mut pickle::Reader,
    pub(super) report: &'d mut ListenReport,
    /// When the bytes were read: seconds since 1970-01-01 UTC, and the same as an instant.
    pub(super) received: f64,
    pub(super) at: Instant,
    pub(super) sink: &'d mut Sink<'s>,
}

impl Delivery<'_, '_> {
    /// Decodes the record of a pickle into an empty record.
    pub(super) fn decode<'a>(
        &mut self,
        bytes: &'a [u8],
        record: &mut Record<'a>,
    ) -> Result<(), Refused> {
        self.reader.read_into(bytes, self.limits, record)
    }

    /// Delivers a decoded record.
    ///
    /// # Errors
    /// The sink's errors.
    pub(super) fn deliver<'a>(
        &mut self,
        record: &mut Record<'a>,
        peer: &'a Peer,
    ) -> Result<ControlFlow<()>> {
        self.report.stats.records += 1;
        if let Some(fault) = &record.fault {
            self.report.stats.shortened += 1;
            self.report.notice(|| format!("shortened a record from {peer}: {fault}"));
        }
        record.received = Some(self.received);
        if record.hostname.is_none() {
            record.hostname = peer.host().map(Into::into);
        }
        (self.sink)(record)
    }
}

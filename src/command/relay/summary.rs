//! The summary that a relay prints at its end.

use std::fmt;
use std::time::Duration;

use zlog_core::text::plural::{counted, elapsed, grouped};
use zlog_pipeline::socket::{Counts, Flushed, ReceivedCounts, broken_remark, name_lacking};

/// The records that were received with confirmation, and where they are kept.
pub(super) struct Received {
    pub(super) counts: ReceivedCounts,
    pub(super) spool: String,
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReceivedCounts { stored, waiting, .. } = self.counts;
        if stored > 0 {
            write!(f, "; stored {} with confirmation", counted(stored, "record"))?;
        }
        for remark in self.counts.remarks() {
            write!(f, "; {remark}")?;
        }
        if waiting > 0 {
            let waiting = counted(waiting, "record");
            write!(f, "; {waiting} left in the spool {} for the next relay", self.spool)?;
        }
        Ok(())
    }
}

/// The counts of a relay that has ended.
pub(super) struct Summary {
    pub(super) counts: Counts,
    /// Who had no room for messages, and how long messages waited for whom.
    pub(super) full: Option<String>,
    pub(super) waits: Option<String>,
    /// Subscribers whose connection broke.
    pub(super) broken: u64,
    /// Whether publishers were still sending at the end.
    pub(super) uncounted: bool,
    /// Messages that were refused, because their publisher's key does not allow them.
    pub(super) denied: u64,
    pub(super) flushed: Flushed,
    pub(super) received: Option<Received>,
    pub(super) took: Duration,
}

impl Summary {
    /// Whether messages were lost here, or may have been.
    pub(super) fn lost(&self) -> bool {
        let Counts { no_room, dropped, frames_cut, .. } = self.counts;
        let received = self.received.as_ref().map_or(0, |received| {
            let ReceivedCounts { damaged, refused, too_long, .. } = received.counts;
            damaged + refused + too_long
        });
        no_room + dropped + frames_cut + self.broken + self.denied + received > 0
            || self.uncounted
            || self.flushed != Flushed::Yes
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { messages, unheard, no_room, dropped, frames_cut, .. } = self.counts;
        let Counts { is_no_room_exact, .. } = self.counts;
        let took = elapsed(self.took.as_secs_f64());
        write!(f, "forwarded {} in {took}", counted(messages, "message"))?;
        if unheard > 0 {
            write!(f, "; {} had no subscriber", grouped(unheard))?;
        }
        if let Some(received) = &self.received {
            write!(f, "{received}")?;
        }
        if no_room > 0 {
            if is_no_room_exact {
                let messages = counted(no_room, "message");
                write!(f, "; dropped {messages} because a subscriber had no room")?;
            } else {
                let times = counted(no_room, "time");
                write!(f, "; a subscriber had no room {times}, and lost messages")?;
            }
            if let Some(full) = &self.full {
                write!(f, ": {full}")?;
            }
        }
        if let Some(waits) = &self.waits {
            write!(f, "; {waits}")?;
        }
        if dropped > 0 {
            let messages = counted(dropped, "message");
            write!(f, "; dropped {messages} for subscribers: --linger was over")?;
        }
        if frames_cut > 0 {
            write!(f, "; dropped {} beyond the eighth of a message", counted(frames_cut, "frame"))?;
        }
        if self.denied > 0 {
            let messages = counted(self.denied, "message");
            write!(f, "; refused {messages} that their publishers' keys do not allow")?;
        }
        if let Some(remark) = broken_remark(self.broken) {
            write!(f, "; {remark}")?;
        }
        if self.uncounted {
            f.write_str(
                "; publishers were still sending when --linger was over: the number of lost \
                 records is unknown",
            )?;
        }
        match &self.flushed {
            Flushed::Yes => {}
            Flushed::No(lacking) if lacking.is_empty() => f.write_str(
                "; subscribers did not read everything in time: the last messages may be lost",
            )?,
            Flushed::No(lacking) => {
                let lacking = name_lacking(lacking);
                write!(f, "; subscribers did not read everything in time: {lacking}")?;
            }
        }
        Ok(())
    }
}

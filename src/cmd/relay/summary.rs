//! What became of the messages: one line at the end.

use std::fmt;
use std::time::Duration;

use crate::socket::{Counts, Flushed};

/// What a relay says of itself at the end.
pub(super) struct Summary {
    pub(super) counts: Counts,
    pub(super) flushed: Flushed,
    pub(super) took: Duration,
}

impl Summary {
    /// Whether anything was lost here, or may have been.
    pub(super) fn lost(&self) -> bool {
        let Counts { no_room, dropped, frames_cut, .. } = self.counts;
        no_room + dropped + frames_cut > 0 || self.flushed == Flushed::No
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { messages, no_room, dropped, frames_cut, .. } = self.counts;
        let seconds = self.took.as_secs_f64();
        write!(f, "forwarded {messages} in {seconds:.1} s")?;
        if no_room > 0 {
            write!(f, "; a subscriber had no room {no_room} times, and lost what came then")?;
        }
        if dropped > 0 {
            write!(f, "; dropped {dropped}")?;
        }
        if frames_cut > 0 {
            write!(f, "; cut {frames_cut} frames off messages of more than eight")?;
        }
        if self.flushed == Flushed::No {
            f.write_str(
                "; subscribers did not take everything in time: the last of it may be lost",
            )?;
        }
        Ok(())
    }
}

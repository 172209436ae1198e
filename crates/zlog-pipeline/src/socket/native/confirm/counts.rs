//! What a relay has received with confirmation.

use zlog_core::text::plural;

/// Counts since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReceivedCounts {
    /// Records that were stored.
    pub stored: u64,
    /// Records that were not stored again: the sender has repeated them.
    pub duplicates: u64,
    /// Records that their sender may not publish.
    pub refused: u64,
    /// Records that are too long for the spool.
    pub too_long: u64,
    /// Batches that make no sense.
    pub invalid: u64,
    /// Records that are damaged.
    pub damaged: u64,
    /// Records that wait in the spool for subscribers and handlers.
    pub waiting: u64,
    /// Number of senders.
    pub senders: u64,
}

impl ReceivedCounts {
    /// Sentences about records that were repeated, refused or damaged.
    pub fn remarks(&self) -> Vec<String> {
        let counts = [
            (self.duplicates, "record", "that senders have repeated, not stored again"),
            (self.refused, "record", "refused: their senders' keys may not publish them"),
            (self.too_long, "record", "refused: too long for the spool"),
            (
                self.invalid,
                "batch",
                "refused: not sent as `zlog emit --spool` and publish handlers send",
            ),
            (self.damaged, "record", "damaged on disk"),
        ];
        plural::remarks(counts).collect()
    }
}

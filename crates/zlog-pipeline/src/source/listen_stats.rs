//! Counts of what listens for records.

use zlog_core::text::plural::remarks;

/// Counts of what listens for records, Python's handlers and OTLP: clients, records and datagrams.
/// A connection of OTLP is a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ListenStats {
    /// Records delivered.
    pub records: u64,
    /// Clients connected now.
    pub clients: u64,
    /// Clients that have ever connected, without the refused ones.
    pub clients_total: u64,
    /// Clients refused because the maximum number was connected.
    pub refused: u64,
    /// Clients disconnected because they sent no valid record, or stopped in the middle of one.
    pub disconnected: u64,
    /// Records of which only a part came before the connection ended.
    pub truncated: u64,
    /// Clients that disconnected before everything that they had sent was read.
    pub disconnected_unread: u64,
    /// Records that such a client dropped before it connected again; a lower bound.
    pub dropped: u64,
    /// Records skipped because they are too long or have too many values; their client stays.
    pub too_large: u64,
    /// Records that can't be read, from clients that have sent others.
    pub unreadable: u64,
    /// Records that a client had sent when it was disconnected or zlog ended, and that were
    /// not read.
    pub unread: u64,
    /// Records delivered without a part of their extras.
    pub shortened: u64,
    /// Datagrams without a complete record.
    pub bad_datagrams: u64,
    /// Datagrams that the system dropped before they could be read. Known on Linux only.
    pub dropped_datagrams: u64,
}

impl ListenStats {
    /// Records that are known to be lost.
    pub fn lost(&self) -> u64 {
        self.truncated
            + self.dropped
            + self.too_large
            + self.unreadable
            + self.unread
            + self.bad_datagrams
            + self.dropped_datagrams
    }

    /// For the summary: each number that is not zero, in words.
    pub fn remarks(&self) -> Vec<String> {
        remarks([
            (self.disconnected, "client", "disconnected"),
            (self.refused, "client", "refused (--max-clients)"),
            (self.truncated, "record", "cut short by the end of the connection"),
            (self.disconnected_unread, "client", "disconnected with records unread"),
            (self.dropped, "record", "dropped by a SocketHandler that waited for 1 s"),
            (self.too_large, "record", "skipped, too large"),
            (self.unreadable, "record", "skipped, can't be read"),
            (self.unread, "record", "unread when the client was disconnected"),
            (self.shortened, "record", "shortened (extras nested too deep, or too large)"),
            (self.bad_datagrams, "datagram", "without a complete record"),
            (self.dropped_datagrams, "datagram", "dropped by the system (too fast)"),
        ])
        .collect()
    }
}

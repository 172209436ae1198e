//! The outcome of sending the rest when a socket is closed.

/// Outcome of a flush.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// The system took all messages.
    Yes,
    /// The time was up, and messages were dropped: for these subscribers, if they are known.
    No(Vec<Lacking>),
}

/// A subscriber that did not get everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lacking {
    /// Its name.
    pub peer: String,
    /// Number of messages that it lacks. The first of them may have arrived.
    pub messages: u64,
}

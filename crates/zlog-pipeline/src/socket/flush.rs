//! The outcome of sending the rest when a socket is closed.

/// Outcome of a flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// The system took all messages.
    Yes,
    /// The time was up; an unknown number of messages was dropped.
    No,
}

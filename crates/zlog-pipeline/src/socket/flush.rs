//! Outcomes of messages that were not sent: those left when a socket is closed, and those that nobody
//! needed.

/// Outcome of a flush.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// The system took all messages.
    Yes,
    /// The time was up, and messages were dropped: for these subscribers, if they are known.
    No(Vec<PeerLoss>),
}

/// Messages that an engine took and did not send to everybody, though nobody lacks them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct NotNeeded {
    /// Messages whose topic had no subscriber.
    pub(crate) unsubscribed: u64,
    /// Those of them that were sent before anybody had subscribed to any topic.
    pub(crate) before_subscribers: u64,
    /// Messages that were queued for a subscriber that left in order, or was disconnected because
    /// of what it sent. Counted for each such subscriber.
    pub(crate) left: u64,
}

/// Returns the counts as of now. They are complete once the socket is closed.
pub(crate) type CountNotNeeded = Box<dyn Fn() -> NotNeeded + Send>;

/// A subscriber that did not get everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerLoss {
    /// Its name.
    pub peer: String,
    /// Number of messages that it lacks. The first of them may have arrived.
    pub messages: u64,
}

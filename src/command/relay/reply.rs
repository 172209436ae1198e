//! An answer to one client, sent as fast as the client reads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zlog_core::history::{SharedFrame, StoredMessage};
use zlog_core::wire::query::{self, Answer};
use zlog_pipeline::socket::{AnswerOutcome, ClientId, QueryServer};

/// How long a client may read nothing of its answer. `zlog tail` waits as long for more.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer that is being sent.
pub(super) struct Reply {
    pub(super) client: ClientId,
    /// The messages not passed to libzmq yet.
    messages: std::vec::IntoIter<StoredMessage>,
    /// The message sent after them.
    last: Option<SharedFrame>,
    /// Cloned into each frame, so that its count tells how many libzmq has not sent yet.
    unsent: Arc<()>,
    /// The number of unsent frames at the last check.
    waiting: usize,
    /// When the client last read something.
    progressed_at: Instant,
}

/// The state of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It is not completely sent yet.
    Unfinished,
    /// It is completely sent.
    Sent,
    /// The client has disconnected.
    Gone,
    /// The client has read nothing for too long.
    Stuck,
}

/// A frame of an answer, with a clone of [`Reply::unsent`].
struct CountedFrame(SharedFrame, #[expect(dead_code, reason = "it is counted")] Arc<()>);

impl AsRef<[u8]> for CountedFrame {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl Reply {
    /// An answer of `messages` followed by `last`.
    pub(super) fn new(
        client: ClientId,
        messages: Vec<StoredMessage>,
        last: SharedFrame,
        now: Instant,
    ) -> Reply {
        Reply {
            client,
            messages: messages.into_iter(),
            last: Some(last),
            unsent: Arc::default(),
            waiting: 0,
            progressed_at: now,
        }
    }

    /// Sends as much as there is room for.
    pub(super) fn send(&mut self, server: &mut QueryServer, now: Instant) -> State {
        loop {
            match self.send_next(server) {
                Some(AnswerOutcome::Sent) => self.progressed_at = now,
                Some(AnswerOutcome::Gone) => return State::Gone,
                Some(AnswerOutcome::Full) | None => break,
            }
        }
        let waiting = Arc::strong_count(&self.unsent) - 1;
        if waiting < self.waiting {
            self.progressed_at = now;
        }
        self.waiting = waiting;
        if self.last.is_none() && waiting == 0 {
            State::Sent
        } else if now >= self.progressed_at + STALL_TIMEOUT {
            State::Stuck
        } else {
            State::Unfinished
        }
    }

    /// Sends the next message of the answer; `None` after the last one.
    fn send_next(&mut self, server: &mut QueryServer) -> Option<AnswerOutcome> {
        let counted = |frame: SharedFrame| CountedFrame(frame, Arc::clone(&self.unsent));
        let outcome = match self.messages.as_slice().first() {
            Some(late) => {
                let head = query::write_answer(&Answer::Message { received: late.received });
                server.answer(&self.client, counted(head.into()), late.frames().map(counted))
            }
            None => server.answer(&self.client, counted(self.last.clone()?), []),
        };
        if outcome == AnswerOutcome::Sent && self.messages.next().is_none() {
            self.last = None;
        }
        Some(outcome)
    }
}

//! An answer to one client, sent as fast as the client reads.

use std::time::{Duration, Instant};

use zlog_core::history::{SharedFrame, StoredMessage};
use zlog_core::wire::query::{self, Answer};
use zlog_pipeline::socket::{AnswerOutcome, ClientId, QueryServer};

/// How long a client may read nothing of its answer. `zlog tail` waits as long for more.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer that is being sent.
pub(super) struct Reply {
    pub(super) client: ClientId,
    /// The messages not passed to the engine yet.
    messages: std::vec::IntoIter<StoredMessage>,
    /// The message sent after them.
    last: Option<SharedFrame>,
    /// The number of unsent messages at the last check.
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
            waiting: 0,
            progressed_at: now,
        }
    }

    /// Whether all of it was passed to the engine. The client may not have read it.
    pub(super) fn is_queued(&self) -> bool {
        self.last.is_none()
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
        // A client may disconnect as soon as it has read everything.
        let waiting = server.unsent(&self.client).unwrap_or(0);
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
        let outcome = match self.messages.as_slice().first() {
            Some(late) => {
                let head = query::write_answer(&Answer::Message { received: late.received });
                let frames: Vec<SharedFrame> = late.frames().collect();
                let frames = frames.iter().map(AsRef::as_ref);
                let frames: Vec<&[u8]> = std::iter::once(&*head).chain(frames).collect();
                server.answer(&self.client, &frames)
            }
            None => server.answer(&self.client, &[self.last.as_ref()?.as_ref()]),
        };
        if outcome == AnswerOutcome::Sent && self.messages.next().is_none() {
            self.last = None;
        }
        Some(outcome)
    }
}

//! An answer under way: what of it libzmq has still to be given, and to send.
//!
//! What may be here: one client's answer, sent as the client reads. Who asked what is
//! `queries`'.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zlog_core::history::{SharedFrame, StoredMessage};
use zlog_core::wire::query::{self, Answer};
use zlog_pipeline::socket::{AnswerOutcome, ClientId, QueryServer};

/// How long a client may take nothing of its answer. `zlog tail` waits as long for more.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer that is sent as its client reads.
pub(super) struct Reply {
    pub(super) client: ClientId,
    /// Messages that are still to be sent, the next one first.
    messages: std::vec::IntoIter<StoredMessage>,
    /// What is sent after them.
    last: Option<SharedFrame>,
    /// A copy of it is held by each frame that libzmq has still to send.
    unsent: Arc<()>,
    /// How many copies there were.
    waiting: usize,
    /// When the client last took something.
    moved: Instant,
}

/// How an answer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Not all of it is sent yet.
    UnderWay,
    /// All of it is sent.
    Sent,
    /// The client has gone.
    Gone,
    /// The client has read nothing for too long.
    Stuck,
}

/// A frame of an answer, with a copy of [`Reply::unsent`].
struct Part(SharedFrame, #[expect(dead_code, reason = "it is counted")] Arc<()>);

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl Reply {
    /// An answer of `messages`, and then `last`.
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
            moved: now,
        }
    }

    /// Sends on as much as there is room for.
    pub(super) fn send(&mut self, server: &mut QueryServer, now: Instant) -> State {
        loop {
            match self.send_next(server) {
                Some(AnswerOutcome::Taken) => self.moved = now,
                Some(AnswerOutcome::Gone) => return State::Gone,
                Some(AnswerOutcome::Full) | None => break,
            }
        }
        let waiting = Arc::strong_count(&self.unsent) - 1;
        if waiting < self.waiting {
            self.moved = now;
        }
        self.waiting = waiting;
        if self.last.is_none() && waiting == 0 {
            State::Sent
        } else if now >= self.moved + PATIENCE {
            State::Stuck
        } else {
            State::UnderWay
        }
    }

    /// Sends the next message of the answer; `None` when all of them were.
    fn send_next(&mut self, server: &mut QueryServer) -> Option<AnswerOutcome> {
        let part = |frame: SharedFrame| Part(frame, Arc::clone(&self.unsent));
        let given = match self.messages.as_slice().first() {
            Some(late) => {
                let head = query::write_answer(&Answer::Message { received: late.received });
                server.answer(&self.client, part(head.into()), late.frames().map(part))
            }
            None => server.answer(&self.client, part(self.last.clone()?), []),
        };
        if given == AnswerOutcome::Taken && self.messages.next().is_none() {
            self.last = None;
        }
        Some(given)
    }
}

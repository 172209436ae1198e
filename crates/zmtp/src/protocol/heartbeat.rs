//! When to send PING, and when a silent peer counts as dead.

use std::time::{Duration, Instant};

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// A PING: the peer has been silent for a third of the time.
    Ping,
    /// The peer has been silent for the whole time, and has not answered.
    Silent,
}

/// The heartbeat of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// How long a peer may be silent.
    limit: Duration,
    received: Instant,
    /// When the last PING was sent, if nothing was received since.
    asked: Option<Instant>,
}

impl Heartbeat {
    pub(crate) fn new(limit: Duration, now: Instant) -> Heartbeat {
        Heartbeat { limit, received: now, asked: None }
    }

    /// Notes that bytes have arrived.
    pub(crate) fn note_received(&mut self, now: Instant) {
        (self.received, self.asked) = (now, None);
    }

    /// What is due at `now`. A PING that is due counts as sent.
    pub(crate) fn check(&mut self, now: Instant) -> Due {
        if now < self.next() {
            return Due::Nothing;
        }
        // The time counts only if the peer was asked: this process may have been stopped.
        if self.asked.is_some_and(|asked| now >= asked + self.answer_time()) {
            return Due::Silent;
        }
        if self.asked.is_some() {
            return Due::Nothing;
        }
        self.asked = Some(now);
        Due::Ping
    }

    /// When [`Heartbeat::check`] has something to say.
    pub(crate) fn next(&self) -> Instant {
        match self.asked {
            None => self.received + self.limit / 3,
            Some(asked) => asked + self.answer_time(),
        }
    }

    /// Moves all times on by `gap`, in which this process could not ask or listen.
    pub(crate) fn skip(&mut self, gap: Duration) {
        self.received += gap;
        self.asked = self.asked.map(|asked| asked + gap);
    }

    /// Starts over without a sign of life: the peer has a reason not to answer.
    pub(crate) fn postpone(&mut self, now: Instant) {
        self.note_received(now);
    }

    fn answer_time(&self) -> Duration {
        self.limit - self.limit / 3
    }
}

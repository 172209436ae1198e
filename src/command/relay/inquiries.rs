//! Questions that a relay is asked, and its answers.
//!
//! What may be here: who asked what, and when it is time to answer. What is said is
//! `wire::ask`'s, what is kept is `keep`'s.

use std::time::{Duration, Instant};

use zlog_core::history::Keep;
use zlog_core::wire::ask::{self, Answer, End, Last, Question, Status};
use zlog_pipeline::socket::{Asker, Desk, Proxy};

/// Questions taken in at once: who asks without end must not keep messages waiting.
const AT_ONCE: usize = 16;
/// Askers that may be subscribing at the same time.
const MOST_PENDING: usize = 64;
/// How long they may take. Meanwhile every message is looked at by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Somebody who was told to subscribe, and whose marks have not come yet.
struct Pending {
    asker: Asker,
    last: Last,
    /// How many messages had come when the first mark was seen.
    begun: Option<u64>,
    until: Instant,
}

/// Questions, and those whose answer is still to come.
pub(super) struct Inquiries {
    desk: Desk,
    pending: Vec<Pending>,
    status: Vec<Asker>,
    answered: u64,
    refused: u64,
}

impl Inquiries {
    pub(super) fn new(desk: Desk) -> Inquiries {
        Inquiries { desk, pending: Vec::new(), status: Vec::new(), answered: 0, refused: 0 }
    }

    /// The socket, to be waited for.
    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Whether somebody is subscribing, whose marks must be seen at once.
    pub(super) fn expecting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether somebody asked how it stands.
    pub(super) fn status_wanted(&self) -> bool {
        !self.status.is_empty()
    }

    /// Reads questions and marks, and answers what can be answered.
    pub(super) fn take(&mut self, proxy: &mut Proxy, keep: Option<&Keep>) {
        self.desk.tend();
        for _ in 0..AT_ONCE {
            let Some((asker, frames)) = self.desk.take() else { break };
            match ask::read_question(&frames) {
                Ok(Question::Status) => self.status.push(asker),
                Ok(Question::Last(last)) => self.begin(asker, last, keep.is_some()),
                Err(why) => self.refuse(&asker, why),
            }
        }
        let marks: Vec<Box<[u8]>> = proxy.marks().collect();
        for mark in marks {
            self.mark(&mark, keep);
        }
        self.give_up_waiting(keep);
    }

    fn begin(&mut self, asker: Asker, last: Last, keeps: bool) {
        if !keeps {
            return self
                .refuse(&asker, "it keeps no messages: it was started without --keep".into());
        }
        // Who asks again has no use for the first answer, and no more room than others.
        if let Some(at) = self.pending.iter().position(|pending| pending.asker == asker) {
            self.pending.swap_remove(at);
            self.refused += 1;
        }
        if self.pending.len() >= MOST_PENDING {
            return self.refuse(&asker, "too many ask at once".into());
        }
        if self.desk.answer(&asker, &[&ask::write_answer(&Answer::Ready)]) {
            let until = Instant::now() + PATIENCE;
            self.pending.push(Pending { asker, last, begun: None, until });
        } else {
            self.refused += 1;
        }
    }

    fn refuse(&mut self, asker: &Asker, why: String) {
        self.refused += 1;
        // Whether or not it is still there.
        self.desk.answer(asker, &[&ask::write_answer(&Answer::Refused { why })]);
    }

    fn mark(&mut self, mark: &[u8], keep: Option<&Keep>) {
        let Some(keep) = keep else { return };
        let mine = |p: &Pending| p.last.begin.as_bytes() == mark || p.last.end.as_bytes() == mark;
        let Some(at) = self.pending.iter().position(mine) else { return };
        if self.pending[at].last.begin.as_bytes() == mark {
            self.pending[at].begun.get_or_insert(keep.arrived());
            return;
        }
        let pending = self.pending.swap_remove(at);
        self.answer(&pending, keep);
    }

    /// Whoever has not subscribed in time (to another relay, maybe) gets what there is.
    fn give_up_waiting(&mut self, keep: Option<&Keep>) {
        let Some(keep) = keep else { return };
        let now = Instant::now();
        while let Some(at) = self.pending.iter().position(|pending| pending.until <= now) {
            let mut pending = self.pending.swap_remove(at);
            pending.begun = None;
            self.answer(&pending, keep);
        }
    }

    fn answer(&mut self, pending: &Pending, keep: &Keep) {
        let Pending { asker, last, begun, .. } = pending;
        // The message before the first mark may have met the subscription already:
        // libzmq takes it in while it sends.
        let since = begun.map_or(u64::MAX, |begun| begun.saturating_sub(1));
        let between = keep.arrived().saturating_sub(since);
        let most = last.n + usize::try_from(between).unwrap_or(0).min(ask::MOST);
        let mut messages = keep.last(most, &last.prefixes);
        let window = messages.iter().filter(|message| message.arrival >= since).count();
        // All of the window, even if that is more than was asked for: the asker may
        // have it from its subscription, and must be able to tell.
        messages.drain(..messages.len().saturating_sub(last.n.max(window)));
        let mut sent = 0;
        for message in &messages {
            let head = ask::write_answer(&Answer::Message { received: message.received });
            let frames: Vec<&[u8]> =
                std::iter::once(&*head).chain(message.frames.iter().copied()).collect();
            if !self.desk.answer(asker, &frames) {
                self.refused += 1;
                return;
            }
            sent += 1;
        }
        let end = End { messages: sent, window, subscribed: begun.is_some() };
        match self.desk.answer(asker, &[&ask::write_answer(&Answer::End(end))]) {
            true => self.answered += 1,
            false => self.refused += 1,
        }
    }

    /// Answers those who asked how it stands.
    pub(super) fn answer_status(&mut self, mut status: Status, uptime: Duration) {
        status.uptime = uptime.as_secs_f64();
        (status.answered, status.refused) = (self.answered, self.refused);
        let answer = ask::write_answer(&Answer::Status(Box::new(status)));
        for asker in self.status.drain(..) {
            match self.desk.answer(&asker, &[&answer]) {
                true => self.answered += 1,
                false => self.refused += 1,
            }
        }
    }
}

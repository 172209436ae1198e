//! Questions that a relay is asked, and its answers.
//!
//! What may be here: who asked what, and when it is time to answer. What is said is
//! `wire::query`'s, what is kept is `keep`'s.

use std::time::{Duration, Instant};

use super::reply::{Reply, State};
use zlog_core::history::{History, SharedFrame};
use zlog_core::text::escape::escape;
use zlog_core::wire::query::{self, Answer, End, Last, Question, Status};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{AnswerOutcome, ClientId, Proxy, QueryServer};

/// Questions taken in at once: who asks without end must not keep messages waiting.
const AT_ONCE: usize = 16;
/// Clients of `--last` that may be subscribing or reading their answers at the same time.
/// An answer takes 24 bytes for each of its messages, whose bytes it shares with `keep`.
const MAX_CLIENTS: usize = 64;
/// Answers under way at the same time, those about the status included.
const MOST_REPLIES: usize = 2 * MAX_CLIENTS;
/// Longest reason for a refusal, in bytes: it may quote the question.
const LONGEST_REASON: usize = 200;
/// How long nothing more is told of clients that were hung up on.
const QUIET: Duration = Duration::from_secs(60);
/// How long they may take. Meanwhile every message is looked at by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Somebody who was told to subscribe, and whose marks have not come yet.
struct Pending {
    client: ClientId,
    last: Last,
    /// How many messages had come when the first mark was seen.
    begun: Option<u64>,
    until: Instant,
}

/// Questions, and those whose answer is still to come.
pub(super) struct QueryService {
    server: QueryServer,
    pending: Vec<Pending>,
    status: Vec<ClientId>,
    /// Answers under way, the oldest first.
    replies: Vec<Reply>,
    answered: u64,
    refused: u64,
    /// When it was last told that a client was hung up on.
    told: Option<Instant>,
}

impl QueryService {
    pub(super) fn new(server: QueryServer) -> QueryService {
        QueryService {
            server,
            pending: Vec::new(),
            status: Vec::new(),
            replies: Vec::new(),
            answered: 0,
            refused: 0,
            told: None,
        }
    }

    /// The socket, to be waited for.
    pub(super) fn server(&self) -> &QueryServer {
        &self.server
    }

    /// Whether somebody is subscribing, whose marks must be seen at once.
    pub(super) fn expecting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether answers are under way, which go on when there is room again.
    pub(super) fn answering(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Whether somebody asked how it stands.
    pub(super) fn status_wanted(&self) -> bool {
        !self.status.is_empty()
    }

    /// Reads questions and marks, and answers what can be answered.
    pub(super) fn take(&mut self, proxy: &mut Proxy, mut keep: Option<&mut History>) {
        self.server.process_events();
        self.send_on(keep.as_deref_mut());
        let keep = keep.as_deref();
        for _ in 0..AT_ONCE {
            let Some((client, frames)) = self.server.take() else { break };
            let question = query::read_question(&frames);
            if self.replies.iter().any(|reply| reply.client == client) {
                // Who asks again has no use for the first answer, and reads it first.
                self.refused += 1;
                continue;
            }
            match question {
                Ok(Question::Status) if self.replies.len() < MOST_REPLIES => {
                    self.status.push(client);
                }
                Ok(Question::Status) => self.refuse(&client, "too many ask at once".into()),
                Ok(Question::Last(last)) => self.begin(client, last, keep.is_some()),
                Err(why) => self.refuse(&client, why),
            }
        }
        let marks: Vec<Box<[u8]>> = proxy.marks().collect();
        for mark in marks {
            self.mark(&mark, keep);
        }
        self.give_up_waiting(keep);
    }

    fn begin(&mut self, client: ClientId, last: Last, keeps: bool) {
        if !keeps {
            return self
                .refuse(&client, "it keeps no messages: it was started without --keep".into());
        }
        // Who asks again has no use for the first answer, and no more room than others.
        if let Some(at) = self.pending.iter().position(|pending| pending.client == client) {
            self.pending.swap_remove(at);
            self.refused += 1;
        }
        if self.pending.len() + self.replies.len() >= MAX_CLIENTS {
            return self.refuse(&client, "too many ask at once".into());
        }
        if self.say(&client, &Answer::Ready) == AnswerOutcome::Taken {
            let until = Instant::now() + PATIENCE;
            self.pending.push(Pending { client, last, begun: None, until });
        } else {
            self.refused += 1;
        }
    }

    fn refuse(&mut self, client: &ClientId, mut why: String) {
        self.refused += 1;
        let mut end = LONGEST_REASON.min(why.len());
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        why.truncate(end);
        // Whether or not it is still there.
        self.say(client, &Answer::Refused { why });
    }

    /// Sends a short answer.
    fn say(&mut self, client: &ClientId, answer: &Answer) -> AnswerOutcome {
        self.server.answer(client, query::write_answer(answer), [])
    }

    /// Sends on what clients have made room for, and hangs up on those who do not read.
    fn send_on(&mut self, keep: Option<&mut History>) {
        let now = Instant::now();
        // The oldest answer holds the oldest messages.
        let mut too_much = keep.is_some_and(History::exceeds_outstanding_limit);
        let mut stuck = Vec::new();
        let server = &mut self.server;
        self.replies.retain_mut(|reply| match reply.send(server, now) {
            State::UnderWay if !std::mem::take(&mut too_much) => true,
            State::UnderWay | State::Stuck => {
                stuck.push(reply.client.clone());
                false
            }
            State::Sent => {
                self.answered += 1;
                false
            }
            State::Gone => {
                self.refused += 1;
                false
            }
        });
        for client in stuck {
            self.refused += 1;
            self.server.disconnect(&client);
            if self.told.is_none_or(|told| now >= told + QUIET) {
                self.told = Some(now);
                terminal::eprint_line(format_args!(
                    "zlog relay: hung up on {}: it asked, and did not read the answer in time",
                    escape(client.host())
                ));
            }
        }
    }

    /// Begins an answer, and sends what there is room for.
    fn reply(&mut self, mut reply: Reply, now: Instant) {
        match reply.send(&mut self.server, now) {
            State::Gone => self.refused += 1,
            State::Sent => self.answered += 1,
            State::UnderWay | State::Stuck => self.replies.push(reply),
        }
    }

    fn mark(&mut self, mark: &[u8], keep: Option<&History>) {
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
    fn give_up_waiting(&mut self, keep: Option<&History>) {
        let Some(keep) = keep else { return };
        let now = Instant::now();
        while let Some(at) = self.pending.iter().position(|pending| pending.until <= now) {
            let mut pending = self.pending.swap_remove(at);
            pending.begun = None;
            self.answer(&pending, keep);
        }
    }

    fn answer(&mut self, pending: &Pending, keep: &History) {
        let Pending { client, last, begun, .. } = pending;
        // The message before the first mark may have met the subscription already:
        // libzmq takes it in while it sends.
        let since = begun.map_or(u64::MAX, |begun| begun.saturating_sub(1));
        let between = keep.arrived().saturating_sub(since);
        let most = last.n + usize::try_from(between).unwrap_or(0).min(query::MAX_MESSAGES);
        let mut messages = keep.last(most, &last.prefixes);
        let window = messages.iter().filter(|message| message.arrival >= since).count();
        // All of the window, even if that is more than was asked for: the client may
        // have it from its subscription, and must be able to tell.
        messages.drain(..messages.len().saturating_sub(last.n.max(window)));
        let end = End { messages: messages.len(), window, subscribed: begun.is_some() };
        let last = query::write_answer(&Answer::End(end)).into();
        let now = Instant::now();
        self.reply(Reply::new(client.clone(), messages, last, now), now);
    }

    /// Answers those who asked how it stands.
    pub(super) fn answer_status(&mut self, mut status: Status, uptime: Duration) {
        status.uptime = uptime.as_secs_f64();
        (status.answered, status.refused) = (self.answered, self.refused);
        let answer = query::write_answer(&Answer::Status(Box::new(status)));
        let answer = SharedFrame::from(answer);
        let now = Instant::now();
        for client in std::mem::take(&mut self.status) {
            self.reply(Reply::new(client, Vec::new(), answer.clone(), now), now);
        }
    }
}

//! Answers the queries of clients: when, and with which messages. The protocol is
//! [`zlog_core::wire::query`]'s.

use std::time::{Duration, Instant};

use super::missing::{Budget, HoleSearch, HoleSearches, MAX_STEPS};
use super::reply::{Reply, State};
use zlog_core::history::{History, SharedFrame};
use zlog_core::text::escape::escape;
use zlog_core::text::prefix;
use zlog_core::wire::query::{self, Answer, End, Last, Missing, Question, Status, TOO_MANY};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{AnswerOutcome, ClientId, Marker, Proxy, QueryServer};

/// Questions read at once: a flood of questions must not delay messages.
const MAX_QUESTIONS: usize = 16;
/// Most clients of `--last` that subscribe or read their answer at the same time. An answer
/// takes 24 bytes per message; the bytes of messages are shared.
const MAX_CLIENTS: usize = 64;
/// Most unfinished answers, those to status questions included.
const MAX_REPLIES: usize = 2 * MAX_CLIENTS;
/// Maximum length of a refusal's reason, in bytes: it may quote the question.
const MAX_REASON_LEN: usize = 200;
/// Minimum time between two reports of disconnected clients.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// How long a client may take to subscribe. Meanwhile messages are forwarded one by one.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a relay without `--keep` refuses.
const KEEPS_NOTHING: &str = "it keeps no messages: it was started without --keep";
/// The work of an answer to `--last`, about, in units of the budget: for each topic, and each message.
const TOPIC_WORK: usize = 100;
const MESSAGE_WORK: usize = 200;
/// The work for each byte of a question.
const BYTE_WORK: usize = 10;

/// A client that was told to subscribe, and whose second marker has not arrived yet.
struct Subscribing {
    client: ClientId,
    last: Last,
    /// Number of messages received before the first marker.
    begun: Option<u64>,
    until: Instant,
}

/// The queries of a relay that are not answered yet.
pub(super) struct QueryService {
    server: QueryServer,
    subscribing: Vec<Subscribing>,
    status: Vec<ClientId>,
    searches: HoleSearches<ClientId>,
    /// What questions may cost now: a flood of them must not delay messages.
    budget: Budget,
    /// Unfinished answers, the oldest first.
    replies: Vec<Reply>,
    answered: u64,
    refused: u64,
    /// When a disconnected client was last reported.
    reported: Option<Instant>,
}

impl QueryService {
    pub(super) fn new(server: QueryServer) -> QueryService {
        QueryService {
            server,
            subscribing: Vec::new(),
            status: Vec::new(),
            searches: HoleSearches::new(),
            budget: Budget::new(Instant::now()),
            replies: Vec::new(),
            answered: 0,
            refused: 0,
            reported: None,
        }
    }

    /// Whether a client is subscribing, so that its markers must be seen at once.
    pub(super) fn has_subscribing(&self) -> bool {
        !self.subscribing.is_empty()
    }

    /// Whether there are unfinished answers, which continue when there is room, or questions that
    /// wait for their share of the time.
    pub(super) fn has_unfinished(&self) -> bool {
        !self.replies.is_empty() || !self.searches.is_empty() || self.budget.is_spent()
    }

    /// Whether a client waits for the status.
    pub(super) fn status_wanted(&self) -> bool {
        !self.status.is_empty()
    }

    /// Reads questions and markers, and sends the answers that are due.
    pub(super) fn process(&mut self, proxy: &mut Proxy, mut history: Option<&mut History>) {
        self.server.process_events();
        self.budget.refill(Instant::now());
        self.continue_replies(history.as_deref_mut());
        let history = history.as_deref();
        // Or else new questions could take all of it, and none would be answered.
        let half = self.budget.take(2);
        self.continue_searches(history, half);
        for _ in 0..MAX_QUESTIONS {
            // The others wait in the socket.
            if self.budget.is_spent() {
                break;
            }
            let Some((client, frames)) = self.server.recv() else { break };
            self.budget.spend(frames.iter().map(|frame| BYTE_WORK * frame.len()).sum());
            let question = query::read_question(&frames);
            self.forget_answered(&client);
            let unfinished = self.replies.iter().map(|reply| &reply.client);
            if unfinished.chain(self.searches.clients()).any(|it| *it == client) {
                // The client must read its first answer before it asks again.
                self.refused += 1;
                continue;
            }
            match question {
                Ok(Question::Status) if self.replies.len() < MAX_REPLIES => {
                    self.status.push(client);
                }
                Ok(Question::Status) => self.refuse(&client, TOO_MANY.into()),
                Ok(Question::Last(last)) => self.begin(client, last, history),
                Ok(Question::Missing(missing)) => self.search(client, missing, history),
                Err(why) => self.refuse(&client, why),
            }
        }
        for marker in proxy.markers() {
            self.handle_marker(&marker, history);
        }
        self.answer_overdue(history);
        let rest = self.budget.take(1);
        self.continue_searches(history, rest);
    }

    /// Forgets the answer of a client if all of it is on its way: the client may have its end, and ask
    /// again.
    fn forget_answered(&mut self, client: &ClientId) {
        let before = self.replies.len();
        self.replies.retain(|reply| reply.client != *client || !reply.is_queued());
        self.answered += (before - self.replies.len()) as u64;
    }

    /// Begins to search for the numbers that a reader lacks.
    fn search(&mut self, client: ClientId, missing: Missing, history: Option<&History>) {
        if history.is_none() {
            return self.refuse(&client, KEEPS_NOTHING.into());
        }
        if self.unfinished() >= MAX_CLIENTS {
            return self.refuse(&client, TOO_MANY.into());
        }
        self.searches.add(HoleSearch::new(client, missing, MAX_STEPS));
    }

    /// Searches on for what readers lack, as long as this part of the budget lasts, and answers with what
    /// there is of it.
    fn continue_searches(&mut self, history: Option<&History>, mut part: Budget) {
        let server = &self.server;
        self.searches.retain(|client| server.unsent(client).is_some());
        let finished = history.map(|history| self.searches.advance(history, &mut part));
        self.budget.give_back(&part);
        for search in finished.into_iter().flatten() {
            let (client, messages, is_whole) = search.finish();
            let end =
                End { messages: messages.len(), window: 0, subscribed: true, is_cut: !is_whole };
            let last = query::write_answer(&Answer::End(end)).into();
            let now = Instant::now();
            self.start_reply(Reply::new(client, messages, last, now), now);
        }
    }

    /// Number of queries for messages that are not answered yet.
    fn unfinished(&self) -> usize {
        self.subscribing.len() + self.replies.len() + self.searches.len()
    }

    fn begin(&mut self, client: ClientId, last: Last, history: Option<&History>) {
        let Some(history) = history else { return self.refuse(&client, KEEPS_NOTHING.into()) };
        // A new question of the same client replaces its first one.
        if let Some(at) = self.subscribing.iter().position(|it| it.client == client) {
            self.subscribing.swap_remove(at);
            self.refused += 1;
        }
        if self.unfinished() >= MAX_CLIENTS {
            return self.refuse(&client, TOO_MANY.into());
        }
        // What its answer will cost: that must not wait once the client has subscribed.
        self.budget.spend(TOPIC_WORK * history.size().topics + MESSAGE_WORK * last.n);
        if self.send(&client, &Answer::Ready) == AnswerOutcome::Sent {
            let until = Instant::now() + SUBSCRIBE_TIMEOUT;
            self.subscribing.push(Subscribing { client, last, begun: None, until });
        } else {
            self.refused += 1;
        }
    }

    fn refuse(&mut self, client: &ClientId, mut why: String) {
        self.refused += 1;
        why.truncate(prefix(&why, MAX_REASON_LEN).len());
        // It may have disconnected.
        self.send(client, &Answer::Refused { why });
    }

    /// Sends an answer of one message.
    fn send(&mut self, client: &ClientId, answer: &Answer) -> AnswerOutcome {
        self.server.answer(client, &[&query::write_answer(answer)])
    }

    /// Sends the parts of answers for which there is room, and disconnects clients that do not
    /// read.
    fn continue_replies(&mut self, history: Option<&mut History>) {
        let now = Instant::now();
        // The oldest answer keeps the oldest messages in memory.
        let mut too_much = history.is_some_and(History::exceeds_outstanding_limit);
        if too_much
            && self.replies.is_empty()
            && let Some(client) = self.searches.give_up()
        {
            self.refuse(&client, "what it has found takes too much memory".into());
        }
        let mut stuck = Vec::new();
        let server = &mut self.server;
        self.replies.retain_mut(|reply| match reply.send(server, now) {
            State::Unfinished if !std::mem::take(&mut too_much) => true,
            State::Unfinished | State::Stuck => {
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
            if self.reported.is_none_or(|at| now >= at + REPORT_INTERVAL) {
                self.reported = Some(now);
                terminal::eprint_line(format_args!(
                    "zlog relay: disconnected {}: it did not read the answer to its query in time",
                    escape(client.host())
                ));
            }
        }
    }

    /// Starts an answer, and sends as much as there is room for.
    fn start_reply(&mut self, mut reply: Reply, now: Instant) {
        match reply.send(&mut self.server, now) {
            State::Gone => self.refused += 1,
            State::Sent => self.answered += 1,
            State::Unfinished | State::Stuck => self.replies.push(reply),
        }
    }

    fn handle_marker(&mut self, marker: &Marker, history: Option<&History>) {
        let Some(history) = history else { return };
        let is_its = |it: &Subscribing| {
            [&it.last.begin, &it.last.end].iter().any(|own| own.as_bytes() == &*marker.prefix)
        };
        let Some(at) = self.subscribing.iter().position(is_its) else { return };
        if self.subscribing[at].last.begin.as_bytes() == &*marker.prefix {
            self.subscribing[at].begun.get_or_insert(marker.arrived);
            return;
        }
        let client = self.subscribing.swap_remove(at);
        self.answer(&client, history);
    }

    /// Answers clients whose markers did not arrive in time: they may have subscribed to
    /// another relay.
    fn answer_overdue(&mut self, history: Option<&History>) {
        let Some(history) = history else { return };
        let now = Instant::now();
        while let Some(at) = self.subscribing.iter().position(|it| it.until <= now) {
            let client = self.subscribing.swap_remove(at);
            self.answer(&Subscribing { begun: None, ..client }, history);
        }
    }

    fn answer(&mut self, to: &Subscribing, history: &History) {
        let Subscribing { client, last, begun, .. } = to;
        // The message before the first marker may have been sent to the new subscription:
        // libzmq reads subscriptions while it sends.
        let since = begun.map_or(u64::MAX, |begun| begun.saturating_sub(1));
        let between = history.arrived().saturating_sub(since);
        let most = last.n + usize::try_from(between).unwrap_or(0).min(query::MAX_MESSAGES);
        let mut messages = history.last(most, &last.prefixes);
        let window = messages.iter().filter(|message| message.arrival >= since).count();
        // All of the window, even if it is longer than asked for: the client may receive it
        // from its subscription, too, and must recognize it.
        messages.drain(..messages.len().saturating_sub(last.n.max(window)));
        let end =
            End { messages: messages.len(), window, subscribed: begun.is_some(), is_cut: false };
        let last = query::write_answer(&Answer::End(end)).into();
        let now = Instant::now();
        self.start_reply(Reply::new(client.clone(), messages, last, now), now);
    }

    /// Answers the clients that wait for the status.
    pub(super) fn answer_status(&mut self, mut status: Status, uptime: Duration) {
        status.uptime = uptime.as_secs_f64();
        (status.answered, status.refused) = (self.answered, self.refused);
        let answer = query::write_answer(&Answer::Status(Box::new(status)));
        let answer = SharedFrame::from(answer);
        let now = Instant::now();
        for client in std::mem::take(&mut self.status) {
            self.start_reply(Reply::new(client, Vec::new(), answer.clone(), now), now);
        }
    }
}

//! Answers the queries of clients: when, and with which messages. The protocol is
//! [`zlog_core::wire::query`]'s.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::reply::{Reply, State};
use zlog_core::Record;
use zlog_core::history::{History, SharedFrame, StoredMessage};
use zlog_core::text::escape::escape;
use zlog_core::text::prefix;
use zlog_core::wire;
use zlog_core::wire::query::{self, Answer, End, Hole, Last, Missing, Question, Status};
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
/// Most kept messages that one question for missing ones looks at: the relay forwards nothing
/// meanwhile.
const MAX_STEPS: usize = 100_000;

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

    /// Whether there are unfinished answers, which continue when there is room.
    pub(super) fn has_unfinished(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Whether a client waits for the status.
    pub(super) fn status_wanted(&self) -> bool {
        !self.status.is_empty()
    }

    /// Reads questions and markers, and sends the answers that are due.
    pub(super) fn process(&mut self, proxy: &mut Proxy, mut keep: Option<&mut History>) {
        self.server.process_events();
        self.continue_replies(keep.as_deref_mut());
        let keep = keep.as_deref();
        for _ in 0..MAX_QUESTIONS {
            let Some((client, frames)) = self.server.recv() else { break };
            let question = query::read_question(&frames);
            if self.replies.iter().any(|reply| reply.client == client) {
                // The client must read its first answer before it asks again.
                self.refused += 1;
                continue;
            }
            match question {
                Ok(Question::Status) if self.replies.len() < MAX_REPLIES => {
                    self.status.push(client);
                }
                Ok(Question::Status) => self.refuse(&client, "too many queries at once".into()),
                Ok(Question::Last(last)) => self.begin(client, last, keep.is_some()),
                Ok(Question::Missing(missing)) => self.answer_missing(client, &missing, keep),
                Err(why) => self.refuse(&client, why),
            }
        }
        for marker in proxy.markers() {
            self.handle_marker(&marker, keep);
        }
        self.answer_overdue(keep);
    }

    /// Answers with what there is of the numbers that a reader lacks.
    fn answer_missing(&mut self, client: ClientId, missing: &Missing, keep: Option<&History>) {
        let Some(keep) = keep else { return self.refuse(&client, KEEPS_NOTHING.into()) };
        if self.subscribing.len() + self.replies.len() >= MAX_CLIENTS {
            return self.refuse(&client, "too many queries at once".into());
        }
        let (messages, is_whole) = missing_messages(missing, keep, MAX_STEPS);
        let end = End { messages: messages.len(), window: 0, subscribed: true, is_cut: !is_whole };
        let last = query::write_answer(&Answer::End(end)).into();
        let now = Instant::now();
        self.start_reply(Reply::new(client, messages, last, now), now);
    }

    fn begin(&mut self, client: ClientId, last: Last, keeps: bool) {
        if !keeps {
            return self.refuse(&client, KEEPS_NOTHING.into());
        }
        // A new question of the same client replaces its first one.
        if let Some(at) = self.subscribing.iter().position(|it| it.client == client) {
            self.subscribing.swap_remove(at);
            self.refused += 1;
        }
        if self.subscribing.len() + self.replies.len() >= MAX_CLIENTS {
            return self.refuse(&client, "too many queries at once".into());
        }
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
    fn continue_replies(&mut self, keep: Option<&mut History>) {
        let now = Instant::now();
        // The oldest answer keeps the oldest messages in memory.
        let mut too_much = keep.is_some_and(History::exceeds_outstanding_limit);
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

    fn handle_marker(&mut self, marker: &Marker, keep: Option<&History>) {
        let Some(keep) = keep else { return };
        let is_its = |it: &Subscribing| {
            [&it.last.begin, &it.last.end].iter().any(|own| own.as_bytes() == &*marker.prefix)
        };
        let Some(at) = self.subscribing.iter().position(is_its) else { return };
        if self.subscribing[at].last.begin.as_bytes() == &*marker.prefix {
            self.subscribing[at].begun.get_or_insert(marker.arrived);
            return;
        }
        let client = self.subscribing.swap_remove(at);
        self.answer(&client, keep);
    }

    /// Answers clients whose markers did not arrive in time: they may have subscribed to
    /// another relay.
    fn answer_overdue(&mut self, keep: Option<&History>) {
        let Some(keep) = keep else { return };
        let now = Instant::now();
        while let Some(at) = self.subscribing.iter().position(|it| it.until <= now) {
            let client = self.subscribing.swap_remove(at);
            self.answer(&Subscribing { begun: None, ..client }, keep);
        }
    }

    fn answer(&mut self, to: &Subscribing, keep: &History) {
        let Subscribing { client, last, begun, .. } = to;
        // The message before the first marker may have been sent to the new subscription:
        // libzmq reads subscriptions while it sends.
        let since = begun.map_or(u64::MAX, |begun| begun.saturating_sub(1));
        let between = keep.arrived().saturating_sub(since);
        let most = last.n + usize::try_from(between).unwrap_or(0).min(query::MAX_MESSAGES);
        let mut messages = keep.last(most, &last.prefixes);
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

/// The kept messages of all holes, hole by hole; and whether all kept ones were looked at that may
/// be among them.
fn missing_messages(missing: &Missing, keep: &History, most: usize) -> (Vec<StoredMessage>, bool) {
    let mut topics: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, hole) in missing.holes.iter().enumerate() {
        topics.entry(&hole.topic).or_default().push(at);
    }
    let (mut found, mut steps) = (Vec::new(), most);
    let mut decoder = wire::Decoder::default();
    for (topic, mut open) in topics {
        // Decoding is far slower than looking for a name.
        let names: Vec<_> = open
            .iter()
            .map(|at| memmem::Finder::new(missing.holes[*at].source.as_bytes()))
            .collect();
        for message in keep.of_topic(topic.as_bytes()) {
            if open.is_empty() {
                break;
            }
            let Some(left) = steps.checked_sub(1) else { return (in_order(found), false) };
            steps = left;
            let frames: Vec<SharedFrame> = message.frames().collect();
            let frames: Vec<&[u8]> = frames.iter().map(AsRef::as_ref).collect();
            let body = frames.last().copied().unwrap_or_default();
            if !names.iter().any(|name| name.find(body).is_some()) {
                continue;
            }
            let mut record = Record::default();
            decoder.decode_into(&frames, 0.0, &mut record);
            let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) else {
                continue;
            };
            let hole = |at: &usize| &missing.holes[*at];
            let is_in =
                |hole: &Hole| hole.source == source && (hole.first..=hole.last).contains(&seq);
            if let Some(at) = open.iter().copied().find(|at| is_in(hole(at))) {
                found.push((at, seq, message));
            }
            // What comes is older.
            open.retain(|at| hole(at).source != source || seq >= hole(at).first);
        }
    }
    (in_order(found), true)
}

/// Messages by their holes and numbers, as many as an answer may have.
fn in_order(mut found: Vec<(usize, u64, StoredMessage)>) -> Vec<StoredMessage> {
    found.sort_by_key(|(hole, seq, _)| (*hole, *seq));
    found.into_iter().map(|(_, _, message)| message).take(query::MAX_MESSAGES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlog_core::history::Limits;

    fn hole(source: &str, first: u64, last: u64) -> Hole {
        Hole { source: source.into(), topic: "t".into(), first, last }
    }

    #[test]
    fn holes_of_many_sources_of_one_topic_are_filled_by_one_look_at_it() {
        let limits = Limits { per_topic: usize::MAX, bytes: 100 << 20 };
        let mut keep = History::new(limits);
        for number in 1..=100 {
            for source in 0..10 {
                let body = format!("{{\"msg\":\"x\",\"source\":\"s{source}\",\"seq\":{number}}}");
                keep.push(&[b"t", body.as_bytes()], 0.0);
            }
        }
        let numbers = |messages: &[StoredMessage]| -> Vec<(String, u64)> {
            let decode = |message: &StoredMessage| {
                let frames: Vec<SharedFrame> = message.frames().collect();
                let body: serde_json::Value = serde_json::from_slice(frames[1].as_ref()).unwrap();
                (body["source"].as_str().unwrap().to_owned(), body["seq"].as_u64().unwrap())
            };
            messages.iter().map(decode).collect()
        };
        let holes: Vec<Hole> = (0..10).map(|it| hole(&format!("s{it}"), 11, 20)).collect();
        let (found, is_whole) = missing_messages(&Missing { holes }, &keep, 1000);
        assert!(is_whole);
        let expected =
            (0..10).flat_map(|it| (11..=20).map(move |number| (format!("s{it}"), number)));
        assert_eq!(numbers(&found), expected.collect::<Vec<_>>());
        // Two holes of one source, and one that is beyond what there is.
        let holes = vec![hole("s1", 99, u64::MAX), hole("s1", 2, 3), hole("none", 1, 5)];
        let (found, is_whole) = missing_messages(&Missing { holes: holes.clone() }, &keep, 1000);
        assert!(is_whole);
        let s1 = |number| ("s1".to_owned(), number);
        assert_eq!(numbers(&found), [s1(99), s1(100), s1(2), s1(3)]);
        // Each number of ten sources is ten steps back.
        let (found, is_whole) = missing_messages(&Missing { holes }, &keep, 25);
        assert!(!is_whole, "older ones were not looked at");
        assert_eq!(numbers(&found), [s1(99), s1(100)]);
    }
}

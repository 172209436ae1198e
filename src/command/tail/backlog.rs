//! `--last`: what went before, asked of the relay that the live records come from.
//!
//! What may be here: request before subscribing, and telling which live records were
//! in the answer already. See `wire::query` for how none comes twice and none is missing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::cli::TailArgs;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape;
use zlog_core::wire::query::{self, End, Last, Question};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{Endpoint, QueryClient, Reply, Role, SocketOptions, Subscriber};

/// How long the relay may take to answer at all, and then to go on.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const NEXT_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A message that came before.
pub(super) struct StoredMessage {
    /// When the relay received it.
    pub(super) received: f64,
    pub(super) frames: Vec<Vec<u8>>,
}

/// What came before, and what of it may come again.
#[derive(Default)]
pub(super) struct Backlog {
    pub(super) messages: Vec<StoredMessage>,
    pub(super) duplicates: Deduplicator,
}

/// Where the relay is asked that publishes at the endpoint of these.
///
/// # Errors
/// There is more than one, or it has no such place.
pub(super) fn query_endpoint(args: &TailArgs, endpoints: &[Endpoint]) -> Result<Endpoint> {
    if let Some(ask) = &args.ask {
        return Endpoint::parse(ask, Role::Connect);
    }
    let [endpoint] = endpoints else {
        return Err(Error::usage("--last asks one relay, and there are several endpoints")
            .hint("Give one endpoint, or name whom to ask: --ask ENDPOINT."));
    };
    let beside = (endpoint.role() == Role::Connect).then(|| endpoint.query_endpoint()).flatten();
    beside.ok_or_else(|| {
        Error::usage(format!("there is no place beside {endpoint} to ask for earlier records"))
            .hint("Name the relay's own: --ask ENDPOINT.")
    })
}

/// Asks for the last `n` messages of `prefixes`, and subscribes to them. Whatever
/// becomes of the question, the subscription is made.
///
/// # Errors
/// No socket is to be had.
pub(super) fn fetch(
    n: usize,
    at: &Endpoint,
    prefixes: &[Vec<u8>],
    subscriber: &mut Subscriber,
    stop: &ShutdownSignal,
) -> Result<Backlog> {
    let (begin, end) = query::markers();
    // What was typed is text; a prefix that is none could not have been.
    let text = |prefix: &Vec<u8>| String::from_utf8_lossy(prefix).into_owned();
    let last = Last { n, prefixes: prefixes.iter().map(text).collect(), begin, end };
    let question = query::write_question(&Question::Last(last.clone()));
    let mut inquiry = QueryClient::ask(at, &question, &SocketOptions::subscriber())?;
    let mut request = BacklogRequest { subscriber, prefixes, last: &last, subscribed: false };
    let answer = request.read_answer(&mut inquiry, &|| stop.requested());
    request.subscribe();
    for mark in [&last.begin, &last.end] {
        subscriber.unsubscribe(mark.as_bytes());
    }
    Ok(answer.unwrap_or_else(|why| {
        let why = escape::escape(&why);
        terminal::eprint_line(format_args!("zlog tail: no earlier records from {at}: {why}"));
        Backlog::default()
    }))
}

/// A question under way.
struct BacklogRequest<'a> {
    subscriber: &'a mut Subscriber,
    prefixes: &'a [Vec<u8>],
    last: &'a Last,
    subscribed: bool,
}

impl BacklogRequest<'_> {
    /// The mark, what is wanted, the other mark: in this order.
    fn subscribe(&mut self) {
        if std::mem::replace(&mut self.subscribed, true) {
            return;
        }
        self.subscriber.subscribe(self.last.begin.as_bytes());
        for prefix in self.prefixes {
            self.subscriber.subscribe(prefix);
        }
        self.subscriber.subscribe(self.last.end.as_bytes());
    }

    /// Follows the answer to its end, or to the reason why there is none.
    fn read_answer(
        &mut self,
        inquiry: &mut QueryClient,
        stop: &dyn Fn() -> bool,
    ) -> Result<Backlog, String> {
        let mut messages = Vec::new();
        let mut until = Instant::now() + FIRST_ANSWER_TIMEOUT;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            let mut frames = match inquiry.next(wait, stop) {
                Reply::Frames(frames) => frames,
                Reply::Stopped => return Ok(Backlog::default()),
                Reply::NoPeer if !self.subscribed => {
                    return Err("nothing listens there; is it a relay with --keep?".into());
                }
                Reply::NoPeer => return Err("the relay has gone".into()),
                Reply::TimedOut if !self.subscribed => {
                    return Err("nothing came within 2 s; is it a relay with --keep?".into());
                }
                Reply::TimedOut => {
                    return Err(format!("the answer broke off after {}", messages.len()));
                }
            };
            until = Instant::now() + NEXT_ANSWER_TIMEOUT;
            let head = frames.first().map_or(&[][..], Vec::as_slice);
            match query::read_answer(head).map_err(|error| error.to_string())? {
                query::Answer::Ready => self.subscribe(),
                query::Answer::Message { received } => {
                    frames.remove(0);
                    messages.push(StoredMessage { received, frames });
                    // The relay sends no more than it was asked for, and a few.
                    if messages.len() > 2 * query::MAX_MESSAGES {
                        return Err("the answer has no end".into());
                    }
                }
                query::Answer::End(end) => return Ok(backlog(messages, end)),
                query::Answer::Refused { why } => return Err(why),
                query::Answer::Status(_) => return Err("it answers something else".into()),
            }
        }
    }
}

/// What the answer was, and what is said of what it lacks.
fn backlog(messages: Vec<StoredMessage>, end: End) -> Backlog {
    let missing = end.messages.saturating_sub(messages.len());
    if missing > 0 {
        terminal::eprint_line(format_args!(
            "zlog tail: {missing} of the earlier records are missing"
        ));
    }
    if !end.subscribed {
        terminal::eprint_line(
            "zlog tail: the relay that was asked did not see the subscription: between the \
             earlier records and the live ones some may be missing",
        );
    }
    let window = end.window.min(messages.len());
    let last = messages.iter().skip(messages.len() - window);
    let duplicates = Deduplicator::new(last.map(|message| message.frames.clone()).collect());
    Backlog { messages, duplicates }
}

/// StoredMessage messages that may come again: those that were published while the
/// subscription was on its way. There are hardly ever more than one.
#[derive(Default)]
pub(super) struct Deduplicator {
    messages: VecDeque<Vec<Vec<u8>>>,
    /// Live messages that may still be among them.
    remaining: usize,
}

impl Deduplicator {
    fn new(messages: VecDeque<Vec<Vec<u8>>>) -> Deduplicator {
        Deduplicator { remaining: messages.len(), messages }
    }

    /// Whether any message can still come again.
    pub(super) fn is_done(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether this live message was in the answer. Messages keep their order: so what
    /// stands before it there does not come any more.
    pub(super) fn is_duplicate(&mut self, frames: &[&[u8]]) -> bool {
        let same = |message: &Vec<Vec<u8>>| message.iter().eq(frames.iter());
        let at = self.messages.iter().position(same);
        if let Some(at) = at {
            self.messages.drain(..=at);
        }
        self.remaining = self.remaining.saturating_sub(1);
        if self.remaining == 0 {
            self.messages.clear();
        }
        at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicates(bodies: &[&str]) -> Deduplicator {
        let message = |body: &&str| vec![b"t".to_vec(), body.as_bytes().to_vec()];
        Deduplicator::new(bodies.iter().map(message).collect())
    }

    #[test]
    fn what_was_in_the_answer_is_known_again_and_nothing_else_is() {
        let mut duplicates = duplicates(&["1", "2", "3"]);
        let bodies = ["2", "3", "4", "3"];
        let repeats = bodies.map(|body| duplicates.is_duplicate(&[b"t", body.as_bytes()]));
        assert_eq!(repeats, [true, true, false, false]);
        assert!(duplicates.is_done());
    }

    #[test]
    fn after_as_many_live_messages_as_could_repeat_none_does() {
        let mut duplicates = duplicates(&["1", "2"]);
        let bodies = ["x", "y", "2"];
        let repeats = bodies.map(|body| duplicates.is_duplicate(&[b"t", body.as_bytes()]));
        assert_eq!(repeats, [false; 3]);
    }

    #[test]
    fn the_same_text_on_another_topic_is_another_message() {
        let mut duplicates = duplicates(&["1"]);
        assert!(!duplicates.is_duplicate(&[b"u", b"1"]));
    }
}

//! The messages that a relay has stored from before the subscription.
//!
//! Requests them before subscribing, and recognises those that the subscription delivers
//! again. See [`query`](zlog_core::wire::query) for how none is delivered twice and none is
//! missing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::socket::{Endpoint, QueryClient, Reply, SocketOptions, Subscriber};
use zlog_core::Result;
use zlog_core::wire::query::{self, End, Last, Question};

/// How long the relay may take for its first answer, and then for each next one.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const NEXT_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A message that was published before the subscription.
pub(super) struct StoredMessage {
    /// When the relay received it, in seconds since 1970-01-01 UTC.
    pub(super) received: f64,
    pub(super) frames: Vec<Vec<u8>>,
}

/// The stored messages, and those of them that may arrive again.
#[derive(Default)]
pub(super) struct Backlog {
    messages: VecDeque<StoredMessage>,
    /// Messages that were published while the subscription was being made. There is hardly
    /// ever more than one.
    duplicates: VecDeque<Vec<Vec<u8>>>,
    /// How many live messages may still be among them.
    remaining: usize,
}

impl Backlog {
    /// `window` is how many of the last messages may arrive again.
    fn new(messages: VecDeque<StoredMessage>, window: usize) -> Backlog {
        let last = messages.iter().skip(messages.len().saturating_sub(window));
        let duplicates: VecDeque<_> = last.map(|message| message.frames.clone()).collect();
        Backlog { remaining: duplicates.len(), messages, duplicates }
    }

    /// Takes the next stored message.
    pub(super) fn next(&mut self) -> Option<StoredMessage> {
        self.messages.pop_front()
    }

    /// Whether a live message is one of the stored ones. Messages keep their order, so those
    /// before it do not arrive any more.
    pub(super) fn is_duplicate(&mut self, frames: &[&[u8]]) -> bool {
        if self.duplicates.is_empty() {
            return false;
        }
        let same = |message: &Vec<Vec<u8>>| message.iter().eq(frames.iter());
        let position = self.duplicates.iter().position(same);
        if let Some(position) = position {
            self.duplicates.drain(..=position);
        }
        self.remaining = self.remaining.saturating_sub(1);
        if self.remaining == 0 {
            self.duplicates.clear();
        }
        position.is_some()
    }
}

/// Requests the last `n` messages of `prefixes` from a relay, and subscribes to `prefixes`,
/// whatever it answers. Returns the messages, and what a person should know about them.
///
/// # Errors
/// No socket can be opened.
pub(super) fn fetch(
    n: usize,
    at: &Endpoint,
    prefixes: &[Vec<u8>],
    options: &SocketOptions,
    subscriber: &mut Subscriber,
    stop: &dyn Fn() -> bool,
) -> Result<(Backlog, Vec<String>)> {
    let (begin, end) = query::markers();
    // Prefixes come from the command line, and so are text.
    let text = |prefix: &Vec<u8>| String::from_utf8_lossy(prefix).into_owned();
    let last = Last { n, prefixes: prefixes.iter().map(text).collect(), begin, end };
    let question = query::write_question(&Question::Last(last.clone()));
    let mut client = QueryClient::ask(at, &question, options)?;
    let mut request = Request { subscriber, prefixes, last: &last, subscribed: false };
    let answer = request.read_answer(&mut client, stop);
    request.subscribe();
    for marker in [&last.begin, &last.end] {
        subscriber.unsubscribe(marker.as_bytes());
    }
    Ok(answer.unwrap_or_else(|why| {
        (Backlog::default(), vec![format!("no past records from {at}: {why}")])
    }))
}

/// A request in progress.
struct Request<'a> {
    subscriber: &'a mut Subscriber,
    prefixes: &'a [Vec<u8>],
    last: &'a Last,
    subscribed: bool,
}

impl Request<'_> {
    /// Subscribes to the first marker, the prefixes and the second marker, in this order.
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

    /// Reads the answer to its end.
    ///
    /// # Errors
    /// Why there is no answer, or not the whole of it.
    fn read_answer(
        &mut self,
        client: &mut QueryClient,
        stop: &dyn Fn() -> bool,
    ) -> Result<(Backlog, Vec<String>), String> {
        let mut messages = VecDeque::new();
        let mut until = Instant::now() + FIRST_ANSWER_TIMEOUT;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            let mut frames = match client.next(wait, stop) {
                Reply::Frames(frames) => frames,
                Reply::Stopped => return Ok((Backlog::default(), Vec::new())),
                Reply::NoPeer if client.lacks_rights().is_some() => {
                    return Err(client.lacks_rights().unwrap_or_default().into());
                }
                Reply::NoPeer if !self.subscribed => {
                    return Err("nothing listens there; is it a relay with --keep?".into());
                }
                Reply::NoPeer => return Err("the relay has gone".into()),
                Reply::TimedOut if !self.subscribed => {
                    return Err("no answer within 2 s; is it a relay with --keep?".into());
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
                    messages.push_back(StoredMessage { received, frames });
                    // A relay sends at most as many as were requested, and those published
                    // meanwhile.
                    if messages.len() > 2 * query::MAX_MESSAGES {
                        return Err("the answer has no end".into());
                    }
                }
                query::Answer::End(end) => return Ok(finish(messages, end)),
                query::Answer::Refused { why } => return Err(why),
                query::Answer::Status(_) => return Err("unexpected answer".into()),
            }
        }
    }
}

/// The backlog of a whole answer, and what is missing from it.
fn finish(messages: VecDeque<StoredMessage>, end: End) -> (Backlog, Vec<String>) {
    let mut notices = Vec::new();
    let missing = end.messages.saturating_sub(messages.len());
    if missing > 0 {
        notices.push(format!("{missing} of the past records are missing"));
    }
    if !end.subscribed {
        notices.push(
            "the relay did not see the subscription: records between the past and the live ones \
             may be missing"
                .to_owned(),
        );
    }
    (Backlog::new(messages, end.window), notices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(bodies: &[&str]) -> Backlog {
        let message = |body: &&str| StoredMessage {
            received: 0.0,
            frames: vec![b"t".to_vec(), body.as_bytes().to_vec()],
        };
        Backlog::new(bodies.iter().map(message).collect(), bodies.len())
    }

    fn are_duplicates<const N: usize>(backlog: &mut Backlog, bodies: [&str; N]) -> [bool; N] {
        bodies.map(|body| backlog.is_duplicate(&[b"t", body.as_bytes()]))
    }

    #[test]
    fn only_stored_messages_are_duplicates() {
        let mut backlog = backlog(&["1", "2", "3"]);
        let bodies = ["2", "3", "4", "3"];
        assert_eq!(are_duplicates(&mut backlog, bodies), [true, true, false, false]);
        assert!(backlog.duplicates.is_empty());
    }

    #[test]
    fn after_as_many_live_messages_as_could_be_duplicates_none_is() {
        let mut backlog = backlog(&["1", "2"]);
        assert_eq!(are_duplicates(&mut backlog, ["x", "y", "2"]), [false; 3]);
    }

    #[test]
    fn the_same_body_on_another_topic_is_no_duplicate() {
        assert!(!backlog(&["1"]).is_duplicate(&[b"u", b"1"]));
    }
}

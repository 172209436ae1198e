//! `--last`: what went before, asked of the relay that the live records come from.
//!
//! What may be here: asking before subscribing, and telling which live records were
//! in the answer already. See `wire::query` for how none comes twice and none is missing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::cli::TailArgs;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape;
use zlog_core::wire::query::{self, End, Last, Question};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{Answer, Endpoint, QueryClient, Role, SocketOptions, Subscriber};

/// How long the relay may take to answer at all, and then to go on.
const PATIENCE: Duration = Duration::from_secs(2);
const GOING_ON: Duration = Duration::from_secs(5);

/// A message that came before.
pub(super) struct Earlier {
    /// When the relay received it.
    pub(super) received: f64,
    pub(super) frames: Vec<Vec<u8>>,
}

/// What came before, and what of it may come again.
#[derive(Default)]
pub(super) struct Recent {
    pub(super) messages: Vec<Earlier>,
    pub(super) overlap: Overlap,
}

/// Where the relay is asked that publishes at the endpoint of these.
///
/// # Errors
/// There is more than one, or it has no such place.
pub(super) fn where_to_ask(args: &TailArgs, endpoints: &[Endpoint]) -> Result<Endpoint> {
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
pub(super) fn ask(
    n: usize,
    at: &Endpoint,
    prefixes: &[Vec<u8>],
    subscriber: &mut Subscriber,
    stop: &ShutdownSignal,
) -> Result<Recent> {
    let (begin, end) = query::markers();
    // What was typed is text; a prefix that is none could not have been.
    let text = |prefix: &Vec<u8>| String::from_utf8_lossy(prefix).into_owned();
    let last = Last { n, prefixes: prefixes.iter().map(text).collect(), begin, end };
    let question = query::write_question(&Question::Last(last.clone()));
    let mut inquiry = QueryClient::ask(at, &question, &SocketOptions::subscriber())?;
    let mut asking = Asking { subscriber, prefixes, last: &last, subscribed: false };
    let recent = asking.follow(&mut inquiry, &|| stop.requested());
    asking.subscribe();
    for mark in [&last.begin, &last.end] {
        subscriber.unsubscribe(mark.as_bytes());
    }
    Ok(recent.unwrap_or_else(|why| {
        let why = escape::escape(&why);
        terminal::eprint_line(format_args!("zlog tail: no earlier records from {at}: {why}"));
        Recent::default()
    }))
}

/// A question under way.
struct Asking<'a> {
    subscriber: &'a mut Subscriber,
    prefixes: &'a [Vec<u8>],
    last: &'a Last,
    subscribed: bool,
}

impl Asking<'_> {
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
    fn follow(
        &mut self,
        inquiry: &mut QueryClient,
        stop: &dyn Fn() -> bool,
    ) -> Result<Recent, String> {
        let mut messages = Vec::new();
        let mut until = Instant::now() + PATIENCE;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            let mut frames = match inquiry.next(wait, stop) {
                Answer::Frames(frames) => frames,
                Answer::Stopped => return Ok(Recent::default()),
                Answer::Nobody if !self.subscribed => {
                    return Err("nothing listens there; is it a relay with --keep?".into());
                }
                Answer::Nobody => return Err("the relay has gone".into()),
                Answer::Nothing if !self.subscribed => {
                    return Err("nothing came within 2 s; is it a relay with --keep?".into());
                }
                Answer::Nothing => {
                    return Err(format!("the answer broke off after {}", messages.len()));
                }
            };
            until = Instant::now() + GOING_ON;
            let head = frames.first().map_or(&[][..], Vec::as_slice);
            match query::read_answer(head).map_err(|error| error.to_string())? {
                query::Answer::Ready => self.subscribe(),
                query::Answer::Message { received } => {
                    frames.remove(0);
                    messages.push(Earlier { received, frames });
                    // The relay sends no more than it was asked for, and a few.
                    if messages.len() > 2 * query::MAX_MESSAGES {
                        return Err("the answer has no end".into());
                    }
                }
                query::Answer::End(end) => return Ok(recent(messages, end)),
                query::Answer::Refused { why } => return Err(why),
                query::Answer::Status(_) => return Err("it answers something else".into()),
            }
        }
    }
}

/// What the answer was, and what is said of what it lacks.
fn recent(messages: Vec<Earlier>, end: End) -> Recent {
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
    let overlap = Overlap::new(last.map(|message| message.frames.clone()).collect());
    Recent { messages, overlap }
}

/// Earlier messages that may come again: those that were published while the
/// subscription was on its way. There are hardly ever more than one.
#[derive(Default)]
pub(super) struct Overlap {
    earlier: VecDeque<Vec<Vec<u8>>>,
    /// Live messages that may still be among them.
    left: usize,
}

impl Overlap {
    fn new(earlier: VecDeque<Vec<Vec<u8>>>) -> Overlap {
        Overlap { left: earlier.len(), earlier }
    }

    /// Whether any message can still come again.
    pub(super) fn is_over(&self) -> bool {
        self.earlier.is_empty()
    }

    /// Whether this live message was in the answer. Messages keep their order: so what
    /// stands before it there does not come any more.
    pub(super) fn repeats(&mut self, frames: &[&[u8]]) -> bool {
        let same = |earlier: &Vec<Vec<u8>>| earlier.iter().eq(frames.iter());
        let at = self.earlier.iter().position(same);
        if let Some(at) = at {
            self.earlier.drain(..=at);
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.earlier.clear();
        }
        at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(bodies: &[&str]) -> Overlap {
        let message = |body: &&str| vec![b"t".to_vec(), body.as_bytes().to_vec()];
        Overlap::new(bodies.iter().map(message).collect())
    }

    #[test]
    fn what_was_in_the_answer_is_known_again_and_nothing_else_is() {
        let mut overlap = overlap(&["1", "2", "3"]);
        let bodies = ["2", "3", "4", "3"];
        let repeats = bodies.map(|body| overlap.repeats(&[b"t", body.as_bytes()]));
        assert_eq!(repeats, [true, true, false, false]);
        assert!(overlap.is_over());
    }

    #[test]
    fn after_as_many_live_messages_as_could_repeat_none_does() {
        let mut overlap = overlap(&["1", "2"]);
        let bodies = ["x", "y", "2"];
        let repeats = bodies.map(|body| overlap.repeats(&[b"t", body.as_bytes()]));
        assert_eq!(repeats, [false; 3]);
    }

    #[test]
    fn the_same_text_on_another_topic_is_another_message() {
        let mut overlap = overlap(&["1"]);
        assert!(!overlap.repeats(&[b"u", b"1"]));
    }
}

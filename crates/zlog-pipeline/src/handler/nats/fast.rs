//! Sends messages as a batch that the server confirms every so many messages instead of each: "fast
//! ingest" of NATS 2.14 and later (ADR-50 of nats-io/nats-architecture-and-design). Its streams need
//! `allow_batched`.
//!
//! Each message asks for answers to `INBOX.BATCH.FLOW.fail.NUMBER.OPERATION.$FI`. The server confirms
//! the first one before it stores it, then every `msgs` messages, and the last one with the result of
//! the whole batch. It stores them in order; with `fail`, it ends the batch at the first that is missing.

use std::time::Duration;

use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, Subject, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::Value;

use super::publish::{self, Failure, read_error};
use crate::nats::connection::Trouble;

/// After how many messages the server confirms them at most. It begins with fewer.
const FLOW: u64 = 512;
/// How many confirmations may be missing. ADR-50 recommends two.
const CONFIRMATIONS: u64 = 2;

/// What a message does with its batch.
#[derive(Clone, Copy)]
enum Operation {
    Start = 0,
    Append = 1,
    /// Is the last one.
    Commit = 2,
}

/// Why a batch ended before its end.
pub(super) enum End {
    /// The server or the stream does not take batches.
    NoBatches,
    /// A message was refused. Each is to be sent by itself, which tells which one and why.
    Refused,
    Failed(Failure),
}

/// Which messages may be sent.
struct Window {
    /// The number of the last message that is stored.
    confirmed: u64,
    /// After how many messages the next confirmation comes.
    every: u64,
}

impl Window {
    /// Whether the message `number` must wait for a confirmation.
    fn is_full(&self, number: u64) -> bool {
        number >= self.confirmed + CONFIRMATIONS * self.every
    }
}

/// Sends messages as one batch, with answers to `BATCH.…`, to which `answers` is subscribed.
/// `stored` becomes the number of those, from the first on, that are stored.
pub(super) async fn publish(
    client: &Client,
    answers: &mut Subscriber,
    batch: &str,
    messages: impl ExactSizeIterator<Item = (Subject, HeaderMap, Bytes)>,
    timeout: Duration,
    stored: &mut usize,
) -> Result<(), End> {
    let last = messages.len() as u64;
    let window = Window { confirmed: 0, every: 1 };
    let mut state = State { answers, batch, timeout, stored, window };
    for (number, (subject, headers, body)) in (1..).zip(messages) {
        let operation = match number {
            _ if number == last => Operation::Commit,
            1 => Operation::Start,
            _ => Operation::Append,
        };
        while number > 1 && state.window.is_full(number) {
            state.go_on().await?;
        }
        let reply = format!("{batch}.{FLOW}.fail.{number}.{}.$FI", operation as u8);
        let sent = client.publish_with_reply_and_headers(subject, reply, headers, body).await;
        // Its size was checked, so the tasks of the connection have ended.
        sent.map_err(|_| End::Failed(Failure::Trouble(Trouble::Disconnected)))?;
        if number == 1 && number < last {
            state.go_on().await?;
        }
    }
    while !state.has_ended().await? {}
    if *state.stored as u64 == last { Ok(()) } else { Err(incomplete()) }
}

/// A batch that is being sent.
struct State<'b> {
    answers: &'b mut Subscriber,
    batch: &'b str,
    timeout: Duration,
    stored: &'b mut usize,
    window: Window,
}

impl State<'_> {
    /// Waits for the next answer, which must not be the end of the batch.
    async fn go_on(&mut self) -> Result<(), End> {
        if self.has_ended().await? { Err(incomplete()) } else { Ok(()) }
    }

    /// Waits for the next answer. Returns whether it is the last one.
    async fn has_ended(&mut self) -> Result<bool, End> {
        let message = loop {
            let next = tokio::time::timeout(self.timeout, self.answers.next()).await;
            let message = next.map_err(|_| End::Failed(Failure::Late))?;
            let message = message.ok_or(End::Failed(Failure::Trouble(Trouble::Disconnected)))?;
            // Others are of an earlier batch.
            if message.subject.strip_prefix(self.batch).is_some_and(|it| it.starts_with('.')) {
                break message;
            }
        };
        if message.status == Some(async_nats::StatusCode::NO_RESPONDERS) {
            return Err(End::Failed(Failure::NoStream(String::new())));
        }
        self.take(serde_json::from_slice(&message.payload).unwrap_or_default())
    }

    fn take(&mut self, mut answer: Value) -> Result<bool, End> {
        match answer["type"].as_str() {
            Some("ack") => {
                let confirmed = answer["seq"].as_u64().unwrap_or_default();
                self.window.confirmed = self.window.confirmed.max(confirmed);
                self.window.every = answer["msgs"].as_u64().unwrap_or_default().max(1);
                self.note(self.window.confirmed);
                return Ok(false);
            }
            Some("err") => return Err(End::Refused),
            Some(_) => return Err(incomplete()),
            None => {}
        }
        let Ok(error) = serde_json::from_value::<jetstream::Error>(answer["error"].take()) else {
            self.note(answer["count"].as_u64().unwrap_or_default());
            return Ok(true);
        };
        Err(match error.error_code() {
            ErrorCode::BATCH_PUBLISH_DISABLED | ErrorCode::BATCH_PUBLISH_INVALID_PATTERN => {
                End::NoBatches
            }
            ErrorCode::BATCH_PUBLISH_TOO_MANY_INFLIGHT => End::Refused,
            _ => match read_error(&error) {
                publish::Answer::NotNow(failure) => End::Failed(failure),
                _ => End::Refused,
            },
        })
    }

    fn note(&mut self, stored: u64) {
        *self.stored = (*self.stored).max(usize::try_from(stored).unwrap_or_default());
    }
}

/// Some messages of the batch have not arrived, as when the stream gets another leader. They are sent
/// again after a pause, with all that follow, so that the order is kept.
fn incomplete() -> End {
    End::Failed(Failure::Refused("it has not got all messages of a batch".to_owned()))
}

//! Sends messages as a batch that the server confirms every so many messages instead of each: "fast
//! ingest" of NATS 2.14 and later (ADR-50 of nats-io/nats-architecture-and-design). Its streams need
//! `allow_batched`.
//!
//! Each message asks for answers to `INBOX.BATCH.FLOW.fail.NUMBER.OPERATION.$FI`. The server confirms
//! the first one before it stores it, then every `msgs` messages, and the last one with the result of
//! the whole batch. It stores them in order; with `fail`, it ends the batch at the first that is missing.

use std::fmt::Write as _;

use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Message, StatusCode};
use serde_json::Value;

use super::task::{Answer, Failure, Outgoing, Task, read_error};

/// How many confirmations may be missing. ADR-50 recommends two.
const CONFIRMATIONS: u64 = 2;
/// The longest end of an address: the largest number, the operation and `$FI`.
const MAX_ADDRESS_END: usize = 26;

/// What a message does with its batch.
#[derive(Clone, Copy)]
enum Operation {
    Start = 0,
    Append = 1,
    /// Is the last one.
    Commit = 2,
}

/// Why a batch ended before its end.
enum End {
    /// The server or the stream does not take batches.
    NoBatches,
    /// A message or the whole batch was refused. Each message is sent by itself then, which shows why.
    Refused,
    Failed(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> End {
        End::Failed(failure)
    }
}

/// Sends what has begun, and what begins meanwhile, as one batch. It ends when somebody waits for a
/// confirmation and there is nothing more to send.
pub(super) async fn publish(task: &mut Task) -> Result<(), Failure> {
    let Some((_, first)) = task.next_message(u64::MAX) else { return Ok(()) };
    let mut batch = Batch::new(task);
    let end = match batch.send(task, first).await {
        Ok(()) => return Ok(()),
        Err(end) => end,
    };
    task.rewind();
    match end {
        End::Failed(failure) => return Err(task.about(failure)),
        End::NoBatches => task.options.has_batches = false,
        End::Refused => task.first_one_by_one().await?,
    }
    Ok(())
}

/// A batch that is being sent.
struct Batch {
    /// The beginning of the addresses of its answers: `INBOX.BATCH.FLOW.fail.`
    address: String,
    /// The number of the last message.
    last: u64,
    /// The number of the last message that is stored.
    confirmed: u64,
    /// After how many messages the server confirms them.
    every: u64,
}

impl Batch {
    fn new(task: &mut Task) -> Batch {
        let number = task.numbers(1);
        // Unlike that of any other client.
        let id = task.inbox.rsplit('.').next().unwrap_or_default();
        let address = format!("{}.{id}-{number}.{}.fail.", task.inbox, task.options.flow);
        Batch { address, last: 0, confirmed: 0, every: 1 }
    }

    async fn send(&mut self, task: &mut Task, mut message: Outgoing) -> Result<(), End> {
        loop {
            let next = self.next_message(task).await?;
            self.last += 1;
            let operation = match next {
                None => Operation::Commit,
                Some(_) if self.last == 1 => Operation::Start,
                Some(_) => Operation::Append,
            };
            // The first one waits for nothing, and the second one for the first answer.
            while self.last > 1 && self.last >= self.confirmed + CONFIRMATIONS * self.every {
                self.go_on(task, true).await?;
            }
            task.send(message, self.reply_address(operation)).await?;
            let Some(next) = next else { break };
            message = next;
        }
        while !self.has_ended(task, true).await? {}
        if self.confirmed == self.last { Ok(()) } else { Err(incomplete()) }
    }

    /// Where the answer to message `last` is to go.
    fn reply_address(&self, operation: Operation) -> String {
        let mut address = String::with_capacity(self.address.len() + MAX_ADDRESS_END);
        address.push_str(&self.address);
        // Writing to a string can't fail.
        let _ = write!(address, "{}.{}.$FI", self.last, operation as u8);
        address
    }

    /// Waits for the message after the next. `None` if the next is the last one: somebody waits for
    /// confirmations, and the server confirms the last messages of a batch only at its end.
    async fn next_message(&mut self, task: &mut Task) -> Result<Option<Outgoing>, End> {
        loop {
            if let Some((_, message)) = task.next_message(u64::MAX) {
                return Ok(Some(message));
            }
            if task.is_awaited() {
                return Ok(None);
            }
            self.go_on(task, false).await?;
        }
    }

    /// Waits for the next answer, which must not be the last one, or for a job.
    async fn go_on(&mut self, task: &mut Task, is_due: bool) -> Result<(), End> {
        if self.has_ended(task, is_due).await? { Err(incomplete()) } else { Ok(()) }
    }

    /// Waits for the next answer, or for a job. Returns whether the batch has ended.
    async fn has_ended(&mut self, task: &mut Task, is_due: bool) -> Result<bool, End> {
        let Some(message) = task.next_answer(is_due).await? else { return Ok(false) };
        // Others are of an earlier batch.
        if !message.subject.starts_with(&*self.address) {
            return Ok(false);
        }
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(End::Failed(Failure::NoStream(String::new())));
        }
        self.take(task, &message)
    }

    /// Takes an answer. Returns whether it is the last one.
    fn take(&mut self, task: &mut Task, message: &Message) -> Result<bool, End> {
        let mut answer: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        match answer["type"].as_str() {
            Some("ack") => {
                self.every = answer["msgs"].as_u64().unwrap_or_default().max(1);
                self.confirm(task, &answer["seq"]);
                return Ok(false);
            }
            Some("err") => return Err(End::Refused),
            Some(_) => return Err(incomplete()),
            None => {}
        }
        let Ok(error) = serde_json::from_value::<jetstream::Error>(answer["error"].take()) else {
            self.confirm(task, &answer["count"]);
            return Ok(true);
        };
        Err(match error.error_code() {
            ErrorCode::BATCH_PUBLISH_DISABLED | ErrorCode::BATCH_PUBLISH_INVALID_PATTERN => {
                End::NoBatches
            }
            // The server abandons a batch after ten seconds without a message.
            ErrorCode::BATCH_PUBLISH_TOO_MANY_INFLIGHT
            | ErrorCode::BATCH_PUBLISH_UNKNOWN_BATCH_ID => End::Refused,
            _ => match read_error(&error) {
                Answer::NotNow(failure) => End::Failed(failure),
                _ => End::Refused,
            },
        })
    }

    /// The messages up to this one are stored.
    fn confirm(&mut self, task: &mut Task, number: &Value) {
        let number = number.as_u64().unwrap_or_default().clamp(self.confirmed, self.last);
        task.confirm(number - self.confirmed);
        self.confirmed = number;
    }
}

/// Some messages of the batch have not arrived, as when the stream gets another leader. They are sent
/// again after a pause, with all that follow, so that the order is kept.
fn incomplete() -> End {
    End::Failed(Failure::Refused("it has not got all messages of a batch".to_owned()))
}

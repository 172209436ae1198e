//! Sends a batch over a connection, and waits for the confirmation of each record.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, Message, Subject, Subscriber, header};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::Mutex;

use super::fast;
use super::message::Entry;
use crate::nats::connection::{Connection, Trouble, wait_for_trouble};

/// The longest line before a message and its headers, apart from the identity: `NATS/1.0` and
/// the header's name.
const HEADER_BYTES: usize = 64;

/// The confirmations of one connection. They come to addresses that begin with `inbox` and a running
/// number.
pub(super) struct Confirmations {
    inbox: String,
    subscriber: Subscriber,
    next: u64,
    /// The stream takes [batches](fast), as far as is known.
    has_batches: bool,
}

impl Confirmations {
    /// Subscribes to them. `has_batches`: the stream takes [batches](fast).
    pub(super) async fn subscribe(
        client: Client,
        has_batches: bool,
    ) -> Result<Arc<Mutex<Confirmations>>, String> {
        let inbox = client.new_inbox();
        let subscribed = client.subscribe(format!("{inbox}.>")).await;
        let subscriber = subscribed.map_err(|error| error.to_string())?;
        Ok(Arc::new(Mutex::new(Confirmations { inbox, subscriber, next: 0, has_batches })))
    }

    /// Numbers for so many messages: the first of them.
    fn numbers(&mut self, count: usize) -> u64 {
        let first = self.next;
        self.next += count as u64;
        first
    }
}

/// A batch, and what is known about its records from earlier attempts.
pub(super) struct Work {
    /// The messages, one after the other.
    pub(super) text: Bytes,
    /// Where each of them is.
    pub(super) places: Vec<Range<usize>>,
    /// Whether each needs no more attempts: it is stored, or was refused.
    pub(super) settled: Vec<bool>,
    /// How long to wait for the next confirmation.
    pub(super) timeout: Duration,
}

/// The result of sending a batch.
pub(super) struct Report {
    pub(super) settled: Vec<bool>,
    /// How many records were refused for good in this attempt, and why the first was.
    pub(super) refused: u64,
    pub(super) why: Option<Refusal>,
    /// Why not all are settled.
    pub(super) failure: Option<Failure>,
}

/// Why a record will never be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// Its topic makes too long a subject.
    LongSubject,
    /// It is larger than the server allows: so many bytes.
    TooLarge(usize),
    /// The stream does not take it: its words.
    Stream(String),
}

/// Why records could not be stored now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// See [`Trouble`].
    Trouble(Trouble),
    /// No confirmation came in time.
    Late,
    /// No stream collects the subject.
    NoStream(String),
    /// The stream, or the server, has no room: its words.
    Full(String),
    /// The server can't store it now: its words.
    Refused(String),
}

/// What a confirmation says.
pub(super) enum Answer {
    Stored,
    Never(String),
    NotNow(Failure),
}

/// Sends the records that are not settled, and waits until the last of them is confirmed or something
/// goes wrong.
pub(super) async fn publish(
    client: Client,
    confirmations: Arc<Mutex<Confirmations>>,
    mut trouble: tokio::sync::watch::Receiver<Option<Trouble>>,
    work: Work,
) -> Report {
    let mut confirmations = confirmations.lock().await;
    let mut report = Report { settled: work.settled.clone(), refused: 0, why: None, failure: None };
    let send = async {
        if confirmations.has_batches {
            as_batch(&client, &mut confirmations, &work, &mut report).await?;
        }
        one_by_one(&client, &mut confirmations, &work, &mut report).await
    };
    let failure = tokio::select! {
        sent = send => sent.err(),
        trouble = wait_for_trouble(&mut trouble) => Some(Failure::Trouble(trouble)),
    };
    report.failure = failure;
    report
}

/// A message and the number of its record.
type Numbered = (usize, (Subject, HeaderMap, Bytes));

/// Sends the records that are not settled as a batch. Those that are not stored then are to be sent
/// [one by one](one_by_one), which tells why.
async fn as_batch(
    client: &Client,
    confirmations: &mut Confirmations,
    work: &Work,
    report: &mut Report,
) -> Result<(), Failure> {
    let messages = messages(client, work, report);
    if messages.len() < 2 {
        return Ok(());
    }
    let places: Vec<usize> = messages.iter().map(|(place, _)| *place).collect();
    let number = confirmations.numbers(1);
    let Confirmations { inbox, subscriber, .. } = &mut *confirmations;
    // Unlike that of any other client.
    let id = inbox.rsplit('.').next().unwrap_or_default();
    let batch = format!("{inbox}.{id}-{number}");
    let messages = messages.into_iter().map(|(_, message)| message);
    let mut stored = 0;
    let sent = fast::publish(client, subscriber, &batch, messages, work.timeout, &mut stored).await;
    places.iter().take(stored).for_each(|place| report.settled[*place] = true);
    let next = places.get(stored).copied().unwrap_or_default();
    match sent {
        Err(fast::End::Failed(Failure::NoStream(_))) => {
            Err(Failure::NoStream(subject(&work.text, &work.places[next])))
        }
        Err(fast::End::Failed(failure)) => Err(failure),
        Err(fast::End::NoBatches) => {
            confirmations.has_batches = false;
            Ok(())
        }
        Ok(()) | Err(fast::End::Refused) => Ok(()),
    }
}

/// Sends the records that are not settled, all at once, each with a confirmation of its own.
async fn one_by_one(
    client: &Client,
    confirmations: &mut Confirmations,
    work: &Work,
    report: &mut Report,
) -> Result<(), Failure> {
    let first = confirmations.numbers(work.places.len());
    let Confirmations { inbox, subscriber, .. } = confirmations;
    let messages = messages(client, work, report);
    let mut pending = messages.len();
    let send = async {
        for (place, (subject, headers, body)) in messages {
            let reply = format!("{inbox}.{}", first + place as u64);
            let sent = client.publish_with_reply_and_headers(subject, reply, headers, body).await;
            // Its size was checked, so the tasks of the connection have ended.
            sent.map_err(|_| Failure::Trouble(Trouble::Disconnected))?;
        }
        Ok(())
    };
    let confirm = async {
        while pending > 0 {
            let next = tokio::time::timeout(work.timeout, subscriber.next()).await;
            let answer = next.map_err(|_| Failure::Late)?;
            let answer = answer.ok_or(Failure::Trouble(Trouble::Disconnected))?;
            let Some(place) = place(&answer, inbox.len(), first, work.places.len()) else {
                continue; // of an earlier batch
            };
            if report.settled[place] {
                continue;
            }
            match read(&answer) {
                Answer::Stored => report.settled[place] = true,
                Answer::Never(why) => report.refuse(place, Refusal::Stream(why)),
                Answer::NotNow(failure) => {
                    return Err(match failure {
                        Failure::NoStream(_) => {
                            Failure::NoStream(subject(&work.text, &work.places[place]))
                        }
                        failure => failure,
                    });
                }
            }
            pending -= 1;
        }
        Ok(())
    };
    tokio::try_join!(send, confirm).map(drop)
}

/// The messages of the records that are not settled. Those that can't be sent are refused.
fn messages(client: &Client, work: &Work, report: &mut Report) -> Vec<Numbered> {
    let mut messages = Vec::with_capacity(work.places.len());
    for (place, range) in work.places.iter().enumerate() {
        if report.settled[place] {
            continue;
        }
        match message(&work.text, range.clone(), client.max_payload()) {
            Ok(message) => messages.push((place, message)),
            Err(refusal) => report.refuse(place, refusal),
        }
    }
    messages
}

impl Report {
    fn refuse(&mut self, place: usize, why: Refusal) {
        self.settled[place] = true;
        self.refused += 1;
        self.why.get_or_insert(why);
    }
}

/// Starts what [`publish`] needs of a connection.
pub(super) fn parts(
    connection: &Connection,
) -> (Client, tokio::sync::watch::Receiver<Option<Trouble>>) {
    (connection.client.clone(), connection.watch())
}

/// Subject, headers and body of a message, which share its bytes.
fn message(
    text: &Bytes,
    range: Range<usize>,
    max_payload: usize,
) -> Result<(Subject, HeaderMap, Bytes), Refusal> {
    let entry = Entry::read(text, range).ok_or(Refusal::LongSubject)?;
    let subject = text.slice(entry.subject.ok_or(Refusal::LongSubject)?);
    let subject = Subject::try_from(subject).map_err(|_| Refusal::LongSubject)?;
    if entry.id.len() + entry.body.len() + HEADER_BYTES > max_payload {
        return Err(Refusal::TooLarge(max_payload));
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::NATS_MESSAGE_ID, &*String::from_utf8_lossy(&text[entry.id]));
    Ok((subject, headers, text.slice(entry.body)))
}

fn subject(text: &Bytes, range: &Range<usize>) -> String {
    let subject = Entry::read(text, range.clone()).and_then(|entry| entry.subject);
    subject.map_or_else(String::new, |subject| String::from_utf8_lossy(&text[subject]).into_owned())
}

/// The record that a confirmation is for.
fn place(answer: &Message, inbox: usize, first: u64, count: usize) -> Option<usize> {
    let number: u64 = answer.subject.get(inbox + 1..)?.parse().ok()?;
    let place = usize::try_from(number.checked_sub(first)?).ok()?;
    (place < count).then_some(place)
}

fn read(answer: &Message) -> Answer {
    if answer.status == Some(async_nats::StatusCode::NO_RESPONDERS) {
        return Answer::NotNow(Failure::NoStream(String::new()));
    }
    match serde_json::from_slice::<Response<PublishAck>>(&answer.payload) {
        Ok(Response::Ok(_)) => Answer::Stored,
        Ok(Response::Err { error }) => read_error(&error),
        Err(_) => Answer::NotNow(Failure::Refused("an answer that is no confirmation".to_owned())),
    }
}

/// What an error of JetStream says about the record.
pub(super) fn read_error(error: &jetstream::Error) -> Answer {
    let text = error.to_string();
    match error.error_code() {
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            Answer::Never(text)
        }
        ErrorCode::STREAM_STORE_FAILED
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED => Answer::NotNow(Failure::Full(text)),
        _ => Answer::NotNow(Failure::Refused(text)),
    }
}

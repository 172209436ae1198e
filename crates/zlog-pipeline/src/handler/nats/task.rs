//! A task of a connection, which sends batches and takes the confirmations of their records.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, Message, Subject, Subscriber, header};
use bytes::Bytes;
use crossbeam_channel::Sender;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::message::Entry;
use crate::nats::connection::Trouble;

/// The longest line before a message and its headers, apart from the identity: `NATS/1.0` and
/// the header's name.
const HEADER_BYTES: usize = 64;

/// How a task sends.
#[derive(Clone, Copy)]
pub(super) struct PublishOptions {
    /// How long to wait for the next confirmation.
    pub(super) timeout: Duration,
    /// The stream takes [batches](super::fast).
    pub(super) has_batches: bool,
    /// After how many messages of such a batch the server confirms them at most.
    pub(super) flow: u64,
}

/// What the task has to do.
pub(super) enum Job {
    /// Send a batch, behind those before.
    Send(Work),
    /// Somebody waits for the report of this batch, from 1 on.
    Wait(u64),
}

/// A batch, and what is known about its records from earlier attempts.
pub(super) struct Work {
    /// The messages, one after the other.
    pub(super) text: Bytes,
    /// Where each of them is.
    pub(super) places: Vec<Range<usize>>,
    /// Whether each needs no more attempts: it is stored, or was refused.
    pub(super) settled: Vec<bool>,
}

/// The result of sending a batch.
#[derive(Default)]
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

/// Sends batches, and takes confirmations, which come to addresses that begin with `inbox`.
pub(super) struct Task {
    pub(super) client: Client,
    pub(super) inbox: String,
    pub(super) options: PublishOptions,
    answers: Subscriber,
    jobs: mpsc::UnboundedReceiver<Job>,
    reports: Sender<Report>,
    /// The batches that are not reported yet.
    works: VecDeque<Begun>,
    /// The next number for an address.
    next: u64,
    /// How many batches were reported.
    reported: u64,
    /// How many reports somebody waits for.
    awaited: u64,
}

/// A batch that has begun.
struct Begun {
    work: Work,
    report: Report,
    /// The number of its first record, for its address.
    first: u64,
    /// The place of the next record to be sent.
    next: usize,
    /// Records before this place are settled.
    settled: usize,
    /// How many records are not settled.
    left: usize,
}

/// Subject, headers and body of a message, which share the bytes of its batch.
pub(super) type Outgoing = (Subject, HeaderMap, Bytes);

impl Task {
    pub(super) fn new(
        client: Client,
        inbox: String,
        answers: Subscriber,
        options: PublishOptions,
        jobs: mpsc::UnboundedReceiver<Job>,
        reports: Sender<Report>,
    ) -> Task {
        Task {
            client,
            inbox,
            options,
            answers,
            jobs,
            reports,
            works: VecDeque::new(),
            next: 0,
            reported: 0,
            awaited: 0,
        }
    }

    /// Whether no batch has begun that is not reported.
    pub(super) fn is_idle(&self) -> bool {
        self.works.is_empty()
    }

    /// Reports the oldest batch, which has failed. Later ones are not reported.
    pub(super) fn fail(mut self, failure: Failure) {
        if let Some(begun) = self.works.pop_front() {
            // The handler may have gone.
            let _ = self.reports.send(Report { failure: Some(failure), ..begun.report });
        }
    }

    /// Waits for the next confirmation; `None` if a job comes first. If one `is_due`, it must come in
    /// time.
    pub(super) async fn next_answer(&mut self, is_due: bool) -> Result<Option<Message>, Failure> {
        let gone = Failure::Trouble(Trouble::Disconnected);
        tokio::select! {
            biased;
            answer = self.answers.next() => answer.ok_or(gone).map(Some),
            job = self.jobs.recv() => {
                self.accept(job.ok_or(gone)?);
                Ok(None)
            }
            () = tokio::time::sleep(self.options.timeout), if is_due => Err(Failure::Late),
        }
    }

    fn accept(&mut self, job: Job) {
        match job {
            Job::Wait(number) => self.awaited = number,
            Job::Send(mut work) => {
                let settled = std::mem::take(&mut work.settled);
                let left = settled.iter().filter(|settled| !**settled).count();
                let first = self.numbers(work.places.len());
                let report = Report { settled, ..Report::default() };
                self.works.push_back(Begun { work, report, first, next: 0, settled: 0, left });
            }
        }
    }

    /// Numbers for so many addresses: the first of them.
    pub(super) fn numbers(&mut self, count: usize) -> u64 {
        let first = self.next;
        self.next += count as u64;
        first
    }

    /// Whether somebody waits for the next report.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited > self.reported
    }

    /// The next message of the batches up to `last`, and its number. Those that can't be sent are
    /// refused.
    pub(super) fn next_message(&mut self, last: u64) -> Option<(u64, Outgoing)> {
        let limit = self.client.max_payload();
        loop {
            let works = last.saturating_sub(self.reported);
            let works = usize::try_from(works).unwrap_or(usize::MAX);
            let mut works = self.works.iter_mut().take(works);
            if let Some(message) = works.find_map(|begun| begun.next_message(limit)) {
                return Some(message);
            }
            self.report();
            self.jobs.try_recv().ok().map(|job| self.accept(job))?;
        }
    }

    /// Begins again with the first record that is not settled.
    pub(super) fn rewind(&mut self) {
        self.works.iter_mut().for_each(|begun| begun.next = 0);
    }

    /// The next `count` of the records that are not settled are stored.
    pub(super) fn confirm(&mut self, count: u64) {
        for _ in 0..count {
            self.report();
            self.works.front_mut().into_iter().for_each(Begun::settle_next);
        }
        self.report();
    }

    /// Reports batches whose records are settled.
    fn report(&mut self) {
        while self.works.front().is_some_and(|begun| begun.left == 0)
            && let Some(begun) = self.works.pop_front()
        {
            self.reported += 1;
            // The handler may have gone.
            let _ = self.reports.send(begun.report);
        }
    }

    /// Sends what can't go with a batch of the server: only the first batch.
    pub(super) async fn first_one_by_one(&mut self) -> Result<(), Failure> {
        self.one_by_one(self.reported + 1).await
    }

    /// Sends the batches up to `last`, each record with a confirmation of its own.
    pub(super) async fn one_by_one(&mut self, last: u64) -> Result<(), Failure> {
        while self.reported < last && !self.works.is_empty() {
            while let Some((number, message)) = self.next_message(last) {
                let reply = format!("{}.{number}", self.inbox);
                self.send(message, reply).await?;
            }
            if self.reported < last
                && !self.works.is_empty()
                && let Some(answer) = self.next_answer(true).await?
            {
                self.take(&answer)?;
            }
        }
        Ok(())
    }

    /// Sends a message, for a confirmation to `reply`.
    pub(super) async fn send(&self, message: Outgoing, reply: String) -> Result<(), Failure> {
        let (subject, headers, body) = message;
        let send = self.client.publish_with_reply_and_headers(subject, reply, headers, body);
        // It waits for room while the server takes nothing.
        let sent = tokio::time::timeout(self.options.timeout, send).await;
        // Its size was checked, so the tasks of the connection have ended.
        sent.map_err(|_| Failure::Late)?.map_err(|_| Failure::Trouble(Trouble::Disconnected))
    }

    /// Takes the confirmation of one record.
    fn take(&mut self, answer: &Message) -> Result<(), Failure> {
        let number = answer.subject.get(self.inbox.len() + 1..).and_then(|it| it.parse().ok());
        let Some((begun, place)) = number.and_then(|number| self.find(number)) else {
            return Ok(()); // It is of an earlier attempt.
        };
        match read(answer) {
            Answer::Stored => begun.settle(place),
            Answer::Never(why) => begun.refuse(place, Refusal::Stream(why)),
            Answer::NotNow(failure) => return Err(failure.about(|| begun.subject(place))),
        }
        self.report();
        Ok(())
    }

    /// The record with this number, if it is not settled.
    fn find(&mut self, number: u64) -> Option<(&mut Begun, usize)> {
        let mut found = self.works.iter_mut().filter_map(|begun| {
            let place = usize::try_from(number.checked_sub(begun.first)?).ok()?;
            (begun.report.settled.get(place) == Some(&false)).then_some((begun, place))
        });
        found.next()
    }

    /// The failure, with the subject that it is about.
    pub(super) fn about(&self, failure: Failure) -> Failure {
        failure.about(|| {
            self.works.front().map(|begun| begun.subject(begun.settled)).unwrap_or_default()
        })
    }
}

impl Begun {
    /// The next message to be sent, and its number. Records before it that can't be sent are refused.
    fn next_message(&mut self, limit: usize) -> Option<(u64, Outgoing)> {
        while let Some(range) = self.work.places.get(self.next) {
            let place = self.next;
            self.next += 1;
            if self.report.settled[place] {
                continue;
            }
            match message(&self.work.text, range.clone(), limit) {
                Ok(message) => return Some((self.first + place as u64, message)),
                Err(refusal) => self.refuse(place, refusal),
            }
        }
        None
    }

    fn settle(&mut self, place: usize) {
        self.report.settled[place] = true;
        self.left -= 1;
    }

    fn refuse(&mut self, place: usize, why: Refusal) {
        self.settle(place);
        self.report.refused += 1;
        self.report.why.get_or_insert(why);
    }

    /// Settles the first record that is not settled, if it was sent.
    fn settle_next(&mut self) {
        while self.report.settled.get(self.settled) == Some(&true) {
            self.settled += 1;
        }
        if self.settled < self.next {
            self.settle(self.settled);
        }
    }

    /// The subject of a record.
    fn subject(&self, place: usize) -> String {
        let (text, places) = (&self.work.text, &self.work.places);
        let entry = places.get(place).and_then(|range| Entry::read(text, range.clone()));
        let subject = entry.and_then(|entry| entry.subject).and_then(|subject| text.get(subject));
        String::from_utf8_lossy(subject.unwrap_or_default()).into_owned()
    }
}

impl Failure {
    fn about(self, subject: impl FnOnce() -> String) -> Failure {
        match self {
            Failure::NoStream(_) => Failure::NoStream(subject()),
            failure => failure,
        }
    }
}

/// Subject, headers and body of a message, which share its bytes.
fn message(text: &Bytes, range: Range<usize>, limit: usize) -> Result<Outgoing, Refusal> {
    let entry = Entry::read(text, range).ok_or(Refusal::LongSubject)?;
    let subject = text.slice(entry.subject.ok_or(Refusal::LongSubject)?);
    let subject = Subject::try_from(subject).map_err(|_| Refusal::LongSubject)?;
    if entry.id.len() + entry.body.len() + HEADER_BYTES > limit {
        return Err(Refusal::TooLarge(limit));
    }
    let mut headers = HeaderMap::new();
    // `MessageWriter` has made it of text.
    let id = std::str::from_utf8(&text[entry.id]).unwrap_or_default();
    headers.insert(header::NATS_MESSAGE_ID, id);
    Ok((subject, headers, text.slice(entry.body)))
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

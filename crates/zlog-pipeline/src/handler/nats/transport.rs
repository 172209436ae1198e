//! Makes connections when they are needed, and sends batches over them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use url::Url;

use super::NatsOptions;
use super::message::{MAX_SUBJECT, MessageWriter};
use super::publish::Publisher;
use super::task::{Failure, PublishOptions, Refusal, Report, Work};
use crate::handler::Backlog;
use crate::handler::retry::{Batch, BatchOptions, Retry, SendOutcome, Transport, deadline};
use crate::nats::connection::{Connection, Features, Trouble, wait_for_trouble};
use crate::nats::ensure::{self, Ensured};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{counted, were};
use zlog_core::{Error, Record, Result};

/// The most bytes of a batch with more than one record.
const BATCH_BYTES: usize = 1 << 20;
/// How many batches are on their way: the server stores one, others wait there or are being sent, and
/// there is room for the next.
const BATCHES: usize = 4;
/// After how many messages the server confirms them at most.
const FLOW: usize = 512;

/// Stores records in a stream.
pub type NatsHandler = Retry<NatsTransport>;

impl NatsHandler {
    /// Stores records as `options` say. Connects with the first record. `report` gets what the user
    /// should know about the stream: a sentence without a full stop.
    ///
    /// # Errors
    /// See [`NatsOptions::validate`].
    pub fn new(options: NatsOptions, report: Box<dyn Fn(&str) + Send>) -> Result<NatsHandler> {
        options.validate()?;
        let batches = options.max_pending.min(BATCHES);
        let batching = BatchOptions { count: options.max_pending / batches, time: Duration::ZERO };
        let retry = options.retry.clone();
        let transport = NatsTransport {
            messages: MessageWriter::new(&options.prefix, &options.root),
            batches,
            // Twice for each batch, so that it is confirmed when half of the next one is stored.
            flow: (batching.count / 2).clamp(1, FLOW) as u64,
            options,
            report,
            link: None,
            known: Vec::new(),
            last: None,
            last_notices: None,
            refused: 0,
        };
        Ok(Retry::with_transport(transport, batching, retry, BATCH_BYTES))
    }
}

/// Sends batches to a server.
pub struct NatsTransport {
    options: NatsOptions,
    report: Box<dyn Fn(&str) + Send>,
    messages: MessageWriter,
    /// How many batches may be on their way.
    batches: usize,
    /// After how many messages the server confirms them at most.
    flow: u64,
    link: Option<Link>,
    /// Other servers of the system, as the last connection knew them.
    known: Vec<Url>,
    /// The server of the last connection.
    last: Option<Url>,
    /// The last notice, which is not repeated.
    last_notices: Option<Vec<String>>,
    /// Records that were refused for good.
    refused: u64,
}

/// A connection that is ready to publish.
struct Link {
    publisher: Publisher,
    connection: Connection,
}

impl Link {
    /// Whether batches may be sent, or their reports still come.
    fn is_usable(&self) -> bool {
        self.publisher.has_begun() || self.connection.trouble().is_none()
    }
}

impl Transport for NatsTransport {
    /// Whether each record is stored, or was refused.
    type Progress = Vec<bool>;

    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.messages.write(record, out);
    }

    fn send(&mut self, batch: &mut Batch<Vec<bool>>, until: Option<Instant>) -> SendOutcome {
        let mut link = match self.link.take().filter(Link::is_usable) {
            Some(link) => link,
            None => match self.connect(deadline(self.options.timeout, until)) {
                Ok(link) => link,
                Err(error) => return SendOutcome::Retry(error),
            },
        };
        if !link.publisher.has_begun() {
            link.publisher.begin(work(batch));
        }
        let Some(report) = link.publisher.finish(until) else {
            let failure = link.connection.trouble().map_or(Failure::Late, Failure::Trouble);
            return SendOutcome::Retry(self.failed(&failure));
        };
        let Report { settled, refused, why, failure } = report;
        batch.done = settled.iter().take_while(|settled| **settled).count();
        batch.progress = settled;
        self.refused += refused;
        match (failure, why) {
            // Whatever else was on its way must not be stored after what is sent again.
            (Some(failure), _) => SendOutcome::Retry(self.failed(&failure)),
            (None, why) => {
                self.link = Some(link);
                why.map_or(SendOutcome::Sent, |why| SendOutcome::SentInPart(lost(refused, &why)))
            }
        }
    }

    fn most_begun(&self) -> usize {
        self.batches
    }

    fn begin(&mut self, batch: &Batch<Vec<bool>>) -> bool {
        let link = self.link.as_mut().filter(|link| link.connection.trouble().is_none());
        let Some(link) = link else { return false };
        link.publisher.begin(work(batch));
        true
    }

    fn backlog(&self) -> Backlog {
        Backlog { lost: self.refused, ..Backlog::default() }
    }
}

impl NatsTransport {
    /// Connects, and looks at the stream.
    fn connect(&mut self, deadline: Instant) -> Result<Link> {
        let NatsOptions { server, stream, timeout, .. } = &self.options;
        let (timeout, last) = (*timeout, self.last.as_ref());
        let connection = Connection::open(server, &self.known, last, timeout, deadline)?;
        self.known = connection.discovered(server);
        self.last.clone_from(&connection.server);
        let mut has_batches = false;
        if stream.create {
            let ensured = self.ensure(&connection, deadline)?;
            has_batches = ensured.has_batches;
            self.report_new(ensured.notices);
        }
        let publishing = PublishOptions { timeout, has_batches, flow: self.flow };
        let publisher = Publisher::start(&connection, publishing, deadline)
            .ok_or_else(|| self.failed(&Failure::Late))?
            .map_err(|why| self.failed(&Failure::Refused(why)))?;
        Ok(Link { publisher, connection })
    }

    /// Makes sure that the stream exists.
    fn ensure(&self, connection: &Connection, deadline: Instant) -> Result<Ensured> {
        let NatsOptions { stream, prefix, .. } = &self.options;
        let (jetstream, features) =
            (connection.jetstream.clone(), Features::of(&connection.client));
        let ensure = ensure::ensure(jetstream, features, stream.clone(), prefix.clone());
        let mut trouble = connection.watch();
        // A user who may not ask gets no answer, only an error of the connection.
        let ensured = connection.runtime.run(deadline, async move {
            tokio::select! {
                ensured = ensure => Ok(ensured),
                trouble = wait_for_trouble(&mut trouble) => Err(trouble),
            }
        });
        ensured
            .ok_or_else(|| self.failed(&Failure::Late))?
            .map_err(|trouble| self.failed(&Failure::Trouble(trouble)))?
    }

    /// Reports notices that are new.
    fn report_new(&mut self, notices: Vec<String>) {
        if self.last_notices.as_ref() != Some(&notices) {
            notices.iter().for_each(|notice| (self.report)(notice));
            self.last_notices = Some(notices);
        }
    }

    /// The error that names the server, the cause and the next step.
    fn failed(&self, failure: &Failure) -> Error {
        let servers = escape(&self.options.server.servers);
        let stream = escape(&self.options.stream.name);
        match failure {
            Failure::Trouble(Trouble::Disconnected) => {
                Error::new(format!("the connection to the NATS server {servers} broke"))
                    .hint("Check that it runs. What it has not confirmed is sent again.")
            }
            Failure::Trouble(Trouble::Refused(why)) => {
                Error::new(format!("the NATS server {servers} says: {}", escape(why)))
                    .hint("Check what this user may publish, and that its login is valid.")
            }
            Failure::Late => {
                let timeout = self.options.timeout;
                Error::new(format!("the NATS server {servers} did not answer within {timeout:?}"))
                    .hint(
                        "Check that the server has JetStream, and that its cluster has a majority.",
                    )
            }
            Failure::NoStream(subject) => {
                Error::new(format!("no stream stores the subject {}", escape(subject))).hint(
                    format!(
                        "A cluster that has just lost a server needs some seconds. Was the stream \
                         {stream} deleted? It is created again, unless no-create is given."
                    ),
                )
            }
            Failure::Full(why) => {
                Error::new(format!("the stream {stream} has no room: {}", escape(why))).hint(
                    format!(
                        "Raise its limits, let it drop old records, or remove some: nats stream \
                         edit {stream} --max-bytes=…, --discard=old, or nats stream purge {stream}."
                    ),
                )
            }
            Failure::Refused(why) => Error::new(format!(
                "the NATS server {servers} can't store records: {}",
                escape(why)
            ))
            .hint("It is tried again."),
        }
    }
}

/// What there is to send of a batch.
fn work(batch: &Batch<Vec<bool>>) -> Work {
    let mut start = 0;
    let places = (0..batch.len()).map(|place| {
        let end = start + batch.record(place).len();
        std::mem::replace(&mut start, end)..end
    });
    let places: Vec<_> = places.collect();
    let mut settled = batch.progress.clone();
    settled.resize(batch.len(), false);
    Work { text: Bytes::copy_from_slice(&batch.text), places, settled }
}

/// The error about records that will never be stored.
fn lost(count: u64, why: &Refusal) -> Error {
    let lost = format!("{} {} not stored", counted(count, "record"), were(count));
    match why {
        Refusal::LongSubject => Error::new(format!(
            "{lost}: the topic makes a subject of more than {MAX_SUBJECT} bytes"
        ))
        .hint("Use shorter topics."),
        Refusal::TooLarge(limit) => {
            Error::new(format!("{lost}: larger than the server's max_payload of {limit} bytes"))
                .hint("Raise max_payload in the server's configuration.")
        }
        Refusal::Stream(why) => Error::new(format!("{lost}: {}", escape(why)))
            .hint("Raise the limit of the stream: nats stream edit --max-msg-size."),
    }
}

//! Delivers the messages of a stream as records.

use std::borrow::Cow;
use std::mem;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::MessagesErrorKind;
use async_nats::jetstream::{AckKind, Message};
use crossbeam_channel::{Receiver, Sender, bounded, never, select_biased};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::NatsSourceOptions;
use super::consumer::{self, ACK_WAIT, CantOpen, Opened};
use crate::nats::connection::{Connection, Trouble, text, wait_for_trouble};
use crate::source::{Notice, PollStatus, Severity, Sink, Source};
use zlog_core::text::escape::escape;
use zlog_core::wire::{self, subject};
use zlog_core::{Error, Record, Result};

/// Messages that are requested together, and that wait to be delivered.
const BATCH: usize = 1000;
/// Messages that one poll delivers at most.
const POLL: usize = 1000;
/// How often a server sends a sign of life while it has no messages.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a request for messages lasts.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often to try again while no server can be reached.
const RETRY: Duration = Duration::from_secs(1);
/// How long to try each time. Signals wait for it.
const ATTEMPT: Duration = Duration::from_secs(2);
/// When a record that was given back comes again: not at once, since its handler has failed.
const AGAIN: Duration = Duration::from_secs(5);
/// How long nothing must come before the server is asked whether there is more.
const QUIET: Duration = Duration::from_millis(500);

/// Reads a stream. Connects anew after an outage, and goes on where it was.
pub struct NatsSource {
    options: NatsSourceOptions,
    link: Option<Link>,
    /// The server of the last connection.
    last_server: Option<Url>,
    decoder: wire::Decoder,
    /// Where to go on: after the last delivered message.
    next: Option<u64>,
    /// Where the history ends: its last message when reading began.
    end: u64,
    is_caught_up: bool,
    /// When the last message came, or the server was asked for more.
    last: Instant,
    /// After an outage: when to try again, and why the last attempt has failed.
    retry_at: Option<Instant>,
    reported_why: Option<String>,
    /// Delivered messages that are not acknowledged. Only of a durable consumer.
    unacknowledged: Vec<Message>,
    /// When the server was last told that they are still in work.
    progress_sent_at: Instant,
    notices: Vec<Notice>,
    wake: Receiver<()>,
    ended: bool,
}

/// A connection with a reader.
struct Link {
    connection: Connection,
    consumer: PullConsumer,
    messages: mpsc::Receiver<Result<Message, Broken>>,
    /// The task that pulls them.
    pulling: JoinHandle<()>,
    ready: Receiver<()>,
    /// The number of the consumer's last delivery.
    delivery: u64,
    /// The task that sends the last acknowledgements, after those before.
    acknowledging: Option<JoinHandle<()>>,
}

/// Why no more messages come.
enum Broken {
    Lost(String),
    /// The consumer was deleted.
    Deleted,
}

impl NatsSource {
    /// Connects and begins to read.
    ///
    /// # Errors
    /// No server can be reached, or the stream or consumer can't be used.
    pub fn open(options: NatsSourceOptions) -> Result<NatsSource> {
        options.server.validate()?;
        let now = Instant::now();
        let mut source = NatsSource {
            options,
            link: None,
            last_server: None,
            decoder: wire::Decoder::default(),
            next: None,
            end: 0,
            is_caught_up: false,
            last: now,
            retry_at: None,
            reported_why: None,
            unacknowledged: Vec::new(),
            progress_sent_at: now,
            notices: Vec::new(),
            wake: never(),
            ended: false,
        };
        let opened = source.connect(now + source.options.timeout).map_err(CantOpen::error)?;
        source.notices.extend(opened.notice.map(info));
        source.end = opened.last;
        source.is_caught_up = opened.is_empty;
        source.ended = opened.is_empty && !source.options.follow;
        Ok(source)
    }

    /// Whether there are delivered records that are not acknowledged. Only a durable consumer needs
    /// acknowledgements.
    pub fn has_unacknowledged(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    /// Gives back what was delivered and not acknowledged: it comes again, here or elsewhere.
    pub fn give_back(&mut self) {
        let messages = mem::take(&mut self.unacknowledged);
        self.acknowledge(AckKind::Nak(Some(AGAIN)), messages);
    }

    /// Connects, and starts the task that pulls messages.
    fn connect(&mut self, deadline: Instant) -> Result<Opened<()>, CantOpen> {
        let options = &self.options;
        let last = self.last_server.as_ref();
        let connection = Connection::open(&options.server, &[], last, options.timeout, deadline)?;
        self.last_server.clone_from(&connection.server);
        let has_filters = connection.client.is_server_compatible(2, 10, 0);
        let open =
            consumer::open(connection.jetstream.clone(), options.clone(), has_filters, self.next);
        let late = || {
            let servers = escape(&options.server.servers);
            Error::new(format!("the NATS server {servers} did not answer in time"))
                .hint("Check that the server has JetStream, and that its cluster has a majority.")
        };
        let Opened { consumer, last, is_empty, notice } =
            connection.runtime.run(deadline, open).ok_or_else(late)??;
        let (sender, messages) = mpsc::channel(BATCH);
        let (wake, ready) = bounded(1);
        let pulling = pull(consumer.clone(), connection.watch(), sender, wake);
        let pulling = connection.runtime.spawn(pulling);
        self.link = Some(Link {
            connection,
            consumer,
            messages,
            pulling,
            ready,
            delivery: 0,
            acknowledging: None,
        });
        self.retry_at = None;
        Ok(Opened { consumer: (), last, is_empty, notice })
    }

    /// Tries to connect again, if it is time. Only what can't get better ends the source.
    fn reconnect(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| at > now) {
            return Ok(());
        }
        match self.connect(now + ATTEMPT) {
            Ok(opened) => {
                self.notices.push(info("connected again".to_owned()));
                self.reported_why = None;
                // The rest of the history may be gone meanwhile.
                self.is_caught_up |= opened.is_empty;
                self.ended = opened.is_empty && !self.options.follow;
                Ok(())
            }
            Err(CantOpen::Ever(error)) => Err(error),
            Err(CantOpen::Now(error)) => {
                let why = error.message().to_owned();
                if self.reported_why.as_ref() != Some(&why) {
                    self.notices.push(info(format!("{why}. Trying again")));
                    self.reported_why = Some(why);
                }
                self.retry_at = Some(now + RETRY);
                Ok(())
            }
        }
    }

    /// Drops the connection after an error.
    fn broke(&mut self, why: &str) {
        self.link = None;
        self.retry_at = Some(Instant::now() + RETRY / 4);
        // They come again, to this reader or another one.
        self.unacknowledged.clear();
        let servers = escape(&self.options.server.servers);
        let broke = format!("the connection to NATS {servers} broke: {why}. Connecting again");
        self.notices.push(info(broke));
    }

    /// The next message, if one has come.
    fn next_message(&mut self) -> Option<Result<Message, Broken>> {
        let link = self.link.as_mut()?;
        match link.messages.try_recv() {
            Ok(message) => Some(message),
            Err(mpsc::error::TryRecvError::Empty) => None,
            Err(mpsc::error::TryRecvError::Disconnected) => {
                Some(Err(Broken::Lost("it was closed".to_owned())))
            }
        }
    }

    /// Delivers what has come.
    fn deliver(&mut self, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let mut delivered = 0;
        while delivered < POLL
            && !self.ended
            && let Some(message) = self.next_message()
        {
            match message {
                Ok(message) => {
                    delivered += 1;
                    if self.take(message, sink)? {
                        break;
                    }
                }
                Err(Broken::Lost(why)) => self.broke(&why),
                // Opening it again says what to do.
                Err(Broken::Deleted) => {
                    let is_durable = self.options.durable.is_some();
                    self.broke(if is_durable {
                        "its consumer was deleted"
                    } else {
                        "its consumer is gone"
                    });
                }
            }
        }
        if delivered > 0 {
            self.last = Instant::now();
        }
        Ok(match (self.ended, delivered) {
            (true, 0) => PollStatus::Ended,
            (_, 0) => PollStatus::Idle,
            _ => PollStatus::Delivered,
        })
    }

    /// Delivers one message. Returns whether to stop.
    fn take(&mut self, message: Message, sink: &mut Sink<'_>) -> Result<bool> {
        let (sequence, delivery, pending, received) = match message.info() {
            Ok(info) => (
                info.stream_sequence,
                info.consumer_sequence,
                info.pending,
                info.published.unix_timestamp_nanos() as f64 / 1e9,
            ),
            // Not from JetStream: nobody should be able to send it.
            Err(_) => return Ok(false),
        };
        let is_durable = self.options.durable.is_some();
        if let Some(link) = &mut self.link
            && !is_durable
            && mem::replace(&mut link.delivery, delivery) + 1 != delivery
        {
            // A message was lost on its way. It is read again.
            self.broke("a message did not arrive");
            return Ok(false);
        }
        let is_history = !self.options.follow && !is_durable;
        if is_history && sequence > self.end {
            (self.ended, self.is_caught_up) = (true, true);
            return Ok(true);
        }
        let decoded = subject_topic(&message.subject, &self.options.prefix);
        let mut record = Record::default();
        self.decoder.decode_into(&[&decoded, &message.payload], received, &mut record);
        if self.options.keep_bodies {
            record.body = Some(Cow::Borrowed(&message.payload));
        }
        let flow = sink(&mut record);
        drop(record);
        self.next = Some(sequence + 1);
        self.is_caught_up |= pending == 0 || sequence >= self.end;
        self.ended |= is_history && (pending == 0 || sequence == self.end);
        if is_durable {
            self.unacknowledged.push(message);
        }
        Ok(flow?.is_break())
    }

    /// Waits for messages or a wake-up.
    fn wait(&self, wait: Duration) {
        let Some(link) = &self.link else {
            let left =
                self.retry_at.map_or(wait, |at| at.saturating_duration_since(Instant::now()));
            // An error means a time-out, which is as good.
            let _ = self.wake.recv_timeout(wait.min(left));
            return;
        };
        select_biased! {
            recv(link.ready) -> _ => {}
            recv(self.wake) -> _ => {}
            default(wait.min(QUIET)) => {}
        }
    }

    /// At the end of a history that others read, too, the last message may have gone to them.
    fn check_end(&mut self) {
        if self.options.follow || self.ended || self.last.elapsed() < QUIET {
            return;
        }
        self.last = Instant::now();
        let Some(link) = &self.link else { return };
        let mut consumer = link.consumer.clone();
        let own = self.unacknowledged.len();
        let is_done =
            async move { consumer.info().await.is_ok_and(|info| consumer::is_done(info, own)) };
        if link.connection.runtime.run(self.last + ATTEMPT, is_done) == Some(true)
            && link.messages.is_empty()
        {
            (self.ended, self.is_caught_up) = (true, true);
        }
    }

    /// Sends acknowledgements of this kind for all delivered messages.
    fn acknowledge(&mut self, kind: AckKind, messages: Vec<Message>) {
        let Some(link) = self.link.as_mut().filter(|_| !messages.is_empty()) else { return };
        let before = link.acknowledging.take();
        link.acknowledging = Some(link.connection.runtime.spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            for message in messages {
                // If it gets lost, the record comes again.
                let _ = message.ack_with(kind).await;
            }
        }));
    }

    /// Ends the request for messages: what is given back must not come to this reader again.
    fn stop_pulling(&mut self, until: Instant) {
        let Some(link) = &self.link else { return };
        link.pulling.abort();
        let client = link.connection.client.clone();
        // The subscription that has ended is known to the server once it has answered. Dropping it
        // takes a task, which runs before this one goes on.
        let _ = link.connection.runtime.run(until, async move {
            for _ in 0..2 {
                tokio::task::yield_now().await;
                let _ = client.flush().await;
            }
        });
    }

    /// Tells the server that delivered records are still in work, before it gives them to others.
    fn keep_alive(&mut self) {
        if self.unacknowledged.is_empty() {
            self.progress_sent_at = Instant::now();
        } else if self.progress_sent_at.elapsed() > ACK_WAIT / 3 {
            self.progress_sent_at = Instant::now();
            self.acknowledge(AckKind::Progress, self.unacknowledged.clone());
        }
    }
}

fn info(text: String) -> Notice {
    Notice { text, severity: Severity::Info }
}

/// The topic of a subject.
fn subject_topic(subject: &str, prefix: &str) -> Vec<u8> {
    let rest = subject.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
    subject::decode(rest.unwrap_or(subject))
}

/// Pulls messages until the reader has gone or something goes wrong.
async fn pull(
    consumer: PullConsumer,
    mut trouble: watch::Receiver<Option<Trouble>>,
    messages: mpsc::Sender<Result<Message, Broken>>,
    ready: Sender<()>,
) {
    let stream = consumer.stream().max_messages_per_batch(BATCH).heartbeat(HEARTBEAT);
    let broken = match stream.expires(EXPIRES).messages().await {
        Err(error) => Broken::Lost(text(&error)),
        Ok(mut stream) => loop {
            // The client itself would notice it by the heartbeats that are missing. What a user may
            // not do concerns other requests, such as deleting a consumer.
            let next = tokio::select! {
                biased;
                next = stream.next() => next,
                Trouble::Disconnected = wait_for_trouble(&mut trouble) => {
                    break Broken::Lost("the server is gone".to_owned());
                }
            };
            let message = match next {
                Some(Ok(message)) => message,
                Some(Err(error)) if error.kind() == MessagesErrorKind::ConsumerDeleted => {
                    break Broken::Deleted;
                }
                Some(Err(error)) => break Broken::Lost(text(&error)),
                None => break Broken::Lost("it was closed".to_owned()),
            };
            if messages.send(Ok(message)).await.is_err() {
                return;
            }
            // A full channel has woken the reader already.
            let _ = ready.try_send(());
        },
    };
    let _ = messages.send(Err(broken)).await;
    let _ = ready.try_send(());
}

impl Source for NatsSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        if self.link.is_none() && !self.ended {
            self.reconnect()?;
        }
        self.keep_alive();
        let status = self.deliver(sink)?;
        if status != PollStatus::Idle || wait.is_zero() {
            return Ok(status);
        }
        self.check_end();
        self.wait(wait);
        self.deliver(sink)
    }

    fn is_caught_up(&self) -> bool {
        self.is_caught_up
    }

    fn wake_by(&mut self, wake: Receiver<()>) -> bool {
        self.wake = wake;
        // The ends of outages and of histories are noticed by looking.
        false
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        mem::take(&mut self.notices)
    }

    /// Acknowledges all that was delivered.
    fn checkpoint(&mut self, _at_end: bool) {
        let messages = mem::take(&mut self.unacknowledged);
        self.acknowledge(AckKind::Ack, messages);
    }

    /// Gives back what was not acknowledged, so that another reader gets it at once.
    fn stop(&mut self, within: Duration) -> Result<()> {
        if self.options.durable.is_none() {
            return Ok(());
        }
        let until = Instant::now() + within;
        self.stop_pulling(until);
        let mut rest = mem::take(&mut self.unacknowledged);
        while let Some(Ok(message)) = self.next_message() {
            rest.push(message);
        }
        self.acknowledge(AckKind::Nak(None), rest);
        let Some(mut link) = self.link.take() else { return Ok(()) };
        let (client, acknowledging) = (link.connection.client.clone(), link.acknowledging.take());
        let give_back = async move {
            if let Some(acknowledging) = acknowledging {
                let _ = acknowledging.await;
            }
            client.flush().await
        };
        // What gets lost comes again by itself.
        let _ = link.connection.runtime.run(until, give_back);
        Ok(())
    }
}

//! Sets up each handler as other commands use it, and the counter at its destination.
//!
//! The handlers are those in `handler`: do not copy one here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::arrivals::{
    ArrivalCounter, LineCounter, RemoteCounter, ThreadClient, Uncounted, count_messages,
};
use super::child::ChildProcess;
use super::protocol::{LoginSecret, MailOptions, Request, Response, RunSpec};
use super::records::{ROOT, TOPIC_PREFIX};
use super::target::BenchTarget;
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Format, Options, Output};
use zlog_core::{Error, Record, Result};
use zlog_pipeline::handler::file::{FileHandler, Sync};
use zlog_pipeline::handler::null::NullHandler;
use zlog_pipeline::handler::publish::{OnFull, Publish, PublishOptions, Wire};
use zlog_pipeline::handler::queue::QueueHandler;
use zlog_pipeline::handler::retry::{BatchOptions, RetryOptions};
use zlog_pipeline::handler::rotating::{Compression, RotatingFileHandler, Rotation};
use zlog_pipeline::handler::smtp::{DEFAULT_TIMEOUT, LoginFrom, SmtpHandler, SmtpOptions};
use zlog_pipeline::handler::{HandleError, Handler};
use zlog_pipeline::socket::{Endpoint, Engine, Publisher, Role, SocketOptions, WaitOutcome};

/// When a rotating file is rotated, and how many backups are kept.
const ROTATION: Rotation =
    Rotation { max_bytes: 10 << 20, backup_count: 100, compress: Compression::None };
/// How long a new process may take to become ready.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// When no record has arrived for this long, the missing ones are lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Sender and recipient of the mails: domains that no real server delivers to (RFC 2606).
const FROM: &str = "zlog-bench@example.invalid";
const TO: &str = "nobody@example.invalid";

/// A handler, and the counter at its destination.
pub struct Fixture {
    /// The handler to measure.
    pub handler: Box<dyn Handler + Send>,
    /// Counts the records that arrive.
    pub arrivals: Box<dyn ArrivalCounter>,
    /// A note for readers of the figures.
    pub note: Option<String>,
}

impl Fixture {
    fn new(
        handler: impl Handler + Send + 'static,
        arrivals: impl ArrivalCounter + 'static,
    ) -> Fixture {
        Fixture { handler: Box::new(handler), arrivals: Box::new(arrivals), note: None }
    }

    fn with_note(self, note: &str) -> Fixture {
        Fixture { note: Some(note.to_owned()), ..self }
    }

    /// Sets up the target of `spec`.
    ///
    /// # Errors
    /// It can't be set up; the error names the thing, the cause and the next step.
    pub fn set_up(spec: &RunSpec, stop: &Arc<AtomicBool>) -> Result<Fixture> {
        match spec.target {
            BenchTarget::Null => Ok(Fixture::new(NullHandler::new(format()?), Uncounted)),
            BenchTarget::File => file(spec, Sync::None),
            BenchTarget::FileSync => file(spec, Sync::Data),
            BenchTarget::Rotating => rotating(spec),
            BenchTarget::Smtp => smtp(&spec.mail),
            BenchTarget::PubInproc => publish_to_thread(stop),
            BenchTarget::PubIpc => {
                let socket = spec.directory.join("pub.sock");
                publish_to_process(&format!("ipc://{}", socket.display()), stop)
            }
            BenchTarget::PubTcp => publish_to_process("tcp://127.0.0.1:*", stop),
            BenchTarget::QueueFile => queued(file(spec, Sync::None)?, spec, stop),
            BenchTarget::QueueSmtp => queued(smtp(&spec.mail)?, spec, stop),
        }
    }
}

/// Time, level, logger and message: the usual fields.
fn format() -> Result<Box<dyn Format>> {
    Output::Pretty.format(Options::default())
}

fn file(spec: &RunSpec, sync: Sync) -> Result<Fixture> {
    let path = spec.directory.join("app.log");
    let handler = FileHandler::open(&path, format()?, sync)?;
    Ok(Fixture::new(handler, LineCounter::new(&path, None)))
}

fn rotating(spec: &RunSpec) -> Result<Fixture> {
    let path = spec.directory.join("app.log");
    let handler = RotatingFileHandler::open(&path, format()?, ROTATION)?;
    Ok(Fixture::new(handler, LineCounter::new(&path, Some(ROTATION.backup_count))))
}

fn smtp(mail: &MailOptions) -> Result<Fixture> {
    match &mail.url {
        Some(url) => {
            let handler = smtp_handler(url, mail.login.clone(), Duration::ZERO)?;
            // Distinguishes an unreachable server from one that fails during the run.
            handler.check()?;
            let fixture = Fixture::new(handler, Uncounted);
            Ok(fixture
                .with_note("each mail was acknowledged; what the server did with it is unknown"))
        }
        None => {
            let mut server = ChildProcess::start(&Request::ServeMail { delay: mail.delay })?;
            let url = match server.recv(START_TIMEOUT)? {
                Some(Response::Ready(url)) => url,
                Some(Response::Failed(why)) => return Err(Error::new(why)),
                _ => return Err(Error::new("the embedded mail server did not start")),
            };
            // The server counts a mail after its delay.
            let arrivals = RemoteCounter::new(server, IDLE_TIMEOUT + mail.delay * 2);
            Ok(Fixture::new(smtp_handler(&url, None, mail.delay)?, arrivals))
        }
    }
}

/// Checks the server URL and login of `mail`, without connecting.
///
/// # Errors
/// The URL is invalid, or a password would be sent unencrypted over the network.
pub fn check_mail(mail: &MailOptions) -> Result<()> {
    let Some(url) = &mail.url else { return Ok(()) };
    smtp_handler(url, mail.login.clone(), Duration::ZERO).map(drop)
}

/// Sends mail through the server at `url`, which may hold each mail for `delay`.
fn smtp_handler(url: &str, login: Option<LoginSecret>, delay: Duration) -> Result<SmtpHandler> {
    let options = SmtpOptions {
        server: url.to_owned(),
        trust: None,
        from: FROM.to_owned(),
        to: vec![TO.to_owned()],
        subject: FormatterSpec::default(),
        timeout: DEFAULT_TIMEOUT + delay,
        login: login.map_or(LoginFrom::None, |secret| LoginFrom::Explicit(secret.0)),
        // Like Python's SMTPHandler: one mail per record, and the caller waits for it.
        batch: BatchOptions::EACH,
        retry: RetryOptions::NONE,
    };
    SmtpHandler::new(options, format()?)
}

fn queued(inner: Fixture, spec: &RunSpec, stop: &Arc<AtomicBool>) -> Result<Fixture> {
    let until_stopped = UntilStopped { handler: inner.handler, stop: Arc::clone(stop) };
    let queue = QueueHandler::new(until_stopped, spec.queue, OnFull::Block)?;
    let handler = queue.stop_when(stop_check(stop));
    Ok(Fixture { handler: Box::new(handler), ..inner })
}

/// A handler behind a queue. After a stop it drops what is still queued: a slow handler
/// would need minutes for it.
struct UntilStopped {
    handler: Box<dyn Handler + Send>,
    stop: Arc<AtomicBool>,
}

impl Handler for UntilStopped {
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        if self.stop.load(Ordering::Relaxed) { Ok(()) } else { self.handler.handle(record) }
    }

    fn flush(&mut self) -> Result<()> {
        self.handler.flush()
    }
}

/// Publishes to a subscriber in another process.
fn publish_to_process(endpoint: &str, stop: &Arc<AtomicBool>) -> Result<Fixture> {
    let endpoint = Endpoint::parse(endpoint, Role::Bind)?;
    let mut publisher = Publisher::open(&[endpoint], &SocketOptions::publisher())?;
    let bound = publisher.bound().first().cloned().unwrap_or_default();
    let subscriber = ChildProcess::start(&Request::Subscribe { endpoint: bound })?;
    wait_for_subscriber(&mut publisher, stop)?;
    Ok(Fixture::new(publish_handler(publisher, stop), RemoteCounter::new(subscriber, IDLE_TIMEOUT)))
}

/// Publishes to a subscriber in a thread of this process.
fn publish_to_thread(stop: &Arc<AtomicBool>) -> Result<Fixture> {
    // Only libzmq has sockets within a process.
    let options = SocketOptions { engine: Some(Engine::Libzmq), ..SocketOptions::publisher() };
    let mut publisher = Publisher::open(&[], &options)?;
    let topics = [TOPIC_PREFIX.to_owned()];
    let subscriber = publisher.inproc_subscriber(&topics, &SocketOptions::subscriber())?;
    let client = ThreadClient::start(count_messages(subscriber))?;
    wait_for_subscriber(&mut publisher, stop)?;
    let arrivals = RemoteCounter::new(client, IDLE_TIMEOUT);
    let fixture = Fixture::new(publish_handler(publisher, stop), arrivals);
    Ok(fixture.with_note("its subscriber is in the same process: CPU and memory include it"))
}

/// Waits for the subscriber: records sent before it is connected are lost.
fn wait_for_subscriber(publisher: &mut Publisher, stop: &Arc<AtomicBool>) -> Result<()> {
    match publisher.wait_for(1, START_TIMEOUT, ROOT, &*stop_check(stop)) {
        WaitOutcome::Enough => Ok(()),
        WaitOutcome::Stopped => Err(Error::new("stopped before the subscriber had connected")),
        WaitOutcome::TimedOut(_) => {
            Err(Error::new(format!("no subscriber connected within {START_TIMEOUT:?}")))
        }
    }
}

fn publish_handler(publisher: Publisher, stop: &Arc<AtomicBool>) -> Publish {
    let (root, wire, on_full) = (ROOT.to_owned(), Wire::Json, OnFull::Block);
    Publish::new(
        publisher,
        PublishOptions {
            root,
            logger_in_topic: false,
            wire,
            on_full,
            give_up: stop_check(stop),
            report: Box::new(|_| {}),
        },
    )
}

fn stop_check(stop: &Arc<AtomicBool>) -> Box<dyn Fn() -> bool + Send> {
    let stop = Arc::clone(stop);
    Box::new(move || stop.load(Ordering::Relaxed))
}

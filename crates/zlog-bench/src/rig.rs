//! Sets a handler up as it is used, and its far end with it.
//!
//! What may be here: which handler with which options, and who counts at the
//! other end. The handlers are those of `handler`; there are no copies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::far::{Channels, Counter, FarEnd, Files, Nowhere, serve};
use super::job::{Job, Mail, Measure, Passed, Told};
use super::partner::Partner;
use super::records::ROOT;
use super::subject::Subject;
use super::worker;
use zlog_core::error::{Error, Result};
use zlog_core::format::{Format, Options, Output};
use zlog_core::record::Record;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::file::{FileHandler, Sync};
use zlog_pipeline::handler::null::NullHandler;
use zlog_pipeline::handler::publish::{OnFull, Publish, PublishOptions, Wire};
use zlog_pipeline::handler::queue::QueueHandler;
use zlog_pipeline::handler::rotating::{Compression, RotatingFileHandler, Rotation};
use zlog_pipeline::handler::smtp::{DEFAULT_TIMEOUT, LoginFrom, SmtpHandler, SmtpOptions};
use zlog_pipeline::handler::spool::{BatchOptions, SpoolOptions};
use zlog_pipeline::socket::{Endpoint, Publisher, Role, SocketOptions, Waited};

/// A rotating file is replaced at this size, and so many older ones are kept.
const ROTATION: Rotation =
    Rotation { max_bytes: 10 << 20, backup_count: 100, compress: Compression::None };
/// How long a process that was just started may take to be there.
const STARTING: Duration = Duration::from_secs(10);
/// When no record has arrived for so long, those that are missing are lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// Who writes the mails, and to whom: names that no real server delivers to
/// (RFC 2606).
const FROM: &str = "zlog-bench@example.invalid";
const TO: &str = "nobody@example.invalid";

/// A handler, and where its records arrive.
pub struct Rig {
    /// What is measured.
    pub handler: Box<dyn Handler + Send>,
    /// What counts.
    pub far: Box<dyn FarEnd>,
    /// What has to be known to read the figures.
    pub note: Option<String>,
}

impl Rig {
    fn new(handler: impl Handler + Send + 'static, far: impl FarEnd + 'static) -> Rig {
        Rig { handler: Box::new(handler), far: Box::new(far), note: None }
    }

    fn noting(self, note: &str) -> Rig {
        Rig { note: Some(note.to_owned()), ..self }
    }

    /// Sets up what `job` is to measure.
    ///
    /// # Errors
    /// It can't be set up; the error names the thing, the cause and the next step.
    pub fn set_up(job: &Measure, stop: &Arc<AtomicBool>) -> Result<Rig> {
        match job.subject {
            Subject::Null => Ok(Rig::new(NullHandler::new(format()?), Nowhere)),
            Subject::File => file(job, Sync::None),
            Subject::FileSync => file(job, Sync::Data),
            Subject::Rotating => rotating(job),
            Subject::Smtp => mail(&job.mail),
            Subject::PubInproc => inside(stop),
            Subject::PubIpc => {
                let socket = job.directory.join("pub.sock");
                published(&format!("ipc://{}", socket.display()), stop)
            }
            Subject::PubTcp => published("tcp://127.0.0.1:*", stop),
            Subject::QueueFile => queued(file(job, Sync::None)?, job, stop),
            Subject::QueueSmtp => queued(mail(&job.mail)?, job, stop),
        }
    }
}

/// Time, level, logger and message: what programs commonly log.
fn format() -> Result<Box<dyn Format>> {
    let format = Output::Pretty.format(Options::default())?;
    format.ok_or_else(|| Error::new("the format of the bench is none"))
}

fn file(job: &Measure, sync: Sync) -> Result<Rig> {
    let path = job.directory.join("app.log");
    let handler = FileHandler::open(&path, format()?, sync)?;
    Ok(Rig::new(handler, Files::new(&path, None)))
}

fn rotating(job: &Measure) -> Result<Rig> {
    let path = job.directory.join("app.log");
    let handler = RotatingFileHandler::open(&path, format()?, ROTATION)?;
    Ok(Rig::new(handler, Files::new(&path, Some(ROTATION.backup_count))))
}

fn mail(mail: &Mail) -> Result<Rig> {
    match &mail.url {
        Some(url) => {
            let handler = mailing(url, mail.login.clone(), Duration::ZERO)?;
            // A server that is not there is told from one that fails under way.
            handler.check()?;
            let rig = Rig::new(handler, Nowhere);
            Ok(rig.noting("each mail was acknowledged; what that server did with it is not known"))
        }
        None => {
            let mut server = Partner::start(&Job::Mail { delay: mail.delay })?;
            let url = match server.hear(STARTING)? {
                Some(Told::Ready(url)) => url,
                Some(Told::Failed(why)) => return Err(Error::new(why)),
                _ => return Err(Error::new("the embedded mail server did not start")),
            };
            // A mail counts when its delay is over.
            let far = Counter::new(server, PATIENCE + mail.delay * 2);
            Ok(Rig::new(mailing(&url, None, mail.delay)?, far))
        }
    }
}

/// Checks, without connecting to anybody, that mails can go to the server that `mail`
/// names, with its login.
///
/// # Errors
/// The address is none, or a password would be sent over the network unencrypted.
pub fn check_mail(mail: &Mail) -> Result<()> {
    let Some(url) = &mail.url else { return Ok(()) };
    mailing(url, mail.login.clone(), Duration::ZERO).map(drop)
}

/// Mails through the server at `url`, which may take `delay` for each.
fn mailing(url: &str, login: Option<Passed>, delay: Duration) -> Result<SmtpHandler> {
    let options = SmtpOptions {
        server: url.to_owned(),
        trust: None,
        from: FROM.to_owned(),
        to: vec![TO.to_owned()],
        timeout: DEFAULT_TIMEOUT + delay,
        login: login.map_or(LoginFrom::Nobody, |passed| LoginFrom::Given(passed.0)),
        // As Python's SMTPHandler: a mail for each record, and whoever logs waits for it.
        batch: BatchOptions::EACH,
        spool: SpoolOptions::NONE,
    };
    SmtpHandler::new(options, format()?, None)
}

fn queued(behind: Rig, job: &Measure, stop: &Arc<AtomicBool>) -> Result<Rig> {
    let until = Until { handler: behind.handler, stop: Arc::clone(stop) };
    let queue = QueueHandler::new(until, job.queue, OnFull::Block)?;
    let handler = queue.stop_when(asking(stop));
    Ok(Rig { handler: Box::new(handler), ..behind })
}

/// A handler behind a queue, which after a stop is not given what is still queued:
/// a slow one would take minutes for that.
struct Until {
    handler: Box<dyn Handler + Send>,
    stop: Arc<AtomicBool>,
}

impl Handler for Until {
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Ok(()) } else { self.handler.handle(record) }
    }

    fn flush(&mut self) -> Result<()> {
        self.handler.flush()
    }
}

/// A publisher, and a subscriber in another process.
fn published(endpoint: &str, stop: &Arc<AtomicBool>) -> Result<Rig> {
    let endpoint = Endpoint::parse(endpoint, Role::Bind)?;
    let mut publisher = Publisher::open(&[endpoint], &SocketOptions::publisher())?;
    let bound = publisher.bound().first().cloned().unwrap_or_default();
    let subscriber = Partner::start(&Job::Subscribe { endpoint: bound })?;
    heard(&mut publisher, stop)?;
    Ok(Rig::new(publishing(publisher, stop), Counter::new(subscriber, PATIENCE)))
}

/// A publisher, and a subscriber in a thread of this process.
fn inside(stop: &Arc<AtomicBool>) -> Result<Rig> {
    let mut publisher = Publisher::open(&[], &SocketOptions::publisher())?;
    let topics = [worker::topics()];
    let subscriber = publisher.subscriber_inside(&topics, &SocketOptions::subscriber())?;
    let (orders, taken) = crossbeam_channel::unbounded();
    let (answers, replies) = crossbeam_channel::unbounded();
    let count = move || {
        let mut answer =
            |reply| answers.send(reply).map_err(|_| Error::new("nobody wants the count"));
        // Whoever asked sees that there is no answer.
        let _ = serve(&mut worker::counting(subscriber), &taken, &mut answer);
    };
    thread::Builder::new()
        .name("subscriber".into())
        .spawn(count)
        .map_err(|error| Error::no_thread(&error))?;
    heard(&mut publisher, stop)?;
    let far = Counter::new(Channels { orders, replies }, PATIENCE);
    let rig = Rig::new(publishing(publisher, stop), far);
    Ok(rig.noting("its subscriber is in the same process: CPU and memory are those of both"))
}

/// Waits for the subscriber: what is sent before it is there is lost.
fn heard(publisher: &mut Publisher, stop: &Arc<AtomicBool>) -> Result<()> {
    match publisher.wait_for(1, STARTING, ROOT, &*asking(stop)) {
        Waited::Enough => Ok(()),
        Waited::Stopped => Err(Error::new("it was stopped before its subscriber was there")),
        Waited::TimedOut(_) => {
            Err(Error::new(format!("no subscriber was there within {STARTING:?}")))
        }
    }
}

fn publishing(publisher: Publisher, stop: &Arc<AtomicBool>) -> Publish {
    let (root, wire, on_full) = (ROOT.to_owned(), Wire::Json, OnFull::Block);
    Publish::new(
        publisher,
        PublishOptions { root, by_name: false, wire, on_full, stop: asking(stop) },
    )
}

fn asking(stop: &Arc<AtomicBool>) -> Box<dyn Fn() -> bool + Send> {
    let stop = Arc::clone(stop);
    Box::new(move || stop.load(Ordering::Relaxed))
}

//! The same records through Python's logging: `zlog bench --compare-python`.
//!
//! What may be here: finding a Python, timing one of its handlers in a process of
//! its own, and who counts at the other end. What the handlers do stands in
//! `handlers.py`, which is part of the program and passed to Python whole.

mod interpreter;
mod receiver;
mod session;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use self::interpreter::Python;
use self::receiver::Receiver;
use self::session::{Said, Session};
use super::far::{Counter, FarEnd, Files};
use super::guard::Home;
use super::job::{Job, Measure, Text, Told};
use super::lab::directory_in;
use super::partner::Partner;
use super::records::{ROOT, Records};
use super::rounds::Outcome;
use super::sample::Sample;
use zlog_core::error::{Error, Result};

/// How long a process may take to be there.
const STARTING: Duration = Duration::from_secs(30);
/// When no record has arrived for so long, those that are missing are lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// A handler of Python's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PythonHandler {
    /// `logging.FileHandler`.
    File,
    /// `logging.handlers.SMTPHandler`.
    Smtp,
    /// `logging.handlers.QueueHandler`, and a `QueueListener` before a `FileHandler`.
    Queue,
    /// `logging.handlers.SocketHandler`.
    Socket,
    /// PyZMQ's `PUBHandler`.
    Pub,
}

impl PythonHandler {
    /// All of them, in the order of reports.
    pub const ALL: [PythonHandler; 5] = [
        PythonHandler::File,
        PythonHandler::Smtp,
        PythonHandler::Queue,
        PythonHandler::Socket,
        PythonHandler::Pub,
    ];

    /// Those that Python has without anything else.
    pub const OWN: [PythonHandler; 4] =
        [PythonHandler::File, PythonHandler::Smtp, PythonHandler::Queue, PythonHandler::Socket];

    /// What it is called in reports.
    pub const fn name(self) -> &'static str {
        match self {
            PythonHandler::File => "python-file",
            PythonHandler::Smtp => "python-smtp",
            PythonHandler::Queue => "python-queue",
            PythonHandler::Socket => "python-socket",
            PythonHandler::Pub => "python-pub",
        }
    }
}

/// What the script is told.
#[derive(Debug, Serialize)]
struct Task<'t> {
    handler: PythonHandler,
    /// The file with the records.
    records: &'t Path,
    /// The file that is logged to.
    path: &'t Path,
    /// The server that is logged to; empty where there is none.
    address: String,
    from: &'t str,
    to: &'t str,
    root: &'t str,
    high_water_mark: u32,
    count: Option<u64>,
    duration_seconds: Option<f64>,
    warm_up_seconds: f64,
    rate: Option<f64>,
    threads: usize,
}

/// What it says in the end.
#[derive(Clone, PartialEq, Debug, Deserialize)]
struct Done {
    calls: u64,
    seconds: f64,
    latency: Vec<(u64, u64)>,
    /// Calls of the warm-up.
    warmed: u64,
    /// Seconds from the end of the last call until this was said.
    closing_seconds: f64,
    cpu_seconds: f64,
    peak_memory: Option<u64>,
}

/// Where records arrive, and how the script reaches it.
struct Far {
    end: Option<Box<dyn FarEnd>>,
    address: String,
}

/// Measures one handler once, with its files in `home`, until `stop`.
///
/// # Errors
/// It can't be set up, or Python failed: the error says why.
pub fn measure(
    python: &Python,
    handler: PythonHandler,
    job: &Measure,
    home: &Home,
    stop: &dyn Fn() -> bool,
) -> Result<Outcome> {
    let directory = directory_in(home.path())?;
    let (records, path) = (directory.path().join("records"), directory.path().join("app.log"));
    write_records(&job.text, &records)?;
    let mut far = far_end(handler, job, &path)?;
    let task = task(handler, job, &records, &path, &far.address);
    let mut session = Session::start(python, &task, home)?;
    loop {
        if stop() {
            return Ok(Outcome::Stopped);
        }
        match session.hear()? {
            None => {}
            Some(Said::Failed(why)) => return Err(Error::new(why)),
            Some(Said::Ready(endpoint)) => {
                let subscriber = Partner::start(&Job::Subscribe { endpoint })?;
                far.end = Some(Box::new(Counter::new(subscriber, PATIENCE)));
            }
            Some(Said::Done(done)) => {
                let sample = sample(*done, far.end, stop)?;
                return Ok(Outcome::Measured(Box::new(sample)));
            }
        }
    }
}

fn task<'t>(
    handler: PythonHandler,
    job: &Measure,
    records: &'t Path,
    path: &'t Path,
    address: &str,
) -> Task<'t> {
    Task {
        handler,
        records,
        path,
        address: address.to_owned(),
        from: "zlog-bench@example.invalid",
        to: "nobody@example.invalid",
        root: ROOT,
        high_water_mark: zlog_pipeline::socket::DEFAULT_HWM,
        count: job.load.count,
        duration_seconds: job.load.duration.map(|duration| duration.as_secs_f64()),
        warm_up_seconds: job.warm_up.as_secs_f64(),
        rate: job.load.rate,
        threads: job.load.threads,
    }
}

/// The records that the other handlers log, for Python: logger, level and message.
fn write_records(text: &Text, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(path.display(), &error);
    let records = match text {
        Text::Size(size) => Records::of_size(*size)?,
        Text::Lines(path) => Records::of_lines(path)?,
    };
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    for number in 0..records.len() as u64 {
        let record = records.get(number);
        let entry = (record.name.as_deref().unwrap_or_default(), record.level.0, &*record.msg);
        serde_json::to_writer(&mut out, &entry).map_err(|error| failed(error.into()))?;
        out.write_all(b"\n").map_err(failed)?;
    }
    out.flush().map_err(failed)
}

fn far_end(handler: PythonHandler, job: &Measure, path: &Path) -> Result<Far> {
    let far = |end: Box<dyn FarEnd>, address| Far { end: Some(end), address };
    Ok(match handler {
        PythonHandler::File | PythonHandler::Queue => {
            far(Box::new(Files::new(path, None)), String::new())
        }
        // It connects to the publisher, and so comes later.
        PythonHandler::Pub => Far { end: None, address: String::new() },
        PythonHandler::Socket => {
            let receiver = Receiver::start(PATIENCE)?;
            let address = receiver.address();
            far(Box::new(receiver), address)
        }
        PythonHandler::Smtp => {
            // Always zlog's own: the URL of another may hold a password.
            let mut server = Partner::start(&Job::Mail { delay: job.mail.delay })?;
            let Some(Told::Ready(url)) = server.hear(STARTING)? else {
                return Err(Error::new("the embedded mail server did not start"));
            };
            let address = url.trim_start_matches("smtp://").trim_end_matches('/').to_owned();
            far(Box::new(Counter::new(server, PATIENCE + job.mail.delay * 2)), address)
        }
    })
}

fn sample(done: Done, far: Option<Box<dyn FarEnd>>, stop: &dyn Fn() -> bool) -> Result<Sample> {
    let heard = Instant::now();
    let mut far = far.ok_or_else(|| Error::new("Python has logged to nobody"))?;
    let ago = far.settle(done.warmed + done.calls, stop)?;
    // From the end of the last call until the last record was there.
    let late = done.closing_seconds + (heard.elapsed().as_secs_f64() - ago.as_secs_f64());
    let arrived = far.arrived()?.map(|all| all.saturating_sub(done.warmed));
    if done.calls == 0 {
        return Err(Error::new("no call was made in the time that it had"));
    }
    Ok(Sample {
        calls: done.calls,
        seconds: done.seconds,
        arrived,
        arrived_seconds: done.seconds + late.max(0.0),
        cpu_seconds: Some(done.cpu_seconds),
        peak_memory: done.peak_memory,
        latency: done.latency,
        note: None,
    })
}

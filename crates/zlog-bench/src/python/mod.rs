//! `zlog bench --compare-python`: sends the same records through Python's logging.
//!
//! Each run is a Python process with the script `handlers.py`, which is part of the
//! program.

mod interpreter;
mod receiver;
mod session;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

pub use self::interpreter::Python;
use self::receiver::Receiver;
use self::session::{Done, Message, Session, Task};
use super::arrivals::{ArrivalCounter, LineCounter, RemoteCounter};
use super::child::ChildProcess;
use super::protocol::{Messages, Request, Response, RunSpec};
use super::reaper::{ScratchDir, temp_dir_in};
use super::records::{ROOT, Records};
use super::rounds::Outcome;
use super::sample::Sample;
use super::target::PythonHandler;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// How long a new process may take to become ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// When no record has arrived for this long, the missing ones are lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where records arrive, and the address that the script sends them to.
struct Destination {
    counter: Option<Box<dyn ArrivalCounter>>,
    address: String,
}

/// Measures one handler once, until `stop`. Its files are in `scratch`.
///
/// # Errors
/// It can't be set up, or Python failed.
pub fn measure(
    python: &Python,
    handler: PythonHandler,
    spec: &RunSpec,
    scratch: &ScratchDir,
    stop: &dyn Fn() -> bool,
) -> Result<Outcome> {
    let directory = temp_dir_in(scratch.path())?;
    let (records, path) = (directory.path().join("records"), directory.path().join("app.log"));
    write_records(&spec.messages, &records)?;
    let mut destination = destination(handler, spec, &path)?;
    let task = task(handler, spec, &records, &path, &destination.address);
    let mut session = Session::start(python, &task, scratch)?;
    loop {
        if stop() {
            return Ok(Outcome::Stopped);
        }
        match session.recv()? {
            None => {}
            Some(Message::Failed(why)) => return Err(Error::new(why)),
            Some(Message::Ready(endpoint)) => {
                let subscriber = ChildProcess::start(&Request::Subscribe { endpoint })?;
                destination.counter = Some(Box::new(RemoteCounter::new(subscriber, IDLE_TIMEOUT)));
            }
            Some(Message::Done(done)) => {
                let sample = sample(*done, destination.counter, stop)?;
                return Ok(Outcome::Measured(Box::new(sample)));
            }
        }
    }
}

fn task<'t>(
    handler: PythonHandler,
    spec: &RunSpec,
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
        count: spec.load.count,
        duration_seconds: spec.load.duration.map(|duration| duration.as_secs_f64()),
        warm_up_seconds: spec.warm_up.as_secs_f64(),
        rate: spec.load.rate,
        threads: spec.load.threads,
    }
}

/// Writes the records for Python: logger, level and message.
fn write_records(messages: &Messages, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(escape(&path.to_string_lossy()), &error);
    let records = match messages {
        Messages::Size(size) => Records::of_size(*size)?,
        Messages::Lines(path) => Records::of_lines(path)?,
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

fn destination(handler: PythonHandler, spec: &RunSpec, path: &Path) -> Result<Destination> {
    let to =
        |counter: Box<dyn ArrivalCounter>, address| Destination { counter: Some(counter), address };
    Ok(match handler {
        PythonHandler::File | PythonHandler::Queue => {
            to(Box::new(LineCounter::new(path, None)), String::new())
        }
        // The subscriber connects once the script has bound its publisher.
        PythonHandler::Pub => Destination { counter: None, address: String::new() },
        PythonHandler::Socket => {
            let receiver = Receiver::start(IDLE_TIMEOUT)?;
            let address = receiver.address();
            to(Box::new(receiver), address)
        }
        PythonHandler::Smtp => {
            // Always the embedded server: the URL of another may contain a password.
            let mut server = ChildProcess::start(&Request::ServeMail { delay: spec.mail.delay })?;
            let Some(Response::Ready(url)) = server.recv(START_TIMEOUT)? else {
                return Err(Error::new("the embedded mail server did not start"));
            };
            let address = url.trim_start_matches("smtp://").trim_end_matches('/').to_owned();
            to(Box::new(RemoteCounter::new(server, IDLE_TIMEOUT + spec.mail.delay * 2)), address)
        }
    })
}

fn sample(
    done: Done,
    arrivals: Option<Box<dyn ArrivalCounter>>,
    stop: &dyn Fn() -> bool,
) -> Result<Sample> {
    let received = Instant::now();
    let mut arrivals = arrivals.ok_or_else(|| Error::new("Python did not bind its publisher"))?;
    let ago = arrivals.wait_for_arrivals(done.warmed + done.calls, stop)?;
    // From the end of the last call until the last record had arrived.
    let late = done.closing_seconds + (received.elapsed().as_secs_f64() - ago.as_secs_f64());
    let arrived = arrivals.arrived()?.map(|all| all.saturating_sub(done.warmed));
    if done.calls == 0 {
        return Err(Error::new("no call was made within the duration"));
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

//! `zlog bench worker`: a child that measures one handler, or counts arrivals. Only another
//! `zlog bench` starts it.
//!
//! Each handler is measured in a process of its own: its peak memory is its own, nothing is
//! left of the threads and allocations of the one before, and a crash is a row of the
//! report. A worker reads its task, sends the result, and stops when its standard input
//! ends, because its parent wants it to stop or has ended.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::arrivals::{CountRequest, count_messages, serve_counts};
use super::fixture::Fixture;
use super::measure::Monotonic;
use super::protocol::{Messages, Request, Response, RunSpec};
use super::reaper::{self, DIR_PREFIX};
use super::records::{Records, TOPIC_PREFIX};
use super::sample::{Run, Sample};
use super::smtp_server::{ServerOptions, SmtpServer};
use super::usage::Usage;
use zlog_core::{Error, Result};
use zlog_pipeline::os::signal;
use zlog_pipeline::os::terminal::output_error;
use zlog_pipeline::socket::{Endpoint, Role, SocketOptions, Subscriber};

/// Performs the task that `input` names, and writes responses to `output`.
///
/// # Errors
/// No task arrives, or responses can't be written. The parent is told about errors of the
/// task itself.
pub fn run(input: impl BufRead + Send + 'static, mut output: impl Write) -> Result<()> {
    signal::ignore_signals()?;
    let (request, inbox) = Inbox::open(input)?;
    let mut respond = |response: &Response| write_response(&mut output, response);
    let done = match request {
        Request::Measure(spec) => {
            measure(&spec, &inbox).map(|sample| Some(Response::Done(Box::new(sample))))
        }
        Request::Subscribe { endpoint } => {
            subscribe(&endpoint, &inbox, &mut respond).map(|()| None)
        }
        Request::ServeMail { delay } => serve_mail(delay, &inbox, &mut respond).map(|()| None),
        Request::Reap(directory) => reap(&directory, &inbox, &mut respond).map(|()| None),
    };
    match done {
        Ok(None) => Ok(()),
        Ok(Some(response)) => respond(&response),
        Err(error) => respond(&Response::Failed(error.to_string())),
    }
}

/// The requests that follow the task.
struct Inbox {
    requests: Receiver<CountRequest>,
    /// Set when the input ends.
    ended: Arc<AtomicBool>,
}

impl Inbox {
    fn open(input: impl BufRead + Send + 'static) -> Result<(Request, Inbox)> {
        let mut lines = input.lines();
        let no_request = || {
            Error::usage("`zlog bench worker` needs a task from the `zlog bench` that starts it")
                .hint("Run `zlog bench`.")
        };
        let line = lines.next().ok_or_else(no_request)?.map_err(|_| no_request())?;
        let request = serde_json::from_str(&line).map_err(|_| no_request())?;
        let (send, requests) = crossbeam_channel::unbounded();
        let ended = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&ended);
        std::thread::spawn(move || {
            // An invalid line is treated as the end: it is not from a parent.
            for line in lines.map_while(std::result::Result::ok) {
                let Ok(request) = serde_json::from_str(&line) else { break };
                if send.send(request).is_err() {
                    break;
                }
            }
            set.store(true, Ordering::Relaxed);
        });
        Ok((request, Inbox { requests, ended }))
    }
}

/// Sends a response to the parent.
type Respond<'t> = dyn FnMut(&Response) -> Result<()> + 't;

fn write_response(output: &mut impl Write, response: &Response) -> Result<()> {
    let failed = |error: io::Error| output_error(&error);
    let mut line = serde_json::to_vec(response).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    output.write_all(&line).and_then(|()| output.flush()).map_err(failed)
}

fn measure(spec: &RunSpec, inbox: &Inbox) -> Result<Sample> {
    let sample = sample(spec, &inbox.ended);
    let name = spec.directory.file_name().and_then(|name| name.to_str());
    if inbox.ended.load(Ordering::Relaxed) && name.is_some_and(|name| name.starts_with(DIR_PREFIX))
    {
        // The parent may be gone, so that nobody else removes it.
        let _ = std::fs::remove_dir_all(&spec.directory);
    }
    sample
}

fn sample(spec: &RunSpec, ended: &Arc<AtomicBool>) -> Result<Sample> {
    let records = match &spec.messages {
        Messages::Size(size) => Records::of_size(*size)?,
        Messages::Lines(path) => Records::of_lines(path)?,
    };
    let mut fixture = Fixture::set_up(spec, ended)?;
    let run = Run {
        records: &records,
        load: &spec.load,
        warm_up: spec.warm_up,
        usage: &Usage::now,
        stop: &|| ended.load(Ordering::Relaxed),
    };
    let sample = run.measure(&Monotonic::new(), &mut *fixture.handler, &mut *fixture.arrivals)?;
    let note = [fixture.note, sample.note].into_iter().flatten().collect::<Vec<_>>().join("; ");
    Ok(Sample { note: (!note.is_empty()).then_some(note), ..sample })
}

fn subscribe(endpoint: &str, inbox: &Inbox, respond: &mut Respond<'_>) -> Result<()> {
    let endpoint = Endpoint::parse(endpoint, Role::Connect)?;
    let options = SocketOptions::subscriber();
    let subscriber = Subscriber::open(&[endpoint], &[TOPIC_PREFIX.to_owned()], &options)?;
    let mut poll = count_messages(subscriber);
    serve_counts(&mut poll, &inbox.requests, &mut |reply| respond(&Response::Counted(reply)))
}

fn reap(directory: &PathBuf, inbox: &Inbox, respond: &mut Respond<'_>) -> Result<()> {
    respond(&Response::Ready(String::new()))?;
    // Waits for the end of the input; a reaper gets no requests.
    while inbox.requests.recv().is_ok() {}
    reaper::clean_up(directory);
    Ok(())
}

fn serve_mail(delay: Duration, inbox: &Inbox, respond: &mut Respond<'_>) -> Result<()> {
    let server = SmtpServer::start(ServerOptions { delay, ..ServerOptions::default() })?;
    respond(&Response::Ready(server.url()))?;
    let mut count = 0;
    let mut poll = |wait| {
        count = server.wait_for(count + 1, wait);
        Ok(count)
    };
    serve_counts(&mut poll, &inbox.requests, &mut |reply| respond(&Response::Counted(reply)))
}

//! A process that measures one handler, or counts at a far end: `zlog bench
//! worker`, which only another `zlog bench` starts.
//!
//! Each handler is measured in a process of its own: its peak memory is its own,
//! threads and allocations of the one before are gone, and one that crashes is a
//! row of the report. It reads its job, says what came of it, and stops when its
//! standard input ends: its parent wants it to, or has ended.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::far::{Order, serve};
use super::guard;
use super::job::{Job, Measure, Text, Told};
use super::lab::PREFIX;
use super::measure::Monotonic;
use super::records::{ROOT, Records};
use super::rig::Rig;
use super::sample::{Run, Sample};
use super::smtp_server::{ServerOptions, SmtpServer};
use super::usage::Usage;
use zlog_core::error::{Error, Result};
use zlog_pipeline::os::signal;
use zlog_pipeline::socket::{Endpoint, Role, SocketOptions, Subscriber};
use zlog_pipeline::source::Flow;

/// Does the job that standard input names.
///
/// # Errors
/// No job comes, or nobody takes what it says. What goes wrong with the job itself
/// is told to the parent.
pub fn run() -> Result<()> {
    signal::leave_to_parent()?;
    let (job, inbox) = Inbox::open()?;
    let done = match job {
        Job::Measure(job) => measure(&job, &inbox).map(|sample| Some(Told::Done(Box::new(sample)))),
        Job::Subscribe { endpoint } => subscribe(&endpoint, &inbox).map(|()| None),
        Job::Mail { delay } => mail(delay, &inbox).map(|()| None),
        Job::Guard(directory) => watch_over(&directory, &inbox).map(|()| None),
    };
    match done {
        Ok(None) => Ok(()),
        Ok(Some(told)) => tell(&told),
        Err(error) => tell(&Told::Failed(error.to_string())),
    }
}

/// What comes in on standard input after the job.
struct Inbox {
    orders: Receiver<Order>,
    /// Set when the input has ended.
    ended: Arc<AtomicBool>,
}

impl Inbox {
    fn open() -> Result<(Job, Inbox)> {
        let mut lines = BufReader::new(io::stdin()).lines();
        let no_job = || {
            Error::usage("`zlog bench worker` is started by `zlog bench`, which tells it its job")
                .hint("Run `zlog bench`.")
        };
        let line = lines.next().ok_or_else(no_job)?.map_err(|_| no_job())?;
        let job = serde_json::from_str(&line).map_err(|_| no_job())?;
        let (send, orders) = crossbeam_channel::unbounded();
        let ended = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&ended);
        std::thread::spawn(move || {
            // A line that is no order is as good as the end: the parent is not one.
            for line in lines.map_while(std::result::Result::ok) {
                let Ok(order) = serde_json::from_str(&line) else { break };
                if send.send(order).is_err() {
                    break;
                }
            }
            set.store(true, Ordering::Relaxed);
        });
        Ok((job, Inbox { orders, ended }))
    }
}

fn tell(told: &Told) -> Result<()> {
    let failed = |error: io::Error| Error::io("standard output", &error);
    let mut line = serde_json::to_vec(told).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line).and_then(|()| stdout.flush()).map_err(failed)
}

fn measure(job: &Measure, inbox: &Inbox) -> Result<Sample> {
    let sample = sample(job, &inbox.ended);
    let name = job.directory.file_name().and_then(|name| name.to_str());
    if inbox.ended.load(Ordering::Relaxed) && name.is_some_and(|name| name.starts_with(PREFIX)) {
        // The parent may be gone, and nobody else would do it.
        let _ = std::fs::remove_dir_all(&job.directory);
    }
    sample
}

fn sample(job: &Measure, ended: &Arc<AtomicBool>) -> Result<Sample> {
    let records = match &job.text {
        Text::Size(size) => Records::of_size(*size)?,
        Text::Lines(path) => Records::of_lines(path)?,
    };
    let mut rig = Rig::set_up(job, ended)?;
    let run = Run {
        records: &records,
        load: &job.load,
        warm_up: job.warm_up,
        usage: &Usage::now,
        stop: &|| ended.load(Ordering::Relaxed),
    };
    let sample = run.measure(&Monotonic::new(), &mut *rig.handler, &mut *rig.far)?;
    let note = [rig.note, sample.note].into_iter().flatten().collect::<Vec<_>>().join("; ");
    Ok(Sample { note: (!note.is_empty()).then_some(note), ..sample })
}

fn subscribe(endpoint: &str, inbox: &Inbox) -> Result<()> {
    let endpoint = Endpoint::parse(endpoint, Role::Connect)?;
    let options = SocketOptions::subscriber();
    let subscriber = Subscriber::open(&[endpoint], &[topics()], &options)?;
    let mut more = counting(subscriber);
    serve(&mut more, &inbox.orders, &mut |reply| tell(&Told::Counted(reply)))
}

/// What subscribers subscribe to: all that is measured, and nothing else.
pub(super) fn topics() -> String {
    format!("{ROOT}.")
}

/// Counts messages: waits for some, and says how many have come so far.
pub(super) fn counting(mut subscriber: Subscriber) -> impl FnMut(Duration) -> Result<u64> {
    let mut count = 0;
    move |wait| {
        subscriber.recv(wait, &mut |_frames, _received| {
            count += 1;
            Ok(Flow::More)
        })?;
        Ok(count)
    }
}

fn watch_over(directory: &PathBuf, inbox: &Inbox) -> Result<()> {
    tell(&Told::Ready(String::new()))?;
    // Until the input ends; no order is meant for a guard.
    while inbox.orders.recv().is_ok() {}
    guard::clean_up(directory);
    Ok(())
}

fn mail(delay: Duration, inbox: &Inbox) -> Result<()> {
    let server = SmtpServer::start(ServerOptions { delay, ..ServerOptions::default() })?;
    tell(&Told::Ready(server.url()))?;
    let mut count = 0;
    let mut more = |wait| {
        count = server.wait_for(count + 1, wait);
        Ok(count)
    };
    serve(&mut more, &inbox.orders, &mut |reply| tell(&Told::Counted(reply)))
}

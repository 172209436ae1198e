//! The relay's own inputs: each is a source on a thread, which publishes to the relay.
//!
//! The relay collects from an input as from any other publisher: records get a sender and
//! sequence numbers, records that nobody has subscribed to are not sent, and an input that
//! is too fast waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cli::RelayArgs;
use crate::command::formats;
use zlog_core::parse;
use zlog_core::text::plural::{self, counted};
use zlog_core::{Level, Record, Result};
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::publish::{OnFull, Publish, PublishOptions, Published, Wire};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::{terminal, thread};
use zlog_pipeline::pump::{Pipeline, pump};
use zlog_pipeline::sender::{OUTSIDE_ROOT, SenderFields};
use zlog_pipeline::socket::{ConfirmService, Proxy, Publisher, SocketOptions};
use zlog_pipeline::source::ListenStats;
use zlog_pipeline::source::otlp;
use zlog_pipeline::source::python::PythonSource;
use zlog_pipeline::source::text::{LineOptions, StreamSpec};
use zlog_pipeline::source::{Notice, PollStatus, Source, SourceCounts, stdin};

/// How long the first records wait for a subscriber.
const SUBSCRIBER_WAIT: Duration = Duration::from_secs(1);

/// State shared by an input's thread and the relay's main thread.
#[derive(Default)]
struct InputState {
    counts: Mutex<InputCounts>,
    /// Set by the relay: the input is to end.
    stop: AtomicBool,
    /// Set by the relay: records must not wait for room any more.
    overdue: AtomicBool,
    ended: AtomicBool,
    failed: AtomicBool,
}

/// The counts of an input so far.
#[derive(Clone, Copy, Default)]
struct InputCounts {
    published: Published,
    /// Records whose own topic was not under the root.
    outside_root: u64,
    source: SourceCounts,
}

impl InputState {
    fn counts(&self) -> InputCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints notices.
    fn report(&self, notices: Vec<Notice>) {
        for notice in notices {
            terminal::eprint_line(format_args!("zlog relay: {}", notice.text));
            self.failed.fetch_or(notice.failed(), Ordering::Relaxed);
        }
    }
}

/// An input and its thread.
pub(super) struct InputThread {
    name: &'static str,
    state: Arc<InputState>,
    thread: Option<JoinHandle<()>>,
}

/// How the records of an input are published.
struct InputOptions {
    root: String,
    /// The records are those of other programs, with topics of their own.
    of_others: bool,
    /// The logger's name follows the root in the topic.
    by_name: bool,
    /// Keep topics that records bring along.
    trust_topic: bool,
    stop: ShutdownSignal,
    /// How long the input may take to end.
    linger: Duration,
}

impl InputThread {
    pub(super) fn name(&self) -> &str {
        self.name
    }

    /// Records read so far.
    pub(super) fn records(&self) -> u64 {
        let published = self.state.counts().published;
        published.records + published.dropped_full
    }

    /// Records that nobody had subscribed to.
    pub(super) fn unsubscribed(&self) -> u64 {
        self.state.counts().published.unsubscribed
    }

    /// Whether the input has not ended.
    pub(super) fn running(&self) -> bool {
        !self.state.ended.load(Ordering::Acquire)
    }

    /// Counts of Python's handlers and of OTLP.
    pub(super) fn listen_stats(&self) -> ListenStats {
        self.state.counts().source.listen
    }

    /// Sentences about records that were changed or lost.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.listen_stats().remarks();
        let InputCounts { outside_root, source, .. } = self.state.counts();
        let counts = [
            (outside_root, "record", OUTSIDE_ROOT),
            (source.lines.cut_lines, "line", "cut off by the end (marked `cut`)"),
            (source.lines.nuls, "NUL", "dropped (a hole in the input)"),
        ];
        remarks.extend(plural::remarks(counts));
        remarks
    }

    fn start(
        name: &'static str,
        mut source: Box<dyn Source + Send>,
        proxy: &mut Proxy,
        options: InputOptions,
    ) -> Result<InputThread> {
        let state = Arc::new(InputState::default());
        state.report(source.take_notices());
        let publisher = proxy.inproc_publisher(&SocketOptions::publisher())?;
        let shared = Arc::clone(&state);
        let run = move || {
            if let Err(error) = run(&mut *source, publisher, options, &shared) {
                terminal::eprint_line(format_args!("zlog relay: {error}"));
                shared.failed.store(true, Ordering::Relaxed);
            }
            shared.ended.store(true, Ordering::Release);
        };
        let thread = thread::spawn(&format!("zlog-{name}"), run)?;
        Ok(InputThread { name, state, thread: Some(thread) })
    }
}

/// Runs on the thread of an input.
fn run(
    source: &mut dyn Source,
    mut publisher: Publisher,
    options: InputOptions,
    state: &Arc<InputState>,
) -> Result<()> {
    let InputOptions { root, of_others, by_name, trust_topic, stop, linger } = options;
    let stopped = || stop.requested() || state.stop.load(Ordering::Relaxed);
    publisher.wait_for(1, SUBSCRIBER_WAIT, "", &stopped);
    let mut sender = SenderFields::of_this_process(if root.is_empty() { "root" } else { &root });
    sender.root.clone_from(&root);
    sender.trust_topic = trust_topic || of_others;
    sender.of_others = of_others;
    let shared = Arc::clone(state);
    let options = PublishOptions {
        root,
        logger_in_topic: by_name,
        wire: Wire::Json,
        on_full: OnFull::Block,
        give_up: Box::new(move || shared.overdue.load(Ordering::Relaxed)),
        // The only subscriber is this relay.
        report: Box::new(|_| {}),
    };
    let publish = Publish::new(publisher, options);
    let mut input = Input { sender, publish, outside_root: 0, linger, state };
    pump(source, &mut input)?;
    let _ = input.publish.close(Instant::now());
    Ok(())
}

/// The pipeline of an input: fills in the sender's fields and publishes.
struct Input<'i> {
    sender: SenderFields,
    publish: Publish,
    outside_root: u64,
    linger: Duration,
    state: &'i InputState,
}

impl<S: Source + ?Sized> Pipeline<S> for Input<'_> {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        self.outside_root += u64::from(self.sender.fill(record));
        Ok(self.publish.handle(record)?)
    }

    fn is_done(&self) -> bool {
        self.state.stop.load(Ordering::Relaxed)
    }

    fn after_poll(&mut self, source: &mut S, _: PollStatus) -> Result<()> {
        self.publish.flush()?;
        source.checkpoint(false);
        let counts = InputCounts {
            published: self.publish.published(),
            outside_root: self.outside_root,
            source: source.counts(),
        };
        *self.state.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        self.state.report(source.take_notices());
        Ok(())
    }

    /// At the end, what was read must not be lost.
    fn grace(&self) -> Option<Duration> {
        Some(self.linger)
    }
}

/// The relay's own sources: they are open, and no record is taken from them yet.
pub(super) struct Sources(Vec<(&'static str, Box<dyn Source + Send>, InputOptions)>);

impl Sources {
    /// Opens the sources that were asked for.
    ///
    /// # Errors
    /// A source can't be opened.
    pub(super) fn open(args: &RelayArgs, stop: &ShutdownSignal) -> Result<Sources> {
        let mut sources: Vec<(_, Box<dyn Source + Send>, _)> = Vec::new();
        let options = |root: &str, by_name| InputOptions {
            root: root.to_owned(),
            of_others: false,
            by_name,
            trust_topic: args.trust_topic && !by_name,
            stop: stop.clone(),
            linger: args.linger.0,
        };
        if args.stdin {
            let level = args.stdin_level.unwrap_or(Level::INFO);
            let spec = StreamSpec { level, process: None };
            let formats = formats::load("relay", None, false)?;
            let parse = parse::Options { formats, ..parse::Options::default() };
            let lines = LineOptions { parse, ..LineOptions::default() };
            let source = Box::new(stdin::open(spec, &lines, None)?);
            sources.push(("stdin", source, options(&args.root, false)));
        }
        if args.listen.python() {
            let source = Box::new(PythonSource::open(&args.listen.options())?);
            sources.push(("listen", source, options("", true)));
        }
        if !args.listen.otlp_listen.is_empty() {
            let source = otlp::open(&args.listen.otlp_options(""))?;
            sources.push(("otlp", source, InputOptions { of_others: true, ..options("", false) }));
        }
        Ok(Sources(sources))
    }
}

/// All inputs of the relay.
pub(super) struct Inputs {
    threads: Vec<InputThread>,
    /// What is received with confirmation, with `--spool`.
    pub(super) confirmed: Option<ConfirmService>,
}

impl Inputs {
    /// Starts an input for each source, beside what is received with confirmation.
    ///
    /// # Errors
    /// A thread can't be started.
    pub(super) fn start(
        sources: Sources,
        proxy: &mut Proxy,
        confirmed: Option<ConfirmService>,
    ) -> Result<Inputs> {
        let start = |(name, source, options)| InputThread::start(name, source, proxy, options);
        let threads = sources.0.into_iter().map(start).collect::<Result<_>>()?;
        Ok(Inputs { threads, confirmed })
    }

    /// Prints how many records nobody had subscribed to, and what was changed or lost.
    pub(super) fn print_remarks(&self) {
        for input in &self.threads {
            let name = input.name;
            let unsubscribed = input.unsubscribed();
            if unsubscribed > 0 {
                let records = counted(input.records(), "record");
                terminal::eprint_line(format_args!(
                    "zlog relay: {name}: {unsubscribed} of {records} had no subscriber"
                ));
            }
            for remark in input.remarks() {
                terminal::eprint_line(format_args!("zlog relay: {name}: {remark}"));
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &InputThread> {
        self.threads.iter()
    }

    /// Number of records that were received with confirmation.
    pub(super) fn confirmed_records(&self) -> u64 {
        self.confirmed.as_ref().map_or(0, |confirmed| confirmed.counts().stored)
    }

    /// Asks all inputs to end. The relay must go on forwarding until they have.
    pub(super) fn stop(&mut self) {
        if let Some(confirmed) = &mut self.confirmed {
            confirmed.stop();
        }
        for input in &self.threads {
            input.state.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Whether all inputs have ended and have published everything.
    pub(super) fn all_ended(&self) -> bool {
        !self.threads.iter().any(InputThread::running)
    }

    /// Whether an input has failed, or could not read some of its input.
    pub(super) fn failed(&self) -> bool {
        self.confirmed.as_ref().is_some_and(ConfirmService::has_failed)
            || self.threads.iter().any(|input| input.state.failed.load(Ordering::Relaxed))
    }

    /// Waits for all threads. Records that still wait for room are dropped; returns how many.
    pub(super) fn join(&mut self) -> u64 {
        let mut dropped = 0;
        for input in &mut self.threads {
            input.state.overdue.store(true, Ordering::Relaxed);
            if let Some(thread) = input.thread.take() {
                // A panic was reported when it happened.
                let _ = thread.join();
            }
            dropped += input.state.counts().published.dropped_full;
        }
        dropped
    }
}

//! Sources of the relay's own: each on a thread, publishing to the relay.
//!
//! What may be here: from a source's records to a publisher inside this process. The
//! relay collects from it as from any other: its records have a sender and numbers of
//! their own, nobody sends what nobody wants, and who is too quick is held back.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cli::RelayArgs;
use zlog_core::error::{Error, Result};
use zlog_core::record::{Level, Record};
use zlog_core::text::plural::counted;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::publish::{OnFull, Publish, PublishOptions, Wire};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::sender::{OUTSIDE_ROOT, SenderFields};
use zlog_pipeline::socket::{Proxy, SocketOptions};
use zlog_pipeline::source::python::{ListenStats, PythonSource};
use zlog_pipeline::source::text::{LineOptions, StreamSpec, TextSource};
use zlog_pipeline::source::{Notice, PollStatus, Sink, Source, stdin};

/// How long a source waits before its thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(50);
/// How long the first records wait for somebody to want them.
const SUBSCRIBER_WAIT: Duration = Duration::from_secs(1);

/// What is seen of a source from outside its thread.
#[derive(Default)]
struct InputState {
    records: AtomicU64,
    unheard: AtomicU64,
    dropped: AtomicU64,
    nuls: AtomicU64,
    /// Records whose own topic was not under the root.
    outside_root: AtomicU64,
    stop: AtomicBool,
    /// No record may wait for room any more.
    overdue: AtomicBool,
    ended: AtomicBool,
    failed: AtomicBool,
    listen_stats: Mutex<ListenStats>,
}

/// What a input reads.
enum InputSource {
    /// Lines.
    Lines(TextSource),
    /// Python's handlers.
    Listen(PythonSource),
}

impl InputSource {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            InputSource::Lines(source) => source,
            InputSource::Listen(source) => source,
        }
    }

    fn notices(&mut self) -> Vec<Notice> {
        match self {
            InputSource::Lines(source) => source.take_notices(),
            InputSource::Listen(source) => source.take_notices(),
        }
    }

    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        match self {
            InputSource::Lines(source) => source.finish(within, sink),
            InputSource::Listen(source) => source.finish(within, sink),
        }
    }

    fn nuls(&self) -> u64 {
        match self {
            InputSource::Lines(source) => source.counts().nuls,
            InputSource::Listen(_) => 0,
        }
    }

    fn listen_stats(&self) -> ListenStats {
        match self {
            InputSource::Lines(_) => ListenStats::default(),
            InputSource::Listen(source) => source.stats(),
        }
    }
}

/// A source and its thread.
pub(super) struct InputThread {
    name: String,
    state: Arc<InputState>,
    thread: Option<JoinHandle<()>>,
}

impl InputThread {
    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Records that it has given so far.
    pub(super) fn records(&self) -> u64 {
        self.state.records.load(Ordering::Relaxed)
    }

    /// Records that nobody wanted.
    pub(super) fn unheard(&self) -> u64 {
        self.state.unheard.load(Ordering::Relaxed)
    }

    /// Whether it goes on.
    pub(super) fn running(&self) -> bool {
        !self.state.ended.load(Ordering::Acquire)
    }

    /// What came of listening.
    pub(super) fn listen_stats(&self) -> ListenStats {
        *self.state.listen_stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a person should know of it.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.listen_stats().remarks();
        let outside = self.state.outside_root.load(Ordering::Relaxed);
        if outside > 0 {
            remarks.push(format!("{} {OUTSIDE_ROOT}", counted(outside, "record")));
        }
        remarks
    }

    fn start(
        name: &str,
        source: InputSource,
        proxy: &mut Proxy,
        options: InputOptions,
    ) -> Result<InputThread> {
        let state = Arc::new(InputState::default());
        let mut publisher = proxy.inproc_publisher(&SocketOptions::publisher())?;
        let InputOptions { root, trust_topic, stop, linger } = options;
        let thread_state = Arc::clone(&state);
        let run = move || {
            let asked = || stop.requested() || thread_state.stop.load(Ordering::Relaxed);
            publisher.wait_for(1, SUBSCRIBER_WAIT, "", &asked);
            let overdue = Arc::clone(&thread_state);
            let options = PublishOptions {
                root: root.clone(),
                logger_in_topic: matches!(source, InputSource::Listen(_)),
                wire: Wire::Json,
                on_full: OnFull::Block,
                give_up: Box::new(move || overdue.overdue.load(Ordering::Relaxed)),
                // Its one subscriber is this relay.
                report: Box::new(|_| {}),
            };
            let publish = Publish::new(publisher, options);
            let name = if root.is_empty() { "root" } else { &root };
            let mut sender = SenderFields::of_this_process(name);
            sender.root.clone_from(&root);
            sender.trust_topic = trust_topic;
            let input_loop = InputLoop { source, publish, sender, linger };
            if let Err(error) = input_loop.run(&thread_state) {
                terminal::eprint_line(format_args!("zlog relay: {error}"));
                thread_state.failed.store(true, Ordering::Relaxed);
            }
            thread_state.ended.store(true, Ordering::Release);
        };
        let thread = std::thread::Builder::new()
            .name(format!("zlog-{name}"))
            .spawn(run)
            .map_err(|error| Error::no_thread(&error))?;
        Ok(InputThread { name: name.to_owned(), state, thread: Some(thread) })
    }
}

/// What a source's thread needs beside the source.
struct InputOptions {
    root: String,
    /// Keep topics that records bring along.
    trust_topic: bool,
    stop: ShutdownSignal,
    /// How long its end may take.
    linger: Duration,
}

/// What runs on a source's thread.
struct InputLoop {
    source: InputSource,
    publish: Publish,
    sender: SenderFields,
    linger: Duration,
}

impl InputLoop {
    fn run(self, state: &InputState) -> Result<()> {
        let InputLoop { mut source, mut publish, sender, linger } = self;
        let take = |record: Record<'_>, publish: &mut Publish| {
            let mut record = record;
            let outside = sender.fill(&mut record);
            state.outside_root.fetch_add(outside.into(), Ordering::Relaxed);
            publish.handle(&record)?;
            let stop = state.stop.load(Ordering::Relaxed);
            Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let mut progress = PollStatus::Idle;
        while progress != PollStatus::Ended && !state.stop.load(Ordering::Relaxed) {
            progress = source.source().poll(TICK, &mut |record| take(record, &mut publish))?;
            publish.flush()?;
            publish_state(state, &publish, &mut source);
        }
        // What has been read must not be lost because somebody asked to stop.
        source.finish(linger, &mut |record| {
            take(record, &mut publish).map(|_| ControlFlow::Continue(()))
        })?;
        publish_state(state, &publish, &mut source);
        publish.close(Duration::ZERO);
        Ok(())
    }
}

/// Lets others see what has been done, and tells what a person should know.
fn publish_state(state: &InputState, publish: &Publish, source: &mut InputSource) {
    let published = publish.published();
    state.records.store(published.records + published.dropped_full, Ordering::Relaxed);
    state.unheard.store(published.unsubscribed, Ordering::Relaxed);
    state.dropped.store(published.dropped_full, Ordering::Relaxed);
    state.nuls.store(source.nuls(), Ordering::Relaxed);
    *state.listen_stats.lock().unwrap_or_else(PoisonError::into_inner) = source.listen_stats();
    for notice in source.notices() {
        terminal::eprint_line(format_args!("zlog relay: {}", notice.text));
        state.failed.fetch_or(notice.failed, Ordering::Relaxed);
    }
}

/// All sources of a relay's own.
pub(super) struct Inputs(Vec<InputThread>);

impl Inputs {
    /// Starts those that were asked for.
    ///
    /// # Errors
    /// One can't be opened.
    pub(super) fn open(
        args: &RelayArgs,
        proxy: &mut Proxy,
        stop: &ShutdownSignal,
    ) -> Result<Inputs> {
        let mut inputs = Vec::new();
        let linger = args.linger.0;
        if args.stdin {
            let level = args.stdin_level;
            let spec = StreamSpec {
                level: level.unwrap_or(Level::INFO),
                explicit: level.is_some(),
                process: None,
            };
            let source = stdin::open(spec, &LineOptions::default(), None)?;
            let root = args.root.clone();
            let options =
                InputOptions { root, trust_topic: args.trust_topic, stop: stop.clone(), linger };
            inputs.push(InputThread::start("stdin", InputSource::Lines(source), proxy, options)?);
        }
        if args.listen.any() {
            let source = PythonSource::open(&args.listen.options())?;
            for place in source.bound() {
                terminal::eprint_line(format_args!("zlog relay: listening on {place}"));
            }
            let root = String::new();
            let options = InputOptions { root, trust_topic: false, stop: stop.clone(), linger };
            inputs.push(InputThread::start("listen", InputSource::Listen(source), proxy, options)?);
        }
        Ok(Inputs(inputs))
    }

    /// Tells what nobody wanted, and what did not come whole.
    pub(super) fn print_remarks(&self) {
        for input in &self.0 {
            let (name, records, unheard) = (input.name(), input.records(), input.unheard());
            if unheard > 0 {
                terminal::eprint_line(format_args!(
                    "zlog relay: {name}: nobody wanted {unheard} of {}",
                    counted(records, "record")
                ));
            }
            let nuls = input.state.nuls.load(Ordering::Relaxed);
            if nuls > 0 {
                terminal::eprint_line(format_args!(
                    "zlog relay: {name}: {} left out (a hole in the input)",
                    counted(nuls, "NUL")
                ));
            }
            for remark in input.remarks() {
                terminal::eprint_line(format_args!("zlog relay: {name}: {remark}"));
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &InputThread> {
        self.0.iter()
    }

    /// Asks all of them to end. The relay must go on taking what they give.
    pub(super) fn stop(&self) {
        for input in &self.0 {
            input.state.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Whether all have ended, and given everything.
    pub(super) fn all_ended(&self) -> bool {
        !self.0.iter().any(InputThread::running)
    }

    /// Whether one of them missed some of its input.
    pub(super) fn failed(&self) -> bool {
        self.0.iter().any(|input| input.state.failed.load(Ordering::Relaxed))
    }

    /// Waits for their threads. What still waits for room is dropped. Returns how much.
    pub(super) fn join(&mut self) -> u64 {
        let mut dropped = 0;
        for input in &mut self.0 {
            input.state.overdue.store(true, Ordering::Relaxed);
            if let Some(thread) = input.thread.take() {
                // A panic there was reported when it happened.
                let _ = thread.join();
            }
            dropped += input.state.dropped.load(Ordering::Relaxed);
        }
        dropped
    }
}

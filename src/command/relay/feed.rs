//! Sources of the relay's own: each on a thread, publishing to the relay.
//!
//! What may be here: from a source's records to a publisher inside this process. The
//! relay collects from it as from any other: its records have a sender and numbers of
//! their own, nobody sends what nobody wants, and who is too quick is held back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cli::RelayArgs;
use zlog_core::error::{Error, Result};
use zlog_core::record::{Level, Record};
use zlog_core::text::plural::counted;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::publish::{OnFull, Publish, PublishOptions, Wire};
use zlog_pipeline::os::signal::Stop;
use zlog_pipeline::os::terminal;
use zlog_pipeline::sender::{OUTSIDE_ROOT, SenderFields};
use zlog_pipeline::socket::{Proxy, SocketOptions};
use zlog_pipeline::source::listen::{Heard, Listen};
use zlog_pipeline::source::text::{LineOptions, StreamSpec, TextSource};
use zlog_pipeline::source::{Flow, Notice, Progress, Sink, Source, stdin};

/// How long a source waits before its thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(50);
/// How long the first records wait for somebody to want them.
const WAIT: Duration = Duration::from_secs(1);

/// What is seen of a source from outside its thread.
#[derive(Default)]
struct Shared {
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
    heard: Mutex<Heard>,
}

/// What a feed reads.
enum From {
    /// Lines.
    Lines(TextSource),
    /// Python's handlers.
    Listen(Listen),
}

impl From {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            From::Lines(source) => source,
            From::Listen(source) => source,
        }
    }

    fn notices(&mut self) -> Vec<Notice> {
        match self {
            From::Lines(source) => source.take_notices(),
            From::Listen(source) => source.take_notices(),
        }
    }

    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        match self {
            From::Lines(source) => source.finish(within, sink),
            From::Listen(source) => source.finish(within, sink),
        }
    }

    fn nuls(&self) -> u64 {
        match self {
            From::Lines(source) => source.counts().nuls,
            From::Listen(_) => 0,
        }
    }

    fn heard(&self) -> Heard {
        match self {
            From::Lines(_) => Heard::default(),
            From::Listen(source) => source.heard(),
        }
    }
}

/// A source and its thread.
pub(super) struct Feed {
    name: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Records that it has given so far.
    pub(super) fn records(&self) -> u64 {
        self.shared.records.load(Ordering::Relaxed)
    }

    /// Records that nobody wanted.
    pub(super) fn unheard(&self) -> u64 {
        self.shared.unheard.load(Ordering::Relaxed)
    }

    /// Whether it goes on.
    pub(super) fn running(&self) -> bool {
        !self.shared.ended.load(Ordering::Acquire)
    }

    /// What came of listening.
    pub(super) fn heard(&self) -> Heard {
        *self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a person should know of it.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.heard().remarks();
        let outside = self.shared.outside_root.load(Ordering::Relaxed);
        if outside > 0 {
            remarks.push(format!("{} {OUTSIDE_ROOT}", counted(outside, "record")));
        }
        remarks
    }

    fn start(name: &str, source: From, proxy: &mut Proxy, work: Work) -> Result<Feed> {
        let shared = Arc::new(Shared::default());
        let mut publisher = proxy.publisher_inside(&SocketOptions::publisher())?;
        let Work { root, trust_topic, stop, linger } = work;
        let seen = Arc::clone(&shared);
        let run = move || {
            let asked = || stop.requested() || seen.stop.load(Ordering::Relaxed);
            publisher.wait_for(1, WAIT, "", &asked);
            let overdue = Arc::clone(&seen);
            let options = PublishOptions {
                root: root.clone(),
                logger_in_topic: matches!(source, From::Listen(_)),
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
            let runner = Runner { source, publish, sender, linger };
            if let Err(error) = runner.run(&seen) {
                terminal::tell(format_args!("zlog relay: {error}"));
                seen.failed.store(true, Ordering::Relaxed);
            }
            seen.ended.store(true, Ordering::Release);
        };
        let thread = std::thread::Builder::new()
            .name(format!("zlog-{name}"))
            .spawn(run)
            .map_err(|error| Error::no_thread(&error))?;
        Ok(Feed { name: name.to_owned(), shared, thread: Some(thread) })
    }
}

/// What a source's thread needs beside the source.
struct Work {
    root: String,
    /// Keep topics that records bring along.
    trust_topic: bool,
    stop: Stop,
    /// How long its end may take.
    linger: Duration,
}

/// What runs on a source's thread.
struct Runner {
    source: From,
    publish: Publish,
    sender: SenderFields,
    linger: Duration,
}

impl Runner {
    fn run(self, seen: &Shared) -> Result<()> {
        let Runner { mut source, mut publish, sender, linger } = self;
        let take = |record: Record<'_>, publish: &mut Publish| {
            let mut record = record;
            let outside = sender.fill(&mut record);
            seen.outside_root.fetch_add(outside.into(), Ordering::Relaxed);
            publish.handle(&record)?;
            let stop = seen.stop.load(Ordering::Relaxed);
            Ok(if stop { Flow::Enough } else { Flow::More })
        };
        let mut progress = Progress::Idle;
        while progress != Progress::Ended && !seen.stop.load(Ordering::Relaxed) {
            progress = source.source().poll(TICK, &mut |record| take(record, &mut publish))?;
            publish.flush()?;
            note(seen, &publish, &mut source);
        }
        // What has been read must not be lost because somebody asked to stop.
        source.finish(linger, &mut |record| take(record, &mut publish).map(|_| Flow::More))?;
        note(seen, &publish, &mut source);
        // The relay's own socket takes what is left.
        let _ = publish.close(Instant::now());
        Ok(())
    }
}

/// Lets others see what has been done, and tells what a person should know.
fn note(seen: &Shared, publish: &Publish, source: &mut From) {
    let published = publish.published();
    seen.records.store(published.records + published.dropped_full, Ordering::Relaxed);
    seen.unheard.store(published.unsubscribed, Ordering::Relaxed);
    seen.dropped.store(published.dropped_full, Ordering::Relaxed);
    seen.nuls.store(source.nuls(), Ordering::Relaxed);
    *seen.heard.lock().unwrap_or_else(PoisonError::into_inner) = source.heard();
    for notice in source.notices() {
        terminal::tell(format_args!("zlog relay: {}", notice.text));
        seen.failed.fetch_or(notice.failed, Ordering::Relaxed);
    }
}

/// All sources of a relay's own.
pub(super) struct Feeds(Vec<Feed>);

impl Feeds {
    /// Starts those that were asked for.
    ///
    /// # Errors
    /// One can't be opened.
    pub(super) fn open(args: &RelayArgs, proxy: &mut Proxy, stop: &Stop) -> Result<Feeds> {
        let mut feeds = Vec::new();
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
            let work = Work { root, trust_topic: args.trust_topic, stop: stop.clone(), linger };
            feeds.push(Feed::start("stdin", From::Lines(source), proxy, work)?);
        }
        if args.listen.any() {
            let source = Listen::open(&args.listen.options())?;
            for place in source.bound() {
                terminal::tell(format_args!("zlog relay: listening on {place}"));
            }
            let root = String::new();
            let work = Work { root, trust_topic: false, stop: stop.clone(), linger };
            feeds.push(Feed::start("listen", From::Listen(source), proxy, work)?);
        }
        Ok(Feeds(feeds))
    }

    /// Tells what nobody wanted, and what did not come whole.
    pub(super) fn tell_remarks(&self) {
        for feed in &self.0 {
            let (name, records, unheard) = (feed.name(), feed.records(), feed.unheard());
            if unheard > 0 {
                terminal::tell(format_args!(
                    "zlog relay: {name}: nobody wanted {unheard} of {}",
                    counted(records, "record")
                ));
            }
            let nuls = feed.shared.nuls.load(Ordering::Relaxed);
            if nuls > 0 {
                terminal::tell(format_args!(
                    "zlog relay: {name}: {} left out (a hole in the input)",
                    counted(nuls, "NUL")
                ));
            }
            for remark in feed.remarks() {
                terminal::tell(format_args!("zlog relay: {name}: {remark}"));
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Feed> {
        self.0.iter()
    }

    /// Asks all of them to end. The relay must go on taking what they give.
    pub(super) fn stop(&self) {
        for feed in &self.0 {
            feed.shared.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Whether all have ended, and given everything.
    pub(super) fn all_ended(&self) -> bool {
        !self.0.iter().any(Feed::running)
    }

    /// Whether one of them missed some of its input.
    pub(super) fn failed(&self) -> bool {
        self.0.iter().any(|feed| feed.shared.failed.load(Ordering::Relaxed))
    }

    /// Waits for their threads. What still waits for room is dropped. Returns how much.
    pub(super) fn join(&mut self) -> u64 {
        let mut dropped = 0;
        for feed in &mut self.0 {
            feed.shared.overdue.store(true, Ordering::Relaxed);
            if let Some(thread) = feed.thread.take() {
                // A panic there was reported when it happened.
                let _ = thread.join();
            }
            dropped += feed.shared.dropped.load(Ordering::Relaxed);
        }
        dropped
    }
}

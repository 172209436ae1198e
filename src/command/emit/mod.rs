//! `zlog emit`: a source of lines or records, published.
//!
//! What was typed becomes a source, a stamp and a publishing handler; this file
//! puts them together and runs them until the source ends, a limit is reached or
//! somebody asks to stop. Then it flushes, and tells what became of the records.

mod rate_limiter;
mod source;
mod summary;

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use self::rate_limiter::RateLimiter;
use self::source::EmitSource;
use self::summary::{ProgressLine, Summary};
use crate::cli::{EmitArgs, OnFull as OnFullArg, WireArg};
use zlog_core::error::{Exit, Result};
use zlog_core::record::Record;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::publish::{OnFull, Publish, PublishOptions, Wire};
use zlog_pipeline::os::signal::{Forwarding, ShutdownSignal};
use zlog_pipeline::os::terminal;
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::socket::{Publisher, Role, SocketOptions, WaitOutcome};
use zlog_pipeline::source::{Notice, PollStatus};

/// How long to wait for the source before looking at signals and the clock.
const TICK: Duration = Duration::from_millis(50);
/// How often to ask, in the end, whether everything has been copied.
const COPY_CHECK: Duration = Duration::from_millis(5);

/// Publishes what the source gives.
///
/// # Errors
/// Endpoints that can't be used, a source that can't be read.
pub fn run(args: EmitArgs) -> Result<Exit> {
    let (stop, signals) = catch_signals(&args)?;
    let publisher = open(&args)?;
    let mut emit = Emit::new(&args, publisher, stop);
    let mut source = match signals {
        // What can't be read is told before the wait.
        None => {
            let mut source = EmitSource::open(&args)?;
            emit.report_notices(source.notices());
            emit.wait_for_subscribers(&args)?;
            source
        }
        // A command starts when somebody listens.
        Some(signals) => {
            EmitSource::check_command(&args)?;
            emit.wait_for_subscribers(&args)?;
            if let Some(exit) = emit.shutdown.stop.exit() {
                return Ok(exit);
            }
            EmitSource::start(&args, signals)?
        }
    };
    let ran = emit.run(&mut source);
    // Also when the run failed (a full disk under --tee, say, or its reader has gone):
    // what was published by then must not be lost with it.
    let exit = emit.finish(&args, source);
    ran.and(exit)
}

/// A signal asks this process to stop; while a wrapped command runs, it is the command's.
fn catch_signals(args: &EmitArgs) -> Result<(ShutdownSignal, Option<Forwarding>)> {
    if args.command.is_empty() {
        return Ok((ShutdownSignal::install()?, None));
    }
    let stop = ShutdownSignal::default();
    let signals = Forwarding::install(stop.clone())?;
    Ok((stop, Some(signals)))
}

fn open(args: &EmitArgs) -> Result<Publisher> {
    let mut options = SocketOptions::publisher();
    options.hwm = args.hwm;
    let endpoints = super::endpoints(&args.endpoints, Role::Bind)?;
    let publisher = Publisher::open(&endpoints, &options)?;
    super::print_bound("emit", publisher.bound());
    Ok(publisher)
}

/// When to end, whatever the source still has: at a signal, or when the time is up.
#[derive(Clone)]
struct Shutdown {
    stop: ShutdownSignal,
    until: Arc<OnceLock<Instant>>,
    /// How long a subscriber without room may hold the end up.
    linger: Duration,
    /// Since when one does.
    held_up: Arc<OnceLock<Instant>>,
}

impl Shutdown {
    fn is_due(&self) -> bool {
        self.stop.requested() || self.until.get().is_some_and(|until| Instant::now() >= *until)
    }

    /// Whether a subscriber without room has held the end up for long enough. To be
    /// asked while one has none.
    fn is_overdue(&self) -> bool {
        (self.is_due() || self.stop.passed_on())
            && self.held_up.get_or_init(Instant::now).elapsed() >= self.linger
    }

    /// What is left of the time to flush in.
    fn linger(&self) -> Duration {
        let gone = self.held_up.get().map_or(Duration::ZERO, Instant::elapsed);
        self.linger.saturating_sub(gone)
    }
}

/// The pipeline, and the limits it runs within.
struct Emit {
    shutdown: Shutdown,
    sender: SenderFields,
    publish: Publish,
    rate: Option<RateLimiter>,
    limit: Option<u64>,
    progress: ProgressLine,
    quiet: bool,
    begun: Instant,
    taken: u64,
    /// Records whose own topic was not under the root.
    outside_root: u64,
}

impl Emit {
    fn new(args: &EmitArgs, publisher: Publisher, stop: ShutdownSignal) -> Emit {
        let shutdown = Shutdown {
            stop,
            until: Arc::default(),
            linger: args.linger.0,
            held_up: Arc::default(),
        };
        let progress = ProgressLine::new(args);
        let options = PublishOptions {
            root: args.root.clone(),
            logger_in_topic: args.listen.any(),
            wire: match args.wire {
                WireArg::Json => Wire::Json,
                WireArg::Text => Wire::Text,
            },
            on_full: match args.on_full {
                OnFullArg::Block => OnFull::Block,
                OnFullArg::Drop => OnFull::Drop,
            },
            give_up: {
                let shutdown = shutdown.clone();
                Box::new(move || shutdown.is_overdue())
            },
            report: progress.notifier(),
        };
        let begun = Instant::now();
        Emit {
            publish: Publish::new(publisher, options),
            sender: sender(args),
            shutdown,
            rate: args.rate.map(|rate| RateLimiter::new(rate, begun)),
            limit: args.count,
            progress,
            quiet: args.quiet,
            begun,
            taken: 0,
            outside_root: 0,
        }
    }

    /// Waits for subscribers; says once when they do not come. Then the clock starts.
    fn wait_for_subscribers(&mut self, args: &EmitArgs) -> Result<()> {
        let publisher = self.publish.publisher();
        let stop = || self.shutdown.stop.requested();
        let waited = publisher.wait_for(args.wait_for, args.wait.0, &args.root, &stop);
        if let WaitOutcome::TimedOut(subscribers) = waited {
            let (wait, wanted) = (args.wait, args.wait_for);
            let text = match (wanted, subscribers) {
                (0, _) => return Ok(()),
                (1, _) => format!("nobody listens (waited {wait}); publishing all the same"),
                (_, n) => format!("{n} of {wanted} subscribers came (waited {wait}); publishing"),
            };
            terminal::eprint_line(format_args!("zlog emit: {text}"));
        }
        self.begun = Instant::now();
        if let Some(duration) = args.duration {
            // Set once, here: nothing was published before, so nothing asked for it.
            let _ = self.shutdown.until.set(self.begun + duration.0);
        }
        Ok(())
    }

    /// Publishes until the source ends, a limit is reached or a signal comes.
    fn run(&mut self, source: &mut EmitSource) -> Result<()> {
        self.progress.set_read_progress(source.read_progress());
        while !self.done() {
            let progress = source.source().poll(self.wait(), &mut |record| self.take(record))?;
            self.publish.flush()?;
            self.progress.show(self.taken);
            self.report_notices(source.notices());
            self.report_disconnects();
            if progress == PollStatus::Ended {
                break;
            }
        }
        // What has been read must not be lost because somebody asked to stop.
        if self.shutdown.stop.requested() {
            let within = self.shutdown.linger();
            source.finish(within, &mut |record| self.publish_record(record))?;
            self.report_notices(source.notices());
        }
        Ok(())
    }

    /// Takes what the source delivers. It has let go of the record, so that even one
    /// that comes when the end has just been reached must be published.
    fn take(&mut self, record: Record<'_>) -> Result<ControlFlow<()>> {
        if let Some(rate) = &mut self.rate {
            let now = Instant::now();
            let pause = rate.next(now).saturating_duration_since(now);
            self.publish.publisher().pause(pause, &|| self.shutdown.is_due());
            self.progress.show(self.taken);
        }
        let _ = self.publish_record(record)?;
        Ok(if self.done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn publish_record(&mut self, record: Record<'_>) -> Result<ControlFlow<()>> {
        let mut record = record;
        self.outside_root += u64::from(self.sender.fill(&mut record));
        self.publish.handle(&record)?;
        self.taken += 1;
        Ok(ControlFlow::Continue(()))
    }

    /// Says what a person should know; the progress line makes room.
    fn report_notices(&self, notices: Vec<Notice>) {
        for notice in notices {
            let line = format_args!("zlog emit: {}", notice.text);
            self.progress.suspended(|| terminal::eprint_line(line));
        }
    }

    /// Says whose connections were ended because of what they sent.
    fn report_disconnects(&mut self) {
        if let Some(text) = self.publish.publisher().report().filter(|_| !self.quiet) {
            self.progress
                .suspended(|| terminal::eprint_line(format_args!("zlog emit: {}", escape(&text))));
        }
    }

    fn done(&self) -> bool {
        self.shutdown.is_due() || self.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// How long the source may wait before this loop must look around.
    fn wait(&self) -> Duration {
        match self.shutdown.until.get() {
            Some(until) => until.saturating_duration_since(Instant::now()).min(TICK),
            None => TICK,
        }
    }

    /// Waits for what --tee has still to copy, and tells what nobody took.
    fn await_copies(&self, source: &EmitSource) {
        let Some(read_progress) = source.read_progress() else { return };
        read_progress.close();
        let until = Instant::now() + self.shutdown.linger();
        while read_progress.copying() > 0 && Instant::now() < until {
            std::thread::sleep(COPY_CHECK);
        }
        let uncopied = read_progress.copying() + read_progress.uncopied();
        if uncopied > 0 {
            terminal::eprint_line(format_args!(
                "zlog emit: --tee: up to {} of what was read not copied: nobody took it in time",
                counted(uncopied, "byte")
            ));
        }
    }

    /// Sends what is held, tells what became of everything, and says how to exit.
    fn finish(mut self, args: &EmitArgs, mut source: EmitSource) -> Result<Exit> {
        self.progress.clear();
        let took = self.begun.elapsed();
        if args.tee {
            self.await_copies(&source);
        }
        self.publish.flush()?;
        self.report_disconnects();
        let (published, flushed) = self.publish.close(self.shutdown.linger());
        let summary = Summary {
            published,
            outside_root: self.outside_root,
            lines: source.line_counts(),
            listen: source.listen_stats(),
            took,
            flushed,
        };
        if !args.quiet {
            terminal::eprint_line(format_args!("zlog emit: {summary}"));
        } else if summary.lost() {
            terminal::eprint_line(format_args!("zlog emit: {}", summary.loss()));
        }
        let exit = source.exit();
        source.stop(args.linger.0)?;
        let lost = args.fail_on_loss && summary.lost();
        Ok(self.shutdown.stop.exit().unwrap_or(exit).or_expectation_failed(lost))
    }
}

fn sender(args: &EmitArgs) -> SenderFields {
    let name = args.name.as_deref().unwrap_or(match &*args.root {
        "" => "root", // Python's name for the root logger
        root => root,
    });
    let mut sender = SenderFields::of_this_process(name);
    sender.root.clone_from(&args.root);
    // Without a root, a replay publishes records where they were published before.
    sender.trust_topic = args.trust_topic || (args.replay.is_some() && args.root.is_empty());
    sender.subtopic = args.subtopic.clone().unwrap_or_default();
    if let Some(source) = &args.source {
        sender.source.clone_from(source);
    }
    if let Some(program) = args.command.first() {
        let program = std::path::Path::new(program);
        let name = program.file_name().unwrap_or(program.as_os_str());
        sender.process_name = name.to_string_lossy().into_owned();
    }
    sender
}

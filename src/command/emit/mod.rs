//! `zlog emit`: a source of lines or records, published.
//!
//! Opens the source and the publisher, runs them until the source ends, a limit is reached
//! or a signal comes, flushes, and prints a summary.

mod rate_limiter;
mod source;
mod summary;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use self::rate_limiter::RateLimiter;
use self::summary::{ProgressLine, Summary};
use crate::cli::EmitArgs;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Exit, Record, Result};
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::publish::{Publish, PublishOptions};
use zlog_pipeline::os::signal::{Forwarding, ShutdownSignal};
use zlog_pipeline::os::terminal;
use zlog_pipeline::pump::{self, Pipeline, pump};
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::socket::{Publisher, Role, SocketOptions, WaitOutcome};
use zlog_pipeline::source::command::CommandSource;
use zlog_pipeline::source::{Notice, PollStatus, Source};

/// How often to check, at the end, whether `--tee` has copied everything.
const COPY_CHECK: Duration = Duration::from_millis(5);

/// Publishes the records of the source.
///
/// # Errors
/// An endpoint can't be used, or the source can't be read.
pub fn run(args: EmitArgs) -> Result<Exit> {
    let (stop, signals) = catch_signals(&args)?;
    let publisher = open(&args)?;
    let mut emit = Emit::new(&args, publisher, stop);
    let mut source = match args.command.first() {
        // Files that can't be read are reported before the wait for subscribers.
        None => {
            let mut source = source::open(&args, signals)?;
            emit.report_notices(source.take_notices());
            emit.wait_for_subscribers(&args)?;
            source
        }
        // A command is started when there are subscribers.
        Some(program) => {
            CommandSource::check(program)?;
            emit.wait_for_subscribers(&args)?;
            if let Some(exit) = emit.shutdown.stop.exit() {
                return Ok(exit);
            }
            source::open(&args, signals)?
        }
    };
    emit.progress.set_read_progress(source.read_progress());
    let ran = pump(&mut *source, &mut emit);
    // Also after an error (a full disk under --tee, or its reader is gone): what was
    // published until then must not be lost.
    let exit = emit.finish(&args, source);
    ran.and(exit)
}

/// Catches signals. They ask this process to stop, except while a wrapped command runs:
/// then they are forwarded to it.
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

/// When to end before the source does: at a signal, or after `--duration`.
#[derive(Clone)]
struct Shutdown {
    stop: ShutdownSignal,
    until: Arc<OnceLock<Instant>>,
    /// How long a full subscriber may delay the end (`--linger`).
    linger: Duration,
    /// Since when one delays it.
    held_up: Arc<OnceLock<Instant>>,
}

impl Shutdown {
    fn is_due(&self) -> bool {
        self.stop.requested() || self.until.get().is_some_and(|until| Instant::now() >= *until)
    }

    /// Whether a full subscriber has delayed the end for too long. Called while a subscriber
    /// is full.
    fn is_overdue(&self) -> bool {
        (self.is_due() || self.stop.was_forwarded())
            && self.held_up.get_or_init(Instant::now).elapsed() >= self.linger
    }

    /// The rest of `--linger`.
    fn linger(&self) -> Duration {
        let gone = self.held_up.get().map_or(Duration::ZERO, Instant::elapsed);
        self.linger.saturating_sub(gone)
    }
}

/// The pipeline: fills in the sender's fields and publishes, within the limits that were
/// typed.
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
    /// That too few subscribers connected. Printed before the first record, if that is still so.
    missing_subscribers: Option<String>,
    wanted_subscribers: usize,
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
            wire: args.wire,
            on_full: args.on_full,
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
            missing_subscribers: None,
            wanted_subscribers: args.wait_for,
            outside_root: 0,
        }
    }

    /// Waits for subscribers. Then `--duration` begins.
    fn wait_for_subscribers(&mut self, args: &EmitArgs) -> Result<()> {
        let publisher = self.publish.publisher();
        let stop = || self.shutdown.stop.requested();
        let waited = publisher.wait_for(args.wait_for, args.wait.0, &args.root, &stop);
        if let WaitOutcome::TimedOut(subscribers) = waited {
            self.missing_subscribers = missing_subscribers(args, publisher, subscribers);
        }
        self.begun = Instant::now();
        if let Some(duration) = args.duration {
            // It is set here only.
            let _ = self.shutdown.until.set(self.begun + duration.0);
        }
        Ok(())
    }

    /// Reports that too few subscribers connected, if that is still so.
    fn report_missing_subscribers(&mut self) {
        let Some(text) = self.missing_subscribers.take() else { return };
        let publisher = self.publish.publisher();
        publisher.process_events();
        if publisher.subscribers(&self.sender.root) < self.wanted_subscribers {
            let line = format_args!("zlog emit: {}", escape(&text));
            self.progress.suspended(|| terminal::eprint_line(line));
        }
    }

    /// Prints notices; the progress line makes room.
    fn report_notices(&self, notices: Vec<Notice>) {
        for notice in notices {
            let line = format_args!("zlog emit: {}", notice.text);
            self.progress.suspended(|| terminal::eprint_line(line));
        }
    }

    /// Prints whose connections were closed because of what they sent.
    fn report_disconnects(&mut self) {
        super::warn_of_descriptors(Instant::now());
        if let Some(text) = self.publish.publisher().take_report().filter(|_| !self.quiet) {
            let line = format_args!("zlog emit: {}", escape(&text));
            self.progress.suspended(|| terminal::eprint_line(line));
        }
    }

    /// Waits until `--tee` has copied what was read, and reports what it has not.
    fn await_copies(&self, source: &dyn Source) {
        let Some(progress) = source.read_progress() else { return };
        progress.close();
        let until = Instant::now() + self.shutdown.linger();
        while progress.copying() > 0 && Instant::now() < until {
            std::thread::sleep(COPY_CHECK);
        }
        let uncopied = progress.copying() + progress.uncopied();
        if uncopied > 0 {
            terminal::eprint_line(format_args!(
                "zlog emit: --tee: up to {} not copied: the reader did not read them in time",
                counted(uncopied, "byte")
            ));
        }
    }

    /// Flushes, prints the summary, and returns the exit code.
    fn finish(mut self, args: &EmitArgs, mut source: Box<dyn Source>) -> Result<Exit> {
        self.progress.clear();
        let took = self.begun.elapsed();
        if args.tee {
            self.await_copies(&*source);
        }
        self.publish.flush()?;
        self.report_disconnects();
        // The number of the last minute. It is no use with --quiet.
        let misused = self.publish.publisher().take_last_report();
        if let Some(text) = misused.filter(|_| !self.quiet) {
            terminal::eprint_line(format_args!("zlog emit: {}", escape(&text)));
        }
        let flushed = self.publish.close(Instant::now() + self.shutdown.linger()).is_ok();
        let published = self.publish.published();
        let (outside_root, counts) = (self.outside_root, source.counts());
        let summary = Summary { published, outside_root, counts, took, flushed };
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

impl<S: Source + ?Sized> Pipeline<S> for Emit {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        if let Some(rate) = &mut self.rate {
            let now = Instant::now();
            let pause = rate.next(now).saturating_duration_since(now);
            self.publish.publisher().pause(pause, &|| self.shutdown.is_due());
            self.progress.show(self.taken);
        }
        self.report_missing_subscribers();
        self.outside_root += u64::from(self.sender.fill(record));
        self.publish.handle(record)?;
        self.taken += 1;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.shutdown.is_due() || self.limit.is_some_and(|limit| self.taken >= limit)
    }

    fn wait(&self) -> Duration {
        match self.shutdown.until.get() {
            Some(until) => until.saturating_duration_since(Instant::now()).min(pump::TICK),
            None => pump::TICK,
        }
    }

    fn after_poll(&mut self, source: &mut S, _: PollStatus) -> Result<()> {
        self.publish.flush()?;
        self.progress.show(self.taken);
        self.report_notices(source.take_notices());
        self.report_disconnects();
        Ok(())
    }

    /// At a signal, what was read must not be lost.
    fn grace(&self) -> Option<Duration> {
        self.shutdown.stop.requested().then(|| self.shutdown.linger())
    }
}

/// That fewer subscribers than wanted connected in time, and the next step. `None` if none is
/// wanted.
fn missing_subscribers(args: &EmitArgs, publisher: &Publisher, there: usize) -> Option<String> {
    let (wait, wanted) = (args.wait, args.wait_for);
    let endpoints = publisher.endpoint_status();
    let binds = endpoints.iter().all(|endpoint| endpoint.role == Role::Bind);
    let names: Vec<&str> = endpoints.iter().map(|endpoint| &*endpoint.endpoint).collect();
    let names = names.join(", ");
    let first = if binds { "`zlog tail`" } else { "`zlog relay`" };
    match wanted {
        0 => None,
        1 => Some(format!(
            "no subscriber on {names} after {wait}; publishing anyway. Start {first} first, or \
             wait longer with --wait 1m"
        )),
        _ => Some(format!(
            "{there} of {wanted} subscribers on {names} after {wait}; publishing anyway. Wait \
             longer with --wait 1m"
        )),
    }
}

fn sender(args: &EmitArgs) -> SenderFields {
    let name = args.name.as_deref().unwrap_or(match &*args.root {
        "" => "root", // Python's name for the root logger
        root => root,
    });
    let mut sender = SenderFields::of_this_process(name);
    sender.root.clone_from(&args.root);
    sender.stored = source::is_stored(args);
    // Without a root, a replay publishes records under their original topics.
    sender.trust_topic = args.trust_topic || (args.replay.is_some() && args.root.is_empty());
    sender.subtopic = args.subtopic.clone().unwrap_or_default().leak();
    if let Some(source) = &args.source {
        sender.source = source.clone().leak();
    }
    if let Some(program) = args.command.first() {
        let program = std::path::Path::new(program);
        let name = program.file_name().unwrap_or(program.as_os_str());
        sender.process_name = name.to_string_lossy().into_owned().leak();
    }
    sender
}

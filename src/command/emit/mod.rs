//! `zlog emit`: a source of lines or records, published.
//!
//! Opens the source and the publisher, runs them until the source ends, a limit is reached
//! or a signal comes, flushes, and prints a summary.
//!
//! A wrapped command, and whoever writes to standard input, must not be stopped by a fault in
//! publishing. So the input is then read to its end, and counted instead of published.

mod destinations;
mod sender;
mod shutdown;
mod source;
mod spool;
mod subscriber_wait;
mod summary;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::shutdown::Shutdown;
use self::subscriber_wait::SubscriberWait;
use self::summary::{ProgressLine, Summary};
use super::HandlerTotals;
use super::rate_limiter::RateLimiter;
use crate::cli::EmitArgs;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Error, Exit, Record, Result};
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::publish::{Publish, PublishOptions, Published};
use zlog_pipeline::handler::topic::write_topic;
use zlog_pipeline::os::clock::TICK;
use zlog_pipeline::os::signal::{Forwarding, ShutdownSignal};
use zlog_pipeline::os::{clock, fd_limit, terminal, wakeup};
use zlog_pipeline::pump::{Pipeline, pump};
use zlog_pipeline::router::Router;
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::socket::{Confirmation, Publisher};
use zlog_pipeline::source::{Notice, PollStatus, ReadProgress, Source};

/// The longest wait for the source, if it can be woken: some reports come once a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often to check, at the end, whether `--tee` has copied everything.
const COPY_CHECK: Duration = Duration::from_millis(5);

/// Publishes the records of the source. `fault` is why that is not possible, if it is known
/// already.
///
/// # Errors
/// The source can't be read, or an endpoint can't be used and nobody depends on the source
/// being read.
pub fn run(args: EmitArgs, fault: Option<Error>) -> Result<Exit> {
    // First, because catching signals needs descriptors, too.
    let limit = super::raise_descriptor_limit("emit");
    let (stop, signals) = catch_signals(&args)?;
    // A name may be missing because the user's file was not found: no wrong usage for sure.
    let is_typed = fault.is_none();
    // Before anything is bound: an address that is refused ends this command.
    let listens = args.listen.any() && limit.is_ok() && is_typed;
    let listening = listens.then(|| source::listen(&args)).transpose()?;
    let opened = limit.and_then(|()| fault.map_or_else(|| destinations::open(&args, &stop), Err));
    if let Err(error) = &opened
        && (args.strict
            || !args.has_writer()
            || is_typed && destinations::is_wrong_usage(&args, error))
    {
        return opened.map(|_| Exit::Failed);
    }
    let mut emit = Emit::new(&args, stop);
    match opened {
        Ok(opened) => {
            emit.publish = opened.publisher.map(|publisher| emit.publish(&args, publisher));
            emit.confirmation = opened.confirmation;
            emit.stores = opened.stores;
        }
        Err(error) => emit.report_fault(error),
    }
    // Files that can't be read are reported before the wait for subscribers.
    let spool = emit.confirmation.clone().filter(Confirmation::holds);
    let mut source = listening.map_or_else(|| source::open(&args, signals, spool), Ok)?;
    emit.report_notices(source.take_notices());
    // --duration ends a wait without limit. Others do not count.
    let is_unlimited = args.follow && args.wait.is_none();
    if is_unlimited {
        emit.begin(&args);
    }
    // Often there is nothing new.
    if !args.has_writer() && !args.reads_what_is_new() {
        emit.await_subscribers();
    }
    if !is_unlimited {
        emit.begin(&args);
    }
    emit.read = source.read_progress().filter(|_| args.position.is_some());
    emit.progress.set_read_progress(source.read_progress());
    emit.wake(&mut *source);
    let mut ran = pump(&mut *source, &mut emit);
    if args.has_writer()
        && let Err(error) = ran
    {
        emit.report_fault(error);
        ran = pump(&mut *source, &mut emit);
    }
    // Also after an error: what was published until then must not be lost.
    let exit = emit.finish(&args, source);
    ran.and(exit)
}

/// Catches signals. They ask this process to stop, except while a wrapped command runs:
/// then they are forwarded to it.
fn catch_signals(args: &EmitArgs) -> Result<(ShutdownSignal, Option<Forwarding>)> {
    if args.command.is_empty() {
        return Ok((ShutdownSignal::install_with_hangup()?, None));
    }
    let stop = ShutdownSignal::default();
    let signals = Forwarding::install(stop.clone())?;
    Ok((stop, Some(signals)))
}

/// The pipeline: fills in the sender's fields and publishes, within the limits that were
/// typed.
struct Emit {
    shutdown: Shutdown,
    sender: SenderFields,
    /// `None` if publishing is not possible, or not any more.
    publish: Option<Publish>,
    /// With `--spool`.
    confirmation: Option<Confirmation>,
    /// The handlers that store records, if there are any.
    stores: Option<Router>,
    /// Whether the logger's name is in the topics of stored records, as in those of published ones.
    logger_in_topic: bool,
    wait: SubscriberWait,
    rate: Option<RateLimiter>,
    limit: Option<u64>,
    progress: ProgressLine,
    /// To give records back, with `--position`.
    read: Option<Arc<ReadProgress>>,
    quiet: bool,
    begun: Instant,
    longest_wait: Duration,
    taken: u64,
    /// When the stored lines of this poll were read: seconds since 1970-01-01 UTC.
    read_at: Option<f64>,
    /// Records whose own topic was not under the root.
    outside_root: u64,
    /// What was published before publishing became impossible.
    published: Published,
    /// Records read since then.
    unpublished: u64,
    /// Records that were held back until the end, because no subscriber came.
    held_back: u64,
    failed: bool,
}

impl Emit {
    fn new(args: &EmitArgs, stop: ShutdownSignal) -> Emit {
        let shutdown = Shutdown::new(stop, args.linger.0);
        Emit {
            longest_wait: TICK,
            publish: None,
            confirmation: None,
            stores: None,
            logger_in_topic: args.listen.python(),
            wait: SubscriberWait::new(args),
            sender: sender::fields(args),
            shutdown,
            rate: args.rate.map(RateLimiter::new),
            limit: args.count,
            progress: ProgressLine::new(args),
            read: None,
            quiet: args.quiet,
            begun: Instant::now(),
            taken: 0,
            read_at: None,
            outside_root: 0,
            published: Published::default(),
            unpublished: 0,
            held_back: 0,
            failed: false,
        }
    }

    fn publish(&self, args: &EmitArgs, publisher: Publisher) -> Publish {
        let shutdown = self.shutdown.clone();
        let options = PublishOptions {
            root: args.root.clone(),
            logger_in_topic: args.listen.python(),
            wire: args.wire,
            on_full: args.on_full,
            give_up: Box::new(move || shutdown.is_overdue()),
            // The summary has the losses, with --quiet, too.
            report: if args.quiet { Box::new(|_| {}) } else { self.progress.notifier() },
        };
        Publish::new(publisher, options)
    }

    /// Lets signals and events of the publisher end the waits for the source. Where that is
    /// not possible, the waits are short.
    fn wake(&mut self, source: &mut dyn Source) {
        let catches_hangup = self.shutdown.stop.catches_hangup();
        let Ok((wake, wakes)) = wakeup::wakeups(catches_hangup, false) else { return };
        if !source.wake_by(wakes) {
            return;
        }
        let publisher = self.publish.as_mut().map(Publish::publisher);
        if publisher.is_none_or(|publisher| publisher.wake_on_events(wake).is_ok()) {
            self.longest_wait = LONGEST_WAIT;
        }
    }

    /// Begins to measure, and `--duration`.
    fn begin(&mut self, args: &EmitArgs) {
        self.begun = Instant::now();
        if let Some(duration) = args.duration {
            // It is set here only.
            let _ = self.shutdown.until.set(self.begun + duration.0);
        }
    }

    /// Waits for subscribers as long as `--wait` allows. Returns whether a record may be
    /// published.
    fn await_subscribers(&mut self) -> bool {
        let Some(publish) = &mut self.publish else { return true };
        let (shutdown, progress, quiet) = (&self.shutdown, &self.progress, self.quiet);
        let report = |text: &str, is_failure: bool| {
            if is_failure || !quiet {
                progress.suspended(|| print(text));
            }
        };
        self.wait.wait(publish.publisher(), &|| shutdown.ends_wait(), &report)
    }

    /// Makes the source count this record and all later ones as not read: `--position` then
    /// continues with it.
    fn give_back(&self) {
        if let Some(read) = &self.read {
            read.close();
        }
    }

    /// Reports that publishing is not possible, and publishes nothing more.
    fn report_fault(&mut self, error: Error) {
        self.failed = true;
        if let Some(mut publish) = self.publish.take() {
            // A spool counts what it could not write. Nothing is waited for.
            let _ = publish.close(Instant::now());
            self.published = publish.published();
        }
        let error = match self.stores {
            None => error.also("The input is read to its end without being published."),
            Some(_) => error.also("The input is stored without being published."),
        };
        self.progress.suspended(|| terminal::eprint_line(format_args!("zlog emit: {error}")));
    }

    /// Reports that too few subscribers connected, if that is still so.
    fn report_missing_subscribers(&mut self) {
        let Some(publish) = &mut self.publish else { return };
        if let Some(text) = self.wait.take_message(publish.publisher()) {
            self.progress.suspended(|| print(&text));
        }
    }

    /// Prints notices; the progress line makes room.
    fn report_notices(&self, notices: Vec<Notice>) {
        for notice in notices.into_iter().filter(|notice| notice.is_urgent() || !self.quiet) {
            let line = format_args!("zlog emit: {}", notice.text);
            self.progress.suspended(|| terminal::eprint_line(line));
        }
    }

    /// Prints whose connections were closed because of what they sent.
    fn report_disconnects(&mut self) {
        let Some(publish) = &mut self.publish else { return };
        // The warning says how many connections there are.
        publish.publisher().process_events();
        super::warn_of_descriptors("emit", Instant::now());
        if let Some(text) = publish.publisher().take_report().filter(|_| !self.quiet) {
            self.progress.suspended(|| print(&text));
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

    /// Gives the record to the handlers that store it, under the topic that it is published with.
    fn store(&mut self, record: &mut Record<'_>) {
        let Some(stores) = &mut self.stores else { return };
        if record.topic.is_empty() {
            let mut topic = String::new();
            write_topic(record, &self.sender.root, self.logger_in_topic, &mut topic);
            record.topic = topic.into();
        }
        stores.handle(record);
    }

    /// Whether no record waits to be stored, or to be written to the spool.
    fn is_stored(&self) -> bool {
        let status = self.stores.as_ref().map(Router::status).unwrap_or_default();
        status.iter().all(|handler| handler.queued + handler.waiting == 0) && self.is_written()
    }

    /// Whether the spool has written all that it has taken. A full disk may keep it from that.
    fn is_written(&self) -> bool {
        self.confirmation.as_ref().is_none_or(Confirmation::is_written)
    }

    /// Closes the handlers that store records, if there are any, and prints what they lost.
    fn close_stores(&mut self) -> Option<HandlerTotals> {
        let linger = self.shutdown.linger();
        let mut stores = self.stores.take()?;
        Some(super::report_losses("emit", &stores.close(linger)))
    }

    /// Saves what was read, before the spool is closed: that sends what it holds.
    fn save_positions(&mut self, source: &mut dyn Source) {
        let Some(publish) = &mut self.publish else { return };
        // A record that could not be written counts as unread, and is reported at the end.
        let _ = publish.flush();
        if self.confirmation.is_some() && self.is_stored() {
            source.checkpoint(true);
        }
    }

    /// Flushes, and closes the socket. Returns what was published, and whether all of it was
    /// sent.
    fn close(&mut self) -> (Published, bool) {
        let Some(publish) = &mut self.publish else { return (self.published, true) };
        // Publishing buffers nothing, so there is nothing to fail.
        let _ = publish.flush();
        // The number of the last minute. It is no use with --quiet.
        let misused = publish.publisher().take_last_report().filter(|_| !self.quiet);
        misused.iter().for_each(|text| print(text));
        let flushed = publish.close(Instant::now() + self.shutdown.linger()).is_ok();
        (publish.published(), flushed)
    }

    /// Flushes, prints the summary, and returns the exit code.
    fn finish(mut self, args: &EmitArgs, mut source: Box<dyn Source>) -> Result<Exit> {
        self.progress.clear();
        let took = self.begun.elapsed();
        if args.tee {
            self.await_copies(&*source);
            // The copying may have failed since the last poll.
            self.report_notices(source.take_notices());
        }
        self.report_disconnects();
        self.save_positions(&mut *source);
        let (rest, closing) = (self.shutdown.linger(), Instant::now());
        let (published, flushed) = self.close();
        let waited_for_peers = closing.elapsed();
        let stored = self.close_stores();
        let waited = closing.elapsed();
        let is_complete = flushed
            && stored.is_none_or(|stored| stored.missing == 0)
            && self.confirmation.as_ref().is_none_or(|it| it.waiting() == 0);
        let longest = waited_for_peers.max(waited.saturating_sub(waited_for_peers));
        if stored.is_none_or(|stored| stored.missing == 0) && self.is_written() {
            source.checkpoint(true);
        }
        // Without --fail-on-loss, a job may run where nobody listens. What is stored is not lost.
        let needs_subscribers = args.fail_on_loss && stored.is_none();
        let slow = || self.publish.as_ref().map(Publish::slow);
        let summary = Summary {
            published,
            publishes: args.publishes(),
            stored,
            full: slow().and_then(|slow| slow.full()),
            waits: slow().and_then(|slow| slow.waits()),
            outside_root: self.outside_root,
            before_subscribers: if needs_subscribers { published.before_subscribers } else { 0 },
            unpublished: self.unpublished,
            held_back: self.held_back,
            counts: source.counts(),
            took,
            waited,
            linger: args.linger,
            is_linger_over: !is_complete && !rest.is_zero() && longest >= rest,
            flushed,
            confirmation: self.confirmation.clone(),
            lacking: self.publish.as_ref().and_then(Publish::lacking).map(str::to_owned),
        };
        let unconfirmed = args.confirm && summary.has_unconfirmed();
        print_summary(args, &summary, unconfirmed);
        let lost = args.fail_on_loss && summary.lost();
        // A job keeps its own code.
        let lost_everything = stored.is_some_and(HandlerTotals::lost_everything);
        let stores_nothing = lost_everything && !args.publishes();
        let failed = self.failed || stores_nothing && args.command.is_empty() && !lost;
        let exit = match source.exit() {
            Exit::Done if failed => Exit::Failed,
            exit => exit,
        };
        source.stop(args.linger.0)?;
        let exit = self.shutdown.stop.exit().unwrap_or(exit);
        Ok(exit.or_expectation_failed(lost || unconfirmed))
    }
}

/// Prints the summary, or only what was lost.
fn print_summary(args: &EmitArgs, summary: &Summary, unconfirmed: bool) {
    let loss = summary.loss(args.confirm);
    if !args.quiet {
        terminal::eprint_line(format_args!("zlog emit: {summary}"));
    } else if (summary.lost() || unconfirmed) && !loss.is_empty() {
        terminal::eprint_line(format_args!("zlog emit: {loss}"));
    }
}

/// Prints a message with text from outside.
fn print(text: &str) {
    terminal::eprint_line(format_args!("zlog emit: {}", escape(text)));
}

impl<S: Source + ?Sized> Pipeline<S> for Emit {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        self.taken += 1;
        if self.publish.is_none() && self.stores.is_none() {
            self.unpublished += 1;
            return Ok(());
        }
        if !self.await_subscribers() {
            self.held_back += 1;
            self.give_back();
            // A signal ends a wait, too.
            self.failed |= !self.shutdown.is_due();
            return Ok(());
        }
        self.report_missing_subscribers();
        if self.sender.stored && record.created.is_none() && record.received.is_none() {
            // Many lines are read at once: the clock is read once for them, too.
            record.created = Some(*self.read_at.get_or_insert_with(clock::now));
        }
        self.outside_root += u64::from(self.sender.fill(record));
        if let Some(rate) = &mut self.rate {
            let now = Instant::now();
            let pause = rate.next(now).saturating_duration_since(now);
            match &mut self.publish {
                Some(publish) => publish.publisher().pause(pause, &|| self.shutdown.is_due()),
                None => self.shutdown.pause(now + pause),
            }
            self.progress.show(self.taken);
        }
        self.store(record);
        let Some(publish) = &mut self.publish else { return Ok(()) };
        let dropped = publish.backlog().lost;
        publish.handle(record)?;
        if publish.backlog().lost > dropped && self.shutdown.is_due() {
            self.give_back();
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.shutdown.is_due() || self.limit.is_some_and(|limit| self.taken >= limit)
    }

    fn wait(&self) -> Duration {
        let now = Instant::now();
        let until = self.shutdown.until.get().map(|until| until.saturating_duration_since(now));
        let publish = self.publish.as_ref().and_then(Publish::wait_at_most);
        let waits = [until, publish, fd_limit::check_due(now)];
        waits
            .into_iter()
            .flatten()
            .min()
            .map_or(self.longest_wait, |wait| wait.min(self.longest_wait))
    }

    fn after_poll(&mut self, source: &mut S, _: PollStatus) -> Result<()> {
        if let Some(publish) = &mut self.publish {
            publish.flush()?;
        }
        if let Some(stores) = &mut self.stores {
            stores.flush();
            stores.on_timer(Instant::now());
        }
        // After a crash, what is not stored yet is read again.
        if self.is_stored() {
            source.checkpoint(false);
        }
        self.read_at = None;
        self.wait.check_soon();
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

//! `zlog tail`: shows records from a subscription or from stored logs.
//!
//! Both are pipelines ([`pump`](zlog_pipeline::pump::pump)) with the same `Tail`, which
//! decides what happens to a record and when the tail ends.

mod counts;
mod last;
mod left_out;
mod live;
mod loss_report;
mod no_output;
mod output;
mod settings;
mod stored;
#[cfg(feature = "nats")]
mod stream;
mod unseen_fields;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::output::{Closed, TailOutput};
use super::selection;
use crate::cli::TailArgs;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{counted, grouped};
use zlog_core::{Error, Exit, Record, Result};
use zlog_pipeline::os::clock::TICK;
use zlog_pipeline::os::signal::{Hangup, ShutdownSignal};
use zlog_pipeline::os::{fd_limit, terminal};
use zlog_pipeline::source::PollStatus;
use zlog_pipeline::source::subscribe::LateMessages;

/// Shows the records that were asked for.
///
/// # Errors
/// An endpoint can't be used, input can't be read, or output can't be written.
pub fn run(mut args: TailArgs) -> Result<Exit> {
    hint_at_topics(&args);
    move_stdin(&mut args);
    move_servers(&mut args)?;
    move_files(&mut args)?;
    move_endpoints(&mut args)?;
    let mut tail = Tail::new(&args)?;
    let ran = match &args.from_nats {
        #[cfg(feature = "nats")]
        Some(servers) => stream::run(servers, &args, &mut tail),
        #[cfg(not(feature = "nats"))]
        Some(_) => Err(zlog_pipeline::nats::missing()),
        None if args.input.is_empty() => live::run(&args, &mut tail),
        None => stored::run(&args, &mut tail),
    };
    let ran = ran.and_then(|()| tail.output.release_all());
    // Handlers send what they hold even when nobody reads what is printed any more.
    let closed = tail.output.close(args.linger.0);
    match ran {
        Ok(()) => tail.finish(&args, &closed),
        Err(error) => {
            let lost = args.fail_on_loss && tail.has_lost(&closed);
            match error.exit() {
                // Standard output was closed, which is no error.
                Exit::Done if lost => Ok(Exit::ExpectationFailed),
                exit => Err(error.exit_as(exit.or_expectation_failed(lost))),
            }
        }
    }
}

/// Moves the server of NATS from the topics to `--from-nats`.
fn move_servers(args: &mut TailArgs) -> Result<()> {
    let has_other = args.reads_stored();
    let server = selection::take_server(
        &mut args.select,
        &args.endpoints,
        has_other,
        "endpoints, or files",
    )?;
    args.from_nats = server.or(args.from_nats.take());
    Ok(())
}

/// Moves `-` to `--input`: no topic is called so, and other programs read standard input then.
fn move_stdin(args: &mut TailArgs) {
    let subscribes = !(args.endpoints.bind.is_empty() && args.endpoints.connect.is_empty());
    if !(args.reads_stored() || args.follow || subscribes) {
        args.input =
            args.select.topics.extract_if(.., |word| word == "-").map(PathBuf::from).collect();
    }
}

/// Moves the arguments to `--input` if files are followed: `zlog tail -f app.log`.
fn move_files(args: &mut TailArgs) -> Result<()> {
    if !args.follow || args.reads_stored() {
        return Ok(());
    }
    let endpoints = &args.endpoints;
    let subscribes = !(endpoints.bind.is_empty() && endpoints.connect.is_empty())
        || args.select.topics.iter().any(|word| word.contains("://"));
    if args.select.topics.is_empty() || subscribes {
        return Err(Error::usage("--follow is for files, and no file is given").hint(
            "Follow a file: zlog tail -f FILE, or --input FILE --follow. A subscription goes on \
             without --follow.",
        ));
    }
    for word in args.select.topics.iter().filter(|word| *word != "-" && !Path::new(word).exists()) {
        let word = escape(word);
        if !args.quiet {
            terminal::eprint_line(format_args!(
                "zlog tail: \"{word}\" is taken as a file. To subscribe to topics, leave out -f."
            ));
        }
    }
    args.input = args.select.topics.drain(..).map(PathBuf::from).collect();
    Ok(())
}

/// Says how to give topics with `--input`, which takes all words after it: `--input app.log
/// app.ERROR`.
fn hint_at_topics(args: &TailArgs) {
    let looks_like_topic = |path: &&PathBuf| {
        let is_word = path.components().count() == 1 && path.as_os_str() != "-";
        is_word && !path.exists()
    };
    let Some(word) = args.input.iter().skip(1).find(looks_like_topic) else { return };
    if !args.quiet {
        let word = escape(&word.to_string_lossy());
        terminal::eprint_line(format_args!(
            "zlog tail: \"{word}\" after --input is taken as a file. Topics come before it: \
             zlog tail {word} --input FILE"
        ));
    }
}

/// Moves endpoints from the topics to `--connect`: `python -m zmq.log` takes its endpoint as
/// an argument, too.
fn move_endpoints(args: &mut TailArgs) -> Result<()> {
    let endpoints = selection::take_endpoints(&mut args.select);
    if let (Some(endpoint), true) = (endpoints.first(), args.reads_stored()) {
        let stored = match &args.from_nats {
            Some(server) => selection::name_of_server(server),
            None if args.input == [Path::new("-")] => "standard input (-)".to_owned(),
            None => "--input".to_owned(),
        };
        let what = format!("{stored} can't be combined with the endpoint {}", escape(endpoint));
        return Err(Error::usage(what).hint("Leave out one of them."));
    }
    for hint in selection::odd_topics(&args.select).filter(|_| !args.quiet) {
        terminal::eprint_line(format_args!("zlog tail: {hint}"));
    }
    args.endpoints.connect.extend(endpoints);
    args.select.topics.append(&mut args.select.topic);
    Ok(())
}

/// The longest wait for records where nothing is due.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why a tail ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    /// As many records as asked for have passed, the input has ended, or nobody reads the
    /// output.
    Done,
    /// `--timeout` is over.
    TimedOut,
    /// A signal asked it to stop.
    Stopped,
    /// Part of the input could not be read, which has been reported.
    Failed,
}

/// The output of a tail, and what ends it.
struct Tail {
    output: TailOutput,
    stop: ShutdownSignal,
    /// With handlers, SIGHUP reopens their files. Without, it ends the tail.
    hangup: Option<Hangup>,
    deadline: Option<Instant>,
    /// Why the tail ends, once that is certain.
    ended: Option<Ended>,
    /// Whether the last poll found no records. Only then may the next one wait: the output is
    /// flushed before.
    is_idle: bool,
    /// When timed work ran last.
    last_timer: Instant,
    /// When the handlers have timed work to do.
    handlers_due: Option<Instant>,
    /// Whether signals and a closed output end the wait of a poll. If not, it is short.
    is_woken: bool,
    /// Messages that arrived after `--linger`, so that the handlers do not have them.
    late: LateMessages,
    /// Gaps in the files that were read.
    gaps: u64,
    /// Messages that were refused, because their publisher's key does not allow them.
    denied: u64,
}

impl Tail {
    fn new(args: &TailArgs) -> Result<Tail> {
        let now = Instant::now();
        let stop = ShutdownSignal::install()?;
        let hangup = args.has_handlers().then(|| Hangup::install(&stop)).transpose()?;
        let output = settings::output(args, &stop, now)?;
        let deadline = args.timeout.map(|timeout| now + timeout.0);
        let late = LateMessages::default();
        Ok(Tail {
            output,
            stop,
            hangup,
            deadline,
            ended: None,
            is_idle: false,
            last_timer: now,
            handlers_due: None,
            is_woken: false,
            late,
            gaps: 0,
            denied: 0,
        })
    }

    /// Takes a record, unless as many as asked for have passed.
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        self.reopen_on_hangup();
        match self.output.is_full() {
            true => Ok(()),
            false => self.output.take(record),
        }
    }

    /// Reopens files after a SIGHUP. Called before each record: whoever has renamed a file may
    /// read and delete it at once (logrotate's `compress`), and what is written to it from
    /// then on is lost.
    fn reopen_on_hangup(&mut self) {
        if self.hangup.as_ref().is_some_and(Hangup::take) {
            self.output.router.reopen();
        }
    }

    /// Whether to end before the input does.
    fn is_done(&self) -> bool {
        self.output.is_full() || self.stop.requested() || self.ended.is_some()
    }

    /// Why the tail ends.
    fn ended(&self) -> Ended {
        match self.ended {
            Some(ended) => ended,
            None if self.stop.requested() && !self.output.is_full() => Ended::Stopped,
            None => Ended::Done,
        }
    }

    /// How long the next poll may wait for records.
    fn wait(&self) -> Duration {
        if !self.is_idle {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let dues = [self.deadline, self.handlers_due, self.output.report_due(now)];
        let waits = dues.map(|due| due.map(|due| due.saturating_duration_since(now)));
        let longest = if self.is_woken { LONGEST_WAIT } else { TICK };
        let waits = waits.into_iter().chain([fd_limit::check_due(now)]);
        waits.flatten().min().map_or(longest, |wait| wait.min(longest))
    }

    /// Runs after each poll, and does what is due. `busy_clock` is up to when reorder windows
    /// have ended while more records are at hand; `None` is now. Returns the time if timed work
    /// is due.
    fn after_poll(
        &mut self,
        status: PollStatus,
        busy_clock: Option<Instant>,
    ) -> Result<Option<Instant>> {
        let now = Instant::now();
        let waited = std::mem::replace(&mut self.is_idle, status == PollStatus::Idle);
        // A busy stream of which few records pass never pauses, and its reader waits, too.
        let is_due = self.is_idle || now >= self.last_timer + TICK;
        if is_due {
            self.output.flush()?;
            self.output.print_counts(self.is_idle)?;
            self.handlers_due = self.output.router.on_timer(now);
            self.reopen_on_hangup();
            super::warn_of_descriptors("tail", now);
            self.last_timer = now;
        }
        // Only a poll that has waited in vain shows that no more records are at hand.
        let clock = busy_clock.filter(|_| !(waited && self.is_idle));
        self.output.release(clock.unwrap_or(now))?;
        self.output.report(now, false);
        if self.ended.is_none() {
            self.ended = if self.output.is_full() || (self.is_idle && self.output.is_closed()) {
                Some(Ended::Done)
            } else if self.stop.requested() {
                Some(Ended::Stopped)
            } else if self.deadline.is_some_and(|deadline| now >= deadline) {
                Some(Ended::TimedOut)
            } else {
                None
            };
        }
        Ok(is_due.then_some(now))
    }

    fn has_lost(&self, closed: &Closed) -> bool {
        self.output.losses.lost() > 0
            || closed.handlers.missing > 0
            || self.late.any()
            || self.gaps + self.denied > 0
    }

    /// Prints what is due at the end, and returns the exit code.
    fn finish(mut self, args: &TailArgs, closed: &Closed) -> Result<Exit> {
        self.output.report(Instant::now(), true);
        self.print_late();
        if let Some(error) = self.output.take_abandoned(closed) {
            let exit = error.exit().or_expectation_failed(args.fail_on_loss);
            return Err(error.exit_as(exit));
        }
        let undecoded = self.output.undecoded;
        if undecoded > 0 && !args.quiet {
            terminal::eprint_line(format_args!(
                "zlog tail: {} could not be decoded; shown as text and marked",
                counted(undecoded, "record")
            ));
        }
        let unformatted = closed.console.as_ref().map_or(0, |console| console.unformatted);
        if unformatted > 0 && !args.quiet {
            terminal::eprint_line(format_args!(
                "zlog tail: {} did not fit --format; shown and marked",
                counted(unformatted, "record")
            ));
        }
        if self.output.passed > 0 {
            for text in self.output.unseen.chosen() {
                terminal::eprint_line(format_args!("zlog tail: {text}"));
            }
        }
        let lost = self.output.losses.lost();
        if args.fail_on_loss && lost > 0 {
            terminal::eprint_line(format_args!(
                "zlog tail: {} lost in all",
                counted(lost, "record")
            ));
        }
        let prints = closed.console.is_some() || args.count_by.is_some();
        let has_nothing = !prints && closed.handlers.lost_everything();
        let exit = match (self.ended(), self.stop.exit()) {
            (Ended::Stopped, Some(signal)) => signal,
            (Ended::Failed, _) => Exit::Failed,
            (Ended::TimedOut, _) if !self.output.is_full() && args.count.is_some() => {
                self.print_expectation_failed(args);
                Exit::ExpectationFailed
            }
            _ if has_nothing && !args.fail_on_loss => Exit::Failed,
            _ => Exit::Done,
        };
        Ok(exit.or_expectation_failed(args.fail_on_loss && self.has_lost(closed)))
    }

    fn print_late(&self) {
        if !self.late.any() {
            return;
        }
        let messages = counted(self.late.count, "message");
        let cause = match self.late.and_more {
            false => ": --linger was over",
            true => ", and publishers were still sending: the number of lost records is unknown",
        };
        terminal::eprint_line(format_args!(
            "zlog tail: {messages} came too late for the handlers{cause}"
        ));
    }

    fn print_expectation_failed(&self, args: &TailArgs) {
        let (passed, asked) = (self.output.passed, args.count.unwrap_or_default());
        if let (Some(timeout), false) = (args.timeout, args.quiet) {
            terminal::eprint_line(format_args!(
                "zlog tail: {} of {} came within {timeout}",
                grouped(passed),
                counted(asked, "record")
            ));
        }
    }
}

//! `zlog tail`: shows records from a subscription or from stored logs.
//!
//! Both are an [`Input`] of one loop, and what happens to a record is the same for both:
//! [`TailOutput`].

mod connection_log;
mod live;
mod loss_report;
mod no_output;
mod no_peer;
mod output;
mod settings;
mod stored;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use self::live::Live;
use self::output::{Closed, TailOutput};
use self::stored::Stored;
use crate::cli::TailArgs;
use zlog_core::error::{Error, Exit, Result};
use zlog_core::record::Record;
use zlog_core::text::plural::counted;
use zlog_pipeline::os::signal::{Hangup, ShutdownSignal};
use zlog_pipeline::os::terminal;
use zlog_pipeline::source::PollStatus;

/// The longest time between two looks at signals and the clock.
const TICK: Duration = Duration::from_millis(50);

/// Shows the records that were asked for.
///
/// # Errors
/// An endpoint can't be used, input can't be read, or output can't be written.
pub fn run(mut args: TailArgs) -> Result<Exit> {
    move_endpoints(&mut args)?;
    let mut tail = Tail::new(&args)?;
    let ended = if args.input.is_empty() {
        Live::open(&args, &mut tail).and_then(|input| tail.run(input))
    } else {
        Stored::open(&args).and_then(|input| tail.run(input))
    };
    let ended = ended.and_then(|ended| tail.output.release_all().map(|()| ended));
    // Handlers send what they hold even when nobody reads what is printed any more.
    let closed = tail.output.close(args.linger.0);
    match ended {
        Ok(ended) => tail.finish(&args, ended, &closed),
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

/// Moves endpoints from the topics to `--connect`: `python -m zmq.log` takes its endpoint as
/// an argument, too.
fn move_endpoints(args: &mut TailArgs) -> Result<()> {
    let (endpoints, topics): (Vec<String>, Vec<String>) =
        args.topics.drain(..).partition(|word| word.contains("://"));
    if let (Some(endpoint), false) = (endpoints.first(), args.input.is_empty()) {
        let what = format!("--input reads files, and can't connect to {endpoint} too");
        return Err(Error::usage(what).hint("Leave out one of them."));
    }
    args.topics = topics;
    args.endpoints.connect.extend(endpoints);
    args.topics.append(&mut args.topic);
    Ok(())
}

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

/// Where records come from.
trait Input {
    /// Passes the records at hand to [`Tail::take_until_stopped`], or waits for some.
    fn poll(&mut self, tail: &mut Tail, wait: Duration) -> Result<PollStatus>;

    /// Runs timed work.
    fn on_timer(&mut self, tail: &Tail, now: Instant);

    /// Up to when reorder windows have ended while more records are at hand.
    fn busy_clock(&self) -> Instant;

    /// Delivers what must still be delivered, and returns how the tail ends.
    fn finish(&mut self, tail: &mut Tail, ended: Ended) -> Result<Ended>;
}

/// The output of a tail, and what ends it.
struct Tail {
    output: TailOutput,
    stop: ShutdownSignal,
    /// With handlers, SIGHUP reopens their files. Without, it ends the tail.
    hangup: Option<Hangup>,
    deadline: Option<Instant>,
    /// Records that came too late for the handlers.
    late: LateRecords,
}

/// Records that arrived after `--linger`, so that the handlers do not have them.
#[derive(Default)]
struct LateRecords {
    messages: u64,
    /// Publishers were still sending.
    and_more: bool,
}

impl LateRecords {
    fn any(&self) -> bool {
        self.messages > 0 || self.and_more
    }

    fn print(&self) {
        let messages = counted(self.messages, "message");
        match (self.any(), self.and_more) {
            (false, _) => {}
            (true, false) => terminal::eprint_line(format_args!(
                "zlog tail: {messages} came too late for the handlers: --linger was over"
            )),
            (true, true) => terminal::eprint_line(format_args!(
                "zlog tail: {messages} came too late for the handlers, and publishers were still \
                 sending: how many records are lost is not known"
            )),
        }
    }
}

impl Tail {
    fn new(args: &TailArgs) -> Result<Tail> {
        let now = Instant::now();
        let stop = ShutdownSignal::install()?;
        let hangup = args.has_handlers().then(|| Hangup::install(&stop)).transpose()?;
        let output = settings::output(args, &stop, now)?;
        let deadline = args.timeout.map(|timeout| now + timeout.0);
        Ok(Tail { output, stop, hangup, deadline, late: LateRecords::default() })
    }

    /// Delivers records until enough have come or a signal asks to stop.
    fn run(&mut self, mut input: impl Input) -> Result<Ended> {
        let mut last_timer = Instant::now();
        loop {
            let now = Instant::now();
            if let Some(ended) = self.ended(now) {
                return input.finish(self, ended);
            }
            // Without waiting first: the output is flushed when no more records are at hand.
            let mut polled = input.poll(self, Duration::ZERO)?;
            let idle = polled == PollStatus::Idle;
            // A busy stream of which few records pass never pauses, and its reader waits, too.
            if idle || now >= last_timer + TICK {
                self.output.flush()?;
                // Waits are no longer than a tick, so timed work is late by no more.
                self.output.router.on_timer(now);
                self.reopen_on_hangup();
                input.on_timer(self, now);
                last_timer = now;
            }
            if idle {
                if self.output.is_closed() {
                    return Ok(Ended::Done);
                }
                polled = input.poll(self, self.wait(now))?;
            }
            self.output.release(if idle { Instant::now() } else { input.busy_clock() })?;
            self.output.report(now, false);
            if polled == PollStatus::Ended {
                return input.finish(self, Ended::Done);
            }
        }
    }

    /// Whether to end now, and why.
    fn ended(&self, now: Instant) -> Option<Ended> {
        if self.output.is_full() {
            Some(Ended::Done)
        } else if self.stop.requested() {
            Some(Ended::Stopped)
        } else if self.deadline.is_some_and(|deadline| now >= deadline) {
            Some(Ended::TimedOut)
        } else {
            None
        }
    }

    /// How long the input may wait for records.
    fn wait(&self, now: Instant) -> Duration {
        let until = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        self.output.wait_at_most(until.unwrap_or(TICK).min(TICK))
    }

    /// Takes a record. Asks for no more once a signal has asked to stop.
    fn take_until_stopped(&mut self, record: &mut Record<'_>) -> Result<ControlFlow<()>> {
        let flow = self.take(record)?;
        Ok(if self.stop.requested() { ControlFlow::Break(()) } else { flow })
    }

    fn take(&mut self, record: &mut Record<'_>) -> Result<ControlFlow<()>> {
        self.reopen_on_hangup();
        self.output.take(record)
    }

    /// Reopens files after a SIGHUP. Called before each record: whoever has renamed a file may
    /// read and delete it at once (logrotate's `compress`), and what is written to it from
    /// then on is lost.
    fn reopen_on_hangup(&mut self) {
        if self.hangup.as_ref().is_some_and(Hangup::take) {
            self.output.router.reopen();
        }
    }

    fn has_lost(&self, closed: &Closed) -> bool {
        self.output.losses.lost() > 0 || closed.missing > 0 || self.late.any()
    }

    /// Prints what is due at the end, and returns the exit code.
    fn finish(mut self, args: &TailArgs, ended: Ended, closed: &Closed) -> Result<Exit> {
        self.output.report(Instant::now(), true);
        self.late.print();
        if let Some(error) = self.output.take_abandoned(closed) {
            let exit = error.exit().or_expectation_failed(args.fail_on_loss);
            return Err(error.exit_as(exit));
        }
        let undecoded = self.output.undecoded;
        if undecoded > 0 && !args.quiet {
            terminal::eprint_line(format_args!(
                "zlog tail: {undecoded} could not be decoded; shown as text and marked"
            ));
        }
        let unformatted = closed.console.as_ref().map_or(0, |console| console.unformatted);
        if unformatted > 0 && !args.quiet {
            terminal::eprint_line(format_args!(
                "zlog tail: {unformatted} did not fit --format; shown with the reason"
            ));
        }
        let lost = self.output.losses.lost();
        if args.fail_on_loss && lost > 0 {
            terminal::eprint_line(format_args!("zlog tail: {lost} lost in all"));
        }
        let exit = match (ended, self.stop.exit()) {
            (Ended::Stopped, Some(signal)) => signal,
            (Ended::Failed, _) => Exit::Failed,
            (Ended::TimedOut, _) if !self.output.is_full() && args.count.is_some() => {
                self.print_unmet(args);
                Exit::ExpectationFailed
            }
            _ => Exit::Done,
        };
        Ok(exit.or_expectation_failed(args.fail_on_loss && self.has_lost(closed)))
    }

    fn print_unmet(&self, args: &TailArgs) {
        let (passed, asked) = (self.output.passed, args.count.unwrap_or_default());
        if let (Some(timeout), false) = (args.timeout, args.quiet) {
            terminal::eprint_line(format_args!(
                "zlog tail: {passed} of {} came within {timeout}",
                counted(asked, "record")
            ));
        }
    }
}

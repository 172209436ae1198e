//! `zlog tail`: records from a subscription or from stored logs, shown.
//!
//! What was typed becomes a view, which is the same wherever records come
//! from, and a source; `live` and `stored` run the one into the other.

mod backlog;
mod live;
mod loss_report;
mod no_output;
mod no_peer;
mod output;
mod stored;

use std::io::Write;
use std::time::{Duration, Instant};

use jiff::Zoned;

use self::loss_report::LossReport;
use self::output::{Destination, Raw, TailOutput};
use crate::cli::{FormatArgs, TailArgs};
use zlog_core::error::{Error, Exit, Result};
use zlog_core::filter::{Bound, Filter, Topics, parse_when};
use zlog_core::format::FormatterSpec;
use zlog_core::format::{self, Options, Output};
use zlog_core::reorder::ReorderBuffer;
use zlog_core::stats::Stats;
use zlog_core::text::plural::counted;
use zlog_pipeline::handler::console::Console;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::os::signal::{Hangup, ShutdownSignal};
use zlog_pipeline::os::terminal::{self, Stdout};
use zlog_pipeline::router::{HandlerContext, HandlerSpec, RecordFilter, Router};

/// How long to wait for records before looking at signals and the clock.
const TICK: Duration = Duration::from_millis(50);

/// Shows the records that were asked for.
///
/// # Errors
/// Endpoints that can't be used, input that can't be read, output that can't be
/// written.
pub fn run(mut args: TailArgs) -> Result<Exit> {
    take_endpoints(&mut args)?;
    let mut tail = Tail::new(&args)?;
    let ended = if args.input.is_empty() {
        live::run(&args, &mut tail)
    } else {
        stored::run(&args, &mut tail)
    };
    match ended {
        Ok(ended) => tail.finish(&args, ended),
        Err(error) => {
            // Also when nobody reads what is printed any more, handlers have their records.
            let missing = tail.close_handlers(&args);
            let lost = args.fail_on_loss && (missing > 0 || tail.output.losses.lost() > 0);
            match error.exit() {
                // A closed pipe, of which there is nothing to say.
                Exit::Done if lost => Ok(Exit::ExpectationFailed),
                exit => Err(error.exit_as(exit.or_expectation_failed(lost))),
            }
        }
    }
}

/// Moves endpoints from among the topics to where they belong: `python -m zmq.log`
/// takes its endpoint there.
fn take_endpoints(args: &mut TailArgs) -> Result<()> {
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
    /// As many records as wanted came, or the input ended.
    Done,
    /// The time was up.
    TimedOut,
    /// Somebody asked it to stop.
    Stopped,
    /// Part of the input could not be read; it has been told.
    Failed,
}

/// A view, and the limits within which it is filled.
struct Tail {
    output: TailOutput,
    stop: ShutdownSignal,
    /// With handlers: they open their files anew. Without, SIGHUP ends a tail.
    hangup: Option<Hangup>,
    deadline: Option<Instant>,
    undelivered: Undelivered,
}

/// What came when the time for the end was up: the handlers do not have it.
#[derive(Default)]
struct Undelivered {
    messages: u64,
    /// Publishers were still sending.
    and_more: bool,
}

impl Undelivered {
    fn lost(&self) -> bool {
        self.messages > 0 || self.and_more
    }

    /// Says what was lost; nothing if that is nothing.
    fn print(&self) {
        let messages = counted(self.messages, "message");
        match (self.lost(), self.and_more) {
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
        let topics = topics(args);
        topics.check()?;
        let console = args.handlers.console(None)?;
        let output = TailOutput {
            topics,
            filter: filter(args)?,
            losses: LossReport::new(args.quiet, now),
            reorder: args.reorder.map(|window| ReorderBuffer::new(window.0)),
            stats: args.stats.map(|every| (Stats::new(now), every.map(|every| every.0))),
            destination: destination(args, console.as_ref())?,
            takes: console.as_ref().map(RecordFilter::new).transpose()?,
            abandoned: None,
            router: router(args, &stop)?,
            limit: args.count,
            shown: 0,
            filtered: 0,
            excluded: 0,
            undecoded: 0,
            scratch: String::new(),
        };
        let deadline = args.timeout.map(|timeout| now + timeout.0);
        Ok(Tail { output, stop, hangup, deadline, undelivered: Undelivered::default() })
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

    /// Does what is due, between records.
    fn on_timer(&mut self, now: Instant) {
        super::warn_of_descriptors(now);
        reopen_on_hangup(self.hangup.as_ref(), &mut self.output);
        // Waits are no longer than a tick, and so nothing is late by more.
        self.output.router.on_timer(now);
    }

    /// How long the source may wait for records.
    fn wait(&self, now: Instant) -> Duration {
        let until = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        self.output.wait_at_most(until.unwrap_or(TICK).min(TICK))
    }

    /// Shows what is held, prints what is due, and says how to exit.
    fn finish(mut self, args: &TailArgs, ended: Ended) -> Result<Exit> {
        let now = Instant::now();
        let shown = self.output.release_reordered(now, true).and_then(|()| self.output.flush());
        let missing = self.close_handlers(args);
        shown?;
        self.output.report(now, true);
        self.undelivered.print();
        if let Some(abandoned) = self.output.abandoned.take() {
            let error = abandoned.into_error();
            let exit = error.exit().or_expectation_failed(args.fail_on_loss);
            return Err(error.exit_as(exit));
        }
        let (undecoded, lost) = (self.output.undecoded, self.output.losses.lost());
        if undecoded > 0 && !args.quiet {
            terminal::eprint_line(format_args!(
                "zlog tail: {undecoded} could not be decoded; shown as text and marked"
            ));
        }
        let unformatted = self.output.unformatted();
        if unformatted > 0 && !args.quiet {
            terminal::eprint_line(format_args!(
                "zlog tail: {unformatted} did not fit --format; shown with the reason"
            ));
        }
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
        // Which handlers lost records has been told.
        let lost = lost > 0 || missing > 0 || self.undelivered.lost();
        Ok(exit.or_expectation_failed(args.fail_on_loss && lost))
    }

    /// Lets the handlers send what they hold. Returns how many records they lost.
    fn close_handlers(&mut self, args: &TailArgs) -> u64 {
        let closed = self.output.router.close(args.linger.0);
        super::tell_losses("tail", &closed)
    }

    fn print_unmet(&self, args: &TailArgs) {
        let (shown, wanted) = (self.output.shown, args.count.unwrap_or_default());
        if let (Some(timeout), false) = (args.timeout, args.quiet) {
            terminal::eprint_line(format_args!(
                "zlog tail: {shown} of {} came within {timeout}",
                counted(wanted, "record")
            ));
        }
    }
}

/// Has files opened anew after a SIGHUP. Asked before each record, also on a busy stream:
/// whoever has moved a file away may read and delete it at once (logrotate's `compress`),
/// and what is written to it from then on would be lost.
fn reopen_on_hangup(hangup: Option<&Hangup>, output: &mut TailOutput) {
    if hangup.is_some_and(Hangup::take) {
        output.router.reopen();
    }
}

fn topics(args: &TailArgs) -> Topics {
    Topics {
        prefixes: args.topics.clone(),
        roots: args.root.clone(),
        excluded: args.not.clone(),
        whole_parts: args.whole_parts,
    }
}

fn filter(args: &TailArgs) -> Result<Filter> {
    let now = Zoned::now().with_time_zone(format::zone(args.format.utc));
    let when = |text: &Option<String>, bound| {
        text.as_deref().map(|text| parse_when(text, bound, &now)).transpose()
    };
    let (since, until) = (when(&args.since, Bound::Since)?, when(&args.until, Bound::Until)?);
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err(Error::usage("nothing is both after --since and before --until")
            .hint("Give --since the earlier time: --since 20m --until 10m."));
    }
    Ok(Filter {
        min_level: args.level,
        topics: Topics::default(), // the output asks for itself
        from_source: args.from_source.clone(),
        since,
        until,
        grep: args.grep.clone(),
        exclude: args.exclude.clone(),
    })
}

/// What takes records besides, or instead of, standard output.
fn router(args: &TailArgs, stop: &ShutdownSignal) -> Result<Router> {
    // Stored records wait for a slow handler; a publisher must not have to.
    let on_full = if args.input.is_empty() { OnFull::Drop } else { OnFull::Block };
    let spec = args.handlers.spec(on_full)?;
    for remark in args.handlers.remarks() {
        terminal::eprint_line(format_args!("zlog tail: {remark}"));
    }
    Router::open(spec, HandlerContext::new("tail", stop, super::stderr_reporter()))
}

/// Standard output, as the options of tail have it, or as `--console` does.
fn destination(args: &TailArgs, console: Option<&HandlerSpec>) -> Result<Destination> {
    if !args.prints() {
        return Ok(Destination::None);
    }
    terminal::check_stdout()?;
    let terminal = terminal::stdout_is_terminal();
    let writer: Box<dyn Write> = Box::new(Stdout::with_linger(args.linger.0));
    let formatter = formatter(args, console)?;
    let options = options(args, formatter.format.as_deref(), terminal);
    let shape = args.shape();
    if shape != Output::Raw || formatter.format.is_some() {
        let format = formatter.build(shape, options)?;
        return Ok(Destination::Formatted(Console::new(writer, format)));
    }
    // It shows no times, and a wrong time format is an error all the same.
    shape.format(options)?;
    if !args.input.is_empty() {
        Err(Error::usage("--output raw shows bodies as they came over the wire")
            .hint("Stored records have none: use --output json or text."))
    } else if args.reorder.is_some() {
        Err(Error::usage("--output raw can't be put in order")
            .hint("Leave out --reorder, or use --output json."))
    } else {
        Ok(Destination::Raw(Raw::new(writer, terminal)))
    }
}

/// What the options of tail say of the format, or the keys of `--console` do.
fn formatter(args: &TailArgs, console: Option<&HandlerSpec>) -> Result<FormatterSpec> {
    let own = console.map(|console| &console.formatter);
    let Some(own) = own.filter(|own| **own != FormatterSpec::default()) else {
        return Ok(args.format.spec());
    };
    if args.output.is_some() || args.format != FormatArgs::default() {
        let error = Error::usage("the keys of --console and tail's options both say how to print");
        return Err(error.hint("Leave out --output, --format and the like, or those keys."));
    }
    Ok(own.clone())
}

fn options(args: &TailArgs, format: Option<&str>, terminal: bool) -> Options {
    Options {
        color: args.color.for_stdout(),
        escape: terminal,
        zone: format::zone(args.format.utc),
        time_format: args.format.time_format.clone(),
        separator: args.separator.clone(),
        align: match (args.shape(), format) {
            (Output::Text, _) | (_, Some("bare")) => args.align,
            _ => !args.no_align,
        },
        highlight: args.grep.iter().chain(&args.highlight).cloned().collect(),
        show: args.show,
        timestamp: args.timestamp,
        topic: args.timestamp,
        ..Options::default()
    }
}

//! From the arguments of `tail` to its output.

use std::time::Instant;

use jiff::Zoned;

use super::super::{endpoints, selection};
use super::counts::CountReport;
use super::last::LastRecords;
use super::left_out;
use super::loss_report::LossReport;
use super::output::{CONSOLE, TailOutput};
use super::unseen_fields::UnseenFields;
use crate::cli::{FormatArgs, TailArgs, nats_source};
use crate::command::overdue::end_when_overdue;
use zlog_core::filter::{Filter, Span};
use zlog_core::format::{Fields, FormatterSpec, Options, Output, zone};
use zlog_core::reorder::ReorderBuffer;
use zlog_core::stats::{Stats, TimeBase};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{
    ConsoleTarget, HandlerContext, HandlerSpec, RecordInput, Router, Target,
};
use zlog_pipeline::source::nats::NatsSourceOptions;

/// The output that the arguments ask for, starting at `now`.
///
/// # Errors
/// Arguments that contradict each other, or a handler that can't be opened.
pub(super) fn output(args: &TailArgs, stop: &ShutdownSignal, now: Instant) -> Result<TailOutput> {
    let topics = selection::topics(&args.select);
    topics.check()?;
    let filter = filter(args)?;
    let base = if args.reads_stored() { TimeBase::Records } else { TimeBase::Arrival };
    Ok(TailOutput {
        topics,
        selecting_options: left_out::selecting_options(args, &filter)?,
        filter,
        unseen: UnseenFields::new(args),
        losses: LossReport::new(args.durable.is_none(), args.quiet, now),
        last: args.last.filter(|_| args.reads_stored()).map(LastRecords::new),
        reorder: args.reorder.map(|window| ReorderBuffer::new(window.0)),
        stats: args.stats.map(|every| (Stats::new(now, base), every.map(|every| every.0))),
        counts: CountReport::new(args, base)?,
        router: router(args, stop)?,
        prints: args.prints(),
        abandoned: None,
        limit: args.count,
        passed: 0,
        filtered: 0,
        excluded: 0,
        undecoded: 0,
        scratch: String::new(),
    })
}

/// Whether records are shown as they were received.
pub(super) fn shows_bodies(args: &TailArgs) -> bool {
    args.output == Some(Output::Raw)
}

fn filter(args: &TailArgs) -> Result<Filter> {
    let now = Zoned::now().with_time_zone(zone(args.format.utc));
    let span = Span::parse(args.since.as_deref(), args.until.as_deref(), &now)?;
    for (option, moment) in [("--since", &span.since), ("--until", &span.until)] {
        let assumed = moment.as_ref().and_then(|moment| moment.assumed.as_deref());
        if let (Some(assumed), false) = (assumed, args.quiet) {
            terminal::eprint_line(format_args!("zlog tail: {option} is {assumed}"));
        }
    }
    let is_future = |since: f64| since > now.timestamp().as_duration().as_secs_f64();
    if let (Some(typed), false) = (&args.since, args.quiet)
        && span.since.as_ref().is_some_and(|since| is_future(since.seconds))
    {
        terminal::eprint_line(format_args!(
            "zlog tail: --since {} is in the future: no record passes before",
            escape(typed)
        ));
    }
    Ok(Filter {
        since: span.since.map(|moment| moment.seconds),
        until: span.until.map(|moment| moment.seconds),
        ..selection::filter(&args.select, &now)
    })
}

/// The handlers, with standard output as the last of them if records are printed: writing to
/// it may wait for a reader, and fail.
fn router(args: &TailArgs, stop: &ShutdownSignal) -> Result<Router> {
    // Stored records wait for a slow handler; a publisher must not have to.
    let on_full = if args.reads_stored() { OnFull::Block } else { OnFull::Drop };
    let mut spec = args.handlers.spec(on_full)?;
    for remark in args.handlers.remarks() {
        terminal::eprint_line(format_args!("zlog tail: {remark}"));
    }
    if args.prints() {
        terminal::check_stdout()?;
        spec.handlers.push(console(args)?);
    }
    spec.check_circles(&inputs(args)?)?;
    let reads_stdin = args.input.iter().any(|path| path.as_os_str() == "-");
    let context = HandlerContext::new("tail", stop, super::super::stderr_reporter());
    // Whoever writes to standard input must not wait for a server that is away.
    let context = context.wait_in_outages(args.reads_stored() && !reads_stdin);
    if args.has_handlers() {
        // For what is on the way, and for handlers.
        let within = args.linger.0.saturating_mul(2);
        end_when_overdue("tail", stop, within, context.observer())?;
    }
    Router::open(spec, context)
}

/// Where the records come from, other than from files.
fn inputs(args: &TailArgs) -> Result<Vec<RecordInput>> {
    match &args.from_nats {
        Some(servers) => {
            let NatsSourceOptions { server, stream, prefix, .. } = nats_source(servers)?;
            Ok(vec![RecordInput::Nats { servers: server, stream, prefix }])
        }
        None if !args.input.is_empty() => Ok(Vec::new()),
        None => {
            let subscribed = endpoints::to_subscribe(&args.endpoints, &|_| ())?;
            Ok(subscribed.into_iter().map(RecordInput::ZeroMq).collect())
        }
    }
}

/// Standard output as a handler: what `--console` says of it, with tail's own options for the
/// format.
fn console(args: &TailArgs) -> Result<HandlerSpec> {
    let given = args.handlers.console(None)?;
    let default = || HandlerSpec::new(CONSOLE, Target::Console(ConsoleTarget::default()));
    let mut console = given.unwrap_or_else(default);
    CONSOLE.clone_into(&mut console.name);
    let has_keys = console.formatter != FormatterSpec::default();
    if has_keys && (args.output.is_some() || args.format != FormatArgs::default()) {
        return Err(Error::usage(
            "--console has format keys, and --output or --format is given too",
        )
        .hint("Leave out --output, --format and the like, or those keys of --console."));
    }
    if !has_keys {
        console.formatter = args.format.spec();
    }
    if shows_bodies(args) {
        check_raw(args)?;
    }
    let options = options(args, console.formatter.format.as_deref());
    // Built here first, so that an error names the option and not a handler.
    console.formatter.build(args.output_format(), options.clone())?;
    console.target = Target::Console(ConsoleTarget {
        output: args.output_format(),
        options: Some(options),
        linger: Some(args.linger.0),
        required: true,
    });
    Ok(console)
}

fn check_raw(args: &TailArgs) -> Result<()> {
    if !args.input.is_empty() {
        return Err(Error::usage("--output raw shows the bodies of received messages")
            .hint("Stored records have none: use --output json or text."));
    }
    if args.reorder.is_some() {
        return Err(Error::usage("--output raw can't be reordered")
            .hint("Leave out --reorder, or use --output json."));
    }
    Ok(())
}

/// How records are printed, apart from what the formatter says (`format` is its format string).
fn options(args: &TailArgs, format: Option<&str>) -> Options {
    Options {
        color: args.color.for_stdout(),
        escape: terminal::stdout_is_terminal(),
        separator: args.separator.clone(),
        align: match (args.output_format(), format) {
            (Output::Text, _) | (_, Some("bare")) => args.align,
            _ => !args.no_align,
        },
        highlight: args.select.grep.iter().chain(&args.highlight).cloned().collect(),
        fields: Fields { shown: args.show.clone(), hidden: args.hide.clone() },
        terminal: terminal::stdout_columns(),
        timestamp: args.timestamp,
        topic: args.timestamp,
        ..Options::default()
    }
}

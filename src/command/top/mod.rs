//! `zlog top`: rates, losses and lag of a stream, live or once.
//!
//! A thread reads the stream and counts into the `model`; another asks relays for their status. The
//! main thread takes keys (`screen`) and draws (`view`), or prints one report (`report`).

#[cfg_attr(not(feature = "top"), allow(dead_code, reason = "the screen shows more"))]
mod counts;
#[cfg(feature = "top")]
mod live;
#[cfg_attr(not(feature = "top"), allow(dead_code, reason = "the screen shows more"))]
mod model;
mod reader;
mod relays;
mod report;
#[cfg(feature = "top")]
mod screen;
#[cfg(feature = "top")]
mod session;
#[cfg(feature = "top")]
mod table;
#[cfg(feature = "top")]
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::model::Model;
use self::reader::{Shared, Threads};
use super::selection;
use crate::cli::{TopArgs, TopOutput};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal::{self, Stdout};
use zlog_pipeline::socket::Endpoint;

/// How long `--once` waits for a first publisher before its interval begins.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// Longest wait between two looks at signals.
const SLICE: Duration = Duration::from_millis(10);

/// Shows the stream until it is told to end, or prints one report.
///
/// # Errors
/// The stream can't be read, or there is no terminal.
pub fn run(mut args: TopArgs) -> Result<Exit> {
    if !args.once {
        check_terminal()?;
    }
    move_endpoints(&mut args)?;
    // SIGHUP is not caught: the terminal is gone, and there is nothing to restore.
    let stop = ShutdownSignal::install()?;
    let shared = Arc::new(Shared::new(Model::new(Instant::now())));
    let mut threads = Threads::new(Arc::clone(&shared));
    let opened = open(args, &shared, &mut threads)?;
    let ran = match opened.args.once {
        true => once(&opened, &shared, &stop),
        false => show(&opened, &shared, &mut threads, &stop),
    };
    threads.stop();
    let exit = ran?;
    if !opened.args.once {
        print_losses(&shared);
    }
    Ok(stop.exit().unwrap_or(exit))
}

/// What is watched.
struct Opened {
    args: Arc<TopArgs>,
    /// Endpoints, or the servers of NATS.
    #[cfg_attr(not(feature = "top"), allow(dead_code, reason = "for the screen"))]
    title: String,
    /// Where relays answer queries.
    relays: Vec<Endpoint>,
}

impl Opened {
    fn key(&self) -> Option<&PathBuf> {
        self.args.endpoints.key.as_ref()
    }
}

/// Moves servers and endpoints from the topics to their options.
fn move_endpoints(args: &mut TopArgs) -> Result<()> {
    let has_other = args.from_nats.is_some();
    let server = selection::take_server(&mut args.select, &args.endpoints, has_other, "endpoints")?;
    args.from_nats = server.or(args.from_nats.take());
    let endpoints = selection::take_endpoints(&mut args.select);
    if let (Some(endpoint), Some(server)) = (endpoints.first(), &args.from_nats) {
        let (server, endpoint) = (selection::name_of_server(server), escape(endpoint));
        let what = format!("{server} can't be combined with the endpoint {endpoint}");
        return Err(Error::usage(what).hint("Leave out one of them."));
    }
    args.endpoints.connect.extend(endpoints);
    Ok(())
}

/// Opens the stream, and starts to read it.
fn open(mut args: TopArgs, shared: &Shared, threads: &mut Threads) -> Result<Opened> {
    selection::odd_topics(&args.select).for_each(|hint| shared.model().notify(hint));
    args.select.topics.append(&mut args.select.topic);
    let topics = selection::topics(&args.select);
    topics.check()?;
    let args = Arc::new(args);
    let for_thread = Arc::clone(&args);
    if let Some(servers) = &args.from_nats {
        let title = servers.clone();
        open_stream(servers, for_thread, topics, threads)?;
        return Ok(Opened { args, title, relays: Vec::new() });
    }
    let report = |text: &str| shared.model().notify(text.to_owned());
    let subscription = reader::subscribe(&args, &topics, &report)?;
    let relays = subscription.relays.clone();
    let title = subscription.title.clone();
    threads.start("zlog-top", move |shared| {
        reader::read_subscription(subscription, &for_thread, topics, shared)
    })?;
    Ok(Opened { args, title, relays })
}

#[cfg(feature = "nats")]
fn open_stream(
    servers: &str,
    args: Arc<TopArgs>,
    topics: zlog_core::filter::Topics,
    threads: &mut Threads,
) -> Result<()> {
    use zlog_pipeline::os::clock;
    use zlog_pipeline::source::nats::{NatsSource, NatsSourceOptions, Start};

    let source = NatsSource::open(NatsSourceOptions {
        topics: topics.subscriptions(args.select.level),
        start: Start::Since(clock::now()),
        follow: true,
        ..crate::cli::nats_source(servers)?
    })?;
    threads.start("zlog-top", move |shared| reader::read_stream(source, &args, topics, shared))
}

#[cfg(not(feature = "nats"))]
fn open_stream(
    _servers: &str,
    _args: Arc<TopArgs>,
    _topics: zlog_core::filter::Topics,
    _threads: &mut Threads,
) -> Result<()> {
    Err(zlog_pipeline::nats::missing())
}

/// Fails where there is no terminal to show the stream on.
fn check_terminal() -> Result<()> {
    if cfg!(not(feature = "top")) {
        return Err(Error::usage("this zlog was built without the screen of `zlog top`")
            .hint("Print the numbers with --once, or build it with the feature top, which is on by default."));
    }
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let what = match (terminal::stdout_is_terminal(), terminal::stdin_is_terminal()) {
        (true, true) if !is_dumb => return Ok(()),
        (true, true) => "the terminal can't move its cursor (TERM=dumb)",
        (false, _) => "standard output is not a terminal",
        (true, false) => "standard input is not a terminal, and keys come from there",
    };
    Err(Error::usage(what)
        .hint("Print the numbers once: zlog top --once, with -o json for programs."))
}

#[cfg(feature = "top")]
fn show(
    opened: &Opened,
    shared: &Shared,
    threads: &mut Threads,
    stop: &ShutdownSignal,
) -> Result<Exit> {
    if !opened.relays.is_empty() {
        let (relays, key) = (opened.relays.clone(), opened.key().cloned());
        threads.start("zlog-top-relays", move |shared| {
            relays::keep_asking(&relays, key.as_ref(), shared);
            Ok(())
        })?;
    }
    live::run(opened, shared, stop)
}

#[cfg(not(feature = "top"))]
fn show(_: &Opened, _: &Shared, _: &mut Threads, _: &ShutdownSignal) -> Result<Exit> {
    check_terminal().map(|()| Exit::Done)
}

/// Counts for the interval, and prints the report.
fn once(opened: &Opened, shared: &Shared, stop: &ShutdownSignal) -> Result<Exit> {
    terminal::check_stdout()?;
    let wait = |until: Instant, is_done: &dyn Fn(&Model) -> bool| -> Result<()> {
        while Instant::now() < until && !stop.requested() && !is_done(&shared.model()) {
            shared.check()?;
            std::thread::sleep(SLICE);
        }
        Ok(())
    };
    if opened.args.from_nats.is_none() {
        let is_connected = |model: &Model| model.publishers() > 0 || model.total.records > 0;
        wait(Instant::now() + CONNECT_WAIT, &is_connected)?;
    }
    let begun = Instant::now();
    shared.model().restart(begun);
    wait(begun + opened.args.interval.0, &|_| false)?;
    shared.check()?;
    let relays = relays::ask(&opened.relays, opened.key(), &|| stop.requested());
    let mut model = shared.model();
    // A relay may have taken a while to answer: records until now count.
    model.set_time(Instant::now());
    model.relays = relays;
    let text = match opened.args.output {
        TopOutput::Table => report::table(&model, opened.args.limit.unwrap_or(report::ROWS)),
        TopOutput::Json => report::json(&model, opened.args.limit.unwrap_or(usize::MAX))?,
    };
    for notice in &model.notices {
        terminal::eprint_line(format_args!("zlog top: {}", escape(notice)));
    }
    drop(model);
    let mut out = Stdout::new();
    out.put(text.as_bytes())?;
    out.send()?;
    Ok(Exit::Done)
}

/// Says after the screen is gone what was lost.
fn print_losses(shared: &Shared) {
    let model = shared.model();
    if model.total.lost > 0 {
        let lost = counted(model.total.lost, "record");
        terminal::eprint_line(format_args!("zlog top: {lost} lost"));
    }
}

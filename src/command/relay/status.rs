//! The relay's status: what it answers, and how `--status` asks for and prints it.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::super::endpoints;
use super::handlers::Handlers;
use super::input::Inputs;
use super::rates::Rates;
use super::table;
use crate::cli::{RelayArgs, StatusOutput};
use zlog_core::history::History;
use zlog_core::text::escape;
use zlog_core::text::parsers::format_size;
use zlog_core::text::plural;
use zlog_core::wire::query::{
    self, EndpointPeers, MAX_STATUS_BYTES, Question, Source, Status, Traffic,
};
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal::{self, Stdout};
use zlog_pipeline::socket::{
    Endpoint, EndpointStatus, Proxy, QueryClient, Reply, Role, SocketOptions,
};

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The next step for an unusable answer.
const OTHER_VERSION: &str = "Its version may differ: compare `zlog --version` on both sides.";

/// The status, without the fields that [`QueryService`](super::query_service::QueryService)
/// fills in.
pub(super) fn of(
    proxy: &Proxy,
    keep: Option<&History>,
    handlers: &Handlers,
    inputs: &Inputs,
    rates: &Rates,
) -> Status {
    let counts = proxy.counts();
    let (collect, publish) = proxy.endpoint_status();
    let endpoints = |status: Vec<EndpointStatus>| {
        status.into_iter().map(|s| EndpointPeers { endpoint: s.endpoint, peers: s.peers }).collect()
    };
    let sources = inputs.iter().enumerate().map(|(at, input)| Source {
        name: input.name().to_owned(),
        records: input.records(),
        rate: rates.source(at, input.records()),
        unheard: input.unsubscribed(),
        clients: input.listen_stats().clients,
        remarks: input.remarks(),
        running: input.running(),
    });
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        collect: endpoints(collect),
        publish: endpoints(publish),
        prefixes: proxy.upstream_prefixes(),
        forwarded: Traffic {
            messages: counts.messages,
            bytes: counts.bytes,
            rate: rates.messages(proxy),
            unheard: counts.unheard,
            no_room: counts.no_room,
            dropped: counts.dropped,
            frames_cut: counts.frames_cut,
        },
        sources: sources.chain(confirmed(inputs, rates)).collect(),
        handlers: handlers.status(),
        slow: proxy.slow().status(),
        keep: keep.map(|keep| {
            let kept = keep.size();
            query::Keep {
                topics: kept.topics,
                messages: kept.messages,
                bytes: kept.bytes,
                refused: kept.refused,
            }
        }),
        ..Status::default()
    }
}

/// The source of confirmed records.
fn confirmed(inputs: &Inputs, rates: &Rates) -> Option<Source> {
    let confirmed = inputs.confirmed.as_ref()?;
    let counts = confirmed.counts();
    let waiting = plural::counted(counts.waiting, "record");
    let waits = (counts.waiting > 0).then(|| format!("{waiting} in the spool"));
    Some(Source {
        name: "confirmed".to_owned(),
        records: counts.stored,
        rate: rates.confirmed(counts.stored),
        clients: counts.senders,
        remarks: waits.into_iter().chain(counts.remarks()).collect(),
        running: !confirmed.has_failed(),
        ..Source::default()
    })
}

/// Asks a relay for its status, and prints it.
///
/// # Errors
/// No relay answers, or the status can't be printed.
pub(super) fn show(args: &RelayArgs, endpoint: Option<&str>) -> Result<Exit> {
    let stop = ShutdownSignal::install()?;
    let at = where_to_ask(args, endpoint)?;
    let status = match ask(&at, args.key.clone(), TIMEOUT, &|| stop.requested())? {
        Asked::Status(status) => status,
        Asked::Stopped => return Ok(stop.exit().unwrap_or(Exit::Done)),
        Asked::NoAnswer(client) => return Err(no_answer(args, &at, &client)),
    };
    let text = match args.output {
        StatusOutput::Table => table::of(&status),
        StatusOutput::Json => table::json(&status),
    };
    let mut out = Stdout::new();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| terminal::output_error(&error))?;
    Ok(Exit::Done)
}

/// Outcome of [`ask`].
pub(in crate::command) enum Asked {
    Status(Box<Status>),
    /// No relay has answered in time.
    NoAnswer(QueryClient),
    Stopped,
}

/// Asks what answers at `at` for its status, and waits for it.
///
/// # Errors
/// It refuses, or gives another answer.
pub(in crate::command) fn ask(
    at: &Endpoint,
    key: Option<PathBuf>,
    timeout: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<Asked> {
    let options =
        SocketOptions { max_message: MAX_STATUS_BYTES, key, ..SocketOptions::subscriber() };
    let mut client = QueryClient::ask(at, &query::write_question(&Question::Status), &options)?;
    let frames = match client.next(timeout, stop) {
        Reply::Frames(frames) => frames,
        Reply::Stopped => return Ok(Asked::Stopped),
        Reply::NoPeer | Reply::TimedOut => return Ok(Asked::NoAnswer(client)),
    };
    let head = frames.first().map_or(&[][..], Vec::as_slice);
    let what = match query::read_answer(head)? {
        query::Answer::Status(status) => return Ok(Asked::Status(status)),
        query::Answer::Refused { why } => format!("{at} refuses: {}", escape::escape(&why)),
        _ => format!("{at} does not answer the query"),
    };
    Err(Error::new(what).hint(OTHER_VERSION))
}

/// `--ask`, or the query endpoint of what the relay publishes on.
fn where_to_ask(args: &RelayArgs, endpoint: Option<&str>) -> Result<Endpoint> {
    if let Some(ask) = args.ask.first() {
        return Endpoint::parse(ask, Role::Connect);
    }
    let (publishes, answers) = match endpoint {
        Some(text) => {
            let publishes = Endpoint::parse(text, Role::Connect)?;
            let answers = publishes.query_endpoint();
            (publishes, answers)
        }
        None => {
            let (publishes, _) = endpoints::default_endpoint(&args.endpoint, Role::Connect)?;
            let answers = endpoints::default_query_endpoint(&publishes)?;
            (publishes, answers)
        }
    };
    answers.ok_or_else(|| {
        Error::usage(format!("{publishes} has no query endpoint of its own"))
            .hint("Name the relay's query endpoint: --ask ENDPOINT.")
    })
}

/// The error that there is no answer, with what is known about the peer.
fn no_answer(args: &RelayArgs, at: &Endpoint, client: &QueryClient) -> Error {
    let largest = format_size(MAX_STATUS_BYTES as usize);
    let why = match (client.is_asked(), client.is_reached()) {
        _ if client.lacks_rights().is_some() => {
            client.lacks_rights().unwrap_or_default().to_owned()
        }
        (true, _) => {
            format!("it was asked and has not answered within 3 s, or with more than {largest}")
        }
        (false, true) => "what listens there is no relay's query endpoint".to_owned(),
        (false, false) => "nothing listens there".to_owned(),
    };
    let hint = match args.ask.is_empty() {
        true if !client.is_reached() => {
            "Start `zlog relay`. If it publishes elsewhere: --status ENDPOINT, that on which it \
             publishes."
        }
        true => {
            "--status ENDPOINT is the endpoint that the relay publishes on. The relay prints its \
             query endpoint when it starts: --status --ask ENDPOINT."
        }
        false => "The relay prints its query endpoint when it starts.",
    };
    Error::new(format!("no relay answers at {at}: {why}")).hint(hint)
}

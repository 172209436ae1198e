//! A relay's two sides, and where it takes questions: what was typed, and what goes
//! without saying.
//!
//! What may be here: endpoints, checked, each with what to do when another program has
//! it. Sockets are `socket`'s.

use crate::cli::{DEFAULT_COLLECT, RelayArgs};
use zlog_core::error::{Error, Result};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{DEFAULT_ENDPOINT, Endpoint, Proxy, QueryServer, Role};

/// What to do when another program has an endpoint of this side.
const COLLECTED: &str = "Another program listens there, most likely another `zlog relay`: \
                         --bind another port (0 takes a free one).";
const PUBLISHED: &str = "Another program listens there, most likely another `zlog relay`, or a \
                         publisher: --publish-bind another port (0 takes a free one), and \
                         --connect to it if you want its records.";
const ASKED: &str = "Another program listens there, most likely another `zlog relay`.";

/// Where to collect. The default is for a relay that has no other source.
///
/// # Errors
/// An endpoint that is none.
pub(super) fn collect_on(args: &RelayArgs) -> Result<Vec<Endpoint>> {
    let bind = args.bind.iter().map(|text| Endpoint::parse(text, Role::Bind));
    let connect = args.connect.iter().map(|text| Endpoint::parse(text, Role::Connect));
    let mut endpoints = bind.chain(connect).collect::<Result<Vec<Endpoint>>>()?;
    if endpoints.is_empty() && !args.stdin && !args.listen.any() {
        endpoints.push(Endpoint::parse(DEFAULT_COLLECT, Role::Bind)?);
    }
    Ok(endpoints.into_iter().map(|endpoint| endpoint.with_in_use_hint(COLLECTED)).collect())
}

/// Where to publish. The default is for a relay that was told of no other place.
///
/// # Errors
/// An endpoint that is none, or one that is collected from, too.
pub(super) fn publish_on(args: &RelayArgs) -> Result<Vec<Endpoint>> {
    let bind = args.publish_bind.iter().map(|text| Endpoint::parse(text, Role::Bind));
    let connect = args.publish_connect.iter().map(|text| Endpoint::parse(text, Role::Connect));
    let mut endpoints = bind.chain(connect).collect::<Result<Vec<Endpoint>>>()?;
    if endpoints.is_empty() {
        endpoints.push(super::super::default_endpoint(&args.endpoint, Role::Bind)?);
    }
    // What goes round in a circle never ends.
    for collected in collect_on(args)? {
        if let Some(published) = endpoints.iter().find(|endpoint| endpoint.same_address(&collected))
        {
            return Err(circle(args, &collected, published));
        }
    }
    Ok(endpoints.into_iter().map(|endpoint| endpoint.with_in_use_hint(PUBLISHED)).collect())
}

/// Both sides have one endpoint: which of them nobody asked for, and the next step.
fn circle(args: &RelayArgs, collected: &Endpoint, published: &Endpoint) -> Error {
    let collects = args.bind.is_empty() && args.connect.is_empty();
    let publishes = args.publish_bind.is_empty() && args.publish_connect.is_empty();
    let twice = collected.as_str();
    let error = Error::usage(format!("{twice} is to collect from and to publish on"));
    if publishes {
        let why = match published.as_str() {
            DEFAULT_ENDPOINT => "It is where a relay publishes unless told otherwise",
            _ => "It is where --endpoint (ZLOG_ENDPOINT) says to publish",
        };
        return error
            .hint(format!("{why}: name another place, as --publish-bind tcp://127.0.0.1:12346."));
    }
    if collects {
        return error.hint(
            "It is where a relay collects unless told otherwise: name another place, with --bind \
             or --connect.",
        );
    }
    error.hint("--bind and --connect collect; --publish-bind and --publish-connect publish.")
}

/// Opens the server. A port that nobody asked for by name, and that is in use, costs
/// the answers and not the relay, unless there is something to ask for.
///
/// # Errors
/// An endpoint that is none or can't be bound, or no place for questions that are wanted.
pub(super) fn open_query_server(
    args: &RelayArgs,
    proxy: &Proxy,
    publish_on: &[Endpoint],
) -> Result<Option<QueryServer>> {
    if args.no_ask {
        if args.keep.is_some() {
            terminal::eprint_line(
                "zlog relay: --keep keeps messages that nobody can ask for (--no-ask)",
            );
        }
        return Ok(None);
    }
    let given = args.ask.iter().map(|text| Endpoint::parse(text, Role::Bind));
    let mut endpoints = given.collect::<Result<Vec<Endpoint>>>()?;
    if endpoints.is_empty() {
        let bound = publish_on.iter().filter(|endpoint| endpoint.role() == Role::Bind);
        endpoints = bound.filter_map(Endpoint::query_endpoint).collect();
    }
    if endpoints.is_empty() {
        return match args.keep {
            None => Ok(None),
            Some(_) => Err(Error::usage(
                "there is no place beside what is published on, to ask for \
                what --keep keeps",
            )
            .hint("Name one: --ask tcp://127.0.0.1:12346.")),
        };
    }
    let endpoints: Vec<_> = endpoints.into_iter().map(|at| at.with_in_use_hint(ASKED)).collect();
    match QueryServer::open(proxy, &endpoints) {
        Ok(server) => Ok(Some(server)),
        Err(error) if args.ask.is_empty() && args.keep.is_none() => {
            terminal::eprint_line(format_args!("zlog relay: no questions are taken: {error}"));
            Ok(None)
        }
        Err(error) => Err(error.note("It is where questions are taken; --ask names another one.")),
    }
}

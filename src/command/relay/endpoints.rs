//! The endpoints of a relay: to collect, to publish, and for queries.

use crate::cli::{DEFAULT_COLLECT, RelayArgs};
use zlog_core::{Error, Result};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{DEFAULT_ENDPOINT, Endpoint, Proxy, QueryServer, Role};

/// The next step when an endpoint is in use.
const COLLECT_IN_USE: &str = "Another program listens there, most likely another `zlog relay`: \
                         --bind another port (0 takes a free one).";
const PUBLISH_IN_USE: &str = "Another program listens there, most likely another `zlog relay`, or a \
                         publisher: --publish-bind another port (0 takes a free one), and \
                         --connect to it if you want its records.";
const QUERIES_IN_USE: &str = "Another program listens there, most likely another `zlog relay`.";

/// The endpoints to collect on. The default applies only without another source.
///
/// # Errors
/// An endpoint is invalid.
pub(super) fn collect_on(args: &RelayArgs) -> Result<Vec<Endpoint>> {
    let mut endpoints = Endpoint::parse_all(&args.bind, &args.connect)?;
    if endpoints.is_empty() && !args.stdin && !args.listen.any() {
        endpoints.push(Endpoint::parse(DEFAULT_COLLECT, Role::Bind)?);
    }
    Ok(endpoints.into_iter().map(|endpoint| endpoint.with_in_use_hint(COLLECT_IN_USE)).collect())
}

/// The endpoints to publish on.
///
/// # Errors
/// An endpoint is invalid, or collected from, too.
pub(super) fn publish_on(args: &RelayArgs) -> Result<Vec<Endpoint>> {
    let mut endpoints = Endpoint::parse_all(&args.publish_bind, &args.publish_connect)?;
    if endpoints.is_empty() {
        endpoints.push(super::super::default_endpoint(&args.endpoint, Role::Bind)?);
    }
    // Messages would circulate endlessly.
    for collected in collect_on(args)? {
        if let Some(published) = endpoints.iter().find(|endpoint| endpoint.same_address(&collected))
        {
            return Err(same_endpoint_error(args, &collected, published));
        }
    }
    Ok(endpoints.into_iter().map(|endpoint| endpoint.with_in_use_hint(PUBLISH_IN_USE)).collect())
}

/// The error of an endpoint on both sides, with the next step for the one that is a default.
fn same_endpoint_error(args: &RelayArgs, collected: &Endpoint, published: &Endpoint) -> Error {
    let collects = args.bind.is_empty() && args.connect.is_empty();
    let publishes = args.publish_bind.is_empty() && args.publish_connect.is_empty();
    let twice = collected.as_str();
    let error =
        Error::usage(format!("can't collect from and publish on the same endpoint: {twice}"));
    if publishes {
        let why = match published.as_str() {
            DEFAULT_ENDPOINT => "It is the default endpoint to publish on",
            _ => "It is the endpoint to publish on by --endpoint (ZLOG_ENDPOINT)",
        };
        return error.hint(format!(
            "{why}: choose another one, such as --publish-bind tcp://127.0.0.1:12346."
        ));
    }
    if collects {
        return error.hint(
            "It is the default endpoint to collect on: choose another one with --bind or \
             --connect.",
        );
    }
    error.hint("--bind and --connect collect; --publish-bind and --publish-connect publish.")
}

/// Opens the query server. If its endpoint is a default, is in use and `--keep` is not given,
/// the relay runs without it.
///
/// # Errors
/// An endpoint is invalid or can't be bound, or there is none and `--keep` needs one.
pub(super) fn open_query_server(
    args: &RelayArgs,
    proxy: &Proxy,
    publish_on: &[Endpoint],
) -> Result<Option<QueryServer>> {
    if args.no_ask {
        if args.keep.is_some() {
            terminal::eprint_line(
                "zlog relay: with --no-ask, nobody can query the messages of --keep",
            );
        }
        return Ok(None);
    }
    let mut endpoints = Endpoint::parse_all(&args.ask, &[])?;
    if endpoints.is_empty() {
        let bound = publish_on.iter().filter(|endpoint| endpoint.role() == Role::Bind);
        endpoints = bound.filter_map(Endpoint::query_endpoint).collect();
    }
    if endpoints.is_empty() {
        return match args.keep {
            None => Ok(None),
            Some(_) => Err(Error::usage("--keep needs a query endpoint, and there is no default")
                .hint("Choose one, such as --ask tcp://127.0.0.1:12346.")),
        };
    }
    let endpoints: Vec<_> =
        endpoints.into_iter().map(|at| at.with_in_use_hint(QUERIES_IN_USE)).collect();
    match QueryServer::open(proxy, &endpoints) {
        Ok(server) => Ok(Some(server)),
        Err(error) if args.ask.is_empty() && args.keep.is_none() => {
            terminal::eprint_line(format_args!("zlog relay: running without queries: {error}"));
            Ok(None)
        }
        Err(error) => Err(error.note("It is the query endpoint. --ask sets another one.")),
    }
}

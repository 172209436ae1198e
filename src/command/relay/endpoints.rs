//! The endpoints of a relay: to collect, to publish, and for queries.

use std::path::Path;
use std::sync::Arc;

use super::super::endpoints;
use crate::cli::{DEFAULT_COLLECT, RelayArgs};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::os::run_directory::{Registered, Registration};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{
    ConfirmService, DEFAULT_ENDPOINT, Endpoint, InUseHints, Proxy, ProxyOptions, QueryServer,
    ReceiveOptions, Role,
};
use zlog_pipeline::spool::SpoolOptions;

/// The next step if the endpoint to collect on is in use.
const COLLECT_IN_USE: InUseHints = InUseHints {
    publisher: "A publisher has bound it: collect from it with --connect {}.",
    subscriber: "Another subscriber has bound it, most likely another `zlog relay`. A second one needs \
                 ports of its own: --bind 0 --publish-bind 0.",
    other: "Another program has bound it: collect on a free port (--bind 0).",
};
/// The next step if the endpoint to publish on is in use.
const PUBLISH_IN_USE: InUseHints = InUseHints {
    publisher: "Another publisher or relay has bound it: publish on a free port (--publish-bind \
                0), and collect from it (--connect {}) if you want its records.",
    subscriber: "A subscriber has bound it: publish to it with --publish-connect {}.",
    other: "Another program has bound it: publish on a free port (--publish-bind 0).",
};
/// The next step if the endpoint for queries is in use.
const QUERIES_IN_USE: InUseHints = {
    let hint = "Another program has bound it, most likely another `zlog relay`.";
    InUseHints { publisher: hint, subscriber: hint, other: hint }
};

/// The next step if the endpoint to confirm on is in use.
const CONFIRM_IN_USE: InUseHints = {
    let hint = "Another program has bound it, most likely another `zlog relay`. Confirm on another \
                one: --confirm-at ENDPOINT, for `zlog emit`, too.";
    InUseHints { publisher: hint, subscriber: hint, other: hint }
};

/// The endpoints to collect on. The default applies only without another source.
///
/// # Errors
/// An endpoint is invalid.
pub(super) fn collect_on(args: &RelayArgs) -> Result<Vec<Endpoint>> {
    let mut endpoints = Endpoint::parse_all(&args.bind, &args.connect)?;
    if collects_on_default(args) {
        endpoints.push(Endpoint::parse(DEFAULT_COLLECT, Role::Bind)?);
    }
    Ok(endpoints.into_iter().map(|endpoint| endpoint.with_in_use_hints(COLLECT_IN_USE)).collect())
}

fn collects_on_default(args: &RelayArgs) -> bool {
    args.bind.is_empty() && args.connect.is_empty() && !args.stdin && !args.listen.any()
}

/// The options of the relay's own sources.
fn own_sources(args: &RelayArgs) -> Vec<&'static str> {
    let sources = [
        (args.stdin, "--stdin"),
        (!args.listen.listen.is_empty(), "--listen"),
        (!args.listen.listen_udp.is_empty(), "--listen-udp"),
        (!args.listen.otlp_listen.is_empty(), "--otlp-listen"),
    ];
    sources.into_iter().filter(|(is_given, _)| *is_given).map(|(_, option)| option).collect()
}

/// The endpoints to confirm on: those of `--confirm-at`, or one beside each that is bound to
/// collect. None without `--spool`.
///
/// # Errors
/// An endpoint is invalid.
pub(super) fn confirm_on(args: &RelayArgs) -> Result<Vec<Endpoint>> {
    if args.spool.is_none() {
        return Ok(Vec::new());
    }
    let mut endpoints = Endpoint::parse_all(&args.confirm_at, &[])?;
    if endpoints.is_empty() {
        let bound = collect_on(args)?.into_iter().filter(|it| it.role() == Role::Bind);
        endpoints = bound.filter_map(|it| it.confirm_endpoint()).collect();
    }
    if endpoints.is_empty() {
        let default = Endpoint::parse(DEFAULT_COLLECT, Role::Bind)?;
        endpoints.extend(default.confirm_endpoint());
    }
    Ok(endpoints.into_iter().map(|at| at.with_in_use_hints(CONFIRM_IN_USE)).collect())
}

/// The endpoints to publish on.
///
/// # Errors
/// An endpoint is invalid, or collected from, too.
pub(super) fn publish_on(args: &RelayArgs) -> Result<Vec<Endpoint>> {
    let mut endpoints = Endpoint::parse_all(&args.publish_bind, &args.publish_connect)?;
    if endpoints.is_empty() {
        endpoints.push(endpoints::default_endpoint(&args.endpoint, Role::Bind)?.0);
    }
    // Messages would circulate endlessly.
    for collected in collect_on(args)? {
        if let Some(published) = endpoints.iter().find(|endpoint| endpoint.same_address(&collected))
        {
            return Err(same_endpoint_error(args, &collected, published));
        }
    }
    Ok(endpoints.into_iter().map(|endpoint| endpoint.with_in_use_hints(PUBLISH_IN_USE)).collect())
}

/// The default endpoint, if the relay publishes there and does not fix the role.
fn published_default(args: &RelayArgs) -> Result<Option<Endpoint>> {
    if !(args.publish_bind.is_empty() && args.publish_connect.is_empty()) {
        return Ok(None);
    }
    let (default, is_fixed) = endpoints::default_endpoint(&args.endpoint, Role::Bind)?;
    Ok((!is_fixed).then_some(default))
}

/// A relay on the default endpoint, which other processes of this user find.
pub(super) struct RegisteredRelay {
    registration: Registration,
    default: Endpoint,
    /// Where it publishes, collects and answers if the default endpoints are in use.
    publish: Endpoint,
    collect: Option<Endpoint>,
    query: Endpoint,
    /// Where it confirms if the default endpoint to collect on is in use.
    confirm: Option<Endpoint>,
}

impl RegisteredRelay {
    /// Registers the relay. `None` if it does not publish on the default endpoint, or another
    /// relay of this user does. `report` gets what a person should know.
    ///
    /// # Errors
    /// The default endpoint is invalid.
    fn new(args: &RelayArgs, report: &dyn Fn(&str)) -> Result<Option<RegisteredRelay>> {
        let Some(default) = published_default(args)? else { return Ok(None) };
        let Some(directory) = endpoints::run_directory(&default, report) else { return Ok(None) };
        if endpoints::relay(&directory, &default).is_some() {
            return Ok(None);
        }
        let register = || {
            let registration = directory.register("relay")?;
            let bind = |path: &Path| Endpoint::ipc(path, Role::Bind);
            let publish = bind(&registration.publish_path())?;
            let collect = collects_on_default(args).then(|| bind(&registration.collect_path()));
            let query = bind(&registration.query_path())?;
            let collect = collect.transpose()?;
            let confirm = collect.is_some().then(|| bind(&registration.confirm_path()));
            let (default, confirm) = (default.clone(), confirm.transpose()?);
            Ok(RegisteredRelay { registration, default, publish, collect, query, confirm })
        };
        match register() {
            Ok(registered) => Ok(Some(registered)),
            Err(error) => {
                endpoints::report_unused(&error, &default, report);
                Ok(None)
            }
        }
    }

    /// Tells other processes of this user where the relay can be found.
    ///
    /// # Errors
    /// The announcement can't be written.
    fn announce(
        &mut self,
        proxy: &Proxy,
        queries: Option<&QueryServer>,
        confirmed: Option<&ConfirmService>,
    ) -> Result<()> {
        let (collecting, publishing) = proxy.bound();
        let publish = self.publish.as_str();
        let endpoints = Registered {
            default: self.default.as_str().to_owned(),
            publishes: publishing.iter().find(|bound| *bound == publish).cloned(),
            collects: to_connect(collecting)?,
            confirms: confirmed.map_or(Ok(None), |it| to_connect(it.bound()))?,
            answers: queries.and_then(|server| server.bound().first().cloned()),
            ..Registered::default()
        };
        self.registration.announce(&endpoints)
    }
}

/// The first bound endpoint, for those that connect to it.
fn to_connect(bound: &[String]) -> Result<Option<String>> {
    let first = bound.first().map(|bound| Endpoint::parse(bound, Role::Bind));
    Ok(first.transpose()?.map(|bound| bound.to_connect()))
}

/// The sockets of a relay, all but those of its own sources and handlers.
pub(super) struct Sockets {
    pub(super) proxy: Proxy,
    pub(super) queries: Option<QueryServer>,
    pub(super) confirmed: Option<ConfirmService>,
    pub(super) registered: Option<RegisteredRelay>,
    /// The endpoints of publishers that the relay connects to.
    pub(super) publishers: Vec<String>,
}

impl Sockets {
    /// Opens the sockets.
    ///
    /// # Errors
    /// An endpoint is invalid or can't be used.
    pub(super) fn open(args: &RelayArgs, options: &ProxyOptions) -> Result<Sockets> {
        let registered = RegisteredRelay::new(args, &report)?;
        let collect = registered.as_ref().and_then(|it| it.collect.as_ref());
        let collect = with_fallback(collect_on(args)?, collect);
        let publish = with_fallback(publish_on(args)?, registered.as_ref().map(|it| &it.publish));
        let mut proxy = Proxy::open(&collect, &publish, options)?;
        let queries = open_query_server(args, &proxy, &publish, registered.as_ref())?;
        let confirmed = open_confirm_service(args, &mut proxy, registered.as_ref())?;
        let publishers = collect.iter().filter(|endpoint| endpoint.role() == Role::Connect);
        let publishers = publishers.map(|endpoint| endpoint.as_str().to_owned()).collect();
        Ok(Sockets { proxy, queries, confirmed, registered, publishers })
    }

    /// Prints what is bound, and tells other processes of this user.
    ///
    /// # Errors
    /// The announcement can't be written.
    pub(super) fn announce(&mut self, args: &RelayArgs) -> Result<()> {
        let Sockets { proxy, queries, confirmed, registered, publishers } = self;
        let (collecting, publishing) = proxy.bound();
        let answering = queries.as_ref().map_or(&[][..], QueryServer::bound);
        let confirming = confirmed.as_ref().map_or(&[][..], ConfirmService::bound);
        let bound = [
            ("collecting", collecting),
            ("publishing", publishing),
            ("queries", answering),
            ("confirming", confirming),
        ];
        for (what, endpoints) in bound {
            for endpoint in endpoints {
                report(&format!("{what}, bound {endpoint}"));
            }
        }
        let collects = !(collecting.is_empty() && publishers.is_empty() && confirming.is_empty());
        if !args.quiet && !collects {
            report(&format!(
                "collects only from {}: `zlog emit` does not send to this relay. To collect \
                 from it, too, add --bind 12344",
                own_sources(args).join(" and ")
            ));
        }
        if let Some(registered) = registered {
            registered.announce(proxy, queries.as_ref(), confirmed.as_ref())?;
            if publishing.contains(&registered.publish.as_str().to_owned()) {
                report(&format!(
                    "{} is in use; `zlog tail` without an endpoint finds both. Emitters that run \
                     already do not send to this relay",
                    registered.default
                ));
            }
        }
        Ok(())
    }
}

/// Prints a message with text from outside.
fn report(text: &str) {
    terminal::eprint_line(format_args!("zlog relay: {}", escape(text)));
}

/// Starts to receive with confirmation, with `--spool`.
///
/// # Errors
/// The spool can't be used, or an endpoint can't be bound.
fn open_confirm_service(
    args: &RelayArgs,
    proxy: &mut Proxy,
    registered: Option<&RegisteredRelay>,
) -> Result<Option<ConfirmService>> {
    let Some(directory) = args.spool.clone() else { return Ok(None) };
    let fallback = registered.and_then(|it| it.confirm.as_ref());
    let endpoints = match args.confirm_at.is_empty() {
        true => with_fallback(confirm_on(args)?, fallback),
        false => confirm_on(args)?,
    };
    let options = ReceiveOptions {
        spool: SpoolOptions { directory, bytes: args.spool_bytes as u64 },
        when: args.confirm_when,
        report: Arc::new(|text| terminal::eprint_line(format_args!("zlog relay: {text}"))),
    };
    let opened = proxy.open_confirm_service(&endpoints, options);
    opened.map(Some).map_err(|error| error.note("It is needed for --spool."))
}

/// Endpoints with what to bind instead if they are in use.
fn with_fallback(endpoints: Vec<Endpoint>, fallback: Option<&Endpoint>) -> Vec<Endpoint> {
    let Some(fallback) = fallback else { return endpoints };
    endpoints.into_iter().map(|endpoint| endpoint.or_if_in_use(fallback.clone())).collect()
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
fn open_query_server(
    args: &RelayArgs,
    proxy: &Proxy,
    publish_on: &[Endpoint],
    registered: Option<&RegisteredRelay>,
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
        endpoints = with_fallback(endpoints, registered.map(|registered| &registered.query));
    }
    if endpoints.is_empty() {
        return match args.keep {
            None => Ok(None),
            Some(_) => Err(Error::usage("--keep needs a query endpoint, and there is no default")
                .hint("Choose one, such as --ask tcp://127.0.0.1:12346.")),
        };
    }
    let endpoints: Vec<_> =
        endpoints.into_iter().map(|at| at.with_in_use_hints(QUERIES_IN_USE)).collect();
    match proxy.open_query_server(&endpoints) {
        Ok(server) => Ok(Some(server)),
        Err(error) if args.ask.is_empty() && args.keep.is_none() => {
            terminal::eprint_line(format_args!("zlog relay: running without queries: {error}"));
            Ok(None)
        }
        Err(error) => Err(error.note("It is the query endpoint. --ask sets another one.")),
    }
}

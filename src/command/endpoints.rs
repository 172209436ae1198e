//! Which endpoints a command binds and connects: those of its options, or the default.
//!
//! Processes of one user that use the default endpoint meet in any order (see
//! `docs/endpoints.md`). Each publisher has one place: a running relay, else the default
//! endpoint, else a socket of its own that is registered in the run directory. Subscribers
//! look at the default endpoint and in the run directory.

use crate::cli::{DEFAULT_COLLECT, ENDPOINT_VARIABLE, EndpointArgs};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::os::run_directory::{Registered, Registration, RunDirectory, SUBSCRIBER};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{
    ConnectionState, DEFAULT_ENDPOINT, Endpoint, EndpointStatus, Engine, InUseHints, PeerKind,
    Publisher, Role, SocketOptions, host_not_found, peer_kind, wrong_peer,
};

/// Most endpoints that one message names.
const MAX_NAMED: usize = 3;

/// The next step if an endpoint of `emit` is in use.
const EMIT_IN_USE: InUseHints = InUseHints {
    publisher: "Another publisher has bound it. Leave out --bind: `zlog tail` without an endpoint \
                then finds both. Or take a free port: --bind 0.",
    subscriber: "A subscriber has bound it: publish to it with --connect {}.",
    other: "Another program has bound it. Take a free port: --bind 0.",
};

/// The next step if an endpoint of `tail` is in use.
const TAIL_IN_USE: InUseHints = InUseHints {
    publisher: "A publisher has bound it: subscribe to it with --connect {}.",
    subscriber: "Another subscriber has bound it. Take a free port: --bind 0.",
    other: "Another program has bound it. Take a free port: --bind 0.",
};

/// The next step if the default endpoint is in use, and there is no run directory.
const DEFAULT_IN_USE: InUseHints = InUseHints {
    publisher: "Another publisher has bound it. Take a free port: --bind 0.",
    subscriber: "A subscriber has bound it: publish to it with --connect {}.",
    other: "Another program has bound it. Take a free port: --bind 0.",
};

/// The endpoints of a command.
enum Endpoints {
    /// Those of its options.
    Given(Vec<Endpoint>),
    /// The default endpoint, which another process of this user may have bound.
    Default(Endpoint),
}

/// Reads the options. Without --bind and --connect it is the default endpoint, as `role`.
fn of_options(args: &EndpointArgs, role: Role, hints: InUseHints) -> Result<Endpoints> {
    let given = Endpoint::parse_all(&args.bind, &args.connect)?;
    let given: Vec<_> = given.into_iter().map(|it| it.with_in_use_hints(hints)).collect();
    let bound: Vec<_> = given.iter().filter(|endpoint| endpoint.role() == Role::Bind).collect();
    let twice =
        (1..bound.len()).find(|&at| bound[..at].iter().any(|it| it.same_address(bound[at])));
    if let Some(twice) = twice {
        return Err(Error::usage(format!("--bind {} is given twice", bound[twice]))
            .hint("Name each endpoint once."));
    }
    if !given.is_empty() {
        return Ok(Endpoints::Given(given));
    }
    let (default, is_fixed) = default_endpoint(&args.endpoint, role)?;
    let default = default.with_in_use_hints(DEFAULT_IN_USE);
    Ok(match is_fixed {
        true => Endpoints::Given(vec![default]),
        false => Endpoints::Default(default),
    })
}

/// `--endpoint`, or its default, and whether it fixes the role. An empty `ZLOG_ENDPOINT` counts
/// as unset.
pub(super) fn default_endpoint(text: &str, role: Role) -> Result<(Endpoint, bool)> {
    let text = if text.is_empty() { DEFAULT_ENDPOINT } else { text };
    Endpoint::parse_default(text, role).map_err(|error| {
        let from_environment = std::env::var(ENDPOINT_VARIABLE).is_ok_and(|set| set == text);
        if from_environment {
            error.note(format!("It comes from {ENDPOINT_VARIABLE}."))
        } else {
            error
        }
    })
}

/// Opens the publisher of `emit`. `report` gets messages for the user.
///
/// # Errors
/// An endpoint is invalid or can't be used.
pub(super) fn open_publisher(
    args: &EndpointArgs,
    options: &SocketOptions,
    report: &dyn Fn(&str),
) -> Result<Publisher> {
    let default = match of_options(args, Role::Bind, EMIT_IN_USE)? {
        Endpoints::Given(endpoints) => return Publisher::open(&endpoints, options),
        Endpoints::Default(default) => default,
    };
    let Some(directory) = run_directory(&default, report) else {
        return Publisher::open(&[default], options);
    };
    let mut publisher = open_default(&directory, &default, options, report)?;
    publisher.expect_registered(directory, default);
    Ok(publisher)
}

/// Opens the one place of a publisher without given endpoints.
fn open_default(
    directory: &RunDirectory,
    default: &Endpoint,
    options: &SocketOptions,
    report: &dyn Fn(&str),
) -> Result<Publisher> {
    if let Some(collects) = relay(directory, default).and_then(|relay| relay.collects) {
        report(&format!("publishing through the relay at {collects}"));
        return Publisher::open(&[Endpoint::parse(&collects, Role::Connect)?], options);
    }
    let registration = directory.register("emit").and_then(|registration| {
        let own = Endpoint::ipc(&registration.publish_path(), Role::Bind)?;
        Ok((registration, own))
    });
    let (registration, own) = match registration {
        Ok(registration) => registration,
        Err(error) => {
            report_unused(&error, default, report);
            return Publisher::open(std::slice::from_ref(default), options);
        }
    };
    let mut publisher = Publisher::open(&[default.clone().or_if_in_use(own.clone())], options)?;
    if publisher.bound() == [own.as_str()] {
        let endpoints = Registered {
            default: default.as_str().to_owned(),
            publishes: Some(own.as_str().to_owned()),
            ..Registered::default()
        };
        publisher.announce(registration, &endpoints)?;
        report(&format!("{default} is in use; `zlog tail` without an endpoint finds both"));
    }
    Ok(publisher)
}

/// Where the relay of `emit --spool` confirms: at `--confirm-at`, beside where it collects by
/// `--connect`, or where the user's relay does. `report` gets messages for the user.
///
/// # Errors
/// An endpoint is invalid, there are several, or it can't be one that confirms.
pub(super) fn to_confirm(
    args: &EndpointArgs,
    at: Option<&str>,
    report: &dyn Fn(&str),
) -> Result<Endpoint> {
    if let Some(at) = at {
        return Endpoint::parse(at, Role::Connect);
    }
    let collects = match Endpoint::parse_all(&[], &args.connect)?.as_slice() {
        [] => {
            let (default, is_fixed) = default_endpoint(&args.endpoint, Role::Connect)?;
            if is_fixed {
                default
            } else {
                let directory = run_directory(&default, report);
                let relay = directory.and_then(|directory| relay(&directory, &default));
                if let Some(confirms) = relay.and_then(|relay| relay.confirms) {
                    return Endpoint::parse(&confirms, Role::Connect);
                }
                Endpoint::parse(DEFAULT_COLLECT, Role::Connect)?
            }
        }
        [one] => one.clone(),
        _ => {
            return Err(Error::usage("--spool delivers to one relay, and --connect names several")
                .hint("Start a `zlog emit` for each, with a spool of its own."));
        }
    };
    let confirms = collects.confirm_endpoint().filter(|_| collects.role() == Role::Connect);
    confirms.ok_or_else(|| {
        Error::usage(format!("no place where a relay confirms follows from {collects}"))
            .hint("Connect to where a relay collects, or name where it confirms: --confirm-at.")
    })
}

/// The endpoints that `tail` subscribes to. `report` gets messages for the user.
///
/// # Errors
/// An endpoint is invalid.
pub(super) fn to_subscribe(args: &EndpointArgs, report: &dyn Fn(&str)) -> Result<Vec<Endpoint>> {
    Ok(match of_options(args, Role::Connect, TAIL_IN_USE)? {
        Endpoints::Given(endpoints) => endpoints,
        Endpoints::Default(default) => {
            let directory = run_directory(&default, report);
            let registered = directory.map(|directory| default.registered(directory));
            std::iter::once(default).chain(registered).collect()
        }
    })
}

/// The options of a subscriber, as far as its endpoints say.
///
/// # Errors
/// There is no such engine.
pub(super) fn subscriber_options(args: &EndpointArgs) -> Result<SocketOptions> {
    Ok(SocketOptions {
        engine: Engine::of_name(args.engine.as_deref().unwrap_or_default())?,
        insecure: args.insecure,
        key: args.key.clone(),
        ..SocketOptions::subscriber()
    })
}

/// Registers this process, if it subscribes to what is registered in the run directory:
/// publishers that start then wait for it. `report` gets what a person should know.
pub(super) fn register_subscriber(
    endpoints: &[Endpoint],
    report: &dyn Fn(&str),
) -> Option<Registration> {
    let registered = endpoints.iter().find_map(|it| Some((it, it.run_directory()?)));
    let (default, directory) = registered?;
    let endpoints = Registered { default: default.as_str().to_owned(), ..Registered::default() };
    let registration = directory.register(SUBSCRIBER).and_then(|mut registration| {
        registration.announce(&endpoints)?;
        Ok(registration)
    });
    let failed = |error: &Error| {
        report(&format!("{}; short-lived emitters may not wait for this tail", error.message()));
    };
    registration.inspect_err(failed).ok()
}

/// Where the relay that publishes on the default endpoint answers queries.
///
/// # Errors
/// Its endpoint is invalid.
pub(super) fn default_query_endpoint(default: &Endpoint) -> Result<Option<Endpoint>> {
    let relay = RunDirectory::of_user().ok().flatten().and_then(|it| relay(&it, default));
    match relay.and_then(|relay| relay.answers) {
        Some(answers) => Endpoint::parse(&answers, Role::Connect).map(Some),
        None => Ok(default.query_endpoint()),
    }
}

/// Where the relays answer queries that publish on `endpoints`, which were subscribed to.
///
/// # Errors
/// One is invalid.
pub(super) fn query_endpoints(endpoints: &[Endpoint]) -> Result<Vec<Endpoint>> {
    let is_default = endpoints.iter().any(|endpoint| endpoint.run_directory().is_some());
    let named = endpoints.iter().filter(|endpoint| endpoint.run_directory().is_none());
    let connected = named.filter(|endpoint| endpoint.role() == Role::Connect);
    let relays = connected.map(|endpoint| match is_default {
        true => default_query_endpoint(endpoint),
        false => Ok(endpoint.query_endpoint()),
    });
    Ok(relays.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The run directory; `None`, and a report, if it can't be used.
pub(super) fn run_directory(default: &Endpoint, report: &dyn Fn(&str)) -> Option<RunDirectory> {
    RunDirectory::of_user().unwrap_or_else(|error| {
        report_unused(&error, default, report);
        None
    })
}

/// Reports why the run directory is not used.
pub(super) fn report_unused(error: &Error, default: &Endpoint, report: &dyn Fn(&str)) {
    let next_step = error.next_step().unwrap_or_default();
    report(&format!("{}; using {default} only. {next_step}", error.message()));
}

/// The relay of this user with this default endpoint.
pub(super) fn relay(directory: &RunDirectory, default: &Endpoint) -> Option<Registered> {
    let is_endpoint = |text: &String| Endpoint::parse(text, Role::Connect).is_ok();
    // A file that a crash or a person has damaged is not a relay's.
    let is_relay = |found: &Registered| {
        let endpoints = [&found.collects, &found.answers, &found.confirms];
        found.name.starts_with("relay") && endpoints.into_iter().flatten().all(is_endpoint)
    };
    let relays = directory.registered().into_iter().filter(is_relay);
    relays.filter(|found| default.is_default_of(found)).min_by(|a, b| a.name.cmp(&b.name))
}

/// The first endpoints by name, and how many others there are.
pub(super) fn name_some(endpoints: &[&str]) -> String {
    let (named, others) = endpoints.split_at(endpoints.len().min(MAX_NAMED));
    let named = named.join(", ");
    match others.len() {
        0 => named,
        others => format!("{named} and {others} more"),
    }
}

/// Why nobody can subscribe at an endpoint that a publisher connects to, and the next step:
/// its host is not found, or what answers is no subscriber. `None` if there is no such endpoint.
pub(super) fn wrong_endpoint(endpoints: &[EndpointStatus]) -> Option<String> {
    let not_found = |it: &EndpointStatus| {
        let why = it.unresolved.as_ref().filter(|_| it.peers == 0)?;
        Some(host_not_found(&it.endpoint, 1, why))
    };
    endpoints.iter().find_map(not_found).or_else(|| wrong_subscriber(endpoints))
}

/// The message that a publisher has connected to an endpoint where nobody can subscribe.
fn wrong_subscriber(endpoints: &[EndpointStatus]) -> Option<String> {
    endpoints.iter().filter(|endpoint| is_refused(endpoint)).find_map(|status| {
        let endpoint = &status.endpoint;
        Some(match (peer_kind(endpoint), &status.state) {
            (Some(PeerKind::Publisher), _) => format!(
                "{}. Leave out --connect, or connect to the side on which a relay collects \
                 ({DEFAULT_COLLECT})",
                wrong_peer(endpoint, &PeerKind::Publisher)?
            ),
            (Some(kind), _) => wrong_peer(endpoint, &kind)?,
            (None, ConnectionState::HandshakeRefused(why)) => {
                format!("nobody at {endpoint} gets these records: {why}")
            }
            (None, _) => format!(
                "nobody at {endpoint} gets these records: the program there does not speak \
                 ZeroMQ, or asks for encryption"
            ),
        })
    })
}

/// Whether something answers at an endpoint to connect to, and the handshake fails or does not
/// follow.
pub(super) fn is_refused(endpoint: &EndpointStatus) -> bool {
    let is_cut_off = endpoint.state == ConnectionState::CutOff;
    endpoint.role == Role::Connect && endpoint.peers == 0 && endpoint.reached && !is_cut_off
}

/// Prints the bound endpoints. With port 0 or `*` they are not known before.
pub(super) fn print_bound(command: &str, bound: &[String]) {
    for endpoint in bound {
        terminal::eprint_line(format_args!("zlog {command}: bound {}", escape(endpoint)));
    }
}

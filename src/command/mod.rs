//! The commands, one module each. A command makes a pipeline from its arguments and runs it.
//!
//! To add one: a variant in [`crate::cli::Command`], a file here, a line in
//! [`run`], and notes in `cli/examples.rs`; tests/parity.rs will not compile
//! until it has an exemplar.

pub mod bench;
pub mod completions;
mod connection_log;
pub mod demo;
mod disconnect_reason;
pub mod emit;
pub mod formats;
pub mod man;
pub mod relay;
pub mod tail;

use std::sync::Arc;
use std::time::Instant;

use crate::cli::{Cli, Command, ENDPOINT_VARIABLE, EndpointArgs};
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::fd_limit;
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{HandlerStatus, Reporter};
use zlog_pipeline::socket::{DEFAULT_ENDPOINT, Endpoint, Role};

/// Runs the command.
///
/// # Errors
/// The command failed; the error has the exit code.
pub fn run(cli: Cli) -> Result<Exit> {
    // `emit` does it itself, because what it wraps must run in any case.
    if !matches!(
        cli.command,
        Command::Emit(_) | Command::Completions(_) | Command::Formats(_) | Command::Man(_)
    ) {
        raise_descriptor_limit()?;
    }
    match cli.command {
        Command::Emit(args) => emit::run(*args),
        Command::Tail(args) => tail::run(*args),
        Command::Relay(args) => relay::run(*args),
        Command::Bench(args) => bench::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Formats(args) => formats::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// Raises the limit on file descriptors, and prints a warning if it is still low.
fn raise_descriptor_limit() -> Result<()> {
    if let Some(warning) = fd_limit::raise()? {
        terminal::eprint_line(format_args!("zlog: {warning}"));
    }
    Ok(())
}

/// The endpoints of `--bind` and `--connect`; the default one, as `role`, when there are none.
fn endpoints(args: &EndpointArgs, role: Role) -> Result<Vec<Endpoint>> {
    let mut endpoints = Endpoint::parse_all(&args.bind, &args.connect)?;
    let fixed = |text: &String| !text.ends_with('*') && !text.ends_with(":0");
    let bound = args.bind.iter().filter(|text| fixed(text)).collect::<Vec<_>>();
    if let Some(twice) = (1..bound.len()).find(|at| bound[..*at].contains(&bound[*at])) {
        return Err(Error::usage(format!("--bind {} is given twice", bound[twice]))
            .hint("Name each endpoint once."));
    }
    if endpoints.is_empty() {
        endpoints.push(default_endpoint(&args.endpoint, role)?);
    }
    Ok(endpoints)
}

/// `--endpoint`, or its default. An empty `ZLOG_ENDPOINT` counts as unset.
fn default_endpoint(text: &str, role: Role) -> Result<Endpoint> {
    let text = if text.is_empty() { DEFAULT_ENDPOINT } else { text };
    Endpoint::parse(text, role).map_err(|error| {
        let from_environment = std::env::var(ENDPOINT_VARIABLE).is_ok_and(|set| set == text);
        if from_environment {
            error.note(format!("It comes from {ENDPOINT_VARIABLE}."))
        } else {
            error
        }
    })
}

/// Prints a warning if this process is running out of file descriptors. Cheap to call often.
fn warn_of_descriptors(now: Instant) {
    if let Some(warning) = fd_limit::check(now) {
        terminal::eprint_line(format_args!("zlog: {warning}"));
    }
}

/// Prints messages of handlers on standard error.
fn stderr_reporter() -> Reporter {
    Arc::new(|line| terminal::eprint_line(line))
}

/// Prints which handlers of `command` lost records. Returns how many records in all.
fn report_losses(command: &str, handlers: &[HandlerStatus]) -> u64 {
    for remark in handlers.iter().flat_map(HandlerStatus::remarks) {
        terminal::eprint_line(format_args!("zlog {command}: {remark}"));
    }
    handlers.iter().map(HandlerStatus::missing).sum()
}

/// Prints the bound endpoints. With port 0 or `*` they are not known before.
fn print_bound(command: &str, bound: &[String]) {
    for endpoint in bound {
        terminal::eprint_line(format_args!("zlog {command}: bound {endpoint}"));
    }
}

//! The commands, one module each. A command makes a pipeline from its arguments and runs it.
//!
//! To add one: a variant in [`crate::cli::Command`], a file here, a line in
//! [`run`], and notes in `cli/examples.rs`; tests/parity.rs will not compile
//! until it has an exemplar.

pub mod bench;
pub mod canary;
pub mod command_line;
pub mod completions;
pub mod config;
mod connection_log;
pub mod demo;
mod disconnect_reason;
pub mod emit;
mod endpoints;
pub mod formats;
pub mod keygen;
pub mod man;
mod no_peer;
mod overdue;
mod rate_limiter;
pub mod relay;
mod selection;
pub mod tail;
pub mod top;

use std::sync::Arc;
use std::time::Instant;

use crate::cli::{Cli, Command};
use zlog_core::text::plural::{counted, grouped};
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::fd_limit;
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{HandlerStatus, Reporter};

/// Runs the command. `fault` is why `emit` can't publish, if that is known already.
///
/// # Errors
/// The command failed; the error has the exit code.
pub fn run(cli: Cli, fault: Option<Error>) -> Result<Exit> {
    // `emit` does it itself, because what it wraps must run in any case.
    if !matches!(
        cli.command,
        Command::Emit(_)
            | Command::Completions(_)
            | Command::Config(_)
            | Command::Formats(_)
            | Command::Keygen(_)
            | Command::Man(_)
    ) {
        raise_descriptor_limit(cli.command.name())?;
    }
    match cli.command {
        Command::Emit(args) => emit::run(*args, fault),
        Command::Tail(args) => tail::run(*args),
        Command::Top(args) => top::run(*args),
        Command::Relay(args) => relay::run(*args),
        Command::Bench(args) => bench::run(&args),
        Command::Canary(args) => canary::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Formats(args) => formats::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// Raises the limit on file descriptors, and prints a warning if it is still low.
fn raise_descriptor_limit(command: &str) -> Result<()> {
    if let Some(warning) = fd_limit::raise()? {
        terminal::eprint_line(format_args!("zlog {command}: {warning}"));
    }
    Ok(())
}

/// Prints a warning if this process is running out of file descriptors. Cheap to call often.
fn warn_of_descriptors(command: &str, now: Instant) {
    if let Some(warning) = fd_limit::check(now) {
        terminal::eprint_line(format_args!("zlog {command}: {warning}"));
    }
}

/// Prints messages of handlers on standard error.
fn stderr_reporter() -> Reporter {
    Arc::new(|line| terminal::eprint_line(line))
}

/// How many records the handlers of a command have, and how many they lost.
#[derive(Clone, Copy, Default)]
struct HandlerTotals {
    arrived: u64,
    missing: u64,
}

impl HandlerTotals {
    /// Whether handlers lost records, and none of them has any.
    fn lost_everything(self) -> bool {
        self.missing > 0 && self.arrived == 0
    }

    /// How many are stored, and of how many if some are lost: `3 records stored`, `2 of 3 stored`.
    fn text(self, noun: &str) -> String {
        let all = self.arrived + self.missing;
        let of = match self.missing {
            0 => String::new(),
            _ => format!("{} of ", grouped(self.arrived)),
        };
        match noun {
            "" => format!("{of}{} stored", grouped(all)),
            noun => format!("{of}{} stored", counted(all, noun)),
        }
    }
}

/// Prints which handlers of `command` lost records. Returns the totals.
fn report_losses(command: &str, handlers: &[HandlerStatus]) -> HandlerTotals {
    for remark in handlers.iter().flat_map(HandlerStatus::remarks) {
        terminal::eprint_line(format_args!("zlog {command}: {remark}"));
    }
    HandlerTotals {
        arrived: handlers.iter().map(HandlerStatus::arrived).sum(),
        missing: handlers.iter().map(HandlerStatus::missing).sum(),
    }
}

/// The remark that lines of the input may be missing, as notices have said.
fn gaps_remark(gaps: u64) -> Option<String> {
    (gaps > 0).then(|| format!("lines may be missing: {} (see above)", counted(gaps, "gap")))
}

//! The `zlog` command: parse, dispatch, print the error, exit.

use std::process::ExitCode;

use zlog::command;
use zlog::command::command_line::{self, Parsed, Refused};
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::{signal, terminal};

fn main() -> ExitCode {
    let exit = match command_line::parse(std::env::args_os().collect()) {
        Ok(parsed) => {
            if let Some(warning) = &parsed.warning {
                terminal::eprint_line(format_args!("zlog: {warning}"));
            }
            for remark in &parsed.remarks {
                terminal::eprint_line(remark);
            }
            run(parsed).unwrap_or_else(|error| report(&error))
        }
        Err(Refused::Usage(error)) => usage(&error),
        Err(Refused::Config(error)) => report(&error),
    };
    if let Exit::Signal(signal) = exit {
        signal::end_by(signal);
    }
    ExitCode::from(exit.code())
}

fn run(parsed: Parsed) -> Result<Exit> {
    #[cfg(target_os = "linux")]
    match zlog_pipeline::os::orphans::run_in_child() {
        Ok(Some(exit)) => return Ok(exit),
        Ok(None) => {}
        Err(error) => terminal::eprint_line(format_args!("zlog: {error}")),
    }
    command::run(parsed.cli, parsed.fault)
}

/// Prints an error, except for a closed output pipe.
fn report(error: &Error) -> Exit {
    if error.exit() != Exit::Done {
        terminal::eprint_line(format_args!("zlog: {error}"));
    }
    error.exit()
}

/// Help and the version go to stdout and are a success; the rest is wrong usage.
fn usage(error: &clap::Error) -> Exit {
    if error.use_stderr() {
        // It has no styles: see `Cli::parse_line`.
        terminal::eprint_line(error.render().ansi().to_string().trim_end());
        return Exit::Usage;
    }
    match error.print() {
        Ok(()) => terminal::check_stdout().map_or_else(|error| report(&error), |()| Exit::Done),
        Err(cause) => report(&terminal::output_error(&cause)),
    }
}

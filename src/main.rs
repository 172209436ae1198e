//! The `zlog` command: parse, dispatch, print the error, exit.

use std::process::ExitCode;

use zlog::cli::Cli;
use zlog::command;
use zlog_core::error::{Error, Exit};
use zlog_pipeline::os::terminal;

fn main() -> ExitCode {
    let exit = match Cli::parse_line(std::env::args_os()) {
        Ok(cli) => command::run(cli).unwrap_or_else(|error| report(&error)),
        Err(error) => usage(&error),
    };
    ExitCode::from(exit.code())
}

/// Prints an error, unless it is only that nobody reads the output any more.
fn report(error: &Error) -> Exit {
    if error.exit() != Exit::Done {
        terminal::tell(format_args!("zlog: {error}"));
    }
    error.exit()
}

/// Help and the version go to stdout and are a success; the rest is wrong usage.
fn usage(error: &clap::Error) -> Exit {
    match error.print() {
        _ if error.use_stderr() => Exit::Usage,
        Ok(()) => Exit::Done,
        Err(cause) => report(&terminal::output_error(&cause)),
    }
}

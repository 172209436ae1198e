//! The `zlog` command: parse, dispatch, print the error, exit.

use std::process::ExitCode;

use zlog::cli::Cli;
use zlog::cmd;
use zlog::error::{Error, Exit, Result};
use zlog::term;

fn main() -> ExitCode {
    let exit = match Cli::parse_line(std::env::args_os()) {
        Ok(cli) => run(cli).unwrap_or_else(|error| report(&error)),
        Err(error) => usage(&error),
    };
    ExitCode::from(exit.code())
}

fn run(cli: Cli) -> Result<Exit> {
    #[cfg(target_os = "linux")]
    if let Some(exit) = zlog::orphans::run_in_child()? {
        return Ok(exit);
    }
    cmd::run(cli)
}

/// Prints an error, unless it is only that nobody reads the output any more.
fn report(error: &Error) -> Exit {
    if error.exit() != Exit::Done {
        term::tell(format_args!("zlog: {error}"));
    }
    error.exit()
}

/// Help and the version go to stdout and are a success; the rest is wrong usage.
fn usage(error: &clap::Error) -> Exit {
    if error.use_stderr() {
        // It has no styles: see `Cli::parse_line`.
        term::tell(error.render().ansi().to_string().trim_end());
        return Exit::Usage;
    }
    match error.print() {
        Ok(()) => term::check_stdout().map_or_else(|error| report(&error), |()| Exit::Done),
        Err(cause) => report(&term::output_error(&cause)),
    }
}

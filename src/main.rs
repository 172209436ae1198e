//! The `zlog` command: parse, dispatch, print the error, exit.

use std::process::ExitCode;

use zlog::command;
use zlog::command::command_line::{self, Parsed, Refused};
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::{signal, terminal};

fn main() -> ExitCode {
    let exit = match command_line::parse(std::env::args_os().collect()) {
        Ok(parsed) => {
            let name = parsed.cli.command.name();
            if let Some(warning) = &parsed.warning {
                terminal::eprint_line(format_args!("zlog {name}: {warning}"));
            }
            for remark in &parsed.remarks {
                terminal::eprint_line(format_args!("zlog {name}: {remark}"));
            }
            run(name, parsed).unwrap_or_else(|error| report(name, &error))
        }
        Err(Refused::Usage(error)) => usage(&error),
        Err(Refused::Config(name, error)) => report(name, &error),
    };
    if let Exit::Signal(signal) = exit {
        signal::end_by(signal);
    }
    ExitCode::from(exit.code())
}

fn run(name: &str, parsed: Parsed) -> Result<Exit> {
    #[cfg(target_os = "linux")]
    match zlog_pipeline::os::orphans::run_in_child() {
        Ok(Some(exit)) => return Ok(exit),
        Ok(None) => {}
        Err(error) => terminal::eprint_line(format_args!("zlog {name}: {error}")),
    }
    command::run(parsed.cli, parsed.fault)
}

/// Prints an error of the command `name`, except for a closed output pipe.
fn report(name: &str, error: &Error) -> Exit {
    if error.exit() != Exit::Done {
        terminal::eprint_line(format_args!("zlog {name}: {error}"));
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
        Ok(()) => {
            terminal::check_stdout().map_or_else(|error| report("help", &error), |()| Exit::Done)
        }
        Err(cause) => report("help", &terminal::output_error(&cause)),
    }
}

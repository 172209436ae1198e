//! `zlog demo`: a real emitter and a real tail, over a real socket, in one terminal.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::cli::{Cli, Command as Typed, DemoArgs};
use crate::command;
use zlog_core::text::choice::Choice as _;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::fd_limit;
use zlog_pipeline::os::signal;
use zlog_pipeline::os::terminal;

/// Starts `zlog emit` as a child process and tails it.
///
/// # Errors
/// The emitter can't be started; the errors of [`command::tail::run`].
pub fn run(args: &DemoArgs) -> Result<Exit> {
    let mut emitter = Emitter::start(args)?;
    let endpoint = emitter.endpoint()?;
    terminal::eprint_line(format_args!(
        "zlog demo: `zlog emit --test` on {endpoint}, and `zlog tail` here."
    ));
    terminal::eprint_line(format_args!(
        "zlog demo: watch it from another terminal too: zlog tail {endpoint}"
    ));
    tail(args, &endpoint)
}

fn tail(args: &DemoArgs, endpoint: &str) -> Result<Exit> {
    let mut line = vec!["zlog", "tail", "--connect", endpoint, "--color", args.color.name()];
    let count = args.count.map(|count| count.to_string());
    if let Some(count) = &count {
        line.extend(["--count", count]);
    }
    match Cli::parse_line(line.into_iter().map(Into::into)) {
        Ok(Cli { command: Typed::Tail(args) }) => command::tail::run(*args),
        Ok(_) => Err(Error::new("the demo's command line is not one of `zlog tail`")),
        Err(error) => Err(Error::new(error.to_string())),
    }
}

/// The emitting process. Dropping this ends it.
struct Emitter {
    child: Child,
}

impl Emitter {
    fn start(args: &DemoArgs) -> Result<Emitter> {
        let program = std::env::current_exe()
            .map_err(|error| Error::io("can't find the zlog program", &error))?;
        let mut command = Command::new(program);
        command.args(["emit", "--test", "--root", "demo", "--bind", "tcp://127.0.0.1:*"]);
        command.args(["--wait", "30s", "--linger", "1s"]);
        command.args(["--rate", &args.rate.to_string()]);
        if let Some(seed) = args.seed {
            command.args(["--seed", &seed.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        fd_limit::restore_inherited(&mut command);
        // A demo that is killed can't end the emitter. This thread runs the tail, and so
        // lasts as long as the demo.
        signal::end_with_this_thread(&mut command);
        let child =
            command.spawn().map_err(|error| Error::io("can't start `zlog emit`", &error))?;
        Ok(Emitter { child })
    }

    /// Reads the bound endpoint from the emitter's stderr.
    fn endpoint(&mut self) -> Result<String> {
        let Some(stderr) = self.child.stderr.take() else {
            return Err(Error::new("`zlog emit` has no stderr"));
        };
        let mut lines = BufReader::new(stderr).lines();
        let mut output = String::new();
        while let Some(Ok(line)) = lines.next() {
            if let Some(endpoint) = line.split_whitespace().find(|word| word.contains("://")) {
                let endpoint = endpoint.to_owned();
                // Unless its stderr is read on, the emitter blocks on a full pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(endpoint);
            }
            output.push_str(&line);
        }
        Err(Error::new(format!("`zlog emit` did not start: {output}")))
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        // The emitter may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! `zlog relay --config`: files are checked, run, and reloaded on SIGHUP. The user's own file.

mod check;
#[cfg(unix)]
mod cookbook;
#[cfg(unix)]
mod reload;
#[cfg(unix)]
mod user;

use std::path::Path;
use std::time::Instant;

use crate::harness::{ANY_PORT, DEADLINE, Running, zlog};

/// A relay with a configuration file, and the endpoint that it collects on.
struct Configured {
    running: Running,
    collect: String,
}

/// Starts a relay with this file on free ports.
#[track_caller]
fn configured(file: &Path, args: &[&str]) -> Configured {
    let file = file.to_str().unwrap();
    let ports = ["relay", "--config", file, "--bind", ANY_PORT, "--publish-bind", ANY_PORT];
    let mut running = zlog(ports).args(args).start();
    let collect = running.endpoints(2).remove(0);
    Configured { running, collect }
}

/// Waits until `count` lines of its standard error contain `text`.
#[track_caller]
fn lines_come(running: &mut Running, text: &str, count: usize) {
    let mut seen = 0;
    let found = running.stderr.wait_for_line(Instant::now() + DEADLINE, |line| {
        seen += usize::from(line.contains(text));
        seen >= count
    });
    if found.is_none() {
        running.fail(&format!("no {count} lines on stderr with {text:?}"));
    }
}

//! zlog, and bare libzmq as its baseline: how each is started, and how arrived records are
//! counted.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::scenario::{Scenario, Transport, wire_name};
use crate::arrivals::{ArrivalCounter, LineCounter};
use crate::records::{ROOT, TOPIC_PREFIX};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::os::fd_limit;

/// How long publishers wait for subscribers, which run already.
const WAIT: &str = "30s";
/// How long publishers may take to flush their last records.
const LINGER: &str = "60s";

/// The implementation that carries the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Implementation {
    /// `zlog emit` and `zlog tail`.
    Zlog,
    /// The same frames through libzmq, and nothing else.
    Bare,
}

impl Implementation {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Implementation::Zlog => "zlog",
            Implementation::Bare => "bare",
        }
    }

    /// The command of subscriber `number`, which binds in `directory` and writes to `out`.
    pub(super) fn subscriber(
        self,
        scenario: &Scenario,
        directory: &Path,
        number: usize,
        out: File,
    ) -> Result<Command> {
        let mut command = zlog()?;
        match self {
            Implementation::Zlog => command.args(["tail", "--output", "text"]),
            Implementation::Bare => command.args(["bench", "bare-receive"]),
        };
        command.arg("--bind").arg(endpoint(scenario.transport, directory, number));
        command.arg("--count").arg(scenario.sent().to_string());
        for prefix in prefixes(scenario.dimensions.topics) {
            command.arg("--topic").arg(prefix);
        }
        command.stdout(out);
        Ok(command)
    }

    /// The command of a publisher, which sends the lines of a file to all `subscribers`.
    pub(super) fn publisher(
        self,
        scenario: &Scenario,
        lines: &Path,
        subscribers: &[String],
    ) -> Result<Command> {
        let failed = |error: std::io::Error| Error::io(escape(&lines.to_string_lossy()), &error);
        let mut command = zlog()?;
        match self {
            Implementation::Zlog => command.args(["emit", "--quiet", "--root", ROOT]),
            Implementation::Bare => {
                command.args(["bench", "bare-send"]).arg("--count").arg(scenario.count.to_string())
            }
        };
        command.args(["--wire", wire_name(scenario.wire), "--wait", WAIT, "--linger", LINGER]);
        command.arg("--wait-for").arg(subscribers.len().to_string());
        for endpoint in subscribers {
            command.arg("--connect").arg(endpoint);
        }
        command.stdin(File::open(lines).map_err(failed)?).stdout(Stdio::null());
        Ok(command)
    }

    /// Counts the records that a subscriber has written to `out`.
    pub(super) fn arrived(self, out: &Path) -> Result<u64> {
        match self {
            Implementation::Zlog => Ok(LineCounter::new(out, None).arrived()?.unwrap_or_default()),
            Implementation::Bare => {
                let text = std::fs::read_to_string(out)
                    .map_err(|error| Error::io(escape(&out.to_string_lossy()), &error))?;
                let wrong = |_| Error::new("`zlog bench bare-receive` printed no count");
                text.split_whitespace().next().unwrap_or_default().parse().map_err(wrong)
            }
        }
    }
}

fn zlog() -> Result<Command> {
    let program = std::env::current_exe()
        .map_err(|error| Error::io("can't find the zlog program", &error))?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    fd_limit::restore_inherited(&mut command);
    Ok(command)
}

fn endpoint(transport: Transport, directory: &Path, number: usize) -> OsString {
    match transport {
        Transport::Tcp => "tcp://127.0.0.1:*".into(),
        Transport::Ipc => {
            let mut endpoint = OsString::from("ipc://");
            endpoint.push(directory.join(format!("{number}.sock")));
            endpoint
        }
    }
}

/// A subscriber's prefixes: prefixes that match nothing, then that of the records.
/// Subscribers send them in byte order, so a publisher that has the last one has all.
fn prefixes(topics: usize) -> impl Iterator<Item = String> {
    let absent = (1..topics).map(|number| format!("absent.{number:05}."));
    absent.chain([TOPIC_PREFIX.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subscription_of_the_records_is_the_last_one_in_the_order_of_bytes() {
        let all: Vec<String> = prefixes(1000).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.is_sorted());
        assert_eq!(all.last().map(String::as_str), Some("bench."));
        assert_eq!(prefixes(1).collect::<Vec<_>>(), ["bench."]);
    }
}

//! What is measured: zlog, and the bare libzmq that it is held against. How each is
//! started, and how one sees what came.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::shape::{Shape, Transport, wire_name};
use crate::far::{FarEnd, Files};
use crate::records::ROOT;
use zlog_core::error::{Error, Result};
use zlog_pipeline::os::fd_limit;

/// How long publishers wait for subscribers, which are there already.
const WAIT: &str = "30s";
/// How long publishers may take to get rid of their last records.
const LINGER: &str = "60s";

/// Who carries the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum System {
    /// `zlog emit` and `zlog tail`.
    Zlog,
    /// Frames of the same bytes, sent and received and nothing else.
    Bare,
}

impl System {
    /// As reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            System::Zlog => "zlog",
            System::Bare => "bare",
        }
    }

    /// The subscriber numbered `number`, which binds in `directory` and writes to `out`.
    pub(super) fn subscriber(
        self,
        shape: &Shape,
        directory: &Path,
        number: usize,
        out: File,
    ) -> Result<Command> {
        let mut command = zlog()?;
        match self {
            System::Zlog => command.args(["tail", "--output", "text"]),
            System::Bare => command.args(["bench", "bare-receive"]),
        };
        command.arg("--bind").arg(endpoint(shape.transport, directory, number));
        command.arg("--count").arg(shape.sent().to_string());
        for prefix in prefixes(shape.dimensions.topics) {
            command.arg("--topic").arg(prefix);
        }
        command.stdout(out);
        Ok(command)
    }

    /// A publisher of the lines of a file to all `subscribers`.
    pub(super) fn publisher(
        self,
        shape: &Shape,
        lines: &Path,
        subscribers: &[String],
    ) -> Result<Command> {
        let failed = |error: std::io::Error| Error::io(lines.display(), &error);
        let mut command = zlog()?;
        match self {
            System::Zlog => command.args(["emit", "--quiet", "--root", ROOT]),
            System::Bare => {
                command.args(["bench", "bare-send"]).arg("--count").arg(shape.count.to_string())
            }
        };
        command.args(["--wire", wire_name(shape.wire), "--wait", WAIT, "--linger", LINGER]);
        command.arg("--wait-for").arg(subscribers.len().to_string());
        for endpoint in subscribers {
            command.arg("--connect").arg(endpoint);
        }
        command.stdin(File::open(lines).map_err(failed)?).stdout(Stdio::null());
        Ok(command)
    }

    /// How many records a subscriber has written about to `out`.
    pub(super) fn arrived(self, out: &Path) -> Result<u64> {
        match self {
            System::Zlog => Ok(Files::new(out, None).arrived()?.unwrap_or_default()),
            System::Bare => {
                let text = std::fs::read_to_string(out)
                    .map_err(|error| Error::io(out.display(), &error))?;
                let wrong = |_| Error::new("a receiver of bare libzmq did not say its count");
                text.trim().parse().map_err(wrong)
            }
        }
    }
}

fn zlog() -> Result<Command> {
    let program = std::env::current_exe()
        .map_err(|error| Error::io("can't find the zlog program", &error))?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    fd_limit::as_it_was(&mut command);
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

/// What a subscriber subscribes to: the records' topics, and before that (subscribers
/// send them in the order of bytes) those that match none. A publisher that has got
/// the last one has got all.
fn prefixes(topics: usize) -> impl Iterator<Item = String> {
    let absent = (1..topics).map(|number| format!("absent.{number:05}."));
    absent.chain([super::bare::prefix()])
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

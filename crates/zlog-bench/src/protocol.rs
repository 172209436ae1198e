//! The protocol between the processes of one `zlog bench`: one JSON message per line, on
//! standard input and output.
//!
//! `child` is the parent's end, `worker` the child's.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::arrivals::CountReply;
use super::measure::Load;
use super::sample::Sample;
use super::target::BenchTarget;
use zlog_pipeline::handler::smtp::Login;

/// The first line that a child reads: its task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Measure a handler once.
    Measure(Box<RunSpec>),
    /// Count published messages.
    Subscribe {
        /// The publisher's endpoint.
        endpoint: String,
    },
    /// Run a mail server, and count mails.
    ServeMail {
        /// How long to hold each mail before it is acknowledged.
        delay: Duration,
    },
    /// Wait until the parent has ended; then remove this directory and kill the process
    /// group.
    Reap(PathBuf),
}

/// One run of one handler.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunSpec {
    /// The handler to measure.
    pub target: BenchTarget,
    /// A directory of its own for the run's files; removed afterwards.
    pub directory: PathBuf,
    /// The messages to log.
    pub messages: Messages,
    /// How much to log, and how fast.
    pub load: Load,
    /// How long to log before measuring.
    pub warm_up: Duration,
    /// Capacity of a queue, in records.
    pub queue: usize,
    /// Where to send mails.
    pub mail: MailOptions,
}

/// The messages to log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Messages {
    /// Test records, whose messages have this many bytes.
    Size(usize),
    /// The lines of this file.
    Lines(PathBuf),
}

/// Where to send mails.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MailOptions {
    /// The server's URL; `None`: the embedded server on loopback.
    pub url: Option<String>,
    /// The login for that server; the embedded one needs none.
    pub login: Option<LoginSecret>,
    /// How long the embedded server holds each mail before it is acknowledged.
    pub delay: Duration,
}

/// A login on its way through a pipe to the process that uses it. It never appears in a
/// report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginSecret(pub Login);

impl Serialize for LoginSecret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.0.user, &self.0.password).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LoginSecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (user, password) = Deserialize::deserialize(deserializer)?;
        Ok(LoginSecret(Login { user, password }))
    }
}

/// A child's answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Response {
    /// It is ready, at this address.
    Ready(String),
    /// The count that was requested.
    Counted(CountReply),
    /// The result of a measurement.
    Done(Box<Sample>),
    /// The task failed, for this reason.
    Failed(String),
}

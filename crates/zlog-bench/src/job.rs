//! What processes of one `zlog bench` say to each other: JSON, a line for each
//! message, on standard input and output.
//!
//! What may be here: the messages. Who starts whom is `partner`'s, what is done is
//! `worker`'s.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::far::Reply;
use super::measure::Load;
use super::sample::Sample;
use super::subject::Subject;
use zlog_pipeline::handler::smtp::Login;

/// What a child is started for: the first line that it reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Measure a handler once.
    Measure(Box<Measure>),
    /// Count what is published.
    Subscribe {
        /// Where the publisher is.
        endpoint: String,
    },
    /// Be a mail server, and count mails.
    Mail {
        /// How long each mail is held before it is acknowledged.
        delay: Duration,
    },
    /// Wait for the parent's end; then remove this directory and end the process group.
    Guard(PathBuf),
}

/// One run of one handler.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// What is measured.
    pub subject: Subject,
    /// A directory of its own for whatever it needs; removed afterwards.
    pub directory: PathBuf,
    /// What is logged.
    pub text: Text,
    /// How much, and how fast.
    pub load: Load,
    /// How long the same is done before, unmeasured.
    pub warm_up: Duration,
    /// Records that a queue holds.
    pub queue: usize,
    /// Where mails go.
    pub mail: Mail,
}

/// What is logged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Text {
    /// Test records, whose messages have this many bytes.
    Size(usize),
    /// The lines of this file.
    Lines(PathBuf),
}

/// Where mails go.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Mail {
    /// A server; without one, a server of zlog's own on loopback.
    pub url: Option<String>,
    /// Who logs in at another server; at zlog's own nobody does.
    pub login: Option<Passed>,
    /// How long zlog's own server holds each mail before it is acknowledged.
    pub delay: Duration,
}

/// A login on its way to the process that uses it: through a pipe, where nobody else
/// can read it. It stands in no report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed(pub Login);

impl Serialize for Passed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.0.user, &self.0.password).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Passed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (user, password) = Deserialize::deserialize(deserializer)?;
        Ok(Passed(Login { user, password }))
    }
}

/// What a child says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Told {
    /// It can be reached here.
    Ready(String),
    /// It has counted.
    Counted(Reply),
    /// It has measured.
    Done(Box<Sample>),
    /// It could not do its job.
    Failed(String),
}

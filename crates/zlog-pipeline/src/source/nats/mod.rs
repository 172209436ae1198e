//! Records from a stream of NATS JetStream: its history, and then what is added.
//!
//! `consumer` asks the server for them, `reader` delivers them and connects anew after an outage.

#[cfg(feature = "nats")]
mod consumer;
#[cfg(feature = "nats")]
mod reader;

use std::time::Duration;

#[cfg(feature = "nats")]
pub use self::reader::NatsSource;
use crate::nats::server::ServerOptions;
use crate::nats::stream::{DEFAULT_NAME, DEFAULT_PREFIX};

/// Where to begin in a stream.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Start {
    /// At its first record.
    First,
    /// At the first record that was stored at this time or later: seconds since 1970-01-01 UTC.
    Since(f64),
    /// At the last so many records.
    Last(u64),
}

/// What to read.
#[derive(Clone, Debug, PartialEq)]
pub struct NatsSourceOptions {
    /// The servers.
    pub server: ServerOptions,
    /// The name of the stream.
    pub stream: String,
    /// The beginning of its subjects.
    pub prefix: String,
    /// The beginnings of topics to read. Others may be delivered, too: a server can only select by
    /// whole parts of topics.
    pub topics: Vec<Vec<u8>>,
    /// Where to begin. A durable consumer that exists goes on where it stopped.
    pub start: Start,
    /// Whether to wait for more at the end.
    pub follow: bool,
    /// The name of a durable consumer, which remembers what was read and can have several readers.
    pub durable: Option<String>,
    /// Whether records have their [`Record::body`](zlog_core::Record::body).
    pub keep_bodies: bool,
    /// The time limit for connecting, and for each answer.
    pub timeout: Duration,
}

impl Default for NatsSourceOptions {
    /// The whole history of the default stream.
    fn default() -> NatsSourceOptions {
        NatsSourceOptions {
            server: ServerOptions::default(),
            stream: DEFAULT_NAME.to_owned(),
            prefix: DEFAULT_PREFIX.to_owned(),
            topics: vec![Vec::new()],
            start: Start::First,
            follow: false,
            durable: None,
            keep_bodies: false,
            timeout: Duration::from_secs(5),
        }
    }
}

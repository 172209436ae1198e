//! Stores records in a stream of NATS JetStream, which keeps, replicates and serves them.
//!
//! A record goes to the subject of its topic (`zlog_core::wire::subject`), as the JSON that `emit`
//! publishes. Many records are on their way at once, and each counts as sent when the server has
//! confirmed that it is stored. After an outage, those that were not confirmed are sent again; the
//! server recognises records that it has already by their `Nats-Msg-Id` and drops them.
//!
//! `message` makes messages of records, `publish` sends them over a connection, `fast` by the server's
//! protocol for batches, `transport` makes the connections.

#[cfg(feature = "nats")]
mod fast;
#[cfg(feature = "nats")]
mod message;
#[cfg(feature = "nats")]
mod publish;
#[cfg(feature = "nats")]
mod task;
#[cfg(feature = "nats")]
mod transport;

use std::time::Duration;

#[cfg(feature = "nats")]
pub use self::transport::NatsHandler;
use super::retry::RetryOptions;
use crate::nats::server::ServerOptions;
use crate::nats::stream::{DEFAULT_PREFIX, StreamOptions};
use zlog_core::{Error, Result};

/// The default of [`NatsOptions::max_pending`]. More are no faster.
const DEFAULT_MAX_PENDING: usize = 4096;
/// The most records on their way. The client drops confirmations if it holds more.
const MOST_PENDING: usize = 32_768;

/// The default of [`NatsOptions::timeout`].
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where and how records are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsOptions {
    /// The servers.
    pub server: ServerOptions,
    /// The beginning of subjects.
    pub prefix: String,
    /// The root of the topic of a record without one; may be empty.
    pub root: String,
    /// The stream.
    pub stream: StreamOptions,
    /// The most records that are sent and not confirmed.
    pub max_pending: usize,
    /// The time limit for connecting, and for each confirmation.
    pub timeout: Duration,
    /// How many records may wait while no server stores them.
    pub retry: RetryOptions,
}

impl Default for NatsOptions {
    fn default() -> NatsOptions {
        NatsOptions {
            server: ServerOptions::default(),
            prefix: DEFAULT_PREFIX.to_owned(),
            root: String::new(),
            stream: StreamOptions::default(),
            max_pending: DEFAULT_MAX_PENDING,
            timeout: DEFAULT_TIMEOUT,
            retry: RetryOptions::default(),
        }
    }
}

impl NatsOptions {
    /// Checks what can be checked without reading files or connecting.
    ///
    /// # Errors
    /// See [`ServerOptions::validate`]; or `max_pending` is out of range.
    pub fn validate(&self) -> Result<()> {
        self.server.validate()?;
        if !(1..=MOST_PENDING).contains(&self.max_pending) {
            let asked = self.max_pending;
            return Err(Error::usage(format!("max-pending is out of range: {asked}"))
                .hint(format!("Use 1 to {MOST_PENDING}.")));
        }
        Ok(())
    }
}

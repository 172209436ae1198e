//! OpenTelemetry's log records, as programs and collectors send them by OTLP: over HTTP with
//! Protocol Buffers, and over gRPC, at the same port.
//!
//! A thread of its own serves the peers: `server` has connections and limits, `protocol` the two
//! protocols, `outline` finds the records in a request. This thread decodes one record after the
//! other and delivers it; only then is the request answered, so that a sender keeps what was not
//! delivered. Input is hostile until it is decoded; [`OtlpListenOptions`] has the limits.
//!
//! | a peer | is handled so |
//! |---|---|
//! | sends something else: another path, type or encoding | the request is refused, with the next step |
//! | sends no Protocol Buffers | the same; the connection stays |
//! | sends a record that can't be read, or that is too long, or its resource | the others are delivered; the answer and a notice tell the number (partial success) |
//! | sends more than a request may have | refused: 413 |
//! | sends faster than the records are taken | 503 with `Retry-After`, by which it keeps them |
//! | stops in the middle of a body | 503 after 5 s; after 30 s if it is slow |
//! | sends no request for a minute, or stops in the middle of its head | disconnected after two minutes at most |
//! | connects when the maximum number is connected | disconnected and named |

#[cfg(feature = "otlp")]
mod deliver;
#[cfg(feature = "otlp")]
mod outline;
#[cfg(feature = "otlp")]
mod protocol;
#[cfg(feature = "otlp")]
mod server;

use std::time::Duration;

use super::Source;
use super::python::{Address, ListenAddr};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The port of OTLP over HTTP. That of gRPC is 4317, but both are understood at either.
pub const DEFAULT_PORT: u16 = 4318;

/// Where to listen, and the limits on what peers may send.
#[derive(Clone, Debug)]
pub struct OtlpListenOptions {
    /// The addresses.
    pub addresses: Vec<Address>,
    /// Allow addresses that other machines can reach.
    pub allow_remote: bool,
    /// The beginning of topics, before the name of the service; may be empty.
    pub root: String,
    /// The longest record, as Protocol Buffers, in bytes; and its longest resource and scope.
    pub max_record: usize,
    /// The most connections at once.
    pub max_clients: usize,
    /// How long a connection may be without a whole head of a request, and pause in the middle of
    /// its body; there 5 s at most.
    pub stall: Duration,
}

impl Default for OtlpListenOptions {
    /// No addresses; records of up to 1 MiB, 1000 connections, a minute.
    fn default() -> OtlpListenOptions {
        OtlpListenOptions {
            addresses: Vec::new(),
            allow_remote: false,
            root: String::new(),
            max_record: 1 << 20,
            max_clients: 1000,
            stall: Duration::from_secs(60),
        }
    }
}

impl OtlpListenOptions {
    /// Checks the addresses before anything is opened.
    ///
    /// # Errors
    /// As [`Address::resolve`]; or one is a Unix socket, which nothing speaks OTLP over.
    pub fn validate(&self) -> Result<()> {
        for address in &self.addresses {
            let resolved = address.resolve(DEFAULT_PORT, self.allow_remote)?;
            if resolved.iter().any(|address| matches!(address, ListenAddr::Unix(_))) {
                let shown = escape(&address.to_string());
                return Err(Error::usage(format!(
                    "can't receive OTLP on {shown}: it is a Unix socket"
                ))
                .hint("Write HOST:PORT or PORT, as --otlp-listen 4318."));
            }
        }
        Ok(())
    }
}

/// Listens on all addresses. It ends only by [`Source::finish`]. Notices name the addresses: with
/// port 0 the system chooses the port.
///
/// # Errors
/// As [`OtlpListenOptions::validate`]; an address can't be listened on; or this build has no OTLP.
#[cfg(feature = "otlp")]
pub fn open(options: &OtlpListenOptions) -> Result<Box<dyn Source + Send>> {
    options.validate()?;
    Ok(Box::new(deliver::OtlpSource::open(options)?))
}

/// This build has no OTLP.
///
/// # Errors
/// Always.
#[cfg(not(feature = "otlp"))]
pub fn open(_: &OtlpListenOptions) -> Result<Box<dyn Source + Send>> {
    Err(crate::otlp::missing())
}

#[cfg(all(test, feature = "otlp"))]
mod tests;

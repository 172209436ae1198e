//! Sends records to a collector of OpenTelemetry: by OTLP over HTTP with Protocol Buffers, or over
//! gRPC.
//!
//! Batches wait in the spool while the collector is away. The collector's answer decides, as the
//! specification says: after 429, 502, 503, 504 and a broken connection a batch is sent again, not
//! before the time that the collector asks for; other refusals are final. A batch that is too large
//! is sent in halves.
//!
//! `request` makes requests of batches, `answer` and `status` read the answers of HTTP and of gRPC,
//! `connection` connects, `transport` joins them.

#[cfg(feature = "otlp")]
mod answer;
#[cfg(feature = "otlp")]
mod connection;
#[cfg(feature = "otlp")]
mod request;
#[cfg(feature = "otlp")]
mod status;
#[cfg(all(test, feature = "otlp"))]
mod tests;
#[cfg(feature = "otlp")]
mod transport;

use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(feature = "otlp")]
pub use self::transport::OtlpHandler;
use super::retry::{BatchOptions, RetryOptions};
use crate::otlp::address;
use crate::tls::TlsOptions;
use zlog_core::Result;
use zlog_core::text::choice::{Choice, Named};

/// The compression of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// gzip.
    Gzip,
}

impl Choice for Compression {
    const CHOICES: &'static [Named<Compression>] = &[
        Named::new(Compression::None, "none", "Not compressed"),
        Named::new(Compression::Gzip, "gzip", "Compressed by gzip"),
    ];
}

/// Where and how records are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpOptions {
    /// The collector: see [`address::parse`].
    pub url: String,
    /// The root of the topic of a record without one; may be empty.
    pub root: String,
    /// A file with headers: `NAME: VALUE` on each line. Without it, the environment may have some:
    /// see [`address::HEADER_VARIABLES`].
    pub headers: Option<PathBuf>,
    /// The compression of requests.
    pub compression: Compression,
    /// Its certificates, for `https`.
    pub tls: TlsOptions,
    /// The time limit for a request and its answer.
    pub timeout: Duration,
    /// How many records a request has.
    pub batch: BatchOptions,
    /// How many records may wait while the collector is away.
    pub retry: RetryOptions,
}

impl Default for OtlpOptions {
    /// The collector of this machine; batches of 1,000 records or a second.
    fn default() -> OtlpOptions {
        OtlpOptions {
            url: "http://127.0.0.1:4318".to_owned(),
            root: String::new(),
            headers: None,
            compression: Compression::None,
            tls: TlsOptions::default(),
            // The default of the specification.
            timeout: Duration::from_secs(10),
            batch: BatchOptions { time: Duration::from_secs(1), ..BatchOptions::default() },
            retry: RetryOptions::default(),
        }
    }
}

impl OtlpOptions {
    /// Checks what can be checked without reading files or connecting.
    ///
    /// # Errors
    /// See [`address::parse`]; or a certificate and a key do not fit together.
    pub fn validate(&self) -> Result<()> {
        address::parse(&self.url)?;
        self.tls.validate()
    }

    /// The files that are read.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.headers.as_deref().into_iter().chain(self.tls.inputs())
    }
}

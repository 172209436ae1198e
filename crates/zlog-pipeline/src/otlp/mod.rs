//! OpenTelemetry's protocol, OTLP: addresses, and records as its log records. The options
//! exist without the feature `otlp`, too.

pub mod address;
#[cfg(feature = "otlp")]
mod exception;
#[cfg(feature = "otlp")]
pub(crate) mod grpc;
#[cfg(feature = "otlp")]
pub(crate) mod proto;
#[cfg(feature = "otlp")]
pub(crate) mod read;
#[cfg(feature = "otlp")]
mod value;
#[cfg(feature = "otlp")]
pub(crate) mod write;

#[cfg(all(test, feature = "otlp"))]
mod tests;

/// The error of a build without OTLP.
#[cfg(not(feature = "otlp"))]
pub(crate) fn missing() -> zlog_core::Error {
    zlog_core::Error::usage("this zlog was built without OpenTelemetry")
        .hint("Build it with the feature otlp, which is on by default.")
}

//! Where a process receives records, which its handlers must not send back.

use std::fmt;

use crate::nats::server::ServerOptions;
use crate::socket::{Endpoint, Role};
use crate::source::otlp;
use crate::source::python::{Address, ListenAddr};
use zlog_core::Result;
use zlog_core::text::escape::escape;

/// Where a process receives records.
#[derive(Clone, Debug)]
pub enum RecordInput {
    /// An endpoint to which a publisher may send.
    ZeroMq(Endpoint),
    /// An address at which OTLP is listened for.
    Otlp(Endpoint),
    /// A stream of NATS.
    Nats {
        /// The servers.
        servers: ServerOptions,
        /// The name of the stream.
        stream: String,
        /// What the subjects that are read begin with.
        prefix: String,
    },
}

impl RecordInput {
    /// The addresses at which OTLP is listened for.
    ///
    /// # Errors
    /// As [`Address::resolve`].
    pub fn otlp(addresses: &[Address], allow_remote: bool) -> Result<Vec<RecordInput>> {
        let mut inputs = Vec::new();
        for address in addresses {
            for resolved in address.resolve(otlp::DEFAULT_PORT, allow_remote)? {
                let ListenAddr::Net(address) = resolved else { continue };
                let endpoint = Endpoint::parse(&format!("tcp://{address}"), Role::Bind)?;
                inputs.push(RecordInput::Otlp(endpoint));
            }
        }
        Ok(inputs)
    }
}

impl fmt::Display for RecordInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordInput::ZeroMq(endpoint) => endpoint.fmt(f),
            RecordInput::Otlp(endpoint) => {
                write!(f, "{} (OTLP)", endpoint.as_str().trim_start_matches("tcp://"))
            }
            RecordInput::Nats { servers, stream, .. } => {
                write!(f, "stream {} at {}", escape(stream), escape(&servers.servers))
            }
        }
    }
}

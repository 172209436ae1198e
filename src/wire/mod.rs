//! Frames on the wire to records and back: the only code that knows the bytes.
//!
//! A message is two frames, topic and body. The body's dialect is told from its
//! bytes, never configured: one stream may mix them all. To add a dialect,
//! imitate `logbook.rs`: one file here, one line in [`Dialect`], and
//! tests/parity.rs will not compile until it has an exemplar.

pub mod json;
pub mod logbook;
pub mod pickle;
pub mod text;
pub mod topic;

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// One JSON object under `LogRecord` attribute names: what `zlog emit` sends.
    Json,
    /// The formatted message, as PyZMQ's `PUBHandler` sends it.
    Text,
    /// One frame of JSON from Logbook's `ZeroMQHandler`.
    Logbook,
    /// A pickled `LogRecord` dict, as `SocketHandler` makes it.
    Pickle,
}

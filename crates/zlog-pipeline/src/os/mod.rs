//! The operating system: signals, descriptors, executables, host names, the clock, terminals.

pub mod clock;
pub mod executable;
pub mod fd_limit;
mod file_error;
pub(crate) mod file_watch;
pub(crate) mod interface;
pub mod orphans;
pub mod resolve;
pub mod run_directory;
#[cfg(any(feature = "nats", feature = "otlp"))]
pub(crate) mod runtime;
pub mod signal;
pub(crate) mod socket_owner;
pub mod terminal;
pub mod thread;
pub mod wakeup;

pub use self::file_error::file_error;

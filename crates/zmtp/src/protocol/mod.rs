//! ZMTP 3.1 without I/O: bytes in, events and bytes out. No sockets, no clocks, no threads.
//!
//! The source of all rules is <https://rfc.zeromq.org/spec/37/> (ZMTP 3.1) and, where peers of
//! ZMTP 3.0 differ, <https://rfc.zeromq.org/spec/23/>.

pub(crate) mod command;
mod curve;
pub(crate) mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod greeting;
pub(crate) mod handshake;
pub(crate) mod heartbeat;
pub(crate) mod keys;
mod mechanism;
pub(crate) mod metadata;
pub(crate) mod scanner;
pub(crate) mod security;
pub(crate) mod session;
pub(crate) mod socket_type;
pub(crate) mod subscription;

#[cfg(test)]
mod tests;

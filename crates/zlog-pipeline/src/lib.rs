//! The I/O of zlog: sources, handlers, and the sockets between them.
//!
//! A [`source`] delivers records, a [`handler`] sends them on, a [`router`] decides which
//! handler gets which record, and [`pump`] is the loop that runs them. [`socket`] alone
//! touches ZeroMQ, [`nats`] alone connects to NATS, [`otlp`] knows OpenTelemetry, [`tls`] sets up TLS,
//! [`keys`] alone touches the files of keys, [`spool`] alone records on disk that wait, [`os`] alone
//! the operating system.

pub mod handler;
pub mod keys;
pub mod nats;
pub mod os;
pub mod otlp;
pub mod pump;
pub mod router;
pub mod sender;
pub mod socket;
pub mod source;
pub mod spool;
pub mod tls;
pub mod typed_url;

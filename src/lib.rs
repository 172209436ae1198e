//! zlog carries log records over ZeroMQ publish/subscribe.
//!
//! Everything is **source → record → filter → handler(s)**: a [`source`]
//! delivers a [`record::Record`], a [`filter`] lets it pass or not, a
//! [`handler`] sends it on. [`wire`] alone knows the bytes on the wire,
//! [`socket`] alone touches ZeroMQ, [`term`] alone knows about terminals.

pub mod bench;
pub mod cli;
pub mod clock;
pub mod cmd;
pub mod config;
pub mod count;
pub mod error;
pub mod filter;
pub mod format;
pub mod gaps;
pub mod handler;
pub mod keep;
pub mod limits;
pub mod multiline;
pub mod parse;
pub mod program;
pub mod record;
pub mod reorder;
mod resolve;
pub mod route;
pub mod signal;
pub mod socket;
pub mod source;
pub mod stamp;
pub mod stats;
pub mod term;
pub mod wire;

//! Confirmed delivery: a sender keeps records in its spool until a receiver has them in its own,
//! or has handed them to its handlers. The messages are defined in [`zlog_core::wire::confirm`].
//!
//! The connection is one of its own, beside the stream: other subscribers do not notice. It uses
//! the native engine, whatever the engine of the stream.
//!
//! Without I/O, and tried in random schedules by `tests.rs`: `window.rs` (what the sender may send
//! and what is confirmed), `batcher.rs` (which records it sends) and `sources.rs` (what the
//! receiver stores).

mod batcher;
mod counts;
mod diagnosis;
mod payload;
mod publisher;
mod receiver;
mod reported;
mod sender;
mod service;
mod shared;
mod sources;
#[cfg(test)]
mod tests;
mod window;

pub use self::counts::ReceivedCounts;
pub use self::publisher::{Confirmation, ConfirmedOptions, open_confirmed};
pub use self::service::{ConfirmService, ReceiveOptions};
pub use self::shared::ConfirmWhen;

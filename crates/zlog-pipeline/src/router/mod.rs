//! Several handlers at once: which records go to which of them, and what becomes of
//! those that can't.
//!
//! What may be here: handlers as they are asked for ([`spec`]), the way of a record
//! to them, and the watch over them. What a handler does with a record is
//! `handler`'s; how handlers are typed is `cli`'s.

mod dispatch;
mod entry;
mod open;
pub mod options;
pub mod spec;
mod status;
mod watch;
mod way;

pub use self::dispatch::{Router, Surroundings, stderr};
pub use self::entry::Takes;
pub use self::open::DEFAULT_FORMAT;
pub use self::spec::{
    Check, FormatterSpec, HandlerSpec, LONGEST_QUEUE, Match, PublishTarget, QueueSpec, RouteSpec,
    Spec, Target,
};
pub use self::status::{HandlerStatus, tell_losses};
pub use self::watch::{OutageStatus, Tell};

//! Several handlers at once: which records go to which of them, and what becomes of
//! those that can't.
//!
//! What may be here: handlers as they are asked for ([`spec`]), the way of a record
//! to them, and the watch over them. What a handler does with a record is
//! `handler`'s; how handlers are typed is `cli`'s.

mod dispatch;
mod factory;
mod monitor;
pub mod options;
mod route_table;
mod slot;
pub mod spec;
mod status;

pub use self::dispatch::{ConsoleSettings, HandlerContext, Router, stderr};
pub use self::factory::DEFAULT_FORMAT;
pub use self::monitor::{OutageStatus, Reporter};
pub use self::spec::{
    FormatterSpec, HandlerSpec, LONGEST_QUEUE, Match, PublishTarget, QueueSpec, RouteSpec, Spec,
    Target, Validator,
};
pub use self::status::{HandlerStatus, report_losses};

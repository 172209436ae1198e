//! Several handlers at once: delivers each record to the handlers it is for, and reports what goes
//! wrong.
//!
//! A [`Spec`] says which handlers and routes there are. [`options`] is the registry of handlers.

mod circle;
mod context;
mod dispatch;
mod expressions;
mod factory;
mod monitor;
mod observer;
pub mod options;
mod route_table;
mod slot;
mod spec;
mod status;
mod validate;

pub use self::context::HandlerContext;
pub use self::dispatch::Router;
pub use self::monitor::{OutageStatus, Reporter};
pub use self::observer::Observer;
pub use self::options::{
    ConsoleTarget, FileTarget, HandlerKind, HandlerSpec, PublishTarget, QueueSpec, RecordInput,
    RotatingTarget, Target, TimedTarget,
};
pub use self::spec::{Match, RouteSpec, Spec};
pub use self::status::HandlerStatus;
pub use self::validate::Validator;
pub use zlog_core::format::FormatterSpec;

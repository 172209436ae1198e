//! Several handlers at once: which records go to which of them, and what becomes of
//! those that can't.
//!
//! What may be here: handlers as they are asked for ([`spec`]), the way of a record
//! to them, and the watch over them. What a handler does with a record is
//! `handler`'s; how handlers are typed is `cli`'s.

pub mod spec;

pub use self::spec::{
    FormatterSpec, HandlerSpec, Match, PublishTarget, QueueSpec, RouteSpec, Spec, Target,
};

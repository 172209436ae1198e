//! The engine of zlog: the crate `zmtp`, for tcp and ipc.
//!
//! It reconnects by itself, knows each subscriber, and tells what was dropped for whom. Host names
//! and run directories are followed by a thread (`follower`).

mod address;
pub(super) mod confirm;
mod endpoints;
mod follower;
mod local;
mod open;
pub(super) mod proxy;
pub(super) mod publisher;
pub(super) mod query;
pub(super) mod subscriber;

//! The `zlog` command: what may be typed, the configuration file, and a module for each
//! command.
//!
//! Everything is **source → record → filter → handler(s)**. The parts are in
//! `zlog-core` (records and their formats), `zlog-pipeline` (sources, sockets, handlers)
//! and `zlog-bench` (measuring).

pub mod cli;
pub mod command;
pub mod config;
mod switches;

//! Runs every kind of thing that a zlog without default features has. `.ci/run` starts it: `cargo test`
//! has the features.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, unused_imports, unused_macros, reason = "the other tests use the rest")]
mod harness;
mod parity;

//! Runs `parity` on a zlog without default features. `.ci/run` starts it: `cargo test` has the features.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, unused_imports, unused_macros, reason = "the other tests use the rest")]
mod harness;
mod parity;

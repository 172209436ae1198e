//! `zlog bench`: measures what a log call costs.
//!
//! The handlers that are measured are those in `handler`, as the other commands use them.
//!
//! From the inside out:
//!
//! - [`measure`] times calls: closed and open loops, callers, latencies;
//! - `sample` measures one run of a handler: warm-up, calls, `arrivals`, `usage` of
//!   processor and memory; [`fixture`] sets up the handler and the counter;
//! - [`worker`] does that in a process of its own, which [`runner`] starts as a `child`;
//!   both speak the [`protocol`];
//! - [`rounds`] alternates between handlers, Python's handlers and whole pipelines;
//!   [`stats`] and [`report`] summarise the runs, and [`baseline`] compares two reports;
//! - [`reaper`] cleans up after a bench that was killed.
//!
//! Design decisions are explained where they are made: one process per run (`worker`),
//! ranges instead of deviations (`stats`), ratios within a round (`rounds`), latency from
//! the due time (`measure`), counting at the destination (`arrivals`), HDR histograms
//! instead of samples or lists of latencies (`measure`).

mod arrivals;
pub mod baseline;
mod child;
pub mod fixture;
mod machine;
pub mod measure;
pub mod pipeline;
pub mod plot;
pub mod protocol;
pub mod python;
pub mod reaper;
pub mod records;
pub mod report;
pub mod rounds;
pub mod runner;
mod sample;
pub mod smtp_server;
pub mod stats;
pub mod target;
pub mod units;
mod usage;
pub mod worker;

//! `zlog bench`: what a log call costs.
//!
//! What may be here: measuring, statistics and reports, and the far ends that
//! count what arrives. What is measured are the handlers in `handler`, as the
//! other commands use them.
//!
//! From the inside out:
//!
//! - [`measure`] times calls: closed and open loops, callers, latencies;
//! - [`sample`] is one run of a handler: warm-up, calls, and what [`arrivals`] end and
//!   [`usage`] say of them; [`fixture`] sets handler and far end up;
//! - [`worker`] does that in a process of its own, which [`runner`] starts; they speak
//!   [`protocol`], and [`child`] sees to their ends;
//! - [`rounds`] lets handlers (Python's and whole pipelines, too) take turns; [`stats`]
//!   and [`report`] say what the runs say together, and [`baseline`] whether that is
//!   worse than before;
//! - [`reaper`] cleans up after a bench that was killed.
//!
//! Decisions, with their reasons where they are made: a process for each run
//! (`worker`), the range of runs as their spread (`stats`), ratios within a round
//! (`rounds`), latency from the due time (`measure`), arrivals counted where they
//! arrive (`arrivals`), no sampling of latencies and no list of them (HDR histograms).

pub mod arrivals;
pub mod baseline;
pub mod child;
pub mod fixture;
pub mod machine;
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
pub mod sample;
pub mod smtp_server;
pub mod stats;
pub mod target;
pub mod usage;
pub mod worker;

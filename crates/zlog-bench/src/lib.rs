//! `zlog bench`: what a log call costs.
//!
//! What may be here: measuring, statistics and reports, and the far ends that
//! count what arrives. What is measured are the handlers in `handler`, as the
//! other commands use them.
//!
//! From the inside out:
//!
//! - [`measure`] times calls: closed and open loops, callers, latencies;
//! - [`sample`] is one run of a handler: warm-up, calls, and what [`far`] end and
//!   [`usage`] say of them; [`rig`] sets handler and far end up;
//! - [`worker`] does that in a process of its own, which [`lab`] starts; they speak
//!   [`job`]s, and [`partner`] sees to their ends;
//! - [`rounds`] lets handlers (Python's and whole pipelines, too) take turns; [`stats`]
//!   and [`report`] say what the runs say together, and [`baseline`] whether that is
//!   worse than before;
//! - [`guard`] cleans up after a bench that was killed.
//!
//! Decisions, with their reasons where they are made: a process for each run
//! (`worker`), the range of runs as their spread (`stats`), ratios within a round
//! (`rounds`), latency from the due time (`measure`), arrivals counted where they
//! arrive (`far`), no sampling of latencies and no list of them (HDR histograms).

pub mod baseline;
pub mod codec;
pub mod far;
pub mod guard;
pub mod job;
pub mod lab;
pub mod machine;
pub mod measure;
pub mod partner;
pub mod pipeline;
pub mod plot;
pub mod python;
pub mod records;
pub mod report;
pub mod rig;
pub mod rounds;
pub mod sample;
pub mod smtp_server;
pub mod stats;
pub mod subject;
pub mod usage;
pub mod worker;

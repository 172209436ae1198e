//! `zlog bench`: what a log call costs.
//!
//! What may be here: measuring, statistics and reports, and the far ends that
//! count what arrives. What is measured are the handlers in `handler`, as the
//! other commands use them.

pub mod baseline;
pub mod codec;
pub mod far;
pub mod job;
pub mod lab;
pub mod machine;
pub mod measure;
pub mod partner;
pub mod plot;
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

//! `zlog bench`: what a log call costs.
//!
//! What may be here: measuring, statistics and reports, and the far ends that
//! count what arrives. What is measured are the handlers in `handler`, as the
//! other commands use them.

pub mod plot;
pub mod smtp_server;

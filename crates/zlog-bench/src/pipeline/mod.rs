//! `zlog bench pipeline`: what a record costs from end to end, from `zlog emit`
//! through a socket to `zlog tail`, beside bare libzmq with the same frames.
//!
//! What may be here: which pipelines are measured ([`Shape`]), the processes that
//! they are made of, and what they used up. Both sides are the real commands, in
//! processes of their own, reading a file of lines and writing one.
//!
//! # What is measured
//! Subscribers bind and are there first; then the clock starts, and publishers are
//! started. Each waits for all subscribers, sends its lines and ends when they have
//! left. The clock stops when the last subscriber has everything. So starting
//! programs and connecting them is in the time, for zlog and for bare libzmq alike:
//! the more records, the less it weighs. How much it is, a run with a single record of
//! each publisher tells, just before each run; where it was more than a quarter of the
//! time of either, in the median, the pipeline is reported as too short.
//!
//! What arrived is counted in what subscribers wrote: a line is a record.
//!
//! # Sweeps
//! The first size and the first numbers of publishers, subscribers and topics make
//! the base. Each further value is measured with all else as in the base, not with
//! every other one.

mod curve;
mod figures;
mod lines;
mod process;
mod report;
mod rounds;
mod run;
mod shape;
mod show;
mod system;

pub mod bare;

pub use curve::{Curve, Figure, Line, image};
pub use figures::{Figures, MOST_STARTING, Row, Side};
pub use lines::LinesFile;
pub use report::{Report, SCHEMA, Settings};
pub use rounds::{Bench, Series, Turn};
pub use run::{Processes, Sample, SideUsage};
pub use shape::{Dimension, Dimensions, MOST_SUBSCRIPTIONS, Shape, Transport, sweep};
pub use show::Show;
pub use system::System;

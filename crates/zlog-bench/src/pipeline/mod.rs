//! `zlog bench pipeline`: measures what a record costs from end to end, from `zlog emit`
//! through a socket to `zlog tail`, beside bare libzmq with the same frames.
//!
//! Both ends are the real commands, in processes of their own. Publishers read a file of
//! lines and subscribers write one.
//!
//! # What is measured
//! Subscribers bind first. Then the clock starts, and publishers are started. Each waits
//! for all subscribers, sends its lines, and exits when they have left. The clock stops
//! when the last subscriber has everything. So the time includes starting and connecting
//! the programs, for zlog and bare libzmq alike; the more records, the less that matters. A
//! run with a single record per publisher, just before each run, measures how much it is.
//! If it was more than a quarter of the median time of either, the report says that the
//! pipeline is too short.
//!
//! Records are counted in what subscribers wrote: each line is a record.
//!
//! # Sweeps
//! The first value of each dimension makes the base. Each further value is measured with
//! all other dimensions as in the base, not in all combinations.

mod curve;
mod figures;
mod implementation;
mod lines;
mod process;
mod render;
mod report;
mod rounds;
mod run;
mod sample;
mod scenario;

pub mod bare;

pub use curve::{Curve, Line, Metric, image};
pub use figures::{Figures, Row, Side};
pub use implementation::Implementation;
pub use lines::LinesFile;
pub use report::{Report, Settings};
pub use rounds::{Bench, Series, Trial};
pub use run::PipelineRunner;
pub use sample::{Sample, SideUsage};
pub use scenario::{Dimension, Dimensions, MAX_SUBSCRIPTIONS, Scenario, Transport, sweep};

//! The measurements of one run of a pipeline.

use super::process::Ended;
use crate::stats::ratio;

/// The measurements of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Seconds from the start of the publishers to the end of the last subscriber.
    pub seconds: f64,
    /// Seconds that a run with a single record per publisher took just before: starting,
    /// connecting and ending the programs.
    pub starting_seconds: f64,
    /// Records sent by all publishers.
    pub sent: u64,
    /// Records that should arrive, over all subscribers.
    pub expected: u64,
    /// Records that arrived.
    pub arrived: u64,
    /// The publishing processes.
    pub publishers: SideUsage,
    /// The subscribing processes.
    pub subscribers: SideUsage,
}

impl Sample {
    /// Records that arrived per second, over all subscribers.
    pub(crate) fn arrived_per_second(&self) -> Option<f64> {
        ratio(self.arrived as f64, self.seconds)
    }

    /// The share of the time spent on starting, connecting and ending the programs, from 0
    /// to 1.
    pub(crate) fn starting_share(&self) -> Option<f64> {
        ratio(self.starting_seconds, self.seconds).map(|share| share.min(1.0))
    }

    /// Records that did not arrive at some subscriber.
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.arrived)
    }

    /// Seconds of processor time of all processes per million records that arrived.
    pub(crate) fn cpu_per_million(&self) -> Option<f64> {
        let both = self.publishers.cpu_seconds? + self.subscribers.cpu_seconds?;
        ratio(both * 1e6, self.arrived as f64)
    }
}

/// Resources that the processes of one side used.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SideUsage {
    /// Seconds of processor time of all of them.
    pub cpu_seconds: Option<f64>,
    /// The largest resident memory of any one of them, in bytes.
    pub peak_memory: Option<u64>,
}

impl SideUsage {
    pub(super) fn of<'e>(all: impl Iterator<Item = &'e Ended> + Clone) -> SideUsage {
        SideUsage {
            cpu_seconds: all.clone().map(|ended| ended.cpu_seconds).sum(),
            peak_memory: all.map(|ended| ended.peak_memory).max().flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pipeline_costs_is_counted_for_what_arrived() {
        let side = |cpu| SideUsage { cpu_seconds: cpu, peak_memory: Some(1) };
        let mut sample = Sample {
            seconds: 2.0,
            starting_seconds: 0.5,
            sent: 1000,
            expected: 2000,
            arrived: 1990,
            publishers: side(Some(1.0)),
            subscribers: side(Some(0.99)),
        };
        assert_eq!(sample.arrived_per_second(), Some(995.0));
        assert_eq!(sample.lost(), 10);
        assert_eq!(sample.starting_share(), Some(0.25));
        assert!((sample.cpu_per_million().unwrap() - 1000.0).abs() < 1e-9);
        sample.subscribers.cpu_seconds = None;
        assert_eq!(sample.cpu_per_million(), None);
    }
}

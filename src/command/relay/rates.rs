//! Messages and records per second, for the status and `--report`.

use std::time::{Duration, Instant};

use super::input::Inputs;
use zlog_core::text::plural::{self, counted, grouped};
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{Proxy, connected_peers};

/// Interval between two samples. A rate covers one to two of these.
const EVERY: Duration = Duration::from_secs(5);

/// A sample of the counts: messages forwarded, records received with confirmation, and records of
/// each source.
#[derive(Clone)]
struct Sample {
    at: Instant,
    counts: Vec<u64>,
}

impl Sample {
    fn new(at: Instant, proxy: &Proxy, inputs: &Inputs) -> Sample {
        let sources = inputs.iter().map(|input| input.records());
        let first = [proxy.counts().messages, inputs.confirmed_records()];
        let counts = first.into_iter().chain(sources).collect();
        Sample { at, counts }
    }

    /// The rate since this sample of the count at `place`.
    fn rate(&self, place: usize, count: u64, now: Instant) -> f64 {
        let before = self.counts.get(place).copied().unwrap_or(0);
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        count.saturating_sub(before) as f64 / seconds.max(1e-3)
    }
}

/// Computes rates.
pub(super) struct Rates {
    /// The last two samples.
    samples: [Sample; 2],
    report: Option<(Duration, Sample)>,
}

impl Rates {
    /// Takes the first sample. Prints a line every `report`.
    pub(super) fn new(
        now: Instant,
        proxy: &Proxy,
        inputs: &Inputs,
        report: Option<Duration>,
    ) -> Rates {
        let sample = Sample::new(now, proxy, inputs);
        let report = report.map(|every| (every, sample.clone()));
        Rates { samples: [sample.clone(), sample], report }
    }

    /// When [`Rates::on_timer`] has something to do; `None` while no count changes.
    pub(super) fn due(&self, proxy: &Proxy, inputs: &Inputs) -> Option<Instant> {
        let report = self.report.as_ref().map(|(every, since)| since.at + *every);
        let counts = Sample::new(self.samples[0].at, proxy, inputs).counts;
        let is_changing = self.samples.iter().any(|sample| sample.counts != counts);
        report.into_iter().chain(is_changing.then(|| self.samples[0].at + EVERY)).min()
    }

    /// Takes a sample and prints the line when they are due.
    pub(super) fn on_timer(&mut self, now: Instant, proxy: &Proxy, inputs: &Inputs) {
        if now >= self.samples[0].at + EVERY {
            self.samples.swap(0, 1);
            self.samples[0] = Sample::new(now, proxy, inputs);
        }
        let Some((every, since)) = &mut self.report else { return };
        if now < since.at + *every {
            return;
        }
        let counts = proxy.counts();
        let (collect, publish) = proxy.endpoint_status();
        let rate = since.rate(0, counts.messages, now);
        let new = counts.messages - since.counts.first().copied().unwrap_or(0);
        let slow = proxy.slow().full().map_or_else(String::new, |full| format!(": {full}"));
        terminal::eprint_line(format_args!(
            "zlog relay: {} ({}), {} in all; publishers {}, subscribers {}; \
             subscriber full {}{slow}, dropped {}",
            counted(new, "message"),
            plural::rate(rate),
            grouped(counts.messages),
            connected_peers(&collect),
            connected_peers(&publish),
            grouped(counts.no_room),
            grouped(counts.dropped),
        ));
        *since = Sample::new(now, proxy, inputs);
    }

    /// Messages forwarded per second.
    pub(super) fn messages(&self, proxy: &Proxy) -> f64 {
        self.samples[1].rate(0, proxy.counts().messages, Instant::now())
    }

    /// Records per second of source number `at`.
    pub(super) fn source(&self, at: usize, records: u64) -> f64 {
        self.samples[1].rate(at + 2, records, Instant::now())
    }

    /// Records per second that were received with confirmation.
    pub(super) fn confirmed(&self, records: u64) -> f64 {
        self.samples[1].rate(1, records, Instant::now())
    }
}

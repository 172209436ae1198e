//! One run of one pipeline: start, clock, end, count.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lines::LinesFile;
use super::process::{Ended, Group};
use super::rounds::Turn;
use super::shape::Shape;
use super::system::System;
use crate::guard::Home;
use crate::lab::directory_in;
use crate::rounds::{Lab, Outcome};
use crate::stats::ratio;
use zlog_core::error::{Error, Result};

/// How long a process that was just started may take to be there.
const STARTING: Duration = Duration::from_secs(30);
/// When publishers have ended and no record has arrived for so long, those that
/// are missing are lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a run may take.
const LONGEST: Duration = Duration::from_secs(600);

/// What one run measured.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Seconds from the start of the publishers to the end of the last subscriber.
    pub seconds: f64,
    /// Seconds that the same took with a single record of each publisher, just before:
    /// starting the programs, connecting them and ending them.
    pub starting_seconds: f64,
    /// Records that publishers sent, together.
    pub sent: u64,
    /// Records that were to arrive, over all subscribers.
    pub wanted: u64,
    /// Records that did.
    pub arrived: u64,
    /// The publishing processes.
    pub publishers: SideUsage,
    /// The subscribing ones.
    pub subscribers: SideUsage,
}

impl Sample {
    /// Records each second, over all subscribers.
    pub fn arrived_per_second(&self) -> Option<f64> {
        ratio(self.arrived as f64, self.seconds)
    }

    /// The part of the time that went into starting the programs, connecting and ending
    /// them: from 0 to 1.
    pub fn starting_share(&self) -> Option<f64> {
        ratio(self.starting_seconds, self.seconds).map(|share| share.min(1.0))
    }

    /// Records that were sent to somebody and did not arrive there.
    pub fn lost(&self) -> u64 {
        self.wanted.saturating_sub(self.arrived)
    }

    /// Seconds of processor time, of all processes, for a million records that arrived.
    pub fn cpu_per_million(&self) -> Option<f64> {
        let both = self.publishers.cpu_seconds? + self.subscribers.cpu_seconds?;
        ratio(both * 1e6, self.arrived as f64)
    }
}

/// What the processes of one side used up.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SideUsage {
    /// Seconds of processor time, of all together.
    pub cpu_seconds: Option<f64>,
    /// The most memory that one of them had resident at once, in bytes.
    pub peak_memory: Option<u64>,
}

impl SideUsage {
    fn of<'e>(all: impl Iterator<Item = &'e Ended> + Clone) -> SideUsage {
        SideUsage {
            cpu_seconds: all.clone().map(|ended| ended.cpu_seconds).sum(),
            peak_memory: all.map(|ended| ended.peak_memory).max().flatten(),
        }
    }
}

/// Measures with processes, below a directory.
pub struct Processes<'p> {
    /// Where directories for files and sockets are made.
    pub directory: PathBuf,
    /// Whether to end now.
    pub stop: &'p dyn Fn() -> bool,
    /// The lines that were written last: runs of a kind follow each other.
    lines: Option<((u64, usize), LinesFile)>,
    home: Home,
}

impl<'p> Processes<'p> {
    /// # Errors
    /// Nothing can be written below `directory`.
    pub fn below(directory: &Path, stop: &'p dyn Fn() -> bool) -> Result<Processes<'p>> {
        let home = Home::below(directory)?;
        Ok(Processes { directory: directory.to_owned(), stop, lines: None, home })
    }

    fn lines(&mut self, shape: &Shape) -> Result<PathBuf> {
        let key = (shape.count, shape.dimensions.size);
        if let Some((_, lines)) = self.lines.as_ref().filter(|(held, _)| *held == key) {
            return Ok(lines.path().to_owned());
        }
        // The old ones first: both together may not fit.
        self.lines = None;
        let lines = LinesFile::write(self.home.path(), shape.count, shape.dimensions.size)?;
        let path = lines.path().to_owned();
        self.lines = Some((key, lines));
        Ok(path)
    }

    fn try_measure(&mut self, system: System, shape: &Shape) -> Result<Option<Sample>> {
        // What starting takes depends on the moment as all else does: it is measured in
        // each round.
        let single = Shape { count: 1, ..*shape };
        let starting = match shape.count {
            1 => None,
            _ => {
                let lines = LinesFile::write(self.home.path(), 1, shape.dimensions.size)?;
                let Some(sample) = self.run(system, &single, lines.path())? else {
                    return Ok(None);
                };
                Some(sample.seconds)
            }
        };
        let lines = self.lines(shape)?;
        let sample = self.run(system, shape, &lines)?;
        Ok(sample.map(|sample| {
            let starting_seconds = starting.unwrap_or(sample.seconds);
            Sample { starting_seconds, ..sample }
        }))
    }

    fn run(&self, system: System, shape: &Shape, lines: &Path) -> Result<Option<Sample>> {
        let directory = directory_in(self.home.path())?;
        let place = Place { home: &self.home, directory: directory.path(), lines };
        let Some(mut run) = Run::start(system, shape, &place, self.stop)? else { return Ok(None) };
        if !run.finish(self.stop)? {
            return Ok(None);
        }
        run.sample().map(Some)
    }
}

impl Lab for Processes<'_> {
    type Thing = Turn;
    type Sample = Sample;

    fn measure(&mut self, Turn { system, shape }: Turn) -> Outcome<Sample> {
        match self.try_measure(system, &shape) {
            Ok(Some(sample)) => Outcome::Measured(Box::new(sample)),
            Ok(None) => Outcome::Stopped,
            // What fails while all is stopped has not failed by itself.
            Err(_) if (self.stop)() => Outcome::Stopped,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// Where a run's files are.
struct Place<'p> {
    home: &'p Home,
    directory: &'p Path,
    lines: &'p Path,
}

impl Place<'_> {
    fn out(&self, number: usize) -> PathBuf {
        self.directory.join(format!("{number}.out"))
    }
}

/// A pipeline that runs. Subscribers come first among its processes.
struct Run<'r> {
    system: System,
    shape: &'r Shape,
    outs: Vec<PathBuf>,
    group: Group,
    begun: Instant,
    /// When there was progress last, and how much had come by then.
    progress: (Instant, u64),
    /// Whether records were given up.
    gave_up: bool,
}

impl<'r> Run<'r> {
    /// `None` when `stop` asked.
    fn start(
        system: System,
        shape: &'r Shape,
        place: &Place<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Run<'r>>> {
        let mut group = Group::new();
        let outs: Vec<PathBuf> = (0..shape.dimensions.subscribers).map(|n| place.out(n)).collect();
        for (number, path) in outs.iter().enumerate() {
            let out = File::create(path).map_err(|error| Error::io(path.display(), &error))?;
            let mut subscriber = system.subscriber(shape, place.directory, number, out)?;
            place.home.adopt(&mut subscriber);
            group.start(subscriber)?;
        }
        let mut endpoints = Vec::with_capacity(outs.len());
        for number in 0..outs.len() {
            match group.endpoint(number, STARTING, stop)? {
                Some(endpoint) => endpoints.push(endpoint),
                None if stop() => return Ok(None),
                None => {
                    return Err(Error::new(format!(
                        "a subscriber was not there within {STARTING:?}"
                    )));
                }
            }
        }
        let begun = Instant::now();
        for _ in 0..shape.dimensions.publishers {
            let mut publisher = system.publisher(shape, place.lines, &endpoints)?;
            place.home.adopt(&mut publisher);
            group.start(publisher)?;
        }
        let progress = (begun, 0);
        Ok(Some(Run { system, shape, outs, group, begun, progress, gave_up: false }))
    }

    fn subscribers(&self) -> std::ops::Range<usize> {
        0..self.shape.dimensions.subscribers
    }

    fn publishers(&self) -> std::ops::Range<usize> {
        let first = self.shape.dimensions.subscribers;
        first..first + self.shape.dimensions.publishers
    }

    fn have_ended(&self, mut which: std::ops::Range<usize>) -> bool {
        which.all(|number| self.group.ended(number).is_some())
    }

    /// Waits for the end. Returns `false` when `stop` asked.
    fn finish(&mut self, stop: &dyn Fn() -> bool) -> Result<bool> {
        while !self.have_ended(0..self.publishers().end) {
            if stop() {
                return Ok(false);
            }
            self.group.watch()?;
            self.check()?;
            self.look_for_progress();
            if self.begun.elapsed() > LONGEST {
                return Err(Error::new(format!("a run took longer than {LONGEST:?}"))
                    .hint("Use a smaller --count."));
            }
        }
        Ok(true)
    }

    /// An end that is none of the expected ones is an error, at once.
    fn check(&self) -> Result<()> {
        for number in 0..self.publishers().end {
            let given_up = self.gave_up && self.subscribers().contains(&number);
            match self.group.ended(number) {
                Some(ended) if !ended.status.success() && !given_up => {
                    return Err(self.group.failure(number));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives up the records of subscribers that nothing more comes to.
    fn look_for_progress(&mut self) {
        let written = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        let now: u64 = self.outs.iter().map(written).sum();
        if now > self.progress.1 || !self.have_ended(self.publishers()) {
            self.progress = (Instant::now(), now);
        } else if self.progress.0.elapsed() > PATIENCE && !self.gave_up {
            self.gave_up = true;
            self.subscribers().for_each(|number| self.group.terminate(number));
        }
    }

    fn sample(&self) -> Result<Sample> {
        let ends = |which: std::ops::Range<usize>| which.filter_map(|n| self.group.ended(n));
        let last = ends(self.subscribers()).map(|ended| ended.at).max();
        let end = if self.gave_up { self.progress.0 } else { last.unwrap_or(self.begun) };
        let arrived = self.outs.iter().map(|out| self.system.arrived(out)).sum::<Result<u64>>()?;
        Ok(Sample {
            seconds: end.saturating_duration_since(self.begun).as_secs_f64(),
            starting_seconds: 0.0,
            sent: self.shape.sent(),
            wanted: self.shape.wanted(),
            arrived,
            publishers: SideUsage::of(ends(self.publishers())),
            subscribers: SideUsage::of(ends(self.subscribers())),
        })
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
            wanted: 2000,
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

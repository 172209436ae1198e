//! Runs one pipeline once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::implementation::Implementation;
use super::lines::LinesFile;
use super::process::ProcessGroup;
use super::rounds::Trial;
use super::sample::{Sample, SideUsage};
use super::scenario::Scenario;
use crate::reaper::{ScratchDir, temp_dir_in};
use crate::rounds::{Outcome, Runner};
use zlog_core::text::escape::escape;
use zlog_core::text::parsers::Seconds;
use zlog_core::{Error, Result};

/// How long a new process may take to become ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// When publishers have exited and no record has arrived for this long, the missing ones
/// are lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit of a run.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// Runs pipelines as processes, with their files below a directory.
pub struct PipelineRunner<'p> {
    /// Whether to stop.
    pub stop: &'p dyn Fn() -> bool,
    /// The lines written last, with their count and size: runs of one kind follow each
    /// other.
    lines: Option<((u64, usize), LinesFile)>,
    scratch: ScratchDir,
}

impl<'p> PipelineRunner<'p> {
    /// # Errors
    /// Nothing can be written below `directory`.
    pub fn below(directory: &Path, stop: &'p dyn Fn() -> bool) -> Result<PipelineRunner<'p>> {
        let scratch = ScratchDir::create_in(directory)?;
        Ok(PipelineRunner { stop, lines: None, scratch })
    }

    fn lines(&mut self, scenario: &Scenario) -> Result<PathBuf> {
        let key = (scenario.count, scenario.dimensions.size);
        if let Some((_, lines)) = self.lines.as_ref().filter(|(of, _)| *of == key) {
            return Ok(lines.path().to_owned());
        }
        // Removes the old file first: there may not be room for both.
        self.lines = None;
        let lines =
            LinesFile::write(self.scratch.path(), scenario.count, scenario.dimensions.size)?;
        let path = lines.path().to_owned();
        self.lines = Some((key, lines));
        Ok(path)
    }

    fn try_measure(
        &mut self,
        implementation: Implementation,
        scenario: &Scenario,
    ) -> Result<Option<Sample>> {
        // The start-up time varies like everything else, so each round measures it.
        let single = Scenario { count: 1, ..*scenario };
        let starting = match scenario.count {
            1 => None,
            _ => {
                let lines = LinesFile::write(self.scratch.path(), 1, scenario.dimensions.size)?;
                let Some(sample) = self.run(implementation, &single, lines.path())? else {
                    return Ok(None);
                };
                Some(sample.seconds)
            }
        };
        let lines = self.lines(scenario)?;
        let sample = self.run(implementation, scenario, &lines)?;
        Ok(sample.map(|sample| {
            let starting_seconds = starting.unwrap_or(sample.seconds);
            Sample { starting_seconds, ..sample }
        }))
    }

    fn run(
        &self,
        implementation: Implementation,
        scenario: &Scenario,
        lines: &Path,
    ) -> Result<Option<Sample>> {
        let directory = temp_dir_in(self.scratch.path())?;
        let files = RunFiles { scratch: &self.scratch, directory: directory.path(), lines };
        let Some(mut run) = Run::start(implementation, scenario, &files, self.stop)? else {
            return Ok(None);
        };
        if !run.finish(self.stop)? {
            return Ok(None);
        }
        run.sample().map(Some)
    }
}

impl Runner for PipelineRunner<'_> {
    type Item = Trial;
    type Sample = Sample;

    fn measure(&mut self, Trial { implementation, scenario }: Trial) -> Outcome<Sample> {
        match self.try_measure(implementation, &scenario) {
            Ok(Some(sample)) => Outcome::Measured(Box::new(sample)),
            Ok(None) => Outcome::Stopped,
            // An error after a stop is a consequence of the stop.
            Err(_) if (self.stop)() => Outcome::Stopped,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// The files of a run.
struct RunFiles<'p> {
    scratch: &'p ScratchDir,
    directory: &'p Path,
    lines: &'p Path,
}

impl RunFiles<'_> {
    fn out(&self, number: usize) -> PathBuf {
        self.directory.join(format!("{number}.out"))
    }
}

/// A running pipeline. Subscribers come first among its processes.
struct Run<'r> {
    implementation: Implementation,
    scenario: &'r Scenario,
    outs: Vec<PathBuf>,
    group: ProcessGroup,
    begun: Instant,
    /// The time of the last progress, and the bytes written by then.
    progress: (Instant, u64),
    /// Whether the missing records were given up.
    gave_up: bool,
}

impl<'r> Run<'r> {
    /// Starts the processes. `None` on `stop`.
    fn start(
        implementation: Implementation,
        scenario: &'r Scenario,
        files: &RunFiles<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Run<'r>>> {
        let mut group = ProcessGroup::new();
        let outs: Vec<PathBuf> =
            (0..scenario.dimensions.subscribers).map(|n| files.out(n)).collect();
        for (number, path) in outs.iter().enumerate() {
            let out = File::create(path)
                .map_err(|error| Error::io(escape(&path.to_string_lossy()), &error))?;
            let mut subscriber =
                implementation.subscriber(scenario, files.directory, number, out)?;
            files.scratch.join_group(&mut subscriber);
            group.start(subscriber)?;
        }
        let mut endpoints = Vec::with_capacity(outs.len());
        for number in 0..outs.len() {
            match group.endpoint(number, START_TIMEOUT, stop)? {
                Some(endpoint) => endpoints.push(endpoint),
                None if stop() => return Ok(None),
                None => {
                    return Err(Error::new(format!(
                        "a subscriber did not start within {START_TIMEOUT:?}"
                    )));
                }
            }
        }
        let begun = Instant::now();
        for _ in 0..scenario.dimensions.publishers {
            let mut publisher = implementation.publisher(scenario, files.lines, &endpoints)?;
            files.scratch.join_group(&mut publisher);
            group.start(publisher)?;
        }
        let progress = (begun, 0);
        Ok(Some(Run { implementation, scenario, outs, group, begun, progress, gave_up: false }))
    }

    fn subscribers(&self) -> std::ops::Range<usize> {
        0..self.scenario.dimensions.subscribers
    }

    fn publishers(&self) -> std::ops::Range<usize> {
        let first = self.scenario.dimensions.subscribers;
        first..first + self.scenario.dimensions.publishers
    }

    fn have_ended(&self, mut which: std::ops::Range<usize>) -> bool {
        which.all(|number| self.group.ended(number).is_some())
    }

    /// Waits for all processes. Returns `false` on `stop`.
    fn finish(&mut self, stop: &dyn Fn() -> bool) -> Result<bool> {
        while !self.have_ended(0..self.publishers().end) {
            if stop() {
                return Ok(false);
            }
            self.group.poll()?;
            self.check()?;
            self.look_for_progress();
            if self.begun.elapsed() > RUN_TIMEOUT {
                return Err(Error::new(format!("a run took longer than {}", Seconds(RUN_TIMEOUT)))
                    .hint("Use a smaller --count."));
            }
        }
        Ok(true)
    }

    /// Fails as soon as a process exits unexpectedly.
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

    /// Ends subscribers that receive nothing more.
    fn look_for_progress(&mut self) {
        let written = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        let now: u64 = self.outs.iter().map(written).sum();
        if now > self.progress.1 || !self.have_ended(self.publishers()) {
            self.progress = (Instant::now(), now);
        } else if self.progress.0.elapsed() > IDLE_TIMEOUT && !self.gave_up {
            self.gave_up = true;
            self.subscribers().for_each(|number| self.group.terminate(number));
        }
    }

    fn sample(&self) -> Result<Sample> {
        let ends = |which: std::ops::Range<usize>| which.filter_map(|n| self.group.ended(n));
        let last = ends(self.subscribers()).map(|ended| ended.at).max();
        let end = if self.gave_up { self.progress.0 } else { last.unwrap_or(self.begun) };
        let arrived =
            self.outs.iter().map(|out| self.implementation.arrived(out)).sum::<Result<u64>>()?;
        Ok(Sample {
            seconds: end.saturating_duration_since(self.begun).as_secs_f64(),
            starting_seconds: 0.0,
            sent: self.scenario.sent(),
            expected: self.scenario.expected(),
            arrived,
            publishers: SideUsage::of(ends(self.publishers())),
            subscribers: SideUsage::of(ends(self.subscribers())),
        })
    }
}

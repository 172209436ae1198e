//! Runs handlers in processes, a new one for each run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::child::ChildProcess;
use super::protocol::{Request, Response, RunSpec};
use super::python::{self, Python};
use super::reaper::{ScratchDir, temp_dir_in};
use super::rounds::{Outcome, Runner};
use super::sample::Sample;
use super::target::{BenchTarget, Candidate, PythonHandler};
use zlog_core::{Error, Result};

/// How often the stop condition is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a stopped run may take to send its result.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a process for each run.
pub struct ProcessRunner<'p> {
    /// The settings of a run; target and directory are filled in.
    pub spec: RunSpec,
    /// Where the runs' directories are made.
    pub directory: PathBuf,
    /// The Python to compare with and its directory, if any.
    pub python: Option<(Python, ScratchDir)>,
    /// Whether to stop.
    pub stop: &'p dyn Fn() -> bool,
}

impl ProcessRunner<'_> {
    fn try_python(&self, handler: PythonHandler) -> Result<Outcome> {
        let there_is_none = || Error::new("no Python interpreter to measure with");
        let (python, scratch) = self.python.as_ref().ok_or_else(there_is_none)?;
        python::measure(python, handler, &self.spec, scratch, self.stop)
    }

    fn try_measure(&self, target: BenchTarget) -> Result<Outcome> {
        let directory = temp_dir_in(&self.directory)?;
        let spec = RunSpec { target, directory: directory.path().to_owned(), ..self.spec.clone() };
        let mut worker = ChildProcess::start(&Request::Measure(Box::new(spec)))?;
        let mut stopped: Option<Instant> = None;
        loop {
            match worker.recv(POLL_INTERVAL)? {
                Some(Response::Done(sample)) if sample.calls > 0 => {
                    return Ok(Outcome::Measured(sample));
                }
                Some(Response::Done(_) | Response::Failed(_)) if stopped.is_some() => {
                    return Ok(Outcome::Stopped);
                }
                Some(Response::Done(_)) => {
                    return Err(Error::new("no call was made within the duration"));
                }
                Some(Response::Failed(why)) => return Err(Error::new(why)),
                Some(other) => {
                    return Err(Error::new(format!("unexpected response of a worker: {other:?}")));
                }
                None => {}
            }
            match stopped {
                None if (self.stop)() => {
                    worker.close_stdin();
                    stopped = Some(Instant::now());
                }
                Some(since) if since.elapsed() > STOP_TIMEOUT => return Ok(Outcome::Stopped),
                _ => {}
            }
        }
    }
}

impl Runner for ProcessRunner<'_> {
    type Item = Candidate;
    type Sample = Sample;

    fn measure(&mut self, candidate: Candidate) -> Outcome {
        let outcome = match candidate {
            Candidate::Own(target) => self.try_measure(target),
            Candidate::Python(handler) => self.try_python(handler),
        };
        outcome.unwrap_or_else(|error| match (self.stop)() {
            // An error after a stop is a consequence of the stop.
            true => Outcome::Stopped,
            false => Outcome::Failed(error.to_string()),
        })
    }
}

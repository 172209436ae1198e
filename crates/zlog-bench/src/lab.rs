//! Measures for real: a process for each run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::guard::Home;
use super::job::{Job, Measure, Told};
use super::partner::Partner;
use super::python::{self, Python, PythonHandler};
use super::rounds::{Lab, Outcome};
use super::sample::Sample;
use super::subject::{Contender, Subject};
use zlog_core::error::{Error, Result};
use zlog_core::text::escape::visible;

/// How often a request to stop is looked for.
const SLICE: Duration = Duration::from_millis(50);
/// How long a run that was stopped may take to say what it has.
const GRACE: Duration = Duration::from_secs(5);

/// Starts processes.
pub struct Processes<'p> {
    /// What each of them is to do; subject and directory are filled in.
    pub job: Measure,
    /// Where their directories are made.
    pub directory: PathBuf,
    /// The Python whose handlers are measured, and where; none when there are no such.
    pub python: Option<(Python, Home)>,
    /// Whether to end now.
    pub stop: &'p dyn Fn() -> bool,
}

impl Processes<'_> {
    fn try_python(&self, handler: PythonHandler) -> Result<Outcome> {
        let there_is_none = || Error::new("there is no Python to measure with");
        let (python, home) = self.python.as_ref().ok_or_else(there_is_none)?;
        python::measure(python, handler, &self.job, home, self.stop)
    }

    fn try_measure(&self, subject: Subject) -> Result<Outcome> {
        let directory = directory_in(&self.directory)?;
        let job = Measure { subject, directory: directory.path().to_owned(), ..self.job.clone() };
        let mut worker = Partner::start(&Job::Measure(Box::new(job)))?;
        let mut stopped: Option<Instant> = None;
        loop {
            match worker.hear(SLICE)? {
                Some(Told::Done(sample)) if sample.calls > 0 => {
                    return Ok(Outcome::Measured(sample));
                }
                Some(Told::Done(_) | Told::Failed(_)) if stopped.is_some() => {
                    return Ok(Outcome::Stopped);
                }
                Some(Told::Done(_)) => {
                    return Err(Error::new("no call was made in the time that it had"));
                }
                Some(Told::Failed(why)) => return Err(Error::new(why)),
                Some(other) => return Err(Error::new(format!("a worker said {other:?}"))),
                None => {}
            }
            match stopped {
                None if (self.stop)() => {
                    worker.hang_up();
                    stopped = Some(Instant::now());
                }
                Some(since) if since.elapsed() > GRACE => return Ok(Outcome::Stopped),
                _ => {}
            }
        }
    }
}

impl Lab for Processes<'_> {
    type Thing = Contender;
    type Sample = Sample;

    fn measure(&mut self, contender: Contender) -> Outcome {
        let outcome = match contender {
            Contender::Own(subject) => self.try_measure(subject),
            Contender::Python(handler) => self.try_python(handler),
        };
        outcome.unwrap_or_else(|error| match (self.stop)() {
            // What fails while all is stopped has not failed by itself.
            true => Outcome::Stopped,
            false => Outcome::Failed(error.to_string()),
        })
    }
}

/// What directories of runs are called.
pub(super) const PREFIX: &str = "zlog-bench-";

/// A directory for one run below `directory`; removed when it is dropped.
///
/// # Errors
/// It can't be made: the error names the place.
pub fn directory_in(directory: &std::path::Path) -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(PREFIX).tempdir_in(directory).map_err(|error| {
        let io = std::io::Error::from(error.kind());
        Error::io(format!("can't write to {}", visible(&directory.display().to_string())), &io)
            .hint("--dir names the directory that files are written to while they are measured.")
    })
}

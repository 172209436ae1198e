//! Measures for real: a process for each run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::job::{Job, Measure, Told};
use super::partner::Partner;
use super::rounds::{Lab, Outcome};
use super::subject::Subject;
use crate::error::{Error, Result};

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
    /// Whether to end now.
    pub stop: &'p dyn Fn() -> bool,
}

impl Processes<'_> {
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
    fn measure(&mut self, subject: Subject) -> Outcome {
        let outcome = self.try_measure(subject);
        outcome.unwrap_or_else(|error| match (self.stop)() {
            true => Outcome::Stopped,
            false => Outcome::Failed(error.to_string()),
        })
    }
}

/// A directory for one run below `directory`; removed when it is dropped.
///
/// # Errors
/// It can't be made: the error names the place.
pub fn directory_in(directory: &std::path::Path) -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("zlog-bench-").tempdir_in(directory).map_err(|error| {
        let io = std::io::Error::from(error.kind());
        Error::io(format!("can't write to {}", directory.display()), &io)
            .hint("--dir names the directory that files are written to while they are measured.")
    })
}

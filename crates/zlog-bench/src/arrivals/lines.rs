//! Counts the lines of log files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use memchr::memchr_iter;

use super::ArrivalCounter;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// Bytes read at once.
const BLOCK: usize = 256 << 10;

/// Counts a log file and its backups (`app.log.1`, …). Each record is one line.
#[derive(Debug)]
pub(crate) struct LineCounter {
    path: PathBuf,
    /// How many backups the handler keeps; `None` when it does not rotate.
    kept: Option<u32>,
}

impl LineCounter {
    /// Counts the file at `path` and up to `kept` backups.
    pub(crate) fn new(path: &Path, kept: Option<u32>) -> LineCounter {
        LineCounter { path: path.to_owned(), kept }
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl ArrivalCounter for LineCounter {
    /// Returns at once: handlers have written everything when they return.
    fn wait_for_arrivals(&mut self, _total: u64, _stop: &dyn Fn() -> bool) -> Result<Duration> {
        Ok(Duration::ZERO)
    }

    /// `None` once the oldest backup exists: older ones may have been deleted.
    fn arrived(&mut self) -> Result<Option<u64>> {
        let mut count = lines_in(&self.path)?;
        let Some(kept) = self.kept else { return Ok(Some(count)) };
        for number in 1..=kept {
            let path = self.numbered(number);
            if !path.exists() {
                return Ok(Some(count));
            }
            count += lines_in(&path)?;
        }
        Ok(None)
    }
}

/// Counts the newlines of a file, however large it is.
fn lines_in(path: &Path) -> Result<u64> {
    let failed = |error: io::Error| Error::io(escape(&path.display().to_string()), &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut block = vec![0; BLOCK];
    let mut lines = 0;
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(lines),
            Ok(len) => lines += memchr_iter(b'\n', &block[..len]).count() as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_over_all_files_until_one_may_be_missing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        std::fs::write(&path, "x\n".repeat(BLOCK)).unwrap();
        assert_eq!(LineCounter::new(&path, None).arrived().unwrap(), Some(BLOCK as u64));
        let mut files = LineCounter::new(&path, Some(2));
        std::fs::write(files.numbered(1), "one\ntwo\n").unwrap();
        assert_eq!(files.arrived().unwrap(), Some(BLOCK as u64 + 2));
        std::fs::write(files.numbered(2), "zero\n").unwrap();
        assert_eq!(files.arrived().unwrap(), None, "a third one may have been deleted");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_and_not_a_zero() {
        let error =
            LineCounter::new(Path::new("/nonexistent/app.log"), None).arrived().unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/app.log: "), "{error}");
    }
}

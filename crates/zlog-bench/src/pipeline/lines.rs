//! The file of lines that publishers read. It is removed when dropped.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// A file of lines.
#[derive(Debug)]
pub struct LinesFile {
    path: PathBuf,
}

impl LinesFile {
    /// Writes `count` lines of `size` bytes (without the newline) to a file in `directory`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(directory: &Path, count: u64, size: usize) -> Result<LinesFile> {
        let path = directory.join(format!("lines-{size}-{count}"));
        let failed = |error: std::io::Error| {
            Error::io(format!("can't write {}", escape(&path.to_string_lossy())), &error)
                .hint("--dir names another directory; --count writes fewer lines.")
        };
        let file = LinesFile { path: path.clone() };
        let mut out = BufWriter::with_capacity(1 << 18, File::create(&path).map_err(failed)?);
        let mut line = Vec::with_capacity(size + 64);
        for number in 0..count {
            write_line(&mut line, number, size);
            line.push(b'\n');
            out.write_all(&line).map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        Ok(file)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LinesFile {
    fn drop(&mut self) {
        // Its directory is removed at the end anyway.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A line as a web server may log it: no word in it is a level name.
fn write_line(line: &mut Vec<u8>, number: u64, size: usize) {
    line.clear();
    let (worker, ms) = (number % 7, number % 983);
    // Writing to a vector cannot fail.
    let _ = write!(line, "request {number:09} handled by worker {worker} in {ms:4} ms");
    line.resize(size, b'.');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_has_its_lines_and_is_gone_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let lines = LinesFile::write(directory.path(), 1000, 100).unwrap();
        let text = std::fs::read_to_string(lines.path()).unwrap();
        assert_eq!(text.lines().count(), 1000);
        assert!(text.lines().all(|line| line.len() == 100));
        let path = lines.path().to_owned();
        drop(lines);
        assert!(!path.exists());
    }

    proptest! {
        #[test]
        fn a_line_has_its_size_and_no_line_break(number in any::<u64>(), size in 1usize..300) {
            let mut line = Vec::new();
            write_line(&mut line, number, size);
            prop_assert_eq!(line.len(), size);
            prop_assert!(!line.contains(&b'\n') && line.is_ascii());
        }
    }
}

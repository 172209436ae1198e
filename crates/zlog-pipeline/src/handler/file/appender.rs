//! Appends whole records to a file, one write each, and reports how much of a record was
//! written.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// Appends records and tracks the length of the file.
///
/// Generic over its writer, so that tests can use one that writes only in part.
pub(crate) struct Appender<W> {
    /// The path, for error messages.
    name: String,
    writer: W,
    size: u64,
    /// The last record was written only in part.
    torn: bool,
}

/// Opens a file for appending. Creates it and its directories if they are missing.
///
/// A regular file is also opened for reading, if its permissions allow it.
pub(crate) fn create(path: &Path) -> Result<Appender<File>> {
    let name = escape(&path.display().to_string());
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(|error| {
            refused(format_args!("can't create the directory of {name}"), &error)
        })?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    // Opening a pipe for reading as well would make this process its own reader.
    let opened = match fs::metadata(path) {
        Ok(there) if !there.is_file() => open_at_once(options, path),
        _ => match options.clone().read(true).open(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => options.open(path),
            opened => opened,
        },
    };
    let sized = opened.and_then(|file| Ok((file.metadata()?.len(), file)));
    let (size, file) = sized.map_err(|error| refused(format_args!("can't open {name}"), &error))?;
    Ok(Appender::new(name, file, size))
}

/// Opens a non-regular file without blocking: opening a pipe without a reader would otherwise
/// wait forever and ignore signals.
#[cfg(unix)]
fn open_at_once(mut options: OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = options.custom_flags(libc::O_NONBLOCK).open(path)?;
    // Writes to it still wait for the reader.
    rustix::io::ioctl_fionbio(&file, false)?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_at_once(options: OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

/// The error for a file that could not be opened, with the next step.
fn refused(what: impl std::fmt::Display, error: &io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "Check its permissions, or name another file.",
        ErrorKind::IsADirectory => "Name a file in that directory.",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "Part of its path is a file: name another path."
        }
        // A pipe: ENXIO has no `ErrorKind` of its own.
        #[cfg(unix)]
        _ if error.raw_os_error() == Some(libc::ENXIO) => {
            "Nobody reads from this pipe: start its reader first."
        }
        _ => "Name another file.",
    };
    Error::io(what, error).hint(hint)
}

impl<W: Write> Appender<W> {
    /// Appends to `writer`, which holds `size` bytes so far. `name` is for error messages.
    pub(crate) fn new(name: String, writer: W, size: u64) -> Appender<W> {
        Appender { name, writer, size, torn: false }
    }

    /// The length of the file in bytes, including what was appended.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a record in one write, or in several if the system writes only a part.
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<()> {
        let of = format_args!("a record's {} bytes", record.len());
        self.put(record).map_err(|(written, error)| self.failed(written, of, &error))
    }

    /// Appends several records, each ending in a newline, in one write. The error carries the
    /// number of bytes written.
    pub(crate) fn append_block(&mut self, block: &[u8]) -> Result<(), (usize, Error)> {
        let of = format_args!("{} bytes of records", block.len());
        self.put(block).map_err(|(written, error)| (written, self.failed(written, of, &error)))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        if self.torn {
            // The next record must not continue the line of the torn one.
            self.write(b"\n").map_err(|(_, error)| (0, error))?;
            self.torn = false;
        }
        let put = self.write(bytes);
        if let Err((written @ 1.., _)) = put {
            self.torn = bytes[written - 1] != b'\n';
        }
        put
    }

    /// Writes all bytes; the error carries the number of bytes written before it.
    fn write(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.writer.write(rest) {
                Ok(0) => return Err((bytes.len() - rest.len(), ErrorKind::WriteZero.into())),
                Ok(taken) => {
                    self.size += taken as u64;
                    rest = &rest[taken..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err((bytes.len() - rest.len(), error)),
            }
        }
        Ok(())
    }

    fn failed(&self, written: usize, of: fmt::Arguments<'_>, error: &io::Error) -> Error {
        let name = &self.name;
        match written {
            0 => Error::io(format_args!("writing to {name}"), error),
            _ => Error::io(format_args!("writing to {name}: only {written} of {of}"), error),
        }
    }
}

impl Appender<File> {
    /// Waits until the written data is on disk.
    pub(crate) fn sync(&self) -> Result<()> {
        let synced = self.writer.sync_data();
        synced.map_err(|error| Error::io(format_args!("synchronising {}", self.name), &error))
    }

    /// The file's metadata.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        let metadata = self.writer.metadata();
        metadata.map_err(|error| {
            Error::io(format_args!("can't read the metadata of {}", self.name), &error)
        })
    }

    /// The open file, for locking and reading back.
    pub(crate) fn handle(&self) -> &File {
        &self.writer
    }

    /// Sets the known length to `size` bytes: other programs may truncate the file.
    pub(crate) fn resize(&mut self, size: u64) {
        self.size = size;
        // An empty file has no torn record.
        self.torn &= size > 0;
    }

    /// Whether it is a regular file: no device, pipe or the like.
    pub(crate) fn is_regular(&self) -> bool {
        self.writer.metadata().is_ok_and(|metadata| metadata.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that accepts as many bytes as its script says, or fails.
    struct Scripted {
        written: Vec<u8>,
        script: Vec<Result<usize, ErrorKind>>,
        writes: usize,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes += 1;
            let taken = match self.script.pop().unwrap_or(Ok(bytes.len())) {
                Ok(most) => most.min(bytes.len()),
                Err(kind) => return Err(kind.into()),
            };
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            panic!("nothing is held, so there is nothing to flush")
        }
    }

    /// `script` lists the results of the writes in order.
    fn scripted(script: &[Result<usize, ErrorKind>]) -> Appender<Scripted> {
        let script = script.iter().rev().copied().collect();
        Appender::new("app.log".into(), Scripted { written: Vec::new(), script, writes: 0 }, 100)
    }

    #[test]
    fn a_record_is_one_write() {
        let mut appender = scripted(&[]);
        appender.append(b"one\n").unwrap();
        appender.append(b"two\n").unwrap();
        assert_eq!(appender.writer.writes, 2);
        assert_eq!(appender.writer.written, b"one\ntwo\n");
        assert_eq!(appender.size(), 108);
    }

    #[test]
    fn a_partial_write_is_completed() {
        let mut appender = scripted(&[Ok(2), Err(ErrorKind::Interrupted), Ok(1)]);
        appender.append(b"a record\n").unwrap();
        assert_eq!(appender.writer.written, b"a record\n");
        assert_eq!(appender.size(), 109);
    }

    #[test]
    fn a_record_that_could_not_be_completed_is_reported_and_ends_its_line() {
        let mut appender = scripted(&[Ok(3), Err(ErrorKind::StorageFull)]);
        let error = appender.append(b"a record\n").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("writing to app.log: only 3 of a record's 9 bytes: "), "{text}");
        appender.append(b"the next\n").unwrap();
        assert_eq!(appender.writer.written, b"a r\nthe next\n");
        assert_eq!(appender.size(), 113);
    }

    #[test]
    fn a_block_that_could_not_be_completed_says_how_much_is_there() {
        for (most, then) in [(6, "one\ntw\nsix\n"), (4, "one\nsix\n")] {
            let mut appender = scripted(&[Ok(most), Err(ErrorKind::StorageFull)]);
            let (written, error) = appender.append_block(b"one\ntwo\n").unwrap_err();
            assert_eq!(written, most);
            let what = format!("writing to app.log: only {most} of 8 bytes of records: ");
            assert!(error.to_string().starts_with(&what), "{error}");
            appender.append_block(b"six\n").unwrap();
            assert_eq!(appender.writer.written, then.as_bytes());
        }
    }

    #[test]
    fn a_record_that_was_not_begun_leaves_no_trace() {
        let mut appender = scripted(&[Err(ErrorKind::StorageFull), Ok(0)]);
        for _ in 0..2 {
            let text = appender.append(b"a record\n").unwrap_err().to_string();
            assert!(text.starts_with("writing to app.log: "), "{text}");
        }
        appender.append(b"the next\n").unwrap();
        assert_eq!(appender.writer.written, b"the next\n");
    }

    #[test]
    fn a_pipe_whose_reader_has_gone_is_a_failure() {
        let mut appender = scripted(&[Err(ErrorKind::BrokenPipe)]);
        assert_eq!(appender.append(b"a record\n").unwrap_err().exit(), zlog_core::Exit::Failed);
    }
}

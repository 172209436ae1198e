//! The end of a file: whole records in, in one write each, and errors that say
//! what has become of a record.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::escape::escape;

/// Appends records, and knows how long the file is.
///
/// Generic over its writer, so that one which takes only parts can test it.
pub(crate) struct Appender<W> {
    /// What errors call it: its path.
    name: String,
    writer: W,
    size: u64,
    /// Only a part of the last record could be written.
    torn: bool,
}

/// Opens a file for appending; it is created, with its directories, if missing.
///
/// It can be read back, where its permissions let us and it is a regular file.
pub(crate) fn create(path: &Path) -> Result<Appender<File>> {
    let name = escape(&path.display().to_string());
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(directory)
            .map_err(|error| refused(format_args!("can't make the directory of {name}"), &error))?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    // A pipe that is opened for both has no reader to wait for, and none to miss.
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

/// Opens what is no regular file. A pipe that nobody reads from would otherwise be
/// waited for without end, deaf to signals.
#[cfg(unix)]
fn open_at_once(mut options: OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = options.custom_flags(libc::O_NONBLOCK).open(path)?;
    // What is written to it waits for its reader all the same.
    rustix::io::ioctl_fionbio(&file, false)?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_at_once(options: OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

/// Why a file could not be opened, and what to do.
fn refused(what: impl std::fmt::Display, error: &io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "Check who may write there, or name another file.",
        ErrorKind::IsADirectory => "Name a file in that directory.",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "A part of its path is a file: name another path."
        }
        // Of a pipe, that is: ENXIO has no kind of its own.
        #[cfg(unix)]
        _ if error.raw_os_error() == Some(libc::ENXIO) => {
            "If it is a pipe, nobody reads from it: start its reader first."
        }
        _ => "Name another file.",
    };
    Error::io(what, error).hint(hint)
}

impl<W: Write> Appender<W> {
    /// Appends to what `writer` holds, `size` bytes so far; `name` is for errors.
    pub(crate) fn new(name: String, writer: W, size: u64) -> Appender<W> {
        Appender { name, writer, size, torn: false }
    }

    /// How long the file is, in bytes, by what was there and what was appended.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a record in one write; where the system takes only a part of it, the
    /// rest follows at once.
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<()> {
        let of = format_args!("a record's {} bytes", record.len());
        self.put(record).map_err(|(written, error)| self.failed(written, of, &error))
    }

    /// Appends several records, each with the newline that ends it, in one write; an
    /// error comes with how many bytes of them were written.
    pub(crate) fn append_block(&mut self, block: &[u8]) -> Result<(), (usize, Error)> {
        let of = format_args!("{} bytes of records", block.len());
        self.put(block).map_err(|(written, error)| (written, self.failed(written, of, &error)))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        if self.torn {
            // What is there of the torn one is not to run into this one.
            self.write(b"\n").map_err(|(_, error)| (0, error))?;
            self.torn = false;
        }
        let put = self.write(bytes);
        if let Err((written @ 1.., _)) = put {
            self.torn = bytes[written - 1] != b'\n';
        }
        put
    }

    /// Writes all of it; else tells how much was written, and why no more.
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
        let error = match written {
            0 => Error::io(format_args!("writing to {name}"), error),
            _ => Error::io(format_args!("writing to {name}: only {written} of {of}"), error),
        };
        // A pipe whose reader has gone is a loss here: it was named as a file to keep.
        error.exit_as(Exit::Failed)
    }
}

impl Appender<File> {
    /// Waits until what was written is on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        let synced = self.writer.sync_data();
        synced.map_err(|error| Error::io(format_args!("synchronising {}", self.name), &error))
    }

    /// What the system knows of it.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        let metadata = self.writer.metadata();
        metadata.map_err(|error| Error::io(format_args!("can't look at {}", self.name), &error))
    }

    /// The file itself, to be locked and read back.
    pub(crate) fn handle(&self) -> &File {
        &self.writer
    }

    /// Takes note that the file is `size` bytes long: others may cut it short.
    pub(crate) fn resize(&mut self, size: u64) {
        self.size = size;
        // What was torn is gone.
        self.torn &= size > 0;
    }

    /// Whether it is a file like most, and no device, pipe or the like.
    pub(crate) fn is_regular(&self) -> bool {
        self.writer.metadata().is_ok_and(|metadata| metadata.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes bytes as the script says: so many at a time, or fails.
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

    /// `script`: what happens to the first write, the second, and so on.
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
        assert_eq!(appender.append(b"a record\n").unwrap_err().exit(), Exit::Failed);
    }
}

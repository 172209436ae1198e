//! Files, whole or followed as they grow.
//!
//! What may be here: opening files and noticing what happens to them. A file that
//! can't be read is reported by name, and the others go on.
//!
//! # Following
//! A followed file is read to its end and then looked at ten times a second.
//! - It grew: what is new is read.
//! - It became shorter than what was read: it was truncated, and is read from its
//!   start again.
//! - It is as long or longer, and something else stands where it was read last: it was
//!   rewritten, and is read from its start again. A file that was rewritten and has the
//!   same 4096 bytes there can't be told from one that grew.
//! - It was modified, and is as long as before, with the same text there: that is told,
//!   since nobody knows whether it was rewritten. It is not read again.
//! - What was added between the last look and a truncation is lost, and can't be counted:
//!   the message says so.
//! - Another file has its name: it was rotated. The old one is read to its end, then
//!   the new one from its start.
//! - It isn't there yet: it is waited for. It was removed: what is open is still
//!   followed, and so is what appears under the name.
//! - What appears under the name can't be read (no permission yet, a directory): that
//!   is told, makes the command fail in the end, and is tried again at every look.
//!
//! Where a file ends for good, so does its last line, newline or not.

mod open_file;

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::open_file::{Change, OpenFile};
use super::reader::{self, Disconnected, Notice, ReaderEvent, ReaderHandle, Tee};
use super::text::{LineOptions, StreamSpec, TextSource};
use crate::os::terminal;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape::escape;

/// How often a followed file is looked at.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The name that stands for standard input among whole files.
const STDIN: &str = "-";

/// What is told of a followed file that is not there.
const WAITING: &str = "does not exist yet: waiting for it";

/// How files are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileOptions {
    /// Keep up with growth, truncation and rotation, without end.
    pub follow: bool,
    /// When following: start at the end of the files that are there.
    pub from_end: bool,
}

/// Records from the lines of files: whole ones in the order given (`-` is standard
/// input), followed ones side by side; each copied to a `tee` of its own as it is read.
///
/// What can't be read is mostly known here, before anybody is waited for: it is a
/// [notice](TextSource::take_notices), and makes the source [failed](TextSource::failed).
///
/// # Errors
/// When none of the files can be read, or no thread can be started.
pub fn open(
    paths: Vec<PathBuf>,
    options: FileOptions,
    spec: StreamSpec,
    lines: &LineOptions,
    tee: Option<&dyn Fn() -> Tee>,
) -> Result<TextSource> {
    let (paths, refused) = readable(paths, options.follow);
    if paths.is_empty() {
        return Err(combine(refused));
    }
    let (mut source, readers) = TextSource::new(&vec![spec; paths.len()], lines);
    for error in refused {
        source.add_notice(Notice { text: error.to_string(), failed: true });
    }
    let readers = readers.into_iter().map(|reader| reader.with_tee(tee.map(|tee| tee())));
    let files: Vec<(PathBuf, ReaderHandle)> = paths.into_iter().zip(readers).collect();
    if !options.follow {
        let sizes = files.iter().filter_map(|(path, _)| path.metadata().ok());
        source.read_progress().add_total(sizes.map(|meta| meta.len()).sum());
        reader::spawn("files", move || {
            for (path, reader) in files {
                read_whole(&path, reader);
            }
        })?;
        return Ok(source);
    }
    for (path, reader) in files {
        let awaited = is_missing(&path);
        if awaited {
            source.add_notice(Notice { text: with_name(&path, WAITING), failed: false });
        }
        // A file that comes later is new from its first byte.
        let at_end = options.from_end && !awaited;
        reader::spawn("follow", move || {
            let mut follower = Follower { path, reader, at_end, awaited, refused: false };
            // Disconnected is how following ends: the consumer has had enough.
            if let Ok(()) = follower.follow() {
                let _ = follower.reader.send(ReaderEvent::End);
            }
        })?;
    }
    Ok(source)
}

/// Which of the files can be read, and what is wrong with the others.
fn readable(paths: Vec<PathBuf>, follow: bool) -> (Vec<PathBuf>, Vec<Error>) {
    let mut refused = Vec::new();
    let readable = paths.into_iter().filter(|path| {
        let special = if follow { is_missing(path) } else { path == Path::new(STDIN) };
        let checked = if special { Ok(()) } else { check(path) };
        checked.map_err(|error| refused.push(unreadable(path, &error))).is_ok()
    });
    (readable.collect(), refused)
}

/// Whether the file can be opened to be read, as far as that can be tried: a pipe is
/// opened only by who reads it, or what is written to it would be lost.
///
/// # Errors
/// Why it can't.
pub fn check(path: &Path) -> io::Result<()> {
    let meta = path.metadata()?;
    if meta.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if meta.is_file() { File::open(path).map(drop) } else { Ok(()) }
}

fn is_missing(path: &Path) -> bool {
    path.metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Several errors as one.
fn combine(mut errors: Vec<Error>) -> Error {
    match errors.pop() {
        Some(only) if errors.is_empty() => only,
        last => {
            let texts = errors.into_iter().chain(last).map(|error| error.to_string());
            Error::new(texts.collect::<Vec<_>>().join("\n"))
        }
    }
}

fn read_whole(path: &Path, reader: ReaderHandle) {
    if path == Path::new(STDIN) {
        return reader.read_all("standard input", terminal::stdin());
    }
    match File::open(path) {
        Ok(file) => reader.read_all(&display_name(path), file),
        Err(error) => {
            // With the consumer gone there is nobody to tell.
            let _ = reader.notice(read_error(path, &error), true);
            let _ = reader.send(ReaderEvent::End);
        }
    }
}

/// Why a file can't be read that could be a moment ago.
fn read_error(path: &Path, error: &io::Error) -> String {
    Error::io(format_args!("reading {}", display_name(path)), error).to_string()
}

/// Why a file can't be read, with its name.
pub fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::of_file(format_args!("reading {}", display_name(path)), path, error)
}

fn with_name(path: &Path, what: &str) -> String {
    format!("{} {what}", display_name(path))
}

/// A path as a part of a message.
fn display_name(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

/// A file that is followed.
struct Follower {
    path: PathBuf,
    reader: ReaderHandle,
    /// Start at the end of the file that is opened next.
    at_end: bool,
    /// It was said that the file is waited for.
    awaited: bool,
    /// It was said that what has its name now can't be read.
    refused: bool,
}

/// What became of an open file.
enum FollowEnd {
    /// Another file has its name.
    Rotated,
    /// It can't be read any more.
    Failed,
}

impl Follower {
    /// Follows the path until it can't be read, or the consumer has gone.
    fn follow(&mut self) -> Result<(), Disconnected> {
        while let Some(open) = self.open()? {
            match self.follow_file(open)? {
                FollowEnd::Rotated => {
                    self.notice("was replaced: reading the new file from its start")?
                }
                FollowEnd::Failed => return Ok(()),
            }
        }
        Ok(())
    }

    /// The file, as soon as there is one that can be read; `None` when the first one
    /// can't.
    fn open(&mut self) -> Result<Option<OpenFile>, Disconnected> {
        loop {
            match File::open(&self.path).and_then(|file| self.start(file)) {
                Ok(open) => return Ok(Some(open)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if !self.awaited {
                        self.awaited = true;
                        self.notice(WAITING)?;
                    }
                    // A file that comes later is new from its first byte.
                    self.at_end = false;
                    self.reader.pause(CHECK_INTERVAL)?;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.refused, true) {
                        self.reader.notice(read_error(&self.path, &error), true)?;
                    }
                    // Whoever asks for a file that can't be read is told by the end of
                    // it; who rotates one may set its permissions a moment later.
                    if !self.awaited {
                        return Ok(None);
                    }
                    self.reader.pause(CHECK_INTERVAL)?;
                }
            }
        }
    }

    fn start(&mut self, file: File) -> io::Result<OpenFile> {
        let open = OpenFile::new(file, self.at_end)?;
        self.at_end = false;
        self.awaited = true;
        self.refused = false;
        Ok(open)
    }

    /// Reads a file as it grows, until another has its name.
    fn follow_file(&mut self, mut open: OpenFile) -> Result<FollowEnd, Disconnected> {
        let mut replaced = false;
        loop {
            match self.read_on(&mut open)? {
                Ok(()) if replaced => {
                    // Read to its end after the name was seen to be another's.
                    self.reader.send(ReaderEvent::Break)?;
                    return Ok(FollowEnd::Rotated);
                }
                Ok(()) => {}
                Err(error) => {
                    self.reader.notice(read_error(&self.path, &error), true)?;
                    return Ok(FollowEnd::Failed);
                }
            }
            replaced = self.is_replaced(open.file());
            if replaced {
                continue;
            }
            match open.change() {
                Some(change) => self.handle_change(change, &mut open)?,
                None => self.reader.pause(CHECK_INTERVAL)?,
            }
        }
    }

    /// Tells of a change, and begins anew where there is another text.
    fn handle_change(&mut self, change: Change, open: &mut OpenFile) -> Result<(), Disconnected> {
        self.notice(change.text())?;
        if change != Change::Modified {
            self.reader.send(ReaderEvent::Break)?;
            open.rewind();
        }
        Ok(())
    }

    /// Reads what there is.
    fn read_on(&mut self, open: &mut OpenFile) -> Result<io::Result<()>, Disconnected> {
        loop {
            match self.reader.read_once(open) {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(Ok(())),
                Ok(Err(gone)) => return Err(gone),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Whether the path names another file now. A path that names none does not: the
    /// new file of a rotation may be a moment away.
    fn is_replaced(&self, file: &File) -> bool {
        let (Ok(named), Ok(open)) = (self.path.metadata(), file.metadata()) else { return false };
        identity(&named) != identity(&open)
    }

    fn notice(&self, what: &str) -> Result<(), Disconnected> {
        self.reader.notice(with_name(&self.path, what), false)
    }
}

/// What tells a file from another of the same name.
#[cfg(unix)]
fn identity(meta: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((meta.dev(), meta.ino()))
}

/// Elsewhere the time of its making has to do.
#[cfg(not(unix))]
fn identity(meta: &Metadata) -> Option<std::time::SystemTime> {
    meta.created().ok()
}

#[cfg(test)]
mod tests;

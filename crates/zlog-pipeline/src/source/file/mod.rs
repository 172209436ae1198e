//! Files, read whole or followed as they grow.
//!
//! A file that can't be read is named in a notice, and the others are still read. A file that
//! is compressed (gzip, zstd, xz, bzip2) is decompressed. It is never followed: it does not
//! grow.
//!
//! # Following
//! A followed file is read to its end, then whenever it grows (on Linux, on files that this
//! machine writes), and checked ten times a second.
//! - It grew: the new bytes are read.
//! - It is shorter than what was read: it was truncated, and is read from its start.
//! - It is as long or longer, and the bytes last read have changed: it was rewritten, and
//!   is read from its start. A file that was rewritten and has the same 4096 bytes there
//!   can't be told from one that grew.
//! - It was modified, and has the same length and the same bytes there: whether it was
//!   rewritten is unknown. A notice says so, and it is not read again.
//! - What was added between the last check and a truncation is lost and can't be counted.
//!   The notice of the truncation says so.
//! - Another file has its name: it was rotated. The new file is read from its start. The old one
//!   is read on until it has not grown for [`FileOptions::rotate_wait`]: its writer may not know
//!   of the rotation yet.
//! - It does not exist yet: it is waited for. It was removed: the open file is followed,
//!   and so is a new file of that name.
//! - The file that has the name now can't be read (no permission, a directory): a notice
//!   says so once, the command fails in the end, and it is tried again at every check.
//!
//! The end of a file also ends its last line.

mod follower;
mod open_file;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::follower::Follower;
use super::ahead::read_objects;
use super::decompress::Decompressor;
use super::fingerprint::{Start, display_name};
use super::merge::MergeSource;
use super::position::{PositionFile, SavedPosition};
use super::reader::{Notice, ReaderEvent, ReaderHandle, Severity, Tee};
use super::text::{LineOptions, StreamSpec, TextSource, start_of_last};
use crate::os::file_error;
use crate::os::{terminal, thread};
use crate::socket::Confirmation;
use zlog_core::parse::ObjectReader;
use zlog_core::{Error, Record, Result};

/// Blocks read ahead of each file that is merged with others: there may be many files.
const MERGE_BLOCKS: usize = 2;

/// Stands for standard input among whole files.
const STDIN: &str = "-";

/// The notice for a followed file that is missing.
const WAITING: &str = "does not exist yet: waiting for it";

/// The notice for a compressed file among those that are followed.
const COMPRESSED: &str = "is compressed: it is read once, and not followed";

/// How files are read.
pub struct FileOptions {
    /// Follow growth, truncation and rotation, without end.
    pub follow: bool,
    /// When following: start at the end of the files that exist.
    pub from_end: bool,
    /// When following: how long a renamed file must not have grown before it is given up.
    pub rotate_wait: Duration,
    /// The file that remembers where each file was read to. Without `follow`, what is new is read,
    /// also in files that were rotated, and a last line whose end has not come is left for the next
    /// time.
    pub position: Option<PathBuf>,
    /// With `position`: the spool that the records go to. It may send them once it is saved that they
    /// were read.
    pub spool: Option<Confirmation>,
    /// The files that are not read from their start, each with the offset of a line.
    pub offsets: HashMap<PathBuf, u64>,
    /// Without `follow`: read JSON objects on a thread of their own with this, for a consumer that is
    /// slower than the disk.
    pub objects_ahead: Option<ObjectReader>,
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        let rotate_wait = Duration::from_secs(5);
        FileOptions {
            follow: false,
            from_end: false,
            rotate_wait,
            position: None,
            spool: None,
            offsets: HashMap::new(),
            objects_ahead: None,
        }
    }
}

/// Records from the lines of files: whole files one after the other (`-` is standard
/// input), followed files at the same time. Each file is copied to a `tee` of its own.
///
/// Most files that can't be read are found here, before the caller waits for subscribers.
/// Each is reported as a notice and makes the source's exit code a failure.
///
/// # Errors
/// None of the files can be read, or no thread can be started.
pub fn open(
    paths: Vec<PathBuf>,
    mut options: FileOptions,
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
        source.add_notice(Notice { text: error.to_string(), severity: Severity::Failure });
    }
    let mut saved = Vec::new();
    if let Some(path) = &options.position {
        let (positions, found) = PositionFile::open(path, &paths, options.spool.take())?;
        source.remember_positions(positions);
        saved = found;
    }
    let readers = readers.into_iter().map(|reader| reader.with_tee(tee.map(|tee| tee())));
    let mut files: Vec<(PathBuf, ReaderHandle)> = paths.into_iter().zip(readers).collect();
    if !options.follow && options.position.is_none() {
        if let Some(reader) = options.objects_ahead.take() {
            read_objects_ahead(&mut files, reader)?;
        }
        // How long the text of a compressed file is can't be known.
        if !files.iter().any(|(path, _)| is_compressed(path)) {
            let sizes = files.iter().filter_map(|(path, _)| path.metadata().ok());
            source.progress().add_total(sizes.map(|meta| meta.len()).sum());
        }
        thread::spawn("files", move || {
            for (path, reader) in files {
                read_whole(&path, start_of(&path, &options), reader);
            }
        })?;
        return Ok(source);
    }
    follow(&mut source, files, &options, saved)?;
    Ok(source)
}

/// Lets one thread read the JSON objects in what all readers send.
fn read_objects_ahead(files: &mut [(PathBuf, ReaderHandle)], reader: ObjectReader) -> Result<()> {
    let Some((_, first)) = files.first() else { return Ok(()) };
    let messages = read_objects(first.messages.clone(), reader)?;
    for (_, reader) in files {
        reader.messages = messages.clone();
    }
    Ok(())
}

/// Follows files, each on a thread of its own. `saved` are the positions to go on from.
fn follow(
    source: &mut TextSource,
    files: Vec<(PathBuf, ReaderHandle)>,
    options: &FileOptions,
    mut saved: Vec<Vec<SavedPosition>>,
) -> Result<()> {
    let mut remark = |path: &Path, what: &str| {
        source.add_notice(Notice { text: with_name(path, what), severity: Severity::Info });
    };
    saved.resize_with(files.len(), Vec::new);
    for ((path, reader), saved) in files.into_iter().zip(saved) {
        if options.follow && is_compressed(&path) {
            remark(&path, COMPRESSED);
        }
        if path == Path::new(STDIN) {
            let from_end = options.from_end;
            thread::spawn("files", move || match from_end {
                true => drop(reader.send(ReaderEvent::End)),
                false => read_whole(&path, 0, reader),
            })?;
            continue;
        }
        let awaited = is_missing(&path);
        if awaited {
            remark(&path, WAITING);
        }
        // A file that is created later is read from its first byte.
        let start = match (options.from_end && !awaited, start_of(&path, options)) {
            (true, _) => Start::End,
            (false, 0) => Start::Beginning,
            (false, offset) => Start::At(offset),
        };
        let follower = Follower::new(path, reader, options, start, awaited);
        // Following ends when the consumer disconnects, or with a read error.
        thread::spawn("follow", move || drop(follower.follow(saved)))?;
    }
    Ok(())
}

/// For each file that need not be read from its start, the offset from which on reading gives
/// the last `n` records that `accepts` lets pass. A file that is compressed or small, or no
/// regular file, is read from its start.
pub fn offsets_of_last(
    paths: &[PathBuf],
    n: usize,
    spec: StreamSpec,
    lines: &LineOptions,
    accepts: &mut dyn FnMut(&Record<'_>) -> bool,
) -> HashMap<PathBuf, u64> {
    let mut offsets = HashMap::new();
    for path in paths {
        let is_plain = path.metadata().is_ok_and(|meta| meta.is_file()) && !is_compressed(path);
        if !is_plain || offsets.contains_key(path) {
            continue;
        }
        let start =
            File::open(path).and_then(|mut file| start_of_last(&mut file, n, spec, lines, accepts));
        // Reading the file reports why it can't be read.
        if let Ok(start @ 1..) = start {
            offsets.insert(path.clone(), start);
        }
    }
    offsets
}

fn start_of(path: &Path, options: &FileOptions) -> u64 {
    options.offsets.get(path).copied().unwrap_or(0)
}

/// Records from the lines of files, merged by time: see [`MergeSource`]. `offsets` are those of
/// [`FileOptions::offsets`].
///
/// # Errors
/// None of the files can be read, or no thread can be started.
pub fn open_merged(
    paths: Vec<PathBuf>,
    offsets: &HashMap<PathBuf, u64>,
    spec: StreamSpec,
    lines: &LineOptions,
) -> Result<MergeSource> {
    let (paths, refused) = readable(paths, false);
    if paths.is_empty() {
        return Err(combine(refused));
    }
    let mut inputs = Vec::with_capacity(paths.len());
    for path in paths {
        let (source, readers) = TextSource::buffered(&[spec], lines, MERGE_BLOCKS);
        let name = display_name(&path);
        let start = offsets.get(&path).copied().unwrap_or(0);
        for reader in readers {
            let path = path.clone();
            thread::spawn("merge", move || read_whole(&path, start, reader))?;
        }
        inputs.push((name, source));
    }
    let notice = |error: &Error| Notice { text: error.to_string(), severity: Severity::Failure };
    let notices = refused.iter().map(notice).collect();
    Ok(MergeSource::new(inputs, notices))
}

/// The files that can be read, and an error for each of the others.
fn readable(paths: Vec<PathBuf>, follow: bool) -> (Vec<PathBuf>, Vec<Error>) {
    let mut refused = Vec::new();
    let readable = paths.into_iter().filter(|path| {
        let special = path == Path::new(STDIN) || (follow && is_missing(path));
        let checked = if special { Ok(()) } else { check(path) };
        checked.map_err(|error| refused.push(unreadable(path, &error))).is_ok()
    });
    (readable.collect(), refused)
}

/// Checks that a file can be opened for reading. A pipe is not opened: closing it again
/// would lose what was written to it.
///
/// # Errors
/// Why it can't be opened.
fn check(path: &Path) -> io::Result<()> {
    let meta = path.metadata()?;
    if meta.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if meta.is_file() { File::open(path).map(drop) } else { Ok(()) }
}

/// Opens a file of stored records, which may be compressed.
///
/// # Errors
/// It can't be opened.
pub fn open_stored(path: &Path) -> Result<impl io::Read + 'static> {
    let file = check(path).and_then(|()| File::open(path));
    file.map(Decompressor::new).map_err(|error| unreadable(path, &error))
}

/// Whether a file is compressed. A pipe is not opened: what is read from it would be missing.
fn is_compressed(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file())
        && File::open(path)
            .is_ok_and(|file| Decompressor::new(file).is_compressed().unwrap_or(false))
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

/// Reads a file to its end, from `start` on.
fn read_whole(path: &Path, start: u64, reader: ReaderHandle) {
    if path == Path::new(STDIN) {
        return reader.read_all("standard input", Decompressor::new(terminal::stdin()));
    }
    let opened = File::open(path).and_then(|mut file| match start {
        // A pipe has no positions.
        0 => Ok(file),
        _ => file.seek(SeekFrom::Start(start)).map(|_| file),
    });
    match opened {
        Ok(file) => reader.read_all(&display_name(path), Decompressor::new(file)),
        Err(error) => {
            // These fail only if the consumer is gone.
            let _ = reader.notice(read_error(path, &error), Severity::Failure);
            let _ = reader.send(ReaderEvent::End);
        }
    }
}

/// The notice for a file that could be opened before and can't be read now.
fn read_error(path: &Path, error: &io::Error) -> String {
    Error::io(format_args!("reading {}", display_name(path)), error).to_string()
}

/// The error for a file that can't be read.
fn unreadable(path: &Path, error: &io::Error) -> Error {
    file_error(format_args!("reading {}", display_name(path)), path, error)
}

fn with_name(path: &Path, what: &str) -> String {
    format!("{} {what}", display_name(path))
}

#[cfg(test)]
mod tests;

//! `--position`: a file that remembers where each followed file was read to.
//!
//! Each line is a JSON document of all positions, and the last complete line counts. Appending a
//! line costs microseconds, so positions are saved whenever nothing more is there to read. A
//! long file is replaced by one of a single line. It is not synced: after a power failure, lines may
//! be repeated.
//!
//! A position is that of the first line whose record was not handed to the handler. So a restart
//! after a regular end neither repeats nor skips a line. After SIGKILL it repeats the lines of the
//! last [`SAVE_INTERVAL`], and skips those that the socket had not sent yet.
//!
//! Where records go to a spool, a position is saved with the number of the last record there. The spool
//! sends a record only after that. At a restart it removes the records behind that number, and their lines
//! are read again: nothing is skipped or repeated. `emit` says when this does not apply.

mod saved;

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(super) use self::saved::SavedPosition;
use super::fingerprint::{absolute, display_name, identity};
use super::reader::Origin;
use crate::os::file_error;
use crate::socket::Confirmation;
use crate::spool::{RecordId, SourceId};
use zlog_core::{Error, Result};

/// How often positions are saved while there is more to read.
pub(crate) const SAVE_INTERVAL: Duration = Duration::from_millis(10);

/// Saving takes at most this part of the time: with hundreds of files it takes milliseconds.
const SAVE_SHARE: u32 = 20;

/// The size from which the file is replaced instead of growing.
const MAX_GROWN: usize = 64 << 10;

/// The most bytes of a position file that are read.
const MAX_SIZE: u64 = 16 << 20;

/// The file of positions, locked against other processes.
pub(crate) struct PositionFile {
    path: PathBuf,
    /// Locked.
    file: File,
    /// Its size, as far as it may grow.
    size: usize,
    /// Positions of files that are not followed now.
    others: Vec<SavedPosition>,
    /// For each path, by its first stream: positions of files that were not opened yet.
    pending: Vec<Vec<SavedPosition>>,
    /// The confirmed position of each stream: up to there all records were handled.
    confirmed: Vec<Option<(Arc<Origin>, u64)>>,
    /// They have changed since the last save.
    unsaved: bool,
    /// The spool that the records go to.
    spool: Option<Confirmation>,
    /// The last record there at the last checkpoint.
    last: Option<RecordId>,
    /// The same at the last save.
    saved_last: Option<RecordId>,
    /// A file was begun. The spool must not get a record of it before its position is saved.
    must_save: bool,
    saved_at: Instant,
    /// How long the last save took.
    cost: Duration,
}

impl PositionFile {
    /// Opens the file, or creates it. Returns it with the saved positions of each of `paths`.
    ///
    /// # Errors
    /// It can't be read or written, is no file of positions, or another process uses it.
    pub(in crate::source) fn open(
        path: &Path,
        paths: &[PathBuf],
        spool: Option<Confirmation>,
    ) -> Result<(PositionFile, Vec<Vec<SavedPosition>>)> {
        if let Some(log) = paths.iter().find(|log| is_same(log, path)) {
            return Err(Error::usage(format!(
                "{} is also a file to read: {}",
                described(path),
                display_name(log)
            ))
            .hint("Name another file for --position."));
        }
        // It is replaced by a new file, which would take the place of a device or of a link.
        if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
            return Err(Error::new(format!("{} is not a regular file", described(path)))
                .hint("Name a regular file, or one that does not exist."));
        }
        let file = lock(path)?;
        let mut text = Vec::new();
        (&file).take(MAX_SIZE).read_to_end(&mut text).map_err(|error| unusable(path, &error))?;
        let saved = parse(&text).ok_or_else(|| {
            Error::new(format!("{}: zlog did not write this position file", described(path)))
                .hint("Name another file, or remove this one to read all files from the start.")
        })?;
        let mut others = saved.files;
        let mut saved = Vec::with_capacity(paths.len());
        for followed in paths {
            let followed = absolute(followed);
            let (own, rest) = others.into_iter().partition(|saved| saved.path == followed);
            saved.push(own);
            others = rest;
        }
        let mut positions = PositionFile {
            path: path.to_owned(),
            file,
            // The last line may be incomplete.
            size: MAX_GROWN,
            others,
            pending: saved.clone(),
            confirmed: Vec::new(),
            unsaved: true,
            last: spool.as_ref().and_then(Confirmation::last_appended),
            spool,
            saved_last: None,
            must_save: false,
            saved_at: Instant::now(),
            cost: Duration::ZERO,
        };
        // Whether it can be written must show now.
        positions.save()?;
        Ok((positions, saved))
    }

    /// Notes that a file is begun, or a pipe. A pipe has no positions and can't be read again, so nothing may
    /// be removed from the spool any more.
    pub(crate) fn begin(&mut self, is_file: bool) {
        let Some(spool) = &self.spool else { return };
        self.must_save = true;
        if !is_file {
            spool.release();
            self.spool = None;
        }
    }

    /// Whether no record may be delivered before the next save.
    pub(crate) fn must_save(&self) -> bool {
        self.must_save
    }

    /// Notes that all records before `offset` of the file of a stream were handled.
    pub(crate) fn confirm(&mut self, stream: usize, origin: Option<&Arc<Origin>>, offset: u64) {
        if let Some(pending) = self.pending.get_mut(stream) {
            pending.clear();
        }
        if self.confirmed.len() <= stream {
            self.confirmed.resize(stream + 1, None);
        }
        let known = &mut self.confirmed[stream];
        let same = match (&known, origin) {
            (Some((file, known)), Some(origin)) => Arc::ptr_eq(file, origin) && *known == offset,
            (None, None) => true,
            _ => false,
        };
        if !same {
            *known = origin.map(|origin| (Arc::clone(origin), offset));
            self.unsaved = true;
        }
    }

    /// Saves the confirmed positions if so much time has passed; `None` is at once. All records up to
    /// there were handled, and no others.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn save_if_due(&mut self, interval: Option<Duration>) -> Result<()> {
        self.last = self.spool.as_ref().and_then(Confirmation::last_appended);
        self.unsaved |= self.last != self.saved_last;
        let waits = |least: Duration| self.saved_at.elapsed() < least.max(self.cost * SAVE_SHARE);
        if interval.is_some_and(waits) && !self.must_save { Ok(()) } else { self.save() }
    }

    /// When to save, if nothing is read until then; `None` if everything was saved.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.unsaved.then(|| self.saved_at + self.cost * SAVE_SHARE)
    }

    /// Saves the confirmed positions, if they have changed.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn save(&mut self) -> Result<()> {
        self.must_save = false;
        if !self.unsaved {
            return Ok(());
        }
        let begun = Instant::now();
        let confirmed = self.confirmed.iter().flatten();
        let confirmed = confirmed.map(|(origin, offset)| SavedPosition::of(origin, *offset));
        let kept = self.others.iter().chain(self.pending.iter().flatten()).cloned();
        let files: Vec<Value> = kept.chain(confirmed).map(|saved| saved.to_json()).collect();
        let mut document = json!({ "version": VERSION, "files": files });
        if let Some(RecordId { source, number }) = self.last {
            document["spool"] = json!({ "source": format!("{:032x}", source.0), "number": number });
        }
        let line = format!("{document}\n");
        let written = match self.size.checked_add(line.len()) {
            Some(size) if size < MAX_GROWN => self.file.write_all(line.as_bytes()),
            _ => self.replace(&line),
        };
        (self.saved_at, self.cost) = (Instant::now(), begun.elapsed());
        match written {
            Ok(()) => self.size += line.len(),
            // The line may be incomplete.
            Err(_) => self.size = MAX_GROWN,
        }
        self.unsaved = written.is_err();
        self.saved_last = self.last;
        // Also after an error: records must not wait for the disk of this file.
        if let (Some(spool), Some(last)) = (&self.spool, self.last) {
            spool.commit(last.number);
        }
        written.map_err(|error| unusable(&self.path, &error))
    }

    /// Replaces the file by one of this line.
    fn replace(&mut self, line: &str) -> io::Result<()> {
        let mut new = tempfile::Builder::new()
            .prefix(".zlog-position")
            .append(true)
            .tempfile_in(directory(&self.path)?)?;
        new.write_all(line.as_bytes())?;
        // Before it has the name, so that nobody else can lock it first.
        new.as_file().try_lock().or_else(without_locks)?;
        self.file = new.persist(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

/// The version of the format.
const VERSION: u64 = 1;

/// How every line begins.
const BEGINNING: &[u8] = b"{\"files\":[";

/// What a position file says.
#[derive(Default)]
struct Saved {
    files: Vec<SavedPosition>,
    /// The last record of these positions, where records go to a spool.
    last: Option<RecordId>,
}

/// The record in a spool up to which the positions in this file reach. `None` if the file names none, or
/// if what comes behind one of the positions can't be read again: its file is not among `files`, or was
/// rewritten or truncated.
pub fn saved_record(path: &Path, files: &[PathBuf]) -> Option<RecordId> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(MAX_SIZE).read_to_end(&mut text).ok()?;
    let saved = parse(&text)?;
    let files: Vec<PathBuf> = files.iter().map(|file| absolute(file)).collect();
    let is_read_again = |saved: &SavedPosition| {
        files.contains(&saved.path) && saved.find().is_some_and(|it| it.change.is_none())
    };
    // Each file has an entry before the spool has a record of it.
    let are_read_again = !saved.files.is_empty() && saved.files.iter().all(is_read_again);
    saved.last.filter(|_| are_read_again)
}

/// Reads the last complete line of a file. Returns no positions for a file that is empty, or whose first
/// line was not written whole (the disk was full).
fn parse(text: &[u8]) -> Option<Saved> {
    let is_unfinished =
        !text.contains(&b'\n') && (text.starts_with(BEGINNING) || BEGINNING.starts_with(text));
    match text {
        _ if is_unfinished => Some(Saved::default()),
        text => text.rsplit(|byte| *byte == b'\n').find_map(parse_line),
    }
}

fn parse_line(line: &[u8]) -> Option<Saved> {
    let document: Value = serde_json::from_slice(line).ok()?;
    if document.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let files = document.get("files")?.as_array()?.iter().map(SavedPosition::from_json);
    let last = document.get("spool").and_then(|spool| {
        let source = u128::from_str_radix(spool.get("source")?.as_str()?, 16).ok()?;
        let number = spool.get("number")?.as_u64()?;
        Some(RecordId { source: SourceId(source), number })
    });
    Some(Saved { files: files.collect::<Option<_>>()?, last })
}

/// Opens the file, or creates it, and locks it.
fn lock(path: &Path) -> Result<File> {
    let failed = |error: io::Error| unusable(path, &error);
    loop {
        let mut options = File::options();
        let file = options.read(true).append(true).create(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(format!("{}: another zlog uses it", described(path)))
                    .hint("Give each emitter a position file of its own."));
            }
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        // The other process may have replaced it just before it ended.
        let named = path.metadata().map_err(failed)?;
        if identity(&named) == identity(&file.metadata().map_err(failed)?) {
            return Ok(file);
        }
    }
}

/// Where locks do not work, the file is used without one.
fn without_locks(error: TryLockError) -> io::Result<()> {
    match error {
        TryLockError::Error(_) => Ok(()),
        TryLockError::WouldBlock => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Whether two paths name the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| path.metadata().ok().and_then(|meta| identity(&meta));
    absolute(one) == absolute(other) || found(one).is_some_and(|it| found(other) == Some(it))
}

/// The error for a position file that can't be read or written.
fn unusable(path: &Path, error: &io::Error) -> Error {
    let failed = file_error(described(path), path, error);
    match error.kind() {
        io::ErrorKind::PermissionDenied => failed.hint(
            "The user that runs zlog needs permission to write it, and to make files in its \
             directory.",
        ),
        _ => failed,
    }
}

fn described(path: &Path) -> String {
    format!("position file {}", display_name(path))
}

/// The directory that holds the file.
fn directory(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    Ok(absolute.parent().map_or_else(|| absolute.clone(), Path::to_owned))
}

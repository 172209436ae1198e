//! `--position`: a file that remembers where each followed file was read to.
//!
//! A JSON document, replaced as a whole, so that it is complete whenever the process ends. It is
//! not synced: after a power failure, lines may be repeated.
//!
//! A position is that of the first line whose record was not handed to the handler. So a restart
//! after a regular end neither repeats nor skips a line; after SIGKILL it repeats the lines of the last
//! [`SAVE_INTERVAL`].

use std::cmp::Reverse;
use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::open_file::{Change, Start};
use super::{display_name, identity};
use crate::source::reader::Origin;
use zlog_core::{Error, Result};

/// The shortest time between two saves.
const SAVE_INTERVAL: Duration = Duration::from_millis(100);

/// Bytes before a position that are compared, to recognise a file that was rewritten or whose
/// number was used again.
const CHECKED: u64 = 1024;

/// Where a file was read to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SavedPosition {
    /// Absolute.
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
    offset: u64,
    /// The hash of up to [`CHECKED`] bytes before `offset`.
    check: u64,
}

impl SavedPosition {
    /// The position `offset` in a file.
    pub(super) fn of(origin: &Origin, offset: u64) -> SavedPosition {
        let check = hash_before(&origin.file, offset).unwrap_or_default();
        SavedPosition { path: origin.path.clone(), identity: origin.identity, offset, check }
    }

    fn from_json(value: &Value) -> Option<SavedPosition> {
        let number = |key: &str| value.get(key)?.as_u64();
        Some(SavedPosition {
            path: path_from_json(value.get("path")?)?,
            identity: (number("device")?, number("inode")?),
            offset: number("offset")?,
            check: number("check")?,
        })
    }

    fn to_json(&self) -> Value {
        let (device, inode) = self.identity;
        json!({
            "path": path_to_json(&self.path),
            "device": device,
            "inode": inode,
            "offset": self.offset,
            "check": self.check,
        })
    }

    /// Finds the file: by its name, or by another name in the same directory, if it was renamed.
    pub(super) fn find(&self) -> Option<Found> {
        if self.has_its_name() {
            let file = File::open(&self.path).ok()?;
            return Some(Found { file, is_renamed: false, later: Vec::new() });
        }
        let siblings = self.path.parent()?.read_dir().ok()?;
        let siblings: Vec<PathBuf> = siblings.flatten().map(|entry| entry.path()).collect();
        let is_it = |path: &&PathBuf| path.metadata().is_ok_and(|meta| self.is(&meta));
        let path = siblings.iter().find(is_it)?;
        // A file with the same number and other contents is another one.
        let file = File::open(path).ok().filter(|file| self.change(file).is_none())?;
        let later = self.later(path, &siblings).into_iter().cloned().collect();
        Some(Found { file, is_renamed: true, later })
    }

    /// Of `siblings`, those that were renamed in the same way as the file that is now `renamed`,
    /// and later: `app.log.2` and `app.log.1` after `app.log.3`, and `app.log-20261126` after
    /// `app.log-20261125`.
    fn later<'s>(&self, renamed: &Path, siblings: &'s [PathBuf]) -> Vec<&'s PathBuf> {
        let Some(own) = RotationSuffix::of(&self.path, renamed) else { return Vec::new() };
        let turns =
            siblings.iter().filter_map(|path| Some((RotationSuffix::of(&self.path, path)?, path)));
        let mut later: Vec<_> = turns.filter(|(turn, _)| turn.follows(&own)).collect();
        later.sort();
        later.into_iter().map(|(_, path)| path).collect()
    }

    /// Whether the file still has the name that is followed.
    fn has_its_name(&self) -> bool {
        self.path.metadata().is_ok_and(|meta| self.is(&meta))
    }

    /// Whether this is the file.
    pub(super) fn is(&self, meta: &Metadata) -> bool {
        identity(meta) == Some(self.identity)
    }

    /// What has changed in the file before the position.
    pub(super) fn change(&self, file: &File) -> Option<Change> {
        if file.metadata().is_ok_and(|meta| meta.len() < self.offset) {
            return Some(Change::Truncated);
        }
        let same = hash_before(file, self.offset).is_ok_and(|hash| hash == self.check);
        (!same).then_some(Change::Rewritten)
    }

    pub(super) fn start(&self) -> Start {
        Start::At(self.offset)
    }
}

/// A file that an earlier run has read in part.
pub(super) struct Found {
    pub(super) file: File,
    /// Another file, or none, has its name now.
    pub(super) is_renamed: bool,
    /// Files that have had its name since then and were renamed too, the oldest first.
    pub(super) later: Vec<PathBuf>,
}

/// When a file was renamed among others, by what was appended to its name.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum RotationSuffix<'n> {
    /// A number that grows with each rotation: 1 is the latest.
    Number(Reverse<u32>),
    /// A date.
    Date(&'n str),
}

impl<'n> RotationSuffix<'n> {
    fn of(path: &Path, renamed: &'n Path) -> Option<RotationSuffix<'n>> {
        let name = path.file_name()?.to_str()?;
        let suffix = renamed.file_name()?.to_str()?.strip_prefix(name)?;
        let number = suffix.get(1..).filter(|digits| digits.len() <= 3);
        Some(match number.and_then(|digits| digits.parse().ok()) {
            Some(number) => RotationSuffix::Number(Reverse(number)),
            None => RotationSuffix::Date(suffix),
        })
    }

    /// Whether it is later, and named in the same way.
    fn follows(&self, other: &RotationSuffix<'_>) -> bool {
        let same = |(a, b): (u8, u8)| a == b || (a.is_ascii_digit() && b.is_ascii_digit());
        match (self, other) {
            (RotationSuffix::Number(own), RotationSuffix::Number(other)) => own > other,
            (RotationSuffix::Date(own), RotationSuffix::Date(other)) => {
                own > other && own.len() == other.len() && own.bytes().zip(other.bytes()).all(same)
            }
            _ => false,
        }
    }
}

/// A path as a string, or as bytes if it is not UTF-8.
#[cfg(unix)]
fn path_to_json(path: &Path) -> Value {
    use std::os::unix::ffi::OsStrExt;
    path.to_str().map_or_else(|| json!(path.as_os_str().as_bytes()), Value::from)
}

#[cfg(not(unix))]
fn path_to_json(path: &Path) -> Value {
    path.to_string_lossy().into()
}

#[cfg(unix)]
fn path_from_json(value: &Value) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    if let Value::String(path) = value {
        return Some(path.into());
    }
    let bytes = value.as_array()?.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
    Some(std::ffi::OsString::from_vec(bytes.collect::<Option<_>>()?).into())
}

#[cfg(not(unix))]
fn path_from_json(value: &Value) -> Option<PathBuf> {
    value.as_str().map(PathBuf::from)
}

/// The FNV-1a hash of up to [`CHECKED`] bytes before `offset`. It must never change: it is
/// stored.
fn hash_before(file: &File, offset: u64) -> io::Result<u64> {
    let mut bytes = vec![0; offset.min(CHECKED) as usize];
    let start = offset - bytes.len() as u64;
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start)?;
    #[cfg(not(unix))]
    let _ = (file, start);
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    Ok(bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
}

/// The most bytes of a position file that are read.
const MAX_SIZE: u64 = 16 << 20;

/// The file of positions, locked against other processes.
pub(crate) struct PositionFile {
    path: PathBuf,
    _lock: File,
    /// Positions of files that are not followed now.
    others: Vec<SavedPosition>,
    /// For each path, by its first stream: positions of files that were not opened yet.
    pending: Vec<Vec<SavedPosition>>,
    /// The confirmed position of each stream: up to there all records were handled.
    confirmed: Vec<Option<(Arc<Origin>, u64)>>,
    /// They have changed since the last save.
    unsaved: bool,
    saved_at: Option<Instant>,
}

impl PositionFile {
    /// Opens the file, or creates it. Returns it with the saved positions of each of `paths`.
    ///
    /// # Errors
    /// It can't be read or written, is no file of positions, or another process uses it.
    pub(super) fn open(
        path: &Path,
        paths: &[PathBuf],
    ) -> Result<(PositionFile, Vec<Vec<SavedPosition>>)> {
        let failed = |error: &io::Error| Error::of_file(described(path), path, error);
        let file = lock(path)?;
        let mut text = String::new();
        // A device may never end.
        (&file).take(MAX_SIZE).read_to_string(&mut text).map_err(|error| failed(&error))?;
        let mut others = parse(&text).ok_or_else(|| {
            Error::new(format!("{}: zlog did not write this position file", described(path)))
                .hint("Name another file, or remove this one to read all files from the start.")
        })?;
        let mut saved = Vec::with_capacity(paths.len());
        for followed in paths {
            let followed = absolute(followed);
            let (own, rest) = others.into_iter().partition(|saved| saved.path == followed);
            saved.push(own);
            others = rest;
        }
        let mut positions = PositionFile {
            path: path.to_owned(),
            _lock: file,
            others,
            pending: saved.clone(),
            confirmed: Vec::new(),
            unsaved: true,
            saved_at: None,
        };
        // Whether it can be written must show now.
        positions.save()?;
        Ok((positions, saved))
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

    /// Saves the confirmed positions if it is time.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn save_if_due(&mut self) -> Result<()> {
        match self.saved_at {
            Some(at) if at.elapsed() < SAVE_INTERVAL => Ok(()),
            _ => self.save(),
        }
    }

    /// Saves the confirmed positions, if they have changed.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn save(&mut self) -> Result<()> {
        if !self.unsaved {
            return Ok(());
        }
        self.saved_at = Some(Instant::now());
        let confirmed = self.confirmed.iter().flatten();
        let confirmed = confirmed.map(|(origin, offset)| SavedPosition::of(origin, *offset));
        let kept = self.others.iter().chain(self.pending.iter().flatten()).cloned();
        let files: Vec<Value> = kept.chain(confirmed).map(|saved| saved.to_json()).collect();
        let text = format!("{:#}\n", json!({ "version": VERSION, "files": files }));
        let replaced = directory(&self.path).and_then(|directory| {
            let mut new =
                tempfile::Builder::new().prefix(".zlog-position").tempfile_in(directory)?;
            new.write_all(text.as_bytes())?;
            // Before it has the name, so that nobody else can lock it first.
            new.as_file().try_lock().or_else(without_locks)?;
            Ok(new.persist(&self.path)?)
        });
        self._lock = replaced.map_err(|error| Error::io(described(&self.path), &error))?;
        self.unsaved = false;
        Ok(())
    }
}

/// The version of the format.
const VERSION: u64 = 1;

/// The positions in a file that was written before, or is empty.
fn parse(text: &str) -> Option<Vec<SavedPosition>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let document: Value = serde_json::from_str(text).ok()?;
    if document.get("version")?.as_u64()? != VERSION {
        return None;
    }
    document.get("files")?.as_array()?.iter().map(SavedPosition::from_json).collect()
}

/// Opens the file, or creates it, and locks it.
fn lock(path: &Path) -> Result<File> {
    let failed = |error: io::Error| Error::of_file(described(path), path, &error);
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

fn described(path: &Path) -> String {
    format!("position file {}", display_name(path))
}

/// The directory that holds the file.
fn directory(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    Ok(absolute.parent().map_or_else(|| absolute.clone(), Path::to_owned))
}

/// The path, independent of the working directory.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

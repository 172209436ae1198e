//! The position in one file, and how the file is found again.

use std::cmp::Reverse;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::source::fingerprint::{
    Change, Start, check_text, compressed_text, hash_before, identity,
};
use crate::source::reader::{Check, Origin};

/// Where a file was read to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::source) struct SavedPosition {
    /// Absolute.
    pub(super) path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
    offset: u64,
    /// The check of up to 1024 bytes, before `offset` or before the place from which a
    /// compressed file was read.
    check: Check,
}

impl SavedPosition {
    /// The position `offset` in a file.
    pub(in crate::source) fn of(origin: &Origin, offset: u64) -> SavedPosition {
        let check = origin.check.unwrap_or_else(|| Check {
            end: offset,
            hash: hash_before(&origin.file, offset).unwrap_or_default(),
        });
        SavedPosition { path: origin.path.clone(), identity: origin.identity, offset, check }
    }

    pub(super) fn from_json(value: &Value) -> Option<SavedPosition> {
        let number = |key: &str| value.get(key)?.as_u64();
        Some(SavedPosition {
            path: path_from_json(value.get("path")?)?,
            identity: (number("device")?, number("inode")?),
            offset: number("offset")?,
            check: Check { end: number("checked")?, hash: number("check")? },
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let (device, inode) = self.identity;
        json!({
            "path": path_to_json(&self.path),
            "device": device,
            "inode": inode,
            "offset": self.offset,
            "checked": self.check.end,
            "check": self.check.hash,
        })
    }

    /// Finds the file in its directory: by its number, whatever its name is now, or by its text
    /// among the files that it may have been compressed or copied to.
    pub(in crate::source) fn find(&self) -> Option<Found> {
        let is_it = |path: &PathBuf| path.metadata().is_ok_and(|meta| self.is(&meta));
        let named = is_it(&self.path).then(|| File::open(&self.path).ok()).flatten();
        let change = named.as_ref().and_then(|file| self.change(file));
        if let (Some(_), None) = (&named, change) {
            return named.map(|file| Found { file, change, is_renamed: false, later: Vec::new() });
        }
        let directory = self.path.parent().and_then(|directory| directory.read_dir().ok());
        let siblings: Vec<PathBuf> =
            directory.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        let mut rotated: Vec<_> =
            siblings.iter().filter_map(|path| RotatedFile::of(&self.path, path)).collect();
        rotated.sort();
        // Without any text, every file would match.
        let copies = rotated.iter().rev().map(|file| file.path).filter(|_| self.check.end > 0);
        // A file with the same number and another text is another one.
        for path in siblings.iter().filter(|path| is_it(path)).chain(copies) {
            if let Ok(file) = File::open(path)
                && self.change(&file).is_none()
            {
                let later = RotatedFile::later(&rotated, path);
                return Some(Found { file, change: None, is_renamed: true, later });
            }
        }
        named.map(|file| Found { file, change, is_renamed: false, later: Vec::new() })
    }

    /// Whether this is the file.
    fn is(&self, meta: &Metadata) -> bool {
        identity(meta) == Some(self.identity)
    }

    /// What has changed in the file before the position.
    fn change(&self, file: &File) -> Option<Change> {
        let hash = match compressed_text(file) {
            Ok(Some(mut text)) => check_text(&mut text, Start::At(self.check.end)),
            _ if file.metadata().is_ok_and(|meta| meta.len() < self.offset) => {
                return Some(Change::Truncated);
            }
            Ok(None) => {
                hash_before(file, self.check.end).map(|hash| Check { end: self.check.end, hash })
            }
            Err(error) => Err(error),
        };
        let same = hash.is_ok_and(|check| check == self.check);
        (!same).then_some(Change::Rewritten)
    }

    pub(in crate::source) fn start(&self) -> Start {
        Start::At(self.offset)
    }
}

/// A file that an earlier run has read in part.
pub(in crate::source) struct Found {
    pub(in crate::source) file: File,
    /// What has changed in it before the position.
    pub(in crate::source) change: Option<Change>,
    /// Another file, or none, has its name now.
    pub(in crate::source) is_renamed: bool,
    /// Files that have had its name since then and were renamed too, the oldest first.
    pub(in crate::source) later: Vec<PathBuf>,
}

/// A file that has had the name that is followed. The latest one is the greatest.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct RotatedFile<'n> {
    suffix: RotationSuffix<'n>,
    /// While it is being compressed, it is there twice, and what was compressed is incomplete.
    is_plain: bool,
    path: &'n PathBuf,
}

impl<'n> RotatedFile<'n> {
    fn of(followed: &Path, path: &'n PathBuf) -> Option<RotatedFile<'n>> {
        let name = followed.file_name()?.to_str()?;
        let suffix = path.file_name()?.to_str()?.strip_prefix(name)?;
        if !path.metadata().is_ok_and(|meta| meta.is_file()) {
            return None;
        }
        let stem = SUFFIXES.iter().find_map(|of_format| suffix.strip_suffix(of_format));
        let suffix = RotationSuffix::of(stem.unwrap_or(suffix))?;
        Some(RotatedFile { suffix, is_plain: stem.is_none(), path })
    }

    /// Those of the sorted `rotated` that were renamed in the same way as the file `path`, and later:
    /// `app.log.2.gz` and `app.log.1` after `app.log.3`, and `app.log-20261126` after
    /// `app.log-20261125`.
    fn later(rotated: &[RotatedFile<'_>], path: &Path) -> Vec<PathBuf> {
        let Some(own) = rotated.iter().find(|file| file.path == path) else { return Vec::new() };
        let mut later: Vec<_> =
            rotated.iter().rev().filter(|file| file.suffix.follows(&own.suffix)).collect();
        later.dedup_by(|file, plain| file.suffix == plain.suffix);
        later.into_iter().rev().map(|file| file.path.clone()).collect()
    }
}

/// What programs that compress append to the name.
const SUFFIXES: [&str; 4] = [".gz", ".zst", ".xz", ".bz2"];

/// When a file was renamed among others, by what was appended to its name.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum RotationSuffix<'n> {
    /// A number that grows with each rotation: 1 is the latest.
    Number(Reverse<u32>),
    /// A date.
    Date(&'n str),
}

impl<'n> RotationSuffix<'n> {
    fn of(suffix: &'n str) -> Option<RotationSuffix<'n>> {
        if suffix.is_empty() {
            return None;
        }
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

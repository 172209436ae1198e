//! Lists, renames and deletes replaced files, compressed or not, even while one of them is
//! being compressed. `rotating` and `timed` decide when, and which names.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::compression::Compression;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The names of a log's replaced files. Hold the guard while any of them changes.
#[derive(Default)]
pub(crate) struct BackupNames {
    /// The current name of the file being compressed; `None` if there is none, or if it was
    /// deleted in the meantime.
    pub(super) compressing: Option<PathBuf>,
}

impl BackupNames {
    /// Renames a file and replaces what has the new name. Returns whether the file existed.
    ///
    /// # Errors
    /// It can't be renamed.
    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Result<bool> {
        match fs::rename(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(not_renamed(from, to, &error)),
            Ok(()) => {}
        }
        if self.compressing.as_deref() == Some(from) {
            self.compressing = Some(to.to_owned());
        } else if self.compressing.as_deref() == Some(to) {
            self.compressing = None;
        }
        Ok(true)
    }

    /// Renames a replaced file, compressed or not, and removes every file with the new name.
    ///
    /// # Errors
    /// It can't be renamed, or a file with the new name can't be deleted.
    pub(crate) fn shift(&mut self, from: &Path, to: &Path) -> Result<()> {
        let exists = |how: &Compression| how.name_of(from).symlink_metadata().is_ok();
        let (here, missing): (Vec<_>, Vec<_>) = Compression::ALL.into_iter().partition(exists);
        if here.is_empty() {
            return Ok(());
        }
        // Delete first: if that fails, the next attempt finds everything as it was. The other
        // way round, it would rename twice.
        missing.into_iter().try_for_each(|how| self.delete(&how.name_of(to)))?;
        here.into_iter()
            .try_for_each(|how| self.rename(&how.name_of(from), &how.name_of(to)).map(drop))
    }

    /// Renames the log itself, like [`BackupNames::shift`].
    ///
    /// # Errors
    /// See [`BackupNames::shift`].
    pub(crate) fn retire(&mut self, log: &Path, to: &Path) -> Result<()> {
        let compressed = Compression::ALL.into_iter().filter(|how| *how != Compression::None);
        compressed.into_iter().try_for_each(|how| self.delete(&how.name_of(to)))?;
        self.rename(log, to).map(drop)
    }

    /// Deletes a file if it exists.
    ///
    /// # Errors
    /// It can't be deleted.
    pub(crate) fn delete(&mut self, path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("can't delete", path, &error));
            }
            _ => {}
        }
        if self.compressing.as_deref() == Some(path) {
            self.compressing = None;
        }
        Ok(())
    }
}

/// The files next to `log` named after it, with a suffix that `wanted` accepts: the path and
/// what `wanted` returned.
///
/// # Errors
/// The directory can't be listed.
pub(crate) fn list<T>(log: &Path, wanted: impl Fn(&str) -> Option<T>) -> Result<Vec<(PathBuf, T)>> {
    let base = log.file_name().unwrap_or_default().as_encoded_bytes();
    let directory = log.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let unlisted = |error: io::Error| failed("can't list", directory, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(unlisted)? {
        let name = entry.map_err(unlisted)?.file_name();
        let end = name.as_encoded_bytes().strip_prefix(base);
        let end = end.and_then(|end| end.strip_prefix(b"."));
        let end = end.and_then(|end| std::str::from_utf8(end).ok());
        if let Some(wanted) = end.and_then(&wanted) {
            found.push((log.with_file_name(&name), wanted));
        }
    }
    Ok(found)
}

/// A suffix without the extension that compression added.
pub(crate) fn strip_compression(end: &str) -> &str {
    let compressed = Compression::ALL.into_iter().filter(|how| *how != Compression::None);
    compressed.into_iter().find_map(|how| end.strip_suffix(how.suffix())).unwrap_or(end)
}

fn not_renamed(from: &Path, to: &Path, error: &io::Error) -> Error {
    let [from, to] = [from, to].map(|path| escape(&path.display().to_string()));
    Error::io(format_args!("can't rename {from} to {to}"), error)
        .hint("Records still go to the same file. Check the permissions of its directory.")
}

/// The error for an operation on a replaced file.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("{what} {}", escape(&path.display().to_string())), error).hint(
        "Records still go to the log. Check the permissions and the free space of its directory.",
    )
}

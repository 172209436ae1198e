//! The names of files that were replaced, which change while one of them is being
//! compressed.
//!
//! What may be here: listing, renaming and deleting old files, compressed or not. When,
//! and by which names, is `rotating`'s and `timed`'s.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::compress::Compression;
use zlog_core::error::{Error, Exit, Result};
use zlog_core::text::escape::escape;

/// The names of a log's old files, to be held while any of them changes.
#[derive(Default)]
pub(crate) struct Names {
    /// What the file that is being compressed is called now; `None` for none, or when
    /// it was deleted meanwhile.
    pub(super) under_way: Option<PathBuf>,
}

impl Names {
    /// Renames a file, over what is there. Returns whether there was one.
    ///
    /// # Errors
    /// It can't be renamed.
    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Result<bool> {
        match fs::rename(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(not_renamed(from, to, &error)),
            Ok(()) => {}
        }
        if self.under_way.as_deref() == Some(from) {
            self.under_way = Some(to.to_owned());
        } else if self.under_way.as_deref() == Some(to) {
            self.under_way = None;
        }
        Ok(true)
    }

    /// Renames an old file, compressed or not. Of what had the new name nothing remains.
    ///
    /// # Errors
    /// It can't be renamed, or what had the name can't be deleted.
    pub(crate) fn shift(&mut self, from: &Path, to: &Path) -> Result<()> {
        let exists = |how: &Compression| how.name_of(from).symlink_metadata().is_ok();
        let (here, missing): (Vec<_>, Vec<_>) = Compression::ALL.into_iter().partition(exists);
        if here.is_empty() {
            return Ok(());
        }
        // Deleting comes first: when it fails, the next try finds all as it was. After
        // renaming, it would rename another time.
        missing.into_iter().try_for_each(|how| self.delete(&how.name_of(to)))?;
        here.into_iter()
            .try_for_each(|how| self.rename(&how.name_of(from), &how.name_of(to)).map(drop))
    }

    /// Renames the log itself; as [`Names::shift`].
    ///
    /// # Errors
    /// As [`Names::shift`]'s.
    pub(crate) fn retire(&mut self, log: &Path, to: &Path) -> Result<()> {
        let compressed = Compression::ALL.into_iter().filter(|how| *how != Compression::None);
        compressed.into_iter().try_for_each(|how| self.delete(&how.name_of(to)))?;
        self.rename(log, to).map(drop)
    }

    /// Deletes a file, if it is there.
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
        if self.under_way.as_deref() == Some(path) {
            self.under_way = None;
        }
        Ok(())
    }
}

/// The files beside `log` whose name is the log's, a dot, and an end that `wanted`
/// makes something of.
///
/// # Errors
/// The directory can't be listed.
pub(crate) fn siblings<T>(
    log: &Path,
    wanted: impl Fn(&str) -> Option<T>,
) -> Result<Vec<(PathBuf, T)>> {
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

/// The end of a name without what compression has added to it.
pub(crate) fn bare(end: &str) -> &str {
    let compressed = Compression::ALL.into_iter().filter(|how| *how != Compression::None);
    compressed.into_iter().find_map(|how| end.strip_suffix(how.suffix())).unwrap_or(end)
}

fn not_renamed(from: &Path, to: &Path, error: &io::Error) -> Error {
    let [from, to] = [from, to].map(|path| escape(&path.display().to_string()));
    Error::io(format_args!("can't rename {from} to {to}"), error)
        .hint("Records go on into the file as it is. Check who may write to its directory.")
        .exit_as(Exit::Failed)
}

/// Something about an old file.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("{what} {}", escape(&path.display().to_string())), error)
        .hint("Records go on into the log. Check who may write to its directory, and for room.")
        .exit_as(Exit::Failed)
}

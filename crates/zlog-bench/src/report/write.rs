//! Writes report files atomically.

use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// Replaces `path` with `bytes`: writes a temporary file beside it, then renames it, so
/// that nobody reads half a file. A device, a pipe or a link (`/dev/stdout`) is not replaced:
/// the bytes are written to it.
///
/// # Errors
/// As [`check_writable`], or the disk is full; `path` is unchanged then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if is_special(path) {
        return std::fs::write(path, bytes).map_err(|error| failed(path, &error));
    }
    let mut file = sibling_temp_file(path)?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| failed(path, &error))?;
    file.persist(path).map(drop).map_err(|error| failed(path, &error.error))
}

/// Checks that [`write_whole`] can write there, before minutes are spent on measuring.
///
/// # Errors
/// Its directory can't be written to, or it is a directory itself.
pub fn check_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(failed(path, &io::ErrorKind::IsADirectory.into()));
    }
    if is_special(path) {
        return Ok(());
    }
    sibling_temp_file(path).map(drop)
}

/// Whether `path` is a device, a pipe or a link, which a regular file must not replace.
fn is_special(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|there| !there.is_file())
}

fn sibling_temp_file(path: &Path) -> Result<NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // For a missing directory, the system's error says more than tempfile's.
    std::fs::metadata(directory).map_err(|error| failed(path, &error))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".zlog-bench-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Like any other new file: the umask applies.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory).map_err(|error| failed(path, &error.kind().into()))
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::io(format!("can't write {}", escape(&path.display().to_string())), error)
        .hint("Name a file in a directory that exists and can be written to.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        std::fs::write(&path, "old").unwrap();
        check_writable(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        write_whole(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let directory = tempfile::tempdir().unwrap();
        let (link, target) = (directory.path().join("link"), directory.path().join("report.json"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        check_writable(&link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        write_whole(Path::new("/dev/null"), b"new").unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    }

    #[test]
    fn where_nothing_can_be_written_that_is_known_before() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().join("missing/report.json"), directory.path().to_owned()] {
            let error = check_writable(&path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
            assert!(error.contains("directory"), "{error}");
        }
    }
}

//! The directory of a spool: whose it is, its lock, and the files of its segments.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::room::{lacks_descriptors, lacks_space};
use super::segment::{HEADER_LEN, Header};
use super::{DAMAGED, SUFFIX, Segment, SpoolKind};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// How a file or directory of a spool is made: for nobody else.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// A file with the name of a segment.
pub(super) struct SegmentFile {
    pub(super) index: u64,
    /// `None` if it is damaged.
    pub(super) header: Option<Header>,
    pub(super) len: u64,
}

pub(super) fn path(directory: &Path, index: u64) -> PathBuf {
    directory.join(format!("{index:016}{SUFFIX}"))
}

/// Makes a directory and those above it, and hands their names to the disk.
pub(super) fn make(directory: &Path) -> io::Result<()> {
    let is_new = |it: &&Path| !it.as_os_str().is_empty() && !it.exists();
    let new: Vec<&Path> = directory.ancestors().take_while(is_new).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for parent in new.iter().filter_map(|made| made.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        // This user may be allowed to write there, and not to read.
        if let Ok(parent) = File::open(parent) {
            parent.sync_all()?;
        }
    }
    Ok(())
}

/// The segments in a directory, the oldest first.
pub(super) fn segment_files(directory: &Path) -> io::Result<Vec<SegmentFile>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let index = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
        // Other spellings of a number are not zlog's.
        let Some(index) = index.filter(|index| *path(directory, *index) == *entry.path()) else {
            continue;
        };
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        let metadata = entry.metadata()?;
        if !metadata.is_file() {
            continue;
        }
        // One that can't be read is not damaged: its records are there.
        File::open(entry.path())?.take(HEADER_LEN as u64).read_to_end(&mut bytes)?;
        let header = Header::decode(&bytes);
        segments.push(SegmentFile { index, header, len: metadata.len() });
    }
    segments.sort_unstable_by_key(|segment| segment.index);
    Ok(segments)
}

/// Renames segments whose header is damaged, and deletes those that are empty. Returns the others in
/// the order of their records.
pub(super) fn set_aside(directory: &Path, found: &[SegmentFile]) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::with_capacity(found.len());
    for &SegmentFile { index, header, len } in found {
        match header {
            Some(header) => segments.push(Segment { index, header, len }),
            None if len > 0 => rename_damaged(directory, index)?,
            None => fs::remove_file(path(directory, index))?,
        }
    }
    segments.sort_unstable_by_key(Segment::place);
    Ok(segments)
}

/// Renames a segment, so that nothing deletes it.
pub(super) fn rename_damaged(directory: &Path, index: u64) -> io::Result<()> {
    let file = path(directory, index);
    let mut aside = file.clone().into_os_string();
    aside.push(DAMAGED);
    fs::rename(&file, aside)
}

/// Refuses a directory that is another user's, or to which others may write: they could delete
/// records, and forge them.
pub(super) fn check_access(directory: &Path) -> Result<()> {
    let metadata = fs::metadata(directory).map_err(|error| unusable(directory, &error))?;
    let name = escape(&directory.to_string_lossy());
    if ![0, rustix::process::geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(Error::new(format!("spool {name}: this directory belongs to another user"))
            .hint("Name one of your own."));
    }
    if metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Error::new(format!("spool {name}: others may write to this directory"))
        .hint(format!("Remove their permission: chmod go-w {name}")))
}

/// Locks a directory, and notes whose it is.
pub(super) fn lock(directory: &Path, kind: SpoolKind) -> Result<File> {
    let failed = |error: io::Error| unusable(directory, &error);
    let name = || escape(&directory.to_string_lossy());
    let mut options = private();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(directory.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::new(format!("spool {}: another zlog uses it", name()))
                .hint("Give each process a directory of its own."));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let mut text = String::new();
    (&file).take(64).read_to_string(&mut text).map_err(failed)?;
    match text.trim() {
        "" => file.write_all_at(kind.name().as_bytes(), 0).map_err(failed)?,
        own if own == kind.name() => {}
        other => {
            let known = [SpoolKind::Emitter, SpoolKind::Relay];
            let known = known.into_iter().find(|kind| kind.name() == other);
            let other = known.map_or_else(|| escape(other), |kind| kind.owner().into());
            return Err(Error::new(format!("spool {}: it belongs to {other}", name()))
                .hint("Name another directory."));
        }
    }
    Ok(file)
}

pub(super) fn unusable(directory: &Path, error: &io::Error) -> Error {
    let what = format!("spool {}", escape(&directory.to_string_lossy()));
    let failed = Error::io(what, error);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            failed.hint("The user that runs zlog needs permission to make and write it.")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            failed.hint("Name a directory, or a path where one can be made.")
        }
        _ if lacks_descriptors(error) => failed.hint(
            "Raise the limit on open files: `ulimit -n 4096` in the shell, LimitNOFILE= in a systemd \
             unit.",
        ),
        _ if lacks_space(error) => failed.hint("Free space on its disk, or name another directory."),
        _ => failed,
    }
}

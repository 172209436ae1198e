//! State shared by the handlers of this process that write to one path.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::backups::BackupNames;

/// State shared by all handlers of this process that write to one path.
pub(super) struct Shared {
    /// The name of the compressed file while it is written.
    pub(super) temporary: PathBuf,
    names: Mutex<BackupNames>,
    /// Held by the one thread that compresses.
    pub(super) working: Mutex<()>,
}

impl Shared {
    pub(super) fn new(path: &Path) -> Shared {
        Shared {
            temporary: super::sibling(path, ".compressing"),
            names: Mutex::default(),
            working: Mutex::default(),
        }
    }

    /// The names; nothing else in this process renames files while the guard is held.
    pub(super) fn names(&self) -> MutexGuard<'_, BackupNames> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

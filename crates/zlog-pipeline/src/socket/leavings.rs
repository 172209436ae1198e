//! What bound endpoints leave behind: libzmq keeps the file of an ipc endpoint.
//!
//! What may be here: cleaning up after sockets of this process. What stands at a
//! path before a bind is `attach`'s.

use std::path::PathBuf;

/// Files of bound ipc endpoints, which go with this value. To be dropped after
/// the socket, so that nobody finds a path without its file.
#[derive(Debug, Default)]
pub(super) struct Leavings {
    files: Vec<PathBuf>,
}

impl Leavings {
    /// The files of the endpoints that were really bound. An abstract ipc address
    /// (`@name`) has none.
    pub(super) fn of(bound: &[String]) -> Leavings {
        let paths = bound.iter().filter_map(|endpoint| endpoint.strip_prefix("ipc://"));
        let files = paths.filter(|path| !path.starts_with('@')).map(PathBuf::from);
        Leavings { files: files.collect() }
    }
}

impl Drop for Leavings {
    fn drop(&mut self) {
        for file in &self.files {
            // Gone already is what is wanted.
            let _ = std::fs::remove_file(file);
        }
    }
}

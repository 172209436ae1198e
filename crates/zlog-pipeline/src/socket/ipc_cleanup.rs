//! What bound endpoints leave behind: libzmq keeps the file of an ipc endpoint.
//!
//! What may be here: cleaning up after sockets of this process. What stands at a
//! path before a bind is `attach`'s.

use std::path::{Path, PathBuf};

/// Files of bound ipc endpoints, which go with this value. To be dropped after
/// the socket, so that nobody finds a path without its file.
#[derive(Debug, Default)]
pub(super) struct IpcFiles {
    files: Vec<PathBuf>,
}

impl IpcFiles {
    /// The files of the endpoints that were really bound. An abstract ipc address
    /// (`@name`) has none.
    pub(super) fn of(bound: &[String]) -> IpcFiles {
        let paths = bound.iter().filter_map(|endpoint| endpoint.strip_prefix("ipc://"));
        let files = paths.filter(|path| !path.starts_with('@')).map(PathBuf::from);
        IpcFiles { files: files.collect() }
    }
}

impl Drop for IpcFiles {
    fn drop(&mut self) {
        for file in &self.files {
            // Gone already is what is wanted.
            let _ = std::fs::remove_file(file);
            if let Some(directory) = wildcard_directory(file) {
                // Fails where there is something else in it.
                let _ = std::fs::remove_dir(directory);
            }
        }
    }
}

/// The directory that libzmq has made for `ipc://*`, by mkdtemp. It removes it only where
/// it finds its socket still there.
fn wildcard_directory(file: &Path) -> Option<&Path> {
    let directory = file.parent()?;
    let name = directory.file_name()?.to_str()?;
    let made = file.file_name()? == "socket" && name.len() == 9 && name.starts_with("tmp");
    made.then_some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_libzmqs_goes_and_any_other_stays() {
        let root = tempfile::tempdir().expect("directory");
        for (name, file, goes) in
            [("tmpa1B2c3", "socket", true), ("tmpa1B2c3", "logs", false), ("mine", "socket", false)]
        {
            let directory = root.path().join(name);
            std::fs::create_dir_all(&directory).expect("directory");
            let path = directory.join(file);
            std::fs::write(&path, "").expect("file");
            drop(IpcFiles::of(&[format!("ipc://{}", path.display())]));
            assert_eq!((path.exists(), directory.exists()), (false, !goes), "{name}/{file}");
        }
    }
}

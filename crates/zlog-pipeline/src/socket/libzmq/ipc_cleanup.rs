//! Removes the socket files that libzmq leaves behind when a bound ipc endpoint is closed.

use std::path::{Path, PathBuf};

use crate::socket::endpoint::ipc_path;

/// Files of bound ipc endpoints, removed on drop. Drop it after the socket.
#[derive(Debug, Default)]
pub(super) struct IpcFiles {
    files: Vec<PathBuf>,
}

impl IpcFiles {
    /// The files of bound endpoints. Abstract ipc addresses (`@name`) have none.
    pub(super) fn of(bound: &[String]) -> IpcFiles {
        IpcFiles { files: bound.iter().filter_map(|endpoint| ipc_path(endpoint)).collect() }
    }
}

impl Drop for IpcFiles {
    fn drop(&mut self) {
        for file in &self.files {
            // Fails if the file is already gone.
            let _ = std::fs::remove_file(file);
            if let Some(directory) = wildcard_directory(file) {
                // Fails if the directory holds anything else.
                let _ = std::fs::remove_dir(directory);
            }
        }
    }
}

/// The directory that libzmq creates with mkdtemp for `ipc://*`. libzmq removes it only if
/// its socket file is still there.
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
    fn a_directory_made_by_libzmq_is_removed_and_any_other_stays() {
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

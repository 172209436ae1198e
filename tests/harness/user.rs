//! A user of a machine of their own: the processes of one meet without an option.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use super::{DEADLINE, Zlog, own_address, zlog};

/// A user, who has a runtime directory and a default endpoint.
///
/// Its endpoint is on a loopback address of its own, on which the default port is free.
pub(crate) struct User {
    pub(crate) runtime: tempfile::TempDir,
    pub(crate) default: String,
}

impl User {
    pub(crate) fn new() -> User {
        let runtime = tempfile::tempdir().unwrap();
        User { runtime, default: own_address().replace('*', "12345") }
    }

    /// The environment variables of this user's processes.
    pub(crate) fn variables(&self) -> [(&str, &str); 2] {
        let runtime = self.runtime.path().to_str().unwrap();
        [("XDG_RUNTIME_DIR", runtime), ("ZLOG_ENDPOINT", &self.default)]
    }

    pub(crate) fn zlog(&self, args: &[&str]) -> Zlog {
        self.variables().into_iter().fold(zlog(args), |zlog, (name, value)| zlog.env(name, value))
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.runtime.path().join("zlog")
    }

    /// The names in the run directory.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.directory()).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Waits until there are this many files in the run directory. Each running tail has one.
    #[track_caller]
    pub(crate) fn expect_files(&self, count: usize) {
        let until = Instant::now() + DEADLINE;
        while self.files().len() != count {
            assert!(Instant::now() < until, "{:?}", self.files());
            std::thread::yield_now();
        }
    }

    /// A tail of process 4711, which is registered and does not connect.
    pub(crate) fn stuck_tail(&self) -> Registration {
        self.registration("tail-4711", &format!("default {}\n", self.default))
    }

    /// The file of a running process, with this text.
    pub(crate) fn registration(&self, name: &str, text: &str) -> Registration {
        // It creates the directory.
        self.zlog(&["tail", "--timeout", "1ms"]).run().success();
        let path = self.directory().join(format!("{name}.lock"));
        let mut file = File::create(&path).unwrap();
        file.lock().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Registration { path, _lock: file }
    }

    /// Adds to the file of the tail with this process id.
    pub(crate) fn add_to_registration(&self, tail: u32, text: &str) {
        let path = self.directory().join(format!("tail-{tail}.lock"));
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// See [`User::registration`]. Ends when it is dropped.
pub(crate) struct Registration {
    path: PathBuf,
    _lock: File,
}

impl Registration {
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}

//! Who may read and write records.

mod exposure;
mod keygen;
mod keys;
mod python;
mod relay;
mod units;

use std::path::{Path, PathBuf};

use crate::harness::{Zlog, zlog};

/// A machine with keys of its own.
struct Machine(tempfile::TempDir);

impl Machine {
    /// A machine without a key.
    fn without_key() -> Machine {
        Machine(tempfile::tempdir().unwrap())
    }

    /// A machine with a key of this name.
    fn named(name: &str) -> Machine {
        let machine = Machine::without_key();
        machine.keygen(&["--name", name]);
        machine
    }

    /// A `zlog` on this machine.
    fn zlog(&self, args: &[&str]) -> Zlog {
        zlog(args).env("ZLOG_KEYS", self.path().to_str().unwrap())
    }

    /// Runs `zlog keygen`. Returns what it prints.
    #[track_caller]
    fn keygen(&self, args: &[&str]) -> String {
        self.zlog(&["keygen"]).args(args).run().success().out()
    }

    /// The directory of its keys.
    fn path(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    /// The file that other machines trust.
    fn public(&self) -> String {
        text(self.path().join("machine.pub"))
    }
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}

/// The secret key in a file.
fn secret_of(path: &Path) -> String {
    let file = std::fs::read_to_string(path).unwrap();
    let line = file.lines().find(|line| line.trim().starts_with("secret-key")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

//! Peers of other libraries, in processes of their own: PyZMQ, pyomq, and npm's zeromq.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The versions that the tests install below `target/tmp`, once.
const PYTHON: [&str; 2] = ["pyzmq==27.3.0", "pyomq==0.21.0"];
const NODE: &str = "zeromq@6.8.0";

/// A library that a peer uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Library {
    PyZmq,
    PyOmq,
    Node,
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The directory `name`, which `install` has filled now or in an earlier run.
fn installed(
    name: &str,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let said = |error: std::io::Error| format!("{}: {error}", directory.display());
    fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).map_err(said)?;
    // Serializes concurrent runs of the tests.
    let lock = File::create(directory.with_extension("lock")).map_err(said)?;
    lock.lock().map_err(said)?;
    // Written last: it is missing after an interrupted installation.
    let complete = directory.join("complete");
    if !complete.exists() {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).map_err(said)?;
        install(&directory)?;
        fs::write(&complete, "").map_err(said)?;
    }
    Ok(directory)
}

impl Library {
    fn install(self) -> Result<PathBuf, String> {
        match self {
            Library::PyZmq | Library::PyOmq => installed("zmtp-python-1", |directory| {
                run(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
                let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
                run(Command::new(directory.join("bin/python")).args(pip).args(PYTHON))
            }),
            Library::Node => installed("zmtp-node-1", |directory| {
                let npm = ["install", "--no-audit", "--no-fund", "--prefix"];
                run(Command::new("npm").args(npm).arg(directory).arg(NODE))
            }),
        }
    }

    /// Starts a peer. `None`, and a message, where it can't be installed. With `CI=true` only Node.js
    /// may be missing.
    pub(crate) fn start(self) -> Option<Peer> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        let directory = match self.install() {
            Ok(directory) => directory,
            Err(why) => {
                let has_node = Command::new("node").arg("--version").output().is_ok();
                let must_be_there = std::env::var("CI").is_ok_and(|ci| ci == "true")
                    && (self != Library::Node || has_node);
                assert!(!must_be_there, "{self:?}: {why}");
                println!("left out: {self:?}: {why}");
                return None;
            }
        };
        let mut command = match self {
            Library::Node => {
                let mut command = Command::new("node");
                command.arg(scripts.join("peer.mjs")).arg(directory);
                command
            }
            Library::PyZmq | Library::PyOmq => {
                let mut command = Command::new(directory.join("bin/python"));
                let module = if self == Library::PyZmq { "zmq" } else { "pyomq" };
                command.arg(scripts.join("peer.py")).arg(module);
                command
            }
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let input = child.stdin.take().expect("an input");
        let output = BufReader::new(child.stdout.take().expect("an output"));
        Some(Peer { child, input, output })
    }
}

/// A peer that obeys commands.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Gives a command. Returns the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").expect("a peer that runs");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("an answer");
        assert!(answer.ends_with('\n'), "no answer to {}", &command[..command.len().min(80)]);
        answer.trim_end().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

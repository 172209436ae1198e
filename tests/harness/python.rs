//! Python with the peers of `zlog`: PyZMQ and Logbook.
//!
//! The tests install them once, in a virtual environment below `target/tmp`, in the versions
//! of `data/requirements.txt`. Where that fails, a test that needs them reports so and passes;
//! under `CI=true` it fails.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};

use super::clear_environment;
use super::peer::left_out;
use super::running::{Input, Running};

/// The peers and their versions.
const REQUIREMENTS: &str = include_str!("../data/requirements.txt");

/// A Python that has the peers.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// The interpreter.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts `tests/data/peers/<name>.py`, its stdin open.
    #[track_caller]
    pub(crate) fn script(&self, name: &str, args: &[&str]) -> Running {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/peers").join(name);
        let mut command = self.command();
        command.arg(script.with_extension("py")).args(args);
        Running::start(command, Input::Open)
    }

    /// Starts `python -m <name>`.
    #[track_caller]
    pub(crate) fn module(&self, name: &str, args: &[&str]) -> Running {
        let mut command = self.command();
        command.args(["-m", name]).args(args);
        Running::start(command, Input::Empty)
    }

    /// A command that runs this interpreter.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        clear_environment(&mut command);
        // Unbuffered, so that lines are seen when printed; no bytecode next to the sources.
        command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// Python with the peers; `None`, and a message on standard error, where they can't be
/// installed.
#[track_caller]
pub(crate) fn python() -> Option<Python> {
    static PYTHON: OnceLock<Result<Python, String>> = OnceLock::new();
    match PYTHON.get_or_init(|| install("python3".as_ref(), REQUIREMENTS)) {
        Ok(python) => Some(python.clone()),
        Err(why) => left_out("Python with its peers", why),
    }
}

/// Creates an environment of `interpreter` with `requirements`, or finds that of an earlier run.
pub(crate) fn install(interpreter: &Path, requirements: &str) -> Result<Python, String> {
    let directory = directory(interpreter, requirements);
    let said = |error: std::io::Error| format!("{}: {error}", directory.display());
    fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).map_err(said)?;
    // Serializes concurrent runs of the tests.
    let lock = File::create(directory.with_extension("lock")).map_err(said)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| said(error.into()))?;
    let python = Python { program: directory.join("bin/python") };
    // Written last: it is missing after an interrupted installation.
    let complete = directory.join("complete");
    if complete.exists() {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&directory);
    run(Command::new(interpreter).args(["-m", "venv"]).arg(&directory))?;
    let list = directory.join("requirements.txt");
    fs::write(&list, requirements).map_err(said)?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&python.program).args(pip).arg(&list))?;
    fs::write(&complete, "").map_err(said)?;
    Ok(python)
}

/// One environment per interpreter and list of requirements.
fn directory(interpreter: &Path, requirements: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (interpreter, requirements).hash(&mut hasher);
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("peers-{:016x}", hasher.finish()))
}

/// Runs a step of the installation with the caller's environment, which may contain the
/// package index.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&said)))
}

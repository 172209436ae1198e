//! Finds a Python interpreter and checks for PyZMQ.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::target::PythonHandler;
use zlog_core::text::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::os::fd_limit;

/// Prints the versions; without PyZMQ the second line says why.
const PROBE: &str = "\
import platform
print(platform.python_version())
try:
    import zmq, zmq.log.handlers
    print('pyzmq', zmq.__version__)
except Exception as error:
    print(f'{type(error).__name__}: {error}')
";

/// The next step if there is none.
const HINT: &str = "--python names one: --python .venv/bin/python";

/// A Python interpreter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Python {
    program: PathBuf,
    version: String,
    pyzmq: Module,
}

/// PyZMQ's version, or why it can't be used.
type Module = std::result::Result<String, String>;

impl Python {
    /// Finds the interpreter at `path`, or `python3` on the search path.
    ///
    /// # Errors
    /// There is none, or it does not run.
    pub fn find(path: Option<&Path>) -> Result<Python> {
        let program = path.unwrap_or(Path::new("python3")).to_owned();
        let shown = escape::escape(&program.display().to_string());
        let mut command = Command::new(&program);
        command.args(["-c", PROBE]).stdin(Stdio::null());
        fd_limit::restore_inherited(&mut command);
        let output = command.output().map_err(|error| {
            Error::io(format!("no Python to compare with: {shown}"), &error).hint(HINT)
        })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let (Some(version), Some(pyzmq)) = (said.lines().next(), said.lines().nth(1)) else {
            let why = String::from_utf8_lossy(&output.stderr);
            let why = escape::escape(why.lines().last().unwrap_or("it printed nothing"));
            return Err(Error::new(format!("can't compare with Python {shown}: {why}")).hint(HINT));
        };
        let pyzmq = match pyzmq.strip_prefix("pyzmq ") {
            Some(version) => Ok(escape::escape(version)),
            None => Err(escape::escape(pyzmq)),
        };
        let version = escape::escape(version);
        Ok(Python { program, version, pyzmq })
    }

    /// The interpreter's path.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The handlers that it can run: `PUBHandler` needs PyZMQ.
    pub fn handlers(&self) -> &'static [PythonHandler] {
        let (all, own) = (&PythonHandler::ALL, &PythonHandler::OWN);
        if self.pyzmq.is_ok() { all } else { own }
    }

    /// The handlers that it can't run, why, and the next step.
    pub fn missing(&self) -> Option<String> {
        let why = self.pyzmq.as_ref().err()?;
        let (program, name) = (self.program.display(), PythonHandler::Pub.name());
        let program = escape::escape(&program.to_string());
        Some(format!(
            "{program} has no PyZMQ, so {name} is not measured: {why}\n  \
             Install pyzmq for it, or name another one: --python .venv/bin/python"
        ))
    }
}

/// The versions.
impl std::fmt::Display for Python {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Python {}", self.version)?;
        match &self.pyzmq {
            Ok(version) => write!(f, " with PyZMQ {version}"),
            Err(_) => write!(f, " without PyZMQ"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_python_the_error_names_what_was_looked_for_and_the_next_step() {
        let error = Python::find(Some(Path::new("/nonexistent/python3"))).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/python3: no such file"), "{error}");
        assert!(error.contains("--python"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_python_is_not_taken_for_one() {
        let error = Python::find(Some(Path::new("/bin/false"))).unwrap_err().to_string();
        assert!(error.contains("/bin/false"), "{error}");
    }
}

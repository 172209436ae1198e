//! `zlog bench --compare-python`: finds Python, and reports what it can measure.

use std::path::Path;

use zlog_bench::python::Python;
use zlog_pipeline::os::terminal;

/// Finds Python. Without Python or PyZMQ, prints why; the rest is still measured.
pub(super) fn find(path: Option<&Path>) -> Option<Python> {
    let python = match Python::find(path) {
        Ok(python) => python,
        Err(error) => {
            terminal::eprint_line(format_args!("zlog bench: {error}"));
            return None;
        }
    };
    terminal::eprint_line(format_args!("zlog bench: compared with {python}"));
    if let Some(why) = python.missing() {
        terminal::eprint_line(format_args!("zlog bench: {why}"));
    }
    Some(python)
}

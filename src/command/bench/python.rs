//! `zlog bench --compare-python`: which Python, and what can be measured with it.

use std::path::Path;

use zlog_bench::python::Python;
use zlog_pipeline::os::terminal;

/// Finds it. Where there is no Python, or it has no PyZMQ, that is said, and the rest
/// goes on.
pub(super) fn find(path: Option<&Path>) -> Option<Python> {
    let python = match Python::find(path) {
        Ok(python) => python,
        Err(error) => {
            terminal::tell(format_args!("zlog bench: {error}"));
            return None;
        }
    };
    terminal::tell(format_args!("zlog bench: compared with {python}"));
    if let Some(why) = python.lacks() {
        terminal::tell(format_args!("zlog bench: {why}"));
    }
    Some(python)
}

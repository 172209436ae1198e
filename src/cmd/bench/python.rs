//! `zlog bench --compare-python`: finds Python, and reports what it can measure.

use std::path::Path;

use crate::bench::python::Python;
use crate::term;

/// Finds Python. Without Python or PyZMQ, prints why; the rest is still measured.
pub(super) fn find(path: Option<&Path>) -> Option<Python> {
    let python = match Python::find(path) {
        Ok(python) => python,
        Err(error) => {
            term::tell(format_args!("zlog bench: {error}"));
            return None;
        }
    };
    term::tell(format_args!("zlog bench: compared with {python}"));
    if let Some(why) = python.missing() {
        term::tell(format_args!("zlog bench: {why}"));
    }
    Some(python)
}

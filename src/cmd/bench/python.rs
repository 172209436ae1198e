//! `zlog bench --compare-python`: which Python, and what can be measured with it.

use std::path::Path;

use crate::bench::python::Python;
use crate::term;

/// Finds it. Where there is no Python, or it has no PyZMQ, that is said, and the rest
/// goes on.
pub(super) fn find(path: Option<&Path>) -> Option<Python> {
    let python = match Python::find(path) {
        Ok(python) => python,
        Err(error) => {
            term::tell(format_args!("zlog bench: {error}"));
            return None;
        }
    };
    term::tell(format_args!("zlog bench: compared with {python}"));
    if let Some(why) = python.lacks() {
        term::tell(format_args!("zlog bench: {why}"));
    }
    Some(python)
}

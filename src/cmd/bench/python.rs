//! `zlog bench --compare-python`: which Python, and what it brings to the report.

use std::path::Path;

use super::pipeline::progress;
use super::plan::Plan;
use crate::bench::python::{self, Python};
use crate::bench::rounds::Series;
use crate::signal::Stop;
use crate::term;

/// Measures Python's handlers. Where there is no Python, or it has no PyZMQ, that is
/// said, and the rest goes on.
pub(super) fn measure(path: Option<&Path>, plan: &Plan, stop: &Stop) -> Vec<Series> {
    let python = match Python::find(path) {
        Ok(python) => python,
        Err(error) => {
            term::tell(format_args!("zlog bench: {error}"));
            return Vec::new();
        }
    };
    term::tell(format_args!("zlog bench: compared with {python}"));
    if let Some(why) = python.lacks() {
        term::tell(format_args!("zlog bench: {why}"));
    }
    let runs = plan.settings.runs;
    let bar = progress(runs * python.handlers().len());
    let stop = || stop.requested();
    let mut before = |handler: python::PythonHandler, round: usize| {
        bar.set_message(format!("round {} of {runs}: {}", round + 1, handler.name()));
        bar.inc(1);
    };
    let series = python::run(&python, runs, &plan.job, &plan.directory, &stop, &mut before);
    bar.finish_and_clear();
    series
}

//! Progress: a line on a terminal, nothing in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use zlog_pipeline::os::terminal;

/// The progress line.
pub(super) struct Progress {
    bar: ProgressBar,
    runs: usize,
}

impl Progress {
    /// Creates a line for `things` measured `runs` times each. It is shown if stderr is a
    /// terminal.
    pub(super) fn new(things: usize, runs: usize) -> Progress {
        let shown = terminal::stderr_is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some((things * runs) as u64), target);
        if let Ok(style) =
            ProgressStyle::with_template("{wide_bar} {msg}  {elapsed} of ~{duration}")
        {
            bar.set_style(style);
        }
        if shown {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar, runs }
    }

    /// Shows what is measured now, in which round (from 0), and how many runs are done.
    pub(super) fn show(&self, what: &str, round: usize, done: usize) {
        self.bar.set_position(done as u64);
        self.bar.set_message(format!("round {} of {}: {what}", round + 1, self.runs));
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

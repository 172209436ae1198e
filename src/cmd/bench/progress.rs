//! How far a bench has come: a line on a terminal, nothing in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::bench::subject::Subject;
use crate::term;

/// The line.
pub(super) struct Progress {
    bar: ProgressBar,
    subjects: usize,
    runs: usize,
    done: std::cell::Cell<u64>,
}

impl Progress {
    /// Shown when stderr is a terminal.
    pub(super) fn new(subjects: usize, runs: usize) -> Progress {
        let shown = term::stderr_is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some((subjects * runs) as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg}  {elapsed}") {
            bar.set_style(style);
        }
        if shown {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar, subjects, runs, done: std::cell::Cell::new(0) }
    }

    /// Says what is measured now.
    pub(super) fn show(&self, subject: Subject, round: usize) {
        // Handlers that have failed are not measured again: a round may be shorter.
        let least = (round * self.subjects) as u64;
        let done = self.done.get().max(least);
        self.done.set(done + 1);
        self.bar.set_position(done);
        self.bar.set_message(format!("round {} of {}: {}", round + 1, self.runs, subject.name()));
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

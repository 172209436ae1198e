//! The terminal while the screen is shown: entered, and left however the command ends.

use std::io;
use std::panic;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use zlog_core::{Error, Result};
use zlog_pipeline::os::terminal::Stdout;

/// A terminal that shows another screen, without echo. Dropping it shows what was there before.
pub(super) struct Session {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Session {
    /// Enters the other screen.
    ///
    /// # Errors
    /// The terminal refuses.
    pub(super) fn enter() -> Result<Session> {
        let failed = |error: &io::Error| Error::io("can't use the terminal", error);
        enable_raw_mode().map_err(|error| failed(&error))?;
        leave_before_panic();
        let entered = execute!(Stdout::new(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(Stdout::new())));
        match entered {
            Ok(terminal) => Ok(Session { terminal }),
            Err(error) => {
                leave();
                Err(failed(&error))
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        leave();
        if !std::thread::panicking() {
            // Back to the default one, which only reports.
            drop(panic::take_hook());
        }
    }
}

fn leave() {
    // What fails here can't be repaired, and the other steps may do.
    let _ = execute!(Stdout::new(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Leaves the other screen before a panic is reported, in any thread: on it, nobody would see the
/// report.
fn leave_before_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        leave();
        report(info);
    }));
}

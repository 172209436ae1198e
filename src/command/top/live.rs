//! The loop of the screen: keys, and some ten pictures a second.

use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEvent};
use ratatui::crossterm::style::force_color_output;

use super::Opened;
use super::reader::Shared;
use super::screen::{Action, Screen};
use super::session::Session;
use super::view::{Theme, draw};
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::signal::{self, ShutdownSignal};
use zlog_pipeline::os::terminal::{self, StdinState};

/// Time between two pictures.
const FRAME: Duration = Duration::from_millis(100);
/// The number of SIGINT, which Ctrl-C does not send while this command reads keys.
const SIGINT: u8 = 2;

/// Shows the stream until a key or a signal ends it.
pub(super) fn run(opened: &Opened, shared: &Shared, stop: &ShutdownSignal) -> Result<Exit> {
    let theme = Theme { color: opened.args.color.for_stdout() };
    // The theme has decided: crossterm alone would follow NO_COLOR in spite of `--color always`.
    force_color_output(theme.color);
    let mut screen = Screen::new(opened.title.clone());
    let mut session = Session::enter()?;
    let mut drawn = None;
    loop {
        if stop.requested() {
            return Ok(Exit::Done);
        }
        shared.check()?;
        // A picture in which nothing has changed costs the terminal a few bytes all the same.
        let now = state(shared);
        if drawn != Some(now) {
            picture(&mut session, shared, &mut screen, theme)?;
            drawn = Some(now);
        }
        match wait_for_key(shared, &mut screen, stop)? {
            Wait::Over => {}
            Wait::Key(Action::None) => drawn = None,
            Wait::Key(Action::Quit) => return Ok(Exit::Done),
            Wait::Key(Action::Interrupt) => return Ok(Exit::Signal(SIGINT)),
            Wait::Key(Action::Suspend) => {
                drop(session);
                signal::suspend().map_err(|error| Error::io("can't suspend", &error))?;
                session = Session::enter()?;
                drawn = None;
            }
        }
    }
}

/// What has come of waiting for a key.
enum Wait {
    /// The next picture is due.
    Over,
    Key(Action),
}

/// What changes a picture without a key: records, and the clock.
fn state(shared: &Shared) -> (u64, u64) {
    let mut model = shared.model();
    model.set_time(Instant::now());
    (model.total.records, model.elapsed().as_secs())
}

/// Draws. The model is held while the picture is made, and not while it is written.
fn picture(
    session: &mut Session,
    shared: &Shared,
    screen: &mut Screen,
    theme: Theme,
) -> Result<()> {
    let drawn = session.terminal.draw(|frame| {
        let mut model = shared.model();
        model.set_time(Instant::now());
        draw(frame, &model, screen, theme);
    });
    drawn.map(drop).map_err(|error| terminal::output_error(&error))
}

/// Waits for a key until the next picture is due. After a key, it is due at once: the next key may
/// be for what it shows.
fn wait_for_key(shared: &Shared, screen: &mut Screen, stop: &ShutdownSignal) -> Result<Wait> {
    let failed = |error: std::io::Error| Error::io("can't read keys", &error);
    // The first round is for what crossterm has read before.
    for wait in [Duration::ZERO, FRAME] {
        // crossterm reads for ever from a terminal that is gone, so it does not wait itself.
        if terminal::wait_for_stdin(wait)? == StdinState::HungUp {
            return Ok(Wait::Key(Action::Quit));
        }
        if stop.requested() {
            break;
        }
        if event::poll(Duration::ZERO).map_err(failed)? {
            return Ok(Wait::Key(match event::read().map_err(failed)? {
                Event::Key(key) => take_key(key, shared, screen),
                _ => Action::None,
            }));
        }
    }
    Ok(Wait::Over)
}

fn take_key(key: KeyEvent, shared: &Shared, screen: &mut Screen) -> Action {
    let mut model = shared.model();
    let action = screen.key(key, &mut model);
    model.watch(screen.watched());
    action
}

//! The styles of the screen. Without colour, they only make text bold or reverse it.

use ratatui::style::{Color, Modifier, Style};

use zlog_core::Level;

/// With or without colour. Levels have the colours that `tail` gives them.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Theme {
    pub(in super::super) color: bool,
}

impl Theme {
    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    pub(super) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn spark(self) -> Style {
        self.colored(Color::Cyan)
    }

    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn error(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// The style of a level.
    pub(super) fn level(self, level: Option<Level>) -> Style {
        match level {
            Some(level) if level >= Level::CRITICAL => match self.color {
                true => Style::new().fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
                false => self.bold(),
            },
            Some(level) if level >= Level::ERROR => self.colored(Color::Red),
            Some(level) if level >= Level::WARNING => self.colored(Color::Yellow),
            Some(level) if level >= Level::INFO => self.colored(Color::Green),
            Some(level) if level >= Level::DEBUG => self.colored(Color::Cyan),
            _ => self.plain(),
        }
    }

    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }
}

//! Colours, shared by several formats.

use owo_colors::Style;

use crate::level::Level;

/// A style as the bytes that switch it on; empty without colour.
pub(super) struct Paint(Vec<u8>);

/// Ends all styles.
pub(super) const RESET: &[u8] = b"\x1b[0m";

impl Paint {
    pub(super) fn new(color: bool, style: Style) -> Paint {
        let prefix = if color { style.prefix_formatter().to_string() } else { String::new() };
        Paint(prefix.into_bytes())
    }

    /// Appends the output of `write` in this style.
    pub(super) fn over<T>(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        out.extend_from_slice(&self.0);
        let result = write(out);
        if !self.0.is_empty() {
            out.extend_from_slice(RESET);
        }
        result
    }

    /// Whether it changes nothing.
    pub(super) fn is_plain(&self) -> bool {
        self.0.is_empty()
    }
}

/// The styles of one output.
pub(super) struct Palette {
    /// For each level of [`Level::NAMED`].
    levels: [Paint; 5],
    /// For text without a style.
    pub(super) plain: Paint,
    /// For text beside the message.
    pub(super) dim: Paint,
    /// For faults of records.
    pub(super) fault: Paint,
    /// For sources, in the order in which they appear.
    sources: [Paint; 6],
}

impl Palette {
    pub(super) fn new(color: bool) -> Palette {
        let style = Style::new;
        Palette {
            levels: [
                style().cyan(),
                style().green(),
                style().yellow(),
                style().red(),
                style().white().on_red().bold(),
            ]
            .map(|style| Paint::new(color, style)),
            plain: Paint::new(false, style()),
            dim: Paint::new(color, style().dimmed()),
            fault: Paint::new(color, style().black().on_yellow()),
            sources: [
                style().magenta(),
                style().bright_cyan(),
                style().bright_blue(),
                style().bright_magenta(),
                style().cyan(),
                style().blue(),
            ]
            .map(|style| Paint::new(color, style)),
        }
    }

    /// The style of the source with this number.
    pub(super) fn source(&self, number: usize) -> &Paint {
        &self.sources[number % self.sources.len()]
    }

    /// The style of a level. Custom levels have the style of the named level below them,
    /// levels below DEBUG that of DEBUG.
    pub(super) fn level(&self, level: Level) -> &Paint {
        if level == Level::NOTSET {
            return &self.plain;
        }
        let band = Level::NAMED.iter().rposition(|&named| named <= level).unwrap_or(0);
        &self.levels[band]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_level_takes_the_style_of_the_named_one_below() {
        let palette = Palette::new(true);
        let style = |level| &palette.level(Level(level)).0;
        assert_eq!(style(35), style(30));
        assert_eq!(style(5), style(10));
        assert_eq!(style(99), style(50));
        assert_ne!(style(40), style(50));
        assert!(style(0).is_empty());
    }
}

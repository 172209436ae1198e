//! PHP's uncaught exceptions, and stack traces that frameworks log.

use super::{Step, Trace, more_text};
use Step::{Maybe, Not, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The exception, and further lines of its message.
    Heading(u8),
    /// A chained exception, and further lines of its message.
    Next(u8),
    /// `Stack trace:`, or a frame.
    Frames,
    /// An empty line before a chained exception.
    Gap,
    /// Where the exception was thrown.
    Done,
}

fn trace(state: State) -> Trace {
    Trace::Php(state)
}

pub(super) fn begins(line: &str) -> Option<Step> {
    if !line.starts_with(['P', 'F', 'S', '[', '#']) {
        None
    } else if is_uncaught(line) {
        Some(Part(trace(State::Heading(0))))
    } else {
        let is_start = matches!(line, "Stack trace:" | "[stacktrace]") || is_frame(line);
        is_start.then_some(Part(trace(State::Frames)))
    }
}

/// `PHP Fatal error:  Uncaught Exception: text in /app/main.php:3`
pub(super) fn is_uncaught(line: &str) -> bool {
    let rest = line.strip_prefix("PHP ").unwrap_or(line).strip_prefix("Fatal error:");
    rest.is_some_and(|rest| rest.trim_start().starts_with("Uncaught "))
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        match self {
            State::Heading(_) | State::Next(_) if line == "Stack trace:" => {
                Part(trace(State::Frames))
            }
            State::Heading(lines) => more_text(lines, |lines| trace(State::Heading(lines))),
            State::Next(lines) => more_text(lines, |lines| trace(State::Next(lines))),
            State::Frames if is_frame(line) => Part(trace(State::Frames)),
            State::Frames if line.starts_with("  thrown in ") => Part(trace(State::Done)),
            // The end of Laravel's and Monolog's context.
            State::Frames if line.starts_with("\"}") => Part(trace(State::Done)),
            State::Frames if line.is_empty() => Maybe(trace(State::Gap)),
            State::Frames | State::Gap if line.starts_with("Next ") => Part(trace(State::Next(0))),
            State::Frames | State::Gap | State::Done => Not,
        }
    }

    pub(super) fn is_heading(self) -> bool {
        matches!(self, State::Heading(_))
    }
}

/// `#0 /app/main.php(6): f()`, `#1 {main}`
fn is_frame(line: &str) -> bool {
    let Some(rest) = line.strip_prefix('#') else { return false };
    let number = rest.bytes().take_while(u8::is_ascii_digit).count();
    let call = &rest[number..];
    number > 0
        && (call == " {main}" || call.starts_with(" [internal function]: ") || call.contains("): "))
}

//! Go's panics, fatal errors and data races.

use super::{Step, Trace, is_indented, more_text};
use Step::{Maybe, Not, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The message. The goroutines come next.
    Message(u8),
    /// An empty line after the message.
    MessageGap(u8),
    /// A goroutine's frames.
    Frames,
    /// An empty line before the next goroutine.
    Gap,
    /// The line above a race.
    Rule,
    /// A race, until the next such line.
    Race,
    /// The exit status.
    Done,
}

fn trace(state: State) -> Trace {
    Trace::Go(state)
}

const RACE: &str = "WARNING: DATA RACE";

pub(super) fn begins(line: &str) -> Option<Step> {
    const CERTAIN: [&str; 5] = [
        "panic: ",
        "fatal error: ",
        "SIGQUIT: quit",
        "SIGABRT: abort",
        "SIGSEGV: segmentation violation",
    ];
    const MAYBE: [&str; 2] = ["runtime: ", "unexpected fault address "];
    let starts = |it: &&str| line.starts_with(*it);
    if CERTAIN.iter().any(starts) {
        Some(Part(trace(State::Message(0))))
    } else if is_goroutine(line) {
        Some(Part(trace(State::Frames)))
    } else if MAYBE.iter().any(starts) {
        Some(Maybe(trace(State::Message(0))))
    } else if is_race(line) {
        Some(Part(trace(State::Race)))
    } else {
        is_rule(line).then_some(Maybe(trace(State::Rule)))
    }
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        match self {
            State::Rule if is_race(line) => Part(trace(State::Race)),
            State::Rule => super::native::begins(line).unwrap_or(Not),
            State::Race if is_rule(line) => Part(trace(State::Done)),
            State::Race if is_indented(line) || line.ends_with(':') => Part(trace(State::Race)),
            State::Race if line.is_empty() => Maybe(trace(State::Race)),
            State::Race | State::Done => Not,
            _ if is_goroutine(line) => Part(trace(State::Frames)),
            _ if line.starts_with("exit status ") => Part(trace(State::Done)),
            State::Gap if is_register(line) => Part(trace(State::Frames)),
            State::Gap => Not,
            State::Message(lines) if line.is_empty() => Maybe(trace(State::MessageGap(lines))),
            State::Message(_)
                if line.trim_start().starts_with("panic: ") || line.starts_with("[signal ") =>
            {
                Part(trace(self))
            }
            State::Message(lines) | State::MessageGap(lines) => {
                more_text(lines, |lines| trace(State::Message(lines)))
            }
            State::Frames if line.is_empty() => Maybe(trace(State::Gap)),
            State::Frames if is_frame(line) => Part(trace(State::Frames)),
            State::Frames => Not,
        }
    }

    pub(super) fn is_heading(self) -> bool {
        matches!(self, State::Message(_))
    }
}

/// `goroutine 1 [running]:`
fn is_goroutine(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("goroutine ") else { return line == "runtime stack:" };
    rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(" [") && rest.ends_with("]:")
}

/// A function, its location, its creator, or a register.
fn is_frame(line: &str) -> bool {
    let called =
        || line.ends_with(')') && line.find('(').is_some_and(|open| !line[..open].contains(' '));
    line.starts_with('\t')
        || line.starts_with("created by ")
        || line.starts_with("...additional frames elided...")
        || called()
        || is_register(line)
}

/// `rip    0x46a1e1`, as Go's runtime prints after a signal.
fn is_register(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (name, value, end) = (words.next(), words.next(), words.next());
    name.is_some_and(|name| name.len() <= 6)
        && value.is_some_and(|value| value.starts_with("0x"))
        && end.is_none()
}

/// Go's heading, and that of ThreadSanitizer.
pub(super) fn is_race(line: &str) -> bool {
    line == RACE || line.starts_with("WARNING: ThreadSanitizer: ")
}

/// The line above and below a race, or above the report of a sanitizer.
pub(super) fn is_rule(line: &str) -> bool {
    line.len() >= 18 && line.bytes().all(|byte| byte == b'=')
}

//! Rust's panics, and the causes of errors as anyhow and eyre print them.

use super::{Step, Trace, is_indented, more_text};
use Step::{Maybe, Not, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The first line of a panic. Its message comes next.
    Panic,
    /// The message.
    Message(u8),
    /// The backtrace, or a note.
    Backtrace,
    /// The causes of an error, or the location after them.
    Causes,
    /// An empty line after the causes.
    Gap,
}

fn trace(state: State) -> Trace {
    Trace::Rust(state)
}

pub(super) fn begins(line: &str) -> Option<Step> {
    if line == "Caused by:" {
        return Some(Part(trace(State::Causes)));
    }
    if is_backtrace(line) {
        return Some(Part(trace(State::Backtrace)));
    }
    // Until Rust 1.72, the first line contained the message.
    let state = if line.ends_with(':') { State::Panic } else { State::Message(0) };
    is_panic(line).then_some(Part(trace(state)))
}

/// `thread 'main' panicked at src/main.rs:2:5:`, `thread 'main' has overflowed its stack`
pub(super) fn is_panic(line: &str) -> bool {
    line.starts_with("thread '")
        && (line.contains(" panicked at ") || line.ends_with(" has overflowed its stack"))
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        match self {
            State::Panic => Part(trace(State::Message(0))),
            _ if is_note(line) => Part(trace(State::Backtrace)),
            State::Gap if line == "Location:" => Part(trace(State::Causes)),
            State::Causes if line.is_empty() => Maybe(trace(State::Gap)),
            State::Message(_) | State::Backtrace | State::Causes if is_indented(line) => {
                Part(trace(self))
            }
            State::Message(lines) => more_text(lines, |lines| trace(State::Message(lines))),
            State::Backtrace | State::Causes | State::Gap => Not,
        }
    }

    pub(super) fn is_heading(self) -> bool {
        matches!(self, State::Panic | State::Message(_))
    }
}

fn is_note(line: &str) -> bool {
    line.starts_with("note: ") || is_backtrace(line)
}

fn is_backtrace(line: &str) -> bool {
    line == "stack backtrace:" || line == "Stack backtrace:"
}

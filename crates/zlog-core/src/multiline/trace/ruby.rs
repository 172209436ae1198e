//! Ruby's exceptions, as the interpreter and `Logger` print them.

use memchr::memchr_iter;

use super::{Step, Trace, is_carets, is_indented, more_text};
use Step::{Maybe, Not, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The exception, and further lines of its message.
    Heading(u8),
    /// A cause, and further lines of its message.
    Cause(u8),
    /// A frame.
    Frames,
}

fn trace(state: State) -> Trace {
    Trace::Ruby(state)
}

pub(super) fn begins(line: &str) -> Option<Step> {
    let step = match after_frame(line.strip_prefix("\tfrom ").unwrap_or(line))? {
        "" => Part(trace(State::Frames)),
        _ if is_uncaught(line) => Part(trace(State::Heading(0))),
        _ => Maybe(trace(State::Heading(0))),
    };
    Some(step)
}

/// ``main.rb:2:in `f': text (RuntimeError)``; without a text, `unhandled exception`
pub(super) fn is_uncaught(line: &str) -> bool {
    let message = after_frame(line).and_then(|rest| rest.strip_prefix(": "));
    message.is_some_and(|message| {
        message == "unhandled exception" || (message.ends_with(')') && message.contains('('))
    })
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        let frame = line.strip_prefix("\tfrom ").unwrap_or(line);
        let is_omission = line.starts_with("\t ... ") && line.ends_with(" levels...");
        match (after_frame(frame), self) {
            (Some(""), _) => Part(trace(State::Frames)),
            _ if is_omission => Part(trace(State::Frames)),
            // The source line, marked.
            (None, State::Heading(_)) if is_carets(line) => Part(trace(self)),
            (Some(_), State::Frames) => Part(trace(State::Cause(0))),
            (Some(_), _) => Not,
            (None, State::Heading(lines)) => more_text(lines, |lines| trace(State::Heading(lines))),
            (None, State::Cause(lines)) => more_text(lines, |lines| trace(State::Cause(lines))),
            (None, State::Frames) => Not,
        }
    }

    pub(super) fn is_heading(self) -> bool {
        matches!(self, State::Heading(_))
    }
}

/// What follows ``main.rb:2:in `f'`` (since Ruby 3.4, `main.rb:2:in 'f'`).
fn after_frame(line: &str) -> Option<&str> {
    // Most lines have few colons, and those are found faster than a text.
    let bytes = line.as_bytes();
    let at = memchr_iter(b':', bytes).find(|at| bytes[at + 1..].starts_with(b"in "))?;
    let (location, method) = (&line[..at], &line[at + 4..]);
    let number = location.rsplit_once(':')?.1;
    let method = method.strip_prefix(['`', '\''])?;
    // A time or a program's name may stand before it.
    let is_path = !location.contains(' ') || location.starts_with('/');
    let is_location = is_path && !is_indented(line) && number.parse::<u32>().is_ok();
    let end = method.find('\'').filter(|_| is_location)?;
    Some(&method[end + 1..])
}

//! Python's tracebacks, as CPython, loguru and rich print them.

use super::{Step, Trace, exception_class, is_indented};
use Step::{Maybe, MaybeText, Not, Part, Text};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The heading, or a frame.
    Frames,
    /// The exception itself, or an indented line after it: a note, a caret.
    Exception,
    /// Pydantic's list of fields, each followed by indented lines.
    Fields,
    /// Another line of the exception's message, or a note.
    Message(u8),
    /// An empty line after the exception, perhaps before a chained one.
    Gap,
    /// "During handling of …", and the empty lines after it.
    Chain,
    /// An exception group, drawn with `|` and `+`.
    Group,
    /// Rich's box.
    Box,
    /// The call stack of a record (`stack_info`), or of where an object was made.
    Stack,
    /// `logging`'s report of its own error: the call, and the record's message.
    LoggingError,
    /// `faulthandler`'s report of a crash.
    Fatal,
}

pub(crate) const STACK_HEADING: &str = "Stack (most recent call last):";

const HEADING: &str = "Traceback (most recent call last)";
const GROUP: &str = "  + Exception Group Traceback (most recent call last)";
const CHAINS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

fn part(state: State) -> Step {
    Part(Trace::Python(state))
}

pub(super) fn begins(line: &str) -> Option<Step> {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    let state = if text.starts_with(HEADING) {
        State::Frames
    } else if text.starts_with("+ Exception Group Traceback (") {
        State::Group
    } else if indented && text.starts_with("File \"") && text.contains("\", line ") {
        // A SyntaxError has no heading.
        State::Frames
    } else if line == STACK_HEADING || line.starts_with("Object allocated at (most recent call") {
        State::Stack
    } else if CHAINS.contains(&line) {
        State::Chain
    } else if line.starts_with("Fatal Python error: ") {
        State::Fatal
    } else if line.starts_with('╭') && line.contains(HEADING) {
        State::Box
    } else {
        return None;
    };
    Some(part(state))
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        let indented = is_indented(line);
        match self {
            State::Frames if indented || line.starts_with("> File \"") => part(State::Frames),
            // Loguru separates the frames.
            State::Frames if line.is_empty() => Maybe(Trace::Python(State::Frames)),
            State::Frames if is_validation_error(line) => part(State::Fields),
            State::Frames if is_exception(line) => part(State::Exception),
            State::Fields if indented => part(State::Fields),
            State::Exception | State::Message(_) if indented => part(self),
            State::Exception | State::Message(_) if is_addition(line) => part(State::Message(1)),
            State::Exception if line == "Call stack:" => part(State::LoggingError),
            // Loguru prints two of them.
            State::Exception | State::Fields | State::Message(_) | State::Group | State::Gap
                if line.is_empty() =>
            {
                Maybe(Trace::Python(State::Gap))
            }
            State::Exception | State::Fields | State::Message(_) | State::Group | State::Gap
                if CHAINS.contains(&line) =>
            {
                part(State::Chain)
            }
            State::Fields => MaybeText(Trace::Python(State::Fields)),
            State::Exception => Text(Trace::Python(State::Message(1))),
            State::Message(lines) if lines < super::MAX_MESSAGE_LINES => {
                Text(Trace::Python(State::Message(lines + 1)))
            }
            State::Chain if line.is_empty() => part(State::Chain),
            State::Chain => match begins(line) {
                Some(step @ Part(Trace::Python(State::Frames | State::Group | State::Box))) => step,
                _ => Not,
            },
            State::Group if indented => part(State::Group),
            // CPython does not draw other lines of the message.
            State::Group => MaybeText(Trace::Python(State::Group)),
            State::Box if line.starts_with('│') => part(State::Box),
            State::Box if line.starts_with('╰') => part(State::Frames),
            State::Stack if indented => part(State::Stack),
            State::LoggingError
                if indented || line.starts_with("Message: ") || line.starts_with("Arguments: ") =>
            {
                part(State::LoggingError)
            }
            State::Fatal => follows_fatal(line),
            State::Frames
            | State::Message(_)
            | State::Gap
            | State::Box
            | State::Stack
            | State::LoggingError => Not,
        }
    }
}

fn follows_fatal(line: &str) -> Step {
    let begins = |start: &str| line.starts_with(start);
    let is_part = is_indented(line)
        || line.ends_with("(most recent call first):")
        || begins("Python runtime state: ")
        || begins("Extension modules: ");
    if is_part {
        part(State::Fatal)
    } else if line.is_empty() {
        Maybe(Trace::Python(State::Fatal))
    } else {
        Not
    }
}

/// Whether the line is an exception as Python prints it.
fn is_exception(line: &str) -> bool {
    exception_class(line).is_some()
}

/// Whether the line is a further one of a well-known library's messages: SQLAlchemy, PostgreSQL.
fn is_addition(line: &str) -> bool {
    const STARTS: [&str; 7] = [
        "[SQL: ",
        "[parameters: ",
        "(Background on this error at: ",
        "LINE ",
        "DETAIL: ",
        "HINT: ",
        "CONTEXT: ",
    ];
    line.starts_with(['[', '(', 'L', 'D', 'H', 'C'])
        && STARTS.iter().any(|start| line.starts_with(start))
}

/// `…ValidationError: 2 validation errors for Model`
fn is_validation_error(line: &str) -> bool {
    line.contains(" validation error") && is_exception(line)
}

/// The last exception of a chain, or the exception group. `None` if the text is no traceback
/// of Python.
pub(super) fn exception(text: &str) -> Option<&str> {
    let is_group = |line: &&str| line.starts_with(GROUP);
    let is_heading = |line: &&str| {
        line.trim_start().starts_with(HEADING) || line.starts_with('╭') || is_group(line)
    };
    if let Some(group) = text.lines().rev().find(is_heading).filter(is_group) {
        // After the heading and before its parts, which are indented further.
        let below = &text[text.rfind(group)?..];
        let mut drawn = below.lines().filter_map(|line| line.strip_prefix("  | "));
        return drawn.find(|line| is_exception(line));
    }
    // The first line after the last frame: other lines of the message may look like one.
    let mut found = None;
    let mut in_frames = false;
    for line in text.lines() {
        if is_heading(&line) || line.starts_with("  File \"") {
            in_frames = true;
        } else if in_frames && is_exception(line) && !CHAINS.contains(&line) {
            (found, in_frames) = (Some(line), false);
        }
    }
    found
}

//! Traces whose frames begin with `at`: Java, JavaScript and .NET.

use super::{Step, Trace, exception_class, is_carets, is_indented, more_text};
use Step::{Maybe, Not, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The exception above the frames, and further lines of its message.
    Heading(u8),
    /// Mono, Dart: the line above the exception.
    Unhandled,
    /// An empty line after the exception.
    HeadingGap,
    /// A frame, or what stands between frames.
    Frames,
    /// A cause, and further lines of its message.
    Cause(u8),
    /// JavaScript: the properties of an error, between braces.
    Braces,
    /// Node.js: the location of the source line that follows.
    Location,
    /// Node.js: that source line. The carets come next.
    Source,
    /// Node.js: the carets, and the empty line before the error.
    Carets,
    /// Node.js: an empty line at the end, before the version.
    Gap,
    /// Nothing follows.
    Done,
}

const HINT: &str = "(Use `node --trace-";
const VERSION: &str = "Node.js v";

fn trace(state: State) -> Trace {
    Trace::At(state)
}

/// `has_colon`: the line may contain a colon.
pub(super) fn begins(line: &str, has_colon: bool) -> Option<Step> {
    if line.starts_with("[UnhandledPromiseRejection") && line.ends_with(" {") {
        return Some(Part(trace(State::Braces)));
    }
    if line.starts_with(['E', 'U', 'N', '('])
        && let Some(state) = certain(line)
    {
        return Some(Part(trace(state)));
    }
    if !has_colon && !is_exception(line) {
        return None;
    }
    if is_heading(line) {
        let step = if super::is_last_word(line) { Part } else { Maybe };
        return Some(step(trace(State::Heading(0))));
    }
    is_source_location(line).then_some(Maybe(trace(State::Location)))
}

/// The state after a line that is certain to be one of a traceback.
fn certain(line: &str) -> Option<State> {
    if line.eq_ignore_ascii_case("Unhandled Exception:") {
        return Some(State::Unhandled);
    }
    // An uncaught exception may have no frames.
    if line.starts_with("Exception in thread \"") || is_thrown(line) {
        return Some(State::Heading(0));
    }
    // The last lines of an uncaught error of Node.js.
    let is_end = line.starts_with(HINT) || line.strip_prefix(VERSION).is_some_and(is_version);
    is_end.then_some(State::Gap)
}

/// `20.20.2`
fn is_version(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether an indented line is a frame.
pub(super) fn begins_indented(line: &str) -> Option<Step> {
    let text = unindented(line);
    is_frame(text).then(|| Part(trace(after_frame(text))))
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        match self {
            State::Location => Maybe(trace(State::Source)),
            State::Source if is_carets(line) => Part(trace(State::Carets)),
            State::Carets if line.is_empty() => Part(trace(State::Carets)),
            // Whatever was thrown.
            State::Carets if line.ends_with(" {") => Part(trace(State::Braces)),
            State::Carets | State::Unhandled => Part(trace(State::Heading(0))),
            State::Heading(_) | State::Cause(_) | State::Frames => self.follows_text(line),
            State::HeadingGap if line == "Caused by:" => {
                Part(Trace::Rust(super::rust::State::Causes))
            }
            State::Braces if line == "}" => Part(trace(State::Frames)),
            State::Braces if is_indented(line) => Part(trace(State::Braces)),
            State::Braces if line.is_empty() => Maybe(trace(State::Braces)),
            State::Gap if line.starts_with("---> ") => Part(trace(State::Cause(0))),
            State::Gap if line.starts_with(VERSION) => Part(trace(State::Done)),
            State::HeadingGap | State::Braces | State::Gap | State::Source | State::Done => Not,
        }
    }

    fn follows_text(self, line: &str) -> Step {
        let text = unindented(line);
        let indented = text.len() < line.len();
        if indented && is_frame(text) {
            return Part(trace(after_frame(text)));
        }
        if is_cause(text) && (indented || !text.starts_with("Suppressed: ")) {
            return Part(trace(State::Cause(0)));
        }
        if is_between_frames(text, indented) {
            return Part(trace(State::Frames));
        }
        match self {
            State::Heading(_) if line.is_empty() => Maybe(trace(State::HeadingGap)),
            State::Frames if line.is_empty() => Maybe(trace(State::Gap)),
            State::Heading(lines) => more_text(lines, |lines| trace(State::Heading(lines))),
            State::Cause(lines) => more_text(lines, |lines| trace(State::Cause(lines))),
            _ => Not,
        }
    }

    pub(super) fn is_heading(self) -> bool {
        matches!(self, State::Heading(_) | State::Unhandled)
    }
}

/// The line without its indentation. rsyslog writes tabs as `#011`.
fn unindented(line: &str) -> &str {
    line.trim_start_matches("#011").trim_start()
}

/// The exception in a chain of causes.
fn is_cause(text: &str) -> bool {
    // .NET writes ` ---> System.Exception: text`.
    ["Caused by: ", "Wrapped by: ", "Suppressed: ", "---> "]
        .iter()
        .any(|word| text.starts_with(word))
}

fn is_between_frames(text: &str, indented: bool) -> bool {
    text.starts_with("--- End of ")
        || text.starts_with("<---")
        || text.starts_with(HINT)
        || indented
            && (is_omission(text)
                || text.starts_with("- locked <")
                || text.starts_with("(Coroutine boundary)")
                || text.starts_with("[CIRCULAR REFERENCE"))
}

/// `... 12 more`, `... 7 common frames omitted`, `... 2 lines matching cause stack trace ...`
fn is_omission(text: &str) -> bool {
    text.strip_prefix("... ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn after_frame(text: &str) -> State {
    if text.ends_with(" {") { State::Braces } else { State::Frames }
}

/// Whether the line, without its indentation, is a frame: it ends in a location such as
/// `(Main.java:3)`, `~[app.jar:?]`, `main.js:3:9`.
fn is_frame(text: &str) -> bool {
    text.starts_with("at ")
        && (text.trim_end().ends_with(|c: char| c.is_ascii_digit() || ")]>{,".contains(c))
            || text.ends_with("<---"))
}

/// `java.lang.IllegalStateException: text`, `TypeError: text`, also as the heading of an
/// uncaught exception.
pub(super) fn is_heading(line: &str) -> bool {
    exception_class(line).is_some_and(is_exception)
}

fn is_exception(class: &str) -> bool {
    ["Error", "Exception", "Throwable"].iter().any(|end| class.ends_with(end))
}

/// `Unhandled exception. System.Exception: text`, `Uncaught TypeError: text`,
/// `Unhandled rejection: text`
pub(super) fn is_thrown(line: &str) -> bool {
    const WHAT: [&str; 3] = ["exception", "rejection", "error"];
    const AFTER: [&str; 5] = [":", ".", " at ", " in ", " ("];
    let Some(rest) = line
        .strip_prefix("Un")
        .and_then(|rest| ["handled ", "caught "].iter().find_map(|word| rest.strip_prefix(word)))
    else {
        return false;
    };
    let what = WHAT
        .iter()
        .find(|what| rest.get(..what.len()).is_some_and(|start| start.eq_ignore_ascii_case(what)));
    match what.map(|what| &rest[what.len()..]) {
        Some(after) if AFTER.iter().any(|it| after.starts_with(it)) => true,
        Some(after) => is_heading(after.trim_start()) || is_heading(rest),
        None => is_heading(rest.strip_prefix("(in promise) ").unwrap_or(rest)),
    }
}

/// `/app/main.js:3`, `node:internal/process/promises:288`: above a source line.
pub(super) fn is_source_location(line: &str) -> bool {
    let end =
        line.bytes().rposition(|byte| !byte.is_ascii_digit()).filter(|at| at + 1 < line.len());
    let Some(path) = end.filter(|at| line.as_bytes()[*at] == b':').map(|at| &line[..at]) else {
        return false;
    };
    (path.contains(['/', '\\']) || path.starts_with("node:")) && !path.contains([' ', '\t'])
}

/// The error below the source line that Node.js prints.
pub(super) fn heading_after_source(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    let has_source = is_source_location(lines.next()?) && lines.nth(1).is_some_and(is_carets);
    lines.find(|line| !line.is_empty()).filter(|_| has_source)
}

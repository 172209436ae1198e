//! Recognises tracebacks line by line.
//!
//! A new language needs variants of [`Trace`] for its states, an arm in [`Trace::begins`]
//! and one in [`Trace::follows`].
//!
//! `begins` checks each line of a stream, so it rules out most lines by their first byte.

/// The state in a traceback: the kind of its last line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trace {
    /// Python: the heading, or a frame.
    PythonFrames,
    /// Python: the exception itself.
    PythonDone,
    /// Python: an empty line after the exception, perhaps before a chained one.
    PythonGap,
    /// Python: "During handling of …", and the empty line after it.
    PythonChain,
    /// Python: an exception group, drawn with `|` and `+`.
    PythonGroup,
    /// Java, JavaScript, .NET: `at …` frames, or the exception above them.
    At,
    /// JavaScript: the properties of an error, between braces.
    AtBraces,
    /// Rust: the message comes next.
    RustHead,
    /// Rust: the message, or what follows it.
    RustBody,
    /// Go: the panic's message; the goroutines come next.
    GoPanic,
    /// Go: a goroutine's frames.
    GoFrames,
    /// Go: an empty line before the next goroutine.
    GoGap,
    /// Go: the exit status.
    GoDone,
}

/// Whether a line belongs to a traceback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Yes.
    Part(Trace),
    /// Yes, if the next line does too.
    Maybe(Trace),
    /// No.
    Not,
}

use Step::{Maybe, Not, Part};

const PYTHON_HEADING: &str = "Traceback (most recent call last)";
const PYTHON_GROUP: &str = "  + Exception Group Traceback (most recent call last)";
const PYTHON_CHAINS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

impl Trace {
    /// Whether a traceback begins with this line.
    pub(super) fn begins(line: &str) -> Step {
        match line.as_bytes() {
            [b' ' | b'\t', ..] => begins_indented(line),
            [b'T', ..] if line.starts_with(PYTHON_HEADING) => Part(Trace::PythonFrames),
            [b't', ..] if line.starts_with("thread '") && line.contains(" panicked at ") => {
                Part(rust_head(line))
            }
            [b'p', ..] if line.starts_with("panic: ") => Part(Trace::GoPanic),
            [b'f', ..] if line.starts_with("fatal error: ") => Maybe(Trace::GoPanic),
            [b'g', ..] if is_goroutine(line) => Part(Trace::GoFrames),
            _ if is_at_heading(line) => Maybe(Trace::At),
            _ => Not,
        }
    }

    /// Whether the next line continues the traceback.
    pub(super) fn follows(self, line: &str) -> Step {
        let indented = line.starts_with([' ', '\t']);
        match self {
            Trace::PythonFrames if indented => Part(Trace::PythonFrames),
            Trace::PythonFrames if is_exception(line) => Part(Trace::PythonDone),
            Trace::PythonDone if indented => Part(Trace::PythonDone),
            Trace::PythonGroup if indented => Part(Trace::PythonGroup),
            Trace::PythonDone | Trace::PythonGroup if line.is_empty() => Maybe(Trace::PythonGap),
            Trace::PythonDone | Trace::PythonGroup | Trace::PythonGap
                if PYTHON_CHAINS.contains(&line) =>
            {
                Part(Trace::PythonChain)
            }
            Trace::PythonChain if line.is_empty() => Part(Trace::PythonChain),
            Trace::PythonChain => match Trace::begins(line) {
                Part(trace @ (Trace::PythonFrames | Trace::PythonGroup)) => Part(trace),
                _ => Not,
            },
            Trace::PythonFrames | Trace::PythonDone | Trace::PythonGroup | Trace::PythonGap => Not,
            Trace::At => follows_at(line),
            Trace::AtBraces if line == "}" => Part(Trace::At),
            Trace::AtBraces if indented => Part(Trace::AtBraces),
            Trace::AtBraces => Not,
            Trace::RustHead => Part(Trace::RustBody),
            Trace::RustBody if indented || is_rust_note(line) => Part(Trace::RustBody),
            Trace::RustBody => Not,
            Trace::GoPanic | Trace::GoFrames | Trace::GoGap | Trace::GoDone => {
                self.follows_go(line)
            }
        }
    }

    fn follows_go(self, line: &str) -> Step {
        if self == Trace::GoDone {
            return Not;
        }
        if is_goroutine(line) {
            return Part(Trace::GoFrames);
        }
        if line.starts_with("exit status ") {
            return Part(Trace::GoDone);
        }
        match self {
            Trace::GoGap if is_register(line) => Part(Trace::GoFrames),
            Trace::GoGap => Not,
            Trace::GoPanic if line.is_empty() => Maybe(Trace::GoPanic),
            Trace::GoPanic
                if line.starts_with(['\t', ' '])
                    || line.starts_with("panic: ")
                    || line.starts_with("[signal ") =>
            {
                Part(Trace::GoPanic)
            }
            Trace::GoFrames if line.is_empty() => Maybe(Trace::GoGap),
            Trace::GoFrames if is_go_frame(line) => Part(Trace::GoFrames),
            _ => Not,
        }
    }

    /// The most informative line of a traceback: the exception, or the panic's message.
    pub(super) fn summary_line(self, text: &str) -> &str {
        let first = text.lines().next().unwrap_or(text);
        match self {
            Trace::PythonFrames
            | Trace::PythonDone
            | Trace::PythonGap
            | Trace::PythonChain
            | Trace::PythonGroup => python_exception(text).unwrap_or(first),
            Trace::RustHead | Trace::RustBody if first.ends_with(':') => {
                text.lines().nth(1).unwrap_or(first)
            }
            Trace::RustHead
            | Trace::RustBody
            | Trace::At
            | Trace::AtBraces
            | Trace::GoPanic
            | Trace::GoFrames
            | Trace::GoGap
            | Trace::GoDone => first,
        }
    }
}

fn begins_indented(line: &str) -> Step {
    let text = line.trim_start();
    if text.starts_with(PYTHON_HEADING) {
        Part(Trace::PythonFrames)
    } else if text.starts_with("+ Exception Group Traceback (") {
        Part(Trace::PythonGroup)
    } else if text.starts_with("File \"") && text.contains("\", line ") {
        // A SyntaxError has no heading.
        Part(Trace::PythonFrames)
    } else if text.starts_with("at ") && is_frame_end(text) {
        Part(frame(text))
    } else {
        Not
    }
}

/// The first line of a panic in Rust. It ends in a colon, and the message follows; before
/// 1.73, it contained the message.
fn rust_head(line: &str) -> Trace {
    if line.ends_with(':') { Trace::RustHead } else { Trace::RustBody }
}

fn is_rust_note(line: &str) -> bool {
    line.starts_with("note: ") || line == "stack backtrace:"
}

fn follows_at(line: &str) -> Step {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    let more = |rest: &str| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && (rest.ends_with(" more") || rest.ends_with("frames omitted"))
    };
    if indented && text.starts_with("at ") && is_frame_end(text) {
        return Part(frame(text));
    }
    let goes_on = text.starts_with("Caused by: ")
        || indented
            && (text.strip_prefix("... ").is_some_and(more)
                || text.starts_with("Suppressed: ")
                || text.starts_with("[CIRCULAR REFERENCE")
                || text.starts_with("--- End of "));
    if goes_on { Part(Trace::At) } else { Not }
}

fn frame(text: &str) -> Trace {
    if text.ends_with(" {") { Trace::AtBraces } else { Trace::At }
}

/// Whether the line ends in a location: `(Main.java:3)`, `~[app.jar:?]`, `main.js:3:9`.
fn is_frame_end(text: &str) -> bool {
    text.ends_with([')', ']', '>', '{']) || text.ends_with(|c: char| c.is_ascii_digit())
}

/// `java.lang.IllegalStateException: text`, `TypeError: text`, or the heading of an
/// uncaught exception.
fn is_at_heading(line: &str) -> bool {
    if line.starts_with("Exception in thread \"") || line.starts_with("Unhandled exception. ") {
        return true;
    }
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    exception_class(line).is_some_and(|class| {
        class.ends_with("Error") || class.ends_with("Exception") || class.ends_with("Throwable")
    })
}

/// Whether the line is `Class`, `pkg.Class` or `pkg.Class: text`, as Python prints
/// an exception.
fn is_exception(line: &str) -> bool {
    exception_class(line).is_some()
}

fn exception_class(line: &str) -> Option<&str> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"._$<>".contains(&b);
    let end = line.bytes().position(|b| !is_name(b)).unwrap_or(line.len());
    let (class, rest) = line.split_at(end);
    let ended = rest.is_empty() || rest == ":" || rest.starts_with(": ");
    (ended && class.starts_with(|c: char| c.is_alphabetic() || c == '_')).then_some(class)
}

/// The last exception of a chain, or the exception group.
fn python_exception(text: &str) -> Option<&str> {
    let is_group = |line: &&str| line.starts_with(PYTHON_GROUP);
    let is_heading = |line: &&str| line.starts_with(PYTHON_HEADING) || is_group(line);
    if text.lines().rev().find(is_heading).is_some_and(|line| is_group(&line)) {
        // After the heading and before its parts, which are indented further.
        let below = &text[text.rfind(PYTHON_GROUP)?..];
        let mut drawn = below.lines().filter_map(|line| line.strip_prefix("  | "));
        return drawn.find(|line| is_exception(line));
    }
    let is_last = |line: &&str| is_exception(line) && !PYTHON_CHAINS.contains(line);
    text.lines().rev().find(is_last)
}

/// `goroutine 1 [running]:`
fn is_goroutine(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("goroutine ") else { return false };
    rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(" [") && rest.ends_with("]:")
}

/// A function, its location, its creator, or a register.
fn is_go_frame(line: &str) -> bool {
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

//! Recognises tracebacks line by line: one module for each family of them.
//!
//! To add a language, imitate `php.rs`: an enum of states, `begins` and `follows`, and a
//! variant of [`Trace`]. `tests/data/traces` has output of the real runtimes.
//!
//! `begins` checks each line of a stream, so it rules out most lines by their first byte.

mod at;
mod beam;
mod go;
mod native;
mod perl;
mod php;
mod python;
mod ruby;
mod rust;

use memchr::{memchr2, memchr2_iter, memchr3};

use crate::level::Level;
use crate::text::sgr;

/// The most lines of a message that are accepted without knowing whether they belong to it.
const MAX_MESSAGE_LINES: u8 = 30;

/// The state in a traceback: the kind of its last line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trace {
    Python(python::State),
    /// Java, JavaScript, .NET: frames that begin with `at`.
    At(at::State),
    Rust(rust::State),
    Go(go::State),
    Php(php::State),
    Ruby(ruby::State),
    /// Elixir and Erlang.
    Beam(beam::State),
    /// C++ and the Java virtual machine.
    Native(native::State),
    Perl(perl::State),
    /// The last words of a runtime: see [`is_last_word`].
    LastWord,
    /// An empty line after an ordinary line, perhaps before causes or frames.
    Gap,
    /// Another line of an ordinary line's message, perhaps before frames.
    Message(u8),
}

/// Whether a line belongs to a traceback.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Step {
    /// Yes.
    Part(Trace),
    /// Yes, if a later line is certain to.
    Maybe(Trace),
    /// A line of a message that ends with any text: yes, unless it is a record of its own.
    Text(Trace),
    /// As `Text`, if a later line is certain to belong to the traceback.
    MaybeText(Trace),
    /// No.
    #[default]
    Not,
}

use Step::{Maybe, Not, Part};

impl Trace {
    /// Whether a traceback begins with this line. Colours don't count.
    pub(super) fn begins(line: &str) -> Step {
        Trace::begins_if(line, is_plain(line))
    }

    /// As [`Trace::begins`], for a line of which it is known whether it is [plain](is_plain).
    pub(super) fn begins_if(line: &str, is_plain: bool) -> Step {
        match is_plain {
            true => Trace::begins_plain(line, false),
            false => Trace::begins_plain(&sgr::strip(line), true),
        }
    }

    /// As [`Trace::begins`], for a line without colours. `has_colon`: it may contain a colon.
    fn begins_plain(line: &str, has_colon: bool) -> Step {
        let step = match line.as_bytes() {
            [] => return Not,
            [b' ' | b'\t', ..] => {
                let step = python::begins(line).or_else(|| at::begins_indented(line));
                step.or_else(|| perl::begins_indented(line))
            }
            [b'T' | b'F' | b'D' | b'O' | 0xE2, ..] => python::begins(line),
            [b'S', ..] => {
                let step = python::begins(line).or_else(|| rust::begins(line));
                step.or_else(|| go::begins(line))
            }
            [b't', ..] => rust::begins(line).or_else(|| native::begins(line)),
            [b'C' | b's', ..] => rust::begins(line),
            [b'p' | b'f' | b'g' | b'r' | b'u' | b'W', ..] => go::begins(line),
            [b'=', ..] => go::begins(line).or_else(|| native::begins(line)),
            [b'#', ..] => native::begins(line).or_else(|| at::begins_indented(line)),
            [b'*' | b'e' | b'i', ..] => beam::begins(line),
            _ => None,
        };
        let step = step.or_else(|| php::begins(line));
        let step = step.or_else(|| if has_colon { ruby::begins(line) } else { None });
        let step = step.or_else(|| at::begins(line, has_colon));
        step.or_else(|| is_last_word(line).then_some(Part(Trace::LastWord))).unwrap_or(Not)
    }

    /// As [`Trace::begins`], for a line without a prefix that is known by its end: a message of
    /// Perl.
    pub(super) fn begins_by_end(line: &str) -> Step {
        // For most lines, only the last byte is looked at; a colour ends with `m`.
        if !line.ends_with(['.', 'm']) {
            return Not;
        }
        perl::begins(&sgr::strip(line)).unwrap_or(Not)
    }

    /// Whether a traceback may follow after this line, which follows an ordinary one.
    pub(super) fn begins_after(head: &str, line: &str) -> Step {
        if line.is_empty() {
            return Maybe(Trace::Gap);
        }
        // Only where one of the words can be: a search for each would look at the whole head.
        let head = head.as_bytes();
        let names_error = |at: usize| {
            ["xception", "Error"].iter().any(|word| head[at..].starts_with(word.as_bytes()))
        };
        match memchr2_iter(b'x', b'E', head).any(names_error) {
            true => Step::MaybeText(Trace::Message(1)),
            false => Not,
        }
    }

    /// Whether the line, after other lines of a message, is the first one of the frames.
    fn frames(line: &str, after_gap: bool) -> Step {
        use {at::State::Frames as At, php::State::Frames as Php, ruby::State::Frames as Ruby};
        match Trace::begins(line) {
            step @ Part(Trace::Rust(rust::State::Causes) | Trace::Ruby(Ruby)) => step,
            step @ Part(Trace::At(At) | Trace::Php(Php)) if !after_gap => step,
            _ => Not,
        }
    }

    /// Whether the next line continues the traceback. Colours don't count.
    pub(super) fn follows(self, line: &str) -> Step {
        let line = &*sgr::strip(line);
        if line == python::STACK_HEADING && !matches!(self, Trace::Gap | Trace::Message(_)) {
            return Part(Trace::Python(python::State::Stack));
        }
        match self {
            Trace::Python(state) => state.follows(line),
            Trace::At(state) => state.follows(line),
            Trace::Rust(state) => state.follows(line),
            Trace::Go(state) => state.follows(line),
            Trace::Php(state) => state.follows(line),
            Trace::Ruby(state) => state.follows(line),
            Trace::Beam(state) => state.follows(line),
            Trace::Native(state) => state.follows(line),
            Trace::Perl(_) => perl::follows(line),
            Trace::LastWord => Not,
            Trace::Gap => Trace::frames(line, true),
            Trace::Message(lines) => match Trace::frames(line, false) {
                Not if !line.is_empty() => more_text(lines, Trace::Message),
                step => step,
            },
        }
    }

    /// Whether the last line is part of the message above the frames.
    pub(super) fn is_heading(self) -> bool {
        match self {
            Trace::Python(_) | Trace::Gap | Trace::Message(_) => false,
            Trace::LastWord => true,
            Trace::Perl(state) => state == perl::State::Message,
            Trace::At(state) => state.is_heading(),
            Trace::Rust(state) => state.is_heading(),
            Trace::Go(state) => state.is_heading(),
            Trace::Php(state) => state.is_heading(),
            Trace::Ruby(state) => state.is_heading(),
            Trace::Beam(state) => state.is_heading(),
            Trace::Native(state) => state.is_heading(),
        }
    }

    /// Whether the last line is one of a message that may end with any text.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Trace::Python(python::State::Message(_)))
    }

    /// Whether the line before the first one may belong to it.
    pub(super) fn belongs_to_a_line(self) -> bool {
        self != Trace::LastWord
    }

    /// Whether the last line is part of a call stack that no error has caused.
    pub(super) fn is_stack(self) -> bool {
        self == Trace::Python(python::State::Stack)
    }
}

/// Whether the line has no colour, no colon and no tab. Looked for at once, since most lines have
/// none.
pub(super) fn is_plain(line: &str) -> bool {
    memchr3(sgr::ESC, b':', b'\t', line.as_bytes()).is_none()
}

/// The most informative line of a traceback without a heading.
pub(super) fn summary_line(text: &str) -> &str {
    let has_text = |line: &&str| line.contains(char::is_alphanumeric);
    let first = text.lines().find(has_text).unwrap_or(text);
    python::exception(text).or_else(|| at::heading_after_source(text)).unwrap_or(first)
}

/// The level of a line that may have been the heading of a traceback, but none has followed:
/// that of an exception (`ValueError: x`), or of a message of Perl, whose program ends with the
/// [last](super::Assembler::end) line of a stream. Colours don't count.
pub(super) fn level_of_heading(line: &str, is_last: bool) -> Option<Level> {
    let line = &*sgr::strip(line);
    if at::is_heading(line) || is_last && perl::is_message(line) {
        return Some(Level::ERROR);
    }
    perl::is_message(line).then_some(Level::WARNING)
}

/// Whether a traceback that begins with this line was printed by a program or a thread that
/// it has ended. It belongs to no record before it, except to one about an error.
pub(super) fn is_uncaught(first: &str) -> bool {
    const HEADINGS: [&str; 7] = [
        // From a Rust program whose `main` has failed, or from JavaScript.
        "Error: ",
        "Exception in thread \"",
        "Fatal Python error: ",
        "fatal error: ",
        "panic: ",
        "SIG",
        "Unhandled Exception:",
    ];
    let first = &*sgr::strip(first);
    HEADINGS.iter().any(|heading| first.starts_with(heading))
        || rust::is_panic(first)
        || at::is_thrown(first)
        || perl::is_message(first)
        || php::is_uncaught(first)
        || ruby::is_uncaught(first)
        || at::is_source_location(first)
        || go::is_race(first)
        || go::is_rule(first)
        || native::begins(first).is_some()
        || beam::begins(first).is_some()
        || is_last_word(first)
}

/// Whether a runtime or the system prints this line when it ends a program, without frames.
fn is_last_word(line: &str) -> bool {
    const STARTS: [&str; 12] = [
        // Rust
        "fatal runtime error: ",
        // PHP
        "PHP Fatal error: ",
        "PHP Parse error: ",
        "Fatal error: ",
        "Parse error: ",
        // Java
        "Exception: java.",
        // JavaScript: Node.js, V8, Deno
        "[UnhandledPromiseRejection",
        "FATAL ERROR: ",
        "error: Uncaught ",
        // Elixir
        "** (EXIT",
        // Swift
        "*** Program crashed: ",
        // C and C++
        "*** stack smashing detected ***",
    ];
    /// Whole words: what may follow are a colon, a group in brackets, or a command in a column.
    const WORDS: [&str; 8] = [
        "java.lang.OutOfMemoryError",
        "double free or corruption",
        // The shell
        "Segmentation fault",
        "Aborted",
        "Bus error",
        "Illegal instruction",
        "Floating point exception",
        "Killed",
    ];
    const AFTER_WORDS: [&str; 3] = [":", " (", "     "];
    let ends_word =
        |rest: &str| rest.is_empty() || AFTER_WORDS.iter().any(|it| rest.starts_with(it));
    let is_last = |line: &str| {
        STARTS.iter().any(|start| line.starts_with(start))
            || WORDS.iter().any(|word| line.strip_prefix(word).is_some_and(ends_word))
    };
    match line.as_bytes().first() {
        Some(b'C' | b'U' | b'D' | b'N' | b'G' | b'M') => perl::is_fatal(line),
        Some(b'I' | b'B') => is_last(line) || perl::is_fatal(line),
        Some(b'f' | b'P' | b'F' | b'E' | b'[' | b'e' | b'*' | b'd' | b'S' | b'A' | b'j' | b'K') => {
            is_last(line)
        }
        _ => false,
    }
}

/// A line of a message with `lines` lines before it.
fn more_text(lines: u8, trace: impl FnOnce(u8) -> Trace) -> Step {
    if lines < MAX_MESSAGE_LINES { Step::MaybeText(trace(lines + 1)) } else { Not }
}

fn is_carets(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty() && text.bytes().all(|byte| byte == b'^')
}

fn is_indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// The class in a line `Class`, `pkg.Class` or `pkg.Class: text`.
fn exception_class(line: &str) -> Option<&str> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"._$<>`".contains(&b);
    let end = memchr2(b':', b' ', line.as_bytes()).unwrap_or(line.len());
    let (class, rest) = line.split_at(end);
    let ended = rest.is_empty() || rest == ":" || rest.starts_with(": ");
    let is_class = ended && class.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_class && class.bytes().all(is_name)).then_some(class)
}

/// The length of the heading of a traceback; 0 if it has none. `own` gives each line without its
/// prefix.
pub(super) fn heading_len(text: &str, own: impl Fn(&str) -> &str) -> usize {
    let (mut end, mut state) = (0, None::<Trace>);
    for whole in text.split('\n') {
        let line = own(whole);
        let begins = || match Trace::begins(line) {
            Not => Trace::begins_by_end(line),
            step => step,
        };
        let step = state.map_or_else(begins, |state| state.follows(line));
        match step {
            Step::Part(trace) | Maybe(trace) | Step::Text(trace) | Step::MaybeText(trace)
                if trace.is_heading() =>
            {
                state = Some(trace);
            }
            _ => break,
        }
        end += whole.len() + usize::from(end > 0);
    }
    end
}

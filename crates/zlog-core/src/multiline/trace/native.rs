//! What C++'s runtime, sanitizers and the Java virtual machine print when they end a program.

use super::{Step, Trace, is_indented};
use Step::{Maybe, Not, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// `terminate called after throwing an instance of 'std::runtime_error'`
    Terminate,
    /// `  what():  text`, and further lines of the text.
    What,
    /// `# A fatal error has been detected …`, and further lines that begin with `#`.
    Machine,
    /// `==17==ERROR: AddressSanitizer: …`, and the stacks after it.
    Sanitizer,
    /// An empty line between stacks.
    Gap,
}

fn part(state: State) -> Step {
    Part(Trace::Native(state))
}

pub(super) fn begins(line: &str) -> Option<Step> {
    if line.starts_with("terminate called ") {
        Some(part(State::Terminate))
    } else if line.starts_with("# A fatal error has been detected by the Java Runtime Environment")
    {
        Some(part(State::Machine))
    } else {
        is_sanitizer(line).then_some(part(State::Sanitizer))
    }
}

/// `==17==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 …`
fn is_sanitizer(line: &str) -> bool {
    let number = line.strip_prefix("==").map(|rest| rest.trim_start_matches(char::is_numeric));
    number.is_some_and(|rest| rest.starts_with("==ERROR: ") && line.contains("Sanitizer: "))
}

/// A stack, or a line above one: `READ of size 4 at …`, `0x… is located 0 bytes inside of …`,
/// `freed by thread T0 here:`
fn is_of_sanitizer(line: &str) -> bool {
    const STARTS: [&str; 6] = ["SUMMARY: ", "READ of ", "WRITE of ", "0x", "Shadow ", "="];
    is_indented(line) || line.ends_with(':') || STARTS.iter().any(|start| line.starts_with(start))
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        match self {
            State::Terminate if line.starts_with("  what():") => part(State::What),
            State::What if !line.is_empty() => Step::Text(Trace::Native(State::What)),
            State::Machine if line.starts_with('#') => part(State::Machine),
            State::Sanitizer | State::Gap if is_of_sanitizer(line) => part(State::Sanitizer),
            State::Sanitizer if line.is_empty() => Maybe(Trace::Native(State::Gap)),
            _ => Not,
        }
    }

    pub(super) fn is_heading(self) -> bool {
        matches!(self, State::Terminate)
    }
}

//! Exceptions of Elixir and Erlang.

use super::{Step, Trace, is_indented};
use Step::{Maybe, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The exception.
    Heading,
    /// A frame, or an indented line of the message.
    Frames,
    /// An empty line after the message, before indented lines.
    Gap,
    /// What the process was doing.
    Process,
}

fn part(state: State) -> Step {
    Part(Trace::Beam(state))
}

/// `** (RuntimeError) text`, `** exception error: text`, `escript: exception error: text`
pub(super) fn begins(line: &str) -> Option<Step> {
    is_exception(line).then_some(part(State::Heading))
}

fn is_exception(line: &str) -> bool {
    if let Some(rest) = line.strip_prefix("** ") {
        let class = rest.strip_prefix('(');
        return rest.starts_with("exception ")
            || class.is_some_and(|class| {
                class.starts_with(|c: char| c.is_ascii_uppercase()) && class.contains(") ")
            });
    }
    line.starts_with("escript: exception ") || line.starts_with("init terminating in do_boot")
}

impl State {
    pub(super) fn follows(self, line: &str) -> Step {
        const PROCESS: [&str; 7] = [
            "Last message",
            "State: ",
            "Function: ",
            "Initial Call: ",
            "Ancestors: ",
            "Start Call: ",
            "Message Queue Length: ",
        ];
        if PROCESS.iter().any(|start| line.starts_with(start)) {
            part(State::Process)
        } else if is_indented(line) && !line.trim().is_empty() {
            part(if self == State::Process { self } else { State::Frames })
        } else if line.is_empty() && self != State::Gap {
            Maybe(Trace::Beam(State::Gap))
        } else {
            Step::Not
        }
    }

    pub(super) fn is_heading(self) -> bool {
        self == State::Heading
    }
}

//! Standard output.

use super::{Class, HandlerTarget, Opening, Target};
use crate::handler::Handler;
use crate::handler::console::Console;
use crate::os::terminal::{self, ColorChoice};
use zlog_core::error::Result;
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Format, Options, Output};

/// Prints records.
pub(super) static CONSOLE: Class = Class {
    name: "console",
    option: "--console",
    main: None,
    keys: &[],
    picked_by: None,
    formatted: true,
    read: |_, _| Some(Target::Console(ConsoleTarget)),
};

/// Standard output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConsoleTarget;

impl HandlerTarget for ConsoleTarget {
    fn open(&self, format: Box<dyn Format>, with: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        Ok(Box::new(Console::new(with.context.stdout(), format)))
    }

    /// For people, unless the context has [`ConsoleSettings`](crate::router::ConsoleSettings).
    fn format(&self, spec: &FormatterSpec) -> Result<Box<dyn Format>> {
        let options = Options {
            color: ColorChoice::Auto.for_stdout(),
            escape: terminal::stdout_is_terminal(),
            ..Options::default()
        };
        spec.build(Output::Pretty, options)
    }

    fn default_name(&self) -> String {
        "console".to_owned()
    }

    /// A terminal may be stopped, and nobody may read a pipe.
    fn may_block(&self) -> bool {
        true
    }
}

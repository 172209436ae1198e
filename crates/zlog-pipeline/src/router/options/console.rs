//! Standard output.

use std::time::Duration;

use super::{Class, HandlerTarget, Opening, Target};
use crate::handler::Handler;
use crate::handler::console::Console;
use crate::os::terminal::{self, ColorChoice};
use zlog_core::Result;
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Format, Options, Output};

/// Prints records.
pub(super) static CONSOLE: Class = Class {
    name: "console",
    option: "--console",
    about: "Also print records",
    main: None,
    keys: &[],
    picked_by: None,
    formatted: true,
    stores: false,
    variables: &[],
    read: |_, _| Some(Target::Console(ConsoleTarget::default())),
};

/// How records are printed on standard output.
#[derive(Clone, Debug, Default)]
pub struct ConsoleTarget {
    /// The format of records without a format string. [`Output::Raw`] needs records with their
    /// body.
    pub output: Output,
    /// How records look. `None`: colours, escapes and columns as standard output needs them.
    pub options: Option<Options>,
    /// How long a reader that has stopped reading may delay the end. `None`: as long as the
    /// context allows.
    pub linger: Option<Duration>,
    /// Whether printing is what the command is for: an error then is the command's
    /// ([`Router::take_failure`](super::super::Router::take_failure)) and not reported as an
    /// outage.
    pub required: bool,
}

/// Regular expressions have no equality, so the options are compared by their text.
impl PartialEq for ConsoleTarget {
    fn eq(&self, other: &ConsoleTarget) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl HandlerTarget for ConsoleTarget {
    fn open(&self, format: Box<dyn Format>, with: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        let console = Console::new(with.context.stdout(self.linger), format);
        Ok(Box::new(console.follow_width(terminal::stdout_columns)))
    }

    fn format(&self, spec: &FormatterSpec) -> Result<Box<dyn Format>> {
        let options = self.options.clone().unwrap_or_else(|| Options {
            color: ColorChoice::Auto.for_stdout(),
            escape: terminal::stdout_is_terminal(),
            terminal: terminal::stdout_columns(),
            ..Options::default()
        });
        spec.build(self.output, options)
    }

    fn default_name(&self) -> String {
        "console".to_owned()
    }

    fn is_required(&self) -> bool {
        self.required
    }

    /// A terminal may be stopped, and nobody may read a pipe.
    fn may_block(&self) -> bool {
        true
    }
}

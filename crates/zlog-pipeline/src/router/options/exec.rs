//! A command that reads records on its standard input.

use super::common::{BATCH, RETRY, batch, positive_time, retry};
use super::{Class, HandlerTarget, Key, Opening, Reader, SharedSettings, Target};
use crate::handler::Handler;
use crate::handler::exec::{ExecHandler, ExecOptions};
use zlog_core::Result;
use zlog_core::format::Format;

/// Runs a command for each batch of records.
pub(super) static EXEC: Class = Class {
    name: "exec",
    option: "--exec",
    about: "Run a command for each batch\n\n\
            The command gets the records on its standard input. No shell is started.",
    main: Some(Key::new("command", "COMMAND", "Command; no shell is started")),
    keys: &[BATCH, RETRY],
    picked_by: None,
    formatted: true,
    stores: false,
    variables: &[],
    read,
};

fn read(reader: &mut dyn Reader, _: &SharedSettings) -> Option<Target> {
    let default = ExecOptions::default();
    let timeout = positive_time(reader, "timeout", default.timeout);
    let (batch, retry) = (batch(reader), retry(reader));
    let command = match reader.words("command") {
        Some(words) => words,
        None => {
            reader.require("command", "\"notify --to ops\"");
            let line = reader.text("command")?;
            let parsed = ExecOptions::parse(&line).map_err(|error| {
                reader.refuse("command", &line, error);
            });
            parsed.ok()?.command
        }
    };
    if command.first().is_none_or(String::is_empty) {
        reader.wrong("command", "names no program", "Name one: command = [\"notify\"].");
        return None;
    }
    Some(Target::Exec(ExecOptions { command, timeout, batch, retry }))
}

impl HandlerTarget for ExecOptions {
    fn open(&self, format: Box<dyn Format>, _: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        Ok(Box::new(ExecHandler::new(self.clone(), format)?))
    }

    fn default_name(&self) -> String {
        self.command.first().cloned().unwrap_or_default()
    }

    fn may_block(&self) -> bool {
        true
    }
}

//! A command.

use super::super::spec::Target;
use super::common::{BATCH, SPOOL, batch, some_time, spool};
use super::{Class, Key, Reader, SharedSettings};
use crate::handler::exec::ExecOptions;

/// A command that gets each batch of records on its standard input.
pub(super) static EXEC: Class = Class {
    name: "exec",
    option: "--exec",
    main: Some(Key::new("command", "COMMAND", "Command; no shell is started")),
    keys: &[BATCH, SPOOL],
    picked_by: None,
    formatted: true,
    read,
};

fn read(reader: &mut dyn Reader, _: &SharedSettings) -> Option<Target> {
    let default = ExecOptions::default();
    let timeout = some_time(reader, "timeout", default.timeout);
    let (batch, spool) = (batch(reader), spool(reader));
    let command = match reader.words("command") {
        Some(words) => words,
        None if !reader.has("command") => {
            reader.missing("command", "", "\"notify --to ops\"");
            return None;
        }
        None => {
            let line = reader.text("command")?;
            match ExecOptions::parse(&line) {
                Ok(parsed) => parsed.command,
                Err(error) => {
                    reader.refuse("command", &line, error);
                    return None;
                }
            }
        }
    };
    if command.first().is_none_or(String::is_empty) {
        reader.wrong("command", "names no program", "Name one: [\"notify\"].");
        return None;
    }
    Some(Target::Exec(ExecOptions { command, timeout, batch, spool }))
}

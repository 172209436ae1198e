//! The fields of a record that the named groups of a pattern fill.

use std::borrow::Cow;

use crate::record::{RawJson, Record, Text};
use crate::wire::json;

/// What a named group is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    /// `time`
    Time,
    /// `level`
    Level,
    /// `message`: the text after all that was recognised.
    Message,
    /// `subtopic`
    Subtopic,
    /// An attribute of `LogRecord` that is text.
    Text(TextField),
    /// One that is a number.
    Number(NumberField),
    /// Any other name: an extra.
    Extra(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextField {
    Name,
    ThreadName,
    ProcessName,
    FuncName,
    Pathname,
    Filename,
    Module,
    Hostname,
    TaskName,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NumberField {
    Process,
    Thread,
    Lineno,
}

impl Field {
    /// The field of a group. The text of other names is kept for the life of the process:
    /// a process compiles a few patterns.
    pub(crate) fn new(name: &str) -> Field {
        match name {
            "time" => Field::Time,
            "level" => Field::Level,
            "message" => Field::Message,
            "subtopic" => Field::Subtopic,
            "name" => Field::Text(TextField::Name),
            "threadName" => Field::Text(TextField::ThreadName),
            "processName" => Field::Text(TextField::ProcessName),
            "funcName" => Field::Text(TextField::FuncName),
            "pathname" => Field::Text(TextField::Pathname),
            "filename" => Field::Text(TextField::Filename),
            "module" => Field::Text(TextField::Module),
            "hostname" => Field::Text(TextField::Hostname),
            "taskName" => Field::Text(TextField::TaskName),
            "process" => Field::Number(NumberField::Process),
            "thread" => Field::Number(NumberField::Thread),
            "lineno" => Field::Number(NumberField::Lineno),
            other => Field::Extra(other.to_owned().leak()),
        }
    }

    /// Sets the field to the text of its group. Time, level and message are not set here. A
    /// number that can't be read becomes an extra.
    pub(crate) fn set<'a>(&self, text: Text<'a>, record: &mut Record<'a>) {
        match self {
            Field::Time | Field::Level | Field::Message => {}
            Field::Subtopic => record.subtopic = text,
            Field::Text(field) => *field.of(record) = Some(text),
            Field::Number(field) => match text.parse() {
                Ok(number) => *field.of(record) = Some(number),
                Err(_) => push_extra(record, field.name(), text),
            },
            Field::Extra(name) => push_extra(record, name, text),
        }
    }
}

impl TextField {
    fn of<'r, 'a>(self, record: &'r mut Record<'a>) -> &'r mut Option<Text<'a>> {
        match self {
            TextField::Name => &mut record.name,
            TextField::ThreadName => &mut record.thread_name,
            TextField::ProcessName => &mut record.process_name,
            TextField::FuncName => &mut record.func_name,
            TextField::Pathname => &mut record.pathname,
            TextField::Filename => &mut record.filename,
            TextField::Module => &mut record.module,
            TextField::Hostname => &mut record.hostname,
            TextField::TaskName => &mut record.task_name,
        }
    }
}

impl NumberField {
    fn of<'r>(self, record: &'r mut Record<'_>) -> &'r mut Option<i64> {
        match self {
            NumberField::Process => &mut record.process,
            NumberField::Thread => &mut record.thread,
            NumberField::Lineno => &mut record.lineno,
        }
    }

    fn name(self) -> &'static str {
        match self {
            NumberField::Process => "process",
            NumberField::Thread => "thread",
            NumberField::Lineno => "lineno",
        }
    }
}

/// Adds an extra: a number as such, other text as a string.
pub(crate) fn push_extra<'a>(record: &mut Record<'a>, name: &'static str, text: Text<'a>) {
    let json = if is_number(&text) { text } else { Cow::Owned(json::quoted(&text)) };
    record.extras.push((Cow::Borrowed(name), RawJson(json)));
}

/// Whether text is a number in JSON, without a sign or an exponent, of a length that all
/// readers hold.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let leads = whole.len() > 1 && whole.starts_with('0');
    text.len() < 16 && digits(whole) && digits(fraction) && !leads
}

//! A record as serde sees it, private to the bench: the fields of a JSON body.
//!
//! MessagePack is charged for no copy and no allocation that JSON does not make: texts
//! are borrowed both ways, and the list of extras, which JSON's reader makes too, is
//! the record's own.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::extras::Extras;
use zlog_core::error::{Error, Result};
use zlog_core::python::percent;
use zlog_core::record::{Level, Record};

/// One list of fields for both forms: names and order of
/// [`json::write`](zlog_core::wire::json::write). Absent ones are left out where they have
/// names, as in JSON, and hold their place where they have none.
macro_rules! forms {
    ($a:lifetime; $($field:ident: $kind:ty = $name:literal,)*) => {
        #[derive(Serialize, Deserialize)]
        struct Named<$a> {
            $(#[serde(default, rename = $name, skip_serializing_if = "Option::is_none")]
            $field: Option<$kind>,)*
            #[serde(default, borrow, skip_serializing_if = "Extras::is_empty")]
            extras: Extras<$a>,
        }

        #[derive(Serialize, Deserialize)]
        struct Bare<$a> {
            $($field: Option<$kind>,)*
            #[serde(borrow)]
            extras: Extras<$a>,
        }

        impl<$a> From<Bare<$a>> for Named<$a> {
            fn from(bare: Bare<$a>) -> Named<$a> {
                Named { $($field: bare.$field,)* extras: bare.extras }
            }
        }

        impl<$a> From<Named<$a>> for Bare<$a> {
            fn from(named: Named<$a>) -> Bare<$a> {
                Bare { $($field: named.$field,)* extras: named.extras }
            }
        }
    };
}

forms! {
    'a;
    name: &'a str = "name",
    msg: &'a str = "msg",
    levelname: &'a str = "levelname",
    levelno: i32 = "levelno",
    pathname: &'a str = "pathname",
    filename: &'a str = "filename",
    module: &'a str = "module",
    exc_text: &'a str = "exc_text",
    stack_info: &'a str = "stack_info",
    lineno: i64 = "lineno",
    func_name: &'a str = "funcName",
    created: f64 = "created",
    msecs: f64 = "msecs",
    relative_created: f64 = "relativeCreated",
    thread: i64 = "thread",
    thread_name: &'a str = "threadName",
    process: i64 = "process",
    process_name: &'a str = "processName",
    task_name: &'a str = "taskName",
    hostname: &'a str = "hostname",
    source: &'a str = "source",
    seq: u64 = "seq",
}

impl<'a> Named<'a> {
    /// The fields of `record`. `msg` and `levelname` are made by the caller, for they
    /// may have to be put together.
    fn of(record: &'a Record<'_>, msg: &'a str, levelname: &'a str) -> Named<'a> {
        Named {
            name: record.name.as_deref(),
            msg: Some(msg),
            levelname: Some(levelname),
            levelno: Some(record.level.0),
            pathname: record.pathname.as_deref(),
            filename: record.filename.as_deref(),
            module: record.module.as_deref(),
            exc_text: record.exc_text.as_deref(),
            stack_info: record.stack_info.as_deref(),
            lineno: record.lineno,
            func_name: record.func_name.as_deref(),
            created: record.created,
            msecs: record.msecs,
            relative_created: record.relative_created,
            thread: record.thread,
            thread_name: record.thread_name.as_deref(),
            process: record.process,
            process_name: record.process_name.as_deref(),
            task_name: record.task_name.as_deref(),
            hostname: record.hostname.as_deref(),
            source: record.source.as_deref(),
            seq: record.seq,
            extras: Extras::Held(&record.extras),
        }
    }

    fn into_record(self) -> Record<'a> {
        let text = |text: Option<&'a str>| text.map(Cow::Borrowed);
        let level = Level(self.levelno.unwrap_or_default());
        // As from JSON: a name that follows from the number is not kept.
        let levelname = self.levelname.filter(|name| level.name() != *name);
        Record {
            name: text(self.name),
            msg: Cow::Borrowed(self.msg.unwrap_or_default()),
            level,
            levelname: text(levelname),
            pathname: text(self.pathname),
            filename: text(self.filename),
            module: text(self.module),
            exc_text: text(self.exc_text),
            stack_info: text(self.stack_info),
            lineno: self.lineno,
            func_name: text(self.func_name),
            created: self.created,
            msecs: self.msecs,
            relative_created: self.relative_created,
            thread: self.thread,
            thread_name: text(self.thread_name),
            process: self.process,
            process_name: text(self.process_name),
            task_name: text(self.task_name),
            hostname: text(self.hostname),
            source: text(self.source),
            seq: self.seq,
            extras: self.extras.into_vec(),
            ..Record::default()
        }
    }
}

/// Appends `record` as a map.
///
/// # Errors
/// As [`Codec::encode`](super::Codec::encode).
pub(super) fn write_named(record: &Record<'_>, mut out: &mut Vec<u8>) -> Result<()> {
    let (msg, levelname) = (percent::message(record), record.level_name());
    let form = Named::of(record, &msg, &levelname);
    rmp_serde::encode::write_named(&mut out, &form).map_err(|error| wrong(&error))
}

/// Appends `record` as an array.
///
/// # Errors
/// As [`Codec::encode`](super::Codec::encode).
pub(super) fn write_bare(record: &Record<'_>, mut out: &mut Vec<u8>) -> Result<()> {
    let (msg, levelname) = (percent::message(record), record.level_name());
    let form = Bare::from(Named::of(record, &msg, &levelname));
    rmp_serde::encode::write(&mut out, &form).map_err(|error| wrong(&error))
}

/// Reads a map.
///
/// # Errors
/// As [`Codec::decode`](super::Codec::decode).
pub(super) fn read_named(body: &[u8]) -> Result<Record<'_>> {
    let form: Named<'_> = rmp_serde::from_slice(body).map_err(|error| wrong(&error))?;
    Ok(form.into_record())
}

/// Reads an array.
///
/// # Errors
/// As [`Codec::decode`](super::Codec::decode).
pub(super) fn read_bare(body: &[u8]) -> Result<Record<'_>> {
    let form: Bare<'_> = rmp_serde::from_slice(body).map_err(|error| wrong(&error))?;
    Ok(Named::from(form).into_record())
}

fn wrong(error: &impl std::fmt::Display) -> Error {
    Error::new(format!("not MessagePack: {error}"))
}

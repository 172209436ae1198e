//! Records as MessagePack, with the fields of a JSON body.
//!
//! The comparison is fair: like the JSON code, this borrows texts both ways, and allocates
//! only the list of extras.

use std::borrow::Cow;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use zlog_core::{Level, RawJson, Record, Text};

/// One list of fields for both forms, in the order of `zlog_core::wire::json::write`. As in
/// JSON, the map omits absent fields; the array has nil for them.
macro_rules! forms {
    ($a:lifetime; $($field:ident: $kind:ty = $name:literal,)*) => {
        #[derive(Serialize, Deserialize)]
        struct Map<$a> {
            $(#[serde(default, rename = $name, skip_serializing_if = "Option::is_none")]
            $field: Option<$kind>,)*
            #[serde(default, borrow, skip_serializing_if = "Extras::is_empty")]
            extras: Extras<$a>,
        }

        #[derive(Serialize, Deserialize)]
        struct Array<$a> {
            $($field: Option<$kind>,)*
            #[serde(borrow)]
            extras: Extras<$a>,
        }

        impl<$a> From<Array<$a>> for Map<$a> {
            fn from(array: Array<$a>) -> Map<$a> {
                Map { $($field: array.$field,)* extras: array.extras }
            }
        }

        impl<$a> From<Map<$a>> for Array<$a> {
            fn from(map: Map<$a>) -> Array<$a> {
                Array { $($field: map.$field,)* extras: map.extras }
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

impl<'a> Map<'a> {
    /// The fields of `record`, with `msg` and `levelname` as formatted by the caller.
    fn of(record: &'a Record<'_>, msg: &'a str, levelname: &'a str) -> Map<'a> {
        Map {
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
            extras: Extras::Borrowed(&record.extras),
        }
    }

    fn into_record(self) -> Record<'a> {
        let text = |text: Option<&'a str>| text.map(Cow::Borrowed);
        let level = Level(self.levelno.unwrap_or_default());
        // As the JSON reader does: a standard level name is not stored.
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

type EncodeResult = Result<(), rmp_serde::encode::Error>;
type DecodeResult<'a> = Result<Record<'a>, rmp_serde::decode::Error>;

/// Appends `record` as a map.
pub(super) fn write_map(record: &Record<'_>, mut out: &mut Vec<u8>) -> EncodeResult {
    let (msg, levelname) = (record.message(), record.level_name());
    rmp_serde::encode::write_named(&mut out, &Map::of(record, &msg, &levelname))
}

/// Appends `record` as an array.
pub(super) fn write_array(record: &Record<'_>, mut out: &mut Vec<u8>) -> EncodeResult {
    let (msg, levelname) = (record.message(), record.level_name());
    rmp_serde::encode::write(&mut out, &Array::from(Map::of(record, &msg, &levelname)))
}

/// Reads a map.
pub(super) fn read_map(body: &[u8]) -> DecodeResult<'_> {
    rmp_serde::from_slice(body).map(Map::into_record)
}

/// Reads an array.
pub(super) fn read_array(body: &[u8]) -> DecodeResult<'_> {
    rmp_serde::from_slice::<Array<'_>>(body).map(|array| Map::from(array).into_record())
}

type Extra<'a> = (Text<'a>, RawJson<'a>);

/// A record's extras, serialised without an intermediate list. Values stay JSON text, as in
/// the record: converting them would cost MessagePack more.
enum Extras<'a> {
    /// Of a record to write.
    Borrowed(&'a [Extra<'a>]),
    /// Of a record being read.
    Owned(Vec<Extra<'a>>),
}

impl Default for Extras<'_> {
    fn default() -> Self {
        Extras::Owned(Vec::new())
    }
}

impl<'a> Extras<'a> {
    fn as_slice(&self) -> &[Extra<'a>] {
        match self {
            Extras::Borrowed(extras) => extras,
            Extras::Owned(extras) => extras,
        }
    }

    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    fn into_vec(self) -> Vec<Extra<'a>> {
        match self {
            Extras::Borrowed(extras) => extras.to_vec(),
            Extras::Owned(extras) => extras,
        }
    }
}

impl Serialize for Extras<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice().iter().map(|(key, json)| (&**key, &*json.0)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extras<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs).map(Extras::Owned)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<Extra<'de>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pairs of a name and a JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        // Does not trust the length in the body for the capacity.
        let mut extras = Vec::new();
        while let Some((key, json)) = pairs.next_element::<(&str, &str)>()? {
            extras.push((Cow::Borrowed(key), RawJson(Cow::Borrowed(json))));
        }
        Ok(extras)
    }
}

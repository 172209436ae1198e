//! Pickled `LogRecord`s, decoded as data.
//!
//! Python's `SocketHandler` pickles a record's attributes, as do `send_pyobj(record)` and
//! `send_pyobj(record.__dict__)`. A pickle is a program for a stack machine that can call
//! any function, so Python's `pickle.loads` must not read one from the network. This module
//! imports nothing and calls nothing. Values become JSON; where JSON does not have a value
//! (a tuple, a time), the record also keeps what Python prints for it. Protocols 0 to 5 are
//! supported.
//!
//! A small hostile pickle can describe a huge value: parts that refer to each other a
//! billion times, or to themselves. So all values are in one list and refer to each other by
//! index, nothing recurses deeper than [`Limits::depth`], and [`Limits`] bound every step.

mod budget;
mod classes;
mod decode;
mod fast_path;
mod number;
mod print;
mod render;
mod value;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::mem;

use crate::python;
use crate::python::percent::{self, Args};
use crate::record::{RawJson, Record};
use crate::text::json;
use crate::wire::attributes::{Builder, Value as _};
use budget::Budget;
use decode::{Buffers, Decoder};
use render::Item;
use value::{Id, Pickle, Value};

pub use write::write;

/// Limits on the work for one pickle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The size of the pickle, in bytes.
    pub input: usize,
    /// The number of opcodes, and so of values and of stack entries.
    pub opcodes: usize,
    /// The number of memo entries, to which a pickle refers back.
    pub memo: usize,
    /// The depth of values. Deeper ones are shown as `...`.
    pub depth: usize,
    /// The bytes that are copied: the JSON and the texts of `args` and extras, and texts with
    /// escapes.
    pub output: usize,
}

impl Limits {
    /// 64 MiB, a million opcodes, 65,536 memo entries, 64 levels, 64 MiB of JSON.
    pub const DEFAULT: Limits = Limits {
        input: 64 << 20,
        opcodes: 1_000_000,
        memo: 1 << 16,
        depth: json::MAX_DEPTH,
        output: 64 << 20,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// Why a pickle was rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It ends in the middle.
    Truncated,
    /// An opcode that protocols 0 to 5 don't have, or a later protocol.
    Unknown(u8),
    /// An opcode has invalid operands; the text says which.
    Malformed(&'static str),
    /// One of the [`Limits`] is exceeded; the text says which.
    TooLarge(&'static str),
    /// A valid pickle, but not of a log record.
    NotARecord,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pickle: ")?;
        match self {
            Refused::Truncated => f.write_str("ends in the middle"),
            Refused::Unknown(code) => write!(f, "unknown opcode or protocol {code}"),
            Refused::Malformed(what) => f.write_str(what),
            Refused::TooLarge(what) => write!(f, "too many {what}"),
            Refused::NotARecord => f.write_str("not a log record"),
        }
    }
}

impl std::error::Error for Refused {}

/// Whether a body begins like a pickled record: with the opcode of the protocol or, before
/// protocol 2, with a dict or an object. `SocketHandler`'s 4-byte length may precede it.
pub(super) fn looks_like_pickle(body: &[u8]) -> bool {
    /// `{}` and `dict()` of protocols 0 and 1, and an object of either.
    const OLD: [&[u8]; 6] =
        [b"(d", b"}q", b"}(", b"}.", b"ccopy_reg\n_reconstructor\n", b"ccopyreg\n"];
    match unframed(body) {
        [0x80, ..] => true,
        [.., b'.'] if OLD.iter().any(|start| unframed(body).starts_with(start)) => true,
        _ => false,
    }
}

/// Whether the pickle of a record may begin with this byte.
pub fn is_start(byte: u8) -> bool {
    matches!(byte, 0x80 | b'}' | b'(' | b'c')
}

/// Whether a body that looks like a pickle may also be text.
pub(super) fn may_be_text(body: &[u8]) -> bool {
    unframed(body).first() != Some(&0x80) && unframed(body).len() == body.len()
}

/// Removes the big-endian length that `SocketHandler` puts before a pickle.
fn unframed(body: &[u8]) -> &[u8] {
    match body.split_first_chunk::<4>() {
        Some((length, rest)) if u32::from_be_bytes(*length) as usize == rest.len() => rest,
        _ => body,
    }
}

/// Reads a pickled dict of `LogRecord` attributes, or a pickled `logging.LogRecord`.
///
/// Values without a JSON form become text. Parts beyond [`Limits::depth`] or
/// [`Limits::output`] are replaced by `...`, and the record has a
/// [`fault`](Record::fault).
///
/// # Errors
/// `body` is not a pickle to its last byte, exceeds a limit, or is not a log record.
pub fn read<'a>(body: &'a [u8], limits: &Limits) -> Result<Record<'a>, Refused> {
    let mut record = Record::default();
    Reader::default().read_into(body, limits, &mut record)?;
    Ok(record)
}

/// Reads pickles one after the other, and reuses its buffers: for sources of pickles,
/// where allocating them each time would be expensive.
#[derive(Debug, Default)]
pub struct Reader {
    values: Vec<Value<'static>>,
    buffers: Buffers,
    memo: Vec<fast_path::TextRange>,
}

impl Reader {
    /// As [`read`], into an empty record, which is not moved.
    ///
    /// # Errors
    /// As [`read`]; `record` is then undefined.
    pub fn read_into<'a>(
        &mut self,
        body: &'a [u8],
        limits: &Limits,
        record: &mut Record<'a>,
    ) -> Result<(), Refused> {
        let body = unframed(body);
        if body.len() > limits.input {
            return Err(Refused::TooLarge("bytes"));
        }
        if fast_path::read(body, limits, &mut self.memo, record).is_none() {
            *record = Record::default();
            self.read_general(body, limits, record)?;
        }
        rename_reserved(record);
        Ok(())
    }

    fn read_general<'a>(
        &mut self,
        body: &'a [u8],
        limits: &Limits,
        record: &mut Record<'a>,
    ) -> Result<(), Refused> {
        let (values, buffers) = (mem::take(&mut self.values), mem::take(&mut self.buffers));
        let mut decoder = Decoder::new(body, *limits, decode::recycled(values), buffers);
        let top = decoder.run();
        let (values, buffers) = decoder.into_parts();
        let pickle = Pickle { values, top: top.as_ref().copied().unwrap_or(0) };
        let read = top.and_then(|_| fill(&pickle, limits, record));
        self.values = decode::recycled(pickle.values);
        self.buffers = buffers;
        read
    }
}

/// Renames extras that have the names of keys which zlog adds: they must neither get lost nor
/// be taken for zlog's.
fn rename_reserved(record: &mut Record<'_>) {
    if let Some(own) = record.source.take() {
        let key = record.free_extra_name("source");
        record.extras.push((key.into(), RawJson(json::quoted(&own).into())));
    }
    if let Some(own) = record.seq.take() {
        let key = record.free_extra_name("seq");
        record.extras.push((key.into(), RawJson(own.to_string().into())));
    }
}

/// Fills a record from a pickle.
fn fill<'a>(pickle: &Pickle<'a>, limits: &Limits, record: &mut Record<'a>) -> Result<(), Refused> {
    let attributes = attributes(pickle).ok_or(Refused::NotARecord)?;
    let budget = Budget::new(limits);
    let mut builder = Builder::new(record, false);
    let (mut args, mut extra_text) = (None, None);
    for &(key, value) in attributes {
        let item = Item::new(pickle, value, &budget);
        let key = match pickle.get(key) {
            Value::Str(key) => key.clone(),
            _ => Item::new(pickle, key, &budget).str(),
        };
        if key == "extra_text" {
            extra_text = Some(value);
            continue;
        }
        let is_args = key == "args";
        builder.set(key, &item);
        // Arguments whose JSON does not say all are inserted now.
        args = if is_args { Some(value).filter(|_| !item.exact.get()) } else { args };
    }
    if builder.finish() == super::attributes::Schema::Other {
        return Err(Refused::NotARecord);
    }
    if let Some(own) = extra_text {
        let key = record.free_extra_name("extra_text");
        record.extras.push((key.into(), RawJson(Item::new(pickle, own, &budget).json())));
    }
    if let Some(args) = args {
        insert_args(pickle, args, &budget, record);
    }
    if budget.was_truncated() {
        record.fault = Some("pickle: nested too deep or too large to be shown whole".into());
    }
    Ok(())
}

/// Inserts arguments into the message, as `SocketHandler` does, and keeps their text.
/// Arguments that don't fit stay.
fn insert_args(pickle: &Pickle<'_>, args: Id, budget: &Budget, record: &mut Record<'_>) {
    let value = |id| printed_value(pickle, budget, id);
    let args_of = |id| match pickle.get(id) {
        Value::Tuple(all) => Args::tuple(all.iter().map(|&id| value(id)).collect()),
        Value::Dict(all) => {
            let entries = all.iter().filter_map(|&(key, id)| match pickle.get(key) {
                Value::Str(key) => Some((key.clone(), value(id))),
                _ => None,
            });
            Args::mapping(value(args), entries.collect())
        }
        _ => Args::tuple(vec![value(args)]),
    };
    if let Ok(message) = percent::insert(&record.msg, args_of(args)) {
        record.msg = message.into();
        record.args = None;
        record.set_extra_text("args", &print::str(pickle, budget, args));
    }
}

/// A value as `%` formatting sees it.
fn printed_value<'p>(pickle: &'p Pickle<'_>, budget: &Budget, id: Id) -> python::Value<'p> {
    match pickle.get(id) {
        Value::None => python::Value::None,
        Value::Bool(truth) => python::Value::Bool(*truth),
        Value::Int(number) => python::Value::Int((*number).into()),
        Value::Big(digits) => python::Value::Big(digits),
        Value::Float(number) => python::Value::Float(*number),
        Value::Str(text) => python::Value::Text(Cow::Borrowed(text)),
        _ => python::Value::Printed {
            text: print::str(pickle, budget, id).into(),
            repr: Some(print::repr(pickle, budget, id).into()),
        },
    }
}

/// The dict of a record's attributes.
fn attributes<'p>(pickle: &'p Pickle<'_>) -> Option<&'p [(Id, Id)]> {
    let state = match pickle.get(pickle.top) {
        Value::Object(object) => object.state?,
        _ => pickle.top,
    };
    match pickle.get(state) {
        Value::Dict(entries) => Some(entries),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

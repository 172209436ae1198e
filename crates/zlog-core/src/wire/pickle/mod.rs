//! Pickled `LogRecord`s, decoded as data.
//!
//! Python's `SocketHandler` pickles a record's attributes, as do `send_pyobj(record)` and
//! `send_pyobj(record.__dict__)`. A pickle is a program for a stack machine that can call
//! any function, so Python's `pickle.loads` must not read one from the network. This module
//! imports nothing and calls nothing: a call becomes text like `<module.name: argument>`,
//! and some classes (times, decimals, paths) are shown as Python prints them. Protocols 0
//! to 5 are supported.
//!
//! A small hostile pickle can describe a huge value: parts that refer to each other a
//! billion times, or to themselves. So the code does not recurse (all values are in one
//! list and refer to each other by index), and [`Limits`] bound every step.

mod decode;
mod fast_path;
mod number;
mod render;
mod stdlib_types;
mod value;

use std::fmt;
use std::mem;

use crate::record::Record;
use crate::wire::attributes::Builder;
use crate::wire::json;
use decode::{Buffers, Decoder};
use render::{Budget, Item};
use value::{Id, Pickle, Value};

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
    /// The bytes that are copied: the JSON of `args` and extras, and texts with escapes.
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
        if fast_path::read(body, limits, &mut self.memo, record).is_some() {
            return Ok(());
        }
        *record = Record::default();
        self.read_general(body, limits, record)
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

/// Fills a record from a pickle.
fn fill<'a>(pickle: &Pickle<'a>, limits: &Limits, record: &mut Record<'a>) -> Result<(), Refused> {
    let attributes = attributes(pickle).ok_or(Refused::NotARecord)?;
    let budget = Budget::new(limits);
    let mut builder = Builder::new(record, false);
    for &(key, value) in attributes {
        let item = Item { pickle, id: value, budget: &budget };
        let Value::Str(key) = pickle.get(key) else { return Err(Refused::NotARecord) };
        builder.set(key.clone(), &item);
    }
    if builder.finish() == super::json::Schema::Other {
        return Err(Refused::NotARecord);
    }
    if budget.was_truncated() {
        record.fault = Some("pickle: nested too deep or too large to be shown whole".into());
    }
    Ok(())
}

/// The dict of a record's attributes.
fn attributes<'p>(pickle: &'p Pickle<'_>) -> Option<&'p [(Id, Id)]> {
    let state = match pickle.get(pickle.top) {
        Value::Object(object) if pickle.is_class(object, "logging", "LogRecord") => object.state?,
        _ => pickle.top,
    };
    match pickle.get(state) {
        Value::Dict(entries) => Some(entries),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! Python's `%` formatting of a message with arguments given as JSON.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::python::directive::{self, Count};
use crate::python::{FormatError, Value, repr};
use crate::wire::json;

/// How far a message may grow beyond the size of its parts, in bytes.
const MAX_GROWTH: usize = 1 << 20;

/// `msg % args` as CPython computes it. `args` is JSON: an array for a tuple of arguments,
/// an object for a mapping that `%(key)s` looks up.
///
/// Borrows `msg` if there are no arguments.
///
/// # Errors
/// The arguments don't fit: CPython raises an exception.
pub(crate) fn format<'m>(msg: &'m str, args: &str) -> Result<Cow<'m, str>, FormatError> {
    let args = Args::parse(args).ok_or(FormatError("the arguments are not JSON"))?;
    if args.is_empty() {
        return Ok(Cow::Borrowed(msg));
    }
    insert(msg, args).map(Cow::Owned)
}

/// The arguments: JSON texts, borrowed from the record.
enum Args<'a> {
    Tuple(std::vec::IntoIter<&'a str>),
    Mapping { whole: &'a str, entries: Entries<'a> },
}

/// The entries of a mapping. Of duplicate keys the last counts, as in Python's json.
enum Entries<'a> {
    List(Vec<(Cow<'a, str>, &'a str)>),
    /// For more than [`MAX_LIST_ENTRIES`]: many directives times many entries would be
    /// quadratic.
    Table(HashMap<Cow<'a, str>, &'a str>),
}

/// Up to this many entries, searching the list is faster than building a hash table.
const MAX_LIST_ENTRIES: usize = 16;

impl<'a> Entries<'a> {
    fn new(entries: Vec<(Cow<'a, str>, &'a str)>) -> Entries<'a> {
        match entries.len() {
            0..=MAX_LIST_ENTRIES => Entries::List(entries),
            _ => Entries::Table(entries.into_iter().collect()),
        }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        match self {
            Entries::List(list) => list.iter().rev().find(|(name, _)| name == key).map(|e| e.1),
            Entries::Table(table) => table.get(key).copied(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Entries::List(list) if list.is_empty())
    }
}

impl<'a> Args<'a> {
    fn parse(json: &'a str) -> Option<Args<'a>> {
        let whole = json.trim();
        Some(match whole.as_bytes().first()? {
            b'[' => Args::Tuple(repr::elements(whole)?.into_iter()),
            b'{' => Args::Mapping { whole, entries: Entries::new(json::entries(whole)?) },
            _ => Args::Tuple(vec![whole].into_iter()),
        })
    }

    fn is_empty(&self) -> bool {
        match self {
            Args::Tuple(values) => values.len() == 0,
            Args::Mapping { entries, .. } => entries.is_empty(),
        }
    }
}

fn insert(msg: &str, args: Args<'_>) -> Result<String, FormatError> {
    let mut cursor = ArgCursor { args, mapping_used: false, spent: false };
    let mut out = String::with_capacity(msg.len() + 32);
    let limit = msg.len() + cursor.args_len() + MAX_GROWTH;
    let mut rest = msg;
    while let Some(at) = memchr::memchr(b'%', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        rest = cursor.directive(rest, &mut out)?;
        if out.len() > limit {
            return Err(FormatError("the message grows too large"));
        }
    }
    out.push_str(rest);
    if cursor.all_used() { Ok(out) } else { Err(FormatError("not all arguments are used")) }
}

/// Hands out each argument once.
struct ArgCursor<'a> {
    args: Args<'a>,
    /// A key of the mapping was used, so the mapping can't be the one argument.
    mapping_used: bool,
    /// The mapping was used as the one argument.
    spent: bool,
}

impl<'a> ArgCursor<'a> {
    fn args_len(&self) -> usize {
        match &self.args {
            Args::Tuple(values) => values.as_slice().iter().map(|v| v.len()).sum(),
            Args::Mapping { whole, .. } => whole.len(),
        }
    }

    /// Python requires that a tuple is used up, but not a mapping.
    fn all_used(&self) -> bool {
        match &self.args {
            Args::Tuple(values) => values.len() == 0,
            Args::Mapping { .. } => true,
        }
    }

    /// Reads a directive after its `%` and writes its argument. Returns the rest.
    fn directive<'m>(&mut self, text: &'m str, out: &mut String) -> Result<&'m str, FormatError> {
        let (directive, rest) = directive::read(text)?;
        let keyed = directive.key.map(|key| self.entry(key)).transpose()?;
        let width = self.count(directive.width, keyed.is_some())?;
        let precision = self.count(directive.precision, keyed.is_some())?;
        let spec = directive.spec(width, precision)?;
        let value = match keyed {
            Some(value) => value,
            None => self.next_value()?,
        };
        directive::convert(spec, directive.conversion, &Value::from_json(value), out)?;
        Ok(rest)
    }

    fn entry(&mut self, key: &str) -> Result<&'a str, FormatError> {
        let Args::Mapping { entries, .. } = &self.args else {
            return Err(FormatError("the arguments have no names"));
        };
        self.mapping_used = true;
        entries.get(key).ok_or(FormatError("no argument has this name"))
    }

    /// A width or a precision; `*` takes the next argument.
    fn count(&mut self, count: Count, keyed: bool) -> Result<Option<i128>, FormatError> {
        const NO_COUNT: FormatError = FormatError("`*` needs an integer");
        match count {
            Count::Absent => Ok(None),
            Count::Given(number) => Ok(Some(number)),
            Count::Argument if keyed => Err(NO_COUNT),
            Count::Argument => {
                Value::from_json(self.next_value()?).integer().map(Some).ok_or(NO_COUNT)
            }
        }
    }

    fn next_value(&mut self) -> Result<&'a str, FormatError> {
        const TOO_FEW: FormatError = FormatError("not enough arguments");
        match &mut self.args {
            Args::Tuple(values) => values.next().ok_or(TOO_FEW),
            Args::Mapping { whole, .. } if !self.mapping_used && !self.spent => {
                self.spent = true;
                Ok(whole)
            }
            Args::Mapping { .. } => Err(TOO_FEW),
        }
    }
}

#[cfg(test)]
mod tests;

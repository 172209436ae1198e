//! Python's `%` formatting of a message with arguments given as JSON.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::python::directive::{self, Count};
use crate::python::{FormatError, Value, repr};
use crate::text::json;

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
    let args = parse(args).ok_or(FormatError("the arguments are not JSON"))?;
    if args.is_empty() {
        return Ok(Cow::Borrowed(msg));
    }
    insert(msg, args).map(Cow::Owned)
}

/// An argument: JSON text that is borrowed from the record, or a value.
pub(crate) trait Argument<'a>: Clone {
    /// The value.
    fn value(self) -> Value<'a>;
    /// The size of its text, at least, in bytes.
    fn size(&self) -> usize;
}

impl<'a> Argument<'a> for &'a str {
    fn value(self) -> Value<'a> {
        Value::from_json(self)
    }

    fn size(&self) -> usize {
        self.len()
    }
}

impl<'a> Argument<'a> for Value<'a> {
    fn value(self) -> Value<'a> {
        self
    }

    fn size(&self) -> usize {
        match self {
            Value::Big(text) | Value::Json(text) | Value::Tuple(text) => text.len(),
            Value::Text(text) | Value::Printed { text, .. } => text.len(),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
        }
    }
}

/// The arguments.
pub(crate) struct Args<'a, A>(Kind<'a, A>);

enum Kind<'a, A> {
    Tuple(std::vec::IntoIter<A>),
    Mapping { whole: A, entries: Entries<'a, A> },
}

/// The entries of a mapping. Of duplicate keys the last counts, as in Python's json.
enum Entries<'a, A> {
    List(Vec<(Cow<'a, str>, A)>),
    /// For more than [`MAX_LIST_ENTRIES`]: many directives times many entries would be
    /// quadratic.
    Table(HashMap<Cow<'a, str>, A>),
}

/// Up to this many entries, searching the list is faster than building a hash table.
const MAX_LIST_ENTRIES: usize = 16;

impl<'a, A: Argument<'a>> Entries<'a, A> {
    fn new(entries: Vec<(Cow<'a, str>, A)>) -> Entries<'a, A> {
        match entries.len() {
            0..=MAX_LIST_ENTRIES => Entries::List(entries),
            _ => Entries::Table(entries.into_iter().collect()),
        }
    }

    fn get(&self, key: &str) -> Option<A> {
        match self {
            Entries::List(list) => {
                list.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone())
            }
            Entries::Table(table) => table.get(key).cloned(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Entries::List(list) if list.is_empty())
    }
}

/// Arguments from JSON. `null` is none: the sender has inserted them.
fn parse(json: &str) -> Option<Args<'_, &str>> {
    let whole = json.trim();
    Some(match whole.as_bytes().first()? {
        b'[' => Args::tuple(repr::elements(whole)?),
        b'{' => Args::mapping(whole, json::entries(whole)?),
        _ if whole == "null" => Args::tuple(Vec::new()),
        _ => Args::tuple(vec![whole]),
    })
}

impl<'a, A: Argument<'a>> Args<'a, A> {
    /// A tuple of arguments.
    pub(crate) fn tuple(values: Vec<A>) -> Args<'a, A> {
        Args(Kind::Tuple(values.into_iter()))
    }

    /// A mapping, as a value and as its entries.
    pub(crate) fn mapping(whole: A, entries: Vec<(Cow<'a, str>, A)>) -> Args<'a, A> {
        Args(Kind::Mapping { whole, entries: Entries::new(entries) })
    }

    fn is_empty(&self) -> bool {
        match &self.0 {
            Kind::Tuple(values) => values.len() == 0,
            Kind::Mapping { entries, .. } => entries.is_empty(),
        }
    }
}

/// `msg % args`.
///
/// # Errors
/// The arguments don't fit: CPython raises an exception.
pub(crate) fn insert<'a, A: Argument<'a>>(
    msg: &str,
    args: Args<'a, A>,
) -> Result<String, FormatError> {
    let mut cursor = ArgCursor { args: args.0, mapping_used: false, spent: false };
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
struct ArgCursor<'a, A> {
    args: Kind<'a, A>,
    /// A key of the mapping was used, so the mapping can't be the one argument.
    mapping_used: bool,
    /// The mapping was used as the one argument.
    spent: bool,
}

impl<'a, A: Argument<'a>> ArgCursor<'a, A> {
    fn args_len(&self) -> usize {
        match &self.args {
            Kind::Tuple(values) => values.as_slice().iter().map(A::size).sum(),
            Kind::Mapping { whole, .. } => whole.size(),
        }
    }

    /// Python requires that a tuple is used up, but not a mapping.
    fn all_used(&self) -> bool {
        match &self.args {
            Kind::Tuple(values) => values.len() == 0,
            Kind::Mapping { .. } => true,
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
        directive::convert(spec, directive.conversion, &value.value(), out)?;
        Ok(rest)
    }

    fn entry(&mut self, key: &str) -> Result<A, FormatError> {
        let Kind::Mapping { entries, .. } = &self.args else {
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
            Count::Argument => self.next_value()?.value().integer().map(Some).ok_or(NO_COUNT),
        }
    }

    fn next_value(&mut self) -> Result<A, FormatError> {
        const TOO_FEW: FormatError = FormatError("not enough arguments");
        match &mut self.args {
            Kind::Tuple(values) => values.next().ok_or(TOO_FEW),
            Kind::Mapping { whole, .. } if !self.mapping_used && !self.spent => {
                self.spent = true;
                Ok(whole.clone())
            }
            Kind::Mapping { .. } => Err(TOO_FEW),
        }
    }
}

#[cfg(test)]
mod tests;

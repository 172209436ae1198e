//! Python's `%` formatting: a message and its arguments.
//!
//! `msg % args` as CPython computes it, for arguments that came as JSON: an
//! array stands for the tuple of arguments, an object for the mapping that
//! `%(key)s` looks into.
//!
//! What may be here: the `%` directives. How a value prints is `percent/`'s.

mod number;
mod repr;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use crate::record::Record;
use crate::wire::json;

/// Widest field and most digits that a message may ask for: a hostile
/// `%999999999d` must not fill the memory. CPython has no such limit.
const MAX_WIDTH: usize = 1000;

/// What a message may grow to beyond the size of its parts, in bytes.
const MAX_GROWTH: usize = 1 << 20;

/// The message with its arguments put in, as `LogRecord.getMessage` gives it.
///
/// Borrows the message where there are no arguments. Where they don't fit (too
/// many or too few, wrong types, a width beyond 1000), nothing is lost: the
/// message stays as it is, with the arguments as JSON after it.
pub fn message<'r>(record: &'r Record<'_>) -> Cow<'r, str> {
    let Some(args) = &record.args else { return Cow::Borrowed(&record.msg) };
    let Some(args) = Args::parse(&args.0) else { return unformatted(&record.msg, &args.0) };
    if args.is_empty() {
        return Cow::Borrowed(&record.msg);
    }
    match format(&record.msg, args) {
        Ok(text) => Cow::Owned(text),
        Err(Mismatch) => unformatted(&record.msg, record.args.as_ref().map_or("", |args| &args.0)),
    }
}

fn unformatted<'r>(msg: &str, args: &str) -> Cow<'r, str> {
    Cow::Owned(format!("{msg} {args}"))
}

/// What Python raises a `TypeError` or `ValueError` for.
#[derive(Debug)]
struct Mismatch;

/// The arguments: JSON texts, borrowed from the record.
enum Args<'a> {
    Tuple(std::vec::IntoIter<&'a str>),
    Mapping { whole: &'a str, entries: Entries<'a> },
}

/// The entries of a mapping. Of a key that stands twice, Python's json keeps the last.
enum Entries<'a> {
    Few(Vec<(Cow<'a, str>, &'a str)>),
    /// Beyond [`FEW`], or a message of very many directives would look at each entry
    /// for each of them.
    Many(HashMap<Cow<'a, str>, &'a str>),
}

/// So many entries are looked through faster than a hash table is made.
const FEW: usize = 16;

impl<'a> Entries<'a> {
    fn new(entries: Vec<(Cow<'a, str>, &'a str)>) -> Entries<'a> {
        match entries.len() {
            0..=FEW => Entries::Few(entries),
            _ => Entries::Many(entries.into_iter().collect()),
        }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        match self {
            Entries::Few(list) => list.iter().rev().find(|(name, _)| name == key).map(|e| e.1),
            Entries::Many(table) => table.get(key).copied(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Entries::Few(list) if list.is_empty())
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

/// One directive: what stands between `%` and the letter.
#[derive(Default, Clone, Copy)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

fn format(msg: &str, args: Args<'_>) -> Result<String, Mismatch> {
    let mut formatter = Formatter { args, rest: msg, mapping_used: false, spent: false };
    let mut out = String::with_capacity(msg.len() + 32);
    let limit = msg.len() + formatter.args_len() + MAX_GROWTH;
    while let Some(at) = memchr::memchr(b'%', formatter.rest.as_bytes()) {
        out.push_str(&formatter.rest[..at]);
        formatter.rest = &formatter.rest[at + 1..];
        formatter.directive(&mut out)?;
        if out.len() > limit {
            return Err(Mismatch);
        }
    }
    out.push_str(formatter.rest);
    formatter.all_used().then_some(out).ok_or(Mismatch)
}

struct Formatter<'m, 'a> {
    args: Args<'a>,
    /// What of the message is still to be read.
    rest: &'m str,
    /// A mapping has been looked into: it can't be an argument as a whole any more.
    mapping_used: bool,
    /// A mapping has been used as the one argument.
    spent: bool,
}

impl<'a> Formatter<'_, 'a> {
    fn args_len(&self) -> usize {
        match &self.args {
            Args::Tuple(values) => values.as_slice().iter().map(|v| v.len()).sum(),
            Args::Mapping { whole, .. } => whole.len(),
        }
    }

    /// Python lets a mapping be left over, and a tuple not.
    fn all_used(&self) -> bool {
        match &self.args {
            Args::Tuple(values) => values.len() == 0,
            Args::Mapping { .. } => true,
        }
    }

    /// Reads one directive after its `%`, and writes what it stands for.
    fn directive(&mut self, out: &mut String) -> Result<(), Mismatch> {
        if self.take('%') {
            out.push('%');
            return Ok(());
        }
        let keyed = self.key()?;
        let mut spec = self.flags();
        spec.width = match self.number_or_star(keyed.is_some())? {
            Some(width) => {
                spec.left |= width < 0;
                size(width.saturating_abs())?
            }
            None => 0,
        };
        if self.take('.') {
            let precision = self.number_or_star(keyed.is_some())?.unwrap_or(0);
            spec.precision = Some(size(precision.max(0))?);
        }
        // C's length modifiers mean nothing to Python.
        if self.rest.starts_with(['h', 'l', 'L']) {
            self.rest = &self.rest[1..];
        }
        let conversion = self.rest.chars().next().ok_or(Mismatch)?;
        self.rest = &self.rest[conversion.len_utf8()..];
        let value = match keyed {
            Some(value) => value,
            None => self.next_value()?,
        };
        convert(spec, conversion, value, out)
    }

    /// `(key)`: the value it names.
    fn key(&mut self) -> Result<Option<&'a str>, Mismatch> {
        let Some(inner) = self.rest.strip_prefix('(') else { return Ok(None) };
        let end = closing(inner).ok_or(Mismatch)?;
        let key = &inner[..end];
        self.rest = &inner[end + 1..];
        let Args::Mapping { entries, .. } = &self.args else { return Err(Mismatch) };
        self.mapping_used = true;
        entries.get(key).map(Some).ok_or(Mismatch)
    }

    fn flags(&mut self) -> Spec {
        let mut spec = Spec::default();
        while let Some(&flag) = self.rest.as_bytes().first() {
            match flag {
                b'-' => spec.left = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                b'0' => spec.zero = true,
                _ => break,
            }
            self.rest = &self.rest[1..];
        }
        spec
    }

    /// Digits, or `*` for the next argument.
    fn number_or_star(&mut self, keyed: bool) -> Result<Option<i64>, Mismatch> {
        if self.take('*') {
            if keyed {
                return Err(Mismatch);
            }
            let value = self.next_value()?;
            return repr::integer(value).map(Some).ok_or(Mismatch);
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if number.is_empty() {
            return Ok(None);
        }
        number.parse().map(Some).map_err(|_| Mismatch)
    }

    fn next_value(&mut self) -> Result<&'a str, Mismatch> {
        match &mut self.args {
            Args::Tuple(values) => values.next().ok_or(Mismatch),
            Args::Mapping { whole, .. } if !self.mapping_used && !self.spent => {
                self.spent = true;
                Ok(whole)
            }
            Args::Mapping { .. } => Err(Mismatch),
        }
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

fn size(number: i64) -> Result<usize, Mismatch> {
    usize::try_from(number).ok().filter(|&size| size <= MAX_WIDTH).ok_or(Mismatch)
}

/// Where the parenthesis that encloses `text` is closed: a key may have pairs of its own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Writes one value (JSON text) as its directive wants it.
fn convert(spec: Spec, conversion: char, value: &str, out: &mut String) -> Result<(), Mismatch> {
    match conversion {
        's' => pad_text(spec, &repr::str(value), out),
        'r' => pad_text(spec, &repr::repr(value), out),
        'a' => pad_text(spec, &ascii(&repr::repr(value)), out),
        'c' => pad_text(Spec { precision: None, ..spec }, &character(value)?, out),
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
            let number = number::integer(spec, conversion, value).ok_or(Mismatch)?;
            pad_number(spec, &number, out);
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let number = number::float(spec, conversion, value).ok_or(Mismatch)?;
            pad_number(spec, &number, out);
        }
        _ => return Err(Mismatch),
    }
    Ok(())
}

fn pad_text(spec: Spec, text: &str, out: &mut String) {
    let cut = spec.precision.and_then(|most| text.char_indices().nth(most));
    let text = cut.map_or(text, |(at, _)| &text[..at]);
    let fill = spec.width.saturating_sub(text.chars().count());
    if !spec.left {
        out.extend(std::iter::repeat_n(' ', fill));
    }
    out.push_str(text);
    if spec.left {
        out.extend(std::iter::repeat_n(' ', fill));
    }
}

/// A number in two parts: zeros for the width go between them.
struct Digits {
    /// The sign, and `0x` or `0o`.
    prefix: String,
    digits: String,
}

fn pad_number(spec: Spec, number: &Digits, out: &mut String) {
    let fill = spec.width.saturating_sub(number.prefix.len() + number.digits.len());
    let (before, zeros, after) = match (spec.left, spec.zero) {
        (true, _) => (0, 0, fill),
        (false, true) => (0, fill, 0),
        (false, false) => (fill, 0, 0),
    };
    out.extend(std::iter::repeat_n(' ', before));
    out.push_str(&number.prefix);
    out.extend(std::iter::repeat_n('0', zeros));
    out.push_str(&number.digits);
    out.extend(std::iter::repeat_n(' ', after));
}

/// `%c`: a code point, or a string of one character.
fn character(value: &str) -> Result<String, Mismatch> {
    if let Some(text) = json::string_value(value) {
        return if text.chars().count() == 1 { Ok(text.into_owned()) } else { Err(Mismatch) };
    }
    let number = repr::integer(value).and_then(|number| u32::try_from(number).ok());
    let c = number.and_then(char::from_u32).ok_or(Mismatch)?;
    Ok(c.to_string())
}

/// What `ascii()` makes of a `repr()`: escapes instead of all beyond ASCII.
fn ascii(repr: &str) -> String {
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            repr::push_escape(c, &mut out);
        }
    }
    out
}

/// Writing to a `String` can't fail.
fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes every write");
}

#[cfg(test)]
mod tests;

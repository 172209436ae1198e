//! Some classes of Python's standard library, shown as Python prints them: their text is
//! made from the arguments in the pickle.

use std::fmt::Write as _;

use super::render::{Container, scalar};
use super::value::{Id, Object, Pickle, Value};

/// The limits of a placeholder: arguments, and bytes of one argument.
const MAX_ARGS: usize = 8;
const MAX_ARG_LENGTH: usize = 4096;

/// The parts of a container that has them in its arguments (a set in protocols before 4),
/// or of an empty container.
pub(super) fn container<'p>(pickle: &'p Pickle<'_>, object: &Object) -> Option<Container<'p>> {
    let first = pickle.args(object).first().map(|&first| pickle.get(first));
    Some(match (pickle.class(object), first) {
        (("builtins" | "__builtin__", "set" | "frozenset"), Some(Value::List(all))) => {
            Container::Elements(all)
        }
        (("collections", "Counter"), Some(Value::Dict(all))) => Container::Entries(all),
        (("collections", "OrderedDict" | "defaultdict" | "Counter"), _) => Container::Entries(&[]),
        (("collections", "deque"), _) => Container::Elements(&[]),
        _ => return None,
    })
}

/// An object as text: as Python's `str` prints it, or `<module.name: argument, …>`.
pub(super) fn text(pickle: &Pickle<'_>, object: &Object) -> String {
    let args = pickle.args(object);
    let known = match pickle.class(object) {
        ("datetime", "datetime") => datetime(pickle, args),
        ("datetime", "date") => date(pickle, args),
        ("decimal", "Decimal") => args.first().and_then(|&arg| string(pickle, arg)),
        ("uuid", "UUID") => uuid(pickle, object),
        ("pathlib", name) if name.ends_with("Path") => path(pickle, args),
        ("_codecs", "encode") | ("builtins" | "__builtin__", "bytearray" | "bytes") => {
            match args.first() {
                Some(&arg) => bytes(pickle, arg).map(shown_bytes),
                None => Some(String::new()),
            }
        }
        _ => None,
    };
    known.unwrap_or_else(|| placeholder(pickle, object))
}

fn placeholder(pickle: &Pickle<'_>, object: &Object) -> String {
    let (module, name) = pickle.class(object);
    let mut out = format!("<{module}.{name}");
    for (at, &arg) in pickle.args(object).iter().take(MAX_ARGS).enumerate() {
        out.push_str(if at == 0 { ": " } else { ", " });
        match pickle.get(arg) {
            // Not recursively: objects may be nested a million levels deep.
            Value::Object(_) => out.push_str("<object>"),
            Value::Str(text) if text.len() > MAX_ARG_LENGTH => out.push_str("..."),
            Value::Bytes(bytes) if bytes.len() > MAX_ARG_LENGTH => out.push_str("..."),
            _ => out.push_str(&scalar(pickle, arg)),
        }
    }
    out.push('>');
    out
}

fn string(pickle: &Pickle<'_>, id: Id) -> Option<String> {
    match pickle.get(id) {
        Value::Str(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

fn shown_bytes(bytes: Vec<u8>) -> String {
    crate::wire::text::backslash_replace(&bytes).into_owned()
}

/// Bytes. Protocols before 3 write them as Latin-1 text and a call of `encode`.
fn bytes(pickle: &Pickle<'_>, id: Id) -> Option<Vec<u8>> {
    let id = match pickle.get(id) {
        Value::Object(object) if pickle.is_class(object, "_codecs", "encode") => {
            *pickle.args(object).first()?
        }
        _ => id,
    };
    match pickle.get(id) {
        Value::Bytes(bytes) => Some(bytes.to_vec()),
        Value::Str(text) => text.chars().map(|c| u8::try_from(c).ok()).collect(),
        _ => None,
    }
}

/// `datetime.datetime(b"<10 bytes>"[, timezone])`.
fn datetime(pickle: &Pickle<'_>, args: &[Id]) -> Option<String> {
    let state: [u8; 10] = bytes(pickle, *args.first()?)?.try_into().ok()?;
    let [high, low, month, day, hour, minute, second, micro @ ..] = state;
    let year = u16::from_be_bytes([high, low]);
    // The high bit of the month tells which of two equal local times it is.
    let month = month & 0x7f;
    let mut out = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    let micros = u32::from_be_bytes([0, micro[0], micro[1], micro[2]]);
    if micros != 0 {
        push(&mut out, format_args!(".{micros:06}"));
    }
    if let Some(&zone) = args.get(1) {
        out.push_str(&offset(pickle, zone)?);
    }
    Some(out)
}

/// `datetime.date(b"<4 bytes>")`.
fn date(pickle: &Pickle<'_>, args: &[Id]) -> Option<String> {
    let [high, low, month, day]: [u8; 4] = bytes(pickle, *args.first()?)?.try_into().ok()?;
    let year = u16::from_be_bytes([high, low]);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// `datetime.timezone(datetime.timedelta(days, seconds, microseconds))`.
fn offset(pickle: &Pickle<'_>, zone: Id) -> Option<String> {
    let Value::Object(zone) = pickle.get(zone) else { return None };
    if !pickle.is_class(zone, "datetime", "timezone") {
        return None;
    }
    let Value::Object(delta) = pickle.get(*pickle.args(zone).first()?) else { return None };
    let [days, seconds, ..] = *pickle.args(delta) else { return None };
    let (Value::Int(days @ -1..=1), Value::Int(seconds @ 0..=86_399)) =
        (pickle.get(days), pickle.get(seconds))
    else {
        return None;
    };
    let minutes = (days * 86_400 + seconds) / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    Some(format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60))
}

/// `uuid.UUID`, whose state is a number of 128 bits.
fn uuid(pickle: &Pickle<'_>, object: &Object) -> Option<String> {
    let Value::Dict(state) = pickle.get(object.state?) else { return None };
    let is_int = |key: Id| matches!(pickle.get(key), Value::Str(name) if name == "int");
    let (_, value) = state.iter().find(|(key, _)| is_int(*key))?;
    let number: u128 = match pickle.get(*value) {
        Value::Int(number) => u128::try_from(*number).ok()?,
        Value::Big(digits) => digits.parse().ok()?,
        _ => return None,
    };
    let hex = format!("{number:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Some(parts.join("-"))
}

/// `pathlib.PosixPath("/", "var", "log")`.
fn path(pickle: &Pickle<'_>, args: &[Id]) -> Option<String> {
    let mut out = String::new();
    for &arg in args {
        let Value::Str(part) = pickle.get(arg) else { return None };
        if out.len() + part.len() > MAX_ARG_LENGTH {
            return None;
        }
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(part);
    }
    Some(out)
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes every write");
}

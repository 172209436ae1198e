//! Classes of Python's standard library and of well-known packages, and what is known of
//! all others: their names and the values in the pickle.
//!
//! Texts are those of CPython 3.12. `time` has dates, times and time zones, `numeric` has
//! numbers, `numpy` has numpy's scalars and arrays.

mod numeric;
mod numpy;
mod time;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::value::{Id, Object, Pickle, Value};
use crate::python::repr::push_string;

/// The longest text of a path, in bytes.
const MAX_PATH_LEN: usize = 4096;

/// The kind of an object, and its parts.
pub(super) enum View<'p> {
    /// A value without parts.
    Scalar(Scalar),
    /// A subclass of a built-in type: it prints as the value of that type.
    Same(Id),
    /// A sequence or a set.
    Elements(&'p [Id], Sequence<'p>),
    /// A mapping.
    Entries(&'p [(Id, Id)], Mapping),
    /// An exception, by its name and arguments.
    Exception(Cow<'p, str>, &'p [Id]),
    /// An object of a class with this name that was created from one scalar: a member of an
    /// `IntEnum`, for example.
    One(Cow<'p, str>, Id),
    /// An object with attributes.
    Fields(Cow<'p, str>, &'p [(Id, Id)]),
    /// The call of a class that creates an object.
    Call(Cow<'p, str>, &'p [Id]),
    /// The call of a function that creates an object.
    Function(&'p [Id]),
    /// An object of which only the class is known.
    Opaque,
}

/// The texts of a value without parts.
pub(super) struct Scalar {
    /// `str()`.
    pub(super) str: String,
    /// `repr()`.
    pub(super) repr: String,
    pub(super) json: JsonForm,
}

/// The JSON form of a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum JsonForm {
    /// Its `str()`, as a string.
    Text,
    /// The same, of a number that JSON does not have: `Decimal`.
    NumberAsText,
    /// Its `str()` is JSON: a number.
    Raw,
    /// A boolean.
    Bool(bool),
}

/// How Python prints a sequence or a set.
pub(super) enum Sequence<'p> {
    List,
    Tuple,
    Set,
    FrozenSet,
    /// With its `maxlen`.
    Deque(Option<i64>),
    /// A named tuple, or another subclass of `tuple`.
    Named(Cow<'p, str>),
}

/// How Python prints a mapping.
#[derive(Clone, Copy)]
pub(super) enum Mapping {
    Dict,
    Ordered,
    Counter,
    /// With its `default_factory`.
    Default(Option<Id>),
}

/// What an object is.
pub(super) fn view<'p>(pickle: &'p Pickle<'_>, object: &'p Object) -> View<'p> {
    let (module, name) = pickle.class(object);
    known(pickle, object, module, &name).unwrap_or_else(|| unknown(pickle, object, name))
}

/// Whether a class is an exception, as far as its name says.
fn is_exception(name: &str) -> bool {
    const ENDS: [&str; 6] = ["Error", "Exception", "Warning", "Interrupt", "Exit", "Iteration"];
    let name = name.rsplit('.').next().unwrap_or(name);
    ENDS.iter().any(|end| name.ends_with(end))
}

/// A class whose objects are known to print otherwise than their parts suggest.
fn known<'p>(
    pickle: &'p Pickle<'_>,
    object: &'p Object,
    module: &str,
    name: &str,
) -> Option<View<'p>> {
    let args = pickle.args(object);
    let scalar = match (module, name) {
        ("builtins", name) => return builtin(pickle, object, name),
        ("_codecs", "encode") => bytes_of(pickle, object).map(|bytes| bytes_scalar(&bytes, false)),
        ("collections", name) => return collection(pickle, object, name),
        ("types", "SimpleNamespace") => {
            return Some(View::Fields("namespace".into(), fields(pickle, object)?));
        }
        ("decimal" | "fractions", _) => numeric::decimal(pickle, name, args),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
            numpy::scalar(pickle, args, module.starts_with("numpy._"))
        }
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct")
        | ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => {
            Some(numpy::array(pickle, object))
        }
        ("uuid", "UUID") => uuid(pickle, object),
        ("pathlib" | "pathlib._local", name) if name.ends_with("Path") => path(pickle, name, args),
        ("ipaddress", name) => ip_address(pickle, name, args),
        ("re", "_compile") => regex(pickle, args),
        _ => None,
    };
    let scalar = scalar.or_else(|| time::scalar(pickle, object, module, name))?;
    Some(View::Scalar(scalar))
}

fn builtin<'p>(pickle: &'p Pickle<'_>, object: &'p Object, name: &str) -> Option<View<'p>> {
    let args = pickle.args(object);
    let first = args.first().map(|&first| pickle.get(first));
    let elements = match first {
        Some(Value::List(all) | Value::Tuple(all) | Value::Set(all)) => &all[..],
        _ => &[],
    };
    Some(match name {
        "set" => View::Elements(elements, Sequence::Set),
        "frozenset" => View::Elements(elements, Sequence::FrozenSet),
        "complex" => View::Scalar(numeric::complex(pickle, args)?),
        "bytearray" | "bytes" => {
            let bytes = match args.first() {
                Some(&bytes) => self::bytes(pickle, bytes)?,
                None => Cow::Borrowed(&[][..]),
            };
            View::Scalar(bytes_scalar(&bytes, name == "bytearray"))
        }
        "range" => match *args {
            [start, stop, step] if matches!(pickle.get(step), Value::Int(1)) => View::Scalar(
                printed(format!("range({}, {})", integer(pickle, start)?, integer(pickle, stop)?)),
            ),
            _ => return None,
        },
        "type" => View::Scalar(printed("<class 'NoneType'>".to_owned())),
        name if is_exception(name) => View::Exception(name.to_owned().into(), args),
        _ => return None,
    })
}

fn collection<'p>(pickle: &'p Pickle<'_>, object: &'p Object, name: &str) -> Option<View<'p>> {
    let args = pickle.args(object);
    let entries = match args.first().map(|&first| pickle.get(first)) {
        Some(Value::Dict(all)) => &all[..],
        _ => &object.entries,
    };
    Some(match name {
        "OrderedDict" => View::Entries(entries, Mapping::Ordered),
        "Counter" => View::Entries(entries, Mapping::Counter),
        "defaultdict" => View::Entries(&object.entries, Mapping::Default(args.first().copied())),
        "deque" => {
            let most = args.get(1).and_then(|&most| integer(pickle, most));
            View::Elements(&object.elements, Sequence::Deque(most))
        }
        _ => return None,
    })
}

/// A class that only the sender knows.
fn unknown<'p>(pickle: &'p Pickle<'_>, object: &'p Object, name: Cow<'p, str>) -> View<'p> {
    if !object.entries.is_empty() {
        return View::Entries(&object.entries, Mapping::Dict);
    }
    if !object.elements.is_empty() {
        return View::Elements(&object.elements, Sequence::List);
    }
    if let Some(base) = object.base {
        return match pickle.get(base) {
            Value::Tuple(all) => View::Elements(all, Sequence::Named(name)),
            Value::Object(object) if !pickle.is_class(object, "_codecs", "encode") => View::Opaque,
            _ => View::Same(base),
        };
    }
    let args = pickle.args(object);
    if is_exception(&name) {
        return View::Exception(name, args);
    }
    match args {
        [] => match (fields(pickle, object), values(pickle, object)) {
            (Some(fields), _) if !fields.is_empty() => View::Fields(name, fields),
            (None, Some(values)) => View::Call(name, values),
            _ => View::Opaque,
        },
        _ if !is_class_name(&name) => View::Function(args),
        &[only] if is_scalar(pickle.get(only)) => View::One(name, only),
        _ => View::Call(name, args),
    }
}

/// Whether a name is that of a class and not of a function, as far as its first letter says.
fn is_class_name(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_uppercase))
}

fn is_scalar(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Str(_)
    )
}

/// The attributes of an object: its `__dict__`, or the values of its slots.
fn fields<'p>(pickle: &'p Pickle<'_>, object: &Object) -> Option<&'p [(Id, Id)]> {
    let entries = match pickle.get(object.state?) {
        Value::Dict(entries) => entries,
        // A class with slots: its `__dict__` or None, and its slots.
        Value::Tuple(parts) => match parts[..] {
            [_, slots] => match pickle.get(slots) {
                Value::Dict(entries) => entries,
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    // pydantic keeps more than the attributes.
    let inner = entries.iter().find(|(key, _)| is_text(pickle, *key, "__dict__"));
    match inner.map(|(_, value)| pickle.get(*value)) {
        Some(Value::Dict(entries)) => Some(entries),
        _ => Some(entries),
    }
}

/// The values of a dataclass with slots, whose names are not sent.
fn values<'p>(pickle: &'p Pickle<'_>, object: &Object) -> Option<&'p [Id]> {
    match pickle.get(object.state?) {
        Value::List(all) | Value::Tuple(all) if !all.is_empty() => Some(all),
        _ => None,
    }
}

fn is_text(pickle: &Pickle<'_>, id: Id, wanted: &str) -> bool {
    matches!(pickle.get(id), Value::Str(text) if text == wanted)
}

/// A scalar whose `str()` and `repr()` are the same.
fn printed(text: String) -> Scalar {
    Scalar { repr: text.clone(), str: text, json: JsonForm::Text }
}

/// A scalar whose `repr()` is a call with its `str()`: `UUID('…')`.
fn quoted(name: &str, str: String) -> Scalar {
    let mut repr = format!("{name}(");
    push_string(&str, &mut repr);
    repr.push(')');
    Scalar { str, repr, json: JsonForm::Text }
}

pub(super) fn text<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<&'p str> {
    match pickle.get(id) {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

pub(super) fn integer(pickle: &Pickle<'_>, id: Id) -> Option<i64> {
    match pickle.get(id) {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// An integer of up to 128 bits.
fn wide_integer(pickle: &Pickle<'_>, id: Id) -> Option<u128> {
    match pickle.get(id) {
        Value::Int(number) => u128::try_from(*number).ok(),
        Value::Big(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// Bytes. Protocols before 3 write them as Latin-1 text and a call of `encode`.
pub(super) fn bytes<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<Cow<'p, [u8]>> {
    match pickle.get(id) {
        Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        Value::Object(object) if pickle.is_class(object, "_codecs", "encode") => {
            bytes_of(pickle, object).map(Cow::Owned)
        }
        Value::Object(object) if pickle.is_class(object, "builtins", "bytes") => {
            pickle.args(object).is_empty().then_some(Cow::Borrowed(&[]))
        }
        // Python 2's str.
        Value::Str(text) => latin_1(text).map(Cow::Owned),
        _ => None,
    }
}

/// The bytes that `_codecs.encode(text, "latin1")` returns.
fn bytes_of(pickle: &Pickle<'_>, object: &Object) -> Option<Vec<u8>> {
    latin_1(text(pickle, *pickle.args(object).first()?)?)
}

fn latin_1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

/// `b'…'` or `bytearray(b'…')`.
pub(super) fn bytes_scalar(bytes: &[u8], mutable: bool) -> Scalar {
    let mut text = String::new();
    crate::python::repr::push_bytes(bytes, &mut text);
    // CPython escapes each single quote in a bytearray.
    printed(match mutable {
        true if text.starts_with("b\"") => format!("bytearray({})", text.replace('\'', "\\'")),
        true => format!("bytearray({text})"),
        false => text,
    })
}

/// `uuid.UUID`, whose state is a number of 128 bits.
fn uuid(pickle: &Pickle<'_>, object: &Object) -> Option<Scalar> {
    let Value::Dict(state) = pickle.get(object.state?) else { return None };
    let (_, value) = state.iter().find(|(key, _)| is_text(pickle, *key, "int"))?;
    let hex = format!("{:032x}", wide_integer(pickle, *value)?);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Some(quoted("UUID", parts.join("-")))
}

/// `pathlib.PosixPath("/", "var", "log")`.
fn path(pickle: &Pickle<'_>, name: &str, args: &[Id]) -> Option<Scalar> {
    let separator = if name.contains("Windows") { '\\' } else { '/' };
    let mut out = String::new();
    for &arg in args {
        let part = text(pickle, arg)?;
        if out.len() + part.len() > MAX_PATH_LEN {
            return None;
        }
        if !out.is_empty() && !out.ends_with(separator) {
            out.push(separator);
        }
        out.push_str(part);
    }
    if out.is_empty() {
        out.push('.');
    }
    let mut scalar = quoted(name, out);
    if separator == '\\' {
        scalar.repr = scalar.repr.replace("\\\\", "/");
    }
    Some(scalar)
}

/// `ipaddress.IPv4Address(number)`, `IPv4Network("10.0.0.0/8")` and the like.
fn ip_address(pickle: &Pickle<'_>, name: &str, args: &[Id]) -> Option<Scalar> {
    let &[address] = args else { return None };
    let shown = match (name, text(pickle, address)) {
        (_, Some(text)) => text.to_owned(),
        ("IPv4Address", None) => {
            let bits = u32::try_from(wide_integer(pickle, address)?).ok()?;
            Ipv4Addr::from_bits(bits).to_string()
        }
        ("IPv6Address", None) => Ipv6Addr::from_bits(wide_integer(pickle, address)?).to_string(),
        _ => return None,
    };
    Some(quoted(name, shown))
}

/// `re.compile('…')`, without flags.
fn regex(pickle: &Pickle<'_>, args: &[Id]) -> Option<Scalar> {
    /// `re.UNICODE`, the default.
    const UNICODE: i64 = 32;
    let &[pattern, flags] = args else { return None };
    let plain = integer(pickle, flags)? & !UNICODE == 0;
    let pattern = text(pickle, pattern)?;
    plain.then(|| printed(quoted("re.compile", pattern.to_owned()).repr))
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes every write");
}

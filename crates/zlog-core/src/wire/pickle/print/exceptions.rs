//! Exceptions: `str()` depends on the class for a few of the built-in ones.

use super::Printer;
use crate::wire::pickle::classes;
use crate::wire::pickle::value::{Id, Value};

/// Subclasses of `OSError`, and its aliases.
const OS_ERRORS: [&str; 19] = [
    "OSError",
    "IOError",
    "EnvironmentError",
    "BlockingIOError",
    "ChildProcessError",
    "ConnectionError",
    "BrokenPipeError",
    "ConnectionAbortedError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "FileExistsError",
    "FileNotFoundError",
    "InterruptedError",
    "IsADirectoryError",
    "NotADirectoryError",
    "PermissionError",
    "ProcessLookupError",
    "TimeoutError",
    "gaierror",
];

/// Prints `str(exception)`.
pub(super) fn push_str(printer: &mut Printer<'_, '_>, name: &str, args: &[Id]) {
    match (name, args) {
        (_, []) => {}
        ("KeyError", &[key]) => printer.repr(key),
        (_, &[only]) => printer.str(only),
        (name, &[number, text, ref rest @ ..]) if OS_ERRORS.contains(&name) && rest.len() <= 3 => {
            printer.text("[Errno ");
            printer.str(number);
            printer.text("] ");
            printer.str(text);
            let file = |id: &Id| !matches!(printer.pickle.get(*id), Value::None);
            let files = (rest.first().copied().filter(file), rest.get(2).copied().filter(file));
            if let Some(file) = files.0 {
                printer.text(": ");
                printer.repr(file);
            }
            if let Some(second) = files.1 {
                printer.text(" -> ");
                printer.repr(second);
            }
        }
        ("UnicodeDecodeError" | "UnicodeEncodeError", _) if codec_error(printer, name, args) => {}
        (_, args) => printer.tuple(args),
    }
}

/// Prints `str()` of a `UnicodeDecodeError` or `UnicodeEncodeError`. Returns false if the
/// arguments are not those of such an exception.
fn codec_error(printer: &mut Printer<'_, '_>, name: &str, args: &[Id]) -> bool {
    let pickle = printer.pickle;
    let &[codec, object, start, end, reason] = args else { return false };
    let (Some(codec), Some(reason)) = (classes::text(pickle, codec), classes::text(pickle, reason))
    else {
        return false;
    };
    let (Some(start), Some(end)) = (classes::integer(pickle, start), classes::integer(pickle, end))
    else {
        return false;
    };
    let Ok(at) = usize::try_from(start) else { return false };
    let decodes = name == "UnicodeDecodeError";
    let (verb, noun, code) = match (decodes, classes::text(pickle, object)) {
        (true, _) => {
            let byte = classes::bytes(pickle, object).and_then(|bytes| bytes.get(at).copied());
            ("decode", "byte", byte.map(|byte| format!("0x{byte:02x}")))
        }
        (false, Some(text)) => {
            let code = text.chars().nth(at).map(|c| match u32::from(c) {
                code @ 0..=0xff => format!("'\\x{code:02x}'"),
                code @ 0x100..=0xffff => format!("'\\u{code:04x}'"),
                code => format!("'\\U{code:08x}'"),
            });
            ("encode", "character", code)
        }
        (false, None) => return false,
    };
    let Some(last) = end.checked_sub(1) else { return false };
    let place = match code {
        Some(code) if last == start => format!("{noun} {code} in position {start}"),
        _ => format!("{noun}s in position {start}-{last}"),
    };
    printer.text(&format!("'{codec}' codec can't {verb} {place}: {reason}"));
    true
}

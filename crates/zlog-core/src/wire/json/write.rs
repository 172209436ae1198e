//! Records to JSON. Allocates only for records with `args`.

use std::io::Write as _;

use super::repeated::Repeated;
use crate::record::Record;
use crate::text::json::write_string;
use crate::wire::attributes;

/// Writes records of a stream as JSON. Attributes that a record has in common with the one before
/// it are not encoded again.
#[derive(Default)]
pub struct Writer {
    repeated: Repeated,
}

/// Appends a body of the `json` dialect: see [`Writer::write`].
pub fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    Writer::default().write(record, out);
}

impl Writer {
    /// Appends a body of the `json` dialect: one JSON object on one line, without a line break
    /// at its end.
    ///
    /// Absent fields are left out, except the level. Three rules exist for Python:
    ///
    /// - `args` are inserted into `msg`, as `SocketHandler` does: a JSON array would arrive as
    ///   a list, which Python's `%` does not accept as the arguments. They are `null` if the
    ///   sender said so, since `makeLogRecord` would set `()`.
    /// - `msecs` is written with `created`, since `makeLogRecord` would set the milliseconds
    ///   of its own call.
    /// - `process` and `processName` are `null` if a complete `LogRecord` lacks them, since
    ///   `makeLogRecord` would set those of its own process.
    ///
    /// An extra with the name of an attribute (a `lineno` that is not a number, for example)
    /// gets `_` after its name, so that no key is duplicate and none replaces an attribute.
    pub fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        object.optional_text(b",\"name\":", record.name.as_deref());
        object.text(b",\"msg\":", &record.message());
        if record.args.as_ref().is_some_and(|args| args.0 == "null") {
            object.raw(b",\"args\":", "null");
        }
        self.attributes_after_args(record, &mut object);
        if let (Some(created), None) = (record.created, record.msecs) {
            object.float(b",\"msecs\":", Some(milliseconds(created)));
        }
        if record.relative_created.is_some() {
            if record.process.is_none() {
                object.raw(b",\"process\":", "null");
            }
            if record.process_name.is_none() {
                object.raw(b",\"processName\":", "null");
            }
        }
        extras(record, &mut object, attributes::is_attribute);
        object.close();
    }

    /// Appends a record for storage, which [`read`](super::read) reads back: as
    /// [`Writer::write`], with `args` separate from `msg`, and with `topic`, `received` and
    /// `fault`.
    pub fn write_stored(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        if !record.topic.is_empty() {
            object.text(b",\"topic\":", &record.topic);
        }
        object.seconds(b",\"received\":", record.received);
        object.optional_text(b",\"fault\":", record.fault.as_deref());
        object.optional_text(b",\"name\":", record.name.as_deref());
        object.text(b",\"msg\":", &record.msg);
        if let Some(args) = &record.args {
            object.raw(b",\"args\":", &args.0);
        }
        self.attributes_after_args(record, &mut object);
        extras(record, &mut object, |key| {
            attributes::is_attribute(key) || attributes::is_stored_only(key)
        });
        object.close();
    }

    fn attributes_after_args(&mut self, record: &Record<'_>, object: &mut Object<'_>) {
        object.out.extend_from_slice(self.repeated.level.json(record));
        object.optional_text(b",\"pathname\":", record.pathname.as_deref());
        object.optional_text(b",\"filename\":", record.filename.as_deref());
        object.optional_text(b",\"module\":", record.module.as_deref());
        object.optional_text(b",\"exc_text\":", record.exc_text.as_deref());
        object.optional_text(b",\"stack_info\":", record.stack_info.as_deref());
        object.integer(b",\"lineno\":", record.lineno);
        object.optional_text(b",\"funcName\":", record.func_name.as_deref());
        object.out.extend_from_slice(self.repeated.times.json(record));
        object.out.extend_from_slice(self.repeated.sender.json(record));
        object.integer(b",\"seq\":", record.seq);
        if let Some(texts) = &record.extra_text {
            object.raw(b",\"extra_text\":", &texts.0);
        }
    }
}

fn extras(record: &Record<'_>, object: &mut Object<'_>, taken: impl Fn(&str) -> bool) {
    for (key, value) in &record.extras {
        match taken(key) {
            true => object.extra(&record.free_extra_name(key), &value.0),
            false => object.extra(key, &value.0),
        }
    }
}

/// Writes a JSON object. Keys are given as `,"key":`; the first one is written without its
/// comma.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Object<'o> {
        out.push(b'{');
        let start = out.len();
        Object { out, start }
    }

    /// Goes on with an object whose attributes before these are elsewhere.
    pub(super) fn go_on(out: &'o mut Vec<u8>) -> Object<'o> {
        Object { out, start: usize::MAX }
    }

    /// Inlined, so that the length of the key is known: copying a known length takes a few
    /// moves, any other a call, and a record has twenty keys.
    #[inline(always)]
    fn key(&mut self, key: &'static [u8]) {
        if self.out.len() == self.start {
            self.out.extend_from_slice(&key[1..]);
        } else {
            self.out.extend_from_slice(key);
        }
    }

    #[inline(always)]
    pub(super) fn text(&mut self, key: &'static [u8], text: &str) {
        self.key(key);
        write_string(text, self.out);
    }

    #[inline(always)]
    pub(super) fn optional_text(&mut self, key: &'static [u8], text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    #[inline(always)]
    pub(super) fn integer(&mut self, key: &'static [u8], number: Option<impl itoa::Integer>) {
        if let Some(number) = number {
            self.key(key);
            self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
    }

    #[inline(always)]
    pub(super) fn float(&mut self, key: &'static [u8], number: Option<f64>) {
        // JSON has neither NaN nor infinity, and they mean nothing here.
        if let Some(number) = number.filter(|number| number.is_finite()) {
            self.key(key);
            write_float(number, self.out);
        }
    }

    #[inline(always)]
    pub(super) fn seconds(&mut self, key: &'static [u8], seconds: Option<f64>) {
        if let Some(seconds) = seconds.filter(|seconds| seconds.is_finite()) {
            self.key(key);
            write_seconds(seconds, self.out);
        }
    }

    fn raw(&mut self, key: &'static [u8], json: &str) {
        self.key(key);
        self.json(json);
    }

    /// Writes a raw value without the line breaks between its parts: a record is one line.
    fn json(&mut self, json: &str) {
        let json = json.as_bytes();
        match memchr::memchr2(b'\n', b'\r', json) {
            None => self.out.extend_from_slice(json),
            // Strings can't contain them: there they are escaped.
            Some(_) => self.out.extend(json.iter().filter(|byte| !b"\n\r".contains(byte))),
        }
    }

    fn extra(&mut self, key: &str, json: &str) {
        if self.out.len() != self.start {
            self.out.push(b',');
        }
        write_string(key, self.out);
        self.out.push(b':');
        self.json(json);
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

/// Appends a finite number so that it reads back the same.
pub(in crate::wire) fn write_float(number: f64, out: &mut Vec<u8>) {
    // `msecs` and `relativeCreated` have at most three decimals. Writing them through
    // integers takes a tenth of the time of Rust's shortest digits.
    let size = number.abs();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let thousandths = (size * 1e3 + 0.5) as u64;
    if thousandths < EXACT && thousandths as f64 / 1e3 == size {
        if number.is_sign_negative() {
            out.push(b'-');
        }
        return write_thousandths(thousandths, out);
    }
    // Debug, since Display writes 301 digits for 1e300.
    write!(out, "{number:?}").expect("a Vec takes every write");
}

/// Up to here an f64 represents each integer.
const EXACT: u64 = 9_007_199_254_740_992;

fn write_thousandths(thousandths: u64, out: &mut Vec<u8>) {
    let (whole, rest) = (thousandths / 1000, thousandths % 1000);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    // The decimals without trailing zeros, but at least `.0`.
    let digits =
        [b'0' + (rest / 100) as u8, b'0' + (rest / 10 % 10) as u8, b'0' + (rest % 10) as u8];
    let needed = if rest % 10 != 0 {
        3
    } else if rest % 100 != 0 {
        2
    } else {
        1
    };
    out.push(b'.');
    out.extend_from_slice(&digits[..needed]);
}

/// The milliseconds (`msecs`) of a time in seconds, exact to the microsecond. The fraction of
/// an f64 may be a little less than what was written: `.678` would give 677.
pub fn milliseconds(seconds: f64) -> f64 {
    if !(0.0..EXACT as f64).contains(&seconds) {
        let micros = (seconds.fract() * 1e6).round().rem_euclid(1e6);
        return (micros / 1e3).floor();
    }
    // The same through integers, in a tenth of the time.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53")]
    let whole = seconds as u64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1e6")]
    let micros = ((seconds - whole as f64) * 1e6 + 0.5) as u64;
    (micros % 1_000_000 / 1000) as f64
}

/// Appends seconds with microseconds, the precision of a time in an f64.
///
/// Writing through integers is several times faster than Rust's shortest digits.
fn write_seconds(seconds: f64, out: &mut Vec<u8>) {
    /// Beyond this, the seconds may not fit a u64, and have no fraction anyway.
    const LIMIT: f64 = 9.0e15;
    if seconds.abs() > LIMIT {
        return write_float(seconds, out);
    }
    // The parts are exact; `seconds * 1e6` is not.
    let size = seconds.abs();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9e15")]
    let mut whole = size as u64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1e6")]
    let mut micros = ((size - whole as f64) * 1e6 + 0.5) as u64;
    if micros == 1_000_000 {
        (whole, micros) = (whole + 1, 0);
    }
    if seconds < 0.0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    // A leading 1 keeps the zeros of the microseconds; the point then replaces it.
    let point = out.len();
    out.extend_from_slice(itoa::Buffer::new().format(micros + 1_000_000).as_bytes());
    out[point] = b'.';
}

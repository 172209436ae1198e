//! Writes JSON objects, and the numbers in them.

use std::io::Write as _;

use crate::text::json::write_string;

/// Writes a JSON object. Keys are given as `,"key":`; the first one is written without its
/// comma.
pub(super) struct Object<'o> {
    pub(super) out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> Object<'o> {
    pub(super) fn open(out: &'o mut Vec<u8>) -> Object<'o> {
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

    pub(super) fn raw(&mut self, key: &'static [u8], json: &str) {
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

    pub(super) fn extra(&mut self, key: &str, json: &str) {
        if self.out.len() != self.start {
            self.out.push(b',');
        }
        write_string(key, self.out);
        self.out.push(b':');
        self.json(json);
    }

    pub(super) fn close(self) {
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
pub(super) const EXACT: u64 = 9_007_199_254_740_992;

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

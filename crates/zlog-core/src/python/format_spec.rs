//! The format mini-language: the part after `:` in `{name:>8}`.

use super::{FormatError, MAX_WIDTH, TOO_WIDE, Value, number, repr, truncated};

/// A parsed format specifier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FormatSpec {
    /// No specifier was given: the value is written as `str()` has it.
    empty: bool,
    fill: char,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    /// `0` before the width: zeros are inserted after the sign.
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

const INVALID: FormatError = FormatError("is not a format specifier");

impl FormatSpec {
    /// Parses a specifier. `z` (Python 3.11) is not supported: `logging` refuses it too.
    pub(crate) fn parse(text: &str) -> Result<FormatSpec, FormatError> {
        let mut rest = Rest(text);
        let mut fill = None;
        let mut chars = text.chars();
        let (first, second) = (chars.next(), chars.next());
        let align = match (first, second) {
            (Some(c), Some(align)) if is_align(align) => {
                fill = Some(c);
                rest = Rest(&text[c.len_utf8() + 1..]);
                Some(align)
            }
            _ => rest.take(is_align),
        };
        let sign = rest.take(|c| matches!(c, '+' | '-' | ' '));
        let alternate = rest.take(|c| c == '#').is_some();
        let zero = fill.is_none() && rest.take(|c| c == '0').is_some();
        let width = rest.number()?.unwrap_or(0);
        let grouping = rest.take(|c| matches!(c, ',' | '_'));
        let precision = match rest.take(|c| c == '.') {
            Some(_) => Some(rest.number()?.ok_or(FormatError("has a point without digits"))?),
            None => None,
        };
        let kind = rest.take(|_| true);
        if !rest.0.is_empty() {
            return Err(INVALID);
        }
        let fill = fill.unwrap_or(if zero { '0' } else { ' ' });
        let empty = text.is_empty();
        let spec = FormatSpec {
            empty,
            fill,
            align,
            sign,
            alternate,
            zero,
            width,
            grouping,
            precision,
            kind,
        };
        spec.check_grouping().map(|()| spec)
    }

    fn check_grouping(&self) -> Result<(), FormatError> {
        let fits = match (self.grouping, self.kind) {
            (None, _) | (_, None | Some('d' | 'e' | 'f' | 'g' | 'E' | 'F' | 'G' | '%')) => true,
            (Some(grouping), Some('b' | 'o' | 'x' | 'X')) => grouping == '_',
            _ => false,
        };
        if fits { Ok(()) } else { Err(FormatError("has a `,` or `_` that does not fit its type")) }
    }

    /// Whether the specifier is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }

    /// Whether it does not accept text.
    pub(crate) fn needs_number(&self) -> bool {
        self.takes_text().is_err()
    }

    fn takes_text(&self) -> Result<(), FormatError> {
        if !matches!(self.kind, None | Some('s')) {
            return Err(FormatError("needs a number"));
        }
        if self.sign.is_some()
            || self.alternate
            || self.align == Some('=')
            || self.grouping.is_some()
        {
            return Err(FormatError("has a sign, `#`, `=`, `,` or `_`, which text can't have"));
        }
        Ok(())
    }

    /// Writes a value: `format(value, spec)`.
    pub(crate) fn write(&self, value: &Value<'_>, out: &mut String) -> Result<(), FormatError> {
        if self.empty {
            repr::push_str(value, out);
            return Ok(());
        }
        match value {
            Value::Text(text) => self.text(text, out),
            Value::Float(number) => self.float(*number, out),
            Value::Bool(_) | Value::Int(_) | Value::Big(_) => self.integer(value, out),
            Value::Printed { text, .. } => match (self.needs_number(), value.float()) {
                (true, Some(number)) => match value.integer() {
                    Some(whole) if self.precision.is_none() => {
                        self.integer(&Value::Int(whole), out)
                    }
                    _ => self.float(number, out),
                },
                _ => self.text(text, out),
            },
            Value::None | Value::Json(_) | Value::Tuple(_) => {
                Err(FormatError("does not format None, lists or dicts: put !s before the `:`"))
            }
        }
    }

    fn text(&self, text: &str, out: &mut String) -> Result<(), FormatError> {
        self.takes_text()?;
        self.pad("", '<', truncated(text, self.precision), out);
        Ok(())
    }

    fn integer(&self, value: &Value<'_>, out: &mut String) -> Result<(), FormatError> {
        let kind = self.kind.unwrap_or('d');
        let (letter, prefix) = match kind {
            'd' | 'n' => ('d', ""),
            'b' => ('b', "0b"),
            'o' => ('o', "0o"),
            'x' => ('x', "0x"),
            'X' => ('X', "0X"),
            'c' => return self.character(value, out),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => {
                let number = value.float().ok_or(FormatError("the number is too large"))?;
                return self.float(number, out);
            }
            _ => return Err(FormatError("does not apply to numbers")),
        };
        if self.precision.is_some() {
            return Err(FormatError("has a precision, which integers can't have"));
        }
        let number = number::integer(value, letter, false)?;
        let prefix = if self.alternate { prefix } else { "" };
        let group = if letter == 'd' { 3 } else { 4 };
        self.number(number.negative, prefix, &number.digits, "", group, out);
        Ok(())
    }

    fn character(&self, value: &Value<'_>, out: &mut String) -> Result<(), FormatError> {
        if self.sign.is_some() || self.alternate || self.precision.is_some() {
            return Err(FormatError("has a sign, `#` or precision, which a character can't have"));
        }
        let code = value.integer().and_then(|number| u32::try_from(number).ok());
        let c =
            code.and_then(char::from_u32).ok_or(FormatError("needs the number of a character"))?;
        self.pad("", '>', c.encode_utf8(&mut [0; 4]), out);
        Ok(())
    }

    fn float(&self, number: f64, out: &mut String) -> Result<(), FormatError> {
        let kind = self.kind.unwrap_or('\0');
        let (number, letter, point_zero) = match kind {
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => (number, kind, false),
            'n' => (number, 'g', false),
            '%' => (number * 100.0, 'f', false),
            '\0' => (number, 'g', true),
            _ => return Err(FormatError("does not apply to numbers with fractions")),
        };
        let digits = match self.precision {
            None if kind == '\0' => self.shortest(number),
            precision => {
                let precision = precision.unwrap_or(6);
                let alternate = self.alternate;
                number::float_digits(
                    number,
                    number::FloatFormat { letter, precision, alternate, point_zero },
                )
                .digits
            }
        };
        let negative = number.is_sign_negative() && !number.is_nan();
        let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, mut rest) = (&digits[..whole], digits[whole..].to_owned());
        if kind == '%' {
            rest.push('%');
        }
        self.number(negative, "", whole, &rest, 3, out);
        Ok(())
    }

    /// `str(number)` without its sign; `#` keeps a point before an exponent.
    fn shortest(&self, number: f64) -> String {
        let mut digits = String::new();
        repr::push_float(number.abs(), &mut digits);
        if let (true, false, Some(at)) = (self.alternate, digits.contains('.'), digits.find('e')) {
            digits.insert(at, '.');
        }
        digits
    }

    /// Writes a number: the digits before the point are `whole`, the others `rest`.
    fn number(
        &self,
        negative: bool,
        prefix: &str,
        whole: &str,
        rest: &str,
        group: usize,
        out: &mut String,
    ) {
        let mut lead = match (negative, self.sign) {
            (true, _) => "-".to_owned(),
            (false, Some(sign @ ('+' | ' '))) => sign.to_string(),
            (false, _) => String::new(),
        };
        lead.push_str(prefix);
        // Zeros that fill the width are grouped like other digits.
        let zeros = self.fill == '0' && self.align('>') == '=';
        let least = if zeros { self.width.saturating_sub(lead.len() + rest.len()) } else { 0 };
        let mut digits = self.grouped(whole, least, group);
        digits.push_str(rest);
        self.pad(&lead, '>', &digits, out);
    }

    /// Groups digits with separators, and puts zeros before them up to `least` characters.
    /// A number never begins with a separator.
    fn grouped(&self, digits: &str, least: usize, group: usize) -> String {
        let Some(separator) = self.grouping.filter(|_| !digits.is_empty()) else {
            let zeros = if digits.is_empty() { 0 } else { least.saturating_sub(digits.len()) };
            return "0".repeat(zeros) + digits;
        };
        let mut backwards = Vec::new();
        let mut source = digits.bytes().rev();
        let mut left = digits.len();
        while left > 0 || backwards.len() < least {
            if backwards.len() % (group + 1) == group {
                backwards.push(separator as u8);
                if left == 0 && backwards.len() >= least {
                    // A separator can't be first: add one digit.
                    backwards.push(b'0');
                    break;
                }
            }
            backwards.push(source.next().unwrap_or(b'0'));
            left = left.saturating_sub(1);
        }
        backwards.iter().rev().map(|&byte| char::from(byte)).collect()
    }

    fn align(&self, default: char) -> char {
        match self.align {
            Some(align) => align,
            None if self.zero && default == '>' => '=',
            None => default,
        }
    }

    /// Fills up to the width. With `=`, the fill goes between `lead` and `text`.
    fn pad(&self, lead: &str, default: char, text: &str, out: &mut String) {
        let length = lead.len() + text.chars().count();
        let fill = self.width.saturating_sub(length);
        let (before, between, after) = match self.align(default) {
            '>' => (fill, 0, 0),
            '^' => (fill / 2, 0, fill - fill / 2),
            '=' => (0, fill, 0),
            _ => (0, 0, fill),
        };
        out.extend(std::iter::repeat_n(self.fill, before));
        out.push_str(lead);
        out.extend(std::iter::repeat_n(self.fill, between));
        out.push_str(text);
        out.extend(std::iter::repeat_n(self.fill, after));
    }
}

fn is_align(c: char) -> bool {
    matches!(c, '<' | '>' | '=' | '^')
}

/// The unread part of a specifier.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let c = self.0.chars().next().filter(|&c| wanted(c))?;
        self.0 = &self.0[c.len_utf8()..];
        Some(c)
    }

    fn number(&mut self) -> Result<Option<usize>, FormatError> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        if number.is_empty() {
            return Ok(None);
        }
        let number = number.parse().ok().filter(|&number| number <= MAX_WIDTH);
        number.map(Some).ok_or(TOO_WIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CPython 3.11's `format(json.loads(value), spec)`; `None` where it raises an exception.
    #[test]
    fn values_are_formatted_as_cpython_does() {
        let cases = [
            ("1234", "08,", Some("0,001,234")),
            ("1234", "06,", Some("01,234")),
            ("1234567.5", ",.2f", Some("1,234,567.50")),
            ("1234.5", "012,.2f", Some("0,001,234.50")),
            ("255", "#010_x", Some("0x000_00ff")),
            ("255", "#b", Some("0b11111111")),
            ("-255", "=+8x", Some("-     ff")),
            ("65", "05c", Some("0000A")),
            ("true", "5", Some("    1")),
            ("true", "", Some("True")),
            ("1e22", "#", Some("1.e+22")),
            ("1e300", "_", Some("1e+300")),
            ("123.0", ".3", Some("1.23e+02")),
            ("1e10", ".12", Some("10000000000.0")),
            ("0.5", "%", Some("50.000000%")),
            ("-0.0", "+", Some("-0.0")),
            ("1.5", "08n", Some("000001.5")),
            ("5", "^9", Some("    5    ")),
            ("\"a\"", "05", Some("a0000")),
            ("\"ééé\"", "x^7.2", Some("xxééxxx")),
            ("\"a\"", "=5", None),
            ("\"a\"", "+", None),
            ("\"a\"", ",", None),
            ("5", ".2", None),
            ("5", ".1f", Some("5.0")),
            ("1.5", "d", None),
            ("5", "s", None),
            ("null", "5", None),
            ("null", "", Some("None")),
            ("[1]", "<5", None),
            (
                "1606938044258990275541962092341162602522202993782792835301376",
                "x",
                Some("100000000000000000000000000000000000000000000000000"),
            ),
            (
                "-1267650600228229401496703205376",
                "_o",
                Some("-20_0000_0000_0000_0000_0000_0000_0000_0000"),
            ),
            ("777.2903442382812", "", Some("777.2903442382812")),
            ("1e999", "08", Some("00000inf")),
            ("1e400", ",f", Some("inf")),
            ("12345", "_^+#12_b", Some("+0b11_0000_0011_1001")),
        ];
        for (value, spec, wanted) in cases {
            let mut out = String::new();
            let written =
                FormatSpec::parse(spec).and_then(|s| s.write(&Value::from_json(value), &mut out));
            let got = written.ok().map(|()| out);
            assert_eq!(got.as_deref(), wanted, "{value} with {spec:?}");
        }
    }

    #[test]
    fn a_width_above_the_limit_is_refused() {
        for spec in ["1001", ".1001f", "99999999999999999999", "<1001s"] {
            assert!(FormatSpec::parse(spec).is_err(), "{spec}");
        }
    }

    #[test]
    fn more_digits_than_python_converts_are_not_converted() {
        let digits = "9".repeat(5000);
        let spec = FormatSpec::parse("x").unwrap();
        assert!(spec.write(&Value::from_json(&digits), &mut String::new()).is_err());
    }
}

//! A fast scanner for the entries of flat JSON objects.
//!
//! A record is a flat object of about fifteen entries, and most of a reader's time is spent
//! on finding their ends. A property test checks that the scanner finds what serde_json
//! finds. It leaves other objects (nested values, escaped keys, surrogates, errors) to
//! serde_json.

use super::escape::find_escape;

/// Calls `entry` with each key of a flat JSON object and its value as JSON text.
///
/// `None` if the text is something else; `entry` may have been called before.
pub(super) fn flat_entries<'a>(
    text: &'a str,
    mut entry: impl FnMut(&'a str, &'a str),
) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.skip_whitespace();
    scanner.expect(b'{')?;
    scanner.skip_whitespace();
    if scanner.peek()? == b'}' {
        return scanner.end();
    }
    loop {
        let key = scanner.string()?;
        // Escapes in keys are rare.
        let key = key.get(1..key.len() - 1).filter(|key| !key.contains('\\'))?;
        scanner.skip_whitespace();
        scanner.expect(b':')?;
        scanner.skip_whitespace();
        entry(key, scanner.scalar()?);
        scanner.skip_whitespace();
        match scanner.peek()? {
            b',' => scanner.at += 1,
            b'}' => return scanner.end(),
            _ => return None,
        }
        scanner.skip_whitespace();
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The closing brace, followed by nothing but white space.
    fn end(&mut self) -> Option<()> {
        self.at += 1;
        self.skip_whitespace();
        self.rest().is_empty().then_some(())
    }

    /// A value that is neither an array nor an object.
    fn scalar(&mut self) -> Option<&'a str> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    fn literal(&mut self, literal: &str) -> Option<&'a str> {
        self.rest().starts_with(literal.as_bytes()).then(|| self.cut(literal.len()))
    }

    fn cut(&mut self, len: usize) -> &'a str {
        let start = self.at;
        self.at += len;
        &self.text[start..self.at]
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let bytes = self.rest();
        if bytes.first() != Some(&b'"') {
            return None;
        }
        let mut len = 1;
        loop {
            len += find_escape(&bytes[len..])?;
            match (bytes[len], bytes.get(len + 1)) {
                (b'"', _) => return Some(self.cut(len + 1)),
                (b'\\', Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => len += 2,
                (b'\\', Some(b'u')) if is_plain_unicode(&bytes[len + 2..]) => len += 6,
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<&'a str> {
        let bytes = self.rest();
        let mut len = usize::from(bytes.first() == Some(&b'-'));
        len += match bytes.get(len)? {
            b'0' => 1,
            b'1'..=b'9' => digits(&bytes[len..]),
            _ => return None,
        };
        if bytes.get(len) == Some(&b'.') {
            let fraction = digits(&bytes[len + 1..]);
            if fraction == 0 {
                return None;
            }
            len += 1 + fraction;
        }
        // serde_json handles exponents, and rejects other characters after digits.
        match bytes.get(len) {
            Some(b',' | b'}' | b' ' | b'\t' | b'\n' | b'\r') => Some(self.cut(len)),
            _ => None,
        }
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether the bytes begin with four hexadecimal digits that are not a surrogate.
fn is_plain_unicode(bytes: &[u8]) -> bool {
    match bytes {
        [first, second, third, fourth, ..] => {
            let hex = [first, second, third, fourth].iter().all(|b| b.is_ascii_hexdigit());
            let surrogate = matches!(first, b'd' | b'D') && !matches!(second, b'0'..=b'7');
            hex && !surrogate
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::json::entries;

    fn scanned(text: &str) -> Option<Vec<(&str, &str)>> {
        let mut found = Vec::new();
        flat_entries(text, |key, value| found.push((key, value)))?;
        Some(found)
    }

    /// The scanner finds what serde_json finds, or nothing.
    fn agrees(text: &str) {
        if let Some(found) = scanned(text) {
            let all = entries(text).unwrap_or_else(|| panic!("serde_json refuses {text:?}"));
            let all: Vec<(&str, &str)> = all.iter().map(|(key, value)| (&**key, *value)).collect();
            assert_eq!(found, all, "{text:?}");
        }
    }

    #[test]
    fn flat_objects_are_scanned() {
        let text = r#" { "a" : "x\n\"\u00e9y" , "b":-1.25,"c":0,"d":true,"e":null, "é":"" } "#;
        let found = scanned(text).unwrap();
        let expected = [
            ("a", r#""x\n\"\u00e9y""#),
            ("b", "-1.25"),
            ("c", "0"),
            ("d", "true"),
            ("e", "null"),
            ("é", r#""""#),
        ];
        assert_eq!(found, expected);
        assert_eq!(scanned("{}"), Some(vec![]));
        agrees(text);
    }

    #[test]
    fn other_objects_are_left_to_serde_json() {
        let texts = [
            r#"{"a":[1]}"#,
            r#"{"a":{}}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":"\ud83d\ude00"}"#,
            r#"{"a":1e5}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":-}"#,
            r#"{"a":nul}"#,
            r#"{"a":truex}"#,
            r#"{"a":"\q"}"#,
            r#"{"a":"\u12"#,
            "{\"a\":\"\n\"}",
            r#"{"a":1,}"#,
            r#"{"a":1} x"#,
            r#"{"a" 1}"#,
            r#"{"a":"#,
            r#"{"a"#,
            "{",
            "",
            "[]",
        ];
        for text in texts {
            assert_eq!(scanned(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_serde_json_finds(
            pairs in prop::collection::vec((".{0,6}", prop_oneof![
                any::<String>().prop_map(serde_json::Value::from),
                any::<i64>().prop_map(serde_json::Value::from),
                any::<f64>().prop_map(serde_json::Value::from),
                any::<Option<bool>>().prop_map(serde_json::Value::from),
                prop::collection::vec(any::<u8>(), 0..3).prop_map(serde_json::Value::from),
            ]), 0..6),
            cut in any::<prop::sample::Index>(),
            put in "[\\[\\]{}\",:\\\\u0-9a-f.eE+\\- \u{1}-\u{20}]{0,3}",
        ) {
            let object = serde_json::Value::Object(pairs.into_iter().collect());
            let text = object.to_string();
            agrees(&text);
            // Also after a change at any position.
            let at = text.floor_char_boundary(cut.index(text.len()));
            agrees(&format!("{}{put}{}", &text[..at], &text[at..]));
            agrees(&text[..at]);
        }
    }
}

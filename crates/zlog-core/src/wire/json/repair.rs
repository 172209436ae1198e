//! Repairs JSON as Python and shell scripts write it. Used only for bodies that serde_json
//! rejects.

use crate::text::json::code_unit;

/// Rewrites text that is not JSON but has a clear meaning; `None` if there is none.
///
/// - `NaN`, `Infinity` and `-Infinity` become strings of that name.
/// - An unpaired surrogate (`\ud800`) becomes the text of its escape.
/// - A control character in a string, such as a line break, is escaped.
/// - A backslash that begins no escape is a backslash: `"C:\Users"`, or `\xe9` for a byte that
///   is not UTF-8.
pub(super) fn repair(body: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len() + 16);
    let mut rest = body;
    let mut repaired = false;
    while let Some(c) = rest.chars().next() {
        let length = if c == '"' {
            let (length, changed) = repair_string(rest, &mut out);
            repaired |= changed;
            length
        } else if let Some(word) = non_number(rest) {
            repaired = true;
            out.extend(["\"", word, "\""]);
            word.len()
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    repaired.then_some(out)
}

/// The float at the start of `text` that JSON can't represent, if there is one.
fn non_number(text: &str) -> Option<&'static str> {
    ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| text.starts_with(word))
}

/// Copies the string at the start of `text`. Returns its length and whether it changed.
fn repair_string(text: &str, out: &mut String) -> (usize, bool) {
    let mut changed = false;
    out.push('"');
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '"' => {
                out.push('"');
                return (at + 1, changed);
            }
            '\\' => {
                let (length, literal) = escape(&text[at..]);
                if literal {
                    out.push('\\');
                    changed = true;
                }
                out.push_str(&text[at..at + length]);
                at += length;
            }
            '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
                changed = true;
                at += 1;
            }
            _ => {
                out.push(c);
                at += c.len_utf8();
            }
        }
    }
    (at, changed)
}

/// The length of the escape at the start of `text`, and whether it is no character but the text
/// of it: an unpaired surrogate, or no escape of JSON.
fn escape(text: &str) -> (usize, bool) {
    match code_unit(text) {
        Some(0xd800..=0xdbff) => match text.get(6..).and_then(code_unit) {
            Some(0xdc00..=0xdfff) => (12, false),
            _ => (6, true),
        },
        Some(0xdc00..=0xdfff) => (6, true),
        Some(_) => (6, false),
        None => match text.as_bytes().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (2, false),
            _ => (1, true),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn extensions_of_python_become_json() {
        assert_eq!(
            repair(r#"{"a":NaN,"b":[-Infinity,Infinity],"NaN":"NaN \" NaN"}"#).as_deref(),
            Some(r#"{"a":"NaN","b":["-Infinity","Infinity"],"NaN":"NaN \" NaN"}"#)
        );
        assert_eq!(repair(r#"{"\ud800":1}"#).as_deref(), Some(r#"{"\\ud800":1}"#));
        assert_eq!(repair("{\"a\":\"x\ny\"}").as_deref(), Some(r#"{"a":"x\u000ay"}"#));
    }

    #[test]
    fn a_backslash_that_begins_no_escape_is_a_backslash() {
        assert_eq!(
            repair(r#"{"a":"C:\Users\xe9 \"\n\u00e9\u12 \é"}"#).as_deref(),
            Some(r#"{"a":"C:\\Users\\xe9 \"\n\u00e9\\u12 \\é"}"#)
        );
    }

    #[test]
    fn other_text_is_not_changed() {
        assert_eq!(repair(r#"{"a":1"#), None);
        assert_eq!(repair(r#"{"😀":"\ud83d\ude00"}"#), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), tail in r#"["\\uéd80]*"#) {
            let _ = repair(&format!("{text}{tail}"));
        }
    }
}

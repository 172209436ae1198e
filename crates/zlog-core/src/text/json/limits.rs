//! The limits of JSON readers.
//!
//! zlog passes values on unchanged. A value that exceeds a reader's limits would cost the
//! reader the whole record.

/// The maximum depth of arrays and objects in a value. CPython 3.11's `json.loads` raises
/// RecursionError beyond 992 levels less the frames of its caller; `serde_json` stops at
/// 128, jq 1.6 at 256. Pickled values have the same limit
/// ([`pickle::Limits`](crate::wire::pickle::Limits)).
pub(crate) const MAX_DEPTH: usize = 64;

/// The maximum digits of an integer: for more, CPython's `json.loads` raises ValueError
/// (`sys.get_int_max_str_digits`).
const MAX_DIGITS: usize = 4300;

/// A value of at most so many bytes is within the limits: a level has at least two bytes.
pub(crate) const ALWAYS_WITHIN_LIMITS: usize = 2 * MAX_DEPTH;

/// Whether all readers accept the JSON value.
pub(crate) fn is_within_limits(json: &str) -> bool {
    let json = json.as_bytes();
    // A string has neither levels nor numbers.
    if json.len() <= ALWAYS_WITHIN_LIMITS || json.first() == Some(&b'"') {
        return true;
    }
    let (mut depth, mut digits, mut at) = (0_usize, 0_usize, 0);
    while let Some(byte) = json.get(at) {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at += string(&json[at..]),
            _ => {}
        }
        if depth > MAX_DEPTH || digits > MAX_DIGITS {
            return false;
        }
        at += 1;
    }
    true
}

/// The index of the quote that ends the string at the start of `json`.
fn string(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}\"]{{\\\"[\"{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn too_deep_values_and_too_long_numbers_are_found() {
        assert!(is_within_limits(&nested(MAX_DEPTH)));
        assert!(!is_within_limits(&nested(MAX_DEPTH + 1)));
        assert!(!is_within_limits(&nested(100_000)));
        let objects = format!("{}1{}", "{\"[[\":".repeat(65), "}".repeat(65));
        assert!(!is_within_limits(&objects));
        let [fits, too_long] = [MAX_DIGITS, MAX_DIGITS + 1].map(|digits| "7".repeat(digits));
        assert!(is_within_limits(&fits) && is_within_limits(&format!("[-{fits}, {fits}]")));
        assert!(
            !is_within_limits(&too_long) && !is_within_limits(&format!("{{\"a\":-{too_long}}}"))
        );
        assert!(is_within_limits(&format!("[\"{too_long}\"]")));
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn the_depth_is_the_one_that_a_parser_finds(
            keys in prop::collection::vec(prop::option::of(any::<String>()), 0..100),
            text in any::<String>(),
        ) {
            // Each key is a level: an object with that key, or an array.
            let inner = Value::from(vec![Value::from(text)]);
            let value = keys.into_iter().fold(inner, |inner, key| match key {
                Some(key) => Value::Object([(key, inner)].into_iter().collect()),
                None => Value::from(vec![Value::from("[{"), inner]),
            });
            prop_assert_eq!(is_within_limits(&value.to_string()), depth(&value) <= MAX_DEPTH);
        }
    }
}

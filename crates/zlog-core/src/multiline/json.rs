//! Finds the ends of JSON objects: several on one line, or one on several lines.

use memchr::memchr_iter;

/// The limits of an object on several lines. The lines of one that is no JSON after all are
/// records, whose separation takes time proportional to the product of both.
pub(super) const MAX_LINES: usize = 2000;
pub(super) const MAX_BYTES: usize = 1 << 18;

/// How far an object has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Scan {
    depth: usize,
}

/// What a line that begins with `{` contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// One object, or text that looks like one.
    Object,
    /// Several objects, and nothing else.
    Objects,
    /// The beginning of an object.
    Open(Scan),
}

/// The shape of `line`; `None` if it is no JSON. A line that is one object by the looks of it
/// is not read: there are many.
pub(super) fn shape(line: &str) -> Option<Shape> {
    if !line.starts_with('{') {
        return None;
    }
    let bytes = line.as_bytes();
    let is_gap = |end: usize| matches!(bytes[end + 1..], [b'{', ..] | [b' ', b'{', ..]);
    let has_gap = || memchr_iter(b'}', bytes).any(is_gap);
    if line.ends_with('}') && !has_gap() {
        return Some(Shape::Object);
    }
    let first = line[1..].trim_start();
    if !(first.is_empty() || first.starts_with(['"', '}'])) {
        return None;
    }
    let mut scan = Scan::default();
    let mut rest = line;
    let mut objects = 0;
    while let Some(end) = scan.feed(rest) {
        objects += 1;
        rest = rest[end..].trim_start();
        if rest.is_empty() {
            return Some(if objects == 1 { Shape::Object } else { Shape::Objects });
        }
        if !rest.starts_with('{') {
            return None;
        }
    }
    (objects == 0 && scan.depth > 0).then_some(Shape::Open(scan))
}

/// The length of the first object in `text`.
pub(super) fn first_object(text: &str) -> usize {
    Scan::default().feed(text).unwrap_or(text.len())
}

impl Scan {
    /// Reads on in `text`, up to the end of the object. Returns where that is; `None` if the
    /// object goes on, or if `text` is no JSON: [`Scan::is_broken`] tells.
    pub(super) fn feed(&mut self, text: &str) -> Option<usize> {
        let (mut in_string, mut is_escaped) = (false, false);
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_string => is_escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => self.depth += 1,
                b'}' | b']' if !in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        if in_string {
            // No string contains a newline.
            self.depth = 0;
        }
        None
    }

    /// Whether the last line was no part of an object.
    pub(super) fn is_broken(self) -> bool {
        self.depth == 0
    }
}

/// Whether a line can be a part of an object, by its first character.
pub(super) fn continues(line: &str) -> bool {
    line.trim_start().starts_with(|c: char| c.is_ascii_digit() || "\"{}[],-tfn:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_line_is_found_by_its_braces_outside_of_strings() {
        let one = Some(Shape::Object);
        let several = Some(Shape::Objects);
        let cases = [
            (r#"{"a":1}"#, one),
            (r#"{"a":"}{"}"#, one),
            (r#"{"a":"} {\"}{"}"#, one),
            (r#"{"a":1}{"b":2}"#, several),
            (r#"{"a":{"x":[{},{}]}} {"b":2}  {}"#, several),
            (r#"{"a":1} and {"b":2}"#, one),
            (r#"{"a":1}{"b":2"#, None),
            (r#"{"a":"no end"#, None),
            ("{name} is a placeholder", None),
            ("text", None),
        ];
        for (line, expected) in cases {
            assert_eq!(shape(line), expected, "{line}");
        }
        assert!(matches!(shape("{"), Some(Shape::Open(_))));
        assert!(matches!(shape(r#"{"a": {"#), Some(Shape::Open(_))));
        assert_eq!(first_object(r#"{"a":"}"} {}"#), 9);
    }
}

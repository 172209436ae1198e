//! Type and message of the exception that a Python traceback is about.

/// Type and message in the last line of a traceback; `None` for other text.
pub(super) fn of_traceback(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with("Traceback (most recent call last)") {
        return None;
    }
    // A message may have more lines, which are not indented either: the first line after the frames.
    let frame = text.rfind("\n  File ")? + 1;
    let line =
        text[frame..].lines().find(|line| !line.starts_with([' ', '\t']) && !line.is_empty())?;
    let (kind, message) = line.split_once(": ").unwrap_or((line, ""));
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    (!kind.is_empty() && kind.chars().all(is_name)).then_some((kind, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_traceback_has_type_and_message() {
        let traceback = |end: &str| {
            format!(
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\n{end}"
            )
        };
        for (end, expected) in [
            ("ValueError: no: number", Some(("ValueError", "no: number"))),
            ("app.db.Lost: first\nsecond: line", Some(("app.db.Lost", "first"))),
            ("KeyboardInterrupt", Some(("KeyboardInterrupt", ""))),
            ("not a type: x", None),
        ] {
            assert_eq!(of_traceback(&traceback(end)), expected, "{end}");
        }
        assert_eq!(of_traceback("panicked at a.rs:1: oh"), None);
    }
}

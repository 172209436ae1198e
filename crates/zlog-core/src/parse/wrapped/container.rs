//! Lines that a container runtime writes around each line of a program: Docker's json-file
//! driver, and CRI (containerd, CRI-O).

use std::borrow::Cow;

use jiff::Timestamp;

use super::merge;
use crate::record::{RawJson, Record};
use crate::text::json;

/// The length of the parts into which Docker splits a line, in bytes: `defaultBufSize` in moby's
/// `copier.go`.
const DOCKER_PART: usize = 16 << 10;

/// What a container runtime says about a line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Enclosure {
    /// When the program wrote the line: seconds since 1970-01-01 UTC.
    pub created: f64,
    /// Whether it was written to stderr.
    pub is_stderr: bool,
}

/// A line of a program, or a part of one.
#[derive(Clone, PartialEq, Debug)]
pub struct Enclosed<'a> {
    /// The text, without its newline.
    pub text: Cow<'a, str>,
    /// What is said about it.
    pub enclosure: Enclosure,
    /// Whether the next text of the same stream continues the line.
    pub is_partial: bool,
}

impl Enclosure {
    /// Adds what the runtime says to the record of `line`, whose own fields count more.
    pub fn surround(self, record: &mut Record<'_>) {
        let mut around = self.around(Cow::Borrowed(""));
        merge(&mut around, std::mem::take(record), true);
        *record = around;
    }

    /// The record of a line that has not been read.
    pub(super) fn around(self, line: Cow<'_, str>) -> Record<'_> {
        let stream = if self.is_stderr { r#""stderr""# } else { r#""stdout""# };
        let mut around = Record { created: Some(self.created), msg: line, ..Record::default() };
        around.extras.push(("stream".into(), RawJson(stream.into())));
        around
    }
}

/// Reads what a container runtime has written around a line; `None` for any other line.
pub fn enclosed(line: &str) -> Option<Enclosed<'_>> {
    match line.as_bytes() {
        [b'{', ..] => docker(line),
        [b'0'..=b'9', _, _, _, b'-', _, _, b'-', _, _, b'T', ..] => cri(line),
        _ => None,
    }
}

/// `{"log":"text\n","stream":"stdout","time":"2024-01-02T03:04:05.123456789Z"}`. A line longer
/// than 16 KiB is split; only its last part ends with a newline. A shorter text without a newline
/// is the last one of its program, or a tool has removed the newline. Objects with other keys
/// come from collectors, which join the parts.
fn docker(line: &str) -> Option<Enclosed<'_>> {
    if !line.starts_with(r#"{"log":"#) {
        return None;
    }
    let entries = json::entries(line)?;
    let [(log, text), (stream, name), (time, created)] = &entries[..] else { return None };
    if (&**log, &**stream, &**time) != ("log", "stream", "time") {
        return None;
    }
    let text = json::string_value(text)?;
    let is_partial = text.len() >= DOCKER_PART && !text.ends_with('\n');
    Some(Enclosed {
        text: without_line_end(text),
        enclosure: enclosure(&json::string_value(name)?, &json::string_value(created)?)?,
        is_partial,
    })
}

/// `2024-01-02T03:04:05.123456789Z stdout F text`: `P` for a part, `F` for a whole line or its
/// last part. Further tags follow after a colon.
fn cri(line: &str) -> Option<Enclosed<'_>> {
    let (time, rest) = line.split_once(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    let (tags, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_partial = match tags.split(':').next()? {
        "P" => true,
        "F" => false,
        _ => return None,
    };
    let text = without_line_end(Cow::Borrowed(text));
    Some(Enclosed { text, enclosure: enclosure(stream, time)?, is_partial })
}

fn enclosure(stream: &str, time: &str) -> Option<Enclosure> {
    let is_stderr = match stream {
        "stdout" => false,
        "stderr" => true,
        _ => return None,
    };
    let time: Timestamp = time.parse().ok()?;
    Some(Enclosure { created: time.as_duration().as_secs_f64(), is_stderr })
}

fn without_line_end(text: Cow<'_, str>) -> Cow<'_, str> {
    let strip = |text: &str| {
        let text = text.strip_suffix('\n').unwrap_or(text);
        text.strip_suffix('\r').unwrap_or(text).len()
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..strip(text)]),
        Cow::Owned(mut text) => {
            text.truncate(strip(&text));
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_container_runtime_has_written_is_enclosed() {
        let docker = r#"{"log":"a \"b\"\r\n","stream":"stderr","time":"2024-01-02T03:04:05.5Z"}"#;
        let of = |text: &str| {
            format!(r#"{{"log":"{text}","stream":"stdout","time":"2024-01-02T03:04:05Z"}}"#)
        };
        let long = "x".repeat(DOCKER_PART);
        let (part, last, ended) = (of(&long), of(&long[1..]), of(&(long.clone() + "\\n")));
        let cases = [
            (docker, Some(("a \"b\"", true, false))),
            (&part, Some((&*long, false, true))),
            (&last, Some((&long[1..], false, false))),
            (&ended, Some((&*long, false, false))),
            ("2024-01-02T03:04:05.123456789Z stdout F a  b", Some(("a  b", false, false))),
            ("2024-01-02T03:04:05+01:00 stderr P:x a ", Some(("a ", true, true))),
            ("2024-01-02T03:04:05Z stdout F ", Some(("", false, false))),
            ("2024-01-02T03:04:05Z stdout F", Some(("", false, false))),
            ("2024-01-02T03:04:05Z stdout X a", None),
            ("2024-01-02T03:04:05Z other F a", None),
            ("2024-01-02T03:04:05Z INFO a", None),
            (r#"{"log":"a\n","stream":"stdout"}"#, None),
            (r#"{"log":"a","stream":"stdout","time":"2024-01-02T03:04:05Z","k":1}"#, None),
            (r#"{"log":"a","stream":"stdout","time":"now"}"#, None),
            (r#"{"log":"a"#, None),
            ("", None),
        ];
        for (line, expected) in cases {
            let found = enclosed(line);
            let found = found
                .as_ref()
                .map(|found| (&*found.text, found.enclosure.is_stderr, found.is_partial));
            assert_eq!(found, expected, "{line}");
        }
        assert_eq!(enclosed(docker).unwrap().enclosure.created, 1_704_164_645.5);
    }
}

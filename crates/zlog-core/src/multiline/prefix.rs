//! What a collector writes before each line of a program: a time, a container's name, a syslog
//! header. The lines after it are the program's, and may be a traceback.
//!
//! Unlike a format, a prefix is found before a line is known to be a record, for each line. So
//! this looks at fixed positions of its first bytes.

use crate::text::sgr;

/// The most parts of a prefix, such as `[pod/web/app]` and a time.
const MAX_PARTS: usize = 8;

/// The longest name or group in brackets, in bytes.
const MAX_NAME: usize = 128;

/// The names that are kept of a prefix.
const MAX_KEYS: usize = 4;

/// The prefix of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Prefix {
    /// Its length in bytes; 0 without one.
    pub(super) len: usize,
    /// Of each name, a hash of the names up to it, and where the parts up to the next one end.
    /// Lines of one program have the same names, whatever their times are. The last names may be
    /// the program's own: further lines lack them.
    names: [(u64, usize); MAX_KEYS],
    count: usize,
}

impl Prefix {
    /// The prefix of a line, with one space after it. Colours don't count.
    pub(super) fn of(line: &str) -> Prefix {
        let mut prefix = Prefix::default();
        prefix.len = scan(line, |key, len| {
            let at = prefix.names().position(|own| own == key).unwrap_or(prefix.count);
            if let Some(name) = prefix.names.get_mut(at) {
                *name = (key, len);
                prefix.count = prefix.count.max(at + 1);
            }
        });
        prefix
    }

    fn names(&self) -> impl Iterator<Item = u64> {
        self.names[..self.count].iter().map(|(key, _)| *key)
    }

    /// The length of the prefix of a further line of the program, whose first line had this prefix,
    /// and this prefix without the names that the line lacks. `line_prefix` is all of the line's.
    /// `None` if the line has none of these, or that of another program.
    pub(super) fn find(self, line: &str, line_prefix: Prefix) -> Option<(usize, Prefix)> {
        if self.len == 0 {
            return Some((0, self));
        }
        if line_prefix.len == 0 {
            // journalctl indents the further lines of a message.
            let indent = line.as_bytes().get(..self.len)?;
            return indent.iter().all(|byte| *byte == b' ').then_some((self.len, self));
        }
        // The program may have written the last names of either line.
        let (whole, line_whole) = (self.names().last()?, line_prefix.names().last()?);
        let found = line_prefix.names[..line_prefix.count].iter().find(|(key, _)| *key == whole);
        let is_shorter = || self.names().any(|key| key == line_whole);
        let other = || is_shorter().then_some((line_whole, line_prefix.len));
        let (key, len) = found.copied().or_else(other)?;
        let mut prefix = Prefix { count: 1, ..self };
        prefix.names[0] = (key, len);
        Some((len, prefix))
    }

    /// A further line of the program, without its prefix. `None` if it is none.
    pub(super) fn strip(self, line: &str) -> Option<&str> {
        self.find(line, Prefix::of(line)).map(|(len, _)| &line[len..])
    }
}

/// Finds the parts of a prefix, and calls `part` with the key and the end of each. Returns the
/// end of the last one.
fn scan(line: &str, mut part: impl FnMut(u64, usize)) -> usize {
    let mut scan = Scan { line, at: 0, key: 0, time: Time::None, is_rfc5424: false };
    let mut end = 0;
    for _ in 0..MAX_PARTS {
        scan.skip_colours();
        if !scan.part() {
            break;
        }
        scan.skip_colours();
        end = scan.at;
        part(scan.key, end);
    }
    end
}

/// The last time in a prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    None,
    /// A time that container runtimes write, too. Any text may follow.
    Any,
    /// A time of syslog: after it, `host name:` is a header.
    Syslog,
}

struct Scan<'a> {
    line: &'a str,
    at: usize,
    key: u64,
    time: Time,
    /// The prefix began with `<PRI>1 `.
    is_rfc5424: bool,
}

impl Scan<'_> {
    fn rest(&self) -> &[u8] {
        &self.line.as_bytes()[self.at..]
    }

    fn skip_colours(&mut self) {
        while self.rest().first() == Some(&0x1b) {
            match sgr::find(self.line, self.at).filter(|code| code.start == self.at) {
                Some(code) => self.at = code.end,
                None => return,
            }
        }
    }

    /// Reads the next part. `false` if there is none.
    fn part(&mut self) -> bool {
        match self.rest() {
            [b'<', ..] => self.at == 0 && self.priority(),
            [b'[' | b'{', ..] => self.group(),
            [b'0'..=b'9' | b'@', ..] => self.time() || self.name(),
            [b'A'..=b'Z', _, _, b' ', ..] => self.time() || self.name(),
            [b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' | b'/', ..] => self.name(),
            _ => false,
        }
    }

    /// Goes on after `len` bytes and a space, or to the end of the line.
    fn advance(&mut self, len: usize) -> bool {
        if !matches!(self.rest().get(len), None | Some(b' ' | b'\t' | 0x1b)) {
            return false;
        }
        self.at += len;
        self.skip_colours();
        // A tab is part of the program's line.
        self.at += usize::from(self.rest().first() == Some(&b' '));
        true
    }

    /// Adds a name to the key (FNV-1a).
    fn add(&mut self, from: usize, to: usize) {
        let start = if self.key == 0 { 0xcbf2_9ce4_8422_2325 } else { self.key };
        let name = &self.line.as_bytes()[from..to];
        self.key = name
            .iter()
            .fold(start, |key, byte| (key ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }

    /// `<11>`, `<11>1 `
    fn priority(&mut self) -> bool {
        let Some(digits) = self.rest()[1..].iter().take(4).position(|byte| *byte == b'>') else {
            return false;
        };
        if digits == 0 || !self.rest()[1..=digits].iter().all(u8::is_ascii_digit) {
            return false;
        }
        self.at += digits + 2;
        if self.rest().starts_with(b"1 ") {
            self.at += 2;
            self.is_rfc5424 = true;
        }
        true
    }

    /// A time, with the weekday before it and the zone after it.
    fn time(&mut self) -> bool {
        let Some((len, time)) = time(self.rest()) else { return false };
        if !self.advance(len) {
            return false;
        }
        self.time = time;
        if self.is_rfc5424 {
            return self.rfc5424();
        }
        true
    }

    /// `web-1  | `; after a time, `host app[123]: `; `web-7d9f8b6c5-x2x4q web ` (stern).
    fn name(&mut self) -> bool {
        let word = word(self.rest());
        if word == 0 {
            return false;
        }
        let (start, name_end) = (self.at, self.at + word);
        let mut next = Scan { at: name_end, ..*self };
        next.skip_colours();
        let spaces = next.rest().iter().take_while(|byte| **byte == b' ').count();
        let bars = ["|", "│"];
        if let Some(len) = bars.iter().find_map(|bar| starts(&next.rest()[spaces..], bar)) {
            self.at = next.at + spaces;
            self.add(start, name_end);
            return self.advance(len);
        }
        if is_tag(&self.rest()[..word]) {
            self.add(start, name_end);
            return self.advance(word);
        }
        if spaces == 0 {
            return false;
        }
        if let Some(len) = self.place(word) {
            self.at += len;
            return true;
        }
        let first = &self.rest()[..word];
        if self.time == Time::None && !is_pod(first) {
            return false;
        }
        next.at += 1;
        next.skip_colours();
        let second = self::word(next.rest());
        let tag = &next.rest()[..second];
        let is_header = match self.time {
            Time::None => is_label(tag),
            Time::Any => is_tag(tag),
            // `fatal error: ` and `Uncaught TypeError: ` are no host and program.
            Time::Syslog => {
                let is_text = [&b"fatal"[..], b"Uncaught", b"Unhandled"].contains(&first);
                let is_name = tag.ends_with(b":") && tag[0].is_ascii_alphanumeric();
                is_tag(tag) || is_name && !is_text
            }
        };
        is_header && {
            self.add(start, name_end);
            self.at = next.at;
            self.add(next.at, next.at + second);
            self.advance(second)
        }
    }

    /// The length of the place that a shell (`job.sh: line 3: 4711 Segmentation fault`) or Swift
    /// (`main.swift:3: Fatal error: …`) names. `word` is the length of its first word.
    fn place(&self, word: usize) -> Option<usize> {
        let rest = self.rest();
        let after = rest[..word].ends_with(b":").then(|| rest.get(word + 1..))??;
        if after.starts_with(b"Fatal error: ") {
            return Some(word + 1);
        }
        let digits = |from: usize| after[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let number = after.starts_with(b"line ").then(|| 5 + digits(5))?;
        let colon = after[number..].starts_with(b": ").then(|| number + 2)?;
        let process = colon + after[colon..].iter().take_while(|byte| **byte == b' ').count();
        let end = process + digits(process);
        (end > process && after.get(end) == Some(&b' ')).then_some(word + 1 + end + 1)
    }

    /// The rest of a header of RFC 5424: host, program, process, message id and data.
    fn rfc5424(&mut self) -> bool {
        let start = self.at;
        for part in 0..4 {
            let word = word(self.rest());
            if word == 0 || self.rest().get(word) != Some(&b' ') {
                return false;
            }
            self.at += word + 1;
            if part == 2 {
                self.add(start, self.at);
            }
        }
        let mut data = 0;
        while self.rest().get(data) == Some(&b'[') {
            let Some(end) = memchr::memchr(b']', &self.rest()[data..]) else { return false };
            data += end + 1;
        }
        if data == 0 && self.rest().first() == Some(&b'-') {
            data = 1;
        }
        if data == 0 || !self.advance(data) {
            return false;
        }
        self.at += starts(self.rest(), "\u{feff}").unwrap_or(0);
        true
    }

    /// `[pod/web/app] `, `[0] `, `[2026-11-26 10:00:00,000: WARNING/Worker-1] `, and
    /// `{task.py:93} INFO - ` of Airflow. Times are not part of the key.
    fn group(&mut self) -> bool {
        let close = if self.rest()[0] == b'[' { b']' } else { b'}' };
        let window = &self.rest()[..self.rest().len().min(MAX_NAME)];
        let Some(end) = memchr::memchr(close, window) else { return false };
        let inside = &window[1..end];
        // JSON, or an empty list.
        if inside.is_empty() || close == b'}' && !inside.contains(&b':') || inside.contains(&b'"') {
            return false;
        }
        let is_number = inside.iter().all(|byte| byte.is_ascii_digit() || b" .".contains(byte));
        let seconds = is_number && inside.contains(&b'.');
        let time = if seconds { inside.len() } else { time(inside).map_or(0, |(len, _)| len) };
        let (from, to) = (self.at + 1 + time, self.at + end);
        let colon = usize::from(self.rest().get(end + 1) == Some(&b':'));
        if !self.advance(end + 1 + colon) {
            return false;
        }
        if from < to {
            self.add(from, to);
        }
        if close == b'}' {
            let level = self.rest().iter().take_while(|byte| byte.is_ascii_uppercase()).count();
            if level > 0 && self.rest()[level..].starts_with(b" -") {
                return self.advance(level + 2);
            }
        }
        true
    }
}

/// The length of `text` if the bytes begin with it.
fn starts(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.starts_with(text.as_bytes()).then_some(text.len())
}

/// The length of a word.
fn word(bytes: &[u8]) -> usize {
    let bytes = &bytes[..bytes.len().min(MAX_NAME)];
    memchr::memchr3(b' ', b'\t', sgr::ESC, bytes).unwrap_or(bytes.len())
}

/// `app[123]:`, `app[web.1]:`
fn is_tag(word: &[u8]) -> bool {
    word.ends_with(b"]:") && word[1..].contains(&b'[')
}

/// `web-7d9f8b6c5-x2x4q`, `db-0`
fn is_pod(word: &[u8]) -> bool {
    word.contains(&b'-') && word.iter().any(u8::is_ascii_digit) && is_label(word)
}

/// A name of Kubernetes.
fn is_label(word: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    word.first().is_some_and(is_name)
        && word.iter().all(|byte| is_name(byte) || matches!(byte, b'-' | b'.'))
}

/// The length of a time at the beginning, with its weekday and zone, and its kind.
fn time(bytes: &[u8]) -> Option<(usize, Time)> {
    match bytes {
        // Thu Nov 26 10:00:00 2026, Thu 2026-11-26 10:00:00 UTC
        [
            b'A'..=b'Z',
            b'a'..=b'z',
            b'a'..=b'z',
            b' ',
            b'A'..=b'Z' | b'0'..=b'9',
            b'a'..=b'z' | b'0'..=b'9',
            ..,
        ] if bytes.get(6).is_some_and(u8::is_ascii_alphanumeric) => {
            clock_time(&bytes[4..]).map(|(len, _)| (4 + len, Time::Syslog))
        }
        _ => clock_time(bytes),
    }
}

/// As [`time`], without a weekday.
fn clock_time(bytes: &[u8]) -> Option<(usize, Time)> {
    let digits = |from: usize, to: usize| {
        bytes.get(from..to).is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit))
    };
    let clock = |at: usize| {
        digits(at, at + 2)
            && bytes.get(at + 2) == Some(&b':')
            && digits(at + 3, at + 5)
            && bytes.get(at + 5) == Some(&b':')
            && digits(at + 6, at + 8)
    };
    match bytes {
        // 2026-11-26T10:00:00.5Z, 2026/11/26 10:00:00
        [b'0'..=b'9', _, _, _, b'-' | b'/', _, _, b'-' | b'/', _, _, ..] if digits(0, 4) => {
            let comma = usize::from(bytes.get(10) == Some(&b','));
            if !matches!(bytes.get(10 + comma), Some(b'T' | b' ')) || !clock(11 + comma) {
                return None;
            }
            let end = after_clock(bytes, 19 + comma);
            // Container runtimes write UTC.
            let is_local = bytes[10] == b'T' && bytes.get(end - 1) != Some(&b'Z');
            Some((end, if is_local { Time::Syslog } else { Time::Any }))
        }
        // 10:00:00
        [b'0'..=b'9', _, b':', ..] => clock(0).then(|| (after_clock(bytes, 8), Time::Any)),
        // 1700000000.123456
        [b'0'..=b'9', ..] => {
            let is_epoch = digits(0, 10) && bytes.get(10) == Some(&b'.') && digits(11, 14);
            is_epoch.then(|| (after_clock(bytes, 10), Time::Syslog))
        }
        // @400000004a9d1f2b2c3d4e5f (TAI64N)
        [b'@', b'4', b'0', ..] => {
            let is_label = bytes.get(1..25)?.iter().all(u8::is_ascii_hexdigit);
            is_label.then_some((25, Time::Any))
        }
        // Nov 26 10:00:00
        [b'A'..=b'Z', _, _, b' ', b' ' | b'1'..=b'3', b'0'..=b'9', b' ', ..] if clock(7) => {
            let end = after_clock(bytes, 15);
            let has_year = bytes.get(end) == Some(&b' ')
                && digits(end + 1, end + 5)
                && matches!(bytes.get(end + 5), None | Some(b' '));
            Some((if has_year { end + 5 } else { end }, Time::Syslog))
        }
        _ => None,
    }
}

/// The end of the fraction and the zone that follow a clock.
fn after_clock(bytes: &[u8], mut at: usize) -> usize {
    let digits = |from: usize| {
        bytes
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    if matches!(bytes.get(at), Some(b'.' | b',')) && digits(at + 1) > 0 {
        at += 1 + digits(at + 1);
    }
    // A zone after a space must be one for certain: any text may follow.
    let space = usize::from(bytes.get(at) == Some(&b' '));
    let zone = bytes.get(at + space..).unwrap_or_default();
    let ends = |len: usize| matches!(zone.get(len), None | Some(b' ' | b']' | b':'));
    match zone {
        [b'Z', ..] if space == 0 => at + 1,
        [b'U', b'T', b'C', ..] if ends(3) => at + space + 3,
        [b'C', b'E', b'T', ..] if ends(3) => at + space + 3,
        [b'+' | b'-', ..] if digits(at + space + 1) == 4 && ends(5) => at + space + 5,
        [b'+' | b'-', _, _, b':', ..] if digits(at + space + 4) == 2 && ends(6) => at + space + 6,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of the line behind its prefix.
    fn own(line: &str) -> &str {
        &line[Prefix::of(line).len..]
    }

    #[test]
    fn a_prefix_ends_before_the_text_of_the_program() {
        let prefixes = [
            "web-1  | ",
            "web-1  | 2026-11-26T12:00:01.123456789Z ",
            "0|app  | ",
            "@scope/web | ",
            "2026-11-26T12:00:01Z ",
            "2026-11-26T12:00:01.1+01:00 ",
            "2026-11-26 12:00:01,123 ",
            "2026/11/26 12:00:01.5 ",
            "[2026-11-26T12:00:01.123Z] ",
            "[Thu Nov 26 12:00:01.123456 2026] [wsgi:error] [pid 7:tid 8] [client ::1:4] ",
            "[2026-11-26, 12:00:01 UTC] {subprocess.py:93} INFO - ",
            "[pod/web-0/app] ",
            "[  12.345678] ",
            "12:00:01 web.1  | ",
            "<11>",
            "<11>Nov 26 12:00:01 host app[7]: ",
            "<11>1 2026-11-26T12:00:01.5Z host app 7 ID [a@1 b=\"c\"][d@2 e=\"f g\"] ",
            "<11>1 2026-11-26T12:00:01.5Z - app - - - ",
            "Nov  6 12:00:01 host app: ",
            "Nov  6 12:00:01.5 app[7]: ",
            "Nov  6 12:00:01 ",
            "Thu 2026-11-26 12:00:01 UTC host app[7]: ",
            "1795694401.123456 host app[7]: ",
            "@400000004a9d1f2b2c3d4e5f ",
            "job.sh: line 3:  4711 ",
        ];
        let texts = [
            "Traceback (most recent call last):",
            "  File \"a.py\", line 1",
            "\tat a.B.c(B.java:1)",
            "java.lang.Error: x",
            "fatal error: all goroutines are asleep - deadlock!",
            "thread 'main' panicked at src/main.rs:2:5:",
            "boom.rb:2:in `f': x (E)",
        ];
        for prefix in prefixes {
            for text in texts {
                assert_eq!(own(&format!("{prefix}{text}")), text, "{prefix}");
            }
            // A shell writes no empty line.
            if prefix.ends_with(' ') && !prefix.starts_with("job.sh") {
                assert_eq!(own(prefix.trim_end()), "", "{prefix}: an empty line without its space");
            }
        }
    }

    #[test]
    fn ordinary_text_has_no_prefix() {
        for line in [
            "",
            "could not connect",
            "ValueError: x",
            "java.lang.Error: x",
            "127.0.0.1 - - [26/Nov/2026:12:00:01 +0000] \"GET / HTTP/1.1\" 200 5",
            "{\"msg\": \"x\"}",
            "[]",
            "  indented",
            "\x1b[31mred\x1b[0m",
            "12:00 noon",
            "2026-11-26",
            "Nov",
            "<tag> text",
            "error: x",
        ] {
            assert_eq!(own(line), line);
        }
    }

    #[test]
    fn a_line_of_any_length_is_scanned_near_its_start_only() {
        for part in ["Thu ", "[a] ", "2026-11-26T12:00:01Z ", "a | ", "\x1b[31m", "<1>", "x"] {
            let line = part.repeat(100_000);
            // Colours have no limit of their own: they are skipped.
            let colours = if part.starts_with('\x1b') { line.len() } else { 0 };
            assert!(Prefix::of(&line).len <= MAX_PARTS * MAX_NAME + colours, "{part}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_follow_any_beginning_of_a_prefix(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "2026-11-26", "T12:00:01", "12:00:01", ".5", "Z", "+01:00", " ", "Nov 26 ", "Thu ",
                "<11>", "1 ", "[", "]", "{", "a:1}", "web-1", " | ", "│", "app[7]:", "host ",
                "1795694401.123", "@40", "\u{1b}[31m", "\t", "é", "-", "job.sh: ", "line 3: ", "47 ",
            ]), 0..12),
        ) {
            let line = parts.concat();
            let prefix = Prefix::of(&line);
            proptest::prop_assert!(line.is_char_boundary(prefix.len));
            let _ = prefix.strip(&line);
        }
    }

    #[test]
    fn lines_are_of_one_program_if_the_names_are_the_same_whatever_the_times_are() {
        let cases = [
            ("web-1  | a", "web-1  | b", Some("b")),
            ("web-1  | a", "db-1   | b", None),
            ("2026-11-26T12:00:01Z a", "2026-11-26T12:00:02.5Z b", Some("b")),
            ("12:00:01 web.1 | a", "12:00:02 web.1 | b", Some("b")),
            ("12:00:01 web.1 | a", "12:00:02 db.1  | b", None),
            // The program's own names differ or are missing.
            ("web-1  | 12:00:01 [error] a", "web-1  | b", Some("b")),
            ("web-1  | a", "web-1  | [SQL: SELECT 1]", Some("[SQL: SELECT 1]")),
            ("Nov 26 12:00:01 h app[7]: a", "Nov 26 12:00:01 h app[8]: b", None),
            ("Nov 26 12:00:01 h app[7]: a", "                          b", Some("b")),
            ("web-1  | a", "b", None),
        ];
        for (first, line, expected) in cases {
            assert_eq!(Prefix::of(first).strip(line), expected, "{first}, {line}");
        }
    }
}

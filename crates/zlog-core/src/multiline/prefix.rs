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
    /// A hash of the names up to the end of each part. Lines of one program have the same, whatever
    /// their times are. The last parts may be the program's own: further lines lack them.
    keys: [u64; MAX_KEYS],
    count: usize,
}

impl Prefix {
    /// The prefix of a line, with one space after it. Colours don't count.
    pub(super) fn of(line: &str) -> Prefix {
        let mut prefix = Prefix::default();
        prefix.len = scan(line, |key, _| {
            let last = &prefix.keys[..prefix.count];
            if prefix.count < MAX_KEYS && last.last() != Some(&key) {
                prefix.keys[prefix.count] = key;
                prefix.count += 1;
            }
        });
        prefix
    }

    /// The length of the prefix of a further line of the program, and this prefix without the
    /// parts that the line lacks. `None` if the line has none of these prefixes.
    fn find(self, line: &str) -> Option<(usize, Prefix)> {
        let keys = &self.keys[..self.count];
        let (whole, mut found, mut last) = (keys.last(), None, 0);
        let len = scan(line, |key, len| {
            last = key;
            if whole == Some(&key) {
                found = Some((len, key));
            }
        });
        if len == 0 {
            // journalctl indents the further lines of a message.
            let indent = line.as_bytes().get(..self.len)?;
            return indent.iter().all(|byte| *byte == b' ').then_some((self.len, self));
        }
        let (len, key) = found.or_else(|| keys.contains(&last).then_some((len, last)))?;
        let mut prefix = Prefix { count: 1, ..self };
        prefix.keys[0] = key;
        Some((len, prefix))
    }

    /// A further line of the program, whose first line had this prefix, without its own. `None` if
    /// the line is none: it has no prefix, or that of another program.
    pub(super) fn strip(self, line: &str) -> Option<&str> {
        if self.len == 0 {
            return Some(line);
        }
        self.find(line).map(|(len, _)| &line[len..])
    }

    /// This prefix, after a further line.
    pub(super) fn after(self, line: &str) -> Prefix {
        self.find(line).map_or(self, |(_, prefix)| prefix)
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
        next.at += 1;
        next.skip_colours();
        let (first, second) = (&self.rest()[..word], self::word(next.rest()));
        let tag = &next.rest()[..second];
        let is_header = match self.time {
            Time::None => is_pod(first) && is_label(tag),
            Time::Any => is_tag(tag),
            Time::Syslog => is_tag(tag) || tag.ends_with(b":") && tag.len() > 1,
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
            if level > 0 && self.rest()[level..].starts_with(b" - ") {
                self.at += level + 3;
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
    bytes.iter().position(|byte| matches!(byte, b' ' | b'\t' | 0x1b)).unwrap_or(bytes.len())
}

/// `app[123]:`, `app[web.1]:`
fn is_tag(word: &[u8]) -> bool {
    word.ends_with(b"]:") && word[1..].contains(&b'[')
}

/// `web-7d9f8b6c5-x2x4q`, `db-0`
fn is_pod(word: &[u8]) -> bool {
    is_label(word) && word.contains(&b'-') && word.iter().any(u8::is_ascii_digit)
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
            let is_time = matches!(bytes.get(10 + comma), Some(b'T' | b' ')) && clock(11 + comma);
            let end = after_clock(bytes, 19 + comma);
            // Container runtimes write UTC.
            let is_local = bytes[10] == b'T' && bytes.get(end - 1) != Some(&b'Z');
            is_time.then_some((end, if is_local { Time::Syslog } else { Time::Any }))
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

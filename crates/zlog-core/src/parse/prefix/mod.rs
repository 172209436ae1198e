//! What a collector writes before each line of a program: a time, a container's name, a syslog
//! header. The lines after it are the program's, and may be a traceback.
//!
//! Unlike a format, a prefix is found before a line is known to be a record, for each line. So
//! this looks at fixed positions of its first bytes.

mod time;

use self::time::{Time, time};
use crate::text::sgr;

/// The most parts of a prefix, such as `[pod/web/app]` and a time.
const MAX_PARTS: usize = 8;

/// The longest name or group in brackets, in bytes.
const MAX_NAME: usize = 128;

/// The names that are kept of a prefix.
const MAX_KEYS: usize = 4;

/// The prefix of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Prefix {
    /// Its length in bytes; 0 without one.
    pub(crate) len: usize,
    /// For each name: a hash of the names up to it, and where the parts up to the next one end.
    /// Lines of one program have the same names, whatever their times are. The last names may be
    /// the program's own: further lines lack them.
    names: [(u32, usize); MAX_KEYS],
    count: usize,
}

impl Prefix {
    /// The prefix of a line, with one space after it. Colours don't count.
    pub(crate) fn of(line: &str) -> Prefix {
        let mut prefix = Prefix::default();
        prefix.len = scan(line, &mut |key, len| {
            let at = prefix.names().position(|own| own == key).unwrap_or(prefix.count);
            if let Some(name) = prefix.names.get_mut(at) {
                *name = (key, len);
                prefix.count = prefix.count.max(at + 1);
            }
        });
        prefix
    }

    fn names(&self) -> impl Iterator<Item = u32> {
        self.names[..self.count].iter().map(|(key, _)| *key)
    }

    /// The length of the prefix of a further line of the program, whose first line had this prefix,
    /// and this prefix without the names that the line lacks. `line_prefix` is all of the line's.
    /// `None` if the line has none of these, or that of another program.
    pub(crate) fn find(self, line: &str, line_prefix: Prefix) -> Option<(usize, Prefix)> {
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
    pub(crate) fn strip(self, line: &str) -> Option<&str> {
        self.find(line, Prefix::of(line)).map(|(len, _)| &line[len..])
    }
}

/// The length of a line's prefix in bytes; 0 without one.
pub(super) fn length(line: &str) -> usize {
    scan(line, &mut |_, _| {})
}

/// Whether a part of the line's prefix ends there.
pub(super) fn has_part_to(line: &str, end: usize) -> bool {
    let (parts, count) = parts(line);
    parts[..count].iter().any(|part| part.end == end)
}

/// Whether the line begins with two words of letters, as most texts do: if it has no tab, this is
/// no prefix.
pub(crate) fn begins_as_text(line: &str) -> bool {
    let bytes = line.as_bytes();
    let word = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let is_first_letter = matches!(bytes.first(), Some(b'A'..=b'Z' | b'a'..=b'z'));
    is_first_letter
        && matches!(bytes.get(word..word + 2), Some([b' ', next]) if next.is_ascii_alphabetic())
}

/// A part of a prefix.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Part {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It has a name, and is not only a time.
    pub(crate) is_name: bool,
}

/// The parts of a line's prefix, and their number.
pub(crate) fn parts(line: &str) -> ([Part; MAX_PARTS], usize) {
    let (mut parts, mut count, mut last, mut start) = ([Part::default(); MAX_PARTS], 0, 0, 0);
    scan(line, &mut |key, end| {
        parts[count] = Part { start, end, is_name: key != last };
        (count, last, start) = (count + 1, key, end);
    });
    (parts, count)
}

/// Whether a prefix is one of containers or of the programs of a developer, and not of a system or
/// of a program itself: it has a bar, or begins with a name that is in no brackets.
pub(crate) fn is_of_container(prefix: &str) -> bool {
    let prefix = &*sgr::strip(prefix);
    let begins_with_name = || parts(prefix).0[0].is_name && !prefix.starts_with(['[', '{', '<']);
    prefix.contains(['|', '│']) || prefix.starts_with("[pod/") || begins_with_name()
}

/// Finds the parts of a prefix, and calls `part` with the key and the end of each. Returns the
/// end of the last one.
fn scan(line: &str, part: &mut dyn FnMut(u32, usize)) -> usize {
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

struct Scan<'a> {
    line: &'a str,
    at: usize,
    key: u32,
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
            [b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' | b'/', ..] => {
                let is_first = self.at == 0;
                !(is_first && self.is_text()) && (is_first && self.job() || self.name())
            }
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
        let start = if self.key == 0 { 0x811c_9dc5 } else { self.key };
        let name = &self.line.as_bytes()[from..to];
        let add = |key: u32, byte: &u8| (key ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        self.key = name.iter().fold(start, add);
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

    /// `web-1  | `; `app[123]: `; after a time, `host app: `; `web-7d9f8b6c5-x2x4q web ` (stern).
    fn name(&mut self) -> bool {
        let word = word(self.rest());
        let bytes = &self.rest()[..word];
        // Most lines end here.
        let is_level = bytes.len() > 3 && bytes[..4].iter().all(u8::is_ascii_uppercase);
        if word == 0 || self.time == Time::Any && is_level {
            return false;
        }
        let end = self.at + word;
        if let Some((at, len)) = self.bar(end) {
            self.add(self.at, end);
            self.at = at;
            return self.advance(len);
        }
        if bytes.ends_with(b":") {
            if is_tag(bytes) || is_task(bytes) {
                self.add(self.at, end);
                return self.advance(word);
            }
            let place = self.place(word);
            self.at += place.unwrap_or(0);
            return place.is_some();
        }
        if self.time == Time::Syslog && is_stream(bytes) {
            self.add(self.at, end);
            return self.advance(word);
        }
        let is_pod = self.time == Time::None && is_pod(bytes);
        if is_pod { self.container(word) } else { self.time != Time::None && self.header(word) }
    }

    /// Whether the line begins with two words of letters, as most texts do, and has no columns.
    fn is_text(&self) -> bool {
        let bytes = self.rest();
        begins_as_text(&self.line[self.at..])
            && memchr::memchr(b'\t', &bytes[..bytes.len().min(MAX_NAME)]).is_none()
    }

    /// `build\tRun tests\t`, and a time: what `gh run view --log` prints.
    fn job(&mut self) -> bool {
        let window = &self.rest()[..self.rest().len().min(MAX_NAME)];
        let Some(job) = memchr::memchr(b'\t', window) else { return false };
        let Some(step) = memchr::memchr(b'\t', &window[job + 1..]) else { return false };
        let end = job + 1 + step;
        let is_job = time(&self.rest()[end + 1..]).is_some();
        if is_job {
            self.add(0, end);
            self.at = end + 1;
        }
        is_job
    }

    /// The position and the length of a bar after a name that ends at `end`.
    fn bar(&self, end: usize) -> Option<(usize, usize)> {
        let mut next = Scan { at: end, ..*self };
        next.skip_colours();
        let spaces = next.rest().iter().take_while(|byte| **byte == b' ').count();
        let rest = &next.rest()[spaces..];
        let len = match rest.first()? {
            b'|' => 1,
            _ => starts(rest, "│")?,
        };
        Some((next.at + spaces, len))
    }

    /// The program after a host: `app[123]:`, and after a time of syslog also `app:`.
    fn header(&mut self, host: usize) -> bool {
        let is_name = |tag: &[u8], host: &[u8]| {
            // `fatal error: ` and `Uncaught TypeError: ` are no host and program.
            let is_text = [&b"fatal"[..], b"Uncaught", b"Unhandled"].contains(&host);
            tag.ends_with(b":") && tag[0].is_ascii_alphanumeric() && !is_text
        };
        let is_syslog = self.time == Time::Syslog;
        self.second(host, |host, tag| is_tag(tag) || is_syslog && is_name(tag, host))
    }

    /// The container after a pod.
    fn container(&mut self, pod: usize) -> bool {
        self.second(pod, |_, container| is_label(container))
    }

    /// A second word after the first, if `accepts` both.
    fn second(&mut self, first: usize, accepts: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        if self.rest().get(first) != Some(&b' ') && self.rest().get(first) != Some(&0x1b) {
            return false;
        }
        let mut next = Scan { at: self.at + first, ..*self };
        next.skip_colours();
        next.at += usize::from(next.rest().first() == Some(&b' '));
        next.skip_colours();
        let second = word(next.rest());
        if second == 0 || !accepts(&self.rest()[..first], &next.rest()[..second]) {
            return false;
        }
        self.add(self.at, self.at + first);
        self.at = next.at;
        self.add(next.at, next.at + second);
        self.advance(second)
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

/// `2026/11/26/[$LATEST]4f2a`, `ecs/web/4f2a`: a stream of Amazon CloudWatch.
fn is_stream(word: &[u8]) -> bool {
    word.contains(&b'/') && word[0] != b'/' && !word.contains(&b':')
}

/// `web:dev:` (Turborepo)
fn is_task(word: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || b"0123456789@/_-:".contains(byte);
    let [start, .., b':'] = word else { return false };
    let package = memchr::memchr(b':', word).filter(|at| *at + 1 < word.len());
    (start.is_ascii_lowercase() || *start == b'@')
        && package.is_some_and(|at| word[at + 1].is_ascii_lowercase())
        && word.iter().all(is_name)
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

#[cfg(test)]
mod tests;

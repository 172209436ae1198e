//! Formats a record as a syslog message (RFC 5424).
//!
//! ```text
//! <11>1 2026-01-02T03:04:05.000006Z host shop 42 - [zlog@32473 logger="shop.db"
//! topic="shop.ERROR.db" level="ERROR" seq="7"][extra@32473 user="ann"] no connection
//! ```
//!
//! - Structured data contains the fields that syslog has no place for (`zlog@32473`) and the
//!   record's extras (`extra@32473`). 32473 is the enterprise number reserved for
//!   documentation (RFC 5612): zlog has none of its own.
//! - The message is UTF-8 without a byte order mark, as from Python's `SysLogHandler`: rsyslog
//!   would store the mark with the text. Newlines are kept.
//! - A message that is too long is truncated on a character boundary. Structured data that
//!   would take more than half of the space is left out first. `[cut@32473 bytes="…"]` gives
//!   the number of missing bytes.
//!
//! [`Protocol::Local`] is the format of the C library's `syslog`: only priority, time, program,
//! process and message.
//!
//! ```text
//! <11>Jan  2 03:04:05 shop[42]: no connection
//! ```

use std::borrow::Cow;
use std::io::Write as _;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::{Framing, SyslogOptions};
use crate::os::clock;
use zlog_core::format::{self, RFC3339_PATTERN, TimeFormat};
use zlog_core::parse::FACILITIES;
use zlog_core::text::escape::escape;
use zlog_core::text::json;
use zlog_core::text::prefix;
use zlog_core::wire::topic;
use zlog_core::{Error, Level, Record, Result};

/// The longest names allowed by RFC 5424.
const HOSTNAME: usize = 255;
const APP_NAME: usize = 48;
const PARAM_NAME: usize = 32;
/// The longest program name allowed by RFC 3164.
const TAG: usize = 32;
/// The end of a truncated message.
const ELLIPSIS: &str = "…";
/// The time format of a local message, in the time zone of this machine.
const LOCAL_TIME: &str = "%b %e %H:%M:%S";
/// A line feed in a message that must be one line, as rsyslog escapes it.
const LINE_FEED: &str = "#012";
/// The longest possible `[cut@32473 bytes="…"]`.
const CUT: usize = 40;
/// Years 1 to 9999 in seconds: RFC 3339 allows no others.
const TIMES: std::ops::RangeInclusive<f64> = -62_135_596_800.0..=253_402_300_799.0;

/// The kind of program that sends messages: one of syslog's 24 facilities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facility(u8);

impl Facility {
    /// The names from `syslog.conf`, ordered by number.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FACILITIES.iter().map(|quoted| quoted.trim_matches('"'))
    }

    #[cfg(test)]
    pub(super) fn number(self) -> u8 {
        self.0
    }
}

impl Default for Facility {
    /// `user`.
    fn default() -> Facility {
        Facility(1)
    }
}

impl FromStr for Facility {
    type Err = Error;

    /// Reads a name (`user`, `daemon`, `local0`) or a number below 24.
    fn from_str(text: &str) -> Result<Facility> {
        let named = Facility::names().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.or_else(|| text.parse().ok()).filter(|&n| n < FACILITIES.len());
        number.and_then(|number| u8::try_from(number).ok()).map(Facility).ok_or_else(|| {
            let names = Facility::names().collect::<Vec<_>>().join(" ");
            Error::usage(format!("{:?} is not a syslog facility", escape(text)))
                .hint(format!("Name one of {names}."))
        })
    }
}

/// The format of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// RFC 5424, with all fields of a record.
    Rfc5424,
    /// For daemons on the same machine: systemd's journal, and rsyslog in its default
    /// configuration, accept nothing else at `/dev/log`.
    Local,
}

impl FromStr for Protocol {
    type Err = Error;

    /// Reads `rfc5424` or `local`.
    fn from_str(text: &str) -> Result<Protocol> {
        match text {
            "rfc5424" => Ok(Protocol::Rfc5424),
            "local" => Ok(Protocol::Local),
            _ => Err(Error::usage(format!("{:?} is not a syslog protocol", escape(text)))
                .hint("Name rfc5424 or local.")),
        }
    }
}

/// The severity of a level: the highest severity that it reaches, but never alert or emergency,
/// which wake people up and write to every terminal. Levels from 25 to 29 are notices.
pub(super) fn severity(level: Level) -> u8 {
    match level.0 {
        50.. => 2,
        40.. => 3,
        30.. => 4,
        25.. => 5,
        20.. => 6,
        // A record without a level is not a debug message.
        0 => 6,
        _ => 7,
    }
}

/// Writes messages.
pub(super) struct MessageWriter {
    protocol: Protocol,
    facility: Facility,
    app_name: Option<String>,
    hostname: String,
    time: TimeFormat,
    most: usize,
    /// A line feed ends a message: those in a message are escaped.
    one_line: bool,
}

impl MessageWriter {
    pub(super) fn new(
        options: &SyslogOptions,
        protocol: Protocol,
        is_tcp: bool,
    ) -> Result<MessageWriter> {
        let name = |what: &str, name: &Option<String>, most: usize| match name {
            Some(name) if !is_name(name, most) => {
                Err(Error::usage(format!("{:?} can't be a syslog {what}", escape(name)))
                    .hint(format!("Use at most {most} visible ASCII characters.")))
            }
            name => Ok(name.clone()),
        };
        let hostname = name("hostname", &options.hostname, HOSTNAME)?;
        let app_name = match (protocol, &options.app_name) {
            // Its daemons read any text before the colon.
            (Protocol::Local, Some(name)) if is_tag(name) => Some(name.clone()),
            (_, app_name) => name("app name", app_name, APP_NAME)?,
        };
        let time = match protocol {
            Protocol::Rfc5424 => TimeFormat::new(RFC3339_PATTERN, TimeZone::UTC)?,
            Protocol::Local => TimeFormat::new(LOCAL_TIME, format::zone(false))?,
        };
        Ok(MessageWriter {
            protocol,
            facility: options.facility,
            app_name,
            hostname: hostname
                .unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned()),
            time,
            most: options.max_message,
            one_line: options.framing == Framing::LineFeed && is_tcp,
        })
    }

    /// Appends the message of a record; `shown` is its formatted text. Returns whether the
    /// message is complete.
    pub(super) fn write(&mut self, record: &Record<'_>, shown: &[u8], out: &mut Vec<u8>) -> bool {
        match self.protocol {
            Protocol::Rfc5424 => self.rfc5424(record, &text(shown, self.one_line), out),
            Protocol::Local => self.local(record, &text(shown, self.one_line), out),
        }
    }

    fn local(&mut self, record: &Record<'_>, text: &str, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let priority = self.facility.0 * 8 + severity(record.level);
        // Writing to a Vec can't fail, here and below.
        let _ = write!(out, "<{priority}>");
        let time = Some(record.time().unwrap_or_else(clock::now));
        // This format can't omit the time.
        self.time.write(time.filter(|time| TIMES.contains(time)).unwrap_or(0.0), out);
        out.push(b' ');
        match &self.app_name {
            Some(tag) if !tag.is_ascii() => out.extend_from_slice(tag.as_bytes()),
            tag => {
                let tag = tag.as_deref().unwrap_or_else(|| program(record));
                name_into(out, tag, TAG, |c| matches!(c, ':' | '[' | ']'));
            }
        }
        if let Some(process) = record.process {
            let _ = write!(out, "[{process}]");
        }
        out.extend_from_slice(b": ");
        let room = (start + self.most).saturating_sub(out.len());
        if text.len() <= room {
            out.extend_from_slice(text.as_bytes());
            return true;
        }
        let kept = prefix(text, room.saturating_sub(ELLIPSIS.len()));
        let _ = write!(out, "{kept}{ELLIPSIS}");
        false
    }

    fn rfc5424(&mut self, record: &Record<'_>, text: &str, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        self.head(record, out);
        let one_line = self.one_line;
        let mut data =
            StructuredData { limit: start + self.most / 2, open: None, left_out: 0, one_line, out };
        structured(record, &mut data);
        let left_out = data.end();
        let room = (start + self.most).saturating_sub(out.len());
        let none = out.last() == Some(&b' ');
        // A space precedes the text; a dash stands for missing structured data.
        let needed = text.len() + usize::from(!text.is_empty()) + usize::from(none);
        if left_out == 0 && needed <= room {
            out.extend_from_slice(if none { b"-" } else { b"" });
            if !text.is_empty() {
                out.push(b' ');
                out.extend_from_slice(text.as_bytes());
            }
            return true;
        }
        let most = room.saturating_sub(CUT + ELLIPSIS.len() + 1);
        let (kept, ellipsis) =
            if text.len() <= most { (text, "") } else { (prefix(text, most), ELLIPSIS) };
        let missing = left_out + text.len() - kept.len();
        let _ = write!(out, "[cut@32473 bytes=\"{missing}\"] {kept}{ellipsis}");
        false
    }

    /// Writes everything before the structured data, and a space.
    fn head(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let priority = self.facility.0 * 8 + severity(record.level);
        let _ = write!(out, "<{priority}>1 ");
        let time = record.time().unwrap_or_else(clock::now);
        if TIMES.contains(&time) {
            self.time.write(time, out);
        } else {
            out.push(b'-');
        }
        out.push(b' ');
        name_into(out, record.hostname.as_deref().unwrap_or(&self.hostname), HOSTNAME, |_| false);
        out.push(b' ');
        let program = self.app_name.as_deref().unwrap_or_else(|| program(record));
        name_into(out, program, APP_NAME, |_| false);
        match record.process {
            Some(process) => _ = write!(out, " {process} - "),
            None => out.extend_from_slice(b" - - "),
        }
    }
}

/// The program that a record comes from, as far as the record says.
fn program<'r>(record: &'r Record<'_>) -> &'r str {
    let root = topic::parse(&record.topic).root;
    let name = record.name.as_deref().unwrap_or_default();
    let first = name.split('.').next().unwrap_or_default();
    [root, first].into_iter().find(|name| !name.is_empty()).unwrap_or("zlog")
}

/// The text of a message, without the final newline. Escapes NUL, which ends messages in some
/// protocols and in the memory of some daemons, and newlines if the message must be one line.
fn text(shown: &[u8], one_line: bool) -> Cow<'_, str> {
    let mut text = String::from_utf8_lossy(shown.strip_suffix(b"\n").unwrap_or(shown));
    if text.contains('\0') {
        text = Cow::Owned(text.replace('\0', "\\x00"));
    }
    if one_line && text.contains('\n') { Cow::Owned(text.replace('\n', LINE_FEED)) } else { text }
}

/// Writes the structured data of a record.
fn structured(record: &Record<'_>, data: &mut StructuredData<'_>) {
    const OURS: &str = "zlog@32473";
    let mut digits = itoa::Buffer::new();
    data.param(OURS, "logger", record.name.as_deref());
    data.param(OURS, "topic", Some(&*record.topic));
    if record.level != Level::NOTSET || record.levelname.is_some() {
        data.param(OURS, "level", Some(&record.level_name()));
    }
    data.param(OURS, "source", record.source.as_deref());
    data.param(OURS, "seq", record.seq.map(|seq| digits.format(seq)));
    data.param(OURS, "pathname", record.pathname.as_deref());
    data.param(OURS, "lineno", record.lineno.map(|line| digits.format(line)));
    data.param(OURS, "funcName", record.func_name.as_deref());
    data.param(OURS, "processName", record.process_name.as_deref());
    data.param(OURS, "threadName", record.thread_name.as_deref());
    data.param(OURS, "taskName", record.task_name.as_deref());
    for (name, value) in &record.extras {
        let value = json::string_value(&value.0).unwrap_or(Cow::Borrowed(&value.0));
        data.param("extra@32473", name, Some(&value));
    }
}

/// Structured data while it is written.
struct StructuredData<'o> {
    out: &'o mut Vec<u8>,
    /// The end of the space for it.
    limit: usize,
    /// The current element.
    open: Option<&'static str>,
    /// Bytes of values that did not fit.
    left_out: usize,
    one_line: bool,
}

impl StructuredData<'_> {
    /// Writes a field into an element, unless it is empty or does not fit.
    fn param(&mut self, element: &'static str, name: &str, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        let start = self.out.len();
        if self.open != Some(element) {
            if self.open.is_some() {
                self.out.push(b']');
            }
            self.out.push(b'[');
            self.out.extend_from_slice(element.as_bytes());
        }
        self.out.push(b' ');
        param_name_into(self.out, name);
        self.out.extend_from_slice(b"=\"");
        // A value that is too long unescaped need not be escaped.
        let fits = self.out.len() + value.len() + 2 <= self.limit;
        if fits {
            escape_into(self.out, value, self.one_line);
        }
        self.out.push(b'"');
        // The closing bracket needs a byte too.
        if fits && self.out.len() < self.limit {
            self.open = Some(element);
        } else {
            self.out.truncate(start);
            self.left_out += value.len();
        }
    }

    fn end(self) -> usize {
        if self.open.is_some() {
            self.out.push(b']');
        }
        self.left_out
    }
}

/// Whether a text is valid in the header.
fn is_name(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Writes a name. Invalid characters, and those that `ends` matches, become `_`; an empty name
/// becomes a dash.
fn name_into(out: &mut Vec<u8>, text: &str, most: usize, ends: impl Fn(char) -> bool) {
    let start = out.len();
    let plain = |c: char| if c.is_ascii_graphic() && !ends(c) { c as u8 } else { b'_' };
    out.extend(text.chars().take(most).map(plain));
    if out.len() == start {
        out.push(b'-');
    }
}

/// Whether a text can be the program of a local message: it must not end the program's name.
fn is_tag(text: &str) -> bool {
    let is_part = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, ':' | '[' | ']');
    (1..=APP_NAME).contains(&text.len()) && text.chars().all(is_part)
}

/// Writes the name of a field so that different names stay different. Invalid characters become
/// `%` and the hexadecimal digits of their bytes; a long name is cut and ends with its hash.
fn param_name_into(out: &mut Vec<u8>, name: &str) {
    let start = out.len();
    for byte in name.bytes() {
        match byte {
            b'=' | b']' | b'"' | b'%' => push_percent(out, byte),
            byte if byte.is_ascii_graphic() => out.push(byte),
            byte => push_percent(out, byte),
        }
    }
    match out.len() - start {
        // No other name becomes this.
        0 => out.push(b'%'),
        1..=PARAM_NAME => {}
        _ => {
            // FNV-1a.
            let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
            out.truncate(start + PARAM_NAME - 9);
            let _ = write!(out, "~{hash:08x}");
        }
    }
}

fn push_percent(out: &mut Vec<u8>, byte: u8) {
    let _ = write!(out, "%{byte:02X}");
}

/// Escapes the value of a field (RFC 5424, section 6.3.3), and NUL and newlines as in [`text`].
fn escape_into(out: &mut Vec<u8>, value: &str, one_line: bool) {
    for byte in value.bytes() {
        match byte {
            b'\n' if one_line => out.extend_from_slice(LINE_FEED.as_bytes()),
            b'"' | b'\\' | b']' => out.extend_from_slice(&[b'\\', byte]),
            0 => out.extend_from_slice(b"\\\\x00"),
            _ => out.push(byte),
        }
    }
}

//! `<PRI>` before a line: syslog's (RFC 3164, RFC 5424) and systemd's (sd-daemon(3)).

use std::borrow::Cow;

use crate::record::{Level, RawJson, Record};

/// Names of the facilities by number, as JSON.
pub const FACILITIES: [&str; 24] = [
    "\"kern\"",
    "\"user\"",
    "\"mail\"",
    "\"daemon\"",
    "\"auth\"",
    "\"syslog\"",
    "\"lpr\"",
    "\"news\"",
    "\"uucp\"",
    "\"cron\"",
    "\"authpriv\"",
    "\"ftp\"",
    "\"ntp\"",
    "\"audit\"",
    "\"alert\"",
    "\"clock\"",
    "\"local0\"",
    "\"local1\"",
    "\"local2\"",
    "\"local3\"",
    "\"local4\"",
    "\"local5\"",
    "\"local6\"",
    "\"local7\"",
];

/// Takes a priority off the line: level, and extra `facility` where the number is 8
/// or more (below, it is systemd's, or the kernel's). Gives what a time may stand in
/// front of.
pub(super) fn read<'a>(line: &'a str, record: &mut Record<'a>) -> &'a str {
    let Some((number, rest)) = split(line) else { return line };
    record.level = level(number % 8);
    if let Some(name) = FACILITIES.get(usize::from(number / 8)).filter(|_| number >= 8) {
        record.extras.push((Cow::Borrowed("facility"), RawJson(Cow::Borrowed(name))));
    }
    record.msg = Cow::Borrowed(rest);
    // RFC 5424 has its version before the time.
    rest.strip_prefix("1 ").unwrap_or(rest)
}

fn split(line: &str) -> Option<(u8, &str)> {
    let inner = line.strip_prefix('<')?;
    let digits = inner.bytes().take(4).position(|byte| byte == b'>')?;
    let number = &inner[..digits];
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u8 = number.parse().ok()?;
    (number < 192).then_some((number, &inner[digits + 1..]))
}

/// A syslog severity on Python's scale.
fn level(severity: u8) -> Level {
    match severity {
        0..=2 => Level::CRITICAL,
        3 => Level::ERROR,
        4 => Level::WARNING,
        5 => Level(25),
        6 => Level::INFO,
        _ => Level::DEBUG,
    }
}

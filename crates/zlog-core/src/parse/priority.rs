//! The priority `<PRI>` before a line: syslog's (RFC 3164, RFC 5424) and systemd's
//! (sd-daemon(3)).

use std::borrow::Cow;

use crate::level::Level;
use crate::record::{RawJson, Record};

/// The names of the syslog facilities by number, as JSON.
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

/// Removes a priority from the line and sets the level. Numbers of 8 and above also set the
/// extra `facility`; lower ones are systemd's, or the kernel's. Returns the rest of the
/// line.
pub(super) fn read<'a>(line: &'a str, record: &mut Record<'a>) -> &'a str {
    let Some((number, rest)) = split(line) else { return line };
    record.level = Level::from_syslog((number % 8).into());
    if let Some(name) = FACILITIES.get(usize::from(number / 8)).filter(|_| number >= 8) {
        record.extras.push((Cow::Borrowed("facility"), RawJson(Cow::Borrowed(name))));
    }
    record.msg = Cow::Borrowed(rest);
    rest
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

//! Lines of zlog's own log files, in the default format of its file handlers.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use crate::formats::time::{LastTime, leading};
use crate::record::{Level, Record};

/// The length of `2026-01-02 03:04:05,678`.
const TIME_LENGTH: usize = 23;

/// Reads `2026-01-02 03:04:05,678 ERROR shop.db: message` into an empty record. `false`, and
/// nothing is changed, if the line has another format.
pub(super) fn read<'a>(line: &'a str, zone: &TimeZone, record: &mut Record<'a>) -> bool {
    let Some((created, level, name, message)) = split(line, zone) else { return false };
    record.created = Some(created);
    record.level = level;
    record.name = Some(Cow::Borrowed(name));
    record.msg = Cow::Borrowed(message);
    true
}

fn split<'a>(line: &'a str, zone: &TimeZone) -> Option<(f64, Level, &'a str, &'a str)> {
    // Tells most other lines apart at once.
    if line.as_bytes().get(TIME_LENGTH - 4) != Some(&b',') {
        return None;
    }
    let stamp =
        leading(line, zone, &mut LastTime::default()).filter(|stamp| stamp.end == TIME_LENGTH)?;
    let rest = line[TIME_LENGTH..].strip_prefix(' ')?;
    // A level without a name of its own is `Level 35`.
    let start = if rest.starts_with("Level ") { "Level ".len() } else { 0 };
    let end = start + rest[start..].find(' ')?;
    let level = Level::from_name(&rest[..end])?;
    let (name, message) = rest[end + 1..].split_once(": ")?;
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then_some((stamp.seconds, level, name, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_zlogs_own_files_are_split_and_others_are_not() {
        let stamped = |rest: &str| format!("2024-01-02 03:04:05,678 {rest}");
        let cases = [
            ("ERROR shop.db: no: connection", Some((Level::ERROR, "shop.db", "no: connection"))),
            ("Level 35 root: ", Some((Level(35), "root", ""))),
            ("ERROR shop.db no connection", None),
            ("ERROR the shop: no connection", None),
            ("LOUD shop: no connection", None),
            ("ERROR : x", None),
            ("ERROR", None),
            ("Level ", None),
        ];
        for (rest, expected) in cases {
            let (line, mut record) = (stamped(rest), Record::default());
            assert_eq!(read(&line, &TimeZone::UTC, &mut record), expected.is_some(), "{line}");
            let Some((level, name, message)) = expected else {
                assert_eq!(record, Record::default(), "{line}");
                continue;
            };
            assert_eq!(record.created, Some(1_704_164_645.678));
            assert_eq!((record.level, &*record.msg), (level, message), "{line}");
            assert_eq!(record.name.as_deref(), Some(name), "{line}");
        }
        for line in ["", "2024-01-02 03:04:05.678 ERROR a: b", "2024-01-02T03:04:05,678 x", "é"] {
            assert!(!read(line, &TimeZone::UTC, &mut Record::default()), "{line}");
        }
    }
}

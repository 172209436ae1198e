//! The times in a prefix.

/// The last time in a prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    None,
    /// A time that container runtimes write, too. Any text may follow.
    Any,
    /// A time of syslog: after it, `host name:` is a header.
    Syslog,
}

/// The length of a time at the beginning, with its weekday and zone, and its kind.
pub(super) fn time(bytes: &[u8]) -> Option<(usize, Time)> {
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
        [b'A'..=b'Z', _, _, b' ', b' ' | b'0'..=b'3', b'0'..=b'9', b' ', ..] if clock(7) => {
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

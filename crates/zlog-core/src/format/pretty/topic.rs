//! Topics without the level, which has a column of its own.

use crate::record::{Level, Record};

/// The topic of a record without the part that says its level. The whole topic if none does.
pub(super) fn without_level<'r>(record: &'r Record<'_>, scratch: &'r mut String) -> &'r str {
    let own = record.levelname.as_deref();
    let says_level = |part: &str| {
        Some(part) == own || Level::from_name(part).is_some_and(|level| level == record.level)
    };
    let mut start = 0;
    for part in record.topic.split('.') {
        let end = start + part.len();
        if says_level(part) {
            let (before, after) = (&record.topic[..start], &record.topic[end..]);
            if after.is_empty() {
                return before.strip_suffix('.').unwrap_or(before);
            }
            scratch.clear();
            scratch.push_str(before);
            scratch.push_str(&after[1..]);
            return scratch;
        }
        start = end + 1;
    }
    &record.topic
}

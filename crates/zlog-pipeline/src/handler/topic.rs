//! The topic under which a handler publishes a record.

use zlog_core::{Record, wire};

/// Overwrites `out` with the topic of a record: its own if it has one (it was received or stored),
/// otherwise made from `root`, the logger's name if `logger_in_topic`, level and subtopic.
pub fn write_topic(record: &Record<'_>, root: &str, logger_in_topic: bool, out: &mut String) {
    if !record.topic.is_empty() {
        out.clear();
        out.push_str(&record.topic);
        return;
    }
    // A level name with dots would become several components of the topic.
    let level = match record.level_name() {
        name if name.contains('.') => record.level.name(),
        name => name,
    };
    let name = record.name.as_deref().filter(|_| logger_in_topic).unwrap_or_default();
    wire::topic::write_under(out, root, name, &level, &record.subtopic);
}

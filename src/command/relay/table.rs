//! A relay's status, for a person.

use std::fmt::Write;

use zlog_core::text::escape::visible;
use zlog_core::text::plural::counted;
use zlog_core::wire::ask::{Side, Status};

/// The status as tables. What comes from others is escaped.
pub(super) fn of(status: &Status) -> String {
    let mut out = String::new();
    head(&mut out, status);
    sides(&mut out, "collects on", "publishers", &status.collect);
    sides(&mut out, "publishes on", "subscribers", &status.publish);
    sources(&mut out, status);
    handlers(&mut out, status);
    out
}

// Writing to a String can't fail, here and below.

fn head(out: &mut String, status: &Status) {
    let passed = &status.forwarded;
    let version = visible(&status.version);
    let up = humantime::format_duration(std::time::Duration::from_secs(status.uptime as u64));
    let _ = writeln!(out, "zlog {version}, process {}, up {up}\n", status.process);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<14} {value}");
    };
    line("forwarded", format!("{}, {:.1}/s", counted(passed.messages, "message"), passed.rate));
    line("", bytes(passed.bytes));
    line("no room", format!("{} for a subscriber", counted(passed.no_room, "time")));
    line("dropped", format!("{} for all subscribers", passed.dropped));
    if passed.frames_cut > 0 {
        line("frames cut", passed.frames_cut.to_string());
    }
    line("asked for", counted(status.prefixes, "prefix"));
    if let Some(kept) = &status.keep {
        let (messages, topics) = (counted(kept.messages, "message"), counted(kept.topics, "topic"));
        let size = bytes(kept.bytes as u64);
        line("keeps", format!("{messages} of {topics}, {size}"));
        if kept.refused > 0 {
            line("", format!("{} could not be kept", kept.refused));
        }
    }
    line("questions", format!("{} answered, {} refused", status.answered, status.refused));
}

fn sides(out: &mut String, what: &str, who: &str, sides: &[Side]) {
    if sides.is_empty() {
        return;
    }
    let endpoints: Vec<String> = sides.iter().map(|s| visible(&s.endpoint)).collect();
    let width = width(what, &endpoints);
    let _ = writeln!(out, "\n{what:<width$} {who:>12}");
    for (endpoint, side) in endpoints.iter().zip(sides) {
        let _ = writeln!(out, "{endpoint:<width$} {:>12}", side.peers);
    }
}

fn sources(out: &mut String, status: &Status) {
    if status.sources.is_empty() {
        return;
    }
    let names: Vec<String> = status.sources.iter().map(|s| visible(&s.name)).collect();
    let width = width("source", &names);
    let _ = writeln!(
        out,
        "\n{:<width$} {:>12} {:>12} {:>12} {:>12}",
        "source", "records", "/s", "unheard", "clients"
    );
    for (name, source) in names.iter().zip(&status.sources) {
        let ended = if source.running { "" } else { "  ended" };
        let (records, rate, unheard) = (source.records, source.rate, source.unheard);
        let _ = write!(out, "{name:<width$} {records:>12} {rate:>12.1} {unheard:>12}");
        let _ = writeln!(out, " {:>12}{ended}", source.clients);
        for remark in &source.remarks {
            let _ = writeln!(out, "{:<width$} {}", "", visible(remark));
        }
    }
}

fn handlers(out: &mut String, status: &Status) {
    if status.handlers.is_empty() {
        return;
    }
    let names: Vec<String> = status.handlers.iter().map(|h| visible(&h.name)).collect();
    let width = width("handler", &names);
    let _ = writeln!(
        out,
        "\n{:<width$} {:>12} {:>9} {:>9} {:>9} {:>9}",
        "handler", "handled", "queued", "waiting", "dropped", "lost"
    );
    for (name, h) in names.iter().zip(&status.handlers) {
        let _ = write!(
            out,
            "{name:<width$} {:>12} {:>9} {:>9} {:>9} {:>9}",
            h.handled, h.queued, h.waiting, h.dropped, h.lost
        );
        // The error, and below it what to do about it.
        let mut why = h.outage.iter().flat_map(|why| why.lines()).map(|line| visible(line.trim()));
        if let Some(cause) = why.next() {
            let _ = write!(out, "  fails: {cause}");
        }
        out.push('\n');
        for hint in why {
            let _ = writeln!(out, "{:<width$} {hint}", "");
        }
    }
}

fn width(title: &str, names: &[String]) -> usize {
    names.iter().map(|name| name.chars().count()).chain([title.len()]).max().unwrap_or(0)
}

/// A size as a person reads it.
fn bytes(bytes: u64) -> String {
    match bytes {
        0..0x2800 => format!("{bytes} B"),
        0x2800..0xa0_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlog_core::wire::ask::{Handler, Keep, Source};

    #[test]
    fn a_status_shows_what_there_is_and_nothing_steers_the_terminal() {
        let hostile = "\x1b[2Jx".to_owned();
        let status = Status {
            version: hostile.clone(),
            collect: vec![Side { endpoint: hostile.clone(), peers: 3 }],
            sources: vec![Source { name: hostile.clone(), records: 7, ..Source::default() }],
            handlers: vec![Handler {
                name: "f".into(),
                outage: Some(format!("{hostile}\n  Make \r{hostile} room.")),
                ..Handler::default()
            }],
            keep: Some(Keep { topics: 2, messages: 5, bytes: 11 << 20, refused: 1 }),
            ..Status::default()
        };
        let shown = of(&status);
        assert!(!shown.contains('\x1b'), "{shown:?}");
        assert!(shown.contains("keeps          5 messages of 2 topics, 11.0 MiB"), "{shown}");
        let row = shown.lines().position(|line| line.ends_with("fails: \\x1b[2Jx"));
        let hint = row.and_then(|row| shown.lines().nth(row + 1));
        assert_eq!(hint.map(str::trim), Some("Make \\x0d\\x1b[2Jx room."), "{shown}");
        assert!(!shown.contains("\\x0a"), "{shown}");
    }
}

//! Prints a relay's status.

use std::fmt::Write;
use std::time::Duration;

use zlog_core::text::escape::{escape, escape_json};
use zlog_core::text::parsers::Seconds;
use zlog_core::text::plural::counted;
use zlog_core::wire::query::{EndpointPeers, Status};

/// Maximum width of the first column, in characters. A longer name only moves its own line, so
/// that one name can't widen all lines.
const WIDEST: usize = 60;

/// The status as tables, escaped.
pub(in crate::command) fn of(status: &Status) -> String {
    let mut out = String::new();
    head(&mut out, status);
    endpoints(&mut out, "collects on", "publishers", &status.collect);
    endpoints(&mut out, "publishes on", "subscribers", &status.publish);
    sources(&mut out, status);
    handlers(&mut out, status);
    out
}

/// The status as one line of JSON. JSON itself does not escape DEL, C1 and bidi controls, which
/// control a terminal.
pub(super) fn json(status: &Status) -> String {
    escape_json(&serde_json::to_string(status).unwrap_or_default()) + "\n"
}

// Writing to a String can't fail, here and below.

fn head(out: &mut String, status: &Status) {
    let passed = &status.forwarded;
    let version = escape(&status.version);
    let up = Seconds(Duration::from_secs(status.uptime as u64));
    let _ = writeln!(out, "zlog {version}, process {}, up {up}\n", status.process);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<15} {value}");
    };
    line("forwarded", format!("{}, {:.1}/s", counted(passed.messages, "message"), passed.rate));
    line("", bytes(passed.bytes));
    if passed.unheard > 0 {
        line("unheard", format!("{} without a subscriber", counted(passed.unheard, "message")));
    }
    line("subscriber full", counted(passed.no_room, "time"));
    for slow in &status.slow {
        let peer = escape(&slow.peer);
        line("", format!("{peer}: {} times, {} dropped for it", slow.times, slow.dropped));
    }
    line("dropped", format!("{} for all subscribers", passed.dropped));
    if passed.frames_cut > 0 {
        line("frames cut", passed.frames_cut.to_string());
    }
    line("subscriptions", counted(status.prefixes, "prefix"));
    if let Some(kept) = &status.keep {
        let (messages, topics) = (counted(kept.messages, "message"), counted(kept.topics, "topic"));
        let size = bytes(kept.bytes as u64);
        line("keeps", format!("{messages} of {topics}, {size}"));
        if kept.refused > 0 {
            line("", format!("{} could not be kept", kept.refused));
        }
    }
    line("queries", format!("{} answered, {} refused", status.answered, status.refused));
}

fn endpoints(out: &mut String, what: &str, who: &str, endpoints: &[EndpointPeers]) {
    if endpoints.is_empty() {
        return;
    }
    let names: Vec<String> = endpoints.iter().map(|e| escape(&e.endpoint)).collect();
    let width = width(what, &names);
    let _ = writeln!(out, "\n{what:<width$} {who:>12}");
    for (name, endpoint) in names.iter().zip(endpoints) {
        let _ = writeln!(out, "{name:<width$} {:>12}", endpoint.peers);
    }
}

fn sources(out: &mut String, status: &Status) {
    if status.sources.is_empty() {
        return;
    }
    let names: Vec<String> = status.sources.iter().map(|s| escape(&s.name)).collect();
    let width = width("source", &names);
    let _ = writeln!(
        out,
        "\n{:<width$} {:>12} {:>12} {:>13} {:>12}",
        "source", "records", "/s", "no subscriber", "clients"
    );
    for (name, source) in names.iter().zip(&status.sources) {
        let ended = if source.running { "" } else { "  ended" };
        let (records, rate, unheard) = (source.records, source.rate, source.unheard);
        let _ = write!(out, "{name:<width$} {records:>12} {rate:>12.1} {unheard:>13}");
        let _ = writeln!(out, " {:>12}{ended}", source.clients);
        for remark in &source.remarks {
            let _ = writeln!(out, "{:<width$} {}", "", escape(remark));
        }
    }
}

fn handlers(out: &mut String, status: &Status) {
    if status.handlers.is_empty() {
        return;
    }
    let names: Vec<String> = status.handlers.iter().map(|h| escape(&h.name)).collect();
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
        // The error, and its next step on the lines below.
        let mut why = h.outage.iter().flat_map(|why| why.lines()).map(|line| escape(line.trim()));
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
    let longest = names.iter().map(|name| name.chars().count()).chain([title.len()]).max();
    longest.unwrap_or(0).min(WIDEST)
}

/// A size in bytes, KiB or MiB.
fn bytes(bytes: u64) -> String {
    match bytes {
        0..0x2800 => format!("{bytes} B"),
        0x2800..0xa0_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use zlog_core::text::escape::is_unsafe;
    use zlog_core::wire::query::{self, Answer, Handler, Keep, Source};

    #[test]
    fn a_status_shows_what_there_is_and_nothing_steers_the_terminal() {
        let hostile = "\x1b[2Jx".to_owned();
        let status = Status {
            version: hostile.clone(),
            collect: vec![EndpointPeers { endpoint: hostile.clone(), peers: 3 }],
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
        assert!(shown.contains("keeps           5 messages of 2 topics, 11.0 MiB"), "{shown}");
        let row = shown.lines().position(|line| line.ends_with("fails: \\x1b[2Jx"));
        let hint = row.and_then(|row| shown.lines().nth(row + 1));
        assert_eq!(hint.map(str::trim), Some("Make \\x0d\\x1b[2Jx room."), "{shown}");
        assert!(!shown.contains("\\x0a"), "{shown}");
    }

    #[test]
    fn a_name_of_megabytes_pushes_its_own_line_and_no_other() {
        let name = |name: &str| Handler { name: name.into(), ..Handler::default() };
        let long = "x".repeat(3 << 20);
        let handlers = vec![name(&long), name("short")];
        let shown = of(&Status { handlers, ..Status::default() });
        assert!(shown.contains(&long));
        let short = shown.lines().find(|line| line.starts_with("short")).unwrap();
        assert!(short.len() < 200, "{} columns", short.len());
    }

    /// A valid answer with all fields, to be damaged.
    fn whole() -> Vec<u8> {
        let side = || EndpointPeers { endpoint: "tcp://127.0.0.1:1".into(), peers: 3 };
        let outage = Some("no space left on device\n  Make room.".into());
        let remarks = vec!["1 client disconnected".into()];
        let status = Status {
            version: "0.1.0".into(),
            uptime: 86_400.5,
            collect: vec![side()],
            publish: vec![side(), side()],
            sources: vec![Source { name: "stdin".into(), remarks, ..Source::default() }],
            handlers: vec![Handler { name: "f".into(), outage, ..Handler::default() }],
            keep: Some(Keep::default()),
            ..Status::default()
        };
        query::write_answer(&Answer::Status(Box::new(status)))
    }

    /// Numbers at the limits of the fields, and beyond.
    const NUMBERS: [&str; 9] = [
        "18446744073709551615",
        "4294967296",
        "-1",
        "1e308",
        "-1e308",
        "0.1",
        "null",
        "1e-320",
        "18446744073709551616",
    ];
    /// Texts that are wider than a column or control a terminal.
    const TEXTS: [&str; 4] = ["\u{202e}", "\\u001b[2J", "\\ud800", "\\n"];

    /// [`whole`] with numbers and texts inserted, and then cut or with a bit flipped.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let place = 0..whole().len();
        let number = prop::sample::select(&NUMBERS[..]).prop_map(str::to_owned);
        let text = (prop::sample::select(&TEXTS[..]), 1..20_000usize)
            .prop_map(|(text, times)| text.repeat(times));
        let change = (place, prop_oneof![number, text], any::<bool>());
        (prop::collection::vec(change, 0..6), any::<prop::sample::Index>(), 0..4u8).prop_map(
            |(changes, at, byte)| {
                let mut bytes = whole();
                for (place, value, number) in changes {
                    put(&mut bytes, place, &value, number);
                }
                match byte {
                    0 => bytes.truncate(at.index(bytes.len())),
                    1 => {
                        let at = at.index(bytes.len());
                        bytes[at] ^= 1 << (at % 8);
                    }
                    _ => {}
                }
                bytes
            },
        )
    }

    /// Replaces the next number after `from`, or the next text.
    fn put(bytes: &mut Vec<u8>, from: usize, value: &str, number: bool) {
        let from = from.min(bytes.len());
        let begins = |pair: &[u8]| match number {
            true => pair[0] == b':' && pair[1].is_ascii_digit(),
            false => pair[0] == b':' && pair[1] == b'"',
        };
        let Some(at) = bytes[from..].windows(2).position(begins) else { return };
        let start = from + at + if number { 1 } else { 2 };
        let ends = |byte: &u8| if number { b",}]".contains(byte) } else { *byte == b'"' };
        let end = bytes[start..].iter().position(ends).map_or(bytes.len(), |end| start + end);
        bytes.splice(start..end, value.bytes());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_steers_the_terminal(bytes in damaged()) {
            if let Ok(Answer::Status(status)) = query::read_answer(&bytes) {
                let shown = of(&status);
                prop_assert!(!shown.chars().any(|c| c != '\n' && is_unsafe(c)));
                let json = json(&status);
                prop_assert!(!json.trim_end().chars().any(is_unsafe));
                prop_assert!(serde_json::from_str::<Status>(&json).is_ok());
                // Each byte can widen a line by the first column.
                prop_assert!(shown.len() < WIDEST * bytes.len() + 10_000, "{}", shown.len());
            }
        }
    }
}

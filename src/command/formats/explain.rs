//! Which format each line of a file has, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::{Map, Value, json};

use zlog_core::formats::{Attempt, Explanation, Formats, Mismatch, Reason};
use zlog_core::parse;
use zlog_core::text::escape::{escape, escape_json_into};
use zlog_core::text::plural::counted;
use zlog_core::{Exit, Level, Record, Result, wire};
use zlog_pipeline::os::clock::TICK;
use zlog_pipeline::os::terminal::{self, Stdout};
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::text::{Explained, LONGEST_STORED_LINE, LineOptions, StreamSpec};
use zlog_pipeline::source::{PollStatus, Source};

/// Prints the format and the fields of each record, and counts the formats at the end. A file is
/// read as `tail --input` reads it, and standard input as `emit` does.
pub(super) fn run(path: &Path, formats: Formats, only: Option<&str>, json: bool) -> Result<Exit> {
    let is_file = path.as_os_str() != "-";
    let lines = LineOptions {
        max_line: LONGEST_STORED_LINE,
        parse: parse::Options {
            formats,
            format: only.map(str::to_owned),
            stored: is_file,
            own_files: is_file,
            explain: true,
            ..parse::Options::default()
        },
        ..LineOptions::default()
    };
    let spec = StreamSpec { level: Level::NOTSET, ..StreamSpec::default() };
    let mut source = file::open(vec![path.into()], FileOptions::default(), spec, &lines, None)?;
    let mut explainer = Explainer { json, out: Stdout::new(), counts: BTreeMap::new() };
    loop {
        let mut taken = None;
        let status = source.poll(TICK, &mut |record| {
            taken = Some(std::mem::take(record).into_owned());
            Ok(ControlFlow::Break(()))
        })?;
        if let (Some(record), Some(explained)) = (taken, source.take_explained()) {
            explainer.explain(&record, &explained)?;
        }
        for notice in source.take_notices() {
            terminal::eprint_line(format_args!("zlog formats: {}", notice.text));
        }
        match status {
            PollStatus::Delivered => {}
            PollStatus::Idle => explainer.out.send()?,
            PollStatus::Ended => break,
        }
    }
    if explainer.counts.is_empty() {
        terminal::eprint_line("zlog formats: no lines to explain");
    } else if !json {
        explainer.print_counts()?;
    }
    explainer.out.send()?;
    Ok(source.exit())
}

struct Explainer {
    json: bool,
    out: Stdout,
    /// Records by format.
    counts: BTreeMap<String, u64>,
}

impl Explainer {
    fn explain(&mut self, record: &Record<'_>, explained: &Explained) -> Result<()> {
        let format = format_of(explained);
        let why = why(explained);
        let fields = fields(record, &explained.text);
        let text = match self.json {
            true => {
                let message = explained.text.get(explained.message_start..).unwrap_or_default();
                let line = explained.line;
                let mut object =
                    json!({"line": line, "format": format, "why": why, "message": message});
                object["fields"] = Value::Object(fields);
                let mut escaped = Vec::new();
                escape_json_into(&mut escaped, &object.to_string());
                escaped
            }
            false => described(explained, format.as_deref(), &why, &fields).into_bytes(),
        };
        *self.counts.entry(format.unwrap_or_default()).or_default() += 1;
        self.out.put(&text)?;
        self.out.put(b"\n")
    }

    fn print_counts(&mut self) -> Result<()> {
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut text = String::from("\n");
        for (format, count) in counts {
            let format = if format.is_empty() { "no format" } else { format };
            let _ = writeln!(text, "{}: {}", escape(format), counted(*count, "record"));
        }
        self.out.put(text.as_bytes())
    }
}

/// The fields that were found in a line, under the names of `LogRecord`'s attributes.
fn fields(record: &Record<'_>, line: &str) -> Map<String, Value> {
    let mut json = Vec::new();
    wire::json::write(record, &mut json);
    let mut fields: Map<String, Value> = serde_json::from_slice(&json).unwrap_or_default();
    for derived in ["levelno", "msecs"] {
        fields.remove(derived);
    }
    if record.level == Level::NOTSET {
        fields.remove("levelname");
    }
    if fields.get("msg").is_some_and(|message| message == line) {
        fields.remove("msg");
    }
    if let Some(created) = record.created
        && let Ok(time) = jiff::Timestamp::from_microsecond((created * 1e6).round() as i64)
    {
        fields.insert("created".into(), Value::String(time.to_string()));
    }
    fields
}

/// The format of a record, and what encloses it.
fn format_of(explained: &Explained) -> Option<String> {
    let explanation = explained.explanation.as_ref()?;
    let format = match (explanation.structured, explanation.matched()) {
        (Some(structured), Some(format)) if explanation.prefix.is_none() => {
            Some(format!("{structured}, {format}"))
        }
        (structured, format) => structured.or(format).map(str::to_owned),
    };
    Some(match explanation.prefix {
        Some(prefix) => format!("{} after {prefix}", format?),
        None => format?,
    })
}

/// The explanation of a record for people.
fn described(
    explained: &Explained,
    format: Option<&str>,
    why: &str,
    fields: &Map<String, Value>,
) -> String {
    let (format, line) = (format.unwrap_or("no format"), explained.line);
    let mut text = format!("{line}: {} ({})", escape(format), escape(why));
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, "\n    {}: {}", escape(name), escape(&value));
    }
    let mut lines = explained.text.split('\n');
    let _ = write!(text, "\n    {}", escape(lines.next().unwrap_or_default()));
    match lines.count() {
        0 => {}
        1 => text.push_str("\n    (1 line that belongs to it)"),
        more => drop(write!(text, "\n    ({more} lines that belong to it)")),
    }
    text
}

/// Why a record has its format, or none.
fn why(explained: &Explained) -> String {
    let Some(explanation) = &explained.explanation else {
        return "a part of a record that is no line of its own".into();
    };
    let attempt = explanation.attempt();
    let structured = explanation.structured.map(|name| format!("{name} names its fields"));
    let reason = match (structured, attempt) {
        (Some(structured), None) => return structured,
        (None, None) => return why_not(explanation),
        (Some(structured), Some(attempt)) => {
            format!("{structured}; {}: {}", attempt.format, reason(attempt))
        }
        (None, Some(attempt)) => reason(attempt).to_owned(),
    };
    let others = explanation.attempts.iter().filter(|other| other.mismatch.is_none()).skip(1);
    let others: Vec<&str> = others.map(|other| other.format).collect();
    match others.as_slice() {
        [] => reason,
        others => format!("{reason}; {} would match too", others.join(", ")),
    }
}

fn reason(attempt: &Attempt) -> &'static str {
    match attempt.reason {
        Reason::Forced => "--format-in",
        Reason::Last => "as the line before it",
        Reason::Order => "the first that matches",
    }
}

/// Why a line has no format. Formats whose pattern matches are more telling than those that
/// only begin alike.
fn why_not(explanation: &Explanation) -> String {
    let near = |attempt: &Attempt| match attempt.mismatch.as_ref()? {
        Mismatch::Pattern => None,
        mismatch => Some(format!("{}: {mismatch}", attempt.format)),
    };
    let near: Vec<String> = explanation.attempts.iter().filter_map(near).collect();
    match (explanation.attempts.len(), near.as_slice()) {
        (0, _) => "no known format begins like this".into(),
        (1, []) => format!("{}: {}", explanation.attempts[0].format, Mismatch::Pattern),
        (many, []) => format!("none of {many} patterns that can begin so matches"),
        (_, near) => near.join("; "),
    }
}

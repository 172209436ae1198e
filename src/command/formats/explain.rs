//! Which format each line of a file has, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value, json};

use zlog_core::formats::{Attempt, Explanation, Formats, Mismatch, Reason};
use zlog_core::parse::{Options, Parser, backslash_replace};
use zlog_core::text::escape::{escape, escape_json_into};
use zlog_core::text::plural::counted;
use zlog_core::{Error, Exit, Level, Record, Result, wire};
use zlog_pipeline::os::terminal::{self, Stdout};

/// The longest line that is explained whole, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// Prints the format and the fields of each line, and counts the formats at the end.
pub(super) fn run(path: &Path, formats: Formats, only: Option<&str>, json: bool) -> Result<Exit> {
    let input: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(terminal::stdin()),
        _ => Box::new(File::open(path).map_err(|error| {
            Error::of_file(
                format!("{}: can't be read", escape(&path.to_string_lossy())),
                path,
                &error,
            )
        })?),
    };
    let options =
        Options { formats: formats.clone(), format: only.map(str::to_owned), ..Options::default() };
    let mut explainer = Explainer {
        formats,
        parser: Parser::new(options),
        json,
        out: Stdout::new(),
        counts: BTreeMap::new(),
    };
    explainer.read(BufReader::new(input), path)?;
    if !json {
        explainer.print_counts()?;
    }
    explainer.out.send()?;
    Ok(Exit::Done)
}

struct Explainer {
    formats: Formats,
    parser: Parser,
    json: bool,
    out: Stdout,
    /// Records by format.
    counts: BTreeMap<&'static str, u64>,
}

impl Explainer {
    fn read(&mut self, mut input: impl BufRead, path: &Path) -> Result<()> {
        let failed =
            |error| Error::io(format_args!("reading {}", escape(&path.to_string_lossy())), &error);
        let (mut held, mut held_at) = (String::new(), 0);
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            let read =
                input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes).map_err(failed)?;
            if read == 0 {
                break;
            }
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let line = backslash_replace(line.strip_suffix(b"\r").unwrap_or(line));
            if self.continues(&held, &line) {
                held.push('\n');
                held.push_str(&line);
                continue;
            }
            if held_at > 0 {
                self.explain(held_at, &held)?;
            }
            held_at = number;
            held.clear();
            held.push_str(&line);
        }
        if held_at > 0 { self.explain(held_at, &held) } else { Ok(()) }
    }

    fn continues(&self, held: &str, line: &str) -> bool {
        let continuation = self.formats.continuation(held);
        continuation.is_some_and(|continuation| self.formats.continues(continuation, line))
    }

    /// Explains a line, or the lines of one record.
    fn explain(&mut self, number: u64, line: &str) -> Result<()> {
        let explanation = self.parser.explain(line);
        let record = self.parser.parse(line).record;
        let message = line.get(self.parser.message_start()..).unwrap_or_default();
        let format = explanation.structured.or(explanation.matched());
        *self.counts.entry(format.unwrap_or_default()).or_default() += 1;
        let fields = fields(&record, line);
        let text = match self.json {
            true => {
                let why = why(&explanation);
                let mut object =
                    json!({"line": number, "format": format, "why": why, "message": message});
                object["fields"] = Value::Object(fields);
                let mut escaped = Vec::new();
                escape_json_into(&mut escaped, &object.to_string());
                escaped
            }
            false => described(number, &explanation, &fields, line).into_bytes(),
        };
        self.out.put(&text)?;
        self.out.put(b"\n")
    }

    fn print_counts(&mut self) -> Result<()> {
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut text = String::from("\n");
        for (format, count) in counts {
            let format = if format.is_empty() { "no format" } else { format };
            let _ = writeln!(text, "{}: {}", escape(format), counted(*count, "line"));
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

/// The explanation of a line for people.
fn described(
    number: u64,
    explanation: &Explanation,
    fields: &Map<String, Value>,
    line: &str,
) -> String {
    let format = explanation.structured.or(explanation.matched()).unwrap_or("no format");
    let mut text = format!("{number}: {} ({})", escape(format), escape(&why(explanation)));
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, "\n    {}: {}", escape(name), escape(&value));
    }
    let _ = write!(text, "\n    {}", escape(line));
    text
}

/// Why a line has its format, or none.
fn why(explanation: &Explanation) -> String {
    if let Some(structured) = explanation.structured {
        return format!("{structured} names its fields");
    }
    let Some(attempt) = explanation.attempt() else { return why_not(explanation) };
    let reason = match attempt.reason {
        Reason::Forced => "--format-in",
        Reason::Last => "as the line before it",
        Reason::Order => "the first that matches",
    };
    let others = explanation.attempts.iter().filter(|other| other.mismatch.is_none()).skip(1);
    let others: Vec<&str> = others.map(|other| other.format).collect();
    match others.as_slice() {
        [] => reason.into(),
        others => format!("{reason}; {} would match too", others.join(", ")),
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
        (0, _) => "it begins like no format".into(),
        (1, []) => format!("{}: {}", explanation.attempts[0].format, Mismatch::Pattern),
        (many, []) => format!("none of {many} patterns that can begin so matches"),
        (_, near) => near.join("; "),
    }
}

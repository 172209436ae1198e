//! Format files: what the lines of a program look like. See docs/line-formats.md.
//!
//! The built-in files are in crates/zlog-core/formats/; a user's own are in
//! `~/.config/zlog/formats/`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use toml::de::DeValue;

use super::diagnostics::Diagnostics;
use super::table_reader::{TableReader, as_argument};
use super::{LoadMode, config_error, parse_table, read_file, user};
use zlog_core::formats::{
    Continues, Definition, Formats, Mismatch, needed_of_pattern, prefix_of_pattern,
};
use zlog_core::parse::{Options, Parser};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Level, Result, wire};
use zlog_pipeline::os::file_error;

/// The rank of a user's own formats whose files give none: before the built-in ones.
const OWN_RANK: u8 = 10;

/// A format file.
#[derive(Clone, Debug)]
pub struct FormatFile {
    /// The format.
    pub definition: Definition,
    /// Lines with the fields that they must give.
    pub samples: Vec<Sample>,
}

/// A line with its fields.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The line, or the lines of one record.
    pub line: String,
    /// The fields that are given, as text. A time, a level or a logger that is not given must
    /// not be found either.
    fields: Vec<(String, String)>,
}

/// A user's own formats, and what is wrong with their files.
#[derive(Debug, Default)]
pub struct UserFormats {
    /// The files that can be used, with their paths.
    pub files: Vec<(PathBuf, FormatFile)>,
    /// The files that can't, and why.
    pub errors: Vec<(PathBuf, Error)>,
}

impl UserFormats {
    /// Reads all files `*.toml` of the user's directory. A file with errors is left out.
    pub fn load() -> UserFormats {
        user_directory().map(|directory| UserFormats::of(&directory)).unwrap_or_default()
    }

    fn of(directory: &Path) -> UserFormats {
        let mut found = UserFormats::default();
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return found,
            Err(error) => {
                let name = escape(&directory.to_string_lossy());
                let what = format_args!("reading {name}");
                let error = file_error(what, directory, &error);
                found.errors.push((directory.to_owned(), error));
                return found;
            }
        };
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        // An empty one is being written: `zlog formats NAME > FILE`.
        let is_empty =
            |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0);
        paths.retain(|path| !is_empty(path));
        paths.sort();
        for path in paths {
            match FormatFile::load(&path, OWN_RANK) {
                Ok(file) => found.files.push((path, file)),
                Err(error) => found.errors.push((path, error)),
            }
        }
        found
    }

    /// Whether the file of this format, or the directory of all, can't be used.
    pub fn is_broken(&self, name: &str) -> bool {
        let is_its =
            |path: &Path| path.extension().is_none() || path.file_stem() == Some(name.as_ref());
        self.errors.iter().any(|(path, _)| is_its(path))
    }

    /// The user's formats and the built-in ones.
    pub fn with_built_in(&self) -> Formats {
        if self.files.is_empty() {
            return Formats::built_in();
        }
        Formats::new(self.files.iter().map(|(_, file)| file.definition).collect())
    }
}

/// The directory of a user's own formats: `~/.config/zlog/formats`.
pub fn user_directory() -> Option<PathBuf> {
    Some(user::directory()?.join("formats"))
}

impl FormatFile {
    /// Reads a file. The name of the format is the name of the file without `.toml`; `rank` is
    /// its rank if the file gives none.
    ///
    /// # Errors
    /// The file can't be read, or it has errors. Each is reported with line and column.
    pub fn load(path: &Path, rank: u8) -> Result<FormatFile> {
        // A pipe could keep the command from starting.
        let text = read_file(path, LoadMode::Reload)?;
        FormatFile::parse(path, &text, rank)
    }

    /// Parses the text of a file. `path` is for the name of the format, and for messages.
    fn parse(path: &Path, text: &str, rank: u8) -> Result<FormatFile> {
        let diagnostics = Diagnostics::default();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let table = parse_table(text, &diagnostics);
        let file = table
            .map(|table| read(name, rank, TableReader::root_table(table.get_ref(), &diagnostics)));
        match file {
            Some(file) if diagnostics.count() == 0 => Ok(file),
            _ => Err(config_error(diagnostics, path, text)),
        }
    }
}

/// Reads the keys of a file.
fn read(name: String, default_rank: u8, mut table: TableReader<'_>) -> FormatFile {
    let title = table.text("title").map_or(String::new(), |title| title.value);
    let rank = table.read("rank", |text| {
        let rank = text.parse().ok().filter(|rank: &u8| *rank > 0);
        rank.ok_or_else(|| Error::usage("is no number from 1 to 255"))
    });
    let pattern = table.required_text("pattern", r"'''(?<time>\S+) (?<level>\w+) '''");
    let prefix = pattern.as_ref().and_then(|pattern| prefix_of_pattern(&pattern.value).ok());
    let needed = pattern.as_ref().and_then(|pattern| needed_of_pattern(&pattern.value).ok());
    let times: Vec<String> = table.list("time").into_iter().map(|time| time.value).collect();
    let zone = table.text("zone").map(|zone| zone.value);
    let levels = levels(&mut table);
    let continues = continues(&mut table);
    let samples = table.array_of_tables("sample").into_iter().filter_map(sample).collect();
    let definition = Definition {
        name: name.leak(),
        title: title.leak(),
        rank: rank.unwrap_or(default_rank),
        pattern: pattern.map_or(String::new(), |pattern| pattern.value).leak(),
        times: leak(times),
        zone: zone.map(|zone| &*zone.leak()),
        levels: levels.leak(),
        continues,
        prefix: leak(prefix.unwrap_or_default()),
        needed: needed.unwrap_or_default().leak(),
    };
    if table.has("pattern")
        && let Err((key, why)) = definition.check()
    {
        let offset = table.offset_of(&[key, "pattern"]).unwrap_or(0);
        table.error(offset, key, &why, "");
    }
    table.finish(|_| None);
    FormatFile { definition, samples }
}

fn leak(texts: Vec<String>) -> &'static [&'static str] {
    texts.into_iter().map(|text| &*text.leak()).collect::<Vec<&'static str>>().leak()
}

/// `continues`: an expression, or `true` for all lines that the pattern does not match.
fn continues(table: &mut TableReader<'_>) -> Option<Continues> {
    match table.value("continues")?.get_ref() {
        DeValue::Boolean(true) => Some(Continues::Others),
        DeValue::Boolean(false) => None,
        _ => Some(Continues::Matches(table.text("continues")?.value.leak())),
    }
}

/// `levels`: a text and its level.
fn levels(table: &mut TableReader<'_>) -> Vec<(&'static str, Level)> {
    let Some(levels) = table.table("levels") else { return Vec::new() };
    let mut read = Vec::new();
    for (text, value) in levels.entries() {
        match as_argument(value.get_ref()).and_then(|name| Level::from_word(&name)) {
            Some(level) => read.push((&*text.value.to_owned().leak(), level)),
            None => levels.error(
                value.span().start,
                text.value,
                "is no level",
                "Use DEBUG, INFO, WARNING, ERROR, CRITICAL or a number on Python's scale.",
            ),
        }
    }
    read
}

fn sample(mut table: TableReader<'_>) -> Option<Sample> {
    let line = table.required_text("line", "'the line'")?.value;
    let mut fields = Vec::new();
    for (key, value) in table.entries().into_iter().filter(|(key, _)| key.value != "line") {
        match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) | DeValue::Boolean(_) => {
                table.error(value.span().start, key.value, "must be a string or a number", "");
            }
            value => fields.push((key.value.to_owned(), as_argument(value)?)),
        }
    }
    Some(Sample { line, fields })
}

impl Sample {
    /// Reads the line as a line of any format.
    ///
    /// # Errors
    /// The fields that differ from the sample's.
    pub fn check(&self, format: &str, formats: &Formats) -> Result<(), String> {
        let options = Options { formats: formats.clone(), explain: true, ..Options::default() };
        let mut parser = Parser::new(options);
        let expected = |key: &str| self.fields.iter().find(|(name, _)| name == key);
        let time = expected("time").map(|(_, text)| time(text).ok_or(format!("time: {text:?}")));
        let time = time.transpose()?;
        // A year or a date that the line leaves out is that of the sample.
        parser.set_received(time.map_or(0.0, |time| time.as_duration().as_secs_f64() + 60.0));
        let found = self.found(&mut parser);
        let explanation = parser.explanation().cloned().unwrap_or_default();
        if explanation.matched() != Some(format) {
            return Err(match explanation.matched() {
                Some(other) => format!("{other} matches it before"),
                None => explanation
                    .attempts
                    .iter()
                    .find(|attempt| attempt.format == format)
                    .and_then(|attempt| attempt.mismatch.as_ref())
                    .map_or("it begins otherwise than the pattern".into(), Mismatch::to_string),
            });
        }
        for key in ["time", "level", "name"].into_iter().chain(self.keys()) {
            let wanted = match key {
                "time" => time.map(|time| time.to_string()),
                key => expected(key).map(|(_, text)| text.clone()),
            };
            let found = found.get(key).map(|value| match value {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            });
            if found != wanted {
                let [found, wanted] = [found, wanted].map(|it| it.unwrap_or("none".into()));
                return Err(format!("{key} is {found}, not {wanted}"));
            }
        }
        Ok(())
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(key, _)| key.as_str())
    }

    /// The fields that the line gives.
    fn found(&self, parser: &mut Parser) -> Map<String, Value> {
        let record = parser.parse(&self.line);
        let mut json = Vec::new();
        wire::json::write(&record, &mut json);
        let mut found: Map<String, Value> = serde_json::from_slice(&json).unwrap_or_default();
        found.remove("levelname");
        let micros = record.created.map(|created| (created * 1e6).round() as i64);
        if let Some(Ok(time)) = micros.map(Timestamp::from_microsecond) {
            found.insert("time".into(), Value::String(time.to_string()));
        }
        if record.level != Level::NOTSET {
            found.insert("level".into(), Value::String(record.level.name().into_owned()));
        }
        let message = self.line.get(parser.message_start()..).unwrap_or_default();
        found.insert("message".into(), Value::String(message.into()));
        found
    }
}

/// The time of a sample. Without a zone it is local.
fn time(text: &str) -> Option<Timestamp> {
    let local = || TimeZone::system().to_timestamp(text.parse().ok()?).ok();
    text.parse().ok().or_else(local)
}

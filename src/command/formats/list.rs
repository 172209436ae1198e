//! The list of formats, and a format as a file.

use std::fmt::Write as _;

use crate::config::formats::UserFormats;
use zlog_core::formats::{Continues, Definition, Formats};
use zlog_core::text::escape::escape;
use zlog_core::{Exit, Result};
use zlog_pipeline::os::terminal::{self, Stdout};

/// Prints all formats in the order of trying, and checks the samples of a user's own.
pub(super) fn run(user: &UserFormats, formats: &Formats) -> Result<Exit> {
    let width = formats.definitions().map(|format| format.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for format in formats.definitions() {
        let own = user.files.iter().find(|(_, file)| file.definition.name == format.name);
        let origin = own.map_or(String::new(), |(path, _)| format!(" ({})", path.display()));
        // Writing to a String can't fail.
        let (name, title) = (escape(format.name), escape(format.title));
        let _ = writeln!(text, "{name:width$}  {title}{}", escape(&origin));
    }
    print(&text)?;
    let mut failed = !user.errors.is_empty();
    for (path, file) in &user.files {
        for (at, sample) in file.samples.iter().enumerate() {
            if let Err(what) = sample.check(file.definition.name, formats) {
                failed = true;
                let path = escape(&path.to_string_lossy());
                terminal::eprint_line(format_args!(
                    "zlog formats: {path}: sample {}: {what}",
                    at + 1
                ));
            }
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// Prints formats as files.
pub(super) fn show(formats: &Formats, names: &[String]) -> Result<Exit> {
    let mut text = String::new();
    for definition in names.iter().filter_map(|name| formats.find(name)) {
        if !text.is_empty() {
            text.push('\n');
        }
        write_file(definition, &mut text);
    }
    print(&text)?;
    Ok(Exit::Done)
}

/// The definition in TOML. Without the rank: a user's own format is tried first.
fn write_file(definition: &Definition, text: &mut String) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "# {}.toml", definition.name);
    let _ = writeln!(text, "title = {}", quoted(definition.title));
    let _ = writeln!(text, "pattern = {}", literal(definition.pattern));
    match definition.times {
        [] => {}
        [only] => drop(writeln!(text, "time = {}", quoted(only))),
        times => {
            let times: Vec<String> = times.iter().map(|time| quoted(time)).collect();
            let _ = writeln!(text, "time = [{}]", times.join(", "));
        }
    }
    if let Some(zone) = definition.zone {
        let _ = writeln!(text, "zone = {}", quoted(zone));
    }
    match definition.continues {
        Some(Continues::Matches(pattern)) => {
            let _ = writeln!(text, "continues = {}", literal(pattern));
        }
        Some(Continues::Others) => text.push_str("continues = true\n"),
        None => {}
    }
    if !definition.levels.is_empty() {
        text.push_str("\n[levels]\n");
        for (word, level) in definition.levels {
            let level = level.standard_name().map_or(level.0.to_string(), quoted);
            let _ = writeln!(text, "{} = {level}", quoted(word));
        }
    }
}

/// A TOML string. Its escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A TOML string without escapes, where it can be one.
fn literal(text: &str) -> String {
    match text.contains("'''") || text.ends_with('\'') || text.contains(char::is_control) {
        true => quoted(text),
        false => format!("'''{text}'''"),
    }
}

fn print(text: &str) -> Result<()> {
    let mut out = Stdout::new();
    out.put(text.as_bytes())?;
    out.send()
}

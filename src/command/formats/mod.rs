//! `zlog formats`: lists the formats of lines, checks a user's own, and explains which format
//! the lines of a file have.

mod explain;
mod list;

use std::path::Path;

use crate::cli::FormatsArgs;
use crate::config::formats::UserFormats;
use zlog_core::formats::Formats;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::text::suggest::{did_you_mean, nearest};
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::terminal;

/// Most files with errors that are reported one by one.
const MAX_SHOWN: usize = 20;

/// Lists, shows or explains.
///
/// # Errors
/// An unknown name; a file that can't be read; standard output can't be written.
pub fn run(args: &FormatsArgs) -> Result<Exit> {
    let user = UserFormats::load();
    let formats = user.with_built_in();
    report_errors("formats", &user);
    if let Some(path) = &args.explain {
        let only = args.format_in.as_deref();
        only.map_or(Ok(()), |name| check_name(&user, &formats, name))?;
        return explain::run(path, formats, only, args.json);
    }
    for name in &args.names {
        check_name(&user, &formats, name).map_err(|error| match Path::new(name).is_file() {
            true => error.hint(format!(
                "To see the format of each line of the file: zlog formats --explain {}",
                escape(name)
            )),
            false => error,
        })?;
    }
    match args.names.as_slice() {
        [] => list::run(&user, &formats),
        names => list::show(&formats, names),
    }
}

/// The formats for a command that reads lines. A file of the user's own with errors is reported
/// and left out, also if `only` names it: it must not stop the job whose lines are read.
///
/// # Errors
/// `only` names no format; or, if `strict`, a file is wrong.
pub fn load(command: &str, only: Option<&str>, strict: bool) -> Result<Formats> {
    let mut user = UserFormats::load();
    if strict && !user.errors.is_empty() {
        return Err(user.errors.swap_remove(0).1);
    }
    report_errors(command, &user);
    let formats = user.with_built_in();
    match only {
        Some(name) if user.is_broken(name) && formats.find(name).is_none() => {
            terminal::eprint_line(format_args!(
                "zlog {command}: --format-in {} has no effect: its file has errors",
                escape(name)
            ));
        }
        only => only.map_or(Ok(()), |name| check_name(&user, &formats, name))?,
    }
    Ok(formats)
}

/// Reports the user's files that can't be used.
fn report_errors(command: &str, user: &UserFormats) {
    let (shown, others) = user.errors.split_at(user.errors.len().min(MAX_SHOWN));
    for (_, error) in shown {
        terminal::eprint_line(format_args!("zlog {command}: {error}"));
    }
    if !others.is_empty() {
        let files = counted(others.len() as u64, "more file");
        terminal::eprint_line(format_args!("zlog {command}: {files} with errors"));
    }
}

fn check_name(user: &UserFormats, formats: &Formats, name: &str) -> Result<()> {
    if formats.find(name).is_some() {
        return Ok(());
    }
    if user.is_broken(name) {
        return Err(Error::usage(format!(
            "the format {name:?} can't be used: its file has errors"
        )));
    }
    let known: Vec<&str> = formats.definitions().map(|format| format.name).collect();
    let suggestion = match nearest(name, known) {
        Some(meant) => did_you_mean(meant),
        None => "`zlog formats` lists all of them.".to_owned(),
    };
    Err(Error::usage(format!("{name:?} is not a line format")).hint(suggestion))
}

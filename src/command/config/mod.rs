//! `zlog config`: the user's defaults and named endpoints.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::cli::{self, ConfigArgs, ENDPOINT_VARIABLE};
use crate::config::Setting;
use crate::config::user::{self, UserConfig};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::file_error;
use zlog_pipeline::os::terminal::{self, Stdout};

/// The file that `--init` makes.
const TEMPLATE: &str = include_str!("template.toml");

/// Prints the contents of the user's file, or its path, or makes it.
///
/// # Errors
/// The file has errors, can't be read or written, or exists already.
pub fn run(args: &ConfigArgs) -> Result<Exit> {
    let Some((path, _)) = user::path() else {
        return Err(Error::new(
            "no configuration is read: ZLOG_CONFIG is empty, or HOME is not set",
        )
        .hint("Set HOME, or ZLOG_CONFIG to the path of a file."));
    };
    if args.init {
        return init(&path).map(|()| Exit::Done);
    }
    let text = match args.path {
        true => format!("{}\n", path.display()),
        false => listing(&path)?,
    };
    let mut out = Stdout::new();
    out.put(text.as_bytes())?;
    out.send()?;
    Ok(Exit::Done)
}

/// Makes the file, and its directory.
fn init(path: &Path) -> Result<()> {
    let name = shown(path);
    let failed = |error| file_error(format!("can't make {name}"), path, &error);
    if path.exists() {
        return Err(Error::new(format!("{name} exists already"))
            .hint("It is not changed. `zlog config` shows what is in it."));
    }
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    let mut file = fs::File::create_new(path).map_err(failed)?;
    file.write_all(TEMPLATE.as_bytes()).map_err(failed)?;
    terminal::eprint_line(format_args!(
        "zlog config: made {name}, in which everything is a comment"
    ));
    Ok(())
}

/// The settings of the file, as they would be typed.
fn listing(path: &Path) -> Result<String> {
    let mut text = format!("file       {}", shown(path));
    let config = UserConfig::load(&cli::command())?;
    if config.is_none() {
        text.push_str(" (does not exist)");
        terminal::eprint_line("zlog config: `zlog config --init` makes a file to start from.");
    }
    if config == Some(UserConfig::default()) {
        text.push_str(" (sets nothing)");
    }
    let config = config.unwrap_or_default();
    for (command, settings) in &config.defaults {
        let arguments =
            settings.iter().flat_map(Setting::arguments).map(|argument| escape(argument));
        let arguments = arguments.collect::<Vec<_>>().join(" ");
        // Writing to a String can't fail.
        let line = format!("\n{:<10} {arguments}", format!("zlog {command}"));
        text.push_str(line.trim_end());
    }
    for (name, endpoints) in config.endpoints.iter() {
        let endpoints = endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let _ = write!(text, "\n{:<10} {}", format!("@{name}"), escape(&endpoints));
    }
    if let Ok(endpoint) = std::env::var(ENDPOINT_VARIABLE) {
        let _ = write!(text, "\n{ENDPOINT_VARIABLE} {}", escape(&endpoint));
    }
    text.push('\n');
    Ok(text)
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

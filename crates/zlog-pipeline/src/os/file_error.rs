//! Errors about files that the user named.

use std::path::Path;
use std::{env, fmt, io};

use zlog_core::Error;
use zlog_core::text::escape::escape;

/// As [`Error::io`], with a hint for common mistakes.
pub fn file_error(what: impl fmt::Display, path: &Path, error: &io::Error) -> Error {
    let io = Error::io(what, error);
    match error.kind() {
        io::ErrorKind::NotFound if path.is_relative() => match env::current_dir() {
            Ok(here) => {
                let here = escape(&here.to_string_lossy());
                io.hint(format!("It was looked for in {here}."))
            }
            Err(_) => io,
        },
        io::ErrorKind::IsADirectory => io.hint("Name a file in that directory."),
        io::ErrorKind::PermissionDenied => {
            io.hint("The user that runs zlog needs permission to read or write it.")
        }
        _ => io,
    }
}

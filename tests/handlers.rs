//! Each handler by itself, against the real thing: files as Python's logging writes
//! them, mails to a real mail server, messages to a real syslog daemon.

/// Commands, with records on their standard input.
mod exec;
/// Files that are moved, deleted and locked by others.
mod file;
/// Files that logrotate moves, copies, empties and compresses.
mod logrotate;
/// Mails, as Python's mail server and mail reader see them.
mod mail;
/// Rolling over, file for file as CPython's `RotatingFileHandler` does it.
mod rotating;
/// Messages to a real syslog daemon.
mod syslog;
/// Replacing by the clock: when, by which names and what is deleted, as CPython's
/// `TimedRotatingFileHandler` does it.
mod timed;

use zlog_core::format::{Format, Options, Output};

/// The message alone.
fn text() -> Box<dyn Format> {
    Output::Text.format(Options::default()).unwrap()
}

//! Each handler by itself: files compared with Python's logging, mails to a real mail server,
//! messages to a real syslog daemon.

/// Commands that read records on standard input.
mod exec;
/// Files that are moved, deleted and locked by others.
mod file;
/// Files that logrotate moves, copies, empties and compresses.
mod logrotate;
/// Mails, as received and parsed by Python.
mod mail;
/// Rollovers, compared with CPython's `RotatingFileHandler`.
mod rotating;
/// Messages to a real syslog daemon.
mod syslog;
use std::time::Duration;

use zlog_core::format::{Format, Options, Output};
use zlog_pipeline::handler::retry::RetryOptions;

/// Formats a record as its message alone.
fn text() -> Box<dyn Format> {
    Output::Text.format(Options::default()).unwrap()
}

/// Retries within moments.
fn retry_soon() -> RetryOptions {
    let (retry, retry_max) = (Duration::from_millis(50), Duration::from_millis(200));
    RetryOptions { retry, retry_max, ..RetryOptions::default() }
}

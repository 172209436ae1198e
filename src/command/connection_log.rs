//! Prints connection events, with `--verbose`.

use std::collections::HashSet;

use zlog_core::text::escape::escape;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{ConnectionEvent, EventKind};

/// Most lines remembered. Beyond it, lines may be repeated.
const MAX_LINES: usize = 256;

/// Prints each event once until a peer connects or disconnects: a peer that is down or refuses
/// is retried endlessly.
pub(super) struct ConnectionLog {
    command: &'static str,
    printed: HashSet<String>,
}

impl ConnectionLog {
    /// A log of this command.
    pub(super) fn new(command: &'static str) -> ConnectionLog {
        ConnectionLog { command, printed: HashSet::new() }
    }

    /// Prints the event unless it is a repetition.
    pub(super) fn print(&mut self, event: &ConnectionEvent) {
        let changed = matches!(event.kind, EventKind::Connected | EventKind::Disconnected);
        if changed || self.printed.len() >= MAX_LINES {
            self.printed.clear();
        }
        let text = event.to_string();
        if !self.printed.contains(&text) {
            terminal::eprint_line(format_args!("zlog {}: {}", self.command, escape(&text)));
            self.printed.insert(text);
        }
    }
}

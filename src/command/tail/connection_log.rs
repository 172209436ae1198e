//! Prints the connection events of `tail --verbose`.

use std::collections::HashSet;

use zlog_core::text::escape::escape;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{ConnectionEvent, EventKind};

/// Prints connection events. libzmq retries a connection again and again; what is the same
/// each time is printed once, until a connection is made or lost.
#[derive(Default)]
pub(super) struct ConnectionLog {
    printed: HashSet<String>,
}

impl ConnectionLog {
    pub(super) fn print(&mut self, event: &ConnectionEvent) {
        if matches!(event.kind, EventKind::Connected | EventKind::Disconnected) {
            self.printed.clear();
        }
        let text = event.to_string();
        if self.printed.insert(text.clone()) {
            terminal::eprint_line(format_args!("zlog tail: {}", escape(&text)));
        }
    }
}

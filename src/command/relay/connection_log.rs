//! What is told of connections, with --verbose.

use std::collections::HashSet;

use zlog_core::text::escape;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{ConnectionEvent, EventKind};

/// Most different lines that are remembered.
const MOST: usize = 256;

/// Tells of connections. A peer that is away or refuses is tried again and again,
/// which is told once, until it changes.
#[derive(Default)]
pub(super) struct ConnectionLog {
    told: HashSet<String>,
}

impl ConnectionLog {
    pub(super) fn record(&mut self, event: &ConnectionEvent) {
        let changed = matches!(event.kind, EventKind::Connected | EventKind::Disconnected);
        if changed || self.told.len() >= MOST {
            self.told.clear();
        }
        let text = event.to_string();
        if !self.told.contains(&text) {
            terminal::eprint_line(format_args!("zlog relay: {}", escape::escape(&text)));
            self.told.insert(text);
        }
    }
}

//! Opens a handler from its specification. What depends on its kind is in [`super::options`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::options::HandlerSpec;
use super::options::Opening;
use crate::handler::Handler;
use zlog_core::format::Format;
use zlog_core::{Record, Result};

/// Opens the handler `spec`. Counts records that do not fit their format in `unformatted`.
///
/// # Errors
/// The formatter's, and the handler's own.
pub(super) fn open(
    spec: &HandlerSpec,
    with: &Opening<'_>,
    unformatted: &Arc<AtomicU64>,
) -> Result<Box<dyn Handler + Send>> {
    let target = spec.target.as_dyn();
    let format = target.format(&spec.formatter)?;
    let format = Box::new(Counting { format, failures: Arc::clone(unformatted) });
    target.open(format, with)
}

/// Publishes the number of records that do not fit their format.
struct Counting {
    format: Box<dyn Format>,
    failures: Arc<AtomicU64>,
}

impl Format for Counting {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.format.write(record, out);
        self.failures.store(self.format.failures(), Ordering::Relaxed);
    }

    fn failures(&self) -> u64 {
        self.format.failures()
    }

    fn set_terminal_width(&mut self, columns: usize) {
        self.format.set_terminal_width(columns);
    }
}

//! Bounds what the owner of a subscriber holds. The socket's thread waits until it has dropped
//! some.
//!
//! `atomic` is that of the standard library; in tests/gate.rs it is that of `loom`.

use super::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Counts the bytes that the owner holds, and knows whether the thread waits.
pub(crate) struct Gate {
    limit: usize,
    bytes: AtomicUsize,
    is_waiting: AtomicBool,
}

impl Gate {
    /// Closed while the owner holds `limit` bytes or more.
    pub(crate) fn new(limit: usize) -> Gate {
        Gate { limit, bytes: AtomicUsize::new(0), is_waiting: AtomicBool::new(false) }
    }

    /// Notes bytes that the owner gets.
    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Notes bytes that the owner has dropped. Returns whether the thread must be woken.
    pub(crate) fn remove(&self, bytes: usize) -> bool {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        self.is_waiting.swap(false, Ordering::SeqCst)
    }

    /// Whether the owner may get more.
    pub(crate) fn is_open(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) < self.limit
    }

    /// Asks to be woken by the next [`Gate::remove`]. The thread must ask [`Gate::is_open`] once
    /// more before it waits.
    pub(crate) fn wait(&self) {
        self.is_waiting.store(true, Ordering::SeqCst);
    }
}

//! What the threads of a receiver share with its owner.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;

use crate::socket::connection::ConnectionEvent;
use crate::socket::proxy::Waker;
use crate::spool::Spool;
use zlog_core::text::choice::{Choice, Named};

/// Most connection events that are kept for the owner.
const MAX_EVENTS: usize = 256;

/// When records are confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ConfirmWhen {
    /// They are in the spool of the receiver, on disk.
    #[default]
    Stored,
    /// The handlers of the receiver have them.
    Handled,
}

impl Choice for ConfirmWhen {
    const CHOICES: &'static [Named<ConfirmWhen>] = &[
        Named::new(ConfirmWhen::Stored, "stored", "They are in the spool, on disk"),
        Named::new(ConfirmWhen::Handled, "handled", "The relay has handed them to its handlers"),
    ];
}

/// Tells the user something, from any thread.
pub(super) type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// What both threads share with the owner.
pub(super) struct Shared {
    pub(super) spool: Mutex<Spool>,
    /// The last record that is on disk, and the last one that the handlers have.
    pub(super) synced: AtomicU64,
    pub(super) handled: AtomicU64,
    /// The records that were passed on and are not handled, by their numbers in the spool; and
    /// how many there were before them.
    pub(super) passed: Mutex<(u64, VecDeque<u64>)>,
    pub(super) flags: Arc<Flags>,
    pub(super) stored: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) too_long: AtomicU64,
    pub(super) invalid: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) senders: AtomicU64,
    pub(super) events: Mutex<VecDeque<ConnectionEvent>>,
    pub(super) wake_owner: Waker,
    /// Wakes the thread that passes records on.
    pub(super) has_stored: Sender<()>,
    pub(super) report: Report,
}

/// What the owner asks for, and what has happened.
#[derive(Default)]
pub(super) struct Flags {
    pub(super) is_stopping: AtomicBool,
    pub(super) has_failed: AtomicBool,
}

impl Flags {
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn spool(&self) -> MutexGuard<'_, Spool> {
        lock(&self.spool)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.flags.is_stopping()
    }

    pub(super) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Everything up to this number is on disk, and may be passed on.
    pub(super) fn set_synced(&self, number: u64) {
        self.synced.store(number, Ordering::Release);
        // One message serves for several.
        let _ = self.has_stored.try_send(());
    }

    pub(super) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Acquire)
    }

    pub(super) fn add_stored(&self, records: u64) {
        self.stored.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn add_duplicates(&self, records: u64) {
        self.duplicates.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn add_refused(&self, records: u64) {
        self.refused.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn add_too_long(&self, records: u64) {
        self.too_long.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn add_invalid(&self) {
        self.invalid.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_senders(&self, senders: usize) {
        self.senders.store(senders as u64, Ordering::Relaxed);
    }

    pub(super) fn add_events(&self, new: Vec<ConnectionEvent>) {
        if new.is_empty() {
            return;
        }
        let mut events = lock(&self.events);
        events.extend(new);
        let surplus = events.len().saturating_sub(MAX_EVENTS);
        events.drain(..surplus);
        drop(events);
        (self.wake_owner)();
    }
}

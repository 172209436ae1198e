//! The counters of all handlers, for a thread that has to tell what is lost while a handler hangs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::monitor::HandlerCounters;
use super::status::HandlerStatus;

/// A handler's name and counters.
type Named = (String, Weak<HandlerCounters>);

/// The counters of the handlers of a router, as they are opened and closed. Cheap to clone.
#[derive(Clone, Default)]
pub struct Observer {
    handlers: Arc<Mutex<Vec<Named>>>,
}

impl Observer {
    /// Adds a handler. It is removed when it is gone.
    pub(super) fn add(&self, name: &str, counters: &Arc<HandlerCounters>) {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.retain(|(_, counters)| counters.strong_count() > 0);
        handlers.push((name.to_owned(), Arc::downgrade(counters)));
    }

    /// The status of each handler if it took nothing more from now on.
    pub fn abandoned(&self) -> Vec<HandlerStatus> {
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |(name, counters): &Named| {
            let counters = counters.upgrade()?;
            let received = counters.received.load(Ordering::Relaxed);
            let handled = counters.taken.load(Ordering::Relaxed);
            let failed = counters.failed.load(Ordering::Relaxed);
            let backlog = counters.backlog.load();
            Some(HandlerStatus {
                name: name.clone(),
                received,
                handled,
                failed,
                abandoned: received.saturating_sub(handled + failed) + backlog.waiting,
                lost: backlog.lost,
                cut: backlog.cut,
                unconfirmed: backlog.unconfirmed,
                unformatted: counters.unformatted.load(Ordering::Relaxed),
                ..HandlerStatus::default()
            })
        };
        handlers.iter().filter_map(status).collect()
    }
}

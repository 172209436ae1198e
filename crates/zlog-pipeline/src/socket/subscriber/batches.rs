//! The batches of messages that an engine's thread hands over, and what ends a wait for them.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError, TryRecvError, never, select};

/// Batches of an engine.
pub(in crate::socket) struct Batches<B> {
    batches: Receiver<B>,
    /// A message in here ends a wait.
    wake: Receiver<()>,
    /// Gets a message when the state of a connection has changed.
    changed: Receiver<()>,
    has_changed: bool,
}

impl<B> Batches<B> {
    pub(in crate::socket) fn new(batches: Receiver<B>, changed: Receiver<()>) -> Batches<B> {
        Batches { batches, wake: never(), changed, has_changed: false }
    }

    /// Waits for a batch, up to `wait`.
    ///
    /// # Errors
    /// There is none in time, or something else has ended the wait; or the thread has ended.
    pub(in crate::socket) fn next(&mut self, wait: Duration) -> Result<B, RecvTimeoutError> {
        select! {
            recv(self.batches) -> batch => batch.map_err(|_| RecvTimeoutError::Disconnected),
            recv(self.wake) -> word => {
                if word.is_err() {
                    // All senders are gone: a closed channel would be ready all the time.
                    self.wake = never();
                }
                Err(RecvTimeoutError::Timeout)
            }
            recv(self.changed) -> _ => {
                self.has_changed = true;
                Err(RecvTimeoutError::Timeout)
            }
            default(wait) => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Takes a batch, if there is one.
    ///
    /// # Errors
    /// The thread has ended.
    pub(in crate::socket) fn take(&self) -> Result<Option<B>, RecvError> {
        match self.batches.try_recv() {
            Ok(batch) => Ok(Some(batch)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(RecvError),
        }
    }

    /// Whether none waits.
    pub(in crate::socket) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// From now on, a message in `wake` ends the wait, too.
    pub(in crate::socket) fn wake_by(&mut self, wake: Receiver<()>) {
        self.wake = wake;
    }

    /// From now on, only batches and the time end the wait.
    pub(in crate::socket) fn ignore_wakeups(&mut self) {
        (self.wake, self.changed) = (never(), never());
    }

    /// Whether the state of a connection has changed since the last call.
    pub(in crate::socket) fn take_changed(&mut self) -> bool {
        self.changed.try_recv().is_ok() | std::mem::take(&mut self.has_changed)
    }
}

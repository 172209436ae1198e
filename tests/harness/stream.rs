//! The output of a child so far, read on a thread.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// One output stream of a child.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Stream {
    /// Starts to read `from` to its end.
    pub(crate) fn read(mut from: impl Read + Send + 'static) -> Stream {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let stream = Stream(Arc::clone(&shared));
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            loop {
                // A terminal without users returns an I/O error, which is the end, too.
                let count = from.read(&mut buffer).unwrap_or(0);
                let mut state = lock(&shared.state);
                state.bytes.extend_from_slice(&buffer[..count]);
                state.ended = count == 0;
                shared.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        stream
    }

    /// Waits until `wanted` returns a value for the bytes so far; `None` when the stream ends
    /// or at `until`.
    pub(crate) fn wait_for<T>(
        &self,
        until: Instant,
        mut wanted: impl FnMut(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let mut state = lock(&self.0.state);
        loop {
            if let Some(found) = wanted(&state.bytes) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state =
                self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a whole line that `wanted` accepts.
    pub(crate) fn wait_for_line(
        &self,
        until: Instant,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Option<String> {
        let mut seen = 0;
        self.wait_for(until, |bytes| {
            while let Some(length) = bytes[seen..].iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(&bytes[seen..seen + length]).into_owned();
                seen += length + 1;
                if wanted(&line) {
                    return Some(line);
                }
            }
            None
        })
    }

    /// Waits for the end of the stream. Returns whether it was reached.
    pub(crate) fn wait_for_end(&self, until: Instant) -> bool {
        self.wait_for(until, |_| None::<()>);
        lock(&self.0.state).ended
    }

    /// All bytes so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        lock(&self.0.state).bytes.clone()
    }
}

/// Locks even after a panic elsewhere, so that a failing test reports its own failure.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

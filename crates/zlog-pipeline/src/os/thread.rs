//! Starts threads.

use std::thread::{Builder, JoinHandle};

use zlog_core::{Error, Result};

/// Starts a thread with this name, which debuggers and `top` show: at most 15 bytes of it.
///
/// # Errors
/// The system has no thread to give.
pub fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    let started = Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| {
        Error::io("can't start a thread", &error)
            .hint("Raise the limit on processes (`ulimit -u`), or free memory.")
    })
}

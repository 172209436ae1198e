//! The end of a context: its sockets' last messages on their way.
//!
//! What may be here: waiting for libzmq, within a bound of our own.

use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

/// What became of the last messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// All messages went out to the peers' machines.
    Yes,
    /// The time was up; how many messages were left is not known.
    No,
}

/// Ends `context`, whose sockets have been closed, once everything has gone out, or
/// after `linger`.
///
/// libzmq's own linger counts from the close of each connection, and its end
/// blocks: so it gets none, and is waited for on a thread that this process
/// may leave behind when it exits.
pub(super) fn flush(context: zmq::Context, linger: Duration) -> Flushed {
    let (done, finished) = crossbeam_channel::bounded::<()>(1);
    let ending = std::thread::Builder::new().name("zlog-flush".into()).spawn(move || {
        drop(context);
        drop(done);
    });
    if ending.is_err() {
        return Flushed::No;
    }
    // The channel is closed, not written to: "disconnected" is the good news.
    match finished.recv_timeout(linger) {
        Err(RecvTimeoutError::Timeout) => Flushed::No,
        _ => Flushed::Yes,
    }
}

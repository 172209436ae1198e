//! Waits until the sockets of a context have sent everything.

use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::os::thread;
use crate::socket::Flushed;

/// Terminates `context`, whose sockets are closed, and waits until everything is sent, for
/// at most `linger`.
///
/// libzmq's own linger restarts with each connection, and terminating the context blocks. So
/// the sockets linger without a limit, and a thread terminates the context. The thread may
/// outlive this call and ends with the process.
pub(super) fn flush(context: zmq::Context, linger: Duration) -> Flushed {
    let (done, finished) = crossbeam_channel::bounded::<()>(1);
    let ending = thread::spawn("zlog-flush", move || {
        drop(context);
        drop(done);
    });
    if ending.is_err() {
        return Flushed::No(Vec::new());
    }
    // The thread closes the channel without sending.
    match finished.recv_timeout(linger) {
        Err(RecvTimeoutError::Timeout) => Flushed::No(Vec::new()),
        _ => Flushed::Yes,
    }
}

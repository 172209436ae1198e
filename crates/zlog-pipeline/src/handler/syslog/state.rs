//! The state of a connection to a syslog daemon, and its time limits.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The state of a connection.
pub(super) enum ConnectionState {
    Open,
    /// The daemon has closed it after reading everything that had arrived.
    Closed,
    /// It can't be used any more, and the daemon may not have read everything.
    Broken(io::Error),
}

/// Sockets report a timeout as `WouldBlock`.
pub(super) fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The time left until `deadline`, for a time limit of a socket: zero is invalid there.
///
/// # Errors
/// There is none left.
pub(super) fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

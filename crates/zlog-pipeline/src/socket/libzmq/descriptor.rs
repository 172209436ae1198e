//! System calls on the descriptor of a connection, for what libzmq has no function.
//!
//! Descriptors come from monitor events, and libzmq may have closed one since. The number is
//! then unused or a file's, and the call fails; or it is another connection's, and the call
//! applies to that one.

use std::time::Duration;

/// The descriptor of a connection.
pub(super) type Descriptor = i32;

/// TCP keepalive: a peer that is gone is noticed after 60 s + 4 × 15 s = 2 minutes.
pub(super) const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
pub(super) const KEEPALIVE_COUNT: u32 = 4;

#[cfg(unix)]
pub(super) use self::unix::{keep_alive, peer_address, shut_down, unread, unsent};

#[cfg(unix)]
mod unix {
    use std::os::fd::BorrowedFd;

    use socket2::{SockRef, TcpKeepalive};

    use super::{Descriptor, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL};

    /// `None` for a negative number, which is never open.
    fn borrow(descriptor: Descriptor) -> Option<BorrowedFd<'static>> {
        // SAFETY: not -1. The callers only make system calls that fail with EBADF or ENOTSOCK
        // on a number that is not open or not a socket.
        (descriptor >= 0).then(|| unsafe { BorrowedFd::borrow_raw(descriptor) })
    }

    /// Ends a connection. libzmq handles it as a disconnect by the peer, and closes it.
    pub(in super::super) fn shut_down(descriptor: Descriptor) {
        if let Some(fd) = borrow(descriptor) {
            // Fails if the peer has disconnected already.
            let _ = SockRef::from(&fd).shutdown(std::net::Shutdown::Both);
        }
    }

    /// Enables keepalive as `ZMQ_TCP_KEEPALIVE` does, which libzmq ignores for WebSocket. The
    /// number of probes stays the system's default.
    pub(in super::super) fn keep_alive(descriptor: Descriptor) {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE);
        #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
        let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL);
        if let Some(fd) = borrow(descriptor) {
            // A connection works without it until the network fails.
            let _ = SockRef::from(&fd).set_tcp_keepalive(&keepalive);
        }
    }

    /// The peer's address; `None` unless the connection is TCP.
    pub(in super::super) fn peer_address(descriptor: Descriptor) -> Option<String> {
        let address = SockRef::from(&borrow(descriptor)?).peer_addr().ok()?;
        address.as_socket().map(|address| address.to_string())
    }

    /// Bytes that the system has received and libzmq has not read yet.
    pub(in super::super) fn unread(descriptor: Descriptor) -> u64 {
        borrow(descriptor).and_then(|fd| rustix::io::ioctl_fionread(fd).ok()).unwrap_or(0)
    }

    /// Bytes that libzmq has written and the peer has not acknowledged.
    pub(in super::super) fn unsent(descriptor: Descriptor) -> u64 {
        let mut bytes: libc::c_int = 0;
        // SAFETY: writes one int to `bytes`; fails with EBADF if the descriptor is not open.
        let rc = unsafe { libc::ioctl(descriptor, libc::TIOCOUTQ, &mut bytes) };
        if rc == 0 { u64::try_from(bytes).unwrap_or(0) } else { 0 }
    }
}

/// On Windows descriptors are handles, and libzmq's monitor events carry none that fit.
#[cfg(not(unix))]
mod elsewhere {
    use super::Descriptor;

    pub(in super::super) fn shut_down(_: Descriptor) {}

    pub(in super::super) fn keep_alive(_: Descriptor) {}

    pub(in super::super) fn peer_address(_: Descriptor) -> Option<String> {
        None
    }

    pub(in super::super) fn unread(_: Descriptor) -> u64 {
        0
    }

    pub(in super::super) fn unsent(_: Descriptor) -> u64 {
        0
    }
}
#[cfg(not(unix))]
pub(super) use self::elsewhere::{keep_alive, peer_address, shut_down, unread, unsent};

//! What is done to a connection by its descriptor, where libzmq has no call for it.
//!
//! The descriptor comes from the monitor, and libzmq may have closed it since. Then the
//! number may be a file's, to which nothing happens, or that of another connection, which
//! is treated in its place.

use std::time::Duration;

use socket2::TcpKeepalive;

/// The descriptor of a connection.
pub(super) type Descriptor = i32;

/// Keepalive of TCP connections: when nothing comes for so long, the peer is asked, so
/// often, so many times. A peer that is gone is noticed after 2 minutes.
pub(super) const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
pub(super) const KEEPALIVE_COUNT: u32 = 4;

/// Ends a connection: libzmq sees that as the peer's doing, and closes it.
#[cfg(unix)]
pub(super) fn shut_down(descriptor: Descriptor) {
    with_socket(descriptor, |socket| {
        // Fails where the peer has hung up already.
        let _ = socket.shutdown(std::net::Shutdown::Both);
    });
}

/// Sets what `ZMQ_TCP_KEEPALIVE` sets, but for the number of probes, which is the system's:
/// libzmq leaves all of it out for WebSocket.
#[cfg(unix)]
pub(super) fn keep_alive(descriptor: Descriptor) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE);
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL);
    with_socket(descriptor, |socket| {
        // A connection without it works as well, until the network fails.
        let _ = socket.set_tcp_keepalive(&keepalive);
    });
}

#[cfg(unix)]
fn with_socket(descriptor: Descriptor, act: impl FnOnce(socket2::SockRef<'_>)) {
    use std::os::fd::BorrowedFd;

    if descriptor < 0 {
        return;
    }
    // SAFETY: it is not negative, and is used for system calls that any number may be given:
    // they fail on what is not open, or is no socket.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    act(socket2::SockRef::from(&descriptor));
}

/// There descriptors are no numbers of this kind, and are not limited.
#[cfg(not(unix))]
pub(super) fn shut_down(_: Descriptor) {}

#[cfg(not(unix))]
pub(super) fn keep_alive(_: Descriptor) {}

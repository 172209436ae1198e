//! Ends the connection of a single peer, for which libzmq has no call.
//!
//! libzmq names the descriptor of the connection that a message came over (`ZMQ_SRCFD`,
//! the property `__fd`). Shutting it down makes libzmq find the connection ended, and
//! drop what it held for the peer.

use std::net::SocketAddr;

use super::subscribers::Descriptor;

/// The property of a message that names its connection's descriptor.
const DESCRIPTOR: &str = "__fd";
/// The property of a message that names the peer's address.
const ADDRESS: &str = "Peer-Address";

/// The connection that a message came over.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    descriptor: Descriptor,
    /// The peer's address as the system has it; `None` over ipc.
    peer: Option<SocketAddr>,
    /// The peer's host, for a message to people.
    host: String,
}

impl Connection {
    /// The connection of a message that was received; `None` where libzmq does not say.
    pub(super) fn of(message: &mut zmq::Message) -> Option<Connection> {
        let descriptor = message.gets(DESCRIPTOR)?.parse().ok()?;
        let host = message.gets(ADDRESS).unwrap_or("a peer").to_owned();
        Some(Connection { descriptor, peer: system::peer_of(descriptor), host })
    }

    /// The peer's host, as libzmq writes it: text from outside.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn descriptor(&self) -> Descriptor {
        self.descriptor
    }

    /// Ends the connection, unless its descriptor is another connection's by now. The
    /// caller has looked at the monitor, which tells of an end before libzmq closes the
    /// descriptor; the peer's address excludes what is left of that race over tcp.
    pub(super) fn shut_down(&self) {
        if system::peer_of(self.descriptor) == self.peer {
            system::shut_down(self.descriptor);
        }
    }
}

#[cfg(unix)]
mod system {
    use std::mem::ManuallyDrop;
    use std::net::{Shutdown, SocketAddr, TcpStream};
    use std::os::fd::FromRawFd;

    use super::Descriptor;

    /// The descriptor as a socket of std's, which is libzmq's to close.
    fn borrowed(descriptor: Descriptor) -> ManuallyDrop<TcpStream> {
        // SAFETY: std only makes system calls with the number. If libzmq has closed it
        // meanwhile, they fail; it is not closed here.
        ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(descriptor) })
    }

    pub(super) fn peer_of(descriptor: Descriptor) -> Option<SocketAddr> {
        if descriptor < 0 { None } else { borrowed(descriptor).peer_addr().ok() }
    }

    pub(super) fn shut_down(descriptor: Descriptor) {
        if descriptor >= 0 {
            // Fails where the peer has gone, which is as good.
            let _ = borrowed(descriptor).shutdown(Shutdown::Both);
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::net::SocketAddr;

    use super::Descriptor;

    pub(super) fn peer_of(_: Descriptor) -> Option<SocketAddr> {
        None
    }

    pub(super) fn shut_down(_: Descriptor) {}
}

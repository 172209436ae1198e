//! The sockets that Python's handlers send to: TCP, UDP, and both kinds of Unix sockets,
//! behind one type for listeners, one for streams and one for datagrams.

use std::io::{self, Read};
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use mio::net::{UnixDatagram, UnixListener, UnixStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::address::ListenAddr;
use super::peer::Sender;
#[cfg(unix)]
use super::socket_file::{self, SocketFile};

/// Clients that may wait to be accepted. A fleet may start at once.
const BACKLOG: i32 = 1024;

/// Receive buffer for datagrams, in bytes. Linux grants as much of it as
/// `net.core.rmem_max` allows.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Accepts clients.
pub(super) enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// On a Unix socket. The file is dropped first, so that whoever finds it can connect.
    #[cfg(unix)]
    Unix(SocketFile, UnixListener),
}

/// A client's connection.
pub(super) enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Receives datagrams.
pub(super) enum DatagramSocket {
    /// Over UDP.
    Udp(UdpSocket),
    /// On a Unix socket. The file is dropped first, so that whoever finds it can connect.
    #[cfg(unix)]
    Unix(SocketFile, UnixDatagram),
}

/// Listens on a port; the socket does not block.
pub(in crate::source) fn listen_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // A restart need not wait until the system forgets old connections. On
    // Windows it would let two programs listen on one address.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// Those of the system, and those of [`socket_file::bind`].
    pub(super) fn open(addr: &ListenAddr) -> io::Result<Listener> {
        match addr {
            ListenAddr::Net(address) => {
                Ok(Listener::Tcp(TcpListener::from_std(listen_tcp(*address)?)))
            }
            #[cfg(unix)]
            ListenAddr::Unix(path) => {
                let listen = |socket: &Socket| socket.listen(BACKLOG);
                let (file, socket) = socket_file::bind(path, Type::STREAM, listen)?;
                Ok(Listener::Unix(file, UnixListener::from(OwnedFd::from(socket))))
            }
            #[cfg(not(unix))]
            ListenAddr::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Removes the file of a Unix socket: new clients get an error, and those that have found
    /// it are served.
    pub(super) fn unlink(&mut self) {
        match self {
            Listener::Tcp(_) => {}
            #[cfg(unix)]
            Listener::Unix(file, _) => file.remove(),
        }
    }

    /// Accepts the next client.
    pub(super) fn accept(&self) -> io::Result<(Stream, Sender)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                keep_alive(&stream);
                Ok((Stream::Tcp(stream), Sender::Net(address)))
            }
            #[cfg(unix)]
            Listener::Unix(_, listener) => {
                let (stream, _) = listener.accept()?;
                let sender = Sender::Local(credentials(&stream));
                Ok((Stream::Unix(stream), sender))
            }
        }
    }

    /// The address as it was bound: with port 0, the system chooses the port.
    pub(super) fn name(&self) -> String {
        match self {
            Listener::Tcp(listener) => named(listener.local_addr()),
            #[cfg(unix)]
            Listener::Unix(file, _) => file.to_string(),
        }
    }

    /// For the poll.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Listener::Tcp(listener) => listener,
            #[cfg(unix)]
            Listener::Unix(_, listener) => listener,
        }
    }
}

impl Stream {
    /// For the poll.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(stream) => stream,
            #[cfg(unix)]
            Stream::Unix(stream) => stream,
        }
    }

    /// Size of the system's receive buffer, in bytes; 0 if it is unknown.
    pub(super) fn receive_buffer(&self) -> usize {
        let socket = match self {
            Stream::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream),
        };
        socket.recv_buffer_size().unwrap_or(0)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl DatagramSocket {
    /// Binds to an address.
    ///
    /// # Errors
    /// Those of the system, and those of [`socket_file::bind`].
    pub(super) fn open(addr: &ListenAddr) -> io::Result<DatagramSocket> {
        match addr {
            ListenAddr::Net(address) => {
                let domain = Domain::for_address(*address);
                let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
                // A smaller buffer works, too.
                let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
                socket.set_nonblocking(true)?;
                socket.bind(&(*address).into())?;
                Ok(DatagramSocket::Udp(UdpSocket::from_std(socket.into())))
            }
            #[cfg(unix)]
            ListenAddr::Unix(path) => {
                let (file, socket) = socket_file::bind(path, Type::DGRAM, |_| Ok(()))?;
                Ok(DatagramSocket::Unix(file, UnixDatagram::from(OwnedFd::from(socket))))
            }
            #[cfg(not(unix))]
            ListenAddr::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Removes the file of a Unix socket: new clients get an error, and those that have found
    /// it are served.
    pub(super) fn unlink(&mut self) {
        match self {
            DatagramSocket::Udp(_) => {}
            #[cfg(unix)]
            DatagramSocket::Unix(file, _) => file.remove(),
        }
    }

    /// Receives the next datagram; it is cut to the length of the buffer.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Sender)> {
        match self {
            DatagramSocket::Udp(socket) => {
                socket.recv_from(buffer).map(|(length, from)| (length, Sender::Net(from)))
            }
            // `DatagramHandler`s have no address of their own.
            #[cfg(unix)]
            DatagramSocket::Unix(_, socket) => {
                socket.recv(buffer).map(|l| (l, Sender::Local(None)))
            }
        }
    }

    /// The address as it was bound: with port 0, the system chooses the port.
    pub(super) fn name(&self) -> String {
        match self {
            DatagramSocket::Udp(socket) => named(socket.local_addr()),
            #[cfg(unix)]
            DatagramSocket::Unix(file, _) => file.to_string(),
        }
    }

    /// For the poll.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            DatagramSocket::Udp(socket) => socket,
            #[cfg(unix)]
            DatagramSocket::Unix(_, socket) => socket,
        }
    }

    /// Whether datagrams may be longer than those of UDP.
    pub(super) fn is_unbounded(&self) -> bool {
        !matches!(self, DatagramSocket::Udp(_))
    }
}

fn named(address: io::Result<SocketAddr>) -> String {
    address.map_or_else(|_| "?".into(), |address| address.to_string())
}

/// Notices in two minutes that a client's machine has lost power. Without probes it would
/// never be noticed, since zlog sends nothing to clients.
pub(in crate::source) fn keep_alive<'s, S>(stream: &'s S)
where
    SockRef<'s>: From<&'s S>,
{
    let probing = TcpKeepalive::new().with_time(Duration::from_secs(60));
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    let probing = probing.with_interval(Duration::from_secs(15));
    // Without it, such a client stays connected; that is no reason to refuse it.
    let _ = SockRef::from(stream).set_tcp_keepalive(&probing);
}

/// The process that connected, and its user. rustix can't be used: its process id can't be
/// the 0 that Linux gives for a process in another container.
#[cfg(target_os = "linux")]
fn credentials(stream: &UnixStream) -> Option<(i32, u32)> {
    use std::os::fd::AsRawFd;

    let mut who = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let size = size_of::<libc::ucred>();
    let mut length = libc::socklen_t::try_from(size).ok()?;
    // SAFETY: the descriptor is open as long as `stream` is borrowed; `who` is a ucred of
    // `length` bytes, which is what SO_PEERCRED writes, and any bytes make a valid one.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            std::ptr::from_mut(&mut who).cast(),
            &mut length,
        )
    };
    (result == 0 && length as usize == size).then_some((who.pid, who.uid))
}

/// Other systems are not asked.
#[cfg(all(unix, not(target_os = "linux")))]
fn credentials(_: &UnixStream) -> Option<(i32, u32)> {
    None
}

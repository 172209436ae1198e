//! The sockets that Python's handlers send to: TCP, UDP, and both kinds of Unix sockets.
//!
//! What may be here: what differs between them. Everybody else has a listener, a stream
//! and a mailbox, and does not ask of which kind.

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

/// Those who wait to be let in while nobody looks. A fleet may start at once.
const BACKLOG: i32 = 1024;

/// What the system should keep for us of datagrams while we are busy; it gives as much of
/// it as `net.core.rmem_max` allows.
const KEPT: usize = 8 << 20;

/// Lets clients in.
pub(in crate::source) enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// Over a socket in the file system. Its file goes first: who finds it finds us.
    #[cfg(unix)]
    Unix(SocketFile, UnixListener),
}

/// A client's connection.
pub(in crate::source) enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a socket in the file system.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Where datagrams come to.
pub(in crate::source) enum DatagramSocket {
    /// Over UDP.
    Udp(UdpSocket),
    /// Over a socket in the file system. Its file goes first: who finds it finds us.
    #[cfg(unix)]
    Unix(SocketFile, UnixDatagram),
}

impl Listener {
    /// Listens there.
    ///
    /// # Errors
    /// The system's; and that a Unix socket's path is somebody else's.
    pub(in crate::source) fn open(addr: &ListenAddr) -> io::Result<Listener> {
        match addr {
            ListenAddr::Net(address) => {
                let domain = Domain::for_address(*address);
                let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
                // As everywhere but on Windows, where it would let two listen at one
                // address: a restart need not wait for the connections of the one before
                // to be forgotten.
                #[cfg(unix)]
                socket.set_reuse_address(true)?;
                socket.set_nonblocking(true)?;
                socket.bind(&(*address).into())?;
                socket.listen(BACKLOG)?;
                Ok(Listener::Tcp(TcpListener::from_std(socket.into())))
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

    /// Lets nobody new find it, where that can be: whoever came before is served, and
    /// whoever comes after is told by the system, and nobody is lost in between.
    pub(in crate::source) fn stop_accepting(&mut self) {
        match self {
            Listener::Tcp(_) => {}
            #[cfg(unix)]
            Listener::Unix(file, _) => file.remove(),
        }
    }

    /// Lets the next client in.
    pub(in crate::source) fn accept(&self) -> io::Result<(Stream, Sender)> {
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

    /// Where it really listens: with port 0, nobody knows before.
    pub(in crate::source) fn name(&self) -> String {
        match self {
            Listener::Tcp(listener) => named(listener.local_addr()),
            #[cfg(unix)]
            Listener::Unix(file, _) => file.to_string(),
        }
    }

    /// For the one who polls.
    pub(in crate::source) fn source(&mut self) -> &mut dyn Source {
        match self {
            Listener::Tcp(listener) => listener,
            #[cfg(unix)]
            Listener::Unix(_, listener) => listener,
        }
    }
}

impl Stream {
    /// For the one who polls.
    pub(in crate::source) fn source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(stream) => stream,
            #[cfg(unix)]
            Stream::Unix(stream) => stream,
        }
    }

    /// Bytes that the system may hold for us: 0 where it does not tell.
    pub(in crate::source) fn receive_buffer(&self) -> usize {
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
    /// Receives there.
    ///
    /// # Errors
    /// The system's; and that a Unix socket's path is somebody else's.
    pub(in crate::source) fn open(addr: &ListenAddr) -> io::Result<DatagramSocket> {
        match addr {
            ListenAddr::Net(address) => {
                let domain = Domain::for_address(*address);
                let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
                // Less than that is received into, too.
                let _ = socket.set_recv_buffer_size(KEPT);
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

    /// Lets nobody new find it, where that can be: whoever came before is served, and
    /// whoever comes after is told by the system, and nobody is lost in between.
    pub(in crate::source) fn stop_accepting(&mut self) {
        match self {
            DatagramSocket::Udp(_) => {}
            #[cfg(unix)]
            DatagramSocket::Unix(file, _) => file.remove(),
        }
    }

    /// Takes the next datagram; what is longer than the buffer is cut off.
    pub(in crate::source) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Sender)> {
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

    /// Where it really receives: with port 0, nobody knows before.
    pub(in crate::source) fn name(&self) -> String {
        match self {
            DatagramSocket::Udp(socket) => named(socket.local_addr()),
            #[cfg(unix)]
            DatagramSocket::Unix(file, _) => file.to_string(),
        }
    }

    /// For the one who polls.
    pub(in crate::source) fn source(&mut self) -> &mut dyn Source {
        match self {
            DatagramSocket::Udp(socket) => socket,
            #[cfg(unix)]
            DatagramSocket::Unix(_, socket) => socket,
        }
    }

    /// Whether datagrams may be as long as a record: those of UDP are shorter.
    pub(in crate::source) fn is_unbounded(&self) -> bool {
        !matches!(self, DatagramSocket::Udp(_))
    }
}

fn named(address: io::Result<SocketAddr>) -> String {
    address.map_or_else(|_| "?".into(), |address| address.to_string())
}

/// Notices a peer that has gone without a word (a machine that lost its power) in two
/// minutes; nothing else would ever tell, since nothing is sent to clients.
fn keep_alive(stream: &TcpStream) {
    let probing = TcpKeepalive::new().with_time(Duration::from_secs(60));
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    let probing = probing.with_interval(Duration::from_secs(15));
    // Without it, such a client keeps its place: no reason to refuse it.
    let _ = SockRef::from(stream).set_tcp_keepalive(&probing);
}

/// The process that connected, and its user. Not by rustix, whose process number can't
/// be the 0 that Linux gives for one of another container.
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

/// Elsewhere nobody is asked.
#[cfg(all(unix, not(target_os = "linux")))]
fn credentials(_: &UnixStream) -> Option<(i32, u32)> {
    None
}

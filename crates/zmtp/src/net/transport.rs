//! tcp and ipc behind one type each for listeners and streams.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

#[cfg(unix)]
use super::unix_socket;
use crate::Address;

/// TCP keepalive, for peers of ZMTP 3.0, which may not know PING: noticed after 2 minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A bound address.
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Ipc(unix_socket::Listener),
}

impl Listener {
    /// Binds an address. Returns it with its port.
    pub(crate) fn bind(address: &Address) -> io::Result<(Listener, Address)> {
        match address {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(*address)?;
                let address = Address::Tcp(listener.local_addr()?);
                Ok((Listener::Tcp(listener), address))
            }
            #[cfg(unix)]
            Address::Ipc(path) => {
                let listener = unix_socket::Listener::bind(path)?;
                Ok((Listener::Ipc(listener), address.clone()))
            }
            #[cfg(not(unix))]
            Address::Ipc(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Accepts a connection. Returns it with the peer's address. For ipc it is its process, as
    /// `process 17`, or empty if the system does not tell.
    pub(crate) fn accept(&self) -> io::Result<(Stream, String)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                Ok((Stream::tcp(stream), address.to_string()))
            }
            #[cfg(unix)]
            Listener::Ipc(listener) => {
                let stream = listener.accept()?;
                let peer = unix_socket::peer_process(&stream);
                Ok((Stream::Ipc(stream), peer.map_or(String::new(), |it| format!("process {it}"))))
            }
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            #[cfg(unix)]
            Listener::Ipc(listener) => listener.register(registry, token),
        }
    }
}

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Ipc(mio::net::UnixStream),
}

impl Stream {
    /// Starts to connect. The stream becomes writable when it is connected or has failed.
    pub(crate) fn connect(address: &Address) -> io::Result<Stream> {
        match address {
            Address::Tcp(address) => Ok(Stream::tcp(TcpStream::connect(*address)?)),
            #[cfg(unix)]
            Address::Ipc(path) => Ok(Stream::Ipc(unix_socket::connect(path)?)),
            #[cfg(not(unix))]
            Address::Ipc(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn tcp(stream: TcpStream) -> Stream {
        // A connection works without them.
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        Stream::Tcp(stream)
    }

    /// Whether a connection that was started is made: `false` while it is in progress.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        let connected = match self {
            Stream::Tcp(stream) => {
                stream.take_error()?.map_or(Ok(()), Err)?;
                stream.peer_addr().map(drop)
            }
            #[cfg(unix)]
            Stream::Ipc(stream) => {
                stream.take_error()?.map_or(Ok(()), Err)?;
                stream.peer_addr().map(drop)
            }
        };
        match connected {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a tcp connection leads to itself: on Linux, connecting to a free port of the same
    /// machine may by chance use that port as its source.
    pub(crate) fn is_self_connected(&self) -> bool {
        match self {
            Stream::Tcp(stream) => {
                let ends: (Option<SocketAddr>, _) =
                    (stream.local_addr().ok(), stream.peer_addr().ok());
                ends.0.is_some() && ends.0 == ends.1
            }
            #[cfg(unix)]
            Stream::Ipc(_) => false,
        }
    }

    /// Whether the system lacks answers of the peer's machine; `None` if it does not tell.
    /// `false` for ipc, whose peers can't vanish without an end of the connection.
    pub(crate) fn is_unanswered(&self) -> Option<bool> {
        match self {
            Stream::Tcp(stream) => is_unanswered(stream),
            #[cfg(unix)]
            Stream::Ipc(_) => Some(false),
        }
    }

    /// Bytes that were written and that the peer's machine (for ipc, the peer) has not taken yet;
    /// `None` if the system does not tell.
    pub(crate) fn untaken(&self) -> Option<usize> {
        #[cfg(target_os = "linux")]
        {
            let mut bytes: libc::c_int = 0;
            // SAFETY: the descriptor is open, and the request (SIOCOUTQ) writes one int.
            let rc = unsafe { libc::ioctl(self.descriptor()?, libc::TIOCOUTQ, &raw mut bytes) };
            usize::try_from(bytes).ok().filter(|_| rc == 0)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Makes the system reset the connection when it is closed, for a peer that may never read.
    pub(crate) fn reset_on_close(&self) {
        match self {
            // Fails if the connection has ended.
            Stream::Tcp(stream) => {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
            // It is reset anyway if the peer writes.
            #[cfg(unix)]
            Stream::Ipc(_) => {}
        }
    }

    /// Its file descriptor, where the system has them.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        #[cfg(unix)]
        {
            use std::os::fd::AsRawFd;
            Some(match self {
                Stream::Tcp(stream) => stream.as_raw_fd(),
                Stream::Ipc(stream) => stream.as_raw_fd(),
            })
        }
        #[cfg(not(unix))]
        None
    }

    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }

    /// Ends this direction: the peer gets the rest, then the end.
    pub(crate) fn finish(&self) {
        // Fails if the peer has closed the connection.
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.shutdown(std::net::Shutdown::Write),
        };
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Stream::Tcp(stream) => registry.register(stream, token, interest),
            #[cfg(unix)]
            Stream::Ipc(stream) => registry.register(stream, token, interest),
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.read(buffer),
        }
    }

    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write_vectored(slices),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.write_vectored(slices),
        }
    }
}

/// Whether retransmissions or probes of a closed window are unanswered. A machine that is
/// reachable answers both, however long its program does not read.
#[cfg(target_os = "linux")]
fn is_unanswered(stream: &TcpStream) -> Option<bool> {
    use std::os::fd::AsRawFd;

    // SAFETY: all fields are integers, for which zeros are valid.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).unwrap_or_default();
    // SAFETY: writes at most `length` bytes to `info`. No crate in use has TCP_INFO.
    let rc = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (rc == 0).then_some(info.tcpi_retransmits > 0 || info.tcpi_probes > 1)
}

#[cfg(not(target_os = "linux"))]
fn is_unanswered(_: &TcpStream) -> Option<bool> {
    None
}

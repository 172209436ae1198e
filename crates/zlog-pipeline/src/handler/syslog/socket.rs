//! The sockets that lead to a syslog daemon.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Instant;

use rustls::ClientConfig;

use super::Address;
use super::state::{ConnectionState, left};
use super::tls::TlsStream;

/// The beginning of an alert of TLS.
const ALERT: &[u8] = &[21, 3];

/// A connected socket.
pub(super) enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
    #[cfg(unix)]
    UnixDatagram(UnixDatagram),
    #[cfg(unix)]
    UnixStream(UnixStream),
}

/// Connects to the daemon at `address`, whose host has the addresses `found`. `tls` is for an
/// address with TLS.
pub(super) fn connect(
    address: &Address,
    found: &[SocketAddr],
    tls: Option<ClientConfig>,
    deadline: Instant,
) -> io::Result<Socket> {
    let tcp = |to| {
        let socket = TcpStream::connect_timeout(&to, left(deadline)?)?;
        // A batch is a single write, so there is nothing to gather.
        socket.set_nodelay(true)?;
        Ok(socket)
    };
    match address {
        Address::Udp { .. } => first_of(found, |to| {
            let any: SocketAddr = match to {
                SocketAddr::V4(_) => ([0; 4], 0).into(),
                SocketAddr::V6(_) => ([0; 16], 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(to)?;
            Ok(Socket::Udp(socket))
        }),
        Address::Tcp { .. } => first_of(found, |to| Ok(Socket::Tcp(tcp(to)?))),
        Address::Tls { host, .. } => {
            let config = tls.ok_or(ErrorKind::Unsupported)?;
            // Another address of the host would have the same certificate.
            let socket = first_of(found, tcp)?;
            let stream = TlsStream::connect(socket, config, host, deadline)?;
            Ok(Socket::Tls(Box::new(stream)))
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            match socket.connect(path) {
                Ok(()) => Ok(Socket::UnixDatagram(socket)),
                Err(error) if is(&error, rustix::io::Errno::PROTOTYPE) => {
                    Ok(Socket::UnixStream(UnixStream::connect(path)?))
                }
                Err(error) => Err(error),
            }
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(ErrorKind::Unsupported.into()),
    }
}

/// Connects to the first address that works.
fn first_of<T>(
    found: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for to in found {
        match connect(*to) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

#[cfg(unix)]
fn is(error: &io::Error, number: rustix::io::Errno) -> bool {
    error.raw_os_error() == Some(number.raw_os_error())
}

#[cfg(unix)]
pub(super) fn is_too_large(error: &io::Error) -> bool {
    is(error, rustix::io::Errno::MSGSIZE)
}

#[cfg(not(unix))]
pub(super) fn is_too_large(error: &io::Error) -> bool {
    const WSAEMSGSIZE: i32 = 10_040;
    error.raw_os_error() == Some(WSAEMSGSIZE)
}

impl Socket {
    pub(super) fn is_udp(&self) -> bool {
        matches!(self, Socket::Udp(_))
    }

    pub(super) fn is_stream(&self) -> bool {
        match self {
            Socket::Tcp(_) | Socket::Tls(_) => true,
            Socket::Udp(_) => false,
            #[cfg(unix)]
            Socket::UnixStream(_) => true,
            #[cfg(unix)]
            Socket::UnixDatagram(_) => false,
        }
    }

    #[cfg(unix)]
    pub(super) fn is_local_datagram(&self) -> bool {
        matches!(self, Socket::UnixDatagram(_))
    }

    #[cfg(not(unix))]
    pub(super) fn is_local_datagram(&self) -> bool {
        false
    }

    /// The state of the connection. Discards what the daemon has sent.
    pub(super) fn state(&mut self) -> ConnectionState {
        fn read(stream: &mut impl Read) -> ConnectionState {
            let mut buffer = [0; 512];
            // No syslog daemon sends this much.
            for _ in 0..16 {
                match stream.read(&mut buffer) {
                    Ok(0) => return ConnectionState::Closed,
                    Ok(length) if buffer[..length].starts_with(ALERT) => {
                        let what = "it answers by an alert of TLS";
                        return ConnectionState::Broken(io::Error::new(
                            ErrorKind::InvalidData,
                            what,
                        ));
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return ConnectionState::Open;
                    }
                    Err(error) => return ConnectionState::Broken(error),
                }
            }
            let what = "it sends data, but a syslog daemon sends none";
            ConnectionState::Broken(io::Error::new(ErrorKind::InvalidData, what))
        }
        let looked = match self {
            Socket::Tcp(socket) => socket.set_nonblocking(true).and_then(|()| {
                let state = read(socket);
                socket.set_nonblocking(false).map(|()| state)
            }),
            #[cfg(unix)]
            Socket::UnixStream(socket) => socket.set_nonblocking(true).and_then(|()| {
                let state = read(socket);
                socket.set_nonblocking(false).map(|()| state)
            }),
            Socket::Tls(stream) => Ok(stream.state()),
            Socket::Udp(_) => Ok(ConnectionState::Open),
            #[cfg(unix)]
            Socket::UnixDatagram(_) => Ok(ConnectionState::Open),
        };
        looked.unwrap_or_else(ConnectionState::Broken)
    }

    /// Ends the connection, until `until` at the latest.
    ///
    /// # Errors
    /// The daemon may not have read everything.
    pub(super) fn close(mut self, until: Instant) -> io::Result<()> {
        match self {
            Socket::Tls(stream) => stream.close(until),
            _ => match self.state() {
                ConnectionState::Broken(error) => Err(error),
                ConnectionState::Open | ConnectionState::Closed => Ok(()),
            },
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) -> io::Result<()> {
        let timeout = Some(left(deadline)?);
        match self {
            Socket::Udp(socket) => socket.set_write_timeout(timeout),
            Socket::Tcp(socket) => socket.set_write_timeout(timeout),
            Socket::Tls(stream) => {
                stream.set_deadline(deadline);
                Ok(())
            }
            #[cfg(unix)]
            Socket::UnixDatagram(socket) => socket.set_write_timeout(timeout),
            #[cfg(unix)]
            Socket::UnixStream(socket) => socket.set_write_timeout(timeout),
        }
    }

    pub(super) fn send(&self, message: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Udp(socket) => socket.send(message),
            #[cfg(unix)]
            Socket::UnixDatagram(socket) => socket.send(message),
            // Streams are written to instead.
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Tls(stream) => stream.write(bytes),
            #[cfg(unix)]
            Socket::UnixStream(socket) => socket.write(bytes),
            // Datagrams are sent instead.
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// The pending error of an earlier send.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Socket::Udp(socket) => socket.take_error(),
            _ => Ok(None),
        }
    }
}

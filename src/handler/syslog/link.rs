//! The connection to a syslog daemon.
//!
//! What may be here: sockets, and how messages are told apart on them: a datagram
//! each; over TCP their length before them (RFC 6587, octet counting); over a Unix
//! stream a NUL behind them, as the C library's `syslog` sends them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use super::Address;
use crate::count::{counted, were};
use crate::error::{Error, Exit};
use crate::handler::spool::{Batch, Carried};

/// How long a datagram to a daemon that was away is watched for being refused again.
const REFUSAL: Duration = Duration::from_millis(20);

/// A connection, made when it is needed.
pub(super) struct Link {
    address: Address,
    timeout: Duration,
    socket: Option<Socket>,
    /// Messages as they are on a stream.
    frames: Vec<u8>,
    /// Messages that were refused when they had counted as sent, or for their size.
    refused: u64,
    /// The last datagram is one that a refusal may be about.
    unsure: bool,
    /// The daemon was away.
    suspect: bool,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    #[cfg(unix)]
    UnixDatagram(UnixDatagram),
    #[cfg(unix)]
    UnixStream(UnixStream),
}

impl Link {
    pub(super) fn new(address: Address, timeout: Duration) -> Link {
        let (frames, socket) = (Vec::new(), None);
        Link { address, timeout, socket, frames, refused: 0, unsure: false, suspect: false }
    }

    /// Messages that are lost, of batches that were taken.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Sends the messages of a batch that were not sent yet.
    pub(super) fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> Carried {
        let deadline = Instant::now() + self.timeout;
        let deadline = until.map_or(deadline, |until| until.min(deadline));
        let open = self.socket.take().and_then(Socket::if_open);
        let mut socket = match open {
            Some(socket) => socket,
            None => match connect(&self.address, deadline) {
                Ok(socket) => socket,
                Err(error) => return Carried::Later(self.failed(&error)),
            },
        };
        let too_large = self.refused;
        let sent = match socket.set_deadline(deadline) {
            Ok(()) if socket.is_stream() => self.stream(&mut socket, batch, deadline),
            Ok(()) => self.datagrams(&socket, batch),
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            self.suspect = true;
            return Carried::Later(self.failed(&error));
        }
        self.socket = Some(socket);
        let count = self.refused - too_large;
        if count == 0 {
            return Carried::Done;
        }
        Carried::Partly(
            Error::new(format!(
                "{} too large for syslog {} {} lost",
                counted(count, "message"),
                self.address,
                were(count),
            ))
            .hint("Allow messages of fewer bytes: longer ones are cut."),
        )
    }

    fn datagrams(&mut self, socket: &Socket, batch: &mut Batch<()>) -> io::Result<()> {
        while batch.done < batch.len() {
            match socket.send(batch.record(batch.done)) {
                Ok(_) => batch.done += 1,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_too_large(&error) => {
                    batch.done += 1;
                    self.refused += 1;
                    continue;
                }
                Err(error) => {
                    // A refusal is of the datagram before, which had counted as sent.
                    if error.kind() == ErrorKind::ConnectionRefused && socket.is_udp() {
                        match batch.done.checked_sub(1) {
                            Some(before) => batch.done = before,
                            None => self.refused += u64::from(self.unsure),
                        }
                    }
                    self.unsure = false;
                    return Err(error);
                }
            }
            if std::mem::take(&mut self.suspect) && socket.is_udp() {
                // Over UDP a daemon that is not back refuses after the fact: the first
                // one sent finds out, instead of being lost.
                std::thread::sleep(REFUSAL);
                if let Some(error) = socket.take_error()? {
                    batch.done -= 1;
                    return Err(error);
                }
            }
            self.unsure = true;
        }
        Ok(())
    }

    fn stream(
        &mut self,
        socket: &mut Socket,
        batch: &mut Batch<()>,
        deadline: Instant,
    ) -> io::Result<()> {
        let counted = matches!(self.address, Address::Tcp { .. });
        self.frames.clear();
        let first = batch.done;
        let mut ends = Vec::with_capacity(batch.len() - first);
        for place in first..batch.len() {
            frame_into(&mut self.frames, batch.record(place), counted);
            ends.push(self.frames.len());
        }
        let mut written = 0;
        let outcome = loop {
            if written == self.frames.len() {
                break Ok(());
            }
            if Instant::now() >= deadline {
                break Err(ErrorKind::TimedOut.into());
            }
            match socket.write(&self.frames[written..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        // A message that went in part begins anew, on a new connection.
        batch.done = first + ends.partition_point(|&end| end <= written);
        outcome
    }

    /// Names the daemon and the cause.
    fn failed(&self, error: &io::Error) -> Error {
        // A time-out is an "unavailable resource" to the socket.
        let late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        let address = &self.address;
        let error = if late {
            Error::new(format!("syslog {address} did not answer within {:?}", self.timeout))
        } else {
            Error::io(format_args!("syslog {address}"), error)
        };
        error.hint("Check that the daemon runs and listens there.").exit_as(Exit::Failed)
    }
}

/// A message on a stream: its length before it, or a NUL after it.
fn frame_into(out: &mut Vec<u8>, message: &[u8], counted: bool) {
    if counted {
        out.extend_from_slice(itoa::Buffer::new().format(message.len()).as_bytes());
        out.push(b' ');
        out.extend_from_slice(message);
    } else {
        out.extend_from_slice(message);
        out.push(0);
    }
}

fn connect(address: &Address, deadline: Instant) -> io::Result<Socket> {
    match address {
        Address::Udp { host, port } => first_of(host, *port, |to| {
            let any: SocketAddr = match to {
                SocketAddr::V4(_) => ([0; 4], 0).into(),
                SocketAddr::V6(_) => ([0; 16], 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(to)?;
            Ok(Socket::Udp(socket))
        }),
        Address::Tcp { host, port } => first_of(host, *port, |to| {
            let socket = TcpStream::connect_timeout(&to, left(deadline))?;
            // A batch is one write: there is nothing to wait for.
            socket.set_nodelay(true)?;
            Ok(Socket::Tcp(socket))
        }),
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

/// Tries a host's addresses one after the other.
fn first_of(
    host: &str,
    port: u16,
    connect: impl Fn(SocketAddr) -> io::Result<Socket>,
) -> io::Result<Socket> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for to in (host, port).to_socket_addrs()? {
        match connect(to) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Until then; never nothing, which would be refused or mean for ever.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

#[cfg(unix)]
fn is(error: &io::Error, number: rustix::io::Errno) -> bool {
    error.raw_os_error() == Some(number.raw_os_error())
}

#[cfg(unix)]
fn is_too_large(error: &io::Error) -> bool {
    is(error, rustix::io::Errno::MSGSIZE)
}

#[cfg(not(unix))]
fn is_too_large(error: &io::Error) -> bool {
    const WSAEMSGSIZE: i32 = 10_040;
    error.raw_os_error() == Some(WSAEMSGSIZE)
}

impl Socket {
    fn is_udp(&self) -> bool {
        matches!(self, Socket::Udp(_))
    }

    fn is_stream(&self) -> bool {
        match self {
            Socket::Tcp(_) => true,
            Socket::Udp(_) => false,
            #[cfg(unix)]
            Socket::UnixStream(_) => true,
            #[cfg(unix)]
            Socket::UnixDatagram(_) => false,
        }
    }

    /// Itself, unless the daemon has closed it, as far as can be known: what is written
    /// after that is lost without an error. What it says is read and forgotten.
    fn if_open(mut self) -> Option<Socket> {
        fn still(stream: &mut impl Read) -> bool {
            let mut buffer = [0; 512];
            // So much is said by no daemon; one that talks on is none.
            for _ in 0..16 {
                match stream.read(&mut buffer) {
                    Ok(0) => return false,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return error.kind() == ErrorKind::WouldBlock,
                }
            }
            false
        }
        let open = match &mut self {
            Socket::Tcp(socket) => {
                socket.set_nonblocking(true).is_ok()
                    && still(socket)
                    && socket.set_nonblocking(false).is_ok()
            }
            #[cfg(unix)]
            Socket::UnixStream(socket) => {
                socket.set_nonblocking(true).is_ok()
                    && still(socket)
                    && socket.set_nonblocking(false).is_ok()
            }
            Socket::Udp(_) => true,
            #[cfg(unix)]
            Socket::UnixDatagram(_) => true,
        };
        open.then_some(self)
    }

    fn set_deadline(&self, deadline: Instant) -> io::Result<()> {
        let timeout = Some(left(deadline));
        match self {
            Socket::Udp(socket) => socket.set_write_timeout(timeout),
            Socket::Tcp(socket) => socket.set_write_timeout(timeout),
            #[cfg(unix)]
            Socket::UnixDatagram(socket) => socket.set_write_timeout(timeout),
            #[cfg(unix)]
            Socket::UnixStream(socket) => socket.set_write_timeout(timeout),
        }
    }

    fn send(&self, message: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Udp(socket) => socket.send(message),
            #[cfg(unix)]
            Socket::UnixDatagram(socket) => socket.send(message),
            // Streams are written.
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.write(bytes),
            #[cfg(unix)]
            Socket::UnixStream(socket) => socket.write(bytes),
            // Datagrams are sent.
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// An error of what was sent before.
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Socket::Udp(socket) => socket.take_error(),
            _ => Ok(None),
        }
    }
}

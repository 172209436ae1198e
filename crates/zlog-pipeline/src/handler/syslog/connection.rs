//! The connection to a syslog daemon, and the framing of messages: one datagram each; over TCP
//! preceded by their length (RFC 6587, octet counting); over a Unix stream terminated by NUL,
//! as the C library's `syslog` does.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use super::Address;
use crate::handler::spool::{Batch, SendOutcome};
use crate::os::resolve::Host;
use zlog_core::error::{Error, Exit};
use zlog_core::text::plural::{counted, were};

/// How long to wait for the refusal of a datagram that was sent to an unreachable daemon.
const REFUSAL: Duration = Duration::from_millis(20);

/// A connection that is made when it is needed.
pub(super) struct Connection {
    address: Address,
    /// For an address with a host.
    host: Option<Host>,
    timeout: Duration,
    socket: Option<Socket>,
    /// The framed messages of a batch.
    frames: Vec<u8>,
    /// Messages refused after they were counted as sent, or because of their size.
    refused: u64,
    /// Messages written to this connection.
    written: u64,
    /// Messages written to connections that broke.
    unconfirmed: u64,
    /// The last UDP datagram of the last batch, and when it was sent. It counts as sent but may
    /// still be refused.
    unverified: Option<(Vec<u8>, Instant)>,
    /// A refused datagram of an earlier batch. It is sent before the next batch.
    refused_datagram: Option<Vec<u8>>,
    /// The last attempt failed.
    was_unreachable: bool,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    #[cfg(unix)]
    UnixDatagram(UnixDatagram),
    #[cfg(unix)]
    UnixStream(UnixStream),
}

/// The state of a connection.
enum ConnectionState {
    Open,
    /// The daemon has closed it after reading everything that had arrived.
    Closed,
    /// It can't be used any more.
    Broken,
}

impl Connection {
    pub(super) fn new(address: Address, timeout: Duration) -> Connection {
        let host = match &address {
            Address::Udp { host, port } | Address::Tcp { host, port } => Some((host, *port)),
            Address::Unix(_) => None,
        };
        Connection {
            host: host.map(|(host, port)| Host::new(host, port)),
            address,
            timeout,
            socket: None,
            frames: Vec::new(),
            refused: 0,
            written: 0,
            unconfirmed: 0,
            unverified: None,
            refused_datagram: None,
            was_unreachable: false,
        }
    }

    /// Messages of earlier batches that will be sent with the next batch.
    pub(super) fn waiting(&self) -> u64 {
        self.refused_datagram.is_some().into()
    }

    /// Gives up what would be sent with the next batch.
    pub(super) fn give_up(&mut self) {
        self.refused += u64::from(self.refused_datagram.take().is_some());
    }

    /// When to check whether the last datagram was refused.
    pub(super) fn refusal_due(&self) -> Option<Instant> {
        self.unverified.as_ref().map(|(_, sent)| *sent + REFUSAL)
    }

    /// The last datagram, if it was refused after it was sent. It no longer counts as sent.
    pub(super) fn take_refused(&mut self) -> Option<Vec<u8>> {
        let socket = self.socket.as_ref().filter(|_| self.unverified.is_some())?;
        socket.take_error().ok()??;
        (self.was_unreachable, self.socket) = (true, None);
        self.written = self.written.saturating_sub(1);
        self.broke();
        self.unverified.take().map(|(datagram, _)| datagram)
    }

    /// Lost messages of batches that counted as sent.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Messages written to connections that broke since, or that a daemon closed without
    /// accepting a new one at once. Nothing confirms that the last of them arrived.
    pub(super) fn unconfirmed(&self) -> u64 {
        self.unconfirmed
    }

    fn broke(&mut self) {
        self.unconfirmed += std::mem::take(&mut self.written);
    }

    /// Sends the messages of a batch that were not sent yet.
    pub(super) fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> SendOutcome {
        let deadline = Instant::now() + self.timeout;
        let deadline = until.map_or(deadline, |until| until.min(deadline));
        let mut socket = match self.open_still() {
            Some(socket) => socket,
            None => match self.connect(deadline) {
                Ok(socket) => {
                    self.written = 0;
                    socket
                }
                Err(error) => {
                    self.broke();
                    return SendOutcome::Retry(self.failed(&error));
                }
            },
        };
        let (too_large, done) = (self.refused, batch.done);
        let sent = match socket.set_deadline(deadline) {
            Ok(()) if socket.is_stream() => self.stream(&mut socket, batch, deadline),
            Ok(()) => self.datagrams(&socket, batch),
            Err(error) => Err(error),
        };
        let known = done as u64 + (self.refused - too_large);
        self.written = (self.written + batch.done as u64).saturating_sub(known);
        if let Err(error) = sent {
            self.was_unreachable = true;
            // A local daemon has already got its datagrams: a timeout loses none.
            if !(is_late(&error) && socket.is_local_datagram()) {
                self.broke();
            }
            return SendOutcome::Retry(self.failed(&error));
        }
        self.socket = Some(socket);
        let count = self.refused - too_large;
        if count == 0 {
            return SendOutcome::Sent;
        }
        SendOutcome::SentInPart(
            Error::new(format!(
                "{} too large for syslog {} {} lost",
                counted(count, "message"),
                self.address,
                were(count),
            ))
            .hint("Allow messages of fewer bytes: longer ones are cut."),
        )
    }

    /// The connection, unless the daemon is known to have closed it: what is written after
    /// that would be lost without an error.
    fn open_still(&mut self) -> Option<Socket> {
        let mut socket = self.socket.take()?;
        match socket.state() {
            ConnectionState::Open => Some(socket),
            // The daemon read everything, otherwise the system would have reset the connection.
            ConnectionState::Closed => None,
            ConnectionState::Broken => {
                self.broke();
                None
            }
        }
    }

    fn connect(&self, deadline: Instant) -> io::Result<Socket> {
        let host = self.host.as_ref().map(|host| host.addresses(deadline)).transpose()?;
        connect(&self.address, &host.unwrap_or_default(), deadline)
    }

    fn datagrams(&mut self, socket: &Socket, batch: &mut Batch<()>) -> io::Result<()> {
        if let Some(refused_datagram) = self.refused_datagram.take() {
            if let Err(error) = self.datagram(socket, &refused_datagram) {
                self.refused_datagram = Some(refused_datagram);
                return Err(error);
            }
            self.written += 1;
            self.unverified = Some((refused_datagram, Instant::now()));
        }
        // The last message of this batch that was actually sent.
        let mut last = None;
        while batch.done < batch.len() {
            match self.datagram(socket, batch.record(batch.done)) {
                Ok(sent) => {
                    last = if sent { Some(batch.done) } else { last };
                    batch.done += 1;
                }
                Err(error) => {
                    // The refusal concerns the previous datagram, which counted as sent.
                    let unverified = self.unverified.take();
                    if error.kind() == ErrorKind::ConnectionRefused && socket.is_udp() {
                        self.refused_before(batch, last, unverified);
                    }
                    return Err(error);
                }
            }
        }
        if let Some(last) = last.filter(|_| socket.is_udp()) {
            // One copy per batch; the buffer is reused.
            let mut datagram =
                self.unverified.take().map_or_else(Vec::new, |(datagram, _)| datagram);
            datagram.clear();
            datagram.extend_from_slice(batch.record(last));
            self.unverified = Some((datagram, Instant::now()));
        }
        Ok(())
    }

    /// Sends one message. Returns false, and counts the message, if it is too large.
    fn datagram(&mut self, socket: &Socket, message: &[u8]) -> io::Result<bool> {
        loop {
            match socket.send(message) {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_too_large(&error) => {
                    self.refused += 1;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        if std::mem::take(&mut self.was_unreachable) && socket.is_udp() {
            // Over UDP an unreachable daemon refuses only after the fact. Wait for that once,
            // instead of losing everything sent meanwhile.
            std::thread::sleep(REFUSAL);
            if let Some(error) = socket.take_error()? {
                self.unverified = None;
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Takes back a datagram that counted as sent and was refused: `last` of this batch, or else
    /// the last of an earlier batch. It is sent again.
    fn refused_before(
        &mut self,
        batch: &mut Batch<()>,
        last: Option<usize>,
        unverified: Option<(Vec<u8>, Instant)>,
    ) {
        if let Some(last) = last {
            // The messages after it were too large, and will be counted again.
            self.refused -= (batch.done - last - 1) as u64;
            batch.done = last;
        } else if let Some((datagram, _)) = unverified {
            self.written = self.written.saturating_sub(1);
            self.refused_datagram = Some(datagram);
        }
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
        // A message that was written in part is sent again on a new connection.
        batch.done = first + ends.partition_point(|&end| end <= written);
        outcome
    }

    /// The error that names the daemon and the cause.
    fn failed(&self, error: &io::Error) -> Error {
        let address = &self.address;
        let error = if is_late(error) {
            Error::new(format!("syslog {address} did not answer within {:?}", self.timeout))
        } else {
            Error::io(format_args!("syslog {address}"), error)
        };
        error.hint("Check that the daemon runs and listens there.").exit_as(Exit::Failed)
    }
}

/// Frames a message for a stream: its length before it, or a NUL after it.
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

fn connect(address: &Address, found: &[SocketAddr], deadline: Instant) -> io::Result<Socket> {
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
        Address::Tcp { .. } => first_of(found, |to| {
            let socket = TcpStream::connect_timeout(&to, left(deadline))?;
            // A batch is a single write, so there is nothing to gather.
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

/// Connects to the first address that works.
fn first_of(
    found: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> io::Result<Socket>,
) -> io::Result<Socket> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for to in found {
        match connect(*to) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Sockets report a timeout as `WouldBlock`.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The time left until `deadline`. At least 1 ms: zero is invalid or means no limit.
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

    #[cfg(unix)]
    fn is_local_datagram(&self) -> bool {
        matches!(self, Socket::UnixDatagram(_))
    }

    #[cfg(not(unix))]
    fn is_local_datagram(&self) -> bool {
        false
    }

    /// The state of the connection. Discards what the daemon has sent.
    fn state(&mut self) -> ConnectionState {
        fn read(stream: &mut impl Read) -> ConnectionState {
            let mut buffer = [0; 512];
            // No syslog daemon sends this much.
            for _ in 0..16 {
                match stream.read(&mut buffer) {
                    Ok(0) => return ConnectionState::Closed,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return ConnectionState::Open;
                    }
                    Err(_) => return ConnectionState::Broken,
                }
            }
            ConnectionState::Broken
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
            Socket::Udp(_) => Ok(ConnectionState::Open),
            #[cfg(unix)]
            Socket::UnixDatagram(_) => Ok(ConnectionState::Open),
        };
        looked.unwrap_or(ConnectionState::Broken)
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
            // Streams are written to instead.
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.write(bytes),
            #[cfg(unix)]
            Socket::UnixStream(socket) => socket.write(bytes),
            // Datagrams are sent instead.
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// The pending error of an earlier send.
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Socket::Udp(socket) => socket.take_error(),
            _ => Ok(None),
        }
    }
}

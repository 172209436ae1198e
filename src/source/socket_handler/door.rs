//! Listening sockets: where clients come in.
//!
//! What may be here: binding, accepting, and what the system says to it. How many may
//! be inside is `socket_handler`'s.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::error::{Error, Result};
use crate::source::listen::{Address, ListenOptions, Told};

/// `logging.handlers.DEFAULT_TCP_LOGGING_PORT`.
const PORT: u16 = 9020;

/// Those who wait to be let in while nobody looks. A fleet may start at once.
const BACKLOG: i32 = 1024;

/// How long a door is left alone at which the system could let nobody in: out of
/// descriptors, most often. Asking at once again would be asking without end.
const PAUSE: Duration = Duration::from_secs(1);

/// Those let in at once, before clients get their turns again.
const AT_ONCE: u32 = 64;

/// A door.
pub(super) struct Door {
    listener: TcpListener,
    name: String,
    /// Somebody may wait. The system tells once, not as long as it is so.
    knocked: bool,
    /// Before this, the system is not asked again.
    not_before: Option<Instant>,
    /// The system's last word was a failure, and that has been told.
    failing: bool,
    let_in: u32,
}

/// Who is at the door.
pub(super) enum Knock {
    /// A client, let in.
    Client(TcpStream, SocketAddr),
    /// Nobody, or nobody who can be let in now.
    Nobody,
    /// More, for another time.
    Later,
}

/// Opens all doors, with tokens from 0 on.
///
/// # Errors
/// An address that can't be listened on.
pub(super) fn open(
    options: &ListenOptions,
    registry: &Registry,
    bound: &mut Vec<String>,
) -> Result<Vec<Door>> {
    let mut doors: Vec<Door> = Vec::new();
    for address in &options.tcp {
        for mut door in at(address, options.allow_remote)? {
            let token = Token(doors.len());
            let watched = registry.register(&mut door.listener, token, Interest::READABLE);
            watched.map_err(|error| Error::io("watching a socket", &error))?;
            bound.push(format!("{} for Python's SocketHandler", door.name));
            doors.push(door);
        }
    }
    Ok(doors)
}

/// The doors that one address means. A name may mean one address that this machine
/// has and one that it has not: `localhost`, where there is no IPv6.
fn at(address: &Address, allow_remote: bool) -> Result<Vec<Door>> {
    let mut doors = Vec::new();
    let mut failure = None;
    for socket_address in address.resolve(PORT, allow_remote)? {
        match listen(socket_address) {
            Ok(listener) => doors.push(Door::new(listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                failure = Some(cannot(socket_address, &error));
            }
            Err(error) => return Err(cannot(socket_address, &error)),
        }
    }
    match failure {
        Some(error) if doors.is_empty() => Err(error),
        _ => Ok(doors),
    }
}

/// The error of an address that can't be listened on, for either kind of socket.
pub(in crate::source) fn cannot(address: SocketAddr, error: &io::Error) -> Error {
    let failed = Error::io(format_args!("listening on {address}"), error);
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            failed.hint("Another program listens there: end it, or name another port.")
        }
        io::ErrorKind::PermissionDenied => failed.hint("Name a port from 1024 on."),
        io::ErrorKind::AddrNotAvailable => {
            failed.hint("This machine does not have that address: `ip addr` shows those it has.")
        }
        _ => failed,
    }
}

fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // As everywhere but on Windows, where it would let two listen at one address: a
    // restart need not wait for the connections of the one before to be forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Notices a peer that has gone without a word (a machine that lost its power) in two
/// minutes; nothing else would ever tell, since nothing is sent to clients.
pub(super) fn keep_alive(stream: &TcpStream) {
    let probing = TcpKeepalive::new().with_time(Duration::from_secs(60));
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    let probing = probing.with_interval(Duration::from_secs(15));
    // Without it, such a client keeps its place: no reason to refuse it.
    let _ = SockRef::from(stream).set_tcp_keepalive(&probing);
}

impl Door {
    fn new(listener: StdListener) -> Door {
        let name = listener.local_addr().map_or_else(|_| "?".into(), |address| address.to_string());
        let listener = TcpListener::from_std(listener);
        Door { listener, name, knocked: false, not_before: None, failing: false, let_in: 0 }
    }

    /// Somebody waits.
    pub(super) fn knocked(&mut self) {
        self.knocked = true;
    }

    /// How long it may be left alone.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        match self.not_before {
            _ if !self.knocked => Duration::MAX,
            Some(not_before) => not_before.saturating_duration_since(now),
            None => Duration::ZERO,
        }
    }

    /// Whether the system could not let in who waits.
    pub(super) fn is_failing(&self) -> bool {
        self.failing && self.knocked
    }

    /// The system may be asked again at once.
    pub(super) fn try_again(&mut self) {
        self.not_before = None;
    }

    /// Lets the next one in.
    pub(super) fn accept(&mut self, at: Instant, told: &mut Told) -> Knock {
        if !self.knocked || self.not_before.is_some_and(|not_before| at < not_before) {
            return Knock::Nobody;
        }
        if self.let_in >= AT_ONCE {
            self.let_in = 0;
            return Knock::Later;
        }
        self.not_before = None;
        loop {
            match self.listener.accept() {
                Ok((stream, address)) => {
                    self.failing = false;
                    self.let_in += 1;
                    return Knock::Client(stream, address);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.knocked = false;
                        self.let_in = 0;
                        return Knock::Nobody;
                    }
                    // It has hung up again, or a signal came.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => return self.fail(&error, at, told),
                },
            }
        }
    }

    /// The system can't let anybody in now. Those inside don't notice.
    fn fail(&mut self, error: &io::Error, at: Instant, told: &mut Told) -> Knock {
        self.not_before = Some(at + PAUSE);
        self.let_in = 0;
        if !self.failing {
            self.failing = true;
            let name = &self.name;
            let error = Error::io(format_args!("no new clients can be let in on {name}"), error);
            told.say(|| format!("{error}; they wait (a higher `ulimit -n` may help)"));
        }
        Knock::Nobody
    }
}

//! Python's `DatagramHandler`: a pickled record in each datagram, after its length.
//!
//! What may be here: receiving datagrams, and counting those that were dropped. UDP
//! promises nothing: one that is lost on the way is not seen here, and has no number
//! that would be missed. What can be known is counted: datagrams that hold no whole
//! record, and those that the system dropped because they came too fast.

#[cfg(target_os = "linux")]
mod drops;

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::Flow;
use super::listen::{Address, Heard, Hearing, ListenOptions, Peer, Told, Turned};
use super::socket_handler::cannot;
use crate::error::{Error, Result};
use crate::wire::pickle::Refused;

/// `logging.handlers.DEFAULT_UDP_LOGGING_PORT`.
const PORT: u16 = 9021;

/// What the system should keep for us while we are busy; it gives as much of it as
/// `net.core.rmem_max` allows.
const KEPT: usize = 8 << 20;

/// Datagrams in one turn.
const TURN: u32 = 64;

/// A socket that datagrams come to.
struct Inbox {
    socket: UdpSocket,
    name: String,
    queued: bool,
    /// Who sent last: the next one is likely from there, too.
    last: Option<(SocketAddr, Peer)>,
    /// Datagrams have come since the system was asked about drops.
    busy: bool,
    #[cfg(target_os = "linux")]
    drops: drops::Drops,
}

/// All sockets that datagrams come to.
pub(super) struct Datagrams {
    inboxes: Vec<Inbox>,
}

impl Datagrams {
    /// Binds the sockets, with tokens from `first` on.
    ///
    /// # Errors
    /// An address that can't be listened on.
    pub(super) fn bind(
        options: &ListenOptions,
        registry: &Registry,
        first: usize,
        bound: &mut Vec<String>,
    ) -> Result<Datagrams> {
        let mut inboxes: Vec<Inbox> = Vec::new();
        for address in &options.udp {
            for mut inbox in at(address, options.allow_remote)? {
                let token = Token(first + inboxes.len());
                let watched = registry.register(&mut inbox.socket, token, Interest::READABLE);
                watched.map_err(|error| Error::io("watching a socket", &error))?;
                bound.push(format!("{} for Python's DatagramHandler", inbox.name));
                inboxes.push(inbox);
            }
        }
        Ok(Datagrams { inboxes })
    }

    /// How many sockets there are.
    pub(super) fn sockets(&self) -> usize {
        self.inboxes.len()
    }

    /// Something may have come. Whether the socket is to be put into the queue.
    pub(super) fn wake(&mut self, socket: usize) -> bool {
        let inbox = self.inboxes.get_mut(socket);
        inbox.is_some_and(|inbox| !std::mem::replace(&mut inbox.queued, true))
    }

    /// Receives what is there, up to a bound, and delivers it.
    ///
    /// # Errors
    /// Whatever the sink returns.
    pub(super) fn turn(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
        hearing: &mut Hearing<'_, '_>,
    ) -> Result<Turned> {
        let Some(inbox) = self.inboxes.get_mut(socket) else { return Ok(Turned::Dry) };
        let turned = inbox.turn(buffer, hearing)?;
        inbox.queued = turned != Turned::Dry;
        Ok(turned)
    }

    /// Asks the system what it dropped.
    #[cfg(target_os = "linux")]
    pub(super) fn count_drops(&mut self, heard: &mut Heard, told: &mut Told) {
        for inbox in &mut self.inboxes {
            if !std::mem::take(&mut inbox.busy) {
                continue;
            }
            let dropped = inbox.drops.more();
            if dropped > 0 {
                heard.dropped_datagrams += dropped;
                let name = &inbox.name;
                told.say(|| {
                    format!(
                        "{dropped} datagrams to {name} were dropped by the system: they came \
                         faster than they could be read (a higher net.core.rmem_max may help)"
                    )
                });
            }
        }
    }

    /// Nobody else tells.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn count_drops(&mut self, _heard: &mut Heard, _told: &mut Told) {}
}

/// The sockets that one address means. A name may mean one address that this machine
/// has and one that it has not.
fn at(address: &Address, allow_remote: bool) -> Result<Vec<Inbox>> {
    let mut inboxes = Vec::new();
    let mut failure = None;
    for socket_address in address.resolve(PORT, allow_remote)? {
        match receive_at(socket_address) {
            Ok(inbox) => inboxes.push(inbox),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                failure = Some(cannot(socket_address, &error));
            }
            Err(error) => return Err(cannot(socket_address, &error)),
        }
    }
    match failure {
        Some(error) if inboxes.is_empty() => Err(error),
        _ => Ok(inboxes),
    }
}

fn receive_at(address: SocketAddr) -> io::Result<Inbox> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Less than that is received into, too.
    let _ = socket.set_recv_buffer_size(KEPT);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket: std::net::UdpSocket = socket.into();
    Ok(Inbox {
        name: socket.local_addr()?.to_string(),
        #[cfg(target_os = "linux")]
        drops: drops::Drops::of(&socket),
        socket: UdpSocket::from_std(socket),
        queued: false,
        last: None,
        busy: false,
    })
}

impl Inbox {
    fn turn(&mut self, buffer: &mut [u8], hearing: &mut Hearing<'_, '_>) -> Result<Turned> {
        for _ in 0..TURN {
            let (length, from) = match self.socket.recv_from(buffer) {
                Ok(received) => received,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(Turned::Dry),
                    io::ErrorKind::Interrupted => continue,
                    // Of one datagram, or of the network for a while: the next may come.
                    _ => {
                        let name = &self.name;
                        let text = format_args!("receiving on {name}");
                        hearing.told.say(|| Error::io(text, &error).to_string());
                        return Ok(Turned::Dry);
                    }
                },
            };
            self.busy = true;
            if self.take(&buffer[..length], from, hearing)? == Flow::Enough {
                return Ok(Turned::Enough);
            }
        }
        Ok(Turned::Again)
    }

    /// Takes one datagram.
    fn take(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        hearing: &mut Hearing<'_, '_>,
    ) -> Result<Flow> {
        let peer = match &mut self.last {
            Some((address, peer)) if *address == from => peer,
            last => &mut last.insert((from, Peer::new(from))).1,
        };
        let refused = match pickle_of(datagram) {
            Ok(pickle) => match hearing.deliver(pickle, peer)? {
                Ok(flow) => return Ok(flow),
                Err(Refused::Truncated) => Bad::Cut,
                Err(refused) => Bad::NoRecord(refused),
            },
            Err(bad) => bad,
        };
        hearing.heard.bad_datagrams += 1;
        hearing.told.say(|| {
            let why = refused.why();
            format!("a datagram of {peer} ({} bytes) was left out: {why}", datagram.len())
        });
        Ok(Flow::More)
    }
}

/// What is wrong with a datagram.
#[derive(PartialEq, Eq, Debug)]
enum Bad {
    Short,
    Cut,
    Longer,
    NoRecord(Refused),
}

impl Bad {
    fn why(&self) -> String {
        match self {
            Bad::Short => "it is too short for a record and its length".to_owned(),
            Bad::Cut => "it ends in the middle of a record".to_owned(),
            Bad::Longer => "it goes on after its record".to_owned(),
            Bad::NoRecord(Refused::NotARecord) => {
                "it is a pickle of something else than a log record".to_owned()
            }
            Bad::NoRecord(refused) => format!("no pickled record ({refused})"),
        }
    }
}

/// The pickle in a datagram: what follows its length, which must be right.
fn pickle_of(datagram: &[u8]) -> Result<&[u8], Bad> {
    let (header, pickle) = datagram.split_first_chunk::<4>().ok_or(Bad::Short)?;
    // A length beyond usize is longer than what came, too.
    let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
    match length.cmp(&pickle.len()) {
        std::cmp::Ordering::Equal => Ok(pickle),
        std::cmp::Ordering::Greater => Err(Bad::Cut),
        std::cmp::Ordering::Less => Err(Bad::Longer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_a_length_and_as_many_bytes() {
        assert_eq!(pickle_of(b"\0\0\0\x02}."), Ok(&b"}."[..]));
        assert_eq!(pickle_of(b"\0\0\0\0"), Ok(&b""[..]));
        assert_eq!(pickle_of(b""), Err(Bad::Short));
        assert_eq!(pickle_of(b"\0\0\0"), Err(Bad::Short));
        assert_eq!(pickle_of(b"\0\0\0\x03}."), Err(Bad::Cut));
        assert_eq!(pickle_of(b"\xff\xff\xff\xff}."), Err(Bad::Cut));
        assert_eq!(pickle_of(b"\0\0\0\x01}."), Err(Bad::Longer));
    }
}

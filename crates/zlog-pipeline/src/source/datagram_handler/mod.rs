//! Python's `DatagramHandler`: a pickled record in each datagram, after its length.
//!
//! What may be here: receiving datagrams, and counting those that were dropped. UDP
//! promises nothing (a Unix socket does): one that is lost on the way is not seen here,
//! and has no number that would be missed. What can be known is counted: datagrams that hold no whole
//! record, and those that the system dropped because they came too fast.

#[cfg(target_os = "linux")]
mod drops;

use std::io;
use std::sync::Arc;

use mio::{Interest, Registry, Token};

use super::Flow;
use super::listen::{Heard, Hearing, ListenOptions, Mailbox, Peer, Sender, Told, Turned};
use zlog_core::error::{Error, Result};
use zlog_core::wire::pickle::Refused;

/// `logging.handlers.DEFAULT_UDP_LOGGING_PORT`.
const PORT: u16 = 9021;

/// Bytes before a record, which say its length.
const HEADER: usize = 4;

/// Datagrams in one turn.
const TURN: u32 = 64;

/// A socket that datagrams come to.
struct Inbox {
    mailbox: Mailbox,
    name: Arc<str>,
    queued: bool,
    /// Who sent last: the next one is likely from there, too.
    last: Option<(Sender, Peer)>,
    /// Datagrams have come since the system was asked about drops.
    busy: bool,
    /// A Unix socket drops none: who sends waits.
    #[cfg(target_os = "linux")]
    drops: Option<drops::Drops>,
    longest: usize,
}

/// All sockets that datagrams come to.
pub(super) struct Datagrams {
    inboxes: Vec<Inbox>,
    longest: usize,
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
            for mailbox in address.open(PORT, options.allow_remote, Mailbox::open)? {
                let mut inbox = Inbox::new(mailbox, options.max_record);
                let token = Token(first + inboxes.len());
                let source = inbox.mailbox.source();
                let watched = registry.register(source, token, Interest::READABLE);
                watched.map_err(|error| Error::io("watching a socket", &error))?;
                bound.push(format!("{} for Python's DatagramHandler", inbox.name));
                inboxes.push(inbox);
            }
        }
        let unbounded = inboxes.iter().any(|inbox| inbox.mailbox.is_unbounded());
        let longest = if unbounded { options.max_record.saturating_add(HEADER + 1) } else { 0 };
        Ok(Datagrams { inboxes, longest })
    }

    /// How much room the longest datagram wants, with one byte that tells a longer one,
    /// if that may be more than UDP's.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// How many sockets there are.
    pub(super) fn sockets(&self) -> usize {
        self.inboxes.len()
    }

    /// The end begins: no one new is to send, as far as that can be had. Whether somebody
    /// may be waiting in the middle of it: until there is room in a Unix socket.
    pub(super) fn shut(&mut self) -> bool {
        self.inboxes.iter_mut().for_each(|inbox| inbox.mailbox.shut());
        self.inboxes.iter().any(|inbox| inbox.mailbox.is_unbounded())
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
            let dropped = inbox.drops.as_mut().map_or(0, drops::Drops::more);
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

impl Inbox {
    fn new(mailbox: Mailbox, longest: usize) -> Inbox {
        Inbox {
            name: mailbox.place().into(),
            #[cfg(target_os = "linux")]
            drops: match &mailbox {
                Mailbox::Udp(socket) => Some(drops::Drops::of(socket, socket.local_addr())),
                Mailbox::Unix(..) => None,
            },
            mailbox,
            queued: false,
            last: None,
            busy: false,
            longest,
        }
    }

    fn turn(&mut self, buffer: &mut [u8], hearing: &mut Hearing<'_, '_>) -> Result<Turned> {
        for _ in 0..TURN {
            let (length, from) = match self.mailbox.receive(buffer) {
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
        from: Sender,
        hearing: &mut Hearing<'_, '_>,
    ) -> Result<Flow> {
        let peer = match &mut self.last {
            Some((sender, peer)) if *sender == from => peer,
            last => &mut last.insert((from, Peer::new(from, &self.name))).1,
        };
        let refused = match pickle_of(datagram) {
            _ if datagram.len() > self.longest.saturating_add(HEADER) => Bad::TooLong,
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
    TooLong,
    Short,
    Cut,
    Longer,
    NoRecord(Refused),
}

impl Bad {
    fn why(&self) -> String {
        match self {
            Bad::TooLong => "its record is longer than one may be (--max-record)".to_owned(),
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
    let (header, pickle) = datagram.split_first_chunk::<HEADER>().ok_or(Bad::Short)?;
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

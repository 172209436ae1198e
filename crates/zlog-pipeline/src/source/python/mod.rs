//! Python's `SocketHandler` and `DatagramHandler`: records that programs send over
//! TCP, UDP and Unix sockets, any number of them at once, taken by the one thread that
//! polls.
//!
//! What may be here: waiting for the sockets, whose turn it is, and what both kinds
//! have in common: addresses, sockets, counts, and what a person is told. How each of them
//! sends is `socket_handler`'s and `datagram_handler`'s; what a pickle says is
//! `wire`'s.
//!
//! Neither protocol knows who sends, so whatever comes is hostile until it is
//! decoded: see [`ListenOptions`] for what bounds it. A client that sends what is no
//! record is cut off and named; the others don't notice, since each gets turns of
//! bounded length and nobody is waited for.

mod address;
mod datagram_handler;
mod peer;
mod socket_file;
mod socket_handler;
mod sockets;
mod stats;

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

pub use self::address::{Address, ListenAddr};
use self::datagram_handler::Datagrams;
pub(super) use self::peer::{Peer, Sender};
use self::socket_handler::Clients;
pub(super) use self::sockets::{DatagramSocket, Listener, Stream};
pub use self::stats::ListenStats;
pub(crate) use self::stats::NoticeLimiter;
use super::{Notice, PollStatus, Sink, Source};
use crate::os::clock::now;
use crate::os::fd_limit;
use zlog_core::error::{Error, Result};
use zlog_core::record::{RawJson, Record};
use zlog_core::wire::json;
use zlog_core::wire::pickle::{self, Limits, Refused};

/// Turns within one poll: then whoever polls may flush and look around.
const TURNS: usize = 16;

/// Turns end for this poll when they have taken so long.
const LONGEST_ROUND: Duration = Duration::from_millis(20);

/// What is read in one turn. At most: so long do the others wait.
const READ_SIZE: usize = 64 << 10;

/// How often clients that stand still are looked for, and the system is asked for
/// dropped datagrams.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// How long the end goes on, while a client is there, once nothing more was at hand: on
/// a busy machine, what a sender has handed to its system does not come all at once.
const QUIET: Duration = Duration::from_millis(100);

/// How often it is tried at the end to let those in for whom there was no descriptor.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Where to listen, and what bounds those who send.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Where `SocketHandler`s connect to.
    pub tcp: Vec<Address>,
    /// Where `DatagramHandler`s send to.
    pub udp: Vec<Address>,
    /// Listen on addresses that other machines can reach.
    pub allow_remote: bool,
    /// The longest record, pickled, in bytes.
    pub max_record: usize,
    /// The most clients at once.
    pub max_clients: usize,
    /// How long a client may stand still in the middle of a record.
    pub stall: Duration,
}

impl Default for ListenOptions {
    /// Nowhere; records of up to 1 MiB, 1000 clients, a minute.
    fn default() -> ListenOptions {
        ListenOptions {
            tcp: Vec::new(),
            udp: Vec::new(),
            allow_remote: false,
            max_record: 1 << 20,
            max_clients: 1000,
            stall: Duration::from_secs(60),
        }
    }
}

/// Bounds on a pickle of up to `max_record` bytes. Closer than what is right for a
/// body that one has subscribed to, since anybody may send here: a quarter of a
/// million values make some 40 MiB while they are decoded, and ten times the values
/// of a record with a thousand extras.
fn limits(max_record: usize) -> Limits {
    Limits {
        input: max_record,
        opcodes: 1 << 18,
        memo: 1 << 16,
        output: max_record.saturating_mul(4),
        ..Limits::DEFAULT
    }
}

/// Records of Python's `SocketHandler` and `DatagramHandler`. It never ends.
///
/// To be waited for together with other things, see its `as_raw_fd`.
pub struct PythonSource {
    poll: Poll,
    events: Events,
    clients: Clients,
    datagrams: Datagrams,
    /// Who may have sent something, in the order of their turns.
    ready: VecDeque<Turn>,
    read: Vec<u8>,
    limits: Limits,
    reader: pickle::Reader,
    stats: ListenStats,
    notices: NoticeLimiter,
    housekeeping: Instant,
    bound: Vec<String>,
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    Client(usize),
    Datagrams(usize),
}

/// What a turn came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TurnOutcome {
    /// There may be more to read at once.
    Again,
    /// There is nothing more to read.
    Idle,
    /// The sink has enough; some of what was read waits.
    Stopped,
}

impl PythonSource {
    /// Listens at all the addresses.
    ///
    /// # Errors
    /// An address that can't be listened on, or that other machines can reach
    /// although that is not allowed.
    pub fn open(options: &ListenOptions) -> Result<PythonSource> {
        let poll = Poll::new().map_err(|error| Error::io("waiting for sockets", &error))?;
        let mut bound = Vec::new();
        let mut clients = Clients::bind(options, poll.registry(), &mut bound)?;
        let first = clients.listeners();
        let datagrams = Datagrams::bind(options, poll.registry(), first, &mut bound)?;
        clients.set_first_token(first + datagrams.sockets());
        let begun = Instant::now();
        let mut notices = NoticeLimiter::new(begun);
        if clients.listeners() > 0
            && let Some(warning) = fd_limit::too_few_for(options.max_clients)
        {
            notices.report(|| warning);
        }
        Ok(PythonSource {
            poll,
            events: Events::with_capacity(256),
            clients,
            read: vec![0; READ_SIZE.max(datagrams.longest())],
            datagrams,
            ready: VecDeque::new(),
            limits: limits(options.max_record),
            reader: pickle::Reader::default(),
            stats: ListenStats::default(),
            notices,
            housekeeping: begun,
            bound,
        })
    }

    /// Where it listens really, with what: with port 0, nobody knows before.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// What has come so far.
    pub fn stats(&self) -> ListenStats {
        self.stats
    }

    /// What a person should know, since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.notices.take()
    }

    /// Stops: delivers what has been sent already, as far as it comes in time: before
    /// `within` is over. What then is in the middle of a record is lost, and counted;
    /// that clients were still sending is told.
    ///
    /// # Errors
    /// Whatever `sink` returns.
    pub fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        let until = Instant::now() + within;
        self.clients.stop_accepting();
        let senders = self.datagrams.stop_accepting();
        let mut quiet = None;
        loop {
            let progress = self.poll(Duration::ZERO, sink)?;
            let now = Instant::now();
            if progress == PollStatus::Delivered {
                if now >= until {
                    self.notices.report(still_sending);
                    break;
                }
                continue;
            }
            let quiet_at = *quiet.get_or_insert(now + QUIET);
            let left = quiet_at.min(until).saturating_duration_since(now);
            if !left.is_zero() && (senders || self.clients.count() > 0) {
                self.wait_for_events(left)?;
            } else if now < until && self.clients.any_waiting() {
                self.clients.release_first(|client| self.ready.push_back(Turn::Client(client)));
                quiet = None;
            } else if now < until && self.clients.has_unaccepted() {
                // Those inside have said what they had to say; those outside may have
                // sent records, too.
                if self.clients.make_room(&mut self.stats, &mut self.notices) {
                    quiet = None;
                } else {
                    self.wait_for_events(ACCEPT_RETRY.min(until - now))?;
                }
            } else {
                if self.clients.any_waiting() {
                    self.notices.report(still_sending);
                }
                break;
            }
        }
        if self.clients.has_unaccepted() {
            self.notices.report(never_accepted);
        }
        self.datagrams.count_drops(&mut self.stats, &mut self.notices);
        self.clients.end(&mut self.stats, &mut self.notices);
        self.notices.end();
        Ok(())
    }

    /// Waits for the sockets, and notes whose turn it will be.
    fn wait_for_events(&mut self, wait: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(Error::io("waiting for Python's handlers", &error)),
        }
        let at = Instant::now();
        for event in &self.events {
            let Token(token) = event.token();
            let turn = match self.clients.client_of_token(token) {
                Some(client) => {
                    let closed = event.is_read_closed();
                    self.clients.wake(client, closed, at).then_some(Turn::Client(client))
                }
                None if token < self.clients.listeners() => {
                    self.clients.set_ready(token);
                    None
                }
                None => {
                    let socket = token - self.clients.listeners();
                    self.datagrams.wake(socket).then_some(Turn::Datagrams(socket))
                }
            };
            self.ready.extend(turn);
        }
        Ok(())
    }

    /// Gives turns, round robin. Returns whether any came to something.
    fn take_turns(&mut self, at: Instant, sink: &mut Sink<'_>) -> Result<bool> {
        let mut delivery = Delivery {
            limits: &self.limits,
            reader: &mut self.reader,
            stats: &mut self.stats,
            notices: &mut self.notices,
            received: now(),
            at,
            sink,
        };
        let before = delivery.stats.records;
        for _ in 0..TURNS {
            let Some(turn) = self.ready.pop_front() else { break };
            let outcome = match turn {
                Turn::Client(client) => {
                    self.clients.turn(client, &mut self.read[..READ_SIZE], &mut delivery)?
                }
                Turn::Datagrams(socket) => {
                    self.datagrams.turn(socket, &mut self.read, &mut delivery)?
                }
            };
            match outcome {
                TurnOutcome::Again => self.ready.push_back(turn),
                TurnOutcome::Idle => {}
                TurnOutcome::Stopped => {
                    self.ready.push_front(turn);
                    return Ok(true);
                }
            }
            // The sink was in no hurry: see who has come and who has gone meanwhile.
            if at.elapsed() >= LONGEST_ROUND {
                break;
            }
        }
        Ok(delivery.stats.records > before || !self.ready.is_empty())
    }

    fn housekeeping(&mut self, at: Instant) {
        let since = at.duration_since(self.housekeeping);
        if since < HOUSEKEEPING {
            return;
        }
        self.housekeeping = at;
        // Whoever polls may have been held up: then it was not the clients who stood still.
        self.clients.disconnect_stalled(
            at,
            since > HOUSEKEEPING * 4,
            &mut self.stats,
            &mut self.notices,
        );
        self.datagrams.count_drops(&mut self.stats, &mut self.notices);
        self.notices.tick(at);
    }
}

impl Source for PythonSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let wait = match self.ready.is_empty() {
            true => wait.min(self.clients.max_wait(Instant::now())),
            false => Duration::ZERO,
        };
        self.wait_for_events(wait)?;
        let at = Instant::now();
        let registry = self.poll.registry();
        let more = self.clients.accept(registry, at, &mut self.stats, &mut self.notices);
        self.clients.release(at, |client| self.ready.push_back(Turn::Client(client)));
        let delivered = self.take_turns(at, sink)?;
        self.housekeeping(at);
        Ok(if delivered || more { PollStatus::Delivered } else { PollStatus::Idle })
    }
}

/// Readable when there is something to [`poll`](Source::poll) for, so that one thread
/// can wait for this and for ZeroMQ's sockets at once: poll until it is
/// [`PollStatus::Idle`], then wait. Poll about once a second even when nothing comes,
/// for what depends on the clock.
#[cfg(unix)]
impl std::os::fd::AsRawFd for PythonSource {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.poll.as_raw_fd()
    }
}

fn still_sending() -> String {
    "Python's handlers were still sending when the time for the end was up; how much of it \
     is lost is not known"
        .to_owned()
}

fn never_accepted() -> String {
    "Python's handlers were waiting to be let in until the end, for want of descriptors; how \
     many, and what they had sent, is not known"
        .to_owned()
}

/// Where what was read goes to.
pub(super) struct Delivery<'l, 's> {
    limits: &'l Limits,
    reader: &'l mut pickle::Reader,
    pub(super) stats: &'l mut ListenStats,
    pub(super) notices: &'l mut NoticeLimiter,
    /// When it was read: seconds since 1970-01-01 UTC, and the same as an instant.
    received: f64,
    pub(super) at: Instant,
    sink: &'l mut Sink<'s>,
}

impl Delivery<'_, '_> {
    /// Delivers the record of a pickle, or says why there is none.
    ///
    /// # Errors
    /// Whatever the sink returns.
    pub(super) fn deliver(
        &mut self,
        bytes: &[u8],
        peer: &Peer,
    ) -> Result<Result<ControlFlow<()>, Refused>> {
        let mut record = Record::default();
        match self.decode(bytes, &mut record) {
            Ok(()) => self.take(record, peer).map(Ok),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Reads the record of a pickle into an empty one.
    pub(super) fn decode<'a>(
        &mut self,
        bytes: &'a [u8],
        record: &mut Record<'a>,
    ) -> Result<(), Refused> {
        self.reader.read_into(bytes, self.limits, record)
    }

    /// Delivers a record that was decoded.
    ///
    /// # Errors
    /// Whatever the sink returns.
    pub(super) fn take<'a>(
        &mut self,
        mut record: Record<'a>,
        peer: &'a Peer,
    ) -> Result<ControlFlow<()>> {
        self.stats.records += 1;
        if let Some(fault) = &record.fault {
            self.stats.shortened += 1;
            self.notices.report(|| format!("a record of {peer} is shortened: {fault}"));
        }
        record.received = Some(self.received);
        if record.hostname.is_none() {
            record.hostname = peer.host().map(Into::into);
        }
        rename_reserved(&mut record);
        (self.sink)(record)
    }
}

/// Python knows no `source` and `seq`: what is called so is a program's own extra,
/// and must neither get lost nor pass for zlog's. It is kept as `source_` and `seq_`.
fn rename_reserved(record: &mut Record<'_>) {
    if let Some(own) = record.source.take() {
        let mut text = Vec::with_capacity(own.len() + 2);
        json::write_string(&own, &mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        record.extras.push(("source_".into(), RawJson(text.into())));
    }
    if let Some(own) = record.seq.take() {
        record.extras.push(("seq_".into(), RawJson(own.to_string().into())));
    }
}

#[cfg(test)]
mod tests;

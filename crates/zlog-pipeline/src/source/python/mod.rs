//! Python's `SocketHandler` and `DatagramHandler`: records that programs send over TCP,
//! UDP and Unix sockets.
//!
//! One thread serves any number of clients: it waits for the sockets and gives each a
//! turn. `socket_handler` and `datagram_handler` read the two protocols; `delivery` has
//! what they share.
//!
//! Neither protocol says who sends, so input is hostile until it is decoded;
//! [`ListenOptions`] has the limits. A client that sends no valid record is disconnected and
//! named. Turns are short and no client is waited for, so the other clients do not notice.

mod address;
mod datagram_handler;
mod delivery;
mod options;
mod peer;
mod socket_file;
mod socket_handler;
mod sockets;
mod stats;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

pub use self::address::{Address, ListenAddr};
use self::datagram_handler::Datagrams;
use self::delivery::{Delivery, TurnOutcome};
pub use self::options::ListenOptions;
use self::socket_handler::Clients;
#[cfg(feature = "otlp")]
pub(in crate::source) use self::sockets::{keep_alive, listen_tcp};
use self::stats::ListenReport;
pub(in crate::source) use self::stats::NoticeLimiter;
use super::{ListenStats, Notice, PollStatus, Sink, Source, SourceCounts};
use crate::os::clock::now;
use crate::os::fd_limit;
use zlog_core::text::plural::{counted, were};
use zlog_core::wire::pickle::{self, Limits};
use zlog_core::{Error, Result};

/// Turns in one poll, so that the caller can flush and check signals.
const TURNS: usize = 16;

/// A round of turns ends after this time, too.
const LONGEST_ROUND: Duration = Duration::from_millis(20);

/// Most bytes read in one turn: the other clients wait as long as that takes.
const READ_SIZE: usize = 64 << 10;

/// How often stalled clients are looked for, and the system is asked for the datagrams it
/// has dropped.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// At the end, how long clients must have sent nothing, in all: on a busy machine, bytes that a
/// sender has passed to its system do not arrive all at once, and some never stop.
const QUIET: Duration = Duration::from_millis(100);

/// At the end, the longest wait for clients that counts as one.
const QUIET_STEP: Duration = Duration::from_millis(20);

/// At the end, how often it is tried to accept clients for which there was no descriptor.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Records of Python's `SocketHandler` and `DatagramHandler`. It ends only by
/// [`Source::finish`].
pub struct PythonSource {
    poll: Poll,
    events: Events,
    clients: Clients,
    datagrams: Datagrams,
    /// Sockets that may have something to read, in the order of their turns.
    ready: VecDeque<ReadySocket>,
    buffer: Vec<u8>,
    limits: Limits,
    reader: pickle::Reader,
    report: ListenReport,
    last_housekeeping: Instant,
}

/// A socket whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ReadySocket {
    Client(usize),
    Datagrams(usize),
}

impl PythonSource {
    /// Listens on all addresses. Notices name the addresses: with port 0 the system chooses
    /// the port.
    ///
    /// # Errors
    /// An address can't be listened on, or other machines can reach it although that is not
    /// allowed.
    pub fn open(options: &ListenOptions) -> Result<PythonSource> {
        let poll = Poll::new().map_err(|error| Error::io("waiting for sockets", &error))?;
        let mut notices = Vec::new();
        let mut clients = Clients::bind(options, poll.registry(), &mut notices)?;
        let first = clients.listeners();
        let datagrams = Datagrams::bind(options, poll.registry(), first, &mut notices)?;
        clients.set_first_token(first + datagrams.sockets());
        if clients.listeners() > 0 {
            notices.extend(fd_limit::too_few_for(options.max_clients));
        }
        let begun = Instant::now();
        let notices = NoticeLimiter::new(begun, notices, "Python's handlers");
        Ok(PythonSource {
            poll,
            events: Events::with_capacity(256),
            clients,
            buffer: vec![0; READ_SIZE.max(datagrams.longest())],
            datagrams,
            ready: VecDeque::new(),
            limits: options.pickle_limits(),
            reader: pickle::Reader::default(),
            report: ListenReport { stats: ListenStats::default(), notices },
            last_housekeeping: begun,
        })
    }

    /// Waits for the sockets, and queues those that have something to read.
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
                    self.clients.wake(client, closed, at).then_some(ReadySocket::Client(client))
                }
                None if token < self.clients.listeners() => {
                    self.clients.set_ready(token);
                    None
                }
                None => {
                    let socket = token - self.clients.listeners();
                    self.datagrams.wake(socket).then_some(ReadySocket::Datagrams(socket))
                }
            };
            self.ready.extend(turn);
        }
        Ok(())
    }

    /// Gives turns, round robin. Returns whether records were delivered or sockets are still
    /// ready.
    fn take_turns(&mut self, at: Instant, sink: &mut Sink<'_>) -> Result<bool> {
        let mut delivery = Delivery {
            limits: &self.limits,
            reader: &mut self.reader,
            report: &mut self.report,
            received: now(),
            at,
            sink,
        };
        let before = delivery.report.stats.records;
        for _ in 0..TURNS {
            let Some(turn) = self.ready.pop_front() else { break };
            let outcome = match turn {
                ReadySocket::Client(client) => {
                    self.clients.turn(client, &mut self.buffer[..READ_SIZE], &mut delivery)?
                }
                ReadySocket::Datagrams(socket) => {
                    self.datagrams.turn(socket, &mut self.buffer, &mut delivery)?
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
            // The sink is slow: clients may have connected or gone meanwhile.
            if at.elapsed() >= LONGEST_ROUND {
                break;
            }
        }
        Ok(self.report.stats.records > before || !self.ready.is_empty())
    }

    fn housekeeping(&mut self, at: Instant) {
        let since = at.duration_since(self.last_housekeeping);
        if since < HOUSEKEEPING {
            return;
        }
        self.last_housekeeping = at;
        // After a long time between two polls, the caller was busy: no client has stalled.
        self.clients.disconnect_stalled(at, since > HOUSEKEEPING * 4, &mut self.report);
        self.datagrams.count_drops(&mut self.report);
        self.report.notices.tick(at);
    }

    /// Nothing was at hand: whether to go on with the end, after waiting for what may still
    /// come. `quiet` is for how much longer nothing must come, in all.
    fn await_rest(
        &mut self,
        now: Instant,
        until: Instant,
        senders: bool,
        quiet: &mut Duration,
    ) -> Result<bool> {
        // After a longer wait, zlog itself was too busy to see what came.
        let wait = QUIET_STEP.min(*quiet).min(until.saturating_duration_since(now));
        if !wait.is_zero() && (senders || self.clients.count() > 0) {
            self.wait_for_events(wait)?;
            *quiet -= now.elapsed().min(wait);
        } else if now < until && self.clients.any_waiting() {
            self.clients.release_first(|client| self.ready.push_back(ReadySocket::Client(client)));
            *quiet = QUIET;
        } else if now < until && self.clients.has_unaccepted() {
            // Connected clients have sent everything; the unaccepted may have sent records.
            if self.clients.make_room(&mut self.report) {
                *quiet = QUIET;
            } else {
                self.wait_for_events(ACCEPT_RETRY.min(until - now))?;
            }
        } else {
            return Ok(false);
        }
        Ok(true)
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
        let more = self.clients.accept(self.poll.registry(), at, &mut self.report);
        self.clients.release(at, |client| self.ready.push_back(ReadySocket::Client(client)));
        let delivered = self.take_turns(at, sink)?;
        self.housekeeping(at);
        Ok(if delivered || more { PollStatus::Delivered } else { PollStatus::Idle })
    }

    /// Delivers what has been sent, as far as it arrives before `within` is over. A record
    /// that is then incomplete is lost, and counted. A notice says so if clients were still
    /// sending.
    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        let until = Instant::now() + within;
        self.clients.stop_accepting();
        let senders = self.datagrams.stop_accepting();
        let (mut quiet, mut cut) = (QUIET, false);
        loop {
            let status = self.poll(Duration::ZERO, sink)?;
            let now = Instant::now();
            if status != PollStatus::Delivered {
                if !self.await_rest(now, until, senders, &mut quiet)? {
                    break;
                }
            } else if now >= until {
                cut = true;
                break;
            } else if self.clients.any_waiting() {
                // Those that wait for a connection must not overtake the rest of its records.
                quiet = QUIET;
            }
        }
        cut |= self.clients.any_waiting();
        if self.clients.has_unaccepted() {
            self.report.notice(never_accepted);
        }
        self.datagrams.count_drops(&mut self.report);
        let unread = self.report.stats.unread;
        self.clients.end(&mut self.report);
        let unread = self.report.stats.unread - unread;
        if cut || unread > 0 {
            self.report.notice(|| still_sending(unread));
        }
        self.report.notices.end_window();
        Ok(())
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        self.report.notices.take()
    }

    fn counts(&self) -> SourceCounts {
        SourceCounts { listen: self.report.stats, ..SourceCounts::default() }
    }
}

fn still_sending(unread: u64) -> String {
    if unread == 0 {
        return "Python's handlers may still have been sending when --linger was over; no record is \
                known to be lost"
            .to_owned();
    }
    format!(
        "Python's handlers were still sending when --linger was over: at least {} {} lost",
        counted(unread, "record"),
        were(unread),
    )
}

fn never_accepted() -> String {
    "at the end, clients were still waiting for a file descriptor; the number of lost records is \
     unknown"
        .to_owned()
}

#[cfg(test)]
mod tests;

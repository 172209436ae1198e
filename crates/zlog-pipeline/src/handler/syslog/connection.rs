//! The connection to a syslog daemon, and the framing of messages: one datagram each; over TCP,
//! with or without TLS, preceded by their length or followed by a line feed ([`Framing`]); over a
//! Unix stream terminated by NUL, as the C library's `syslog` does.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::socket::{Socket, connect, is_too_large};
use super::state::{ConnectionState, is_late};
use super::{Address, Framing, SyslogTls};
use crate::handler::Backlog;
use crate::handler::retry::{Batch, SendOutcome, deadline};
use crate::os::resolve::Host;
use crate::tls::{self, problem};
use zlog_core::text::plural::{counted, were};
use zlog_core::{Error, Result};

/// How long to wait for the refusal of a datagram that was sent to an unreachable daemon.
const REFUSAL: Duration = Duration::from_millis(20);

/// A connection that is made when it is needed.
pub(super) struct Connection {
    address: Address,
    /// For an address with a host.
    host: Option<Host>,
    framing: Framing,
    tls: SyslogTls,
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

impl Connection {
    pub(super) fn new(
        address: Address,
        framing: Framing,
        tls: SyslogTls,
        timeout: Duration,
    ) -> Connection {
        Connection {
            host: address.host().map(|(host, port)| Host::new(host, port)),
            tls,
            address,
            framing,
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

    /// Counts of messages of batches that counted as sent.
    pub(super) fn backlog(&self) -> Backlog {
        Backlog {
            waiting: self.refused_datagram.is_some().into(),
            lost: self.refused,
            unconfirmed: self.unconfirmed,
            ..Backlog::default()
        }
    }

    /// Gives up what would be sent with the next batch, and ends the connection.
    ///
    /// # Errors
    /// The daemon may not have read the last messages.
    pub(super) fn close(&mut self, until: Instant) -> Result<()> {
        self.refused += u64::from(self.refused_datagram.take().is_some());
        let closed = self.socket.take().map_or(Ok(()), |socket| socket.close(until));
        closed.map_err(|error| {
            self.broke();
            self.failed(&error)
        })
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

    /// The connection broke, or a daemon closed it without accepting a new one at once: nothing
    /// confirms that the last messages arrived.
    fn broke(&mut self) {
        self.unconfirmed += std::mem::take(&mut self.written);
    }

    /// Sends the messages of a batch that were not sent yet.
    pub(super) fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> SendOutcome {
        let deadline = deadline(self.timeout, until);
        let opened = self.open_still(deadline).map_err(|error| self.failed(&error));
        let opened = opened.and_then(|socket| match socket {
            Some(socket) => Ok(socket),
            None => {
                let socket = self.connect(deadline)?;
                self.written = 0;
                Ok(socket)
            }
        });
        let mut socket = match opened {
            Ok(socket) => socket,
            Err(error) => {
                self.broke();
                return SendOutcome::Retry(error);
            }
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
            .hint("Lower max-message: longer messages are cut."),
        )
    }

    /// The connection, unless the daemon is known to have closed it: what is written after
    /// that would be lost without an error.
    ///
    /// # Errors
    /// The connection broke: the daemon may not have read everything.
    fn open_still(&mut self, deadline: Instant) -> io::Result<Option<Socket>> {
        let Some(mut socket) = self.socket.take() else { return Ok(None) };
        match socket.state() {
            ConnectionState::Open => Ok(Some(socket)),
            // The daemon read everything, otherwise the system would have reset the connection.
            ConnectionState::Closed => socket.close(deadline).map(|()| None),
            ConnectionState::Broken(error) => Err(error),
        }
    }

    fn connect(&self, deadline: Instant) -> Result<Socket> {
        let tls = match self.address.is_tls() {
            true => Some(tls::client(&self.tls.files, self.tls.fingerprint.as_ref())?),
            false => None,
        };
        let host = self.host.as_ref().map(|host| host.addresses(deadline)).transpose();
        let connected =
            host.and_then(|host| connect(&self.address, &host.unwrap_or_default(), tls, deadline));
        connected.map_err(|error| self.failed(&error))
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
        let end = match self.framing {
            _ if !self.address.is_tcp() => Some(0),
            Framing::Octet => None,
            Framing::LineFeed => Some(b'\n'),
        };
        self.frames.clear();
        let first = batch.done;
        let mut ends = Vec::with_capacity(batch.len() - first);
        for place in first..batch.len() {
            frame_into(&mut self.frames, batch.record(place), end);
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
        let (host, port) = address.host().unwrap_or_default();
        let at =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let of_tls = problem::of_rustls(error);
        if let Some((what, hint)) = of_tls.and_then(problem::explain) {
            return Error::new(format!("syslog {address} {what}")).hint(hint);
        }
        let plain = format!("For a daemon without TLS, write tcp://{at}.");
        if of_tls.is_some_and(problem::is_no_tls) {
            let what = format!("syslog {address} answers without TLS");
            return Error::new(what).hint(plain);
        }
        let hint = match error.kind() {
            _ if address.is_tls() => {
                format!("Check that the daemon runs, and speaks TLS there. {plain}")
            }
            // What a daemon with TLS does about messages without it.
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::InvalidData
                if address.is_tcp() =>
            {
                format!(
                    "Check that the daemon runs and takes such messages. If it speaks TLS there, \
                     write tls://{at}."
                )
            }
            _ => "Check that the daemon runs and listens there.".to_owned(),
        };
        let error = if is_late(error) {
            Error::new(format!("syslog {address} did not answer within {:?}", self.timeout))
        } else {
            Error::io(format_args!("syslog {address}"), error)
        };
        error.hint(hint)
    }
}

/// Frames a message for a stream: its end after it or, if there is none, its length before it.
fn frame_into(out: &mut Vec<u8>, message: &[u8], end: Option<u8>) {
    if end.is_none() {
        out.extend_from_slice(itoa::Buffer::new().format(message.len()).as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(message);
    out.extend(end);
}

//! A syslog daemon: RFC 5424 messages over its socket, UDP or TCP, and at `/dev/log`
//! the form that daemons read there.
//!
//! A record's fields stand in the message's own: priority from facility and level,
//! time, host, program and process; logger, topic, source, `seq` and the rest in
//! structured data. `message` writes them, `connection` sends them.
//!
//! Syslog has no acknowledgements: what the system has taken counts as arrived. A
//! daemon that goes away takes with it what was on the way; what can be known of that
//! (a closed connection, a refused datagram) is looked for before more is sent, and of
//! how many records it can't be known is told ([`Backlog::unconfirmed`]).
//!
//! What may be here: the options, and what is told of an outage.

mod address;
mod connection;
mod message;

use std::time::{Duration, Instant};

pub use self::address::Address;
use self::connection::Connection;
use self::message::MessageWriter;
pub use self::message::{Facility, Protocol};
use super::file::RecordBuffer;
use super::spool::{Batch, BatchOptions, SendOutcome, Spool, SpoolOptions, Transport};
use super::{Backlog, Handler};
use zlog_core::error::{Error, Result};
use zlog_core::format::Format;
use zlog_core::record::{Level, Record};

/// The longest message, unless it is said, in bytes: what rsyslog takes by default
/// (`maxMessageSize`, 8k in its documentation and 8,096 in rsyslog 8.2302). It makes two
/// messages of a longer one.
pub const DEFAULT_MAX_MESSAGE: usize = 8096;
/// The shortest that the longest message may be: headers need their room.
pub const MIN_MAX_MESSAGE: usize = 1024;
/// The largest datagram that UDP over IPv4 can carry.
pub const MAX_DATAGRAM: usize = 65_507;

/// How long it may take to reach the daemon or to hand it a message, unless it is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Messages that are handed to the system together, unless there is a pause before.
const BATCH: BatchOptions = BatchOptions { count: 256, time: Duration::ZERO };
const BATCH_BYTES: usize = 64 << 10;

/// Which daemon, and what it is told of every record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogOptions {
    /// `unix:/dev/log` or a path, `udp://HOST[:514]`, `tcp://HOST[:601]`.
    pub address: String,
    /// What messages look like. Without a word, it is RFC 5424, but for `/dev/log`.
    pub protocol: Option<Protocol>,
    /// What kind of program the records are from.
    pub facility: Facility,
    /// APP-NAME: the program. Without one, the root of the record's topic, or else of
    /// its logger's name.
    pub app_name: Option<String>,
    /// HOSTNAME, for records that don't say theirs. Without one, this machine's.
    pub hostname: Option<String>,
    /// The longest message, in bytes, at least [`MIN_MAX_MESSAGE`]. A longer one is cut.
    pub max_message: usize,
    /// How long the daemon may take to be reached, and to take a batch.
    pub timeout: Duration,
    /// How many may wait while it is away.
    pub spool: SpoolOptions,
}

impl Default for SyslogOptions {
    /// The daemon of this machine.
    fn default() -> SyslogOptions {
        SyslogOptions {
            address: "unix:/dev/log".to_owned(),
            protocol: None,
            facility: Facility::default(),
            app_name: None,
            hostname: None,
            max_message: DEFAULT_MAX_MESSAGE,
            timeout: DEFAULT_TIMEOUT,
            spool: SpoolOptions::default(),
        }
    }
}

/// Sends each record as a syslog message.
pub struct SyslogHandler {
    spool: Spool<SyslogTransport>,
    writer: MessageWriter,
    buffer: RecordBuffer,
    message: Vec<u8>,
    cut: u64,
}

impl SyslogHandler {
    /// Sends records as `format` shows them, without the time and level, which are in
    /// the message's head. Nobody is connected to before the first record.
    ///
    /// # Errors
    /// When the address is none, a name can't stand in a message, or a message may be
    /// longer than the address can carry.
    pub fn new(options: SyslogOptions, format: Box<dyn Format>) -> Result<SyslogHandler> {
        let address = Address::parse(&options.address)?;
        let most = if address.is_udp() { MAX_DATAGRAM } else { 1 << 20 };
        if !(MIN_MAX_MESSAGE..=most).contains(&options.max_message) {
            let asked = options.max_message;
            return Err(Error::usage(format!("syslog messages of at most {asked} bytes"))
                .hint(format!("For {address}, name {MIN_MAX_MESSAGE} to {most} bytes.")));
        }
        let protocol = options.protocol.unwrap_or_else(|| address.protocol());
        let writer = MessageWriter::new(&options, protocol)?;
        let sender = SyslogTransport { connection: Connection::new(address, options.timeout) };
        let spool = Spool::new(sender, BATCH, options.spool, BATCH_BYTES);
        let buffer = RecordBuffer::new(format);
        Ok(SyslogHandler { spool, writer, buffer, message: Vec::new(), cut: 0 })
    }
}

impl Handler for SyslogHandler {
    /// # Errors
    /// Where nothing may wait: the message could not be sent.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        self.message.clear();
        let whole = self.writer.write(record, self.buffer.format(record), &mut self.message);
        self.cut += u64::from(!whole);
        self.spool.push(record.level, &self.message, String::new)
    }

    /// # Errors
    /// The daemon can't be reached, or refused a message, since the last call.
    fn flush(&mut self) -> Result<()> {
        self.spool.flush()
    }

    /// # Errors
    /// As [`SyslogHandler::flush`]'s.
    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        self.take_back_refused();
        let due = self.spool.on_timer(now)?;
        let look = self.spool.transport().connection.refusal_due().filter(|&at| at > now);
        Ok([due, look].into_iter().flatten().min())
    }

    fn backlog(&self) -> Backlog {
        let backlog = self.spool.backlog();
        let connection = &self.spool.transport().connection;
        let (waiting, lost) =
            (backlog.waiting + connection.waiting(), backlog.lost + connection.refused());
        Backlog { waiting, lost, cut: self.cut, unconfirmed: connection.unconfirmed(), ..backlog }
    }

    /// # Errors
    /// As [`SyslogHandler::flush`]'s.
    fn close(&mut self, until: Instant) -> Result<()> {
        self.take_back_refused();
        let closed = self.spool.close(until);
        self.spool.transport_mut().connection.give_up();
        closed
    }
}

impl SyslogHandler {
    /// A datagram that was refused after it had counted as sent waits again. While others
    /// wait, the connection sees the refusal when it sends them, and keeps the order.
    fn take_back_refused(&mut self) {
        if self.spool.backlog().waiting == 0
            && let Some(datagram) = self.spool.transport_mut().connection.take_refused()
        {
            // Never an error where records may wait.
            let _ = self.spool.push(Level::NOTSET, &datagram, String::new);
        }
    }
}

/// The connection, as a transport of batches.
struct SyslogTransport {
    connection: Connection,
}

impl Transport for SyslogTransport {
    type Progress = ();

    fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> SendOutcome {
        self.connection.send(batch, until)
    }
}

#[cfg(test)]
mod tests;

//! Sends records to a syslog daemon: RFC 5424 messages over its socket, UDP, TCP or TLS, and at
//! `/dev/log` the format that daemons read there.
//!
//! Where a message has a field for it, a record's value goes there: priority (from facility and
//! level), time, host, program and process. Logger, topic, source, `seq` and the rest go to
//! structured data. `message` formats messages, `connection` sends them.
//!
//! Syslog has no acknowledgements: what the system has accepted counts as sent. A daemon that
//! stops loses what was in transit. The handler looks for signs of that (a closed connection, a
//! refused datagram) before it sends more, and [`Backlog::unconfirmed`] counts the records whose
//! arrival is unknown.

mod address;
mod connection;
mod message;
mod socket;
mod state;
mod tls;

use std::str::FromStr;
use std::time::{Duration, Instant};

pub(crate) use self::address::Address;
use self::connection::Connection;
use self::message::MessageWriter;
pub use self::message::{Facility, Protocol};
use super::Backlog;
use super::buffer::RecordBuffer;
use super::retry::{Batch, BatchOptions, Retry, RetryOptions, SendOutcome, Transport};
use crate::tls::{Fingerprint, TlsOptions};
use zlog_core::format::Format;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Record, Result};

/// The default for the longest message, in bytes. rsyslog accepts this much by default
/// (`maxMessageSize`: 8k in its documentation, 8,096 in rsyslog 8.2302) and splits longer
/// messages.
const DEFAULT_MAX_MESSAGE: usize = 8096;
/// The lowest possible limit for messages: headers need space.
const MIN_MAX_MESSAGE: usize = 1024;
/// The largest datagram of UDP over IPv4.
const MAX_DATAGRAM: usize = 65_507;

/// The default time limit for reaching the daemon and for sending a batch.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Messages that are sent together, unless the source pauses first.
const BATCH: BatchOptions = BatchOptions { count: 256, time: Duration::ZERO };
const BATCH_BYTES: usize = 64 << 10;

/// Which daemon to send to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogOptions {
    /// `unix:/dev/log` or a path, `udp://HOST[:514]`, `tcp://HOST[:601]`, `tls://HOST[:6514]`.
    pub address: String,
    /// How messages are separated over TCP without TLS. Has no effect on other addresses.
    pub framing: Framing,
    /// The format of messages. `None`: [`Protocol::Local`] at `/dev/log`, RFC 5424 elsewhere.
    pub protocol: Option<Protocol>,
    /// The kind of program that the records come from.
    pub facility: Facility,
    /// APP-NAME, the program. `None`: the root of the record's topic, or else of its logger's
    /// name.
    pub app_name: Option<String>,
    /// HOSTNAME, for records without one. `None`: the name of this machine.
    pub hostname: Option<String>,
    /// The longest message in bytes, at least 1,024. Longer ones are truncated.
    pub max_message: usize,
    /// What TLS needs. Only for an address with it.
    pub tls: SyslogTls,
    /// The time limit for reaching the daemon and for sending a batch.
    pub timeout: Duration,
    /// How many records may wait while the daemon is unreachable.
    pub retry: RetryOptions,
}

impl Default for SyslogOptions {
    /// The daemon of this machine.
    fn default() -> SyslogOptions {
        SyslogOptions {
            address: "unix:/dev/log".to_owned(),
            framing: Framing::default(),
            protocol: None,
            facility: Facility::default(),
            app_name: None,
            hostname: None,
            max_message: DEFAULT_MAX_MESSAGE,
            tls: SyslogTls::default(),
            timeout: DEFAULT_TIMEOUT,
            retry: RetryOptions::default(),
        }
    }
}

impl SyslogOptions {
    /// Checks the options, without connecting to the daemon.
    ///
    /// # Errors
    /// The address is invalid, a name is not valid in a message, or a message may be longer than
    /// the address can carry.
    pub fn validate(&self) -> Result<()> {
        self.parse().map(drop)
    }

    fn parse(&self) -> Result<(Address, MessageWriter)> {
        let address = Address::parse(&self.address)?;
        self.validate_tls(&address)?;
        let most = if address.is_udp() { MAX_DATAGRAM } else { 1 << 20 };
        if !(MIN_MAX_MESSAGE..=most).contains(&self.max_message) {
            let asked = self.max_message;
            return Err(Error::usage(format!("max-message is out of range: {asked} bytes"))
                .hint(format!("For {address}, use {MIN_MAX_MESSAGE} to {most} bytes.")));
        }
        let protocol = self.protocol.unwrap_or_else(|| address.protocol());
        let messages = MessageWriter::new(self, protocol, address.is_tcp())?;
        Ok((address, messages))
    }

    fn validate_tls(&self, address: &Address) -> Result<()> {
        let SyslogTls { files, fingerprint } = &self.tls;
        if !address.is_tls() {
            let given = [
                ("trust", files.trust.is_some()),
                ("certificate", files.certificate.is_some()),
                ("key", files.key.is_some()),
                ("fingerprint", fingerprint.is_some()),
            ];
            if let Some((name, _)) = given.iter().find(|(_, is_given)| *is_given) {
                let what = format!("{name} has no effect with {address}");
                return Err(Error::usage(what).hint("It is for an address with TLS: tls://HOST."));
            }
            return Ok(());
        }
        files.validate()?;
        if fingerprint.is_some() && files.trust.is_some() {
            return Err(Error::usage("trust has no effect with fingerprint")
                .hint("The fingerprint alone decides which certificate is trusted."));
        }
        if self.framing == Framing::LineFeed {
            return Err(Error::usage(format!("{address} can't have framing=lf")).hint(
                "Leave framing out: with TLS, the length precedes each message (RFC 5425).",
            ));
        }
        Ok(())
    }
}

/// How a daemon with TLS is recognised, and what it may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyslogTls {
    /// Whom to trust, and the certificate of this client.
    pub files: TlsOptions,
    /// The only certificate to trust, whoever has signed it (RFC 5425, section 4.2.2).
    pub fingerprint: Option<Fingerprint>,
}

/// How messages are separated over TCP (RFC 6587).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Framing {
    /// The length precedes each message (octet counting).
    #[default]
    Octet,
    /// A line feed follows each message; those in messages are escaped as `#012`.
    LineFeed,
}

impl FromStr for Framing {
    type Err = Error;

    /// Reads `octet` or `lf`.
    fn from_str(text: &str) -> Result<Framing> {
        match text {
            "octet" => Ok(Framing::Octet),
            "lf" => Ok(Framing::LineFeed),
            _ => Err(Error::usage(format!("{:?} is not a syslog framing", escape(text)))
                .hint("Name octet or lf.")),
        }
    }
}

/// Sends each record as a syslog message.
pub type SyslogHandler = Retry<SyslogTransport>;

impl SyslogHandler {
    /// Sends records formatted by `format`; time and level are in the header of the message.
    /// Connects with the first record.
    ///
    /// # Errors
    /// See [`SyslogOptions::validate`].
    pub fn new(options: SyslogOptions, format: Box<dyn Format>) -> Result<SyslogHandler> {
        let (address, messages) = options.parse()?;
        let connection = Connection::new(address, options.framing, options.tls, options.timeout);
        let text = RecordBuffer::new(format);
        let transport = SyslogTransport { connection, messages, text, cut: 0 };
        Ok(Retry::with_transport(transport, BATCH, options.retry, BATCH_BYTES))
    }
}

/// Sends batches to a syslog daemon.
pub struct SyslogTransport {
    connection: Connection,
    messages: MessageWriter,
    text: RecordBuffer,
    /// Messages that were truncated.
    cut: u64,
}

impl Transport for SyslogTransport {
    type Progress = ();

    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let complete = self.messages.write(record, self.text.format(record), out);
        self.cut += u64::from(!complete);
    }

    fn send(&mut self, batch: &mut Batch<()>, until: Option<Instant>) -> SendOutcome {
        self.connection.send(batch, until)
    }

    fn backlog(&self) -> Backlog {
        Backlog { cut: self.cut, ..self.connection.backlog() }
    }

    fn take_refused(&mut self) -> Option<Vec<u8>> {
        self.connection.take_refused()
    }

    fn refusal_due(&self) -> Option<Instant> {
        self.connection.refusal_due()
    }

    fn close(&mut self, until: Instant) -> Result<()> {
        self.connection.close(until)
    }
}

#[cfg(test)]
mod tests;

//! The mail server: its address, a connection to it, and a mail's conversation.
//!
//! What may be here: what is said in which order (RFC 5321, section 3.3). lettre reads
//! and writes the single steps; what a failure is called is `failure`'s.

mod failure;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use lettre::address::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use url::{Host, Url};

use super::mail::Sending;
use super::{DEFAULT_TIMEOUT, Login};
use crate::os::resolve;
use zlog_core::error::{Error, Result};
use zlog_core::text::escape::escape;

type SmtpError = lettre::transport::smtp::Error;

/// How a connection is encrypted.
#[derive(Clone)]
enum Encryption {
    None,
    /// From the start (`smtps://`).
    Implicit(TlsParameters),
    /// After STARTTLS, or not at all (`?tls=required`).
    StartTls(TlsParameters),
}

/// Who got a mail.
pub(super) enum Sent {
    /// All.
    ToAll,
    /// All but those that the error names.
    ToSome(Error),
}

/// Why a mail did not go, for one recipient at least.
pub(super) enum Unsent {
    /// It never will.
    Refused(Error),
    /// It may when it is tried again.
    Later(Error),
    /// It may, and those who are not left in `sending` have got it.
    PutOff(Error),
}

/// A mail server, and how to talk to it.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    addresses: resolve::Host,
    encryption: Encryption,
    timeout: Duration,
    login: Option<Credentials>,
    hello: ClientId,
}

impl Server {
    /// Reads the address of a mail server: `smtp://HOST[:PORT]` (port 25, not
    /// encrypted), `smtp://HOST[:PORT]?tls=required` (587, STARTTLS) or
    /// `smtps://HOST[:PORT]` (465, TLS from the start).
    ///
    /// # Errors
    /// When it is none of these, or holds a password, which everybody on the machine
    /// could read in the list of processes.
    pub fn parse(address: &str) -> Result<Server> {
        let wrong = |why: &str| {
            Error::usage(format!("{} is no mail server: {why}", escape(address)))
                .hint("Write it as smtp://HOST:PORT, smtp://HOST?tls=required or smtps://HOST.")
        };
        let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        if url.password().is_some() || !url.username().is_empty() {
            // Not repeated in the error, which may end up in a log.
            let without = url.host_str().unwrap_or("HOST");
            let what = format!("the mail server's address holds a login: smtp://…@{without}");
            return Err(Error::usage(escape(&what))
                .hint("Command lines are visible to all: give the login another way."));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(wrong("it names no host")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong("something follows the host and port"));
        }
        let parameters = || {
            TlsParameters::new(host.clone())
                .map_err(|error| wrong(&format!("TLS can't be set up: {error}")))
        };
        let (encryption, port) = match (url.scheme(), url.query()) {
            ("smtp", None) => (Encryption::None, 25),
            ("smtp", Some("tls=required")) => (Encryption::StartTls(parameters()?), 587),
            ("smtps", None) => (Encryption::Implicit(parameters()?), 465),
            ("smtp", Some(_)) => return Err(wrong("only ?tls=required may follow it")),
            ("smtps", Some(_)) => return Err(wrong("smtps:// is encrypted as it is")),
            _ => return Err(wrong("it does not begin with smtp:// or smtps://")),
        };
        let port = url.port().unwrap_or(port);
        Ok(Server {
            addresses: resolve::Host::new(&host, port),
            host,
            port,
            encryption,
            timeout: DEFAULT_TIMEOUT,
            login: None,
            hello: hello(),
        })
    }

    /// Trusts this certificate too (PEM): a mail server of one's own often has one
    /// that no authority has signed. Without encryption, it changes nothing.
    ///
    /// # Errors
    /// When that is no certificate.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Server> {
        let wrong = |error: SmtpError| {
            let why = escape(&error.to_string());
            Error::new(format!("the certificate to trust {self} by can't be read: {why}"))
                .hint("It is to be in PEM, beginning with -----BEGIN CERTIFICATE-----.")
        };
        let certificate = Certificate::from_pem(pem).map_err(wrong)?;
        let parameters = TlsParameters::builder(self.host.clone())
            .add_root_certificate(certificate)
            .build()
            .map_err(wrong)?;
        match &mut self.encryption {
            Encryption::None => {}
            Encryption::Implicit(old) | Encryption::StartTls(old) => *old = parameters,
        }
        Ok(self)
    }

    /// Gives each step this long.
    pub(super) fn with_timeout(mut self, timeout: Duration) -> Server {
        self.timeout = timeout;
        self
    }

    /// Logs in, but never in the clear over a network.
    pub(super) fn with_login(mut self, login: Option<Login>) -> Result<Server> {
        let Some(login) = login else { return Ok(self) };
        if matches!(self.encryption, Encryption::None) && !self.is_local() {
            return Err(Error::usage(format!("{self} would get a password unencrypted"))
                .hint(format!("Write smtps://{0} or smtp://{0}?tls=required.", self.host)));
        }
        self.login = Some(Credentials::new(login.user, login.password));
        Ok(self)
    }

    /// Whether it is this machine.
    fn is_local(&self) -> bool {
        self.host == "localhost"
            || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Connects and leaves again.
    pub(super) fn check(&self) -> Result<()> {
        let mut connection = self.connect(None)?;
        connection.abort();
        Ok(())
    }

    /// Sends a mail on a connection of its own, not beyond `until`. Recipients that need
    /// no other try are taken out of `sending`.
    pub(super) fn send(
        &self,
        from: &Address,
        sending: &mut Sending,
        content: &str,
        until: Option<Instant>,
    ) -> Result<Sent, Unsent> {
        // Whatever goes wrong before the mail is spoken of is about the server or the
        // login, and may be well when it is tried again.
        let mut connection = self.connect(until).map_err(Unsent::Later)?;
        let steps = Steps { timeout: self.timeout, until };
        let sent = converse(&mut connection, from, &sending.to, content, steps);
        // A server that answered is told that this is the end. One that did not is
        // not waited for a second time.
        let answered = |error: &SmtpError| error.status().is_some();
        if sent.as_ref().err().is_none_or(answered) {
            connection.abort();
        }
        match sent {
            Ok(refused) => self.settle(sending, refused),
            Err(error) if error.is_permanent() => Err(Unsent::Refused(self.failed(&error))),
            Err(error) => Err(Unsent::Later(self.failed(&error))),
        }
    }

    /// What follows from the recipients that were refused.
    fn settle(
        &self,
        sending: &mut Sending,
        refused: Vec<(Address, SmtpError)>,
    ) -> Result<Sent, Unsent> {
        let Some((first, rest)) = refused.split_first() else { return Ok(Sent::ToAll) };
        let count = sending.to.len();
        let error = self.refused(first, rest.len(), count);
        // 4xx: greylisting, say. Only those are tried again.
        let later = refused.iter().filter(|(_, error)| error.is_transient());
        let later: Vec<Address> = later.map(|(address, _)| address.clone()).collect();
        if !later.is_empty() {
            sending.to = later;
            let taken = refused.len() < count;
            Err(if taken { Unsent::PutOff(error) } else { Unsent::Later(error) })
        } else if refused.len() < count {
            Ok(Sent::ToSome(error))
        } else {
            Err(Unsent::Refused(error))
        }
    }

    /// Looks the server up, connects, greets, encrypts, logs in.
    fn connect(&self, until: Option<Instant>) -> Result<SmtpConnection> {
        let steps = Steps { timeout: self.timeout, until };
        let found = self.addresses.addresses(Instant::now() + steps.next());
        let found = found.map_err(|error| self.not_reached(&error))?;
        self.begin(&found, steps).map_err(|error| self.failed(&error))
    }

    /// The rest of [`Server::connect`], with the server's addresses.
    fn begin(&self, server: &[SocketAddr], steps: Steps) -> Result<SmtpConnection, SmtpError> {
        let implicit = match &self.encryption {
            Encryption::Implicit(parameters) => Some(parameters),
            Encryption::None | Encryption::StartTls(_) => None,
        };
        let timeout = Some(steps.next());
        let mut connection = SmtpConnection::connect(server, timeout, &self.hello, implicit, None)?;
        if let Encryption::StartTls(parameters) = &self.encryption {
            steps.begin(&mut connection);
            connection.starttls(parameters, &self.hello)?;
        }
        if let Some(login) = &self.login {
            steps.begin(&mut connection);
            connection.auth(DEFAULT_MECHANISMS, login)?;
        }
        Ok(connection)
    }

    /// Names who did not get the mail.
    fn refused(&self, first: &(Address, SmtpError), others: usize, of: usize) -> Error {
        let (address, error) = first;
        let cause = self.failed(error);
        let count = others + 1;
        let rest = if count < of { "; the others got it" } else { "" };
        let names =
            if others == 0 { address.to_string() } else { format!("{address} and {others} more") };
        Error::new(format!("no mail for {names} ({count} of {of} recipients{rest}): {cause}"))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = escape(&self.host);
        let port = self.port;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// How long each step may take.
#[derive(Clone, Copy)]
struct Steps {
    timeout: Duration,
    until: Option<Instant>,
}

impl Steps {
    /// For the next one: never nothing, which would mean for ever.
    fn next(self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(self.timeout, |left| left.min(self.timeout)).max(Duration::from_millis(1))
    }

    /// Gives the next one its time.
    fn begin(self, connection: &mut SmtpConnection) {
        if self.until.is_some() {
            // Should it fail, the step has the time of the one before.
            let _ = connection.set_timeout(Some(self.next()));
        }
    }
}

/// A mail's conversation. Returns the recipients that the server refused; the others
/// got it.
fn converse(
    connection: &mut SmtpConnection,
    from: &Address,
    to: &[Address],
    content: &str,
    steps: Steps,
) -> Result<Vec<(Address, SmtpError)>, SmtpError> {
    let mut parameters = Vec::new();
    if !content.is_ascii() {
        // Addresses alone can bring that about: all else is encoded.
        if connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    steps.begin(connection);
    connection.command(MailCommand::new(Some(from.clone()), parameters))?;
    let mut refused = Vec::new();
    for to in to {
        steps.begin(connection);
        match connection.command(Rcpt::new(to.clone(), Vec::new())) {
            Ok(_) => {}
            // As smtplib: one that is refused keeps it from nobody else.
            Err(error) if error.status().is_some() => refused.push((to.clone(), error)),
            Err(error) => return Err(error),
        }
    }
    if refused.len() < to.len() {
        steps.begin(connection);
        connection.command(Data)?;
        steps.begin(connection);
        connection.command(Content(content))?;
    }
    Ok(refused)
}

/// A mail's content with its dots stuffed and its end (RFC 5321, section 4.5.2), as
/// if it were a command: so it is one write. lettre's own way writes the end by
/// itself, which Nagle's algorithm holds back until the server's kernel has
/// acknowledged the rest: 40 ms on Linux, for each small mail.
struct Content<'m>(&'m str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive("\r\n") {
            if line.starts_with('.') {
                f.write_str(".")?;
            }
            f.write_str(line)?;
        }
        let end = if self.0.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" };
        f.write_str(end)
    }
}

/// What EHLO calls this machine. A name that is no domain could not be said.
fn hello() -> ClientId {
    let name = gethostname::gethostname().into_string().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if !name.is_empty() && name.bytes().all(plain) {
        ClientId::Domain(name)
    } else {
        ClientId::default()
    }
}

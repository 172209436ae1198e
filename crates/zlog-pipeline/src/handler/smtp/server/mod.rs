//! The mail server: its address, the connection, and the SMTP session for a mail (RFC 5321,
//! section 3.3). lettre reads and writes the individual commands; `errors` words the failures.

mod errors;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use lettre::address::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use url::{Host, Url};

use super::mail::PendingMail;
use super::{DEFAULT_TIMEOUT, Login, NO_DOMAIN, shown};
use crate::os::resolve;
use crate::typed_url;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

type SmtpError = lettre::transport::smtp::Error;

/// How the connection is encrypted.
#[derive(Clone)]
enum Encryption {
    None,
    /// TLS from the start (`smtps://`).
    Implicit(TlsParameters),
    /// STARTTLS, required (`?tls=required`).
    StartTls(TlsParameters),
}

/// Who got a mail.
pub(super) enum Sent {
    /// Everybody.
    ToAll,
    /// Everybody except the recipients that the error names.
    ToSome(Error),
}

/// Why a mail did not reach at least one recipient.
pub(super) enum SendError {
    /// Permanent: another attempt will not help.
    Rejected(Error),
    /// Temporary: another attempt may succeed.
    Retry(Error),
    /// Temporary for the recipients left in the mail; the others have got it.
    Deferred(Error),
}

/// A mail server and how to connect to it.
#[derive(Clone)]
pub(crate) struct Server {
    host: String,
    port: u16,
    addresses: resolve::Host,
    encryption: Encryption,
    timeout: Duration,
    login: Option<Credentials>,
    hello: ClientId,
}

impl Server {
    /// Reads the address of a mail server: `smtp://HOST[:PORT]` (port 25, not encrypted),
    /// `smtp://HOST[:PORT]?tls=required` (port 587, STARTTLS) or `smtps://HOST[:PORT]` (port
    /// 465, TLS from the start).
    ///
    /// # Errors
    /// The address is invalid, or contains a password, which everybody on the machine could
    /// read in the list of processes.
    pub(crate) fn parse(address: &str) -> Result<Server> {
        let wrong = |why: &str| {
            let shown = escape(&typed_url::without_logins(address));
            Error::usage(format!("{shown} is not a mail server: {why}"))
                .hint("Write it as smtp://HOST:PORT, smtp://HOST?tls=required or smtps://HOST.")
        };
        let url = Url::parse(address).map_err(|error| wrong(&typed_url::cause(error)))?;
        if url.password().is_some() || !url.username().is_empty() {
            // The login is not repeated in the error, which may end up in a log.
            let without = url.host_str().unwrap_or("HOST");
            let what = format!("the mail server's address holds a login: smtp://…@{without}");
            return Err(Error::usage(escape(&what))
                .hint("Other users can see command lines: use login=FILE or ZLOG_SMTP_USER."));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(wrong("the host is missing")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong("unexpected text after host and port"));
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
            ("smtps", Some(_)) => return Err(wrong("smtps:// is already encrypted")),
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

    /// Also trusts this certificate (PEM), for servers whose certificate no authority has
    /// signed. Has no effect without encryption.
    ///
    /// # Errors
    /// `pem` is not a certificate.
    pub(super) fn with_certificate(mut self, pem: &[u8]) -> Result<Server> {
        let wrong = |error: SmtpError| {
            let why = escape(&error.to_string());
            Error::new(format!("can't read the certificate to trust {self}: {why}"))
                .hint("It must be PEM and begin with -----BEGIN CERTIFICATE-----.")
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

    /// Sets the time limit of each step.
    pub(super) fn with_timeout(mut self, timeout: Duration) -> Server {
        self.timeout = timeout;
        self
    }

    /// Sets the login. Refuses to send it over a network without encryption.
    pub(super) fn with_login(mut self, login: Option<Login>) -> Result<Server> {
        let Some(login) = login else { return Ok(self) };
        if matches!(self.encryption, Encryption::None) && !self.is_local() {
            return Err(Error::usage(format!("{self} would get the password unencrypted"))
                .hint(format!("Write smtps://{0} or smtp://{0}?tls=required.", self.host)));
        }
        self.login = Some(Credentials::new(login.user, login.password));
        Ok(self)
    }

    /// Whether the server runs on this machine.
    fn is_local(&self) -> bool {
        self.host == "localhost"
            || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Connects, logs in and disconnects.
    pub(super) fn check(&self) -> Result<()> {
        let mut connection = self.connect(None)?;
        connection.abort();
        Ok(())
    }

    /// Sends a mail on a new connection, at most until `until`. Removes recipients from
    /// `mail` that need no further attempt.
    pub(super) fn send(
        &self,
        from: &Address,
        mail: &mut PendingMail,
        content: &str,
        until: Option<Instant>,
    ) -> Result<Sent, SendError> {
        // Failures before the mail itself concern the server or the login: another attempt
        // may succeed.
        let mut connection = self.connect(until).map_err(SendError::Retry)?;
        let steps = StepTimeout { timeout: self.timeout, until };
        let sent = run_session(&mut connection, from, &mail.to, content, steps);
        // Quit if the server answered. Do not wait again for one that did not.
        let answered = |error: &SmtpError| error.status().is_some();
        if sent.as_ref().err().is_none_or(answered) {
            connection.abort();
        }
        match sent {
            Ok(refused) => self.finish(mail, refused),
            Err(error) if error.is_permanent() => Err(SendError::Rejected(self.failed(&error))),
            Err(error) => Err(SendError::Retry(self.failed(&error))),
        }
    }

    /// The result, given the recipients that the server refused.
    fn finish(
        &self,
        mail: &mut PendingMail,
        refused: Vec<(Address, SmtpError)>,
    ) -> Result<Sent, SendError> {
        let Some((first, rest)) = refused.split_first() else { return Ok(Sent::ToAll) };
        let count = mail.to.len();
        let error = self.refused(first, rest.len(), count);
        // 4xx, for example greylisting: only these are tried again.
        let later = refused.iter().filter(|(_, error)| error.is_transient());
        let later: Vec<Address> = later.map(|(address, _)| address.clone()).collect();
        if !later.is_empty() {
            mail.to = later;
            let taken = refused.len() < count;
            Err(if taken { SendError::Deferred(error) } else { SendError::Retry(error) })
        } else if refused.len() < count {
            Ok(Sent::ToSome(error))
        } else {
            Err(SendError::Rejected(error))
        }
    }

    /// Resolves the host, connects, sends EHLO, encrypts and logs in.
    fn connect(&self, until: Option<Instant>) -> Result<SmtpConnection> {
        let steps = StepTimeout { timeout: self.timeout, until };
        let found = self.addresses.addresses(Instant::now() + steps.next());
        let found = found.map_err(|error| self.not_reached(&error))?;
        self.begin(&found, steps)
    }

    /// Connects to the first reachable address.
    fn begin(&self, server: &[SocketAddr], steps: StepTimeout) -> Result<SmtpConnection> {
        let failed = |error: SmtpError| self.failed(&error);
        let implicit = match &self.encryption {
            Encryption::Implicit(parameters) => Some(parameters),
            Encryption::None | Encryption::StartTls(_) => None,
        };
        let timeout = Some(steps.next());
        let connection = SmtpConnection::connect(server, timeout, &self.hello, implicit, None);
        let mut connection = connection.map_err(failed)?;
        if let Encryption::StartTls(parameters) = &self.encryption {
            if !connection.can_starttls() {
                return Err(self.has_no_starttls());
            }
            steps.begin(&mut connection);
            connection.starttls(parameters, &self.hello).map_err(failed)?;
        }
        if let Some(login) = &self.login {
            if connection.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
                return Err(self.takes_no_login());
            }
            steps.begin(&mut connection);
            connection.auth(DEFAULT_MECHANISMS, login).map_err(failed)?;
        }
        Ok(connection)
    }

    /// The error for a mail that some recipients did not get.
    fn refused(&self, first: &(Address, SmtpError), others: usize, of: usize) -> Error {
        let (address, error) = first;
        let cause = self.failed(error);
        let count = others + 1;
        let rest = if count < of { "; the other recipients got it" } else { "" };
        let names = if others == 0 {
            shown(address)
        } else {
            format!("{} and {others} more", shown(address))
        };
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

/// The time limit of each step.
#[derive(Clone, Copy)]
struct StepTimeout {
    timeout: Duration,
    until: Option<Instant>,
}

impl StepTimeout {
    /// The limit of the next step. At least 1 ms: zero would mean no limit.
    fn next(self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(self.timeout, |left| left.min(self.timeout)).max(Duration::from_millis(1))
    }

    /// Applies the limit to the next step.
    fn begin(self, connection: &mut SmtpConnection) {
        if self.until.is_some() {
            // If this fails, the limit of the previous step stays in effect.
            let _ = connection.set_timeout(Some(self.next()));
        }
    }
}

/// Sends a mail. Returns the recipients that the server refused; the other recipients got it.
fn run_session(
    connection: &mut SmtpConnection,
    from: &Address,
    to: &[Address],
    content: &str,
    steps: StepTimeout,
) -> Result<Vec<(Address, SmtpError)>, SmtpError> {
    let mut parameters = Vec::new();
    if !content.is_ascii() {
        // Only the addresses can be non-ASCII: everything else is encoded.
        if connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    steps.begin(connection);
    connection.command(Local(from, MailCommand::new(Some(from.clone()), parameters)))?;
    let mut refused = Vec::new();
    for to in to {
        steps.begin(connection);
        match connection.command(Local(to, Rcpt::new(to.clone(), Vec::new()))) {
            Ok(_) => {}
            // As in smtplib, a refused recipient does not affect the others.
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

/// A command with an address, which may have no domain.
struct Local<'a, C>(&'a Address, C);

impl<C: fmt::Display> fmt::Display for Local<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Local(address, command) = self;
        match address.domain() {
            NO_DOMAIN => {
                let whole = command.to_string();
                f.write_str(&whole.replacen(&address.to_string(), address.user(), 1))
            }
            _ => command.fmt(f),
        }
    }
}

/// The content of a mail, dot-stuffed and terminated (RFC 5321, section 4.5.2), in the form
/// of a command, so that it is a single write. lettre writes the terminator separately, and
/// Nagle's algorithm then delays it until the server's kernel acknowledges the rest: 40 ms
/// per small mail on Linux.
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

/// The name in EHLO: the host name, unless it is not a valid domain name.
fn hello() -> ClientId {
    let name = gethostname::gethostname().into_string().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if !name.is_empty() && name.bytes().all(plain) {
        ClientId::Domain(name)
    } else {
        ClientId::default()
    }
}

//! Sends records by mail, like Python's `SMTPHandler`, except that records which arrive together
//! go into one mail: an error storm becomes a few mails. A bounded spool keeps what an
//! unreachable server could not take.
//!
//! Each mail uses its own connection. Temporary failures (the server is unreachable, answers 4xx
//! or rejects the login) are tried again; a mail that is rejected for good (5xx) is lost and
//! reported. A recipient who is refused or deferred does not affect the others.
//!
//! `mail` builds the mail, `server` sends it.

mod login;
mod mail;
mod server;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lettre::address::Address;
use lettre::message::Mailbox;

pub use self::login::{Login, LoginFrom};
pub(crate) use self::login::{PASSWORD_VARIABLE, USER_VARIABLE};
use self::mail::{MAX_BODY, MailBuilder, PendingMail, SubjectBuilder};
pub(crate) use self::server::Server;
use self::server::{SendError, Sent};
use super::Backlog;
use super::buffer::RecordBuffer;
use super::retry::{Batch, BatchOptions, Retry, RetryOptions, SendOutcome, Transport};
use zlog_core::format::FormatterSpec;
use zlog_core::format::{self, Format, Options, Output};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::{Error, Record, Result};

/// The default time limit for each step of a session, as in Python's `SMTPHandler`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sender, recipients, server.
#[derive(Clone, Debug, PartialEq)]
pub struct SmtpOptions {
    /// The mail server: `smtp://HOST[:PORT]` (port 25, not encrypted),
    /// `smtp://HOST[:PORT]?tls=required` (port 587, STARTTLS) or `smtps://HOST[:PORT]` (port 465).
    pub server: String,
    /// A certificate (PEM) to trust in addition to those that the system trusts.
    pub trust: Option<PathBuf>,
    /// The sender: `zlog@example.org`, or `zlog <zlog@example.org>`.
    pub from: String,
    /// The recipients of each mail; at least one.
    pub to: Vec<String>,
    /// How the worst record of a mail becomes its subject. Without a format: its level, topic
    /// and message.
    pub subject: FormatterSpec,
    /// The time limit for connecting, and for each further step.
    pub timeout: Duration,
    /// The login.
    pub login: LoginFrom,
    /// How many records are one mail.
    pub batch: BatchOptions,
    /// How many records may wait while the server is unreachable.
    pub retry: RetryOptions,
}

impl Default for SmtpOptions {
    /// The mail server of this machine, without recipients.
    fn default() -> SmtpOptions {
        SmtpOptions {
            server: "smtp://localhost".to_owned(),
            trust: None,
            from: "zlog@localhost".to_owned(),
            to: Vec::new(),
            subject: FormatterSpec::default(),
            timeout: DEFAULT_TIMEOUT,
            login: LoginFrom::default(),
            batch: BatchOptions::default(),
            retry: RetryOptions::default(),
        }
    }
}

impl SmtpOptions {
    /// Checks the server's address and the subject, without reading files.
    ///
    /// # Errors
    /// One of them is invalid.
    pub fn validate(&self) -> Result<()> {
        Server::parse(&self.server)?;
        self.subject_format().map(drop)
    }

    /// The format of subjects; `None` for the default.
    fn subject_format(&self) -> Result<Option<Box<dyn Format>>> {
        let options = Options { zone: format::zone(false), ..Options::default() };
        let format = self.subject.build(Output::Text, options)?;
        Ok(self.subject.format.is_some().then_some(format))
    }
}

/// Sends records by mail.
pub type SmtpHandler = Retry<MailTransport>;

impl SmtpHandler {
    /// Mails records formatted by `format`. Connects with the first mail; reads the files of the
    /// login and the certificate now.
    ///
    /// # Errors
    /// An address is invalid, there is no recipient, a file can't be read, or a password would be
    /// sent over the network unencrypted.
    pub fn new(options: SmtpOptions, format: Box<dyn Format>) -> Result<SmtpHandler> {
        let from = mailbox(&options.from)?;
        let to = options.to.iter().map(|to| mailbox(to)).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(Error::usage("no recipient for the mails")
                .hint("Name at least one, as name@example.org."));
        }
        let mut server = Server::parse(&options.server)?;
        if let Some(path) = &options.trust {
            server = server.with_certificate(&read(path, "the certificate to trust")?)?;
        }
        let server = server.with_timeout(options.timeout).with_login(options.login.read()?)?;
        let transport = MailTransport {
            server,
            mails: MailBuilder::new(from, to),
            subjects: SubjectBuilder::new(options.subject_format()?),
            text: RecordBuffer::new(format),
            cut: 0,
            warning: options.login.warning(),
        };
        Ok(Retry::with_transport(transport, options.batch, options.retry, MAX_BODY))
    }

    /// Connects and logs in, without sending anything.
    ///
    /// # Errors
    /// This failed: the error names the server and the cause.
    pub fn check(&self) -> Result<()> {
        self.transport().server.check()
    }
}

/// Sends batches through a mail server.
pub struct MailTransport {
    server: Server,
    mails: MailBuilder,
    subjects: SubjectBuilder,
    text: RecordBuffer,
    /// Records that were truncated.
    cut: u64,
    /// The warning about the login.
    warning: Option<String>,
}

impl Transport for MailTransport {
    type Progress = Option<PendingMail>;

    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let text = mail::truncated(self.text.format(record));
        self.cut += u64::from(matches!(text, Cow::Owned(_)));
        out.extend_from_slice(&text);
    }

    fn summary(&mut self, record: &Record<'_>) -> String {
        self.subjects.of(record)
    }

    fn send(
        &mut self,
        batch: &mut Batch<Option<PendingMail>>,
        until: Option<Instant>,
    ) -> SendOutcome {
        let mut mail = batch.progress.take().unwrap_or_else(|| self.mails.begin());
        let content = match self.mails.content(batch, &mail) {
            Ok(content) => content,
            Err(error) => return SendOutcome::Rejected(error),
        };
        let sent = self.server.send(self.mails.from(), &mut mail, &content, until);
        let count = batch.len();
        let with_count = |error: Error| match count {
            1 => error,
            count => error.note(format!("The mail has {}.", counted(count, "record"))),
        };
        match sent {
            Ok(Sent::ToAll) => SendOutcome::Sent,
            Ok(Sent::ToSome(error)) => SendOutcome::SentInPart(with_count(error)),
            Err(SendError::Rejected(error)) => SendOutcome::Rejected(with_count(error)),
            Err(SendError::Deferred(error)) => {
                batch.progress = Some(mail);
                SendOutcome::Deferred(with_count(error))
            }
            Err(SendError::Retry(error)) => {
                batch.progress = Some(mail);
                SendOutcome::Retry(with_count(error))
            }
        }
    }

    fn backlog(&self) -> Backlog {
        Backlog { cut: self.cut, ..Backlog::default() }
    }

    fn take_notices(&mut self) -> Vec<String> {
        self.warning.take().into_iter().collect()
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let path = escape(&path.to_string_lossy());
        Error::io(format_args!("{what} can't be read from {path}"), &error)
            .hint("Check the path and its permissions.")
    })
}

/// Reads a mail address. A name alone is a user of the mail server's machine.
///
/// # Errors
/// It is invalid.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox> {
    let parsed = match is_user(text) {
        true => format!("{text}@{NO_DOMAIN}").parse(),
        false => text.parse(),
    };
    parsed.map_err(|error| {
        Error::usage(format!("not a mail address: {error}")).hint(
            "Write it as name@example.org, as Name <name@example.org>, or as the name of a user.",
        )
    })
}

/// The domain of addresses without one: lettre has no others. It is never sent.
const NO_DOMAIN: &str = "no-domain.invalid";

/// Whether text is the name of a user: an atom (RFC 5321, section 4.1.2).
fn is_user(text: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

/// An address as it is sent and shown.
fn shown(address: &Address) -> String {
    match address.domain() {
        NO_DOMAIN => address.user().to_owned(),
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests;

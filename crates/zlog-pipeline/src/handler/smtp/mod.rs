//! MailBuilder, through a mail server: Python's `SMTPHandler`, but that records which come
//! together are one mail. An error storm is a few mails of many records, and a server
//! that is away holds up nobody: a bounded spool keeps what it could not take.
//!
//! Every mail has a connection of its own. What a server can't take now (it is away,
//! answers 4xx, or knows the login not) is tried again; a mail that it refuses for good
//! (5xx) is lost and told. A recipient who is refused, or put off, keeps it from none of
//! the others.
//!
//! What may be here: who gets mail, and what is told when it did not go. The mail
//! itself is made in `mail`, the conversation with the server is `server`'s.

mod login;
mod mail;
mod server;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lettre::message::Mailbox;

pub use self::login::{Login, LoginFrom, PASSWORD_VARIABLE, USER_VARIABLE};
use self::mail::{MAX_BODY, MailBuilder, PendingMail, SubjectBuilder};
pub use self::server::Server;
use self::server::{SendError, Sent};
use super::file::RecordBuffer;
use super::spool::{Batch, BatchOptions, SendOutcome, Spool, SpoolOptions, Transport};
use super::{Backlog, Handler};
use zlog_core::error::{Error, Result};
use zlog_core::format::Format;
use zlog_core::record::Record;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;

/// How long the server may take for a step, as Python's `SMTPHandler` has it.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a mail is tried with recipients who put it off (greylisting, a full
/// mailbox) when the others have got it.
const DEFERRED_FOR_AT_MOST: Duration = Duration::from_secs(30 * 60);

/// From whom, to whom, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct SmtpOptions {
    /// The mail server, as [`Server::parse`] reads it.
    pub server: String,
    /// A certificate (PEM) that the server may have beside those that the system
    /// trusts.
    pub trust: Option<PathBuf>,
    /// Who sends: `zlog@example.org`, or `zlog <zlog@example.org>`.
    pub from: String,
    /// Who gets each mail: at least one address.
    pub to: Vec<String>,
    /// How long the server may take to be reached, and for each step after that.
    pub timeout: Duration,
    /// With which name and password to log in.
    pub login: LoginFrom,
    /// How many records are one mail.
    pub batch: BatchOptions,
    /// How many may wait while the server is away.
    pub spool: SpoolOptions,
}

impl Default for SmtpOptions {
    /// The mail server of this machine; to nobody yet.
    fn default() -> SmtpOptions {
        SmtpOptions {
            server: "smtp://localhost".to_owned(),
            trust: None,
            from: "zlog@localhost".to_owned(),
            to: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            login: LoginFrom::default(),
            batch: BatchOptions::default(),
            spool: SpoolOptions::default(),
        }
    }
}

/// Sends records as mails.
pub struct SmtpHandler {
    spool: Spool<MailTransport>,
    buffer: RecordBuffer,
    subjects: SubjectBuilder,
    cut: u64,
}

impl SmtpHandler {
    /// Sends records as `format` shows them. The subject is what `subject` makes of the
    /// worst record in the mail (the first of them), or else its level, topic and
    /// message. Nothing is sent, and nobody connected to, before the first record;
    /// files for the login and the certificate are read here.
    ///
    /// # Errors
    /// When the server's address or another is none, there is no recipient, a file
    /// can't be read, or a password would be sent over the network unencrypted.
    pub fn new(
        options: SmtpOptions,
        format: Box<dyn Format>,
        subject: Option<Box<dyn Format>>,
    ) -> Result<SmtpHandler> {
        let from = mailbox(&options.from)?;
        let to = options.to.iter().map(|to| mailbox(to)).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(Error::usage("nobody is named to get the mails")
                .hint("Name at least one recipient, as name@example.org."));
        }
        let mut server = Server::parse(&options.server)?;
        if let Some(path) = &options.trust {
            server = server.with_certificate(&read(path, "the certificate to trust")?)?;
        }
        let server = server.with_timeout(options.timeout).with_login(options.login.read()?)?;
        let transport = MailTransport { server, builder: MailBuilder::new(from, to) };
        let spool = Spool::new(transport, options.batch, options.spool, MAX_BODY);
        Ok(SmtpHandler {
            spool,
            buffer: RecordBuffer::new(format),
            subjects: SubjectBuilder::new(subject),
            cut: 0,
        })
    }

    /// Tries whether the server can be talked to (and takes the login), without
    /// sending anything.
    ///
    /// # Errors
    /// When it can't be: the error names the server and the cause.
    pub fn check(&self) -> Result<()> {
        self.spool.transport().server.check()
    }
}

impl Handler for SmtpHandler {
    /// # Errors
    /// Where nothing may wait: the mail was not taken, for all recipients or for one of
    /// them; the error names the server and the cause. The next record is tried again.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let shown = mail::truncated(self.buffer.format(record));
        self.cut += u64::from(matches!(shown, std::borrow::Cow::Owned(_)));
        let subjects = &mut self.subjects;
        self.spool.push(record.level, &shown, || subjects.of(record))
    }

    /// # Errors
    /// What went wrong with a mail since the last call.
    fn flush(&mut self) -> Result<()> {
        self.spool.flush()
    }

    /// # Errors
    /// What went wrong with a mail since the last call.
    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        self.spool.on_timer(now)
    }

    fn backlog(&self) -> Backlog {
        Backlog { cut: self.cut, ..self.spool.backlog() }
    }

    /// # Errors
    /// What went wrong with a mail since the last call.
    fn close(&mut self, until: Instant) -> Result<()> {
        self.spool.close(until)
    }
}

/// The mail server and its mails, as a transport of batches.
struct MailTransport {
    server: Server,
    builder: MailBuilder,
}

impl Transport for MailTransport {
    type Progress = Option<PendingMail>;

    fn send(
        &mut self,
        batch: &mut Batch<Option<PendingMail>>,
        until: Option<Instant>,
    ) -> SendOutcome {
        let mut mail = batch.progress.take().unwrap_or_else(|| self.builder.begin());
        let content = match self.builder.content(batch, &mail) {
            Ok(content) => content,
            Err(error) => return SendOutcome::Rejected(error),
        };
        let sent = self.server.send(self.builder.from(), &mut mail, &content, until);
        let count = batch.len();
        let told = |error: Error| match count {
            1 => error,
            count => error.note(format!("The mail has {}.", counted(count, "record"))),
        };
        match sent {
            Ok(Sent::ToAll) => SendOutcome::Sent,
            Ok(Sent::ToSome(error)) => SendOutcome::SentInPart(told(error)),
            Err(SendError::Rejected(error)) => SendOutcome::Rejected(told(error)),
            Err(SendError::Deferred(error)) => {
                let late = mail.age() > DEFERRED_FOR_AT_MOST;
                batch.progress = Some(mail);
                if late {
                    SendOutcome::SentInPart(told(error))
                } else {
                    SendOutcome::Deferred(told(error))
                }
            }
            Err(SendError::Retry(error)) => {
                batch.progress = Some(mail);
                SendOutcome::Retry(told(error))
            }
        }
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let path = escape(&path.to_string_lossy());
        Error::io(format_args!("{what} can't be read from {path}"), &error)
            .hint("Check the path, and that zlog may read it.")
    })
}

/// An address as mails have it.
///
/// # Errors
/// When it is none.
pub fn mailbox(text: &str) -> Result<Mailbox> {
    text.parse().map_err(|error| {
        let text = escape(text);
        Error::usage(format!("{text:?} is no mail address: {error}"))
            .hint("Write it as name@example.org, or as Name <name@example.org>.")
    })
}

#[cfg(test)]
mod tests;

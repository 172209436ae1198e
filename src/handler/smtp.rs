//! A mail for each record, through a mail server: Python's `SMTPHandler`. As there,
//! every mail has a connection of its own, and whoever logs waits for it; a
//! [`queue`](super::queue) takes that off their hands.
//!
//! What may be here: who gets mail, and what is told when it did not go. The mail
//! itself is made in `mail`, the conversation with the server is `server`'s.

mod mail;
mod server;

use std::time::Duration;

use lettre::message::Mailbox;

use self::mail::Mails;
pub use self::server::{Login, Server};
use super::Handler;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::record::Record;
use crate::term::visible;

/// How long the server may take for a step, as Python's `SMTPHandler` has it.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// From whom, to whom, and how.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// Who sends: `zlog@example.org`, or `zlog <zlog@example.org>`.
    pub from: String,
    /// Who gets each mail: at least one address.
    pub to: Vec<String>,
    /// How long the server may take to be reached, and for each step after that.
    pub timeout: Duration,
    /// With which name and password to log in.
    pub login: Option<Login>,
}

/// Sends each record as a mail.
pub struct SmtpHandler {
    server: Server,
    mails: Mails,
}

impl SmtpHandler {
    /// Sends mails through `server`, records as `format` shows them. Nothing is sent,
    /// and nobody connected to, before the first record.
    ///
    /// # Errors
    /// When an address is none, there is no recipient, or a password would be sent
    /// over the network unencrypted.
    pub fn new(
        server: Server,
        options: SmtpOptions,
        format: Box<dyn Format>,
    ) -> Result<SmtpHandler> {
        let from = mailbox(&options.from)?;
        let to = options.to.iter().map(|to| mailbox(to)).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(Error::usage("nobody is named to get the mails")
                .hint("Name at least one recipient, as name@example.org."));
        }
        let server = server.with_timeout(options.timeout).with_login(options.login)?;
        Ok(SmtpHandler { server, mails: Mails::new(from, to, format) })
    }

    /// Tries whether the server can be talked to (and takes the login), without
    /// sending anything.
    ///
    /// # Errors
    /// When it can't be: the error names the server and the cause.
    pub fn check(&self) -> Result<()> {
        self.server.check()
    }
}

impl Handler for SmtpHandler {
    /// # Errors
    /// When the mail was not taken, for all recipients or for one of them: the error
    /// names the server and the cause. The next record is tried again.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let mail = self.mails.of(record)?;
        self.server.send(&mail)
    }

    /// Nothing is held here.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn mailbox(text: &str) -> Result<Mailbox> {
    text.parse().map_err(|error| {
        let text = visible(text);
        Error::usage(format!("{text:?} is no mail address: {error}"))
            .hint("Write it as name@example.org, or as Name <name@example.org>.")
    })
}

#[cfg(test)]
mod tests;

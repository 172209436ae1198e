//! Words the failures of a mail server: what failed, why, and the next step.

use std::error::Error as _;

use super::{Encryption, Server, SmtpError};
use crate::tls::problem;
use zlog_core::Error;
use zlog_core::text::escape::escape;

impl Server {
    /// The error for a failed command or connection.
    pub(super) fn failed(&self, error: &SmtpError) -> Error {
        match error.status() {
            Some(code) => {
                let said = error.source().map(ToString::to_string).unwrap_or_default();
                self.refusal(u16::from(code), &said)
            }
            None => {
                let known = problem::of_rustls(error).and_then(|of_tls| self.tls_failed(of_tls));
                known.unwrap_or_else(|| self.unreached(error))
            }
        }
    }

    /// The server answered with a refusal.
    fn refusal(&self, code: u16, said: &str) -> Error {
        let wants_tls = code == 538 || said.to_ascii_uppercase().contains("STARTTLS");
        let hint = match (&self.encryption, code) {
            (Encryption::None, _) if wants_tls => {
                format!("It requires encryption: write smtp://{self}?tls=required.")
            }
            (_, 535) => "Check the name and the password: ZLOG_SMTP_USER and ZLOG_SMTP_PASSWORD, \
                         or those in the file that login= names."
                .to_owned(),
            (_, 530) if self.login.is_none() => "It may require a login: ZLOG_SMTP_USER and \
                                                 ZLOG_SMTP_PASSWORD, or login=FILE."
                .to_owned(),
            _ => "Ask the operator of the mail server, or use another server.".to_owned(),
        };
        Error::new(format!("mail server {self} refused: {code} {}", escape(said))).hint(hint)
    }

    /// The server did not answer, or not as a mail server would.
    fn unreached(&self, error: &SmtpError) -> Error {
        let what = format!("mail server {self}");
        match io_error(error) {
            Some(io) if is_timeout(io) => {
                Error::new(format!("{what} did not answer within {:?}", self.timeout))
                    .hint("Check that it is a mail server and is reachable, or allow more time.")
            }
            Some(io) => self.not_reached(io),
            None => Error::new(format!("{what}: {}", escape(&error.to_string())))
                .hint("Check that a mail server answers there, and how it is encrypted."),
        }
    }

    /// No connection could be made.
    pub(super) fn not_reached(&self, error: &std::io::Error) -> Error {
        Error::io(format_args!("mail server {self}"), error)
            .hint("Check that it runs, and its host and port.")
    }

    /// The handshake failed in a way that is known.
    fn tls_failed(&self, error: &rustls::Error) -> Option<Error> {
        let (what, hint) = match error {
            rustls::Error::InvalidCertificate(wrong) => problem::of_certificate(wrong),
            _ if problem::is_no_tls(error) => (
                "does not begin with TLS".to_owned(),
                format!(
                    "For STARTTLS, write smtp://{self}?tls=required; smtps:// is for port 465."
                ),
            ),
            _ => return None,
        };
        Some(Error::new(format!("mail server {self} {what}")).hint(hint))
    }

    /// The server has none of the ways to log in that are known here.
    pub(super) fn takes_no_login(&self) -> Error {
        let hint = match self.encryption {
            Encryption::None => format!(
                "Many servers accept a login only with encryption: write smtps://{0} or \
                 smtp://{0}?tls=required, or leave out the login.",
                self.host
            ),
            _ => "Leave out the login, or use another server.".to_owned(),
        };
        Error::new(format!("mail server {self} accepts no login on this connection")).hint(hint)
    }

    /// The server can't be asked to encrypt.
    pub(super) fn has_no_starttls(&self) -> Error {
        Error::new(format!("mail server {self} offers no STARTTLS")).hint(format!(
            "Use smtps://{0}, or leave out ?tls=required on a trusted network.",
            self.host
        ))
    }
}

/// The I/O error among the causes, if any.
fn io_error(error: &SmtpError) -> Option<&std::io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}

/// A socket timeout has either kind, depending on the platform.
fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock)
}

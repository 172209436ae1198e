//! Mails.

use std::path::{Path, PathBuf};

use zlog_core::Result;
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Format, Options, Output};

use super::common::{BATCH, RETRY, TRUST, batch, positive_time, retry};
use super::{Class, HandlerTarget, Key, Opening, Reader, SharedSettings, Target};
use crate::handler::Handler;
use crate::handler::smtp::{self, LoginFrom, Server, SmtpHandler, SmtpOptions};

/// Sends mails of many records each.
pub(super) static SMTP: Class = Class {
    name: "smtp",
    option: "--smtp",
    about: "Send mail; to= is required\n\n\
            URL is that of the mail server: smtp://HOST:PORT. A mail holds many records.",
    main: Some(
        Key::new(
            "server",
            "URL",
            "Mail server: smtp://HOST without encryption (port 25), smtp://HOST?tls=required \
             with STARTTLS (587), smtps://HOST with TLS (465)",
        )
        .default("smtp://127.0.0.1:25"),
    ),
    keys: &[
        &[
            Key::new("to", "ADDRESS", "Recipient; required").repeated(),
            Key::new("from", "ADDRESS", "Sender").default("zlog@ and the name of this host"),
            Key::new(
                "subject",
                "FORMAT",
                "Text of the subject, or a format for the most severe record",
            ),
            Key::new("login", "FILE", "File with user:password, or with one of them per line")
                .default("ZLOG_SMTP_USER and ZLOG_SMTP_PASSWORD"),
            TRUST,
        ],
        BATCH,
        RETRY,
    ],
    picked_by: None,
    formatted: true,
    stores: false,
    variables: &[("ZLOG_SMTP_USER, ZLOG_SMTP_PASSWORD", "Login for the mail server")],
    read,
};

fn read(reader: &mut dyn Reader, shared: &SharedSettings) -> Option<Target> {
    let default = SmtpOptions::default();
    // Subjects may use the same extras as bodies; the other keys of the format do not apply.
    // A subject without fields is a constant.
    let extras = shared.formatter.extras.clone();
    let format = reader.text("subject");
    let subject = FormatterSpec { format, extras, validate: false, ..FormatterSpec::default() };
    let options = SmtpOptions {
        server: reader.checked("server", Server::parse).unwrap_or(default.server),
        trust: reader.text("trust").map(PathBuf::from),
        from: reader.checked("from", smtp::mailbox).unwrap_or(default.from),
        to: reader.list("to", &|text| smtp::mailbox(text).map(drop)),
        subject,
        timeout: positive_time(reader, "timeout", default.timeout),
        login: reader.text("login").map_or(default.login, |path| LoginFrom::File(path.into())),
        batch: batch(reader),
        retry: retry(reader),
    };
    if let Err(error) = options.subject.build(Output::Text, Options::default()) {
        let text = options.subject.format.clone().unwrap_or_default();
        reader.refuse("subject", &text, error);
    }
    if options.to.is_empty() {
        reader.missing("to", "mails need a recipient", "\"ops@example.org\"");
        return None;
    }
    Some(Target::Smtp(options))
}

impl HandlerTarget for SmtpOptions {
    fn open(&self, format: Box<dyn Format>, _: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        Ok(Box::new(SmtpHandler::new(self.clone(), format)?))
    }

    fn validate(&self) -> Result<()> {
        SmtpOptions::validate(self)
    }

    fn default_name(&self) -> String {
        format!("mail to {}", self.to.first().map_or("", String::as_str))
    }

    fn inputs(&self) -> Vec<&Path> {
        let login = match &self.login {
            LoginFrom::File(path) => Some(path.as_path()),
            LoginFrom::Environment | LoginFrom::Explicit(_) | LoginFrom::None => None,
        };
        login.into_iter().chain(self.trust.as_deref()).collect()
    }

    fn may_block(&self) -> bool {
        true
    }
}

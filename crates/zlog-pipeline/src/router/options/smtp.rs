//! Mails.

use std::path::PathBuf;

use zlog_core::format::FormatterSpec;
use zlog_core::format::{Options, Output};

use super::super::spec::Target;
use super::common::{BATCH, SPOOL, batch, some_time, spool};
use super::{Class, Key, Reader, SharedSettings};
use crate::handler::smtp::{self, LoginFrom, Server, SmtpOptions};

/// Mails, of many records each.
pub(super) static SMTP: Class = Class {
    name: "smtp",
    option: "--smtp",
    main: Some(
        Key::new(
            "server",
            "URL",
            "The mail server: smtp://HOST is not encrypted (port 25), \
             smtp://HOST?tls=required is with STARTTLS (587), smtps://HOST from the start (465)",
        )
        .default("smtp://127.0.0.1:25"),
    ),
    keys: &[
        &[
            Key::new("to", "ADDRESS", "A recipient; at least one is needed").repeated(),
            Key::new("from", "ADDRESS", "The sender").default("zlog@ and the name of this host"),
            Key::new(
                "subject",
                "FORMAT",
                "A format string for the subject, filled from the worst \
                                           record",
            ),
            Key::new("login", "FILE", "A file with user:password, or the two on a line each")
                .default("ZLOG_SMTP_USER and ZLOG_SMTP_PASSWORD"),
            Key::new("trust", "FILE", "A certificate to trust, in PEM"),
        ],
        BATCH,
        SPOOL,
    ],
    picked_by: None,
    formatted: true,
    read,
};

fn read(reader: &mut dyn Reader, given: &SharedSettings) -> Option<Target> {
    let default = SmtpOptions::default();
    let options = SmtpOptions {
        server: reader.checked("server", Server::parse).unwrap_or(default.server),
        trust: reader.text("trust").map(PathBuf::from),
        from: reader.checked("from", smtp::mailbox).unwrap_or(default.from),
        to: reader.list("to", &|text| smtp::mailbox(text).map(drop)),
        timeout: some_time(reader, "timeout", default.timeout),
        login: reader.text("login").map_or(default.login, |path| LoginFrom::File(path.into())),
        batch: batch(reader),
        spool: spool(reader),
    };
    // The same names as in the body; how else the body looks does not matter here.
    let extras = given.formatter.extras.clone();
    let format = reader.text("subject");
    let subject = FormatterSpec { format, extras, ..FormatterSpec::default() };
    if let Err(error) = subject.build(Output::Text, Options::default()) {
        let text = subject.format.clone().unwrap_or_default();
        reader.refuse("subject", &text, error);
    }
    if !reader_has_recipient(reader, &options) {
        return None;
    }
    Some(Target::Smtp { options, subject })
}

fn reader_has_recipient(reader: &mut dyn Reader, options: &SmtpOptions) -> bool {
    if options.to.is_empty() {
        reader.missing("to", "nobody is named to get the mails", "\"ops@example.org\"");
    }
    !options.to.is_empty()
}

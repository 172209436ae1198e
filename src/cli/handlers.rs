//! Handlers as they are typed: the options that commands with several handlers share.
//!
//! What may be here: the options and what `--help` says of them. How a value is taken
//! apart is `words`', what its keys mean is `keys`'.

mod keys;
mod words;

use std::collections::HashMap;

use clap::Args;

use crate::error::Result;
use crate::format::{Options, Output};
use crate::handler::queue::OnFull;
use crate::route::{HandlerSpec, Spec};
use crate::term::visible;

/// The heading of these options.
pub(super) const HEADING: &str = "Handlers";

/// Where records go, several at once.
#[derive(Args, Debug, Clone, Default)]
pub struct HandlerArgs {
    /// Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced
    /// as it grows, with when= by the clock, as Python does both
    #[arg(long, value_name = "PATH[,KEY=VALUE…]", help_heading = HEADING)]
    pub file: Vec<String>,
    /// Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed
    #[arg(long, value_name = "URL,to=…[,KEY=VALUE…]", help_heading = HEADING)]
    pub smtp: Vec<String>,
    /// Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601
    #[arg(long, value_name = "ADDRESS[,KEY=VALUE…]", help_heading = HEADING)]
    pub syslog: Vec<String>,
    /// Run this command, without a shell, for each batch of records: they are its input
    #[arg(long, value_name = "COMMAND[,KEY=VALUE…]", help_heading = HEADING)]
    pub exec: Vec<String>,
    /// Publish again here, on a socket of its own
    #[arg(long, value_name = "ENDPOINT[,KEY=VALUE…]", help_heading = HEADING)]
    pub publish: Vec<String>,
    /// Print records too
    #[arg(
        long, value_name = "KEY=VALUE…", num_args = 0..=1, require_equals = true,
        default_missing_value = "", help_heading = HEADING
    )]
    pub console: Option<String>,
}

/// What the options have to say of their keys: for `--help` and the man pages.
pub const KEYS: &[(&str, &str)] = &[
    ("level=LEVEL", "This level and above"),
    ("topic=PREFIX", "These topics; may be repeated"),
    ("grep=REGEX, exclude=REGEX", "What the message must match, or must not; may be repeated"),
    (
        "format=FORMAT",
        "As --format, and takes the rest, commas and all: it stands last [default: %(asctime)s \
         %(levelname)s %(name)s %(message)s; with --syslog the message alone]",
    ),
    ("style=, datefmt=, extra=, utc", "As --style, --datefmt, --extra and --utc"),
    (
        "newlines=keep|escape",
        "Newlines in messages and tracebacks: as they are, as Python's handlers write them, or \
         as \\x0a, so that each record is one line. Those of names, levels and other fields \
         are always escaped [default: keep]",
    ),
    (
        "queue=N",
        "Records that may wait for this handler, which then holds up no other [default: 10000 \
         for --smtp, --syslog and --exec; 0, no queue, for the others]",
    ),
    (
        "on-full=block|drop",
        "Whether a record waits when the queue is full, and all others with it, or is dropped \
         and counted [default: drop; block for `tail --input`]",
    ),
    ("name=NAME", "What messages call it"),
    (
        "--file: max-bytes=SIZE, backups=N, when=WHEN, interval=N, at=TIME, compress=gzip|zstd, sync",
        "When to replace the file (when= is S, M, H, D, midnight or W0 to W6), and how many old \
         ones to keep [default: 5 with max-bytes=, where 0 never replaces it, as in Python; all \
         with when=]; wait for the disk after each \
         record",
    ),
    (
        "--smtp: from=, to=, subject=, batch=N, every=TIME, spool=N, login=FILE, trust=FILE, timeout=TIME",
        "smtp://HOST is not encrypted (port 25), smtp://HOST?tls=required is with STARTTLS (587), \
         smtps://HOST from the start (465); trust= is a certificate to trust, in PEM. Addresses (to= may be repeated) and a format for the subject, which may use extra=, too; a mail is sent when it has \
         N records or the first has waited so long, with every=0 in the next pause [default: \
         1000, 10s]; how many wait while the \
         server is away [default: 10000]; without login=, ZLOG_SMTP_USER and ZLOG_SMTP_PASSWORD",
    ),
    (
        "--syslog: protocol=rfc5424|local, facility=, app=, hostname=, max-message=SIZE, spool=N, timeout=TIME",
        "What messages look like [default: local at /dev/log, as the journal and rsyslog read \
         it there, rfc5424 elsewhere] and say of the sender; the longest one; how many wait",
    ),
    (
        "--exec: batch=N, every=TIME, spool=N, timeout=TIME",
        "How many records a run gets; how long it may take [default: 60s]. ZLOG_RECORDS and \
         ZLOG_LEVEL tell it how many records it gets, and the worst level",
    ),
    (
        "--publish: connect, root=ROOT, wire=json|text, hwm=N",
        "Connect instead of bind; what topics begin with where a record has none; the most \
         messages held for each subscriber, 0 for no limit",
    ),
    (
        "--console",
        "The keys that all have, as --console=level=error,format=%(message)s; of tail, which prints \
         as records come, without queue=",
    ),
    (
        "Commas",
        "One that no KEY= follows belongs to the value. Written twice, it is one comma and \
         begins no key",
    ),
];

impl HandlerArgs {
    /// Whether there is any handler but the console.
    pub fn is_empty(&self) -> bool {
        self.file.is_empty()
            && self.smtp.is_empty()
            && self.syslog.is_empty()
            && self.exec.is_empty()
            && self.publish.is_empty()
    }

    /// The console as data, if it was asked for. `on_full` is what its queue does where
    /// that is not said; `None`: it has no queue.
    ///
    /// # Errors
    /// As [`HandlerArgs::spec`]'s.
    pub fn console(&self, on_full: Option<OnFull>) -> Result<Option<HandlerSpec>> {
        let Some(text) = &self.console else { return Ok(None) };
        let console = keys::console(text, on_full)?;
        check(&Spec { handlers: vec![console.clone()], routes: Vec::new() })?;
        Ok(Some(console))
    }

    /// The handlers as data, without the console. `on_full` is what queues do that do
    /// not say.
    ///
    /// # Errors
    /// Keys that are not known, values that can't be read, keys that do not go together;
    /// [`Spec::check`]'s.
    pub fn spec(&self, on_full: OnFull) -> Result<Spec> {
        type Read = fn(&str, OnFull) -> Result<HandlerSpec>;
        let kinds: [(&[String], Read); 5] = [
            (&self.file, keys::file),
            (&self.smtp, keys::smtp),
            (&self.syslog, keys::syslog),
            (&self.exec, keys::exec),
            (&self.publish, keys::publish),
        ];
        let mut handlers = Vec::new();
        for (texts, read) in kinds {
            for text in texts {
                handlers.push(read(text, on_full)?);
            }
        }
        tell_apart(&mut handlers);
        let spec = Spec { handlers, routes: Vec::new() };
        check(&spec)?;
        Ok(spec)
    }

    /// What is allowed but hardly meant: a line each. Nothing of handlers that can't be
    /// read, which is an error anyway.
    pub fn remarks(&self) -> Vec<String> {
        let spec = self.spec(OnFull::Drop).unwrap_or_default();
        let console = self.console(Some(OnFull::Drop)).unwrap_or_default();
        let remark = |handler: &HandlerSpec| {
            let swallowed = keys::swallowed(handler)?;
            Some(format!(
                "handler {}: \",{}\" is a part of its format, since format= takes the rest; a key \
                 stands before format=",
                visible(&handler.name),
                visible(swallowed)
            ))
        };
        spec.handlers.iter().chain(&console).filter_map(remark).collect()
    }
}

/// [`Spec::check`], with what may be behind a format that is refused.
fn check(spec: &Spec) -> Result<()> {
    let refused = |handler: &HandlerSpec| {
        let format = &handler.formatter;
        format.format.as_ref().is_some_and(|text| text.contains(','))
            && format.build(Output::Text, Options::default()).is_err()
    };
    spec.check().map_err(|error| match spec.handlers.iter().any(refused) {
        true => error.also("format= takes the rest of the text, commas and all: it stands last."),
        false => error,
    })
}

/// Numbers handlers that would have the same name.
fn tell_apart(handlers: &mut [HandlerSpec]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for handler in handlers {
        let times = seen.entry(handler.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            handler.name = format!("{} #{times}", handler.name);
        }
    }
}

#[cfg(test)]
mod tests;

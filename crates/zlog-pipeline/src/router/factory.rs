//! From a handler as it is asked for to one that runs.
//!
//! What may be here: which formatter, which handler, which queue. To add a handler, its
//! line in [`handler`], and in [`formatter`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::dispatch::{ConsoleSettings, HandlerContext};
use super::monitor::Reporter;
use super::spec::{FormatterSpec, HandlerSpec, PublishTarget, Target};
use crate::handler::console::Console;
use crate::handler::exec::ExecHandler;
use crate::handler::file::FileHandler;
use crate::handler::publish::{Publish, PublishOptions};
use crate::handler::rotating::RotatingFileHandler;
use crate::handler::smtp::{Server, SmtpHandler};
use crate::handler::syslog::SyslogHandler;
use crate::handler::timed::TimedRotatingFileHandler;
use crate::handler::{Backlog, Handler};
use crate::os::terminal::{self, ColorChoice};
use crate::socket::{Endpoint, Flushed, Publisher, Role, SocketOptions};
use zlog_core::error::{Error, Result};
use zlog_core::format::Style;
use zlog_core::format::{self, Format, Options, Output};
use zlog_core::record::Record;
use zlog_core::text::escape;

/// What to do when another program has the endpoint of a handler that publishes.
const TAKEN: &str = "Another program listens there: publish on another port, or connect to it \
                     instead of binding.";

/// Opens what `spec` asks for. Records that can't be formatted as asked are counted in
/// `unformatted`.
///
/// # Errors
/// The formatter's, and the handler's own.
pub(super) fn handler(
    spec: &HandlerSpec,
    context: &HandlerContext,
    unformatted: &Arc<AtomicU64>,
) -> Result<Box<dyn Handler + Send>> {
    let format = || -> Result<Box<dyn Format>> {
        let format = formatter(&spec.formatter, &spec.target, context.console.as_ref())?;
        Ok(Box::new(Counting { format, failures: Arc::clone(unformatted) }))
    };
    Ok(match &spec.target {
        Target::Console => Box::new(Console::new(context.stdout(), format()?)),
        Target::File { path, sync } => Box::new(FileHandler::open(path, format()?, *sync)?),
        Target::Rotating { path, rotation } => {
            Box::new(RotatingFileHandler::open(path, format()?, *rotation)?)
        }
        Target::Timed { path, timing } => {
            Box::new(TimedRotatingFileHandler::open(path, format()?, *timing)?)
        }
        Target::Smtp { options, subject } => {
            let subject = match subject.format {
                Some(_) => Some(subject.build(Output::Text, plain())?),
                None => None,
            };
            Box::new(SmtpHandler::new(options.clone(), format()?, subject)?)
        }
        Target::Syslog(options) => Box::new(SyslogHandler::new(options.clone(), format()?)?),
        Target::Exec(options) => Box::new(ExecHandler::new(options.clone(), format()?)?),
        Target::Publish(target) => Box::new(publishing(&spec.name, target, context)?),
    })
}

/// Whether the handler could be opened, as far as that can be told without opening
/// anything: no file is made, nobody connected to, no command looked for.
///
/// # Errors
/// As [`handler`]'s.
pub(super) fn check(spec: &HandlerSpec) -> Result<()> {
    let format = formatter(&spec.formatter, &spec.target, None)?;
    match &spec.target {
        Target::Smtp { options, subject } => {
            Server::parse(&options.server)?;
            subject.build(Output::Text, plain()).map(drop)
        }
        Target::Syslog(options) => SyslogHandler::new(options.clone(), format).map(drop),
        Target::Publish(target) => endpoints(target).map(drop),
        Target::Console
        | Target::File { .. }
        | Target::Rotating { .. }
        | Target::Timed { .. }
        | Target::Exec(_) => Ok(()),
    }
}

/// What stands in files, mails and a command's input where no format is asked for:
/// Python's `basicConfig` has no time, which one cannot do without where many programs
/// write to one file.
pub const DEFAULT_FORMAT: &str = "%(asctime)s %(levelname)s %(name)s %(message)s";

/// Builds a handler's formatter. Where none is asked for: a console's is for people unless
/// its settings say otherwise, a syslog message has time, level and name elsewhere, and the
/// others have [`DEFAULT_FORMAT`].
///
/// # Errors
/// A format that is none.
fn formatter(
    spec: &FormatterSpec,
    target: &Target,
    console: Option<&ConsoleSettings>,
) -> Result<Box<dyn Format>> {
    match (target, console) {
        (Target::Console, Some(console)) => spec.build(console.output, console.options.clone()),
        (Target::Console, None) => {
            let options = Options {
                color: ColorChoice::Auto.for_stdout(),
                escape: terminal::stdout_is_terminal(),
                ..plain()
            };
            spec.build(Output::Pretty, options)
        }
        (Target::Syslog(_), _) => spec.build(Output::Text, plain()),
        _ if spec.format.is_none() => {
            let format = Some(DEFAULT_FORMAT.to_owned());
            FormatterSpec { format, style: Style::Percent, ..spec.clone() }
                .build(Output::Text, plain())
        }
        _ => spec.build(Output::Text, plain()),
    }
}

/// Neither colours nor escapes: for what no terminal shows.
fn plain() -> Options {
    Options { zone: format::zone(false), ..Options::default() }
}

/// Lets others know how many records could not be formatted as asked.
struct Counting {
    format: Box<dyn Format>,
    failures: Arc<AtomicU64>,
}

impl Format for Counting {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.format.write(record, out);
        self.failures.store(self.format.failures(), Ordering::Relaxed);
    }

    fn failures(&self) -> u64 {
        self.format.failures()
    }
}

/// Opens a publisher of its own.
fn publishing(name: &str, target: &PublishTarget, context: &HandlerContext) -> Result<Publishing> {
    let options = SocketOptions { hwm: target.hwm, ..SocketOptions::publisher() };
    let publisher = Publisher::open(&endpoints(target)?, &options)?;
    let who = format!("zlog {}: handler {}", context.command, escape::escape(name));
    for bound in publisher.bound() {
        (context.report)(&format!("{who}: bound {bound}"));
    }
    let options = PublishOptions {
        root: target.root.clone(),
        logger_in_topic: false,
        wire: target.wire,
        on_full: target.on_full,
        give_up: context.give_up(),
        report: {
            let (report, prefix) = (
                Arc::clone(&context.report),
                format!("zlog {}: handler {}", context.command, escape::escape(name)),
            );
            Box::new(move |text| report(&format!("{prefix}: {text}")))
        },
    };
    let report = context.report.clone();
    Ok(Publishing { publish: Some(Publish::new(publisher, options)), lost: 0, who, report })
}

fn endpoints(target: &PublishTarget) -> Result<Vec<Endpoint>> {
    let bind = target.bind.iter().map(|text| Endpoint::parse(text, Role::Bind));
    let connect = target.connect.iter().map(|text| Endpoint::parse(text, Role::Connect));
    let taken = |endpoint: Endpoint| endpoint.with_in_use_hint(TAKEN);
    bind.chain(connect).map(|endpoint| endpoint.map(taken)).collect()
}

/// A publisher among other handlers: it says what it could not send as they do.
struct Publishing {
    /// `None` once it is closed.
    publish: Option<Publish>,
    lost: u64,
    /// What a line about it begins with.
    who: String,
    report: Reporter,
}

impl Handler for Publishing {
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let Some(publish) = &mut self.publish else { return Err(closed()) };
        publish.handle(record)
    }

    fn flush(&mut self) -> Result<()> {
        self.publish.as_mut().map_or(Ok(()), Handler::flush)
    }

    /// Subscriptions are read now and then, whether there are records or not.
    fn on_timer(&mut self, _: Instant) -> Result<Option<Instant>> {
        self.flush()?;
        let events = self.publish.as_mut().and_then(|publish| publish.publisher().report());
        if let Some(text) = events {
            (self.report)(&format!("{}: {}", self.who, escape::escape(&text)));
        }
        Ok(None)
    }

    fn backlog(&self) -> Backlog {
        let dropped = self.publish.as_ref().map(|publish| publish.published().dropped_full);
        Backlog { lost: dropped.unwrap_or(self.lost), ..Backlog::default() }
    }

    fn close(&mut self, until: Instant) -> Result<()> {
        let Some(publish) = self.publish.take() else { return Ok(()) };
        let (published, flushed) = publish.close(until.saturating_duration_since(Instant::now()));
        self.lost = published.dropped_full;
        match flushed {
            Flushed::Yes => Ok(()),
            Flushed::No => Err(Error::new(
                "a subscriber did not take all records in time; how many are lost is not known",
            )),
        }
    }
}

fn closed() -> Error {
    Error::new("the socket is closed")
}

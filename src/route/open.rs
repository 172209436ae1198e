//! From a handler as it is asked for to one that runs.
//!
//! What may be here: which formatter, which handler, which queue. To add a handler, its
//! line in [`handler`], and in [`default_format`].

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use super::router::Surroundings;
use super::spec::{FormatterSpec, HandlerSpec, PublishTarget, Target};
use crate::error::{Error, Result};
use crate::format::{Format, Options, Output, time};
use crate::handler::console::Console;
use crate::handler::file::FileHandler;
use crate::handler::publish::{Publish, PublishOptions};
use crate::handler::rotating::RotatingFileHandler;
use crate::handler::timed::TimedRotatingFileHandler;
use crate::handler::{Handler, Held};
use crate::record::Record;
use crate::socket::{Endpoint, Flushed, Publisher, Role, SocketOptions};
use crate::term::{self, ColorChoice, Stdout};

/// Opens what `spec` asks for. Records that can't be formatted as asked are counted in
/// `unformatted`.
///
/// # Errors
/// The formatter's, and the handler's own.
pub(super) fn handler(
    spec: &HandlerSpec,
    around: &Surroundings,
    unformatted: &Arc<AtomicU64>,
) -> Result<Box<dyn Handler + Send>> {
    let format = || -> Result<Box<dyn Format>> {
        let format = formatter(&spec.formatter, &spec.target)?;
        Ok(Box::new(Counting { format, failures: Arc::clone(unformatted) }))
    };
    Ok(match &spec.target {
        Target::Console => Box::new(Console::new(Stdout::new(), format()?)),
        Target::File { path, sync } => Box::new(FileHandler::open(path, format()?, *sync)?),
        Target::Rotating { path, rotation } => {
            Box::new(RotatingFileHandler::open(path, format()?, *rotation)?)
        }
        Target::Timed { path, timing } => {
            Box::new(TimedRotatingFileHandler::open(path, format()?, *timing)?)
        }
        Target::Publish(target) => Box::new(publishing(&spec.name, target, around)?),
    })
}

/// Builds a handler's formatter.
///
/// # Errors
/// A format that is none.
fn formatter(spec: &FormatterSpec, target: &Target) -> Result<Box<dyn Format>> {
    let console = *target == Target::Console;
    let terminal = console && term::stdout_is_terminal();
    let options = Options {
        color: console && ColorChoice::Auto.for_stdout(),
        escape: terminal,
        zone: time::zone(spec.utc),
        ..Options::default()
    };
    let output = if console { Output::Pretty } else { Output::Text };
    output.format(options)?.ok_or_else(|| Error::new("records have no bodies to be written raw"))
}

/// Lets others know how many records could not be formatted as asked.
struct Counting {
    format: Box<dyn Format>,
    failures: Arc<AtomicU64>,
}

impl Format for Counting {
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.format.write(record, out);
        let _ = &self.failures;
    }
}

/// Opens a publisher of its own.
fn publishing(name: &str, target: &PublishTarget, around: &Surroundings) -> Result<Publishing> {
    let bind = target.bind.iter().map(|text| Endpoint::parse(text, Role::Bind));
    let connect = target.connect.iter().map(|text| Endpoint::parse(text, Role::Connect));
    let endpoints = bind.chain(connect).collect::<Result<Vec<_>>>()?;
    let options = SocketOptions { hwm: target.hwm, ..SocketOptions::publisher() };
    let publisher = Publisher::open(&endpoints, &options)?;
    for bound in publisher.bound() {
        let name = term::visible(name);
        (around.tell)(&format!("zlog {}: handler {name}: bound {bound}", around.command));
    }
    let stop = around.stop.clone();
    let options = PublishOptions {
        root: target.root.clone(),
        wire: target.wire,
        on_full: target.on_full,
        stop: Box::new(move || stop.requested()),
    };
    Ok(Publishing { publish: Some(Publish::new(publisher, options)), lost: 0 })
}

/// A publisher among other handlers: it says what it could not send as they do.
struct Publishing {
    /// `None` once it is closed.
    publish: Option<Publish>,
    lost: u64,
}

impl Handler for Publishing {
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        let Some(publish) = &mut self.publish else { return Err(closed()) };
        publish.handle(record)
    }

    fn flush(&mut self) -> Result<()> {
        self.publish.as_mut().map_or(Ok(()), Handler::flush)
    }

    /// Subscriptions are read now and then, whether there are records or not: what
    /// subscribers send up is kept in memory until then.
    fn tend(&mut self, _: Instant) -> Result<Option<Instant>> {
        self.flush()?;
        Ok(None)
    }

    fn held(&self) -> Held {
        let dropped = self.publish.as_ref().map(|publish| publish.published().dropped_full);
        Held { lost: dropped.unwrap_or(self.lost), ..Held::default() }
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

//! What sends the records of a canary.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::cli::CanaryArgs;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Record, Result};
use zlog_pipeline::handler::publish::{OnFull, Publish, PublishOptions, Wire};
use zlog_pipeline::handler::socket_handler::SocketHandler;
use zlog_pipeline::handler::{HandleError, Handler};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::socket::{Endpoint, Publisher, Role, SocketOptions};

/// What sends.
pub(super) struct Sender {
    pub(super) handler: Box<dyn Handler + Send>,
    /// Where records go in, for messages.
    pub(super) name: String,
    /// The endpoints that are bound.
    pub(super) bound: Vec<String>,
}

/// Opens what sends. `handed_over` is when it got its last record.
pub(super) fn open(
    args: &CanaryArgs,
    collects: Endpoint,
    stop: &ShutdownSignal,
    handed_over: &Arc<Mutex<Instant>>,
) -> Result<Sender> {
    if let Some(address) = &args.send_socket {
        let handler = Box::new(SocketHandler::connect(address)?);
        return Ok(Sender { handler, name: escape(address), bound: Vec::new() });
    }
    if let Some(path) = &args.send_file {
        let handler = LineFile::open(path)?;
        let name = handler.name.clone();
        return Ok(Sender { handler: Box::new(handler), name, bound: Vec::new() });
    }
    let options = super::with_options(args, SocketOptions::publisher())?;
    let endpoints = match args.send.is_empty() {
        true => vec![collects],
        false => super::endpoints(&args.send, Role::Connect)?,
    };
    let publisher = Publisher::open(&endpoints, &options)?;
    let name = super::names(&endpoints);
    let bound = publisher.bound().to_vec();
    let (stop, quiet, timeout) = (stop.clone(), args.quiet, args.timeout.0);
    let handed_over = Arc::clone(handed_over);
    let waited = move || lock(&handed_over).elapsed();
    let options = PublishOptions {
        root: args.root.clone(),
        logger_in_topic: false,
        wire: Wire::Json,
        on_full: OnFull::Block,
        // A pipeline that takes nothing must not keep a monitor waiting.
        give_up: Box::new(move || stop.requested() || waited() > timeout),
        report: Box::new(move |text| {
            if !quiet {
                terminal::eprint_line(format_args!("zlog canary: {text}"));
            }
        }),
    };
    Ok(Sender { handler: Box::new(Publish::new(publisher, options)), name, bound })
}

/// When a record was handed over last.
pub(super) fn lock(time: &Mutex<Instant>) -> MutexGuard<'_, Instant> {
    time.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Appends messages to a file, each as a line.
struct LineFile {
    file: File,
    /// Shown in errors.
    name: String,
}

impl LineFile {
    fn open(path: &Path) -> Result<LineFile> {
        let name = escape(&path.to_string_lossy());
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| Error::io(format!("can't open {name}"), &error))?;
        Ok(LineFile { file, name })
    }
}

impl Handler for LineFile {
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        let line = format!("{}\n", record.message());
        self.file.write_all(line.as_bytes()).map_err(|error| {
            HandleError::from(Error::io(format!("can't write {}", self.name), &error))
        })
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

//! Reads the ends of a pipeline, each on a thread.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::counts::Counts;
use super::number::Messages;
use crate::cli::CanaryArgs;
use zlog_core::multiline::{self, Rules};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result, parse};
use zlog_pipeline::os::thread;
use zlog_pipeline::socket::{Endpoint, SocketOptions, Subscriber};
use zlog_pipeline::source::Source;
use zlog_pipeline::source::file::{self, FileOptions};
use zlog_pipeline::source::text::{LineOptions, StreamSpec, TextSource};

/// Longest wait of a reader between two looks at the end.
const SLICE: Duration = Duration::from_millis(50);

/// What readers and the sender share.
pub(super) struct Shared {
    counts: Mutex<Counts>,
    counted: Condvar,
    /// Why a reader can't read.
    failure: Mutex<Option<Error>>,
    is_over: AtomicBool,
}

impl Shared {
    pub(super) fn new(counts: Counts) -> Shared {
        Shared {
            counts: Mutex::new(counts),
            counted: Condvar::new(),
            failure: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something was counted, for `wait` at most.
    pub(super) fn wait(&self, wait: Duration) {
        drop(self.counted.wait_timeout(self.counts(), wait));
    }

    /// Fails if a reader has failed.
    pub(super) fn check(&self) -> Result<()> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take().map_or(Ok(()), Err)
    }

    fn fail(&self, error: Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// The ends of a pipeline, and their threads.
pub(super) struct Readers {
    names: Vec<String>,
    /// The endpoints that are bound.
    pub(super) bound: Vec<String>,
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Readers {
    /// Opens one subscriber of all `endpoints`, and the files.
    pub(super) fn open(
        args: &CanaryArgs,
        endpoints: &[Endpoint],
        messages: &Arc<Messages>,
        shared: &Arc<Shared>,
    ) -> Result<Readers> {
        let mut readers = Readers {
            names: Vec::new(),
            bound: Vec::new(),
            shared: Arc::clone(shared),
            threads: Vec::new(),
        };
        if !endpoints.is_empty() {
            let options = super::with_options(args, SocketOptions::subscriber())?;
            let mut subscriber = Subscriber::open(endpoints, &[args.root.as_bytes()], &options)?;
            readers.bound = subscriber.bound().to_vec();
            readers.start(super::names(endpoints), messages, move |each| {
                subscriber.recv(SLICE, &mut |frames, _| {
                    each(frames.last().copied().unwrap_or_default());
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(())
            })?;
        }
        for path in &args.read_file {
            let mut source = follow(path)?;
            let (name, quiet) = (escape(&path.to_string_lossy()), args.quiet);
            readers.start(name, messages, move |each| {
                source.poll(SLICE, &mut |record| {
                    each(record.message().as_bytes());
                    Ok(ControlFlow::Continue(()))
                })?;
                for notice in source.take_notices().into_iter().filter(|_| !quiet) {
                    zlog_pipeline::os::terminal::eprint_line(format_args!(
                        "zlog canary: {}",
                        notice.text
                    ));
                }
                Ok(())
            })?;
        }
        Ok(readers)
    }

    fn start(
        &mut self,
        name: String,
        messages: &Arc<Messages>,
        mut read: impl FnMut(&mut dyn FnMut(&[u8])) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (at, shared, messages) =
            (self.names.len(), Arc::clone(&self.shared), Arc::clone(messages));
        self.names.push(name);
        self.threads.push(thread::spawn("canary-read", move || {
            while !shared.is_over.load(Ordering::Relaxed) {
                let mut each = |bytes: &[u8]| {
                    if let Some(found) = messages.find(bytes) {
                        shared.counts().count(at, found, Instant::now());
                        shared.counted.notify_one();
                    }
                };
                if let Err(error) = read(&mut each) {
                    return shared.fail(error);
                }
            }
        })?);
        Ok(())
    }

    /// The name of a reader.
    pub(super) fn name(&self, at: usize) -> &str {
        self.names.get(at).map_or("", String::as_str)
    }

    /// Ends all threads.
    pub(super) fn stop(self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Follows a file from its end. Each line is a record, whatever its format.
fn follow(path: &std::path::Path) -> Result<TextSource> {
    let options = FileOptions { follow: true, from_end: true, ..FileOptions::default() };
    let lines = LineOptions {
        parse: parse::Options { detect: false, ..parse::Options::default() },
        multiline: multiline::Options { rules: Rules::Off, ..multiline::Options::default() },
        ..LineOptions::default()
    };
    file::open(vec![path.to_owned()], options, StreamSpec::default(), &lines, None)
}

//! The handlers of a relay, and the subscriptions that they need.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::RelayArgs;
use crate::command::overdue::end_when_overdue;
use zlog_core::Result;
use zlog_core::wire::query;
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{HandlerContext, HandlerStatus, Reporter, Router, Spec};
use zlog_pipeline::socket::Proxy;

/// A relay's handlers.
pub(super) struct Handlers {
    router: Router,
    reports: HeldReports,
}

/// What handlers report while they are opened, as what they have bound. It is printed once the relay
/// has said what it has bound itself, or not at all if it can't start.
#[derive(Clone)]
struct HeldReports(Arc<Mutex<Option<Vec<String>>>>);

impl HeldReports {
    fn new() -> HeldReports {
        HeldReports(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    fn reporter(&self) -> Reporter {
        let HeldReports(held) = self.clone();
        Arc::new(move |line| {
            if let Some(held) = &mut *held.lock().unwrap_or_else(PoisonError::into_inner) {
                return held.push(line.to_owned());
            }
            terminal::eprint_line(line);
        })
    }

    /// Prints what is held. Later reports are printed at once.
    fn print(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.take().iter().flatten().for_each(terminal::eprint_line);
    }
}

impl Handlers {
    /// Opens the handlers, and subscribes to what they need. After a signal, received records
    /// wait for room in a queue for up to `linger`.
    ///
    /// # Errors
    /// A handler can't be opened; the error names it.
    pub(super) fn open(
        spec: Spec,
        stop: &ShutdownSignal,
        linger: Duration,
        proxy: &mut Proxy,
    ) -> Result<Handlers> {
        let reports = HeldReports::new();
        let context = HandlerContext::new("relay", stop, reports.reporter()).with_linger(linger);
        // For what is on the way, and for handlers.
        let within = linger.saturating_mul(2);
        end_when_overdue("relay", stop, within, context.observer())?;
        let router = Router::open(spec, context)?;
        router.subscriptions().iter().for_each(|prefix| proxy.subscribe(prefix));
        Ok(Handlers { router, reports })
    }

    /// Prints what the handlers have reported, and what they will report at once.
    pub(super) fn print_reports(&self) {
        self.reports.print();
    }

    /// Replaces the handlers by those of `spec`, without losing records.
    ///
    /// # Errors
    /// A handler can't be opened; nothing is changed then.
    pub(super) fn reconfigure(&mut self, spec: Spec, proxy: &mut Proxy) -> Result<()> {
        let before = self.router.subscriptions().to_vec();
        self.router.reconfigure(spec)?;
        // In this order, prefixes in both stay subscribed.
        self.router.subscriptions().iter().for_each(|prefix| proxy.subscribe(prefix));
        before.iter().for_each(|prefix| proxy.unsubscribe(prefix));
        Ok(())
    }

    /// Reopens files.
    pub(super) fn reopen(&mut self) {
        self.router.reopen();
    }

    /// Whether there are any handlers.
    pub(super) fn any(&self) -> bool {
        !self.router.subscriptions().is_empty()
    }

    /// Passes a message to its handlers.
    pub(super) fn take(&mut self, frames: &[&[u8]], received: f64) {
        self.router.handle_message(frames, received);
    }

    /// Flushes buffers.
    pub(super) fn flush(&mut self) {
        self.router.flush();
    }

    /// Runs the handlers' timers. Returns the next deadline, if any.
    pub(super) fn on_timer(&mut self, now: Instant) -> Option<Instant> {
        self.router.on_timer(now)
    }

    /// The status of each handler that may hold records, those included that were removed.
    pub(super) fn handler_status(&self) -> Vec<HandlerStatus> {
        self.router.closing().chain(self.router.status()).collect()
    }

    /// The status of each handler.
    pub(super) fn status(&self) -> Vec<query::Handler> {
        let status = |handler: HandlerStatus| query::Handler {
            name: handler.name.clone(),
            handled: handler.arrived(),
            queued: handler.queued,
            waiting: handler.waiting,
            dropped: handler.dropped,
            lost: handler.lost + handler.failed + handler.abandoned,
            outage: handler.outage.map(|outage| outage.error),
        };
        self.router.status().into_iter().map(status).collect()
    }

    /// Closes all handlers within `within`, in total.
    pub(super) fn close(mut self, within: Duration) -> Vec<HandlerStatus> {
        self.router.close(within)
    }
}

/// The handlers of the command line, the console included.
///
/// # Errors
/// As [`crate::cli::HandlerArgs::spec`].
pub(super) fn spec(args: &RelayArgs) -> Result<Spec> {
    let mut spec = args.handlers.spec(args.on_full)?;
    spec.handlers.extend(args.handlers.console(Some(args.on_full))?);
    spec.check()?;
    Ok(spec)
}

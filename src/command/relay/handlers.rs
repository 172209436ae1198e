//! The handlers of a relay: where records go other than to subscribers.
//!
//! What may be here: which messages are decoded for them, and what publishers are
//! asked for on their behalf. The way of a record to its handlers is `route`'s.

use std::time::{Duration, Instant};

use crate::cli::{RelayArgs, RelayOnFull};
use crate::command::stderr_reporter;
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::wire::{self, query};
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::router::{HandlerContext, HandlerStatus, Router, Spec};
use zlog_pipeline::socket::Proxy;

/// A relay's handlers.
pub(super) struct Handlers {
    router: Router,
    /// What they want, as it is asked of publishers.
    wanted: Vec<Vec<u8>>,
}

impl Handlers {
    /// Opens the handlers, and asks publishers for what they want. When somebody asks to
    /// stop, what has come goes on waiting for room for as long as `linger`.
    ///
    /// # Errors
    /// A handler can't be opened; the error names it.
    pub(super) fn open(
        spec: Spec,
        stop: &ShutdownSignal,
        linger: Duration,
        proxy: &mut Proxy,
    ) -> Result<Handlers> {
        let around = HandlerContext::new("relay", stop, stderr_reporter()).patient(linger);
        let router = Router::open(spec, around)?;
        let mut handlers = Handlers { router, wanted: Vec::new() };
        handlers.ask(proxy);
        Ok(handlers)
    }

    /// Asks for what is wanted now, and no more for what was before: in this order, so
    /// that what stays wanted never stops coming.
    fn ask(&mut self, proxy: &mut Proxy) {
        let before = std::mem::replace(&mut self.wanted, self.router.subscriptions());
        self.wanted.iter().for_each(|prefix| proxy.subscribe(prefix));
        before.iter().for_each(|prefix| proxy.unsubscribe(prefix));
    }

    /// Changes the handlers to what `spec` asks for; no record is lost.
    ///
    /// # Errors
    /// As [`Handlers::open`]'s; then everything is as it was.
    pub(super) fn reconfigure(&mut self, spec: Spec, proxy: &mut Proxy) -> Result<()> {
        self.router.reconfigure(spec)?;
        self.ask(proxy);
        Ok(())
    }

    /// Opens files anew.
    pub(super) fn reopen(&mut self) {
        self.router.reopen();
    }

    /// Whether there are any handlers.
    pub(super) fn any(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Gives a message to the handlers it is for. It is decoded only if one wants it.
    pub(super) fn take(&mut self, frames: &[&[u8]], received: f64) {
        let topic = if frames.len() > 1 { frames[0] } else { &[] };
        if !self.wanted.iter().any(|prefix| topic.starts_with(prefix)) {
            return;
        }
        let mut record = Record::default();
        wire::decode_into(frames, received, &mut record);
        self.router.handle(&record);
    }

    /// Sends on what handlers hold for speed.
    pub(super) fn flush(&mut self) {
        self.router.flush();
    }

    /// Does what is due, and says when there will be more.
    pub(super) fn tend(&mut self, now: Instant) -> Option<Instant> {
        self.router.on_timer(now)
    }

    /// How each handler stands.
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

    /// Closes all handlers, for no longer than `within` in all.
    pub(super) fn close(mut self, within: Duration) -> Vec<HandlerStatus> {
        self.router.close(within)
    }
}

/// The handlers that were asked for on the command line, the console among them.
///
/// # Errors
/// As [`crate::cli::HandlerArgs::spec`]'s.
pub(super) fn spec(args: &RelayArgs) -> Result<Spec> {
    let on_full = on_full(args);
    let mut spec = args.handlers.spec(on_full)?;
    spec.handlers.extend(args.handlers.console(Some(on_full))?);
    spec.check()?;
    Ok(spec)
}

/// What queues do when they are full, unless they say it themselves.
pub(super) fn on_full(args: &RelayArgs) -> OnFull {
    match args.on_full {
        RelayOnFull::Block => OnFull::Block,
        RelayOnFull::Drop => OnFull::Drop,
    }
}

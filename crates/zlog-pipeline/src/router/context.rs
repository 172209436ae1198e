//! The parts of a command that its handlers need.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::monitor::Reporter;
use super::observer::Observer;
use crate::os::signal::ShutdownSignal;
use crate::os::terminal::Stdout;

/// The parts of a command that its handlers need.
#[derive(Clone)]
pub struct HandlerContext {
    /// The name of the command, for messages: `tail`.
    pub command: String,
    /// Whether the process was asked to stop.
    pub stop: ShutdownSignal,
    /// How long records may then still wait for room, all of them together.
    linger: Duration,
    /// When a waiting record first noticed the request to stop.
    asked: Arc<OnceLock<Instant>>,
    /// See [`HandlerContext::wait_in_outages`].
    pub(super) waits_in_outages: bool,
    /// Tells the user about outages and bound endpoints.
    pub report: Reporter,
    /// Knows the counters of the handlers.
    pub(super) observer: Observer,
}

impl HandlerContext {
    /// The context of `command`, which prints what it gets through `report`.
    pub fn new(command: &str, stop: &ShutdownSignal, report: Reporter) -> HandlerContext {
        HandlerContext {
            command: command.to_owned(),
            stop: stop.clone(),
            linger: Duration::ZERO,
            asked: Arc::default(),
            waits_in_outages: false,
            report,
            observer: Observer::default(),
        }
    }

    /// The counters of the handlers that are opened with this context.
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Lets records wait for room for `linger`, all of them together, after the process was
    /// asked to stop. Without it, none waits any longer then.
    #[must_use]
    pub fn with_linger(self, linger: Duration) -> HandlerContext {
        HandlerContext { linger, ..self }
    }

    /// Whether records wait for a handler whose target is unreachable, if its queue does not drop
    /// them: what they are read from can be read later. By default, none waits.
    #[must_use]
    pub fn wait_in_outages(self, waits_in_outages: bool) -> HandlerContext {
        HandlerContext { waits_in_outages, ..self }
    }

    /// Whether a record that waits for room must give up.
    pub(super) fn give_up(&self) -> Box<dyn Fn() -> bool + Send> {
        let (stop, linger, asked) = (self.stop.clone(), self.linger, Arc::clone(&self.asked));
        Box::new(move || stop.requested() && asked.get_or_init(Instant::now).elapsed() >= linger)
    }

    /// Standard output. A reader that has stopped reading may delay the end by `linger`, or else
    /// as long as waiting records plus the time for closing.
    pub(super) fn stdout(&self, linger: Option<Duration>) -> Stdout {
        Stdout::with_linger(linger.unwrap_or(self.linger.saturating_mul(2)))
    }
}

//! Monitors a handler: counts its records, and reports outages: once when they begin, when their
//! cause changes, and when they end. A monitored handler never fails, so that one handler's
//! trouble does not affect the others.
//!
//! # When an outage ends
//! A handler that batches or retries takes records without an error while its target is
//! unreachable, so a successful call means nothing. What counts are records that have arrived:
//! those taken, without those that wait or are lost. An outage ends when there are more of them
//! than at the last error, and the handler does not say that its target is unreachable.

use std::error::Error as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::handler::{Backlog, HandleError, Handler, SharedBacklog};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{grouped, plural, were};
use zlog_core::{Error, Record, Result};

/// A cause that recurs within an outage is not reported again for this long.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Where messages for the user go.
pub type Reporter = Arc<dyn Fn(&str) + Send + Sync>;

/// Counters of a handler, for other threads. Only one thread writes each of them.
#[derive(Default)]
pub(super) struct HandlerCounters {
    /// Records that were given to it, or to its queue.
    pub(super) received: AtomicU64,
    /// Records taken.
    pub(super) taken: AtomicU64,
    /// Records not taken.
    pub(super) failed: AtomicU64,
    pub(super) backlog: SharedBacklog,
    /// Records that did not fit their format and were written in another form.
    pub(super) unformatted: Arc<AtomicU64>,
    /// The current outage.
    outage: Mutex<Option<OutageStatus>>,
}

/// A handler that does not work at the moment.
#[derive(Clone, PartialEq, Debug)]
pub struct OutageStatus {
    /// When it began.
    pub since: Instant,
    /// The latest error.
    pub error: String,
    /// Records lost so far.
    pub lost: u64,
}

impl HandlerCounters {
    /// The current outage.
    pub(super) fn outage(&self) -> Option<OutageStatus> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_outage(&self, outage: Option<OutageStatus>) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = outage;
    }
}

/// Reports about one handler.
#[derive(Clone)]
pub(super) struct OutageReporter {
    /// The beginning of its messages: `zlog tail: handler errors.log`.
    prefix: String,
    /// Whether there are other handlers.
    others: bool,
    report: Reporter,
}

impl OutageReporter {
    /// Reports about the handler `name` of the command `command`.
    pub(super) fn new(
        command: &str,
        name: &str,
        others: bool,
        report: &Reporter,
    ) -> OutageReporter {
        let prefix = format!("zlog {command}: handler {}", escape(name));
        OutageReporter { prefix, others, report: Arc::clone(report) }
    }

    /// Reports that an outage began, or that its cause changed.
    pub(super) fn begins(&self, error: &Error) {
        let hint = error.next_step().map_or_else(String::new, |hint| format!("\n  {hint}"));
        let others = if self.others { "; the other handlers continue" } else { "" };
        self.say(&format!("{}{others}{hint}", error.message()));
    }

    /// Reports the end of an outage, in which `lost` records were lost; of `unconfirmed` records
    /// before it, the last may be lost as well.
    fn ends(&self, lost: u64, unconfirmed: u64) {
        let lost = match lost {
            0 => "no record was lost".to_owned(),
            lost => format!("{} {} {} lost", grouped(lost), plural(lost, "record"), were(lost)),
        };
        let before = match unconfirmed {
            0 => String::new(),
            n => format!("; of {} sent before it, the last may not have arrived", grouped(n)),
        };
        (self.report)(&format!("{} works again; {lost} meanwhile{before}", self.prefix));
    }

    /// Reports anything else.
    pub(super) fn say(&self, what: &str) {
        (self.report)(&format!("{}: {what}", self.prefix));
    }
}

/// A handler with its monitor.
pub(super) struct MonitoredHandler {
    inner: Box<dyn Handler + Send>,
    counters: Arc<HandlerCounters>,
    reporter: OutageReporter,
    // The same as in `counters`, without access to shared memory.
    taken: u64,
    failed: u64,
    backlog: Backlog,
    outage: Option<Outage>,
    /// Whether the command ends when the handler fails: its errors are then kept for
    /// [`MonitoredHandler::take_failure`] and not reported.
    is_required: bool,
    failure: Option<Error>,
}

struct Outage {
    /// Records that had arrived at the last error.
    arrived: u64,
    /// Records lost before it began.
    lost_before: u64,
    /// Unconfirmed records before it began.
    unconfirmed_before: u64,
    causes: Causes,
}

/// The reported causes of an outage. It may get worse, or turn into another one: a mail server
/// that always rejects one recipient may be down for an hour as well.
struct Causes {
    last: String,
    reported: Vec<(String, Instant)>,
}

impl Causes {
    fn new(first: &Error) -> Causes {
        let last = cause(first);
        Causes { reported: vec![(last.clone(), Instant::now())], last }
    }

    /// Whether this cause differs from the last one and was not reported recently.
    fn is_new(&mut self, error: &Error) -> bool {
        let cause = cause(error);
        if cause == self.last {
            return false;
        }
        let now = Instant::now();
        self.reported.retain(|(_, at)| now.duration_since(*at) < REPEAT_AFTER);
        let new = self.reported.iter().all(|(known, _)| *known != cause);
        if new {
            self.reported.push((cause.clone(), now));
        }
        self.last = cause;
        new
    }
}

/// The I/O error behind an error, or else its message; without numbers, which change from one
/// error to the next.
fn cause(error: &Error) -> String {
    let text = error.source().map_or_else(|| error.message().to_owned(), ToString::to_string);
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

impl MonitoredHandler {
    /// Monitors `inner`, and reports what it has to say about its opening.
    pub(super) fn new(
        inner: Box<dyn Handler + Send>,
        counters: Arc<HandlerCounters>,
        reporter: OutageReporter,
    ) -> MonitoredHandler {
        let mut monitored = MonitoredHandler {
            inner,
            counters,
            reporter,
            taken: 0,
            failed: 0,
            backlog: Backlog::default(),
            outage: None,
            is_required: false,
            failure: None,
        };
        monitored.report_notices();
        monitored
    }

    /// Keeps errors for [`MonitoredHandler::take_failure`].
    pub(super) fn required(self) -> MonitoredHandler {
        MonitoredHandler { is_required: true, ..self }
    }

    /// The first error since the last call, of a handler that is required.
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    fn report_notices(&mut self) {
        for notice in self.inner.take_notices() {
            self.reporter.say(&notice);
        }
    }

    /// Reads the handler's backlog.
    fn read_backlog(&mut self) {
        self.backlog = self.inner.backlog();
        self.counters.backlog.store(&self.backlog);
    }

    /// Reads the handler's backlog, and ends an outage that is over.
    fn check_outage(&mut self) {
        self.read_backlog();
        let (arrived, lost) = (self.arrived(), self.lost());
        if !self.backlog.unreachable
            && self.outage.as_ref().is_some_and(|outage| arrived > outage.arrived)
            && let Some(outage) = self.outage.take()
        {
            let unconfirmed = self.backlog.unconfirmed.saturating_sub(outage.unconfirmed_before);
            self.reporter.ends(lost - outage.lost_before, unconfirmed);
            self.counters.set_outage(None);
        }
    }

    /// Records that have arrived, as far as is known.
    fn arrived(&self) -> u64 {
        self.taken.saturating_sub(self.backlog.waiting + self.backlog.lost)
    }

    /// Records that will never arrive, as far as is known.
    fn lost(&self) -> u64 {
        self.failed + self.backlog.lost
    }

    /// Handles an error, before which `lost_before` records had been lost.
    fn fail(&mut self, error: Error, lost_before: u64) {
        if self.is_required {
            self.read_backlog();
            self.failure.get_or_insert(error);
            return;
        }
        let unconfirmed_before = self.backlog.unconfirmed;
        // Records that arrived together with an error, like the first ones of a block that was
        // written in part, do not end an outage.
        self.read_backlog();
        let arrived = self.arrived();
        let lost_now = self.lost();
        let status = match &mut self.outage {
            Some(outage) => {
                outage.arrived = arrived;
                if outage.causes.is_new(&error) {
                    self.reporter.begins(&error);
                }
                let lost = lost_now - outage.lost_before;
                let error = error.to_string();
                self.counters.outage().map(|status| OutageStatus { error, lost, ..status })
            }
            None => {
                self.reporter.begins(&error);
                let causes = Causes::new(&error);
                self.outage = Some(Outage { arrived, lost_before, unconfirmed_before, causes });
                let lost = lost_now - lost_before;
                Some(OutageStatus { since: Instant::now(), error: error.to_string(), lost })
            }
        };
        self.counters.set_outage(status);
    }

    /// Handles the result of a call that takes no record.
    fn note(&mut self, result: Result<()>) {
        match result {
            Ok(()) => self.check_outage(),
            Err(error) => self.fail(error, self.lost()),
        }
    }
}

/// All methods succeed: errors are reported.
impl Handler for MonitoredHandler {
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        match self.inner.handle(record) {
            Ok(()) => {
                self.taken += 1;
                self.counters.taken.store(self.taken, Ordering::Relaxed);
                if self.outage.is_some() {
                    self.check_outage();
                }
            }
            Err(HandleError { error, record_taken }) => {
                let lost_before = self.lost();
                if record_taken {
                    self.taken += 1;
                    self.counters.taken.store(self.taken, Ordering::Relaxed);
                } else {
                    self.failed += 1;
                    self.counters.failed.store(self.failed, Ordering::Relaxed);
                }
                self.fail(error, lost_before);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        match self.inner.flush() {
            Err(error) => self.note(Err(error)),
            Ok(()) if self.outage.is_some() => self.check_outage(),
            // Buffered records may have arrived, and records that came since may wait: whoever
            // confirms what is handled asks after this.
            Ok(()) => self.read_backlog(),
        }
        Ok(())
    }

    fn on_timer(&mut self, now: Instant) -> Result<()> {
        let result = self.inner.on_timer(now);
        self.note(result);
        self.report_notices();
        Ok(())
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        self.inner.due(now)
    }

    fn reopen(&mut self) -> Result<()> {
        if let Err(error) = self.inner.reopen() {
            self.reporter.say(&error.to_string());
        }
        self.report_notices();
        Ok(())
    }

    /// The counters have it from then on, too.
    fn backlog(&self) -> Backlog {
        let backlog = self.inner.backlog();
        self.counters.backlog.store(&backlog);
        backlog
    }

    fn is_full(&self) -> bool {
        self.inner.is_full()
    }

    fn close(&mut self, until: Instant) -> Result<()> {
        let result = self.inner.close(until);
        self.note(result);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

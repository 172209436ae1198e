//! One handler of a router: which records it takes, whether it runs inline or behind a queue, and
//! its counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::context::HandlerContext;
use super::expressions::{conditions, expressions};
use super::factory;
use super::monitor::{HandlerCounters, MonitoredHandler, OutageReporter};
use super::options::{HandlerSpec, Opening};
use super::status::HandlerStatus;
use crate::handler::queue::{OnFull, QueueHandler};
use crate::handler::{HandleError, Handler};
use zlog_core::filter::{Condition, TextFilter};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Level, Record, Result};

/// Stands for a handler that can't be opened again.
struct Unavailable;

impl Handler for Unavailable {
    fn handle(&mut self, _: &Record<'_>) -> Result<(), HandleError> {
        Err(Error::new("the handler could not be opened again")
            .hint("See the error before. Reload the configuration, or restart zlog.")
            .into())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The filter in front of a handler.
#[derive(Default)]
pub(super) struct RecordFilter {
    level: Option<Level>,
    topics: Vec<String>,
    conditions: Vec<Condition>,
    text: TextFilter,
}

impl RecordFilter {
    /// Compiles the filter of `spec`.
    ///
    /// # Errors
    /// An expression is invalid.
    pub(super) fn new(spec: &HandlerSpec) -> Result<RecordFilter> {
        let grep = expressions("grep", &spec.grep)?;
        let exclude = expressions("exclude", &spec.exclude)?;
        Ok(RecordFilter {
            level: spec.level,
            topics: spec.topics.clone(),
            conditions: conditions(&spec.conditions)?,
            text: TextFilter::new(grep, false, exclude),
        })
    }

    /// Whether it takes the record, which has this level and topic.
    fn accepts(&mut self, record: &Record<'_>, level: Level, topic: &str) -> bool {
        self.level.is_none_or(|least| passes(level, least))
            && (self.topics.is_empty() || self.topics.iter().any(|t| topic.starts_with(&**t)))
            && self.conditions.iter().all(|condition| condition.accepts(record))
            && self.text.accepts(record)
    }
}

/// Whether a record of `level` passes. A record without a level does.
pub(super) fn passes(level: Level, least: Level) -> bool {
    level >= least || level == Level::NOTSET
}

/// A running handler.
pub(super) struct HandlerSlot {
    pub(super) spec: HandlerSpec,
    filter: RecordFilter,
    execution: Execution,
    counters: Arc<HandlerCounters>,
    reporter: OutageReporter,
    received: u64,
    /// Records that were given to a queue whose handler has crashed.
    crashed: u64,
    abandoned: u64,
    /// It could not be opened again.
    is_unavailable: bool,
}

/// Where a handler runs.
enum Execution {
    /// On the thread of the records.
    Inline(MonitoredHandler),
    /// On its own thread, behind a queue.
    Queued(QueueHandler),
}

impl HandlerSlot {
    /// The time limit for closing a handler whose file another one takes over.
    pub(super) const HAND_OVER: Duration = Duration::from_secs(5);

    /// Opens the handler. `others`: whether there are more.
    ///
    /// # Errors
    /// See [`factory::open`]; the error names the handler.
    pub(super) fn open(
        spec: &HandlerSpec,
        context: &HandlerContext,
        others: bool,
    ) -> Result<HandlerSlot> {
        let name = escape(&spec.name);
        let within = |error: Error| error.within(format_args!("handler {name}"));
        let filter = RecordFilter::new(spec).map_err(within)?;
        let counters = Arc::new(HandlerCounters::default());
        let reporter = OutageReporter::new(&context.command, &spec.name, others, &context.report);
        context.observer.add(&spec.name, &counters);
        let opening = Opening { context, reporter: &reporter };
        let inner = factory::open(spec, &opening, &counters.unformatted).map_err(within)?;
        let mut monitored = MonitoredHandler::new(inner, Arc::clone(&counters), reporter.clone());
        if spec.target.as_dyn().is_required() {
            monitored = monitored.required();
        }
        let execution = match spec.queue {
            None => Execution::Inline(monitored),
            Some(queue) => {
                let waits = context.waits_in_outages && queue.on_full == OnFull::Block;
                let handler = QueueHandler::open(monitored, queue.capacity, queue.on_full, waits)?;
                Execution::Queued(handler.stop_when(context.give_up()))
            }
        };
        let spec = spec.clone();
        Ok(HandlerSlot {
            spec,
            filter,
            execution,
            counters,
            reporter,
            received: 0,
            crashed: 0,
            abandoned: 0,
            is_unavailable: false,
        })
    }

    /// A handler that can't be opened: every record is lost, and counted.
    pub(super) fn unavailable(spec: &HandlerSpec, context: &HandlerContext) -> HandlerSlot {
        let counters = Arc::new(HandlerCounters::default());
        let reporter = OutageReporter::new(&context.command, &spec.name, true, &context.report);
        let inner = Box::new(Unavailable);
        let monitored = MonitoredHandler::new(inner, Arc::clone(&counters), reporter.clone());
        HandlerSlot {
            // The expressions were right before.
            filter: RecordFilter::new(spec).unwrap_or_default(),
            spec: spec.clone(),
            execution: Execution::Inline(monitored),
            counters,
            reporter,
            received: 0,
            crashed: 0,
            abandoned: 0,
            is_unavailable: true,
        }
    }

    /// Closes it for one that takes over its directory, where what it has not sent stays.
    pub(super) fn hand_over(mut self) -> HandlerStatus {
        let within = match &self.execution {
            Execution::Inline(_) => Duration::ZERO,
            // What is queued gets into the directory first.
            Execution::Queued(_) => HandlerSlot::HAND_OVER,
        };
        let until = Instant::now() + within;
        self.begin_close(until);
        self.close(until)
    }

    /// Changes which records it takes.
    pub(super) fn set_filter(&mut self, spec: &HandlerSpec, filter: RecordFilter) {
        self.spec = spec.clone();
        self.filter = filter;
    }

    /// Gives it the record if it takes it. Queues share one copy, made by the first of them.
    pub(super) fn deliver(
        &mut self,
        record: &Record<'_>,
        level: Level,
        topic: &str,
        copy: &mut Option<Arc<Record<'static>>>,
    ) {
        if !self.filter.accepts(record, level, topic) {
            return;
        }
        self.received += 1;
        self.counters.received.store(self.received, Ordering::Relaxed);
        match &mut self.execution {
            // A monitored handler reports its errors itself, here and below.
            Execution::Inline(handler) => _ = handler.handle(record),
            Execution::Queued(queue) => {
                let own = || Arc::new(record.clone().into_owned());
                if let Err(failed) = queue.put(Arc::clone(copy.get_or_insert_with(own))) {
                    self.crash(&failed.error);
                }
            }
        }
    }

    /// Counts a record whose handler's thread has ended, which only a defect can cause.
    fn crash(&mut self, error: &Error) {
        self.crashed += 1;
        if self.crashed == 1 {
            self.reporter.begins(error);
        }
    }

    /// The error of a required handler.
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        match &mut self.execution {
            Execution::Inline(handler) => handler.take_failure(),
            Execution::Queued(_) => None,
        }
    }

    /// Sends what is buffered. A queued handler does so by itself.
    pub(super) fn flush(&mut self) {
        if let Execution::Inline(handler) = &mut self.execution {
            let _ = handler.flush();
        }
    }

    /// Runs timed work and returns the next deadline. A queued handler does so by itself.
    pub(super) fn on_timer(&mut self, now: Instant) -> Option<Instant> {
        match &mut self.execution {
            Execution::Inline(handler) => {
                let _ = handler.on_timer(now);
                handler.due(now)
            }
            Execution::Queued(_) => None,
        }
    }

    pub(super) fn reopen(&mut self) {
        let _ = match &mut self.execution {
            Execution::Inline(handler) => handler.reopen(),
            Execution::Queued(queue) => queue.reopen(),
        };
    }

    /// Starts closing a queued handler.
    pub(super) fn begin_close(&mut self, until: Instant) {
        if let Execution::Queued(queue) = &mut self.execution {
            queue.begin_close(until);
        }
    }

    /// Whether it has ended after [`HandlerSlot::begin_close`].
    pub(super) fn has_ended(&self) -> bool {
        match &self.execution {
            Execution::Inline(_) => false,
            Execution::Queued(queue) => queue.has_ended(),
        }
    }

    /// Closes it and returns its final status.
    pub(super) fn close(mut self, until: Instant) -> HandlerStatus {
        match &mut self.execution {
            Execution::Inline(handler) => _ = handler.close(until),
            Execution::Queued(queue) => {
                queue.begin_close(until);
                let (counts, ended) = queue.finish_close(until);
                self.abandoned = counts.abandoned;
                if !queue.has_ended() {
                    // It hangs, and nobody will learn what happens to the records it holds.
                    self.abandoned += self.counters.backlog.load().waiting;
                }
                if let (Err(error), 0) = (ended, self.crashed) {
                    self.reporter.begins(&error);
                }
            }
        }
        HandlerStatus { queued: 0, ..self.status() }
    }

    pub(super) fn status(&self) -> HandlerStatus {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (dropped, queued) = match &self.execution {
            Execution::Inline(_) => (0, 0),
            Execution::Queued(queue) => {
                let counts = queue.counts();
                let done = counts.handled + counts.failed;
                (counts.dropped, counts.accepted.saturating_sub(done))
            }
        };
        // After the counts of the queue: a record that has left it waits here, or has arrived.
        let backlog = self.counters.backlog.load();
        HandlerStatus {
            name: self.spec.name.clone(),
            received: self.received,
            handled: count(&self.counters.taken),
            failed: count(&self.counters.failed) + self.crashed,
            dropped,
            abandoned: self.abandoned,
            queued,
            waiting: backlog.waiting,
            lost: backlog.lost,
            cut: backlog.cut,
            unconfirmed: backlog.unconfirmed,
            unformatted: count(&self.counters.unformatted),
            outage: self.counters.outage(),
        }
    }

    /// Whether `spec` describes the same handler, whichever records it takes.
    pub(super) fn matches(&self, spec: &HandlerSpec) -> bool {
        !self.is_unavailable
            && self.spec.name == spec.name
            && self.spec.target == spec.target
            && self.spec.formatter == spec.formatter
            && self.spec.queue == spec.queue
    }
}

//! One handler of a router: what it takes, whether it runs here or behind a queue, and
//! how it stands.
//!
//! What may be here: what concerns a single handler. Which handlers a record is for is
//! `router`'s.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::dispatch::HandlerContext;
use super::factory;
use super::monitor::{HandlerCounters, MonitoredHandler, OutageReporter};
use super::spec::{HandlerSpec, Target, expressions};
use super::status::HandlerStatus;
use crate::handler::Handler;
use crate::handler::queue::QueueHandler;
use zlog_core::error::{Error, Result};
use zlog_core::filter::Filter;
use zlog_core::record::{Level, Record};
use zlog_core::text::escape::escape;

/// Which of the records that reach a handler it takes.
pub(super) struct RecordFilter {
    level: Option<Level>,
    topics: Vec<String>,
    /// What is looked for in the text; `None` for nothing.
    text: Option<Filter>,
}

impl RecordFilter {
    /// Compiles what `spec` asks for.
    ///
    /// # Errors
    /// An expression that is none.
    pub(super) fn new(spec: &HandlerSpec) -> Result<RecordFilter> {
        let name = escape(&spec.name);
        let grep = expressions(&name, "grep", &spec.grep)?;
        let exclude = expressions(&name, "exclude", &spec.exclude)?;
        let looks = !(grep.is_empty() && exclude.is_empty());
        let text = looks.then(|| Filter { grep, exclude, ..Filter::default() });
        Ok(RecordFilter { level: spec.level, topics: spec.topics.clone(), text })
    }

    /// Whether it takes the record, whose level and topic are these.
    fn accepts(&self, record: &Record<'_>, level: Level, topic: &str) -> bool {
        self.level.is_none_or(|least| passes(level, least))
            && (self.topics.is_empty() || self.topics.iter().any(|t| topic.starts_with(&**t)))
            && self.text.as_ref().is_none_or(|text| text.accepts(record))
    }
}

/// Whether a record of `level` passes: one without a level does.
pub(super) fn passes(level: Level, least: Level) -> bool {
    level >= least || level == Level::NOTSET
}

/// A handler that runs.
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
}

/// Where a handler runs.
enum Execution {
    /// On the thread of the records.
    Inline(MonitoredHandler),
    /// On its own.
    Queued(QueueHandler),
}

impl HandlerSlot {
    /// Opens the handler. `others`: whether there are more.
    ///
    /// # Errors
    /// As [`factory::handler`]'s, with the handler's name.
    pub(super) fn open(
        spec: &HandlerSpec,
        context: &HandlerContext,
        others: bool,
    ) -> Result<HandlerSlot> {
        let filter = RecordFilter::new(spec)?;
        let counters = Arc::new(HandlerCounters::default());
        let inner = factory::handler(spec, context, &counters.unformatted)
            .map_err(|error| error.within(format_args!("handler {}", escape(&spec.name))))?;
        let reporter = OutageReporter::new(&context.command, &spec.name, others, &context.report);
        let mut watched = MonitoredHandler::new(inner, Arc::clone(&counters), reporter.clone());
        if spec.target == Target::Console && context.console.is_some() {
            watched = watched.required();
        }
        let execution = match spec.queue {
            None => Execution::Inline(watched),
            Some(queue) => {
                let handler = QueueHandler::new(watched, queue.capacity, queue.on_full)?;
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
        })
    }

    /// Takes other records from now on.
    pub(super) fn set_filter(&mut self, spec: &HandlerSpec, filter: RecordFilter) {
        self.spec = spec.clone();
        self.filter = filter;
    }

    /// Gives it the record, if it takes it. Queues share one copy, which the first of
    /// them makes.
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
        let given = match &mut self.execution {
            Execution::Inline(handler) => handler.handle(record),
            Execution::Queued(queue) => {
                let own = || Arc::new(record.clone().into_owned());
                queue.put(Arc::clone(copy.get_or_insert_with(own)))
            }
        };
        if let Err(error) = given {
            self.crash(&error);
        }
    }

    /// Its thread has ended, which only a defect can bring about.
    fn crash(&mut self, error: &Error) {
        self.crashed += 1;
        if self.crashed == 1 {
            self.reporter.begins(error);
        }
    }

    /// The error of a handler that the command can't do without.
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        match &mut self.execution {
            Execution::Inline(handler) => handler.take_failure(),
            Execution::Queued(_) => None,
        }
    }

    /// Sends on what is held, unless it does so by itself.
    pub(super) fn flush(&mut self) {
        if let Execution::Inline(handler) = &mut self.execution {
            // A watched handler tells of its errors itself.
            let _ = handler.flush();
        }
    }

    /// Does what is due, unless it does so by itself; when it is due again.
    pub(super) fn on_timer(&mut self, now: Instant) -> Option<Instant> {
        match &mut self.execution {
            Execution::Inline(handler) => handler.on_timer(now).ok().flatten(),
            Execution::Queued(_) => None,
        }
    }

    pub(super) fn reopen(&mut self) {
        let _ = match &mut self.execution {
            Execution::Inline(handler) => handler.reopen(),
            Execution::Queued(queue) => queue.reopen(),
        };
    }

    /// Begins to close what needs no more from here.
    pub(super) fn begin_close(&mut self, until: Instant) {
        if let Execution::Queued(queue) = &mut self.execution {
            queue.begin_close(until);
        }
    }

    /// Whether it has come to its end since [`HandlerSlot::begin_close`].
    pub(super) fn has_ended(&self) -> bool {
        match &self.execution {
            Execution::Inline(_) => false,
            Execution::Queued(queue) => queue.has_ended(),
        }
    }

    /// Closes, and says what is left.
    pub(super) fn close(mut self, until: Instant) -> HandlerStatus {
        match &mut self.execution {
            Execution::Inline(handler) => {
                let _ = handler.close(until);
            }
            Execution::Queued(queue) => {
                queue.begin_close(until);
                let (queued, ended) = queue.finish_close(until);
                self.abandoned = queued.abandoned;
                if !queue.has_ended() {
                    // It hangs, and what it holds with it: nobody will say that these
                    // arrived, or are given up.
                    self.abandoned += self.counters.waiting.load(Ordering::Relaxed);
                }
                if let (Err(error), 0) = (ended, self.crashed) {
                    self.reporter.begins(&error);
                }
            }
        }
        let status = self.status();
        HandlerStatus { queued: 0, ..status }
    }

    pub(super) fn status(&self) -> HandlerStatus {
        let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let (handled, failed) = (count(&self.counters.taken), count(&self.counters.failed));
        let (dropped, queued) = match &self.execution {
            Execution::Inline(_) => (0, 0),
            Execution::Queued(queue) => {
                let queued = queue.counts();
                let done = queued.handled + queued.failed;
                (queued.dropped, queued.accepted.saturating_sub(done))
            }
        };
        HandlerStatus {
            name: self.spec.name.clone(),
            received: self.received,
            handled,
            failed: failed + self.crashed,
            dropped,
            abandoned: self.abandoned,
            queued,
            waiting: count(&self.counters.waiting),
            lost: count(&self.counters.lost),
            cut: count(&self.counters.cut),
            unconfirmed: count(&self.counters.unconfirmed),
            unformatted: count(&self.counters.unformatted),
            outage: self.counters.outage(),
        }
    }

    /// Whether `spec` asks for the same handler, whichever records it is to take.
    pub(super) fn matches(&self, spec: &HandlerSpec) -> bool {
        self.spec.name == spec.name
            && self.spec.target == spec.target
            && self.spec.formatter == spec.formatter
            && self.spec.queue == spec.queue
    }

    /// How long it may take to close when its file is to be written to by another.
    pub(super) const HANDING_OVER: Duration = Duration::from_secs(5);
}

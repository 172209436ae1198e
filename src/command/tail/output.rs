//! The path of records in `tail`, for every source: filter, reorder, count, and give
//! them to the router, in which standard output is one of the handlers.

use std::time::{Duration, Instant};

use super::super::HandlerTotals;
use super::counts::CountReport;
use super::last::LastRecords;
use super::loss_report::LossReport;
use super::unseen_fields::UnseenFields;
use zlog_core::filter::{Filter, Topics};
use zlog_core::reorder::ReorderBuffer;
use zlog_core::stats::Stats;
use zlog_core::text::plural::counted;
use zlog_core::wire;
use zlog_core::wire::json::Prefilter;
use zlog_core::{Error, Exit, Level, Record, Result};
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{HandlerStatus, Router};

/// The handler name of standard output.
pub(super) const CONSOLE: &str = "standard output";

/// Gives records that pass to the handlers.
pub(super) struct TailOutput {
    /// Which topics pass. Not a part of `filter`: sequence numbers are tracked in all topics
    /// that were asked for, whatever else is filtered.
    pub(super) topics: Topics,
    /// The other conditions for a record to pass.
    pub(super) filter: Filter,
    /// The options that select records, for messages.
    pub(super) selecting_options: String,
    /// Fields that an option names and no record had so far.
    pub(super) unseen: UnseenFields,
    /// Lost records.
    pub(super) losses: LossReport,
    /// Holds the last records of files until all are read.
    pub(super) last: Option<LastRecords>,
    /// Holds records to put them in order.
    pub(super) reorder: Option<ReorderBuffer>,
    /// Counts, and how often they are printed; `None` is at the end only.
    pub(super) stats: Option<(Stats, Option<Duration>)>,
    /// The counts that are printed in place of records.
    pub(super) counts: Option<CountReport>,
    /// The handlers, with [`CONSOLE`] as the last if records are printed.
    pub(super) router: Router,
    /// Whether records are printed.
    pub(super) prints: bool,
    /// Why standard output was given up while the handlers went on.
    pub(super) abandoned: Option<Error>,
    /// How many records to deliver.
    pub(super) limit: Option<u64>,
    /// Records that have passed.
    pub(super) passed: u64,
    /// Records with a topic that passes, which the filter left out.
    pub(super) filtered: u64,
    /// Received records whose topic does not pass.
    pub(super) excluded: u64,
    /// Records that have passed and could not be decoded.
    pub(super) undecoded: u64,
    /// Reused: the topic of a record that has none.
    pub(super) scratch: String,
}

/// How the handlers ended.
pub(super) struct Closed {
    /// Standard output, if records were printed.
    pub(super) console: Option<HandlerStatus>,
    /// The totals of the other handlers.
    pub(super) handlers: HandlerTotals,
}

impl TailOutput {
    /// Delivers a record, holds it, or leaves it out. Takes the record out of its place where
    /// it is held.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        if !self.passes(record) {
            return Ok(());
        }
        match &mut self.last {
            Some(last) => last.push(std::mem::take(record).into_owned()),
            None => self.hold_or_deliver(record)?,
        }
        Ok(())
    }

    fn hold_or_deliver(&mut self, record: &mut Record<'_>) -> Result<()> {
        match &mut self.reorder {
            Some(reorder) => {
                reorder.push(std::mem::take(record).into_owned(), Instant::now());
                Ok(())
            }
            None => self.deliver(record),
        }
    }

    /// Whether the record is one of those asked for. Tracks its sequence number.
    fn passes(&mut self, record: &Record<'_>) -> bool {
        self.unseen.observe(record);
        if !self.accepts_topic(record) {
            self.excluded += 1;
            return false;
        }
        self.losses.observe(record);
        let passes = self.filter.accepts(record);
        self.filtered += u64::from(!passes);
        if passes && self.passed == 0 {
            self.unseen.forget_conditions();
        }
        passes
    }

    /// Rejects JSON objects whose records do not pass. `None` if the remarks at the end are about their
    /// fields, or with topics: that of another logger's record is made of fields that would not be read.
    pub(super) fn prefilter(&self) -> Option<Prefilter> {
        let needs_all = !self.topics.accept_all() || !self.unseen.is_empty();
        if needs_all { None } else { self.filter.prefilter() }
    }

    /// How many records did not pass.
    pub(super) fn left_out(&self) -> u64 {
        self.filtered + self.excluded
    }

    /// Lines that say what has left out all of so many records.
    pub(super) fn none_passes(&self, records: u64, so_far: &str) -> Vec<String> {
        let records = counted(records, "record");
        let text = format!("none of {records}{so_far} passes {}", self.selecting_options);
        std::iter::once(text).chain(self.unseen.compared()).collect()
    }

    /// Whether the record would pass.
    pub(super) fn would_take(&mut self, record: &Record<'_>) -> bool {
        self.accepts_topic(record) && self.filter.accepts(record)
    }

    /// Whether the record's topic is one of those asked for. A stored record without a topic
    /// has the one that `emit` would give it.
    pub(super) fn accepts_topic(&mut self, record: &Record<'_>) -> bool {
        self.topics.accepts(wire::topic::of(record, &mut self.scratch))
    }

    /// The prefixes to subscribe to: those asked for. Where these are everything, what no
    /// handler takes is left out.
    pub(super) fn subscriptions(&self, level: Option<Level>) -> Vec<Vec<u8>> {
        let is_all = self.topics.prefixes.is_empty() && self.topics.roots.is_empty();
        // Counts are of all records, whatever the handlers take.
        match is_all && self.counts.is_none() {
            true => self.router.subscriptions().to_vec(),
            false => self.topics.subscriptions(level),
        }
    }

    fn deliver(&mut self, record: &Record<'_>) -> Result<()> {
        self.router.handle(record);
        self.check_console()?;
        self.passed += 1;
        self.undecoded += u64::from(record.fault.is_some());
        if let Some((stats, every)) = &mut self.stats {
            if every.is_some_and(|every| stats.ends_before(record, every)) {
                terminal::eprint_line(stats.report(Instant::now()).trim_end());
            }
            stats.count(record);
        }
        self.counts.as_mut().map_or(Ok(()), |counts| counts.count(record))
    }

    /// Returns the error of standard output. When the process was asked to end and the reader
    /// takes nothing, the error is kept for the end, so that the handlers still get their
    /// records.
    fn check_console(&mut self) -> Result<()> {
        match self.router.take_failure() {
            Some(error) if matches!(error.exit(), Exit::Signal(_)) => {
                self.abandoned.get_or_insert(error);
                Ok(())
            }
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Whether as many records as asked for have passed.
    pub(super) fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.passed >= limit)
    }

    /// Delivers the last records of files, once all are read.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn release_last(&mut self) -> Result<()> {
        let Some(mut last) = self.last.take() else { return Ok(()) };
        if last.missing() > 0 {
            let records = counted(last.missing() as u64, "record");
            terminal::eprint_line(format_args!(
                "zlog tail: {records} of --last left out: together they are too large"
            ));
        }
        while !self.is_full()
            && let Some(mut record) = last.pop()
        {
            self.hold_or_deliver(&mut record)?;
        }
        Ok(())
    }

    /// Delivers the held records whose window has ended.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn release(&mut self, now: Instant) -> Result<()> {
        self.release_with(|reorder| reorder.pop(now))
    }

    /// Delivers all that is held or buffered: at the end.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn release_all(&mut self) -> Result<()> {
        self.release_with(ReorderBuffer::force_pop)?;
        self.flush()?;
        self.counts.as_mut().map_or(Ok(()), CountReport::finish)
    }

    fn release_with(
        &mut self,
        mut next: impl FnMut(&mut ReorderBuffer) -> Option<Record<'static>>,
    ) -> Result<()> {
        while !self.is_full()
            && let Some(record) = self.reorder.as_mut().and_then(&mut next)
        {
            self.deliver(&record)?;
        }
        Ok(())
    }

    /// How long to wait for records, at most `longest`, until a held record is due.
    pub(super) fn wait_at_most(&self, longest: Duration) -> Duration {
        let due = self.reorder.as_ref().and_then(|held| held.time_to_next(Instant::now()));
        due.unwrap_or(longest).min(longest)
    }

    /// Flushes the handlers: when no more records are at hand.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.router.flush();
        self.check_console()
    }

    /// Prints the counts that are due by the clock.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn print_counts(&mut self, is_idle: bool) -> Result<()> {
        self.counts.as_mut().map_or(Ok(()), |counts| counts.on_timer(is_idle))
    }

    /// Whether the reader of standard output has closed it.
    pub(super) fn is_closed(&self) -> bool {
        (self.prints || self.counts.is_some()) && terminal::stdout_is_closed()
    }

    /// When counts or losses are to be printed.
    pub(super) fn report_due(&self, now: Instant) -> Option<Instant> {
        let left = |(stats, every): &(Stats, Option<Duration>)| {
            every.map(|every| now + every.saturating_sub(stats.age(now)))
        };
        let stats = self.stats.as_ref().and_then(left);
        let counts = self.counts.as_ref().and_then(CountReport::remaining);
        let counts = counts.and_then(|left| now.checked_add(left));
        self.losses.due().into_iter().chain(stats).chain(counts).min()
    }

    /// Prints counts and losses when they are due, or at the end.
    pub(super) fn report(&mut self, now: Instant, at_end: bool) {
        self.losses.report(now, at_end);
        let Some((stats, every)) = &mut self.stats else { return };
        if at_end || every.is_some_and(|every| stats.has_ended(now, every)) {
            terminal::eprint_line(stats.report(now).trim_end());
        }
    }

    /// Closes the handlers, which send what they hold for at most `linger`, and prints what
    /// they lost.
    pub(super) fn close(&mut self, linger: Duration) -> Closed {
        let is_console = |status: &HandlerStatus| self.prints && status.name == CONSOLE;
        let (mut console, handlers): (Vec<_>, Vec<_>) =
            self.router.close(linger).into_iter().partition(is_console);
        let handlers = super::super::report_losses("tail", &handlers);
        Closed { console: console.pop(), handlers }
    }

    /// The error of standard output that was given up, with what it has cost.
    pub(super) fn take_abandoned(&mut self, closed: &Closed) -> Option<Error> {
        let error = self.abandoned.take()?;
        let records = closed.console.as_ref().map_or(0, HandlerStatus::missing);
        let records = counted(records, "record");
        let what = format!("{error}; up to {records} not printed completely");
        Some(Error::new(what).exit_as(error.exit()))
    }
}

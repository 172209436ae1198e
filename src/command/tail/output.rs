//! The part of a tail that is the same wherever records come from: what passes,
//! in which order, in which shape, and what is missing.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::loss_report::LossReport;
use zlog_core::error::{Error, Exit, Result};
use zlog_core::filter::{Filter, Topics};
use zlog_core::record::{Level, Record};
use zlog_core::reorder::ReorderBuffer;
use zlog_core::stats::Stats;
use zlog_core::text::escape;
use zlog_core::text::plural::counted;
use zlog_core::wire;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::console::Console;
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{RecordFilter, Router};

/// Where records are shown.
pub(super) enum Destination {
    /// As a format has them.
    Formatted(Console<Box<dyn Write>>),
    /// Nowhere: handlers have them.
    None,
    /// Their bodies as they came. See [`TailOutput::take_raw`].
    Raw(Raw),
}

/// Bodies as they came, a line each.
pub(super) struct Raw {
    /// Standard output.
    writer: Box<dyn Write>,
    /// Whether it is a terminal, which bytes from outside must not steer.
    escape: bool,
    /// Those since the last flush. How many of them the writer has passed on since is not
    /// known.
    waiting: u64,
}

impl Raw {
    /// Writes to standard output, whose bytes a terminal must not obey if it is one.
    pub(super) fn new(writer: Box<dyn Write>, escape: bool) -> Raw {
        Raw { writer, escape, waiting: 0 }
    }

    fn write(&mut self, body: &[u8]) -> Result<()> {
        self.waiting += 1;
        let mut shown = Vec::new();
        let body = match self.escape {
            true => {
                escape::escape_bytes_into(&mut shown, body, escape::Newlines::Keep);
                &shown
            }
            false => body,
        };
        let written = self.writer.write_all(body).and_then(|()| self.writer.write_all(b"\n"));
        written.map_err(|error| terminal::output_error(&error))
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(|error| terminal::output_error(&error))?;
        self.waiting = 0;
        Ok(())
    }
}

/// Records that nobody took from standard output before the end.
pub(super) struct Abandoned {
    /// What writing it came to.
    error: Error,
    /// How many at most: of the first of them a part may have been taken.
    records: u64,
}

impl Abandoned {
    /// The error, with what it has cost.
    pub(super) fn into_error(self) -> Error {
        let Abandoned { error, records } = self;
        let records = counted(records, "record");
        Error::new(format!("{error}; up to {records} not printed, or not whole"))
            .exit_as(error.exit())
    }
}

/// Shows records that pass.
pub(super) struct TailOutput {
    /// Which topics pass. Apart from the rest of the filter: sequence numbers are
    /// followed in topics that were asked for, whatever else is filtered.
    pub(super) topics: Topics,
    /// What else a record must be to pass.
    pub(super) filter: Filter,
    /// Records that are missing.
    pub(super) losses: LossReport,
    /// Holds records to put them in order.
    pub(super) reorder: Option<ReorderBuffer>,
    /// Counts, and how often they are to be printed: `None` is at the end.
    pub(super) stats: Option<(Stats, Option<Duration>)>,
    /// Where records are shown.
    pub(super) destination: Destination,
    /// Which of them, where `--console` says so.
    pub(super) takes: Option<RecordFilter>,
    /// What was not shown any more, though it was to be.
    pub(super) abandoned: Option<Abandoned>,
    /// Where else they go.
    pub(super) router: Router,
    /// How many records are wanted.
    pub(super) limit: Option<u64>,
    /// Records shown.
    pub(super) shown: u64,
    /// Records of wanted topics that the filter left out.
    pub(super) filtered: u64,
    /// Records that were subscribed to, and whose topic is not wanted all the same.
    pub(super) excluded: u64,
    /// Records that could not be decoded, of those shown.
    pub(super) undecoded: u64,
    /// Reused: the topic of a record that has none.
    pub(super) scratch: String,
}

impl TailOutput {
    /// RecordFilter a record: shows it, holds it, or leaves it out.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn take(&mut self, record: &mut Record<'_>) -> Result<ControlFlow<()>> {
        if !self.passes(record) {
            return Ok(ControlFlow::Continue(()));
        }
        match &mut self.reorder {
            Some(reorder) => {
                reorder.push(std::mem::take(record).into_owned(), Instant::now());
                Ok(ControlFlow::Continue(()))
            }
            None => self.show(record),
        }
    }

    /// RecordFilter a message as it came, whose record is `record`: as [`TailOutput::take`], or as
    /// [`TailOutput::take_raw`] where bodies are shown as they are.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn take_message(
        &mut self,
        frames: &[&[u8]],
        record: &mut Record<'_>,
    ) -> Result<ControlFlow<()>> {
        match self.destination {
            Destination::Raw(_) => self.take_raw(frames, record),
            Destination::Formatted(_) | Destination::None => self.take(record),
        }
    }

    /// RecordFilter a message as it came, whose record is `record`: its body is shown as it is.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn take_raw(
        &mut self,
        frames: &[&[u8]],
        record: &Record<'_>,
    ) -> Result<ControlFlow<()>> {
        if !self.passes(record) {
            return Ok(ControlFlow::Continue(()));
        }
        self.print(record, |out| match out {
            Destination::Raw(raw) => raw.write(frames.last().copied().unwrap_or_default()),
            Destination::Formatted(_) | Destination::None => Ok(()),
        })?;
        Ok(self.count(record))
    }

    /// Gives a record to the handlers, and prints it where the console takes it.
    fn print(
        &mut self,
        record: &Record<'_>,
        print: impl FnOnce(&mut Destination) -> Result<()>,
    ) -> Result<()> {
        // First, since printing may wait for a reader and fail.
        self.router.handle(record);
        if !self.prints(record) {
            return Ok(());
        }
        if let Some(abandoned) = &mut self.abandoned {
            abandoned.records += 1;
            return Ok(());
        }
        let printed = print(&mut self.destination);
        self.unless_abandoned(printed)
    }

    /// Makes less of an error when the end would not wait for a reader any longer:
    /// nothing more is printed, and handlers get what there is for them all the same.
    fn unless_abandoned(&mut self, printed: Result<()>) -> Result<()> {
        match printed {
            Err(error) if matches!(error.exit(), Exit::Signal(_)) => {
                let records = match std::mem::replace(&mut self.destination, Destination::None) {
                    Destination::Formatted(console) => console.backlog().lost,
                    Destination::Raw(raw) => raw.waiting,
                    Destination::None => 0,
                };
                self.abandoned = Some(Abandoned { error, records });
                Ok(())
            }
            printed => printed,
        }
    }

    /// Whether the record is one of those asked for; follows its sequence number.
    fn passes(&mut self, record: &Record<'_>) -> bool {
        if !self.accepts_topic(record) {
            self.excluded += 1;
            return false;
        }
        self.losses.observe(record);
        let passes = self.filter.accepts(record);
        self.filtered += u64::from(!passes);
        passes
    }

    /// A record of a stored log may have no topic: then it is what `emit` would
    /// give it, its logger's name for a root.
    pub(super) fn accepts_topic(&mut self, record: &Record<'_>) -> bool {
        self.topics.accepts(wire::topic::of(record, &mut self.scratch))
    }

    /// What to subscribe to: what was asked for. Where that is everything, what nobody
    /// here takes need not come.
    pub(super) fn subscriptions(&self, level: Option<Level>) -> Vec<Vec<u8>> {
        let everything = self.topics.prefixes.is_empty() && self.topics.roots.is_empty();
        let printed = match (&self.destination, &self.takes) {
            (Destination::None, _) => &[],
            (_, Some(takes)) if !takes.topics().is_empty() => takes.topics(),
            _ => return self.topics.subscriptions(level),
        };
        if !everything {
            return self.topics.subscriptions(level);
        }
        let mut wanted = self.router.subscriptions();
        wanted.extend(printed.iter().map(|topic| topic.clone().into_bytes()));
        wanted
    }

    fn show(&mut self, record: &Record<'_>) -> Result<ControlFlow<()>> {
        self.print(record, |out| match out {
            Destination::Formatted(console) => console.handle(record).map_err(Into::into),
            Destination::Raw(_) | Destination::None => Ok(()),
        })?;
        Ok(self.count(record))
    }

    /// Whether the console takes it. Handlers have filters of their own.
    fn prints(&mut self, record: &Record<'_>) -> bool {
        let scratch = &mut self.scratch;
        self.takes.as_ref().is_none_or(|takes| takes.accepts_record(record, scratch))
    }

    fn count(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        self.shown += 1;
        self.undecoded += u64::from(record.fault.is_some());
        if let Some((stats, _)) = &mut self.stats {
            stats.count(record);
        }
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// How many records were shown that did not fit the format.
    pub(super) fn unformatted(&self) -> u64 {
        match &self.destination {
            Destination::Formatted(console) => console.unformatted(),
            Destination::Raw(_) | Destination::None => 0,
        }
    }

    /// Whether as many records as wanted have been shown.
    pub(super) fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.shown >= limit)
    }

    /// Shows the held records whose window has passed; all of them at the end.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn release_reordered(&mut self, now: Instant, end: bool) -> Result<()> {
        while !self.is_full() {
            let Some(reorder) = &mut self.reorder else { return Ok(()) };
            let record = if end { reorder.force_pop() } else { reorder.pop(now) };
            let Some(record) = record else { return Ok(()) };
            // The loop itself ends when the view is full.
            let _ = self.show(&record)?;
        }
        Ok(())
    }

    /// How long may be waited before something is due here.
    pub(super) fn wait_at_most(&self, longest: Duration) -> Duration {
        let held = self.reorder.as_ref().and_then(|reorder| reorder.time_to_next(Instant::now()));
        held.unwrap_or(longest).min(longest)
    }

    /// Writes out what is held back for speed: the moment when nothing more is at hand.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        let flushed = match &mut self.destination {
            Destination::Formatted(console) => console.flush(),
            Destination::Raw(raw) => raw.flush(),
            Destination::None => Ok(()),
        };
        self.unless_abandoned(flushed)?;
        self.router.flush();
        Ok(())
    }

    /// Whether nobody reads what is shown any more.
    pub(super) fn is_closed(&self) -> bool {
        !matches!(self.destination, Destination::None) && terminal::stdout_is_closed()
    }

    /// Prints counts and losses when they are due, or at the end.
    pub(super) fn report(&mut self, now: Instant, end: bool) {
        self.losses.report(now, end);
        let Some((stats, every)) = &mut self.stats else { return };
        let due = every.is_some_and(|every| stats.age(now) >= every);
        if due || end {
            terminal::eprint_line(stats.report(now).trim_end());
        }
    }
}

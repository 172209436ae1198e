//! The part of a tail that is the same wherever records come from: what passes,
//! in which order, in which shape, and what is missing.

use std::io::Write;
use std::time::{Duration, Instant};

use super::losses::Losses;
use crate::error::Result;
use crate::filter::{Filter, Topics};
use crate::handler::Handler;
use crate::handler::console::Console;
use crate::record::{Level, Record};
use crate::reorder::Reorder;
use crate::route::{Router, Takes};
use crate::source::Flow;
use crate::stats::Stats;
use crate::term;
use crate::wire;

/// Where records are shown.
pub(super) enum Out {
    /// As a format has them.
    Formatted(Console<Box<dyn Write>>),
    /// Nowhere: handlers have them.
    Nowhere,
    /// Their bodies as they came. See [`View::take_raw`].
    Raw {
        /// Standard output.
        writer: Box<dyn Write>,
        /// Whether it is a terminal, which bytes from outside must not steer.
        escape: bool,
    },
}

/// Shows records that pass.
pub(super) struct View {
    /// Which topics pass. Apart from the rest of the filter: sequence numbers are
    /// followed in topics that were asked for, whatever else is filtered.
    pub(super) topics: Topics,
    /// What else a record must be to pass.
    pub(super) filter: Filter,
    /// Records that are missing.
    pub(super) losses: Losses,
    /// Holds records to put them in order.
    pub(super) reorder: Option<Reorder>,
    /// Counts, and how often they are to be printed: `None` is at the end.
    pub(super) stats: Option<(Stats, Option<Duration>)>,
    /// Where records are shown.
    pub(super) out: Out,
    /// Which of them, where `--console` says so.
    pub(super) takes: Option<Takes>,
    /// Where else they go.
    pub(super) router: Router,
    /// How many records are wanted.
    pub(super) limit: Option<u64>,
    /// Records shown.
    pub(super) shown: u64,
    /// Records of wanted topics that the filter left out.
    pub(super) filtered: u64,
    /// Records that were subscribed to, and whose topic is not wanted all the same.
    pub(super) unwanted: u64,
    /// Records that could not be decoded, of those shown.
    pub(super) undecoded: u64,
    /// Reused: the topic of a record that has none.
    pub(super) scratch: String,
}

impl View {
    /// Takes a record: shows it, holds it, or leaves it out.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn take(&mut self, record: Record<'_>) -> Result<Flow> {
        if !self.passes(&record) {
            return Ok(Flow::More);
        }
        match &mut self.reorder {
            Some(reorder) => {
                reorder.push(record.into_owned(), Instant::now());
                Ok(Flow::More)
            }
            None => self.show(&record),
        }
    }

    /// Takes a message as it came, whose record is `record`: as [`View::take`], or as
    /// [`View::take_raw`] where bodies are shown as they are.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn take_message(&mut self, frames: &[&[u8]], record: Record<'_>) -> Result<Flow> {
        match self.out {
            Out::Raw { .. } => self.take_raw(frames, &record),
            Out::Formatted(_) | Out::Nowhere => self.take(record),
        }
    }

    /// Takes a message as it came, whose record is `record`: its body is shown as it is.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn take_raw(&mut self, frames: &[&[u8]], record: &Record<'_>) -> Result<Flow> {
        if !self.passes(record) {
            return Ok(Flow::More);
        }
        let printed = self.prints(record);
        if let (Out::Raw { writer, escape }, true) = (&mut self.out, printed) {
            let body = frames.last().copied().unwrap_or_default();
            let mut shown = Vec::new();
            let body = match *escape {
                true => {
                    term::escape_bytes_into(&mut shown, body, term::Newlines::Keep);
                    &shown
                }
                false => body,
            };
            let written = writer.write_all(body).and_then(|()| writer.write_all(b"\n"));
            written.map_err(|error| term::output_error(&error))?;
        }
        self.router.handle(record);
        Ok(self.count(record))
    }

    /// Whether the record is one of those asked for; follows its sequence number.
    fn passes(&mut self, record: &Record<'_>) -> bool {
        if !self.wants_topic(record) {
            self.unwanted += 1;
            return false;
        }
        self.losses.see(record);
        let passes = self.filter.accepts(record);
        self.filtered += u64::from(!passes);
        passes
    }

    /// A record of a stored log may have no topic: then it is what `emit` would
    /// give it, its logger's name for a root.
    pub(super) fn wants_topic(&mut self, record: &Record<'_>) -> bool {
        self.topics.accept(wire::topic::of(record, &mut self.scratch))
    }

    /// What to subscribe to: what was asked for. Where that is everything, what nobody
    /// here takes need not come.
    pub(super) fn subscriptions(&self, level: Option<Level>) -> Vec<Vec<u8>> {
        let everything = self.topics.wanted.is_empty() && self.topics.roots.is_empty();
        let printed = match (&self.out, &self.takes) {
            (Out::Nowhere, _) => &[],
            (_, Some(takes)) if !takes.topics().is_empty() => takes.topics(),
            _ => return self.topics.subscriptions(level),
        };
        if !everything {
            return self.topics.subscriptions(level);
        }
        let mut wanted = self.router.wanted();
        wanted.extend(printed.iter().map(|topic| topic.clone().into_bytes()));
        wanted
    }

    fn show(&mut self, record: &Record<'_>) -> Result<Flow> {
        let printed = self.prints(record);
        if let (Out::Formatted(console), true) = (&mut self.out, printed) {
            console.handle(record)?;
        }
        self.router.handle(record);
        Ok(self.count(record))
    }

    /// Whether the console takes it. Handlers have filters of their own.
    fn prints(&mut self, record: &Record<'_>) -> bool {
        let scratch = &mut self.scratch;
        self.takes.as_ref().is_none_or(|takes| takes.accepts_record(record, scratch))
    }

    fn count(&mut self, record: &Record<'_>) -> Flow {
        self.shown += 1;
        self.undecoded += u64::from(record.fault.is_some());
        if let Some((stats, _)) = &mut self.stats {
            stats.count(record);
        }
        if self.full() { Flow::Enough } else { Flow::More }
    }

    /// How many records were shown that did not fit the format.
    pub(super) fn unformatted(&self) -> u64 {
        match &self.out {
            Out::Formatted(console) => console.unformatted(),
            Out::Raw { .. } | Out::Nowhere => 0,
        }
    }

    /// Whether as many records as wanted have been shown.
    pub(super) fn full(&self) -> bool {
        self.limit.is_some_and(|limit| self.shown >= limit)
    }

    /// Shows the held records whose window has passed; all of them at the end.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn release(&mut self, now: Instant, end: bool) -> Result<()> {
        while !self.full() {
            let Some(reorder) = &mut self.reorder else { return Ok(()) };
            let record = if end { reorder.pop_any() } else { reorder.pop(now) };
            match record {
                Some(record) => self.show(&record)?,
                None => return Ok(()),
            };
        }
        Ok(())
    }

    /// How long may be waited before something is due here.
    pub(super) fn wait(&self, longest: Duration) -> Duration {
        let held = self.reorder.as_ref().and_then(|reorder| reorder.wait(Instant::now()));
        held.unwrap_or(longest).min(longest)
    }

    /// Writes out what is held back for speed: the moment when nothing more is at hand.
    ///
    /// # Errors
    /// The output can't be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        match &mut self.out {
            Out::Formatted(console) => console.flush()?,
            Out::Raw { writer, .. } => {
                writer.flush().map_err(|error| term::output_error(&error))?;
            }
            Out::Nowhere => {}
        }
        self.router.flush();
        Ok(())
    }

    /// Whether nobody reads what is shown any more.
    pub(super) fn is_closed(&self) -> bool {
        !matches!(self.out, Out::Nowhere) && term::stdout_is_closed()
    }

    /// Prints counts and losses when they are due, or at the end.
    pub(super) fn report(&mut self, now: Instant, end: bool) {
        self.losses.report(now, end);
        let Some((stats, every)) = &mut self.stats else { return };
        let due = every.is_some_and(|every| stats.age(now) >= every);
        if due || end {
            term::tell(stats.report(now).trim_end());
        }
    }
}

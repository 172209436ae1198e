//! The watch over a handler: what became of its records, and outages, each told once
//! when it begins, when its cause becomes another, and once when it ends.
//!
//! What may be here: counting and telling. A watched handler never fails: whoever gives
//! it records has nothing to decide, and the next handler is none the worse for it.
//!
//! # When an outage is over
//! A handler that batches or retries takes records without an error while its target
//! is away, so that an error which does not come back means nothing. What counts are
//! records that have arrived: those taken, without those that wait or are lost. An
//! outage is over when there are more of them than at the last error, and the handler
//! does not say that its target is away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::handler::{Handler, Held};
use zlog_core::error::{Error, Result};
use zlog_core::record::Record;
use zlog_core::text::escape::visible;
use zlog_core::text::plural::{grouped, plural, were};

/// When a handler that fails as it is asked when it is due is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// For how long a cause that comes and goes within an outage is not told again.
const AGAIN: Duration = Duration::from_secs(60);

/// Where messages for a person go.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// What is known of a handler on whichever thread it runs. Written by that one alone.
#[derive(Default)]
pub(super) struct Tally {
    /// Records that it took.
    pub(super) taken: AtomicU64,
    /// Records that it did not take.
    pub(super) failed: AtomicU64,
    /// Of those taken, records that have not arrived yet.
    pub(super) waiting: AtomicU64,
    /// Of those taken, records that never will.
    pub(super) lost: AtomicU64,
    /// Of those taken, records that arrived with a part missing.
    pub(super) cut: AtomicU64,
    /// Of those taken, records of which nobody knows whether they have arrived.
    pub(super) unconfirmed: AtomicU64,
    /// Records that could not be formatted as asked, and were written all the same.
    pub(super) unformatted: Arc<AtomicU64>,
    /// The outage that it is in.
    outage: Mutex<Option<OutageStatus>>,
}

/// A handler that can't do its work just now.
#[derive(Clone, PartialEq, Debug)]
pub struct OutageStatus {
    /// Since when.
    pub since: Instant,
    /// The latest error.
    pub error: String,
    /// Records that it has cost so far.
    pub lost: u64,
}

impl Tally {
    /// The outage that the handler is in.
    pub(super) fn outage(&self) -> Option<OutageStatus> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_outage(&self, outage: Option<OutageStatus>) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = outage;
    }
}

/// A handler, watched.
pub(super) struct Watched {
    inner: Box<dyn Handler + Send>,
    tally: Arc<Tally>,
    voice: Voice,
    // What the tally says, without going through memory that others read.
    taken: u64,
    failed: u64,
    held: Held,
    outage: Option<Outage>,
}

/// Tells of one handler.
#[derive(Clone)]
pub(super) struct Voice {
    /// What its messages begin with: `zlog tail: handler errors.log`.
    prefix: String,
    /// Whether there are other handlers.
    others: bool,
    tell: Tell,
}

struct Outage {
    /// What had arrived at the last error.
    arrived: u64,
    /// What was lost before it began.
    lost_before: u64,
    /// What was unconfirmed before it began.
    unconfirmed_before: u64,
    /// What was told of it.
    causes: Causes,
}

/// The causes of an outage that were told. While it lasts, it may get worse, or another
/// one: a mail server that refuses one recipient for ever is down for an hour.
struct Causes {
    last: String,
    told: Vec<(String, Instant)>,
}

impl Causes {
    fn new(first: &Error) -> Causes {
        let last = cause(first);
        Causes { told: vec![(last.clone(), Instant::now())], last }
    }

    /// Whether this is another one than the last, and was not told for a while.
    fn is_news(&mut self, error: &Error) -> bool {
        let cause = cause(error);
        if cause == self.last {
            return false;
        }
        let now = Instant::now();
        self.told.retain(|(_, told)| now.duration_since(*told) < AGAIN);
        let news = self.told.iter().all(|(known, _)| *known != cause);
        if news {
            self.told.push((cause.clone(), now));
        }
        self.last = cause;
        news
    }
}

/// What an error is about: what failed, and why. Without what stands between the two (how
/// much of a block was written before), and without figures: these change from one to the
/// next.
fn cause(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let what = line.split(": ").next().into_iter();
    let parts = what.chain(line.rsplit(": ").next());
    parts.flat_map(str::chars).filter(|c| !c.is_ascii_digit()).collect()
}

impl Voice {
    /// Speaks for the handler `name` of the command `command`.
    pub(super) fn new(command: &str, name: &str, others: bool, tell: &Tell) -> Voice {
        let prefix = format!("zlog {command}: handler {}", visible(name));
        Voice { prefix, others, tell: Arc::clone(tell) }
    }

    /// Something has gone wrong that will not be told again until it is over.
    pub(super) fn begins(&self, error: &Error) {
        let hint = error.next_step().map_or_else(String::new, |hint| format!("\n  {hint}"));
        let others = if self.others { "; the others go on" } else { "" };
        (self.tell)(&format!("{}: {}{others}{hint}", self.prefix, error.message()));
    }

    /// It is over, and has cost so many; of those before it, so many may be lost as well.
    fn ends(&self, lost: u64, unconfirmed: u64) {
        let lost = match lost {
            0 => "no record was lost".to_owned(),
            lost => format!("{} {} {} lost", grouped(lost), plural(lost, "record"), were(lost)),
        };
        let before = match unconfirmed {
            0 => String::new(),
            n => format!("; of {} sent before it, the last may not have arrived", grouped(n)),
        };
        (self.tell)(&format!("{} works again; {lost} meanwhile{before}", self.prefix));
    }

    /// One more thing about the handler.
    pub(super) fn say(&self, what: &str) {
        (self.tell)(&format!("{}: {what}", self.prefix));
    }
}

impl Watched {
    /// Watches over `inner`, and keeps `tally`.
    pub(super) fn new(inner: Box<dyn Handler + Send>, tally: Arc<Tally>, voice: Voice) -> Watched {
        let held = Held::default();
        Watched { inner, tally, voice, taken: 0, failed: 0, held, outage: None }
    }

    /// Asks the handler what it holds.
    fn ask(&mut self) {
        self.held = self.inner.held();
        self.tally.waiting.store(self.held.waiting, Ordering::Relaxed);
        self.tally.lost.store(self.held.lost, Ordering::Relaxed);
        self.tally.cut.store(self.held.cut, Ordering::Relaxed);
        self.tally.unconfirmed.store(self.held.unconfirmed, Ordering::Relaxed);
    }

    /// Asks the handler what it holds, and whether its outage is over.
    fn look(&mut self) {
        self.ask();
        let (arrived, lost) = (self.arrived(), self.lost());
        if !self.held.away
            && self.outage.as_ref().is_some_and(|outage| arrived > outage.arrived)
            && let Some(outage) = self.outage.take()
        {
            let unconfirmed = self.held.unconfirmed.saturating_sub(outage.unconfirmed_before);
            self.voice.ends(lost - outage.lost_before, unconfirmed);
            self.tally.set_outage(None);
        }
    }

    /// Records that arrived, by what is known.
    fn arrived(&self) -> u64 {
        self.taken.saturating_sub(self.held.waiting + self.held.lost)
    }

    /// Records that never will, by what is known.
    fn lost(&self) -> u64 {
        self.failed + self.held.lost
    }

    /// Something went wrong, when `lost` records had been lost before.
    fn fail(&mut self, error: &Error, lost_before: u64) {
        let unconfirmed_before = self.held.unconfirmed;
        // What has arrived with an error, like the first records of a block of which only
        // a part could be written, does not end an outage.
        self.ask();
        let arrived = self.arrived();
        let lost_now = self.lost();
        let status = match &mut self.outage {
            Some(outage) => {
                outage.arrived = arrived;
                if outage.causes.is_news(error) {
                    self.voice.begins(error);
                }
                let lost = lost_now - outage.lost_before;
                let error = error.to_string();
                self.tally.outage().map(|status| OutageStatus { error, lost, ..status })
            }
            None => {
                self.voice.begins(error);
                let causes = Causes::new(error);
                self.outage = Some(Outage { arrived, lost_before, unconfirmed_before, causes });
                let lost = lost_now - lost_before;
                Some(OutageStatus { since: Instant::now(), error: error.to_string(), lost })
            }
        };
        self.tally.set_outage(status);
    }

    /// Takes note of how something went.
    fn note(&mut self, outcome: Result<()>) {
        match outcome {
            Ok(()) => self.look(),
            Err(error) => self.fail(&error, self.lost()),
        }
    }
}

impl Handler for Watched {
    /// # Errors
    /// Never.
    fn handle(&mut self, record: &Record<'_>) -> Result<()> {
        match self.inner.handle(record) {
            Ok(()) => {
                self.taken += 1;
                self.tally.taken.store(self.taken, Ordering::Relaxed);
                if self.outage.is_some() {
                    self.look();
                }
            }
            Err(error) => {
                let lost_before = self.lost();
                if error.is_record_kept() {
                    self.taken += 1;
                    self.tally.taken.store(self.taken, Ordering::Relaxed);
                } else {
                    self.failed += 1;
                    self.tally.failed.store(self.failed, Ordering::Relaxed);
                }
                self.fail(&error, lost_before);
            }
        }
        Ok(())
    }

    /// # Errors
    /// Never.
    fn flush(&mut self) -> Result<()> {
        match self.inner.flush() {
            Err(error) => self.note(Err(error)),
            // What was held may have arrived with it.
            Ok(()) if self.outage.is_some() => self.look(),
            Ok(()) if self.held.waiting > 0 => self.ask(),
            Ok(()) => {}
        }
        Ok(())
    }

    /// # Errors
    /// Never.
    fn tend(&mut self, now: Instant) -> Result<Option<Instant>> {
        // Should it hang in this, these are what it holds.
        self.tally.waiting.store(self.inner.held().waiting, Ordering::Relaxed);
        let due = match self.inner.tend(now) {
            Ok(due) => {
                self.look();
                due
            }
            Err(error) => {
                self.note(Err(error));
                self.inner.tend(now).unwrap_or(Some(now + RETRY))
            }
        };
        Ok(due)
    }

    /// # Errors
    /// Never: what went wrong has been told.
    fn reopen(&mut self) -> Result<()> {
        if let Err(error) = self.inner.reopen() {
            self.voice.say(&error.to_string());
        }
        Ok(())
    }

    fn held(&self) -> Held {
        self.inner.held()
    }

    /// # Errors
    /// Never.
    fn close(&mut self, until: Instant) -> Result<()> {
        let closed = self.inner.close(until);
        self.note(closed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

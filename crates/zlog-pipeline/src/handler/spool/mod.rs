//! What waits to be sent: records gather into batches, batches wait in a bounded
//! spool, and one that could not be sent is tried again, later each time. Handlers
//! whose target can be away stand on this (mail, syslog, commands).
//!
//! What may be here: when a batch is full, due, tried again or given up, and what is
//! counted of it. How a batch is sent is its transport's.

mod backoff;
mod batch;
mod deferred;

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use self::backoff::Backoff;
pub(super) use self::batch::Batch;
use self::deferred::Deferred;
use super::Backlog;
use zlog_core::error::{Error, Result};
use zlog_core::record::Level;

/// How records gather into one mail, or one run of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// A batch is sent when it holds so many records (at least one).
    pub count: usize,
    /// Or when its first record has waited so long. Zero: whenever there is a pause.
    pub time: Duration,
}

impl BatchOptions {
    /// Every record by itself, at once.
    pub const EACH: BatchOptions = BatchOptions { count: 1, time: Duration::ZERO };
}

impl Default for BatchOptions {
    /// A thousand records, ten seconds.
    fn default() -> BatchOptions {
        BatchOptions { count: 1000, time: Duration::from_secs(10) }
    }
}

/// How much may wait while the target is away, in memory, and when it is tried again.
///
/// What finds no room is dropped and counted: the newest. The records that waited
/// longer tell how it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Records that may wait, those of the batch that gathers included. None at all:
    /// each is sent while whoever logs waits, and fails if it can't be.
    pub records: usize,
    /// Bytes that they may take, as they are shown.
    pub bytes: usize,
    /// How long after a failure it is tried again. It doubles with each further one,
    /// up to `retry_max`; chance takes off up to half, lest all try at once.
    pub retry: Duration,
    /// The longest time between two tries.
    pub retry_max: Duration,
}

impl SpoolOptions {
    /// Nothing waits: a record is sent at once, or it fails.
    pub const NONE: SpoolOptions =
        SpoolOptions { records: 0, bytes: 0, retry: Duration::ZERO, retry_max: Duration::ZERO };
}

impl Default for SpoolOptions {
    /// 10,000 records, 16 MiB; tried again after 1 second, later up to 1 minute.
    fn default() -> SpoolOptions {
        SpoolOptions {
            records: 10_000,
            bytes: 16 << 20,
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
        }
    }
}

/// Sends batches.
pub(super) trait Transport {
    /// What it remembers of a batch between two tries.
    type Progress: Default;

    /// Sends a batch, or what is left of it, not beyond `until`.
    fn send(&mut self, batch: &mut Batch<Self::Progress>, until: Option<Instant>) -> SendOutcome;
}

/// What became of a batch.
#[derive(Debug)]
pub(super) enum SendOutcome {
    /// It was taken.
    Sent,
    /// It was taken, but there is something to tell.
    SentInPart(Error),
    /// It is not taken now or later.
    Rejected(Error),
    /// The target is away, or asks to come again.
    Retry(Error),
    /// It was taken, but somebody is to get it later.
    Deferred(Error),
}

/// Records in batches, and the transport that sends them.
pub(super) struct Spool<C: Transport> {
    transport: C,
    batching: BatchOptions,
    options: SpoolOptions,
    /// Bytes that a batch may take, if it is of more than one record.
    batch_bytes: usize,
    /// The batch that gathers, and when it is due.
    open: Batch<C::Progress>,
    due: Instant,
    /// Batches that are to be sent, oldest first.
    full: VecDeque<Batch<C::Progress>>,
    /// Batches that arrived, but for stragglers.
    deferred: Deferred<C::Progress>,
    /// In the batches that did not arrive.
    records: usize,
    bytes: usize,
    backoff: Backoff,
    /// The target is unreachable: when it is tried again.
    next_try: Option<Instant>,
    /// The last batch that was taken was not taken by all, or not all of it.
    sent_in_part: bool,
    lost: u64,
    /// What went wrong within [`Spool::push`], which has taken its record all the same.
    error: Option<Error>,
}

impl<C: Transport> Spool<C> {
    pub(super) fn new(
        transport: C,
        batching: BatchOptions,
        options: SpoolOptions,
        batch_bytes: usize,
    ) -> Spool<C> {
        let count = batching.count.clamp(1, options.records.max(1));
        Spool {
            transport,
            batching: BatchOptions { count, ..batching },
            batch_bytes: batch_bytes.min(options.bytes),
            backoff: Backoff::new(options.retry, options.retry_max),
            deferred: Deferred::new(options.retry_max),
            options,
            open: Batch::default(),
            due: Instant::now(),
            full: VecDeque::new(),
            records: 0,
            bytes: 0,
            next_try: None,
            sent_in_part: false,
            lost: 0,
            error: None,
        }
    }

    pub(super) fn transport(&self) -> &C {
        &self.transport
    }

    pub(super) fn transport_mut(&mut self) -> &mut C {
        &mut self.transport
    }

    /// Takes in a record as it is shown. `head` is asked for where the record is worse
    /// than all before it in its batch.
    ///
    /// # Errors
    /// Where nothing may wait: it could not be sent. Else never: what goes wrong is
    /// told by [`Spool::on_timer`] and [`Spool::flush`].
    pub(super) fn push(
        &mut self,
        level: Level,
        shown: &[u8],
        head: impl FnOnce() -> String,
    ) -> Result<()> {
        if self.options.records == 0 {
            let mut batch = Batch::default();
            batch.push(level, shown, head);
            return match self.transport.send(&mut batch, None) {
                SendOutcome::Sent => Ok(()),
                SendOutcome::SentInPart(error)
                | SendOutcome::Rejected(error)
                | SendOutcome::Retry(error)
                | SendOutcome::Deferred(error) => Err(error),
            };
        }
        if !self.has_room(shown.len()) {
            self.lost += 1;
            let last = if self.open.is_empty() { self.full.back_mut() } else { None };
            last.unwrap_or(&mut self.open).dropped += 1;
            return Ok(());
        }
        if self.open.text.len() + shown.len() > self.batch_bytes {
            self.close_batch();
        }
        if self.open.is_empty() {
            self.due = Instant::now() + self.batching.time;
        }
        self.open.push(level, shown, head);
        self.records += 1;
        self.bytes += shown.len();
        if self.open.len() >= self.batching.count {
            self.close_batch();
        }
        self.send_full();
        Ok(())
    }

    /// Does what is due. Returns when there is something due again.
    ///
    /// # Errors
    /// What went wrong since this was last asked, the first of it.
    pub(super) fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        if !self.open.is_empty() && self.due <= now {
            self.close_batch();
        }
        // One batch: whoever calls may have records to give in between.
        if !self.full.is_empty() && self.next_try.is_none_or(|at| at <= now) {
            self.send_next(None);
        } else if self.next_try.is_none()
            && let Some(batch) = self.deferred.take_due(now)
        {
            self.resend(batch, None);
        }
        self.take_error()?;
        Ok(self.next_due(now))
    }

    /// There is a pause: batches that don't wait for a time are sent.
    ///
    /// # Errors
    /// As [`Spool::on_timer`].
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.batching.time.is_zero() {
            self.close_batch();
            self.send_full();
        }
        self.take_error()
    }

    /// Sends everything, trying again where that helps, until `until`. What is left
    /// then is lost.
    ///
    /// # Errors
    /// As [`Spool::on_timer`].
    pub(super) fn close(&mut self, until: Instant) -> Result<()> {
        self.close_batch();
        self.backoff.reset();
        while !self.full.is_empty() && Instant::now() < until {
            if !self.send_next(Some(until)) {
                let left = until.saturating_duration_since(Instant::now());
                // Nobody is kept waiting but who asked for it.
                thread::sleep(self.backoff.next().min(left));
            }
        }
        // Each of those that were put off once more.
        for _ in 0..self.deferred.len() {
            if let Some(batch) = self.deferred.take()
                && Instant::now() < until
            {
                self.resend(batch, Some(until));
            }
        }
        self.deferred = Deferred::new(self.options.retry_max);
        self.lost += self.unsent();
        self.full.clear();
        (self.records, self.bytes) = (0, 0);
        self.next_try = None;
        self.take_error()
    }

    pub(super) fn backlog(&self) -> Backlog {
        let unreachable = self.next_try.is_some() || self.sent_in_part;
        Backlog { waiting: self.unsent(), lost: self.lost, unreachable, ..Backlog::default() }
    }

    /// Records that have neither arrived nor been given up.
    fn unsent(&self) -> u64 {
        let through: usize = self.full.iter().map(|batch| batch.done).sum();
        (self.records - through) as u64
    }

    fn take_error(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Whether one more record may wait. Before it may not, what can be sent is.
    fn has_room(&mut self, size: usize) -> bool {
        let fits = |spool: &Spool<C>| {
            spool.records < spool.options.records
                && spool.bytes.saturating_add(size) <= spool.options.bytes
        };
        if !fits(self) && self.next_try.is_none() {
            self.close_batch();
            self.send_full();
        }
        if !fits(self) && self.next_try.is_none() {
            let most = self.options.bytes;
            let error = Error::new(format!("a record of {size} bytes is more than may wait"))
                .hint(format!("It was dropped. At most {most} bytes may wait: allow more."));
            self.error.get_or_insert(error);
        }
        fits(self)
    }

    /// The batch that gathers is to be sent.
    fn close_batch(&mut self) {
        if !self.open.is_empty() {
            let mut batch = std::mem::take(&mut self.open);
            batch.text.shrink_to_fit();
            self.full.push_back(batch);
        }
    }

    /// Sends all that is to be sent, unless the target is known to be away.
    fn send_full(&mut self) {
        while self.next_try.is_none() && !self.full.is_empty() {
            self.send_next(None);
        }
    }

    /// Tries to send the oldest batch. Returns whether it is through, or given up.
    fn send_next(&mut self, until: Option<Instant>) -> bool {
        let Some(batch) = self.full.front_mut() else { return true };
        let mut deferred = false;
        let error = match self.transport.send(batch, until) {
            SendOutcome::Sent => {
                self.sent_in_part = false;
                None
            }
            SendOutcome::SentInPart(error) => {
                self.sent_in_part = true;
                Some(error)
            }
            SendOutcome::Deferred(error) => {
                (self.sent_in_part, deferred) = (true, true);
                Some(error)
            }
            SendOutcome::Rejected(error) => {
                self.lost += (batch.len() - batch.done) as u64;
                Some(error)
            }
            SendOutcome::Retry(error) => {
                self.error.get_or_insert(error);
                self.next_try = Some(Instant::now() + self.backoff.next());
                return false;
            }
        };
        if let Some(error) = error {
            self.error.get_or_insert(error);
        }
        self.records -= batch.len();
        self.bytes -= batch.text.len();
        if let Some(batch) = self.full.pop_front().filter(|_| deferred) {
            self.deferred.put(batch);
        }
        self.next_try = None;
        self.backoff.reset();
        true
    }

    /// Tries to send a batch to those who put it off.
    fn resend(&mut self, mut batch: Batch<C::Progress>, until: Option<Instant>) {
        match self.transport.send(&mut batch, until) {
            // With more of them, it is not over.
            SendOutcome::Sent => self.sent_in_part = self.deferred.len() > 0,
            SendOutcome::SentInPart(error) | SendOutcome::Rejected(error) => {
                self.error.get_or_insert(error);
            }
            // That they put it off was told.
            SendOutcome::Retry(_) | SendOutcome::Deferred(_) => self.deferred.put(batch),
        }
    }

    fn next_due(&self, now: Instant) -> Option<Instant> {
        let sent = (!self.full.is_empty()).then_some(now);
        let gathering = (!self.open.is_empty()).then_some(self.due);
        let due = [sent, gathering, self.deferred.due()].into_iter().flatten().min()?;
        Some(self.next_try.map_or(due, |at| due.max(at)))
    }
}

#[cfg(test)]
mod tests;

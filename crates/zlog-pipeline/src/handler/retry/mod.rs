//! Retries for handlers whose target may be unreachable (mail, syslog, commands): records gather
//! into batches, batches wait in memory, and a failed batch is sent again after an
//! exponentially growing delay.
//!
//! [`Retry`] is the handler. A [`Transport`] formats records and sends batches; it never retries
//! by itself.

mod backoff;
mod batch;
mod deferred;

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use self::backoff::Backoff;
pub(super) use self::batch::Batch;
use self::deferred::Deferred;
use super::{Backlog, HandleError, Handler, clear};
use zlog_core::{Error, Level, Record, Result};

/// How records gather into one mail, or one run of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// A batch is sent when it has this many records; at least one.
    pub count: usize,
    /// Or when its first record has waited this long. Zero: on every pause.
    pub time: Duration,
}

impl BatchOptions {
    /// Each record is sent at once.
    pub const EACH: BatchOptions = BatchOptions { count: 1, time: Duration::ZERO };
}

impl Default for BatchOptions {
    /// 1,000 records or 10 seconds.
    fn default() -> BatchOptions {
        BatchOptions { count: 1000, time: Duration::from_secs(10) }
    }
}

/// How much may wait in memory while the target is unreachable, and when to try again.
///
/// A record that does not fit is dropped and counted. The older ones are kept: they show how
/// the outage began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOptions {
    /// The most waiting records, including the batch being gathered. Zero: each record is sent
    /// while the caller waits, and fails if that is not possible.
    pub records: usize,
    /// The most bytes of formatted records.
    pub bytes: usize,
    /// The delay after the first failure. It doubles with each further failure, up to
    /// `retry_max`; jitter shortens it by up to half.
    pub retry: Duration,
    /// The longest delay between two attempts.
    pub retry_max: Duration,
}

impl RetryOptions {
    /// Nothing waits: a record is sent at once, or fails.
    pub const NONE: RetryOptions =
        RetryOptions { records: 0, bytes: 0, retry: Duration::ZERO, retry_max: Duration::ZERO };
}

impl Default for RetryOptions {
    /// 10,000 records or 16 MiB; retries after 1 second up to 1 minute.
    fn default() -> RetryOptions {
        RetryOptions {
            records: 10_000,
            bytes: 16 << 20,
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
        }
    }
}

/// Formats records and sends batches of them.
pub trait Transport {
    /// State of a batch that it keeps between two attempts.
    type Progress: Default;

    /// Appends the formatted record to `out`.
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>);

    /// A summary of the record. Called for a record that is worse than those before it in its
    /// batch.
    fn summary(&mut self, _record: &Record<'_>) -> String {
        String::new()
    }

    /// Sends a batch, or what is left of it, at most until `until`. If it has [begun](Transport::begin),
    /// waits for the outcome. With [`SendOutcome::Retry`], no later batch counts as begun any more.
    fn send(&mut self, batch: &mut Batch<Self::Progress>, until: Option<Instant>) -> SendOutcome;

    /// The most batches that may have begun before the first of them is done.
    fn most_begun(&self) -> usize {
        0
    }

    /// Begins to send a batch, after those that have begun before, and does not wait. Returns false if
    /// that is not possible now: [`Transport::send`] then tells why.
    fn begin(&mut self, _batch: &Batch<Self::Progress>) -> bool {
        false
    }

    /// Records of batches that counted as sent, as far as the transport knows more about them.
    /// [`Retry`] adds its own.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    /// A formatted record that counted as sent and was refused later, to be sent again.
    fn take_refused(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// When to call [`Transport::take_refused`].
    fn refusal_due(&self) -> Option<Instant> {
        None
    }

    /// The least delay before the next attempt, if the target asked for one with the last
    /// [`SendOutcome::Retry`].
    fn retry_after(&mut self) -> Option<Duration> {
        None
    }

    /// Gives up what it wanted to send with the next batch, since there will be none, and ends its
    /// connection, until `until` at the latest.
    ///
    /// # Errors
    /// What counted as sent may not have arrived.
    fn close(&mut self, _until: Instant) -> Result<()> {
        Ok(())
    }

    /// See [`Handler::take_notices`].
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// The result of sending a batch.
#[derive(Debug)]
pub enum SendOutcome {
    /// The target accepted it.
    Sent,
    /// The target accepted it, except for some records or recipients.
    SentInPart(Error),
    /// The target will never accept it.
    Rejected(Error),
    /// The target is unreachable, or asked to try again.
    Retry(Error),
    /// The target accepted it, but some recipients asked to try again.
    Deferred(Error),
}

/// The deadline of an attempt that may take `timeout`, at most until `until`.
pub(super) fn deadline(timeout: Duration, until: Option<Instant>) -> Instant {
    let deadline = Instant::now() + timeout;
    until.map_or(deadline, |until| until.min(deadline))
}

/// Sends records in batches through a [`Transport`], and retries.
pub struct Retry<T: Transport> {
    transport: T,
    batching: BatchOptions,
    options: RetryOptions,
    /// The most bytes of a batch with more than one record.
    batch_bytes: usize,
    /// The batch being gathered, and when it is due.
    open: Batch<T::Progress>,
    due: Instant,
    /// Complete batches, oldest first.
    full: VecDeque<Batch<T::Progress>>,
    /// How many of them, from the first on, the transport has begun to send. [`Handler::flush`], which
    /// runs when no more records wait, waits for their outcome.
    begun: usize,
    /// Batches that some recipients deferred.
    deferred: Deferred<T::Progress>,
    /// Records in `open` and `full`.
    records: usize,
    /// Bytes in `open` and `full`.
    bytes: usize,
    backoff: Backoff,
    /// The target is unreachable: when to try again.
    next_try: Option<Instant>,
    /// How long the target asked to wait when it last failed.
    asked: Duration,
    /// The last accepted batch was accepted only in part.
    sent_in_part: bool,
    lost: u64,
    /// The first error that was not returned yet.
    error: Option<Error>,
    /// Reused: the formatted record.
    buffer: Vec<u8>,
}

impl<T: Transport> Retry<T> {
    pub(super) fn with_transport(
        transport: T,
        batching: BatchOptions,
        options: RetryOptions,
        batch_bytes: usize,
    ) -> Retry<T> {
        let count = batching.count.clamp(1, options.records.max(1));
        Retry {
            transport,
            batching: BatchOptions { count, ..batching },
            batch_bytes: batch_bytes.min(options.bytes),
            backoff: Backoff::new(options.retry, options.retry_max),
            deferred: Deferred::new(options.retry_max),
            options,
            open: Batch::default(),
            due: Instant::now(),
            full: VecDeque::new(),
            begun: 0,
            records: 0,
            bytes: 0,
            next_try: None,
            asked: Duration::ZERO,
            sent_in_part: false,
            lost: 0,
            error: None,
            buffer: Vec::new(),
        }
    }

    pub(super) fn transport(&self) -> &T {
        &self.transport
    }

    /// Sends a record while the caller waits.
    fn send_now(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        let mut batch = Batch::default();
        let transport = &mut self.transport;
        batch.push(record.level, &self.buffer, || transport.summary(record));
        match transport.send(&mut batch, None) {
            SendOutcome::Sent => Ok(()),
            SendOutcome::SentInPart(error)
            | SendOutcome::Rejected(error)
            | SendOutcome::Retry(error)
            | SendOutcome::Deferred(error) => Err(error.into()),
        }
    }

    /// Adds a formatted record to the current batch, and sends what is complete.
    fn push(&mut self, level: Level, formatted: &[u8], record: Option<&Record<'_>>) {
        if !self.has_room(formatted.len()) {
            self.lost += 1;
            let last = if self.open.is_empty() { self.full.back_mut() } else { None };
            last.unwrap_or(&mut self.open).dropped += 1;
            return;
        }
        if self.open.text.len() + formatted.len() > self.batch_bytes {
            self.close_batch();
        }
        if self.open.is_empty() {
            self.due = Instant::now() + self.batching.time;
        }
        let transport = &mut self.transport;
        let summary = || record.map_or_else(String::new, |record| transport.summary(record));
        self.open.push(level, formatted, summary);
        self.records += 1;
        self.bytes += formatted.len();
        if self.open.len() >= self.batching.count {
            self.close_batch();
        }
        self.send_full(self.transport.most_begun().saturating_sub(1));
    }

    /// Puts a record back that counted as sent and was refused. While others wait, the transport
    /// notices the refusal when it sends them, and keeps the order.
    fn take_back_refused(&mut self) {
        if self.unsent() == 0
            && let Some(formatted) = self.transport.take_refused()
        {
            self.push(Level::NOTSET, &formatted, None);
            self.close_batch();
        }
    }

    /// Records that were neither sent nor given up.
    fn unsent(&self) -> u64 {
        let sent: usize = self.full.iter().map(|batch| batch.done).sum();
        (self.records - sent) as u64
    }

    /// When the batch being gathered is due. Without a time, a pause ends it ([`Handler::flush`]): the
    /// thread of a queue runs timed work after each record, and would send each by itself.
    fn open_due(&self) -> Option<Instant> {
        (!self.open.is_empty() && !self.batching.time.is_zero()).then_some(self.due)
    }

    fn take_error(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Whether another record fits. Sends what can be sent if it does not.
    fn has_room(&mut self, size: usize) -> bool {
        let fits = |it: &Retry<T>| {
            it.records < it.options.records && it.bytes.saturating_add(size) <= it.options.bytes
        };
        if !fits(self) && self.next_try.is_none() {
            self.close_batch();
            self.send_full(0);
        }
        if !fits(self) && self.next_try.is_none() {
            let most = self.options.bytes;
            let error = Error::new(format!("a record of {size} bytes does not fit into the spool"))
                .hint(format!("It was dropped. The spool holds {most} bytes: raise spool-bytes."));
            self.error.get_or_insert(error);
        }
        fits(self)
    }

    /// Completes the batch being gathered.
    fn close_batch(&mut self) {
        if !self.open.is_empty() {
            let mut batch = std::mem::take(&mut self.open);
            batch.text.shrink_to_fit();
            self.full.push_back(batch);
        }
    }

    /// Sends all complete batches, unless the target is known to be unreachable. Does not wait for the
    /// outcome of the last `unfinished`, if they have begun.
    fn send_full(&mut self, unfinished: usize) {
        self.begin();
        while self.next_try.is_none() && self.full.len() > unfinished.min(self.begun) {
            self.send_next(None);
            self.begin();
        }
    }

    /// Begins to send as many complete batches as the transport allows.
    fn begin(&mut self) {
        let most = self.full.len().min(self.transport.most_begun());
        while self.next_try.is_none()
            && self.begun < most
            && self.transport.begin(&self.full[self.begun])
        {
            self.begun += 1;
        }
    }

    /// Sends the oldest batch. Returns whether it was sent or given up.
    fn send_next(&mut self, until: Option<Instant>) -> bool {
        let Some(batch) = self.full.front_mut() else { return true };
        let outcome = self.transport.send(batch, until);
        let deferred = matches!(outcome, SendOutcome::Deferred(_));
        match outcome {
            SendOutcome::Sent => self.sent_in_part = false,
            SendOutcome::SentInPart(error) | SendOutcome::Deferred(error) => {
                self.sent_in_part = true;
                self.error.get_or_insert(error);
            }
            SendOutcome::Rejected(error) => {
                self.lost += (batch.len() - batch.done) as u64;
                self.error.get_or_insert(error);
            }
            SendOutcome::Retry(error) => {
                self.error.get_or_insert(error);
                self.begun = 0;
                let asked = self.transport.retry_after().unwrap_or_default();
                self.asked = asked;
                self.next_try = Some(Instant::now() + self.backoff.next().max(asked));
                return false;
            }
        }
        self.begun = self.begun.saturating_sub(1);
        self.records -= batch.len();
        self.bytes -= batch.text.len();
        if let Some(batch) = self.full.pop_front().filter(|_| deferred) {
            self.deferred.add(batch);
        }
        self.next_try = None;
        self.backoff.reset();
        true
    }

    /// Sends the first deferred batch, if it is due by `due`, to the recipients left.
    fn send_deferred(&mut self, due: Option<Instant>, until: Option<Instant>) {
        let Some(mut entry) = self.deferred.take(due) else { return };
        match self.transport.send(&mut entry.batch, until) {
            // Other deferred batches keep the outage open.
            SendOutcome::Sent => self.sent_in_part = self.deferred.len() > 0,
            SendOutcome::SentInPart(error) | SendOutcome::Rejected(error) => {
                self.error.get_or_insert(error);
            }
            // It was reported the first time that they deferred it.
            SendOutcome::Retry(error) | SendOutcome::Deferred(error) => {
                if !self.deferred.add_again(entry) {
                    self.error.get_or_insert(error);
                }
            }
        }
    }
}

impl<T: Transport> Handler for Retry<T> {
    /// # Errors
    /// Only with [`RetryOptions::NONE`]: the record could not be sent. Otherwise
    /// [`Handler::on_timer`] and [`Handler::flush`] return what went wrong.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        clear(&mut self.buffer);
        self.transport.format(record, &mut self.buffer);
        if self.options.records == 0 {
            return self.send_now(record);
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.push(record.level, &buffer, Some(record));
        self.buffer = buffer;
        Ok(())
    }

    /// Sends batches that do not wait for a time.
    fn flush(&mut self) -> Result<()> {
        if self.batching.time.is_zero() {
            self.close_batch();
            self.send_full(0);
        }
        self.take_error()
    }

    fn on_timer(&mut self, now: Instant) -> Result<()> {
        self.take_back_refused();
        if self.open_due().is_some_and(|due| due <= now) {
            self.close_batch();
        }
        // One batch per call: the caller may have records in between. Those that have begun need no
        // call: the next flush waits for them.
        if self.begun > 0 {
            return self.take_error();
        }
        if !self.full.is_empty() && self.next_try.is_none_or(|at| at <= now) {
            self.send_next(None);
        } else if self.next_try.is_none() {
            self.send_deferred(Some(now), None);
        }
        self.take_error()
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        let full = (self.full.len() > self.begun).then_some(now);
        let due = [full, self.open_due(), self.deferred.due()].into_iter().flatten().min();
        let due = due.map(|due| self.next_try.map_or(due, |at| due.max(at)));
        due.into_iter().chain(self.transport.refusal_due().filter(|at| *at > now)).min()
    }

    fn backlog(&self) -> Backlog {
        let transport = self.transport.backlog();
        Backlog {
            waiting: self.unsent() + transport.waiting,
            lost: self.lost + transport.lost,
            unreachable: self.next_try.is_some() || self.sent_in_part,
            ..transport
        }
    }

    /// A record that is longer than those before may be dropped nevertheless.
    fn is_full(&self) -> bool {
        let longest = self.options.bytes / 16;
        self.next_try.is_some()
            && (self.records >= self.options.records
                || self.bytes.saturating_add(longest) > self.options.bytes)
    }

    fn take_notices(&mut self) -> Vec<String> {
        self.transport.take_notices()
    }

    /// Sends everything, with retries, until `until`. The rest is lost.
    fn close(&mut self, until: Instant) -> Result<()> {
        self.take_back_refused();
        self.close_batch();
        self.backoff.reset();
        while !self.full.is_empty() && Instant::now() < until {
            self.begin();
            if !self.send_next(Some(until)) {
                // Only the caller of `close` waits here.
                let left = until.saturating_duration_since(Instant::now());
                thread::sleep(self.backoff.next().max(self.asked).min(left));
            }
        }
        for _ in 0..self.deferred.len() {
            if Instant::now() < until {
                self.send_deferred(None, Some(until));
            }
        }
        self.deferred = Deferred::new(self.options.retry_max);
        self.lost += self.unsent();
        self.full.clear();
        self.begun = 0;
        (self.records, self.bytes) = (0, 0);
        self.next_try = None;
        if let Err(error) = self.transport.close(until) {
            self.error.get_or_insert(error);
        }
        self.take_error()
    }
}

#[cfg(test)]
mod tests;

//! Somebody who counts, in another thread or another process, and answers when asked.
//!
//! It says nothing while records arrive: messages of its own would be work that
//! is measured too.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use serde::{Deserialize, Serialize};

use super::ArrivalCounter;
use crate::error::{Error, Result};

/// The longest wait without a look at whether to stop, or at new orders.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long it may take for another record to arrive once the run was stopped.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the answer may take beyond that.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a counter is asked for.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct CountRequest {
    /// Answer when this many have arrived since the beginning,
    pub total: u64,
    /// or when none has for so long.
    pub patience: Duration,
}

/// What it answers.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct CountReply {
    /// Records that have arrived since the beginning.
    pub records: u64,
    /// How long before this answer the last one arrived.
    pub ago: Duration,
}

/// The way to somebody who counts, in whichever thread or process.
pub trait CountClient {
    /// Asks; an order that was not answered yet is replaced.
    ///
    /// # Errors
    /// Nobody is there any more.
    fn ask(&mut self, order: CountRequest) -> Result<()>;

    /// The next answer, if it comes within `wait`.
    ///
    /// # Errors
    /// Nobody is there any more, or counting has failed.
    fn answer(&mut self, wait: Duration) -> Result<Option<CountReply>>;
}

/// Records are counted by somebody else, who is asked.
pub struct RemoteCounter<T> {
    teller: T,
    patience: Duration,
    arrived: u64,
}

impl<T: CountClient> RemoteCounter<T> {
    /// Gives records up for lost when none has come for `patience`.
    pub fn new(teller: T, patience: Duration) -> RemoteCounter<T> {
        RemoteCounter { teller, patience, arrived: 0 }
    }
}

impl<T: CountClient> ArrivalCounter for RemoteCounter<T> {
    fn wait_for_arrivals(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration> {
        // What an earlier order, which was replaced, has still brought.
        while self.teller.answer(Duration::ZERO)?.is_some() {}
        let mut stopped = stop().then(Instant::now);
        let patience = if stopped.is_some() { STOP_TIMEOUT } else { self.patience };
        self.teller.ask(CountRequest { total, patience })?;
        loop {
            if let Some(reply) = self.teller.answer(POLL_INTERVAL)? {
                self.arrived = reply.records;
                return Ok(reply.ago);
            }
            match stopped {
                None if stop() => {
                    stopped = Some(Instant::now());
                    self.teller.ask(CountRequest { total, patience: STOP_TIMEOUT })?;
                }
                Some(since) if since.elapsed() > STOP_TIMEOUT + REPLY_TIMEOUT => return Err(gone()),
                _ => {}
            }
        }
    }

    fn arrived(&mut self) -> Result<Option<u64>> {
        Ok(Some(self.arrived))
    }
}

/// Somebody who counts in a thread of this process. Dropping it ends the thread soon.
pub struct ChannelClient {
    /// Orders to [`serve_counts`].
    pub orders: Sender<CountRequest>,
    /// Its answers.
    pub replies: Receiver<CountReply>,
}

impl CountClient for ChannelClient {
    fn ask(&mut self, order: CountRequest) -> Result<()> {
        self.orders.send(order).map_err(|_| gone())
    }

    fn answer(&mut self, wait: Duration) -> Result<Option<CountReply>> {
        match self.replies.recv_timeout(wait) {
            Ok(reply) => Ok(Some(reply)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

/// The error when nobody counts any more.
fn gone() -> Error {
    Error::new("whoever counts the records at the far end does not answer any more")
}

/// Counts until `orders` ends: `more` waits for records, for no longer than it is
/// told, and says how many have arrived since the beginning.
///
/// # Errors
/// Whatever `more` returns, or nobody takes the answers.
pub fn serve_counts(
    more: &mut dyn FnMut(Duration) -> Result<u64>,
    orders: &Receiver<CountRequest>,
    answer: &mut dyn FnMut(CountReply) -> Result<()>,
) -> Result<()> {
    let mut records = 0;
    let mut last = Instant::now();
    let mut open: Option<(CountRequest, Instant)> = None;
    loop {
        let before = std::mem::replace(&mut records, more(POLL_INTERVAL)?);
        let now = Instant::now();
        if records > before {
            last = now;
        }
        match orders.try_recv() {
            Ok(order) => open = Some((order, now)),
            Err(crossbeam_channel::TryRecvError::Empty) => {}
            Err(crossbeam_channel::TryRecvError::Disconnected) => return Ok(()),
        }
        let Some((order, asked)) = open else { continue };
        let quiet = now.saturating_duration_since(last.max(asked));
        if records >= order.total || quiet >= order.patience {
            answer(CountReply { records, ago: now.saturating_duration_since(last) })?;
            open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    /// A counter whose records come one at each look, up to `most`.
    fn counter(most: u64, patience: Duration) -> RemoteCounter<ChannelClient> {
        let (orders, taken) = crossbeam_channel::unbounded();
        let (answers, replies) = crossbeam_channel::unbounded();
        thread::spawn(move || {
            let mut records = 0;
            let mut more = |_wait: Duration| {
                records = (records + 1).min(most);
                Ok(records)
            };
            let mut answer = |reply| answers.send(reply).map_err(|_| gone());
            serve_counts(&mut more, &taken, &mut answer)
        });
        RemoteCounter::new(ChannelClient { orders, replies }, patience)
    }

    #[test]
    fn it_answers_as_soon_as_all_have_arrived() {
        let mut counter = counter(1000, Duration::from_secs(3600));
        counter.wait_for_arrivals(100, &|| false).unwrap();
        assert!(counter.arrived().unwrap() >= Some(100));
        counter.wait_for_arrivals(1000, &|| false).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(1000));
    }

    #[test]
    fn it_gives_up_when_no_more_come_and_says_how_long_ago_the_last_one_did() {
        let patience = Duration::from_millis(30);
        let mut counter = counter(10, patience);
        let ago = counter.wait_for_arrivals(11, &|| false).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(10));
        assert!(ago >= patience, "{ago:?}");
    }

    #[test]
    fn a_request_to_stop_shortens_the_wait() {
        let mut counter = counter(10, Duration::from_secs(3600));
        let looks = AtomicU64::new(0);
        let stop = || looks.fetch_add(1, Ordering::Relaxed) > 2;
        counter.wait_for_arrivals(11, &stop).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(10));
    }

    #[test]
    fn a_counter_that_has_died_is_an_error() {
        let (orders, _taken) = crossbeam_channel::unbounded();
        let (answers, replies) = crossbeam_channel::unbounded();
        drop(answers);
        let mut counter =
            RemoteCounter::new(ChannelClient { orders, replies }, Duration::from_secs(3600));
        let error = counter.wait_for_arrivals(1, &|| false).unwrap_err().to_string();
        assert!(error.contains("does not answer"), "{error}");
    }
}

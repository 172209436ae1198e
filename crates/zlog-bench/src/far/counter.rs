//! Somebody who counts, in another thread or another process, and answers when asked.
//!
//! It says nothing while records arrive: messages of its own would be work that
//! is measured too.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use serde::{Deserialize, Serialize};

use super::FarEnd;
use zlog_core::error::{Error, Result};

/// The longest wait without a look at whether to stop, or at new orders.
const SLICE: Duration = Duration::from_millis(20);
/// How long it may take for another record to arrive once the run was stopped.
const HURRY: Duration = Duration::from_millis(500);
/// How long the answer may take beyond that.
const GRACE: Duration = Duration::from_secs(10);

/// What a counter is asked for.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Answer when this many have arrived since the beginning,
    pub total: u64,
    /// or when none has for so long.
    pub patience: Duration,
}

/// What it answers.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// Records that have arrived since the beginning.
    pub records: u64,
    /// How long before this answer the last one arrived.
    pub ago: Duration,
}

/// The way to somebody who counts, in whichever thread or process.
pub trait Teller {
    /// Asks; an order that was not answered yet is replaced.
    ///
    /// # Errors
    /// Nobody is there any more.
    fn ask(&mut self, order: Order) -> Result<()>;

    /// The next answer, if it comes within `wait`.
    ///
    /// # Errors
    /// Nobody is there any more, or counting has failed.
    fn answer(&mut self, wait: Duration) -> Result<Option<Reply>>;
}

/// Records are counted by somebody else, who is asked.
pub struct Counter<T> {
    teller: T,
    patience: Duration,
    arrived: u64,
}

impl<T: Teller> Counter<T> {
    /// Gives records up for lost when none has come for `patience`.
    pub fn new(teller: T, patience: Duration) -> Counter<T> {
        Counter { teller, patience, arrived: 0 }
    }
}

impl<T: Teller> FarEnd for Counter<T> {
    fn settle(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration> {
        // What an earlier order, which was replaced, has still brought.
        while self.teller.answer(Duration::ZERO)?.is_some() {}
        let mut stopped = stop().then(Instant::now);
        let patience = if stopped.is_some() { HURRY } else { self.patience };
        self.teller.ask(Order { total, patience })?;
        loop {
            if let Some(reply) = self.teller.answer(SLICE)? {
                self.arrived = reply.records;
                return Ok(reply.ago);
            }
            match stopped {
                None if stop() => {
                    stopped = Some(Instant::now());
                    self.teller.ask(Order { total, patience: HURRY })?;
                }
                Some(since) if since.elapsed() > HURRY + GRACE => return Err(gone()),
                _ => {}
            }
        }
    }

    fn arrived(&mut self) -> Result<Option<u64>> {
        Ok(Some(self.arrived))
    }
}

/// Somebody who counts in a thread of this process. Dropping it ends the thread soon.
pub struct Channels {
    /// Orders to [`serve`].
    pub orders: Sender<Order>,
    /// Its answers.
    pub replies: Receiver<Reply>,
}

impl Teller for Channels {
    fn ask(&mut self, order: Order) -> Result<()> {
        self.orders.send(order).map_err(|_| gone())
    }

    fn answer(&mut self, wait: Duration) -> Result<Option<Reply>> {
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
pub fn serve(
    more: &mut dyn FnMut(Duration) -> Result<u64>,
    orders: &Receiver<Order>,
    answer: &mut dyn FnMut(Reply) -> Result<()>,
) -> Result<()> {
    let mut records = 0;
    let mut last = Instant::now();
    let mut open: Option<(Order, Instant)> = None;
    loop {
        let before = std::mem::replace(&mut records, more(SLICE)?);
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
            answer(Reply { records, ago: now.saturating_duration_since(last) })?;
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
    fn counter(most: u64, patience: Duration) -> Counter<Channels> {
        let (orders, taken) = crossbeam_channel::unbounded();
        let (answers, replies) = crossbeam_channel::unbounded();
        thread::spawn(move || {
            let mut records = 0;
            let mut more = |_wait: Duration| {
                records = (records + 1).min(most);
                Ok(records)
            };
            let mut answer = |reply| answers.send(reply).map_err(|_| gone());
            serve(&mut more, &taken, &mut answer)
        });
        Counter::new(Channels { orders, replies }, patience)
    }

    #[test]
    fn it_answers_as_soon_as_all_have_arrived() {
        let mut counter = counter(1000, Duration::from_secs(3600));
        counter.settle(100, &|| false).unwrap();
        assert!(counter.arrived().unwrap() >= Some(100));
        counter.settle(1000, &|| false).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(1000));
    }

    #[test]
    fn it_gives_up_when_no_more_come_and_says_how_long_ago_the_last_one_did() {
        let patience = Duration::from_millis(30);
        let mut counter = counter(10, patience);
        let ago = counter.settle(11, &|| false).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(10));
        assert!(ago >= patience, "{ago:?}");
    }

    #[test]
    fn a_request_to_stop_shortens_the_wait() {
        let mut counter = counter(10, Duration::from_secs(3600));
        let looks = AtomicU64::new(0);
        let stop = || looks.fetch_add(1, Ordering::Relaxed) > 2;
        counter.settle(11, &stop).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(10));
    }

    #[test]
    fn a_counter_that_has_died_is_an_error() {
        let (orders, _taken) = crossbeam_channel::unbounded();
        let (answers, replies) = crossbeam_channel::unbounded();
        drop(answers);
        let mut counter = Counter::new(Channels { orders, replies }, Duration::from_secs(3600));
        let error = counter.settle(1, &|| false).unwrap_err().to_string();
        assert!(error.contains("does not answer"), "{error}");
    }
}

//! Merges the records of several senders by their time of creation.
//!
//! Each record is held for a window, so that one that was created earlier and arrives later
//! can overtake it. A record that arrives after the window is passed on at once, out of
//! order; none is dropped. A record is never held longer than the window, so a sender whose
//! clock is slow does not delay the others.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::record::Record;

/// The most records held, and the most bytes of them. Beyond either, the earliest record is
/// passed on before its window ends, so that a flood can't take all memory.
const MAX_RECORDS: usize = 100_000;
const MAX_BYTES: usize = 256 << 20;

/// Holds records for a window and returns them in order of creation.
#[derive(Debug)]
pub struct ReorderBuffer {
    window: Duration,
    entries: BinaryHeap<Entry>,
    bytes: usize,
    /// When the window of each record ends, in order of arrival; `None` for a record that has
    /// been returned. The first is never `None`.
    due: VecDeque<Option<Instant>>,
    /// The number of the record that `due` begins with.
    first: u64,
}

#[derive(Debug)]
struct Entry {
    time: f64,
    /// Order of arrival, which records of the same instant keep.
    nth: u64,
    record: Record<'static>,
}

impl ReorderBuffer {
    /// Holds each record for `window`.
    pub fn new(window: Duration) -> ReorderBuffer {
        ReorderBuffer {
            window,
            entries: BinaryHeap::new(),
            bytes: 0,
            due: VecDeque::new(),
            first: 0,
        }
    }

    /// Adds a record that arrived at `now`. A record without a time sorts after all others.
    pub fn push(&mut self, record: Record<'static>, now: Instant) {
        let time = record.time().unwrap_or(f64::MAX);
        let nth = self.first + self.due.len() as u64;
        self.bytes += record.size();
        self.entries.push(Entry { time, nth, record });
        self.due.push_back(Some(now + self.window));
    }

    /// Returns the next record in order, if the window of any record has ended.
    pub fn pop(&mut self, now: Instant) -> Option<Record<'static>> {
        let flood = self.entries.len() > MAX_RECORDS || self.bytes > MAX_BYTES;
        let due = self.next_due()? <= now || flood;
        if due { self.force_pop() } else { None }
    }

    /// Returns the next record in order whatever the windows are: at the end of the stream.
    pub fn force_pop(&mut self) -> Option<Record<'static>> {
        let entry = self.entries.pop()?;
        self.bytes -= entry.record.size();
        let place = usize::try_from(entry.nth - self.first).ok();
        if let Some(due) = place.and_then(|place| self.due.get_mut(place)) {
            *due = None;
        }
        while self.due.front().is_some_and(Option::is_none) {
            self.due.pop_front();
            self.first += 1;
        }
        Some(entry.record)
    }

    fn next_due(&self) -> Option<Instant> {
        self.due.front().copied().flatten()
    }

    /// How long until [`ReorderBuffer::pop`] returns a record; `None` when none is held.
    pub fn time_to_next(&self, now: Instant) -> Option<Duration> {
        self.next_due().map(|due| due.saturating_duration_since(now))
    }
}

/// The earliest record is the greatest: `BinaryHeap` returns the greatest first.
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        other.time.total_cmp(&self.time).then(other.nth.cmp(&self.nth))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(at: f64) -> Record<'static> {
        Record { created: Some(at), msg: at.to_string().into(), ..Record::default() }
    }

    fn all(reorder: &mut ReorderBuffer, now: Instant) -> Vec<f64> {
        std::iter::from_fn(|| reorder.pop(now)).filter_map(|record| record.created).collect()
    }

    #[test]
    fn records_within_the_window_are_returned_in_order_of_creation() {
        let (start, window) = (Instant::now(), Duration::from_millis(200));
        let mut reorder = ReorderBuffer::new(window);
        for at in [3.0, 1.0, 2.0] {
            reorder.push(made(at), start);
        }
        assert!(reorder.pop(start).is_none(), "the window has not ended");
        assert_eq!(reorder.time_to_next(start), Some(window));
        assert_eq!(all(&mut reorder, start + window), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn records_of_one_instant_keep_their_order_of_arrival() {
        let start = Instant::now();
        let mut reorder = ReorderBuffer::new(Duration::ZERO);
        for text in ["a", "b", "c"] {
            reorder.push(Record { msg: text.into(), ..made(1.0) }, start);
        }
        let order: Vec<_> = std::iter::from_fn(|| reorder.pop(start)).map(|r| r.msg).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }

    #[test]
    fn a_record_that_arrives_after_the_window_is_out_of_order_and_not_lost() {
        let start = Instant::now();
        let mut reorder = ReorderBuffer::new(Duration::ZERO);
        reorder.push(made(2.0), start);
        assert_eq!(all(&mut reorder, start), [2.0]);
        reorder.push(made(1.0), start);
        assert_eq!(all(&mut reorder, start), [1.0]);
    }

    #[test]
    fn a_sender_with_a_slow_clock_does_not_delay_the_others() {
        let (start, window) = (Instant::now(), Duration::from_millis(200));
        let mut reorder = ReorderBuffer::new(window);
        reorder.push(made(1000.0), start);
        reorder.push(made(1.0), start + window / 2);
        reorder.push(made(2000.0), start + window / 2);
        assert_eq!(reorder.time_to_next(start), Some(window));
        assert_eq!(all(&mut reorder, start + window), [1.0, 1000.0]);
        assert_eq!(reorder.time_to_next(start + window), Some(window / 2));
        assert_eq!(all(&mut reorder, start + window * 2), [2000.0]);
        assert_eq!(reorder.time_to_next(start), None);
    }

    #[test]
    fn a_flood_within_the_window_is_passed_on_early() {
        let start = Instant::now();
        let mut reorder = ReorderBuffer::new(Duration::from_secs(3600));
        for at in 0..=MAX_RECORDS {
            reorder.push(made(at as f64), start);
        }
        assert_eq!(reorder.pop(start).and_then(|record| record.created), Some(0.0));
        assert!(reorder.pop(start).is_none());
    }

    #[test]
    fn a_flood_of_bytes_is_passed_on_early() {
        let start = Instant::now();
        let mut reorder = ReorderBuffer::new(Duration::from_secs(3600));
        let big: String = " ".repeat(MAX_BYTES / 4);
        for at in 0..4 {
            reorder.push(Record { msg: big.clone().into(), ..made(f64::from(at)) }, start);
        }
        assert_eq!(reorder.pop(start).and_then(|record| record.created), Some(0.0));
        assert!(reorder.pop(start).is_none(), "the others fit");
        let rest: Vec<_> = std::iter::from_fn(|| reorder.force_pop()).collect();
        assert_eq!((rest.len(), reorder.bytes), (3, 0));
    }
}

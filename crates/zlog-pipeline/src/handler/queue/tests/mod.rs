use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::unbounded;
use proptest::prelude::*;

use super::*;
use crate::handler::testing::{DEADLINE, record};

mod clock;

/// A call of the handler behind the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    Record(String),
    Flush,
    Dropped,
}

/// Sends what it sees to a channel; with a gate, each record waits for a token.
struct Probe {
    seen: Sender<Seen>,
    gate: Option<Receiver<()>>,
    /// Records with this prefix fail.
    fails: Option<&'static str>,
    _farewell: Farewell,
}

/// Sends that the probe was dropped.
struct Farewell(Sender<Seen>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send(Seen::Dropped);
    }
}

impl Handler for Probe {
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        // Sent first, so that a test that sees it knows that the record is at the gate.
        let _ = self.seen.send(Seen::Record(record.msg.to_string()));
        if let Some(gate) = &self.gate {
            // The gate is open once its other end is dropped.
            let _ = gate.recv();
        }
        assert!(record.msg != "crash", "the test asked for this");
        match self.fails.filter(|prefix| record.msg.starts_with(prefix)) {
            Some(_) => Err(Error::new(record.msg.clone()).into()),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        let _ = self.seen.send(Seen::Flush);
        Ok(())
    }
}

fn probe() -> (Probe, Receiver<Seen>) {
    let (seen, saw) = unbounded();
    let farewell = Farewell(seen.clone());
    (Probe { seen, gate: None, fails: None, _farewell: farewell }, saw)
}

/// A queue in front of a probe that holds each record until it gets a token.
fn gated(capacity: usize, on_full: OnFull) -> (QueueHandler, Receiver<Seen>, Sender<()>) {
    let (tokens, gate) = unbounded();
    let (mut probe, saw) = probe();
    probe.gate = Some(gate);
    (QueueHandler::new(probe, capacity, on_full).unwrap(), saw, tokens)
}

/// A queue in front of a probe where records with the prefix `fail` fail.
fn failing() -> QueueHandler {
    let (mut probe, _) = probe();
    probe.fails = Some("fail");
    QueueHandler::new(probe, 10, OnFull::Block).unwrap()
}

fn put(queue: &mut QueueHandler, messages: &[&str]) {
    for msg in messages {
        queue.handle(&record(msg)).unwrap();
    }
}

/// Waits for the next event.
fn next(saw: &Receiver<Seen>) -> Seen {
    saw.recv_timeout(DEADLINE).unwrap()
}

fn seen(msg: &str) -> Seen {
    Seen::Record(msg.to_owned())
}

/// The records seen so far.
fn records(saw: &Receiver<Seen>) -> Vec<String> {
    let text = |seen| match seen {
        Seen::Record(text) => Some(text),
        Seen::Flush | Seen::Dropped => None,
    };
    saw.try_iter().filter_map(text).collect()
}

/// Holds every record; its timed work waits for a token.
struct Holder {
    held: u64,
    gate: Receiver<()>,
}

impl Handler for Holder {
    fn handle(&mut self, _: &Record<'_>) -> Result<(), HandleError> {
        self.held += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn on_timer(&mut self, _: Instant) -> Result<()> {
        let _ = self.gate.recv();
        Ok(())
    }

    fn backlog(&self) -> Backlog {
        Backlog { waiting: self.held, ..Backlog::default() }
    }
}

/// Whoever confirms what is handled must not see a moment in which nobody holds the record.
#[test]
fn a_record_that_has_left_the_queue_counts_as_waiting_before_it_counts_as_handled() {
    let (open, gate) = unbounded();
    let mut queue = QueueHandler::new(Holder { held: 0, gate }, 10, OnFull::Block).unwrap();
    put(&mut queue, &["one"]);
    let until = Instant::now() + DEADLINE;
    while queue.counts().handled == 0 {
        assert!(Instant::now() < until, "it is not handled");
        std::thread::yield_now();
    }
    // Its timed work has not ended.
    assert_eq!(queue.backlog().waiting, 1);
    drop(open);
}

#[test]
fn flush_waits_until_everything_was_handled_in_order() {
    let (probe, saw) = probe();
    let mut queue = QueueHandler::new(probe, 10, OnFull::Block).unwrap();
    put(&mut queue, &["one", "two", "three"]);
    queue.flush().unwrap();
    assert_eq!(records(&saw), ["one", "two", "three"]);
    let expected = QueueCounts { accepted: 3, handled: 3, ..QueueCounts::default() };
    assert_eq!(queue.counts(), expected);
}

#[test]
fn the_handler_is_flushed_when_the_queue_is_empty() {
    let (probe, saw) = probe();
    let mut queue = QueueHandler::new(probe, 10, OnFull::Block).unwrap();
    put(&mut queue, &["one"]);
    assert_eq!([next(&saw), next(&saw)], [seen("one"), Seen::Flush]);
}

#[test]
fn a_slow_handler_delays_nobody_until_the_queue_is_full_and_drops_are_counted() {
    let (mut queue, saw, tokens) = gated(2, OnFull::Drop);
    put(&mut queue, &["one"]);
    assert_eq!(next(&saw), seen("one"));
    put(&mut queue, &["two", "three", "four", "five"]);
    let expected = QueueCounts { accepted: 3, dropped: 2, ..QueueCounts::default() };
    assert_eq!(queue.counts(), expected);
    drop(tokens);
    let (counts, result) = queue.close_within(DEADLINE);
    assert_eq!(counts, QueueCounts { handled: 3, ..expected });
    result.unwrap();
    assert_eq!(records(&saw), ["two", "three"]);
}

#[test]
fn a_record_that_finds_the_queue_full_waits_for_room() {
    let (mut queue, saw, tokens) = gated(1, OnFull::Block);
    put(&mut queue, &["one"]);
    assert_eq!(next(&saw), seen("one"));
    put(&mut queue, &["two"]);
    let (done, waits) = bounded(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            put(&mut queue, &["three"]);
            done.send(()).unwrap();
        });
        // Longer than the interval of asking whether to stop.
        assert_eq!(waits.recv_timeout(2 * STOP_CHECK_INTERVAL), Err(RecvTimeoutError::Timeout));
        tokens.send(()).unwrap();
        waits.recv_timeout(DEADLINE).unwrap();
    });
    drop(tokens);
    let (counts, result) = queue.close_within(DEADLINE);
    result.unwrap();
    assert_eq!(counts, QueueCounts { accepted: 3, handled: 3, ..QueueCounts::default() });
    assert_eq!(records(&saw), ["two", "three"]);
}

#[test]
fn waiting_for_room_can_be_given_up() {
    let (queue, saw, _tokens) = gated(1, OnFull::Block);
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let mut queue = queue.stop_when(Box::new(move || asked.swap(true, Ordering::Relaxed)));
    put(&mut queue, &["one"]);
    assert_eq!(next(&saw), seen("one"));
    // The second finds room; the third asks twice and then gives up.
    put(&mut queue, &["two", "three", "four"]);
    assert!(stop.load(Ordering::Relaxed));
    assert_eq!(queue.counts(), QueueCounts { accepted: 2, dropped: 2, ..QueueCounts::default() });
    let (counts, result) = queue.close_within(Duration::ZERO);
    result.unwrap();
    assert_eq!(counts.abandoned, 2);
}

#[test]
fn the_next_call_returns_an_error_once_and_the_other_records_go_on() {
    let mut queue = failing();
    put(&mut queue, &["one", "fail 1"]);
    assert_eq!(queue.flush().unwrap_err().to_string(), "fail 1");
    queue.flush().unwrap();
    put(&mut queue, &["two", "fail 2"]);
    assert_eq!(queue.flush().unwrap_err().to_string(), "fail 2");
    let (counts, result) = queue.close_within(DEADLINE);
    result.unwrap();
    let expected = QueueCounts { accepted: 4, handled: 2, failed: 2, ..QueueCounts::default() };
    assert_eq!(counts, expected);
}

#[test]
fn closing_returns_an_error_that_was_not_returned_yet() {
    let mut queue = failing();
    put(&mut queue, &["fail"]);
    let (counts, result) = queue.close_within(DEADLINE);
    assert_eq!(result.unwrap_err().to_string(), "fail");
    assert_eq!(counts.failed, 1);
}

#[test]
fn closing_gives_up_at_its_deadline_and_counts_the_rest() {
    let (mut queue, saw, tokens) = gated(10, OnFull::Block);
    put(&mut queue, &["one", "two", "three"]);
    assert_eq!(next(&saw), seen("one"));
    let start = Instant::now();
    let (counts, result) = queue.close_within(Duration::from_millis(20));
    result.unwrap();
    assert!(start.elapsed() < DEADLINE);
    assert_eq!(counts, QueueCounts { accepted: 3, abandoned: 3, ..QueueCounts::default() });
    // The thread skips the rest and ends.
    drop(tokens);
    assert_eq!([next(&saw), next(&saw)], [Seen::Flush, Seen::Dropped]);
}

#[test]
fn dropping_waits_until_everything_was_handled() {
    let (probe, saw) = probe();
    let mut queue = QueueHandler::new(probe, 10, OnFull::Block).unwrap();
    put(&mut queue, &["one", "two", "three"]);
    drop(queue);
    assert_eq!(records(&saw), ["one", "two", "three"]);
}

#[test]
fn a_handler_that_crashes_is_reported_and_nothing_hangs() {
    let (probe, _saw) = probe();
    let mut queue = QueueHandler::new(probe, 10, OnFull::Block).unwrap();
    put(&mut queue, &["one", "crash"]);
    let error = queue.flush().unwrap_err().to_string();
    assert!(error.starts_with("the handler behind a queue has crashed"), "{error}");
    queue.handle(&record("two")).unwrap_err();
    let (counts, result) = queue.close_within(DEADLINE);
    result.unwrap_err();
    assert_eq!(
        counts,
        QueueCounts { accepted: 2, handled: 1, abandoned: 1, ..QueueCounts::default() }
    );
}

#[test]
fn a_queue_in_front_of_a_queue_works() {
    let (probe, saw) = probe();
    let inner = QueueHandler::new(probe, 1, OnFull::Block).unwrap();
    let mut queue = QueueHandler::new(inner, 1, OnFull::Block).unwrap();
    put(&mut queue, &["one", "two", "three"]);
    queue.flush().unwrap();
    assert_eq!(records(&saw), ["one", "two", "three"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_record_is_accounted_for(
        messages in prop::collection::vec("(fail)?[a-z]{0,3}", 0..60),
        capacity in 0usize..8,
        drops in any::<bool>(),
    ) {
        let (mut probe, saw) = probe();
        probe.fails = Some("fail");
        let on_full = if drops { OnFull::Drop } else { OnFull::Block };
        let mut queue = QueueHandler::new(probe, capacity, on_full).unwrap();
        for msg in &messages {
            // Errors are counted below.
            let _ = queue.handle(&record(msg));
        }
        let (counts, _) = queue.close_within(DEADLINE);
        let handed = records(&saw);
        prop_assert_eq!(counts.accepted + counts.dropped, messages.len() as u64);
        prop_assert_eq!(counts.handled + counts.failed, counts.accepted);
        prop_assert_eq!(handed.len() as u64, counts.accepted);
        prop_assert!(drops || handed == messages);
        let failed = handed.iter().filter(|msg| msg.starts_with("fail")).count();
        prop_assert_eq!(counts.failed, failed as u64);
        prop_assert_eq!(counts.abandoned, 0);
    }
}

/// Is full until it has room, and drops what comes nevertheless.
#[derive(Clone, Default)]
struct Full {
    has_room: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<String>>>,
    /// By when timed work was to be done.
    timers: Arc<Mutex<Vec<Instant>>>,
}

impl Handler for Full {
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        if !self.is_full() {
            self.taken.lock().unwrap().push(record.msg.to_string());
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn on_timer(&mut self, now: Instant) -> Result<()> {
        self.timers.lock().unwrap().push(now);
        Ok(())
    }

    fn is_full(&self) -> bool {
        !self.has_room.load(Ordering::Relaxed)
    }
}

#[test]
fn records_wait_for_a_handler_that_is_full_if_they_may() {
    for waits in [true, false] {
        let full = Full::default();
        let mut queue = QueueHandler::open(full.clone(), 10, OnFull::Block, waits).unwrap();
        put(&mut queue, &["1", "2", "3"]);
        let until = Instant::now() + DEADLINE;
        while full.timers.lock().unwrap().len() < 3 {
            assert!(Instant::now() < until);
            std::thread::yield_now();
        }
        full.has_room.store(true, Ordering::Relaxed);
        put(&mut queue, &["4"]);
        queue.close(until).unwrap();
        let expected: &[&str] = if waits { &["1", "2", "3", "4"] } else { &["4"] };
        assert_eq!(*full.taken.lock().unwrap(), expected);
    }
}

#[test]
fn at_the_end_a_full_handler_is_tried_again_at_once_and_the_rest_is_given_up() {
    let full = Full::default();
    let mut queue = QueueHandler::open(full.clone(), 10, OnFull::Block, true).unwrap();
    put(&mut queue, &["1", "2"]);
    let until = Instant::now() + Duration::from_millis(500);
    let _ = queue.close(until);
    assert!(full.taken.lock().unwrap().is_empty());
    assert!(full.timers.lock().unwrap().contains(&until));
}

/// Has timed work after a flush that could not send everything.
struct Unsent(Sender<()>, bool);

impl Handler for Unsent {
    fn handle(&mut self, _: &Record<'_>) -> Result<(), HandleError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.1 = true;
        Ok(())
    }

    fn on_timer(&mut self, _: Instant) -> Result<()> {
        if self.1 {
            let _ = self.0.send(());
        }
        Ok(())
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        self.1.then_some(now)
    }
}

#[test]
fn what_a_flush_could_not_send_is_tried_again_without_another_record() {
    let (tried, attempts) = unbounded();
    let mut queue = QueueHandler::new(Unsent(tried, false), 10, OnFull::Block).unwrap();
    put(&mut queue, &["1"]);
    attempts.recv_timeout(DEADLINE).unwrap();
}

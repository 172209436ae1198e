use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::handler::testing::record;

/// The next outcomes of the fake target; then `Sent`.
type Script = Rc<RefCell<VecDeque<SendOutcome>>>;
/// The batches that it accepted: text and summary.
type Taken = Rc<RefCell<Vec<(String, String)>>>;

#[derive(Default)]
struct Fake {
    script: Script,
    taken: Taken,
    /// How many batches may have begun, and the text of those that have.
    most_begun: usize,
    begun: VecDeque<Vec<u8>>,
}

impl Transport for Fake {
    /// Attempts so far.
    type Progress = usize;

    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(record.msg.as_bytes());
    }

    fn summary(&mut self, record: &Record<'_>) -> String {
        record.msg.to_string()
    }

    fn send(&mut self, batch: &mut Batch<usize>, _: Option<Instant>) -> SendOutcome {
        batch.progress += 1;
        if let Some(begun) = self.begun.pop_front() {
            assert_eq!(begun, batch.text, "the first that has begun");
        }
        let answer = self.script.borrow_mut().pop_front().unwrap_or(SendOutcome::Sent);
        if matches!(
            answer,
            SendOutcome::Sent | SendOutcome::SentInPart(_) | SendOutcome::Deferred(_)
        ) {
            let text = String::from_utf8(batch.text.clone()).unwrap();
            self.taken.borrow_mut().push((text, batch.summary.clone()));
        }
        if matches!(answer, SendOutcome::Retry(_)) {
            self.begun.clear();
        }
        answer
    }

    fn most_begun(&self) -> usize {
        self.most_begun
    }

    fn begin(&mut self, batch: &Batch<usize>) -> bool {
        self.begun.push_back(batch.text.clone());
        assert!(self.begun.len() <= self.most_begun);
        true
    }
}

struct Setup {
    handler: Retry<Fake>,
    script: Script,
    taken: Taken,
}

const HOUR: Duration = Duration::from_secs(3600);

fn set_up(count: usize, time: Duration, records: usize, bytes: usize) -> Setup {
    let (script, taken) = (Script::default(), Taken::default());
    let fake = Fake { script: Rc::clone(&script), taken: Rc::clone(&taken), ..Fake::default() };
    let options = RetryOptions { records, bytes, retry: HOUR, retry_max: HOUR };
    let handler = Retry::with_transport(fake, BatchOptions { count, time }, options, 100);
    Setup { handler, script, taken }
}

impl Setup {
    fn push(&mut self, text: &str) {
        self.handler.handle(&record(text)).unwrap();
    }

    /// Runs timed work, and returns when it is due next.
    fn timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        self.handler.on_timer(now)?;
        Ok(self.handler.due(now))
    }

    fn answer(&self, answers: impl IntoIterator<Item = SendOutcome>) {
        self.script.borrow_mut().extend(answers);
    }

    fn texts(&self) -> Vec<String> {
        self.taken.borrow().iter().map(|(text, _)| text.clone()).collect()
    }
}

fn retry() -> SendOutcome {
    SendOutcome::Retry(Error::new("unreachable"))
}

fn rejected() -> SendOutcome {
    SendOutcome::Rejected(Error::new("never"))
}

fn backlog(waiting: u64, lost: u64, unreachable: bool) -> Backlog {
    Backlog { waiting, lost, unreachable, ..Backlog::default() }
}

#[test]
fn a_full_batch_is_sent() {
    let mut setup = set_up(3, HOUR, 100, 1000);
    for text in ["1", "2", "3", "4"] {
        setup.push(text);
    }
    assert_eq!(setup.texts(), ["123"]);
    assert_eq!(setup.handler.backlog(), backlog(1, 0, false));
    setup.handler.flush().unwrap();
    assert_eq!(setup.texts(), ["123"], "a pause does not end a batch with a time");
}

#[test]
fn a_batch_is_sent_when_its_first_record_has_waited_long_enough() {
    let mut setup = set_up(100, HOUR, 100, 1000);
    let start = Instant::now();
    setup.push("1");
    let due = setup.timer(start).unwrap().unwrap();
    assert!(due >= start + HOUR && due <= Instant::now() + HOUR);
    setup.push("2");
    assert_eq!(setup.timer(start).unwrap(), Some(due), "later records do not change it");
    assert_eq!(setup.timer(due).unwrap(), None);
    assert_eq!(setup.texts(), ["12"]);
}

#[test]
fn batches_begin_while_the_one_before_is_on_its_way_and_a_flush_waits_for_all() {
    let mut setup = set_up(1, Duration::ZERO, 100, 1000);
    setup.handler.transport.most_begun = 3;
    setup.push("1");
    setup.push("2");
    setup.handler.on_timer(Instant::now()).unwrap();
    assert!(setup.texts().is_empty(), "nobody waits");
    assert_eq!(setup.handler.transport.begun, [b"1", b"2"]);
    assert_eq!(setup.handler.backlog(), backlog(2, 0, false), "they do not count as sent");
    setup.push("3");
    assert_eq!(setup.texts(), ["1"], "no more may have begun");
    setup.answer([retry()]);
    assert!(setup.handler.flush().is_err());
    assert_eq!(setup.handler.backlog(), backlog(2, 0, true));
    setup.push("4");
    assert!(setup.handler.transport.begun.is_empty(), "none begins during an outage");
    setup.handler.close(Instant::now() + HOUR).unwrap();
    assert_eq!(setup.texts(), ["1", "2", "3", "4"]);
    assert_eq!(setup.handler.backlog(), Backlog::default());
}

#[test]
fn a_batch_without_a_time_is_sent_on_the_next_pause() {
    let mut setup = set_up(100, Duration::ZERO, 100, 1000);
    setup.push("1");
    setup.push("2");
    assert!(setup.texts().is_empty());
    setup.handler.flush().unwrap();
    assert_eq!(setup.texts(), ["12"]);
}

#[test]
fn a_batch_has_the_summary_of_its_first_worst_record() {
    let mut setup = set_up(4, HOUR, 100, 1000);
    let levels = [Level::INFO, Level::ERROR, Level::ERROR, Level::WARNING];
    for (number, level) in levels.into_iter().enumerate() {
        let msg = format!("{number} {level}");
        setup.handler.handle(&Record { level, ..record(&msg) }).unwrap();
    }
    assert_eq!(setup.taken.borrow()[0].1, "1 ERROR");
}

#[test]
fn only_a_single_record_may_exceed_the_bytes_of_a_batch() {
    let mut setup = set_up(10, HOUR, 100, 1000);
    let sizes = [60, 60, 150, 1];
    for size in sizes {
        setup.push(&"x".repeat(size));
    }
    setup.handler.close(Instant::now() + HOUR).unwrap();
    assert_eq!(setup.texts().iter().map(String::len).collect::<Vec<_>>(), sizes);
}

#[test]
fn what_an_unreachable_target_missed_is_sent_in_order_later() {
    let mut setup = set_up(1, Duration::ZERO, 100, 1000);
    setup.answer([retry(), retry()]);
    for text in ["1", "2", "3"] {
        setup.push(text);
    }
    let error = setup.handler.flush().unwrap_err();
    assert_eq!(error.to_string(), "unreachable");
    assert_eq!(setup.handler.backlog(), backlog(3, 0, true));
    let due = setup.timer(Instant::now()).unwrap().unwrap();
    assert!(due > Instant::now() + HOUR / 3, "too early: {:?}", setup.texts());
    assert_eq!(setup.script.borrow().len(), 1, "no attempt before");
    setup.handler.on_timer(due).unwrap_err();
    let due = Instant::now() + HOUR;
    assert_eq!(setup.timer(due).unwrap(), Some(due), "one batch at a time");
    assert_eq!(setup.handler.backlog(), backlog(2, 0, false));
    setup.handler.on_timer(due).unwrap();
    assert_eq!(setup.timer(due).unwrap(), None);
    assert_eq!(setup.texts(), ["1", "2", "3"]);
    assert_eq!(setup.handler.backlog(), Backlog::default());
}

#[test]
fn new_records_without_room_are_dropped_and_counted() {
    let mut by_count = set_up(1, Duration::ZERO, 3, 1000);
    let mut by_size = set_up(1, Duration::ZERO, 100, 3);
    for setup in [&mut by_count, &mut by_size] {
        setup.answer([retry()]);
        for text in ["1", "2", "3", "4", "5"] {
            setup.push(text);
        }
        assert_eq!(setup.handler.backlog(), backlog(3, 2, true));
        assert_eq!(setup.handler.full.back().unwrap().dropped, 2);
        setup.handler.close(Instant::now() + HOUR).unwrap_err();
        assert_eq!(setup.texts(), ["1", "2", "3"]);
        assert_eq!(setup.handler.backlog(), backlog(0, 2, false));
    }
}

#[test]
fn a_record_larger_than_the_spool_is_reported() {
    let mut setup = set_up(1, Duration::ZERO, 10, 10);
    setup.push("12345678901");
    let error = setup.handler.flush().unwrap_err().to_string();
    assert!(error.starts_with("a record of 11 bytes does not fit into the spool\n"), "{error}");
    assert_eq!(setup.handler.backlog(), backlog(0, 1, false));
    setup.push("1");
    assert_eq!(setup.texts(), ["1"]);
}

#[test]
fn a_rejected_batch_is_lost_and_reported_and_the_next_one_is_sent() {
    let mut setup = set_up(2, HOUR, 100, 1000);
    setup.answer([rejected()]);
    for text in ["1", "2", "3", "4"] {
        setup.push(text);
    }
    assert_eq!(setup.texts(), ["34"]);
    assert_eq!(setup.handler.backlog(), backlog(0, 2, false));
    assert_eq!(setup.handler.flush().unwrap_err().to_string(), "never");
    setup.handler.flush().unwrap();
}

#[test]
fn the_target_counts_as_unreachable_until_it_accepts_a_whole_batch() {
    let mut setup = set_up(1, Duration::ZERO, 100, 1000);
    setup.answer([
        SendOutcome::SentInPart(Error::new("not b")),
        SendOutcome::SentInPart(Error::new("not b")),
    ]);
    for text in ["1", "2"] {
        setup.push(text);
        assert_eq!(setup.handler.flush().unwrap_err().to_string(), "not b");
        assert_eq!(setup.handler.backlog(), backlog(0, 0, true));
    }
    setup.push("3");
    setup.handler.flush().unwrap();
    assert_eq!(setup.handler.backlog(), backlog(0, 0, false));
}

#[test]
fn without_a_spool_handle_returns_the_failure() {
    let mut setup = set_up(10, HOUR, 0, 0);
    setup.answer([retry(), SendOutcome::SentInPart(Error::new("one of two"))]);
    for expected in ["unreachable", "one of two"] {
        let result = setup.handler.handle(&record("1"));
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    setup.push("2");
    assert_eq!(setup.texts(), ["1", "2"]);
    assert_eq!(setup.handler.backlog(), Backlog::default(), "the error was returned");
}

#[test]
fn closing_retries_until_its_deadline_and_counts_the_rest() {
    let mut setup = set_up(1, Duration::ZERO, 100, 1000);
    setup.handler.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    setup.answer([retry(), retry(), retry()]);
    setup.push("1");
    setup.push("2");
    setup.handler.close(Instant::now() + HOUR).unwrap_err();
    assert_eq!(setup.texts(), ["1", "2"]);
    assert_eq!(setup.handler.backlog(), backlog(0, 0, false));

    setup.answer((0..10_000).map(|_| retry()));
    setup.push("3");
    let start = Instant::now();
    setup.handler.close(start + Duration::from_millis(50)).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(setup.texts(), ["1", "2"]);
    assert_eq!(setup.handler.backlog(), backlog(0, 1, false));
}

#[test]
fn a_deferred_batch_is_tried_again_and_delays_no_other() {
    let mut setup = set_up(1, Duration::ZERO, 100, 1000);
    let deferred = || SendOutcome::Deferred(Error::new("come again"));
    setup.answer([deferred()]);
    setup.push("1");
    setup.push("2");
    assert_eq!(setup.handler.flush().unwrap_err().to_string(), "come again");
    assert_eq!(setup.texts(), ["1", "2"], "the second did not wait");
    assert_eq!(setup.handler.backlog(), Backlog::default(), "it has arrived");
    let due = setup.timer(Instant::now()).unwrap().unwrap();
    assert!(due > Instant::now() + HOUR / 2);
    setup.answer([deferred(), retry()]);
    for _ in 0..2 {
        assert!(setup.timer(due + HOUR).unwrap().is_some(), "reported once");
    }
    assert_eq!(setup.timer(due + HOUR).unwrap(), None);
    assert_eq!(setup.texts(), ["1", "2", "1", "1"]);

    setup.answer((0..2 * deferred::MAX_DEFERRED).map(|_| deferred()));
    for number in 0..2 * deferred::MAX_DEFERRED {
        setup.push(&number.to_string());
    }
    assert_eq!(setup.handler.deferred.len(), deferred::MAX_DEFERRED);
    let before = setup.texts().len();
    let _ = setup.handler.close(Instant::now() + HOUR);
    assert_eq!(setup.texts().len() - before, deferred::MAX_DEFERRED);
    assert_eq!(setup.handler.backlog(), Backlog::default());
}

proptest! {
    /// Whatever the target answers and whenever: nothing arrives twice or out of order, and what
    /// does not arrive is counted.
    #[test]
    fn every_record_arrives_once_and_in_order_or_is_counted(
        steps in prop::collection::vec((0u8..8, 1usize..30), 1..200),
        answers in prop::collection::vec(0u8..4, 0..100),
        count in 1usize..5,
        records in 1usize..20,
        paused in any::<bool>(),
        most_begun in 0usize..4,
    ) {
        let time = if paused { Duration::ZERO } else { HOUR };
        let mut setup = set_up(count, time, records, 200);
        setup.handler.transport.most_begun = most_begun;
        setup.answer(answers.iter().map(|answer| match answer {
            0 => retry(),
            1 => rejected(),
            2 => SendOutcome::SentInPart(Error::new("not all")),
            _ => SendOutcome::Sent,
        }));
        let mut given = 0;
        for (step, size) in steps {
            match step {
                0 => _ = setup.handler.on_timer(Instant::now()),
                1 => _ = setup.handler.on_timer(Instant::now() + 2 * HOUR),
                2 => _ = setup.handler.flush(),
                _ => {
                    given += 1;
                    setup.push(&format!("{given:>size$};"));
                }
            }
            let backlog = setup.handler.backlog();
            prop_assert!(backlog.waiting <= records as u64 && setup.handler.bytes <= 200);
            let came = setup.texts().concat().matches(';').count() as u64;
            prop_assert_eq!(came + backlog.waiting + backlog.lost, given);
        }
        setup.script.borrow_mut().clear();
        let _ = setup.handler.close(Instant::now() + HOUR);
        let came = setup.texts().concat();
        let came: Vec<u64> =
            came.split_terminator(';').map(|number| number.trim().parse().unwrap()).collect();
        prop_assert!(came.is_sorted_by(|a, b| a < b), "{:?}", came);
        prop_assert_eq!(came.len() as u64 + setup.handler.backlog().lost, given);
        prop_assert_eq!(setup.handler.backlog().waiting, 0);
    }
}

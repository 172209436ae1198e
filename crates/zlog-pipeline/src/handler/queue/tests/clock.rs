//! Timed work, reopening and closing on the thread.

use super::*;

/// A call of the handler by the thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Timer,
    Reopen,
    Close { in_time: bool },
}

/// Holds records until its timer has run this many times.
struct Holding {
    asked: Sender<Asked>,
    waiting: u64,
    timers_left: u32,
    fails: bool,
}

impl Handler for Holding {
    fn handle(&mut self, _: &Record<'_>) -> Result<(), HandleError> {
        self.waiting += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn on_timer(&mut self, _: Instant) -> Result<()> {
        let _ = self.asked.send(Asked::Timer);
        if std::mem::take(&mut self.fails) {
            return Err(Error::new("unreachable"));
        }
        match self.timers_left {
            0 => self.waiting = 0,
            _ => self.timers_left -= 1,
        }
        Ok(())
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        (self.waiting > 0).then_some(now + Duration::from_millis(2))
    }

    fn reopen(&mut self) -> Result<()> {
        let _ = self.asked.send(Asked::Reopen);
        Ok(())
    }

    fn backlog(&self) -> Backlog {
        Backlog { waiting: self.waiting, ..Backlog::default() }
    }

    fn close(&mut self, until: Instant) -> Result<()> {
        let _ = self.asked.send(Asked::Close { in_time: Instant::now() < until });
        Ok(())
    }
}

/// A queue in front of a handler that sends a record when its timer has run `times` + 1 times.
fn holding(times: u32, fails: bool) -> (QueueHandler, Receiver<Asked>) {
    let (asked, was_asked) = unbounded();
    let handler = Holding { asked, waiting: 0, timers_left: times, fails };
    (QueueHandler::new(handler, 10, OnFull::Block).unwrap(), was_asked)
}

fn next(asked: &Receiver<Asked>) -> Asked {
    asked.recv_timeout(DEADLINE).unwrap()
}

#[test]
fn the_timer_runs_after_a_record_and_whenever_it_is_due() {
    let (mut queue, asked) = holding(3, false);
    put(&mut queue, &["one"]);
    for _ in 0..4 {
        assert_eq!(next(&asked), Asked::Timer);
    }
    queue.flush().unwrap();
    assert_eq!(queue.backlog(), Backlog::default());
    assert_eq!(asked.try_recv(), Err(TryRecvError::Empty), "nothing is due any more");
}

#[test]
fn a_failed_timer_is_reported_and_runs_again() {
    let (mut queue, asked) = holding(0, true);
    // The next call returns the error, even this one if the thread is quick.
    let result = queue.handle(&record("one")).map_err(Error::from);
    assert_eq!([next(&asked), next(&asked)], [Asked::Timer, Asked::Timer]);
    assert_eq!(result.and_then(|()| queue.flush()).unwrap_err().to_string(), "unreachable");
}

#[test]
fn queued_records_and_those_that_the_handler_holds_wait() {
    let (mut queue, asked) = holding(u32::MAX, false);
    put(&mut queue, &["one"]);
    assert_eq!(next(&asked), Asked::Timer);
    queue.flush().unwrap();
    assert_eq!(queue.backlog().waiting, 1);
}

#[test]
fn the_handler_is_reopened_without_a_record() {
    let (mut queue, asked) = holding(0, false);
    queue.reopen().unwrap();
    assert_eq!(next(&asked), Asked::Reopen);
}

#[test]
fn the_handler_is_closed_with_the_time_that_is_left() {
    for within in [DEADLINE, Duration::ZERO] {
        let (mut queue, asked) = holding(0, false);
        queue.close_within(within).1.unwrap();
        assert_eq!(next(&asked), Asked::Close { in_time: !within.is_zero() });
    }
}

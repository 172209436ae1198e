//! What the thread does by the clock and when it is asked: tending, reopening, closing.

use super::*;

/// What a handler that holds records is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Tend,
    Reopen,
    Close { in_time: bool },
}

/// Holds each record until it has been tended so many times, a little later each.
struct Holding {
    asked: Sender<Asked>,
    waiting: u64,
    tends_left: u32,
    fails: bool,
}

impl Handler for Holding {
    fn handle(&mut self, _: &Record<'_>) -> Result<()> {
        self.waiting += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn on_timer(&mut self, now: Instant) -> Result<Option<Instant>> {
        let _ = self.asked.send(Asked::Tend);
        if std::mem::take(&mut self.fails) {
            return Err(Error::new("away"));
        }
        if self.tends_left == 0 {
            self.waiting = 0;
            return Ok(None);
        }
        self.tends_left -= 1;
        Ok(Some(now + Duration::from_millis(2)))
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

/// A queue before a handler that is to be tended `times` before it lets go of a record.
fn holding(times: u32, fails: bool) -> (QueueHandler, Receiver<Asked>) {
    let (asked, was_asked) = unbounded();
    let handler = Holding { asked, waiting: 0, tends_left: times, fails };
    (QueueHandler::new(handler, 10, OnFull::Block).unwrap(), was_asked)
}

fn next(asked: &Receiver<Asked>) -> Asked {
    asked.recv_timeout(DEADLINE).unwrap()
}

#[test]
fn a_handler_is_tended_after_a_record_and_whenever_it_wants_to_be() {
    let (mut queue, asked) = holding(3, false);
    put(&mut queue, &["one"]);
    for _ in 0..4 {
        assert_eq!(next(&asked), Asked::Tend);
    }
    queue.flush().unwrap();
    assert_eq!(queue.backlog(), Backlog::default());
    assert_eq!(asked.try_recv(), Err(TryRecvError::Empty), "nothing is due any more");
}

#[test]
fn what_fails_by_the_clock_is_told_and_asked_for_again() {
    let (mut queue, asked) = holding(0, true);
    // The next call tells it: this one, should the thread have been as quick as that.
    let given = queue.handle(&record("one"));
    assert_eq!([next(&asked), next(&asked)], [Asked::Tend, Asked::Tend]);
    assert_eq!(given.and_then(|()| queue.flush()).unwrap_err().to_string(), "away");
}

#[test]
fn what_is_queued_and_what_the_handler_holds_waits() {
    let (mut queue, asked) = holding(u32::MAX, false);
    put(&mut queue, &["one"]);
    assert_eq!(next(&asked), Asked::Tend);
    queue.flush().unwrap();
    assert_eq!(queue.backlog().waiting, 1);
}

#[test]
fn a_handler_behind_is_reopened_without_a_record() {
    let (mut queue, asked) = holding(0, false);
    queue.reopen().unwrap();
    assert_eq!(next(&asked), Asked::Reopen);
}

#[test]
fn a_handler_behind_is_closed_with_the_time_that_is_left() {
    for within in [DEADLINE, Duration::ZERO] {
        let (mut queue, asked) = holding(0, false);
        queue.close_within(within).1.unwrap();
        assert_eq!(next(&asked), Asked::Close { in_time: !within.is_zero() });
    }
}

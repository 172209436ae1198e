use super::*;

/// Does as its script says.
#[derive(Default)]
struct Scripted {
    handles: Vec<bool>,
    /// What failures say, from the last to the first; then "no room".
    causes: Vec<&'static str>,
    /// Whether records arrive also where it fails.
    keeps: bool,
    tends: Vec<bool>,
    backlog: Arc<Mutex<Backlog>>,
}

fn outcome(well: bool) -> Result<()> {
    if well { Ok(()) } else { Err(Error::new("no room").hint("Make room.")) }
}

impl Handler for Scripted {
    fn handle(&mut self, _: &Record<'_>) -> Result<(), HandleError> {
        let handled = outcome(self.handles.pop().unwrap_or(true));
        let handled = handled.map_err(|error| self.causes.pop().map_or(error, Error::new));
        handled.map_err(|error| HandleError { error, record_taken: self.keeps })
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn on_timer(&mut self, _: Instant) -> Result<()> {
        outcome(self.tends.pop().unwrap_or(true))
    }

    fn backlog(&self) -> Backlog {
        *self.backlog.lock().unwrap()
    }
}

/// What was told, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn watched(inner: Scripted) -> (MonitoredHandler, Arc<HandlerCounters>, Heard) {
    let heard = Heard::default();
    let told = heard.clone();
    let report: Reporter = Arc::new(move |line| told.0.lock().unwrap().push(line.to_owned()));
    let counters = Arc::new(HandlerCounters::default());
    let reporter = OutageReporter::new("tail", "errors.log", true, &report);
    (MonitoredHandler::new(Box::new(inner), Arc::clone(&counters), reporter), counters, heard)
}

fn give(watched: &mut MonitoredHandler, records: usize) {
    for _ in 0..records {
        watched.handle(&Record::default()).unwrap();
    }
}

#[test]
fn an_outage_is_told_once_and_its_end_with_what_it_cost() {
    let handles = vec![true, false, true, false, false, false, true];
    let (mut watched, counters, heard) = watched(Scripted { handles, ..Scripted::default() });
    give(&mut watched, 4);
    let begun = "zlog tail: handler errors.log: no room; the other handlers continue\n  Make room.";
    assert_eq!(heard.take(), [begun]);
    assert_eq!(counters.outage().unwrap().lost, 3);
    give(&mut watched, 1);
    let ended = "zlog tail: handler errors.log works again; 3 records were lost meanwhile";
    assert_eq!(heard.take(), [ended]);
    assert_eq!(counters.outage(), None);
    give(&mut watched, 2);
    let ended = "zlog tail: handler errors.log works again; 1 record was lost meanwhile";
    assert_eq!(heard.take(), [begun, ended]);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    assert_eq!((count(&counters.taken), count(&counters.failed)), (3, 4));
}

#[test]
fn trouble_at_which_no_record_is_lost_is_told_once_and_costs_none() {
    let handles = vec![true, false, false, false];
    let scripted = Scripted { handles, keeps: true, ..Scripted::default() };
    let (mut watched, counters, heard) = watched(scripted);
    give(&mut watched, 3);
    assert_eq!(heard.take().len(), 1);
    give(&mut watched, 1);
    let ended = "zlog tail: handler errors.log works again; no record was lost meanwhile";
    assert_eq!(heard.take(), [ended]);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    assert_eq!((count(&counters.taken), count(&counters.failed)), (4, 0));
}

#[test]
fn records_that_wait_do_not_end_an_outage_and_those_that_arrive_do() {
    let backlog = Arc::new(Mutex::new(Backlog::default()));
    let tends = vec![true, true, true, false, true];
    let scripted = Scripted { tends, backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, heard) = watched(scripted);
    let now = Instant::now();
    *backlog.lock().unwrap() = Backlog { waiting: 2, ..Backlog::default() };
    give(&mut watched, 2);
    watched.on_timer(now).unwrap();
    assert_eq!(heard.take().len(), 0);
    // The server is unreachable: both tries of this call fail.
    watched.on_timer(now).unwrap();
    assert_eq!(heard.take().len(), 1);
    *backlog.lock().unwrap() = Backlog { waiting: 3, lost: 1, ..Backlog::default() };
    give(&mut watched, 2);
    watched.on_timer(now).unwrap();
    assert_eq!(heard.take().len(), 0, "all that was taken waits or is lost");
    assert_eq!(counters.waiting.load(Ordering::Relaxed), 3);
    *backlog.lock().unwrap() = Backlog { waiting: 0, lost: 1, ..Backlog::default() };
    watched.on_timer(now).unwrap();
    let ended = "zlog tail: handler errors.log works again; 1 record was lost meanwhile";
    assert_eq!(heard.take(), [ended]);
}

#[test]
fn what_may_be_lost_of_what_came_before_an_outage_is_told_with_its_end() {
    let backlog = Arc::new(Mutex::new(Backlog { unconfirmed: 5, ..Backlog::default() }));
    let tends = vec![true, true, false, true];
    let scripted = Scripted { tends, backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, heard) = watched(scripted);
    let now = Instant::now();
    give(&mut watched, 12);
    watched.on_timer(now).unwrap();
    // The connection breaks that has taken these.
    give(&mut watched, 1);
    *backlog.lock().unwrap() =
        Backlog { waiting: 1, unconfirmed: 17, unreachable: true, ..Backlog::default() };
    watched.on_timer(now).unwrap();
    assert_eq!(heard.take().len(), 1);
    *backlog.lock().unwrap() = Backlog { unconfirmed: 17, ..Backlog::default() };
    watched.on_timer(now).unwrap();
    let ended = "zlog tail: handler errors.log works again; no record was lost meanwhile; \
                 of 12 sent before it, the last may not have arrived";
    assert_eq!(heard.take(), [ended]);
    assert_eq!(counters.unconfirmed.load(Ordering::Relaxed), 17);
}

/// A disk that is full to the last block takes a part of it now and then.
#[test]
fn a_block_of_which_a_part_arrives_ends_no_outage_and_no_record_is_told_twice() {
    let backlog = Arc::new(Mutex::new(Backlog::default()));
    let handles = vec![true, true, false, true, true, false, true, true];
    let scripted =
        Scripted { handles, keeps: true, backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, heard) = watched(scripted);
    let lost =
        |waiting, lost| *backlog.lock().unwrap() = Backlog { waiting, lost, ..Backlog::default() };
    give(&mut watched, 2);
    lost(0, 3);
    give(&mut watched, 1);
    assert_eq!(heard.take().len(), 1);
    lost(1, 3);
    give(&mut watched, 1);
    lost(2, 3);
    give(&mut watched, 1);
    // Of the second block of three, one arrives.
    lost(0, 5);
    give(&mut watched, 1);
    assert_eq!(heard.take().len(), 0);
    assert_eq!(counters.outage().unwrap().lost, 5);
    lost(2, 5);
    give(&mut watched, 2);
    assert_eq!(heard.take().len(), 0);
    lost(0, 5);
    watched.flush().unwrap();
    let ended = "zlog tail: handler errors.log works again; 5 records were lost meanwhile";
    assert_eq!(heard.take(), [ended]);
}

#[test]
fn the_name_of_a_handler_can_not_steer_a_terminal() {
    let heard = Heard::default();
    let told = heard.clone();
    let report: Reporter = Arc::new(move |line| told.0.lock().unwrap().push(line.to_owned()));
    OutageReporter::new("tail", "\x1b[2J", false, &report).begins(&Error::new("no room"));
    assert_eq!(heard.take(), ["zlog tail: handler \\x1b[2J: no room"]);
}

#[test]
fn what_a_pause_has_sent_on_waits_no_more() {
    let backlog = Arc::new(Mutex::new(Backlog { waiting: 3, ..Backlog::default() }));
    let inner = Scripted { backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, _) = watched(inner);
    give(&mut watched, 3);
    watched.on_timer(Instant::now()).unwrap();
    assert_eq!(counters.waiting.load(Ordering::Relaxed), 3);
    *backlog.lock().unwrap() = Backlog::default();
    watched.flush().unwrap();
    assert_eq!(counters.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn another_cause_within_an_outage_is_told_too_and_one_that_comes_and_goes_once() {
    let causes = vec!["b is refused", "3 are down", "b is refused", "2 are down", "b is refused"];
    let handles = vec![false; 5];
    let (mut watched, counters, heard) =
        watched(Scripted { handles, causes, ..Scripted::default() });
    give(&mut watched, 5);
    let told =
        |cause| format!("zlog tail: handler errors.log: {cause}; the other handlers continue");
    assert_eq!(heard.take(), [told("b is refused"), told("2 are down")]);
    assert_eq!(counters.outage().unwrap().error, "b is refused");
}

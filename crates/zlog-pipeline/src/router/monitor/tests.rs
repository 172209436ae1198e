use super::*;

/// A handler with a script.
#[derive(Default)]
struct Scripted {
    handles: Vec<bool>,
    /// The error messages, last to first; then "no room".
    causes: Vec<&'static str>,
    /// Whether it takes records despite errors.
    takes_records: bool,
    timers: Vec<bool>,
    backlog: Arc<Mutex<Backlog>>,
}

fn outcome(well: bool) -> Result<()> {
    if well { Ok(()) } else { Err(Error::new("no room").hint("Make room.")) }
}

impl Handler for Scripted {
    fn handle(&mut self, _: &Record<'_>) -> Result<(), HandleError> {
        let handled = outcome(self.handles.pop().unwrap_or(true));
        let handled = handled.map_err(|error| self.causes.pop().map_or(error, Error::new));
        handled.map_err(|error| HandleError { error, record_taken: self.takes_records })
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn on_timer(&mut self, _: Instant) -> Result<()> {
        outcome(self.timers.pop().unwrap_or(true))
    }

    fn backlog(&self) -> Backlog {
        *self.backlog.lock().unwrap()
    }
}

/// The reported messages, in order.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn watched(inner: Scripted) -> (MonitoredHandler, Arc<HandlerCounters>, Reports) {
    let reports = Reports::default();
    let shared = reports.clone();
    let report: Reporter = Arc::new(move |line| shared.0.lock().unwrap().push(line.to_owned()));
    let counters = Arc::new(HandlerCounters::default());
    let reporter = OutageReporter::new("tail", "errors.log", true, &report);
    (MonitoredHandler::new(Box::new(inner), Arc::clone(&counters), reporter), counters, reports)
}

fn give(watched: &mut MonitoredHandler, records: usize) {
    for _ in 0..records {
        watched.handle(&Record::default()).unwrap();
    }
}

#[test]
fn an_outage_is_reported_once_and_its_end_with_its_losses() {
    let handles = vec![true, false, true, false, false, false, true];
    let (mut watched, counters, reports) = watched(Scripted { handles, ..Scripted::default() });
    give(&mut watched, 4);
    let begun = "zlog tail: handler errors.log: no room; the other handlers continue\n  Make room.";
    assert_eq!(reports.take(), [begun]);
    assert_eq!(counters.outage().unwrap().lost, 3);
    give(&mut watched, 1);
    let ended = "zlog tail: handler errors.log works again; 3 records were lost meanwhile";
    assert_eq!(reports.take(), [ended]);
    assert_eq!(counters.outage(), None);
    give(&mut watched, 2);
    let ended = "zlog tail: handler errors.log works again; 1 record was lost meanwhile";
    assert_eq!(reports.take(), [begun, ended]);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    assert_eq!((count(&counters.taken), count(&counters.failed)), (3, 4));
}

#[test]
fn an_outage_without_losses_is_reported_once() {
    let handles = vec![true, false, false, false];
    let scripted = Scripted { handles, takes_records: true, ..Scripted::default() };
    let (mut watched, counters, reports) = watched(scripted);
    give(&mut watched, 3);
    assert_eq!(reports.take().len(), 1);
    give(&mut watched, 1);
    let ended = "zlog tail: handler errors.log works again; no record was lost meanwhile";
    assert_eq!(reports.take(), [ended]);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    assert_eq!((count(&counters.taken), count(&counters.failed)), (4, 0));
}

#[test]
fn records_that_wait_do_not_end_an_outage_and_those_that_arrive_do() {
    let backlog = Arc::new(Mutex::new(Backlog::default()));
    let timers = vec![true, true, true, false, true];
    let scripted = Scripted { timers, backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, reports) = watched(scripted);
    let now = Instant::now();
    *backlog.lock().unwrap() = Backlog { waiting: 2, ..Backlog::default() };
    give(&mut watched, 2);
    watched.on_timer(now).unwrap();
    assert_eq!(reports.take().len(), 0);
    // The server is unreachable.
    watched.on_timer(now).unwrap();
    assert_eq!(reports.take().len(), 1);
    *backlog.lock().unwrap() = Backlog { waiting: 3, lost: 1, ..Backlog::default() };
    give(&mut watched, 2);
    watched.on_timer(now).unwrap();
    assert_eq!(reports.take().len(), 0, "all records wait or are lost");
    assert_eq!(counters.backlog.load().waiting, 3);
    *backlog.lock().unwrap() = Backlog { waiting: 0, lost: 1, ..Backlog::default() };
    watched.on_timer(now).unwrap();
    let ended = "zlog tail: handler errors.log works again; 1 record was lost meanwhile";
    assert_eq!(reports.take(), [ended]);
}

/// A relay that confirms what is handled asks after a flush.
#[test]
fn after_a_flush_the_counters_have_what_the_handler_holds_from_the_first_record_on() {
    let backlog = Arc::new(Mutex::new(Backlog::default()));
    let scripted = Scripted { backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, _) = watched(scripted);
    give(&mut watched, 1);
    *backlog.lock().unwrap() = Backlog { waiting: 1, ..Backlog::default() };
    watched.flush().unwrap();
    assert_eq!(counters.backlog.load().waiting, 1);
    *backlog.lock().unwrap() = Backlog::default();
    watched.flush().unwrap();
    assert_eq!(counters.backlog.load().waiting, 0);
}

#[test]
fn unconfirmed_records_are_reported_at_the_end_of_an_outage() {
    let backlog = Arc::new(Mutex::new(Backlog { unconfirmed: 5, ..Backlog::default() }));
    let timers = vec![true, true, false, true];
    let scripted = Scripted { timers, backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, reports) = watched(scripted);
    let now = Instant::now();
    give(&mut watched, 12);
    watched.on_timer(now).unwrap();
    // The connection with these records breaks.
    give(&mut watched, 1);
    *backlog.lock().unwrap() =
        Backlog { waiting: 1, unconfirmed: 17, unreachable: true, ..Backlog::default() };
    watched.on_timer(now).unwrap();
    assert_eq!(reports.take().len(), 1);
    *backlog.lock().unwrap() = Backlog { unconfirmed: 17, ..Backlog::default() };
    watched.on_timer(now).unwrap();
    let ended = "zlog tail: handler errors.log works again; no record was lost meanwhile; \
                 of 12 sent before it, the last may not have arrived";
    assert_eq!(reports.take(), [ended]);
    assert_eq!(counters.backlog.load().unconfirmed, 17);
}

/// A full disk may accept a part of a block now and then.
#[test]
fn a_block_written_in_part_does_not_end_an_outage_and_counts_no_record_twice() {
    let backlog = Arc::new(Mutex::new(Backlog::default()));
    let handles = vec![true, true, false, true, true, false, true, true];
    let scripted = Scripted {
        handles,
        takes_records: true,
        backlog: Arc::clone(&backlog),
        ..Scripted::default()
    };
    let (mut watched, counters, reports) = watched(scripted);
    let lost =
        |waiting, lost| *backlog.lock().unwrap() = Backlog { waiting, lost, ..Backlog::default() };
    give(&mut watched, 2);
    lost(0, 3);
    give(&mut watched, 1);
    assert_eq!(reports.take().len(), 1);
    lost(1, 3);
    give(&mut watched, 1);
    lost(2, 3);
    give(&mut watched, 1);
    // One of the three records in the second block arrives.
    lost(0, 5);
    give(&mut watched, 1);
    assert_eq!(reports.take().len(), 0);
    assert_eq!(counters.outage().unwrap().lost, 5);
    lost(2, 5);
    give(&mut watched, 2);
    assert_eq!(reports.take().len(), 0);
    lost(0, 5);
    watched.flush().unwrap();
    let ended = "zlog tail: handler errors.log works again; 5 records were lost meanwhile";
    assert_eq!(reports.take(), [ended]);
}

#[test]
fn the_name_of_a_handler_is_escaped() {
    let reports = Reports::default();
    let shared = reports.clone();
    let report: Reporter = Arc::new(move |line| shared.0.lock().unwrap().push(line.to_owned()));
    OutageReporter::new("tail", "\x1b[2J", false, &report).begins(&Error::new("no room"));
    assert_eq!(reports.take(), ["zlog tail: handler \\x1b[2J: no room"]);
}

#[test]
fn records_sent_by_a_flush_no_longer_wait() {
    let backlog = Arc::new(Mutex::new(Backlog { waiting: 3, ..Backlog::default() }));
    let inner = Scripted { backlog: Arc::clone(&backlog), ..Scripted::default() };
    let (mut watched, counters, _) = watched(inner);
    give(&mut watched, 3);
    watched.on_timer(Instant::now()).unwrap();
    assert_eq!(counters.backlog.load().waiting, 3);
    *backlog.lock().unwrap() = Backlog::default();
    watched.flush().unwrap();
    assert_eq!(counters.backlog.load().waiting, 0);
}

#[test]
fn another_cause_within_an_outage_is_reported_and_a_recurring_one_once() {
    let causes = vec!["b is refused", "3 are down", "b is refused", "2 are down", "b is refused"];
    let handles = vec![false; 5];
    let (mut watched, counters, reports) =
        watched(Scripted { handles, causes, ..Scripted::default() });
    give(&mut watched, 5);
    let report =
        |cause| format!("zlog tail: handler errors.log: {cause}; the other handlers continue");
    assert_eq!(reports.take(), [report("b is refused"), report("2 are down")]);
    assert_eq!(counters.outage().unwrap().error, "b is refused");
}

#[test]
fn the_errors_of_a_required_handler_are_returned_and_not_reported() {
    let handles = vec![false, false];
    let (monitored, counters, reports) = watched(Scripted { handles, ..Scripted::default() });
    let mut monitored = monitored.required();
    give(&mut monitored, 2);
    assert_eq!(reports.take(), [""; 0]);
    let failure = monitored.take_failure().unwrap();
    assert!(failure.to_string().starts_with("no room"), "{failure}");
    assert!(monitored.take_failure().is_none(), "the first error only");
    assert_eq!(counters.failed.load(Ordering::Relaxed), 2);
    assert_eq!(counters.outage(), None);
}

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::*;
use crate::handler::file::Sync;
use crate::handler::queue::OnFull;
use crate::os::signal::ShutdownSignal;
use crate::router::Reporter;
use crate::router::options::{FileTarget, PublishTarget, Target};
use crate::router::{QueueSpec, RouteSpec};
use zlog_core::Level;

/// Far above what anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A directory for files, and the reports.
struct Place {
    directory: tempfile::TempDir,
    reports: Arc<Mutex<Vec<String>>>,
}

impl Place {
    fn new() -> Place {
        Place { directory: tempfile::tempdir().unwrap(), reports: Arc::default() }
    }

    fn context(&self) -> HandlerContext {
        let reports = Arc::clone(&self.reports);
        let report: Reporter = Arc::new(move |line| reports.lock().unwrap().push(line.to_owned()));
        HandlerContext::new("tail", &ShutdownSignal::default(), report)
    }

    fn open(&self, handlers: Vec<HandlerSpec>, routes: Vec<RouteSpec>) -> Router {
        Router::open(Spec { handlers, routes }, self.context()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A handler called `name` that writes to a file called so.
    fn file(&self, name: &str) -> HandlerSpec {
        file(name, &self.path(name))
    }

    /// The messages in the file called `name`.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
    }

    fn reports(&self) -> Vec<String> {
        std::mem::take(&mut *self.reports.lock().unwrap())
    }
}

fn file(name: &str, path: &Path) -> HandlerSpec {
    HandlerSpec::new(name, Target::File(FileTarget { path: path.to_owned(), sync: Sync::None }))
}

fn queued(handler: HandlerSpec) -> HandlerSpec {
    let queue = QueueSpec { capacity: 10, on_full: OnFull::Block };
    HandlerSpec { queue: Some(queue), ..handler }
}

fn route(matches: Match, handlers: &[&str]) -> RouteSpec {
    let handlers = handlers.iter().map(|&name| name.to_owned()).collect();
    RouteSpec { matches, level: None, handlers, propagate: true }
}

fn record<'a>(name: &'a str, level: Level, msg: &'a str) -> Record<'a> {
    Record { name: Some(name.into()), level, msg: msg.into(), ..Record::default() }
}

fn deliver(router: &mut Router, messages: &[&str]) {
    for msg in messages {
        router.handle(&record("app", Level::INFO, msg));
    }
}

fn close(mut router: Router) -> Vec<HandlerStatus> {
    router.close(DEADLINE)
}

#[test]
fn every_handler_gets_every_record_that_passes_its_own_filter() {
    let place = Place::new();
    let errors = HandlerSpec { level: Some(Level::ERROR), ..place.file("errors") };
    let topics = vec!["web.".to_owned(), "app.ERROR".to_owned()];
    let by_topic = HandlerSpec { topics, ..place.file("topics") };
    let grep = HandlerSpec {
        grep: vec!["^d".into(), "^l".into()],
        exclude: vec!["up$".into()],
        ..queued(place.file("grep"))
    };
    let mut router = place.open(vec![place.file("all"), errors, by_topic, grep], vec![]);
    router.handle(&record("web", Level::INFO, "lookup"));
    router.handle(&record("app", Level::ERROR, "down"));
    router.handle(&record("db", Level::INFO, "low"));
    router.handle(&record("db", Level::NOTSET, "last"));
    let closed = close(router);
    assert_eq!(place.lines("all"), ["lookup", "down", "low", "last"]);
    assert_eq!(place.lines("errors"), ["down", "last"], "a record without a level passes");
    assert_eq!(place.lines("topics"), ["lookup", "down"]);
    assert_eq!(place.lines("grep"), ["down", "low", "last"]);
    let given: Vec<_> = closed.iter().map(|status| (status.received, status.arrived())).collect();
    assert_eq!(given, [(4, 4), (2, 2), (2, 2), (3, 3)]);
}

#[test]
fn a_handler_that_several_routes_lead_to_gets_a_record_once() {
    let place = Place::new();
    let routes = vec![
        RouteSpec { level: Some(Level::WARNING), ..route(Match::logger(""), &["all"]) },
        RouteSpec { level: Some(Level::INFO), ..route(Match::logger("app"), &["app", "all"]) },
        RouteSpec { propagate: false, ..route(Match::Topic("secret".into()), &["secret"]) },
    ];
    let handlers = vec![place.file("all"), queued(place.file("app")), place.file("secret")];
    let mut router = place.open(handlers, routes);
    router.handle(&record("app.db", Level::INFO, "one"));
    router.handle(&record("web", Level::INFO, "two"));
    router.handle(&record("web", Level::ERROR, "three"));
    let secret = Record { topic: "secret.ERROR".into(), ..record("app", Level::ERROR, "four") };
    router.handle(&secret);
    close(router);
    assert_eq!(place.lines("all"), ["one", "three"]);
    assert_eq!(place.lines("app"), ["one"]);
    assert_eq!(place.lines("secret"), ["four"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_handler_that_fails_is_told_of_once_and_hurts_no_other() {
    for behind in [false, true] {
        let place = Place::new();
        let full = file("full", Path::new("/dev/full"));
        let full = if behind { queued(full) } else { full };
        let mut router = place.open(vec![full, place.file("all")], vec![]);
        deliver(&mut router, &["one", "two", "three"]);
        let closed = close(router);
        assert_eq!(place.lines("all"), ["one", "two", "three"]);
        let reports = place.reports();
        assert_eq!(reports.len(), 1, "{reports:?}");
        let expected = "zlog tail: handler full: writing to /dev/full: no space left on device; the other \
                        handlers continue";
        assert_eq!(reports[0], expected);
        assert_eq!((closed[0].failed, closed[0].missing()), (3, 3));
        assert_eq!(closed[0].outage.as_ref().unwrap().lost, 3);
        assert_eq!(closed[0].remarks(), ["handler full: 3 of 3 records were lost (3 failed)"]);
    }
}

#[test]
fn a_handler_that_can_not_be_opened_is_named() {
    let place = Place::new();
    std::fs::write(place.path("plain"), "").unwrap();
    let spec = Spec { handlers: vec![file("deep", &place.path("plain/deep"))], routes: vec![] };
    let error = Router::open(spec, place.context()).err().unwrap().to_string();
    assert!(error.starts_with("handler deep: can't "), "{error}");
}

#[test]
fn handlers_that_are_asked_for_as_before_go_on_and_others_change() {
    let place = Place::new();
    let mut router = place.open(vec![place.file("kept"), queued(place.file("old"))], vec![]);
    deliver(&mut router, &["one"]);
    let errors = HandlerSpec { level: Some(Level::ERROR), ..place.file("kept") };
    let spec = Spec { handlers: vec![place.file("new"), errors], routes: vec![] };
    router.reconfigure(spec).unwrap();
    deliver(&mut router, &["two"]);
    router.handle(&record("app", Level::ERROR, "three"));
    let given: Vec<_> = router.status().into_iter().map(|s| (s.name, s.received)).collect();
    assert_eq!(given, [("new".to_owned(), 2), ("kept".to_owned(), 2)]);
    let closed = close(router);
    assert_eq!(closed.len(), 3, "the one taken out is reported, too");
    assert_eq!(place.lines("kept"), ["one", "three"]);
    assert_eq!(place.lines("old"), ["one"]);
    assert_eq!(place.lines("new"), ["two", "three"]);
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let place = Place::new();
    std::fs::write(place.path("plain"), "").unwrap();
    let mut router = place.open(vec![place.file("old")], vec![]);
    let bad = [
        vec![place.file("new"), file("deep", &place.path("plain/deep"))],
        vec![place.file("new"), place.file("new")],
        vec![HandlerSpec { grep: vec!["(".into()], ..place.file("new") }],
    ];
    for handlers in bad {
        router.reconfigure(Spec { handlers, routes: vec![] }).unwrap_err();
        deliver(&mut router, &["one"]);
    }
    close(router);
    assert_eq!(place.lines("old"), ["one", "one", "one"]);
}

#[test]
fn no_record_is_lost_or_doubled_while_a_file_changes_hands() {
    let place = Place::new();
    let one = |behind: bool| match behind {
        true => HandlerSpec { name: "behind".into(), ..queued(place.file("log")) },
        false => HandlerSpec { name: "here".into(), ..place.file("log") },
    };
    let mut router = place.open(vec![one(false)], vec![]);
    let mut expected = Vec::new();
    for round in 0..20 {
        for number in 0..50 {
            let msg = format!("{round}-{number}");
            deliver(&mut router, &[&msg]);
            expected.push(msg);
        }
        let spec = Spec { handlers: vec![one(round % 2 == 0)], routes: vec![] };
        router.reconfigure(spec).unwrap();
    }
    let closed = close(router);
    assert_eq!(place.lines("log"), expected);
    assert_eq!(closed.iter().map(HandlerStatus::arrived).sum::<u64>(), 1000);
}

#[test]
fn files_that_were_moved_away_are_opened_anew_when_asked() {
    let place = Place::new();
    let mut router = place.open(vec![place.file("here"), queued(place.file("behind"))], vec![]);
    deliver(&mut router, &["one"]);
    let given = Instant::now();
    while router.status().iter().any(|status| status.handled < 1) {
        assert!(given.elapsed() < DEADLINE);
        std::thread::yield_now();
    }
    for name in ["here", "behind"] {
        std::fs::rename(place.path(name), place.path(&format!("{name}.old"))).unwrap();
    }
    router.reopen();
    deliver(&mut router, &["two"]);
    close(router);
    for name in ["here", "behind"] {
        assert_eq!(place.lines(&format!("{name}.old")), ["one"]);
        assert_eq!(place.lines(name), ["two"]);
    }
}

#[test]
fn what_is_subscribed_to_is_what_some_handler_can_get() {
    let place = Place::new();
    let topics = |topics: &[&str], name| {
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        HandlerSpec { topics, ..place.file(name) }
    };
    let wanted = |handlers: Vec<HandlerSpec>, routes| {
        let prefixes = place.open(handlers, routes).subscriptions().to_vec();
        prefixes.into_iter().map(|prefix| String::from_utf8(prefix).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(wanted(vec![], vec![]), [""; 0]);
    assert_eq!(wanted(vec![topics(&["b", "a"], "x"), topics(&["a.c"], "y")], vec![]), ["a", "b"]);
    assert_eq!(wanted(vec![topics(&["b"], "x"), topics(&[], "y")], vec![]), [""]);
    let by_topic = || vec![route(Match::Topic("a".into()), &["x"])];
    assert_eq!(wanted(vec![topics(&[], "x"), topics(&[], "y")], by_topic()), ["a"]);
    assert_eq!(wanted(vec![topics(&["a.c", "b", ""], "x")], by_topic()), ["a"]);
    assert_eq!(wanted(vec![topics(&["a.c", "b"], "x")], by_topic()), ["a.c"]);
    let by_logger = vec![route(Match::logger("a"), &["x"])];
    assert_eq!(wanted(vec![topics(&["b"], "x"), topics(&[], "y")], by_logger), ["b"]);
}

#[test]
fn a_handler_that_publishes_says_where() {
    let place = Place::new();
    let bind = vec!["tcp://127.0.0.1:0".to_owned()];
    let target = Target::Publish(PublishTarget { bind, ..PublishTarget::default() });
    let mut router = place.open(vec![HandlerSpec::new("again", target)], vec![]);
    let reports = place.reports();
    assert!(
        reports[0].starts_with("zlog tail: handler again: bound tcp://127.0.0.1:"),
        "{reports:?}"
    );
    deliver(&mut router, &["one"]);
    assert_eq!(close(router)[0].arrived(), 1);
}

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::*;
use crate::handler::file::Sync;
use crate::handler::queue::OnFull;
use crate::router::options::{FileTarget, PublishTarget, Target};
use crate::router::spec::{QueueSpec, RouteSpec};
use zlog_core::record::Level;

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A directory for files, and the reported messages.
struct Setup {
    directory: tempfile::TempDir,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Setup {
    fn new() -> Setup {
        Setup { directory: tempfile::tempdir().unwrap(), heard: Arc::default() }
    }

    fn context(&self) -> HandlerContext {
        let heard = Arc::clone(&self.heard);
        let report: Reporter = Arc::new(move |line| heard.lock().unwrap().push(line.to_owned()));
        HandlerContext::new("tail", &ShutdownSignal::default(), report)
    }

    fn open(&self, handlers: Vec<HandlerSpec>, routes: Vec<RouteSpec>) -> Router {
        Router::open(Spec { handlers, routes }, self.context()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A handler that writes to a file, both called `name`.
    fn file(&self, name: &str) -> HandlerSpec {
        file(name, &self.path(name))
    }

    /// The messages in the file called `name`.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
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
    let setup = Setup::new();
    let errors = HandlerSpec { level: Some(Level::ERROR), ..setup.file("errors") };
    let topics = vec!["web.".to_owned(), "app.ERROR".to_owned()];
    let by_topic = HandlerSpec { topics, ..setup.file("topics") };
    let grep = HandlerSpec {
        grep: vec!["^d".into(), "^l".into()],
        exclude: vec!["up$".into()],
        ..queued(setup.file("grep"))
    };
    let mut router = setup.open(vec![setup.file("all"), errors, by_topic, grep], vec![]);
    router.handle(&record("web", Level::INFO, "lookup"));
    router.handle(&record("app", Level::ERROR, "down"));
    router.handle(&record("db", Level::INFO, "low"));
    router.handle(&record("db", Level::NOTSET, "last"));
    let closed = close(router);
    assert_eq!(setup.lines("all"), ["lookup", "down", "low", "last"]);
    assert_eq!(setup.lines("errors"), ["down", "last"], "a record without a level passes");
    assert_eq!(setup.lines("topics"), ["lookup", "down"]);
    assert_eq!(setup.lines("grep"), ["down", "low", "last"]);
    let given: Vec<_> = closed.iter().map(|status| (status.received, status.arrived())).collect();
    assert_eq!(given, [(4, 4), (2, 2), (2, 2), (3, 3)]);
}

#[test]
fn a_handler_on_several_routes_gets_a_record_once() {
    let setup = Setup::new();
    let routes = vec![
        RouteSpec { level: Some(Level::WARNING), ..route(Match::logger(""), &["all"]) },
        RouteSpec { level: Some(Level::INFO), ..route(Match::logger("app"), &["app", "all"]) },
        RouteSpec { propagate: false, ..route(Match::Topic("secret".into()), &["secret"]) },
    ];
    let handlers = vec![setup.file("all"), queued(setup.file("app")), setup.file("secret")];
    let mut router = setup.open(handlers, routes);
    router.handle(&record("app.db", Level::INFO, "one"));
    router.handle(&record("web", Level::INFO, "two"));
    router.handle(&record("web", Level::ERROR, "three"));
    let secret = Record { topic: "secret.ERROR".into(), ..record("app", Level::ERROR, "four") };
    router.handle(&secret);
    close(router);
    assert_eq!(setup.lines("all"), ["one", "three"]);
    assert_eq!(setup.lines("app"), ["one"]);
    assert_eq!(setup.lines("secret"), ["four"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_failing_handler_is_reported_once_and_does_not_affect_others() {
    for behind in [false, true] {
        let setup = Setup::new();
        let full = file("full", Path::new("/dev/full"));
        let full = if behind { queued(full) } else { full };
        let mut router = setup.open(vec![full, setup.file("all")], vec![]);
        deliver(&mut router, &["one", "two", "three"]);
        let closed = close(router);
        assert_eq!(setup.lines("all"), ["one", "two", "three"]);
        let told = setup.heard();
        assert_eq!(told.len(), 1, "{told:?}");
        let expected = "zlog tail: handler full: writing to /dev/full: no space left on device; \
                        the others go on";
        assert_eq!(told[0], expected);
        assert_eq!((closed[0].failed, closed[0].missing()), (3, 3));
        assert_eq!(closed[0].outage.as_ref().unwrap().lost, 3);
        assert_eq!(closed[0].remarks(), ["handler full: 3 of 3 records were lost (3 failed)"]);
    }
}

#[test]
fn an_error_on_open_names_the_handler() {
    let setup = Setup::new();
    std::fs::write(setup.path("plain"), "").unwrap();
    let spec = Spec { handlers: vec![file("deep", &setup.path("plain/deep"))], routes: vec![] };
    let error = Router::open(spec, setup.context()).err().unwrap().to_string();
    assert!(error.starts_with("handler deep: can't "), "{error}");
}

#[test]
fn unchanged_handlers_keep_running_and_others_are_replaced() {
    let setup = Setup::new();
    let mut router = setup.open(vec![setup.file("kept"), queued(setup.file("old"))], vec![]);
    deliver(&mut router, &["one"]);
    let errors = HandlerSpec { level: Some(Level::ERROR), ..setup.file("kept") };
    let spec = Spec { handlers: vec![setup.file("new"), errors], routes: vec![] };
    router.reconfigure(spec).unwrap();
    deliver(&mut router, &["two"]);
    router.handle(&record("app", Level::ERROR, "three"));
    let given: Vec<_> = router.status().into_iter().map(|s| (s.name, s.received)).collect();
    assert_eq!(given, [("new".to_owned(), 2), ("kept".to_owned(), 2)]);
    let closed = close(router);
    assert_eq!(closed.len(), 3, "the removed one is included");
    assert_eq!(setup.lines("kept"), ["one", "three"]);
    assert_eq!(setup.lines("old"), ["one"]);
    assert_eq!(setup.lines("new"), ["two", "three"]);
}

#[test]
fn a_failed_change_changes_nothing() {
    let setup = Setup::new();
    std::fs::write(setup.path("plain"), "").unwrap();
    let mut router = setup.open(vec![setup.file("old")], vec![]);
    let bad = [
        vec![setup.file("new"), file("deep", &setup.path("plain/deep"))],
        vec![setup.file("new"), setup.file("new")],
        vec![HandlerSpec { grep: vec!["(".into()], ..setup.file("new") }],
    ];
    for handlers in bad {
        router.reconfigure(Spec { handlers, routes: vec![] }).unwrap_err();
        deliver(&mut router, &["one"]);
    }
    close(router);
    assert_eq!(setup.lines("old"), ["one", "one", "one"]);
}

#[test]
fn no_record_is_lost_or_doubled_while_a_file_is_handed_over() {
    let setup = Setup::new();
    let one = |behind: bool| match behind {
        true => HandlerSpec { name: "behind".into(), ..queued(setup.file("log")) },
        false => HandlerSpec { name: "here".into(), ..setup.file("log") },
    };
    let mut router = setup.open(vec![one(false)], vec![]);
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
    assert_eq!(setup.lines("log"), expected);
    assert_eq!(closed.iter().map(HandlerStatus::arrived).sum::<u64>(), 1000);
}

#[test]
fn moved_files_are_reopened_on_request() {
    let setup = Setup::new();
    let mut router = setup.open(vec![setup.file("here"), queued(setup.file("behind"))], vec![]);
    deliver(&mut router, &["one"]);
    let given = Instant::now();
    while router.status().iter().any(|status| status.handled < 1) {
        assert!(given.elapsed() < DEADLINE);
        std::thread::yield_now();
    }
    for name in ["here", "behind"] {
        std::fs::rename(setup.path(name), setup.path(&format!("{name}.old"))).unwrap();
    }
    router.reopen();
    deliver(&mut router, &["two"]);
    close(router);
    for name in ["here", "behind"] {
        assert_eq!(setup.lines(&format!("{name}.old")), ["one"]);
        assert_eq!(setup.lines(name), ["two"]);
    }
}

#[test]
fn subscriptions_cover_what_the_handlers_take() {
    let setup = Setup::new();
    let topics = |topics: &[&str], name| {
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        HandlerSpec { topics, ..setup.file(name) }
    };
    let wanted = |handlers: Vec<HandlerSpec>, routes| {
        let prefixes = setup.open(handlers, routes).subscriptions();
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
fn a_publishing_handler_reports_its_endpoint() {
    let setup = Setup::new();
    let bind = vec!["tcp://127.0.0.1:0".to_owned()];
    let target = Target::Publish(PublishTarget { bind, ..PublishTarget::default() });
    let mut router = setup.open(vec![HandlerSpec::new("again", target)], vec![]);
    let told = setup.heard();
    assert!(told[0].starts_with("zlog tail: handler again: bound tcp://127.0.0.1:"), "{told:?}");
    deliver(&mut router, &["one"]);
    assert_eq!(close(router)[0].arrived(), 1);
}

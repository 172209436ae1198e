//! Topics, roots and levels: the subscriptions, and which records are shown.

use std::collections::BTreeSet;

use super::{body, tail, tail_of};
use crate::harness::{Publisher, zlog};
use serde_json::json;

/// The topics in `sent` that `tail` with `args` prints; the text of each record is its topic.
///
/// Waits for a last record with the topic `end`, which must pass.
#[track_caller]
fn shown(prefixes: usize, args: &[&str], sent: &[&str], end: &str) -> Vec<String> {
    let (publisher, mut tail) = tail_of(prefixes, &[&["-o", "text"], args].concat());
    for topic in sent.iter().chain([&end]) {
        publisher.send([topic, topic]);
    }
    tail.expect_stdout(end);
    tail.terminate();
    let out = tail.wait().code(143).out();
    let mut shown: Vec<String> = out.lines().map(str::to_owned).collect();
    assert_eq!(shown.pop().as_deref(), Some(end));
    shown
}

#[test]
fn no_topic_means_all_of_them() {
    assert_eq!(shown(1, &[], &["a.INFO", "b", "x y z"], "end"), ["a.INFO", "b", "x y z"]);
}

#[test]
fn topics_match_by_prefix_byte_by_byte() {
    let sent = ["app.ERROR", "app.ERROR.db", "app.ERRORS", "app.INFO", "other.app.ERROR"];
    let expected = ["app.ERROR", "app.ERROR.db", "app.ERRORS"];
    assert_eq!(shown(1, &["app.ERROR"], &sent, "app.ERROR.end"), expected);
    assert_eq!(shown(1, &["-t", "app.ERROR"], &sent, "app.ERROR.end"), expected);
    assert_eq!(shown(1, &["--topic", "app.ERROR"], &sent, "app.ERROR.end"), expected);
}

#[test]
fn several_topics_add_up_and_no_record_is_shown_twice() {
    let sent = ["app.ERROR", "db.INFO", "web.INFO"];
    let args = ["app.ERROR", "-t", "db", "-t", "app", "app.ERROR"];
    assert_eq!(shown(2, &args, &sent, "db.end"), ["app.ERROR", "db.INFO"]);
}

#[test]
fn an_endpoint_may_stand_among_the_topics() {
    let publisher = Publisher::bind();
    let tail =
        zlog(["tail", "-n", "1", "-o", "text", "app", &publisher.endpoint, "-t", "web"]).start();
    publisher.wait_for_subscription();
    publisher.wait_for_subscription();
    publisher.send(["web.INFO", "hello"]);
    tail.wait().success().stdout("hello\n");
}

#[test]
fn the_default_endpoint_can_be_set_in_the_environment() {
    let publisher = Publisher::bind();
    let tail = zlog(["tail", "-n", "1", "-o", "text"]).env("ZLOG_ENDPOINT", &publisher.endpoint);
    let tail = tail.start();
    publisher.wait_for_subscription();
    publisher.send(["INFO", "hello"]);
    tail.wait().success().stdout("hello\n");
}

#[test]
fn not_leaves_topics_out() {
    let sent = ["app.ERROR", "app.ERROR.db", "app.INFO", "web.INFO"];
    assert_eq!(shown(1, &["--not", "app.ERROR"], &sent, "end"), ["app.INFO", "web.INFO"]);
    let args = ["app", "--not", "app.ERROR.db", "--not", "app.INFO"];
    assert_eq!(shown(1, &args, &sent, "app.end"), ["app.ERROR"]);
}

#[test]
fn whole_parts_match_only_at_dots() {
    let sent = ["app.ERROR", "app.ERRORS", "app.ERROR.db", "app.ERROR-2"];
    let args = ["--whole-parts", "app.ERROR"];
    assert_eq!(shown(1, &args, &sent, "app.ERROR.end"), ["app.ERROR", "app.ERROR.db"]);
    let args = ["--whole-parts", "--not", "app.ERROR"];
    assert_eq!(shown(1, &args, &sent, "end"), ["app.ERRORS", "app.ERROR-2"]);
}

/// The prefixes that a tail with `args` subscribes to.
fn subscriptions(count: usize, args: &[&str]) -> BTreeSet<String> {
    let publisher = Publisher::bind();
    let _tail = zlog(["tail", &publisher.endpoint]).args(args).start();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (0..count).map(|_| text(publisher.wait_for_subscription())).collect()
}

/// Whether one of `prefixes` covers `topic`, as libzmq decides it.
fn covers(prefixes: &BTreeSet<String>, topic: &str) -> bool {
    prefixes.iter().any(|prefix| topic.starts_with(prefix.as_str()))
}

#[test]
fn the_publisher_filters_by_level_when_a_root_is_given() {
    let prefixes = subscriptions(6, &["--root", "root", "--level", "WARNING"]);
    for wanted in ["root.WARNING", "root.ERROR", "root.CRITICAL.db", "root.FATAL", "root.Level 35"]
    {
        assert!(covers(&prefixes, wanted), "{wanted} by {prefixes:?}");
    }
    for unwanted in ["root.INFO", "root.DEBUG", "root.INFO.WARNING", "other.ERROR", "roots.ERROR"] {
        assert!(!covers(&prefixes, unwanted), "{unwanted} by {prefixes:?}");
    }
}

#[test]
fn a_level_with_a_root_shows_that_level_and_above_including_custom_ones() {
    let sent = [
        "root.INFO",
        "root.WARNING",
        "root.WARN",
        "root.Level 25",
        "root.Level 35",
        "root.ERROR.db",
        "root.Level 30",
        "root.web.ERROR",
        "root.FATAL",
    ];
    let expected = [
        "root.WARNING",
        "root.WARN",
        "root.Level 35",
        "root.ERROR.db",
        "root.Level 30",
        "root.FATAL",
    ];
    assert_eq!(shown(6, &["-r", "root", "-l", "warning"], &sent, "root.ERROR.end"), expected);
}

#[test]
fn a_custom_level_is_given_by_its_number() {
    let sent = ["root.ERROR", "root.Level 34", "root.Level 35", "root.WARNING"];
    let args = ["--root", "root", "--level", "35"];
    assert_eq!(shown(5, &args, &sent, "root.CRITICAL.end"), ["root.ERROR", "root.Level 35"]);
}

#[test]
fn a_level_without_a_root_applies_to_every_topic() {
    let sent = ["a.INFO", "b.ERROR", "c.Level 25", "d.Level 35"];
    assert_eq!(shown(1, &["-l", "warning"], &sent, "x.ERROR"), ["b.ERROR", "d.Level 35"]);
}

#[test]
fn a_root_without_a_level_matches_exactly() {
    let sent = ["app.INFO", "app.web.INFO", "apps.INFO", "app.Level 7"];
    assert_eq!(shown(8, &["--root", "app"], &sent, "app.DEBUG.end"), ["app.INFO", "app.Level 7"]);
}

#[test]
fn the_level_of_the_record_takes_precedence_over_that_of_its_topic() {
    let (publisher, tail) = tail(&["-l", "warning", "-o", "text", "-n", "2"]);
    let send = |topic: &str, msg, level| {
        publisher.send([topic.to_owned(), body(json!({"msg": msg, "levelno": level}))]);
    };
    send("app.ERROR", "no", 20);
    send("app.INFO", "yes", 40);
    send("app.ERROR", "end", 40);
    tail.wait().success().stdout("yes\nend\n");
}

#[test]
fn a_root_that_contains_a_level_and_a_wrong_level_are_wrong_usage() {
    zlog(["tail", "--root", "app.ERROR"]).run().code(2).stderr_has("ERROR");
    zlog(["tail", "--level", "loud"]).run().code(2).stderr_has("--level");
}

#[test]
fn a_handler_does_not_publish_to_where_tail_subscribes() {
    let endpoint = "tcp://127.0.0.1:5";
    for publish in ["tcp://127.0.0.1:5", "tcp://localhost:5"] {
        let refused = zlog(["tail", endpoint, "--publish", publish]).run().code(2);
        refused.stderr_has(&format!("would send records back to their source: {endpoint}"));
    }
}

#[test]
fn a_topic_that_looks_like_an_endpoint_or_a_path_is_reported_with_the_right_spelling() {
    for (topic, hint) in [
        ("127.0.0.1:12399", Some("tcp://127.0.0.1:12399")),
        (":12399", Some("tcp://127.0.0.1:12399")),
        ("12399", Some("tcp://127.0.0.1:12399")),
        ("99999", None),
        ("tcp:/127.0.0.1:12399", Some("To connect to an endpoint: tcp://127.0.0.1:12399")),
        ("tcp//localhost:12399", Some("To connect to an endpoint: tcp://localhost:12399")),
        ("/var/log/syslog", Some("--input /var/log/syslog")),
        ("./app.log", Some("--input ./app.log")),
        ("app.ERROR", None),
        ("app: 1", None),
    ] {
        let publisher = Publisher::bind();
        let args = ["tail", &publisher.endpoint, topic, "--timeout", "10ms"];
        let said = zlog(args).run().err();
        assert_eq!(said.contains("is taken as the beginning of topics"), hint.is_some(), "{said}");
        assert!(hint.is_none_or(|hint| said.contains(hint)), "{topic}: {said}");
        zlog(args).args(["-q"]).run().stderr_lacks("taken as");
    }
    let publisher = Publisher::bind();
    let top = ["top", "--once", &publisher.endpoint, "web1:8080", "--interval", "100ms"];
    let hint =
        "\"web1:8080\" is taken as the beginning of topics. To connect to an endpoint: tcp://web1";
    zlog(top).run().success().stderr_has(hint);
}

#[test]
fn a_dash_is_standard_input() {
    let input = "2026-01-01 10:00:00 ERROR disk full\n";
    let tail = zlog(["tail", "-", "-o", "text"]).stdin(input).run().success();
    tail.stdout("2026-01-01 10:00:00 ERROR disk full\n").stderr_lacks("connected");
}

#[test]
fn input_that_nobody_reads_is_reported_once_with_the_option_that_reads_it() {
    let tail = |args: &[&str]| {
        let tail =
            zlog(["tail", "--timeout", "500ms"]).env("ZLOG_ENDPOINT", "connect:tcp://127.0.0.1:1");
        tail.args(args).stdin("one\n").run().err()
    };
    let said = tail(&[]);
    assert_eq!(said.matches("standard input is not read").count(), 1, "{said}");
    assert!(said.contains("zlog tail --input -"), "{said}");
    for quiet in [&["-q"][..], &["-c", "tcp://127.0.0.1:1"]] {
        assert!(!tail(quiet).contains("standard input"), "{quiet:?}");
    }
}

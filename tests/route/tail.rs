//! Which handler gets what, and what is still printed.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{lines, path, send, stored, tail, wait_for_file};
use crate::harness::{DEADLINE, Listener, Publisher, zlog};

#[test]
fn each_handler_gets_its_records_in_its_own_format() {
    let directory = tempfile::tempdir().unwrap();
    let [all, errors, commanded] =
        ["all.log", "errors.log", "commanded"].map(|n| path(&directory, n));
    let (publisher, tail) = tail(&[
        "-n",
        "4",
        "--file",
        &format!("{all},format=%(name)s:%(message)s"),
        "--file",
        &format!("{errors},level=error,max-bytes=1M,backups=2,utc"),
        "--exec",
        &format!(
            "sh -c 'cat >> {commanded}; echo $ZLOG_RECORDS >> {commanded}',topic=web,format=json"
        ),
    ]);
    send(&publisher, "web.INFO", 20, "one");
    send(&publisher, "web.ERROR", 40, "two");
    send(&publisher, "db.ERROR", 40, "three");
    send(&publisher, "db.INFO", 20, "four");
    tail.wait().success().stdout("");
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&all), "web:one\nweb:two\ndb:three\ndb:four\n");
    let at = "1970-01-01 00:00:01,500 ERROR";
    assert_eq!(read(&errors), format!("{at} web: two\n{at} db: three\n"));
    let commanded = read(&commanded);
    let mut batch = commanded.lines();
    assert!(batch.next().unwrap().contains(r#""msg":"one""#), "{commanded}");
    assert!(batch.next().unwrap().contains(r#""msg":"two""#), "{commanded}");
    assert_eq!(batch.next(), Some("2"), "{commanded}");
    assert_eq!(batch.next(), None, "{commanded}");
}

#[test]
fn a_file_replaces_the_output_unless_console_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let file = path(&directory, "app.log");
    let input = lines([stored("app", 20, "hello")]);
    let cases: [(&[&str], &str); 7] = [
        (&[], ""),
        (&["-o", "text"], "hello\n"),
        (&["--format", "%(name)s"], "app\n"),
        (&["--console", "--utc"], "1970-01-01 00:00:01.500  INFO     app  hello\n"),
        (&["--console=format=%(name)s, %(message)s"], "app, hello\n"),
        (&["--console=level=error"], ""),
        (&["--console=topic=app.INFO,grep=l+", "-o", "text"], "hello\n"),
    ];
    for (number, (args, printed)) in cases.into_iter().enumerate() {
        let tail = zlog(["tail", "--input", "-", "--file", &file]).args(args);
        tail.stdin(input.as_str()).run().success().stdout(printed);
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), number + 1, "{text}");
    }
}

#[test]
fn records_filtered_out_by_tail_reach_no_handler() {
    let directory = tempfile::tempdir().unwrap();
    let file = path(&directory, "app.log");
    let input = lines([stored("a", 20, "one"), stored("b", 40, "two"), stored("b", 40, "no")]);
    let args = ["tail", "--input", "-", "--level", "error", "-e", "no", "--file", &file];
    zlog(args).stdin(input).run().success();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "1970-01-01 00:00:01,500 ERROR b: two\n");
}

/// A line that a message, a name or a level tries to forge.
const FORGED: &str = "\n1970-01-01 00:00:01,500 CRITICAL bank forged";

/// Gives these records to each kind of line-oriented handler. Returns their texts.
#[track_caller]
fn in_each_handler(records: &[Value], newlines: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let names = ["plain", "by_size", "by_clock", "piped"].map(|name| path(&directory, name));
    let [plain, by_size, by_clock, piped] = &names;
    let handlers = [
        format!("--file={plain}{newlines}"),
        format!("--file={by_size},max-bytes=10M{newlines}"),
        format!("--file={by_clock},when=D{newlines}"),
        format!("--exec=sh -c 'cat > {piped}'{newlines}"),
        format!("--console=level=debug{newlines},format=basic"),
    ];
    let args = ["tail", "--input", "-"].into_iter().chain(handlers.iter().map(String::as_str));
    let run = zlog(args).stdin(lines(records.to_vec())).run().success();
    let files = names.iter().map(|name| std::fs::read_to_string(name).unwrap());
    files.chain([run.out()]).collect()
}

#[test]
fn names_and_levels_forge_no_line_and_messages_none_with_newlines_escape() {
    let plain = stored("app", 20, "plain");
    let with = |key: &str, value: String| {
        let mut record = plain.clone();
        record[key] = value.into();
        record
    };
    let named = [
        plain.clone(),
        with("name", format!("a{FORGED}")),
        with("levelname", format!("L{FORGED}")),
    ];
    for text in in_each_handler(&named, "") {
        assert_eq!(text.lines().count(), named.len(), "{text}");
    }
    let messages = [
        with("msg", format!("m{FORGED}")),
        with("msg", "m\r\u{2028}".to_owned()),
        with("exc_text", "Traceback\n  File".to_owned()),
        with("stack_info", format!("Stack{FORGED}")),
    ];
    let all = [&named[..], &messages].concat();
    for text in in_each_handler(&all, ",newlines=escape") {
        assert_eq!(text.lines().count(), all.len(), "{text}");
        assert!(!text.contains(['\r', '\u{2028}']), "{text}");
        assert!(
            text.contains(r"m\x0a1970-01-01") && text.contains(r"plain\x0aTraceback\x0a  File")
        );
    }
    // By default, as Python writes them.
    for text in in_each_handler(&messages, "") {
        assert_eq!(text.lines().count(), 9, "{text}");
    }
}

#[test]
fn tail_escapes_newlines_in_its_output_on_request() {
    let record = || lines([stored("app", 20, &format!("m{FORGED}"))]);
    for shape in [&["-o", "text"][..], &["-o", "pretty"], &["--format", "basic"]] {
        let args = ["tail", "--input", "-", "--newlines", "escape"];
        let out = zlog(args).args(shape).stdin(record()).run().success().out();
        assert_eq!(out.lines().count(), 1, "{shape:?}: {out}");
        let out = zlog(&args[..3]).args(shape).stdin(record()).run().success().out();
        assert_eq!(out.lines().count(), 2, "{shape:?}: {out}");
    }
}

#[test]
fn only_topics_of_handlers_are_subscribed_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = format!("{},topic=app.ERROR", path(&directory, "app.log"));
    let publisher = Publisher::bind();
    let mut tail = zlog(["tail", &publisher.endpoint, "--file", &file]).start();
    assert_eq!(publisher.wait_for_subscription(), b"app.ERROR");
    tail.terminate();
    let _ = tail.wait().code(143);
}

#[test]
fn only_topics_of_the_console_or_a_handler_are_subscribed_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = format!("{},topic=app.ERROR", path(&directory, "app.log"));
    let publisher = Publisher::bind();
    let args = ["tail", &publisher.endpoint, "--console=topic=web", "--file", &file];
    let mut tail = zlog(args).start();
    let mut asked = [publisher.wait_for_subscription(), publisher.wait_for_subscription()];
    asked.sort();
    assert_eq!(asked, [b"app.ERROR".to_vec(), b"web".to_vec()]);
    tail.terminate();
    let _ = tail.wait().code(143);
}

#[test]
fn records_are_published_again() {
    let (publisher, mut tail) = tail(&["--publish", "tcp://127.0.0.1:*"]);
    let bound = tail.expect_stderr("handler publish tcp://127.0.0.1:*: bound");
    let listener = Listener::connect(bound.rsplit(' ').next().unwrap(), "app");
    let until = Instant::now() + DEADLINE;
    // Messages before the subscription are lost.
    let message = loop {
        assert!(Instant::now() < until, "nothing came");
        send(&publisher, "app.INFO", 20, "hello");
        if let Some(message) = listener.try_next(Duration::from_millis(20)) {
            break message;
        }
    };
    assert_eq!((message.topic.as_str(), &message.json()["msg"]), ("app.INFO", &"hello".into()));
    tail.terminate();
    tail.wait().code(143).stderr_lacks("lost");
}

#[test]
fn stored_records_wait_for_a_slow_handler() {
    let directory = tempfile::tempdir().unwrap();
    let commanded = path(&directory, "commanded");
    let input = lines((0..3000).map(|n| stored("app", 20, &format!("number {n}"))));
    let exec = format!("sh -c 'cat >> {commanded}',batch=100,queue=5,format=%(message)s");
    zlog(["tail", "--input", "-", "--exec", &exec])
        .stdin(input)
        .run()
        .success()
        .stderr_lacks("lost");
    let text = wait_for_file(commanded.as_ref(), |text| text.lines().count() >= 3000);
    let expected: String = (0..3000).map(|n| format!("number {n}\n")).collect();
    assert_eq!(text, expected);
}

#[test]
fn an_invalid_handler_is_refused_before_anything_is_read() {
    let cases: [(&[&str], &str); 5] = [
        (&["--file", "app.log,levle=error"], "Did you mean level=?"),
        (&["--file", "a", "--file", "./a"], "would both write to ./a"),
        (&["--exec", "no-such-command-here"], "no-such-command-here: no such command"),
        (&["--file", "a,grep=("], "--file a: grep=(: not a regular expression"),
        (&["--smtp", "smtp://h"], "to is missing"),
    ];
    for (args, expected) in cases {
        zlog(["tail", "--input", "-"]).args(args).run().code(2).stderr_has(expected);
    }
}

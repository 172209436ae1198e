//! Conditions on fields: `--where`, `-i` and `-H` on fields, and `where=` of handlers.

use serde_json::{Value, json};

use super::lines;
use crate::harness::zlog;

/// Lines of a JSON logger, as other programs write them.
fn requests() -> String {
    let line = |i: usize| {
        let user = if i % 2 == 1 { "bo" } else { "al" };
        json!({"level": "info", "msg": format!("m{i}"), "status": 200 + i % 5 * 100,
            "user": {"name": user}, "time": "2023-11-14T22:13:20Z"})
        .to_string()
            + "\n"
    };
    (0..100).map(line).collect()
}

#[track_caller]
fn shown(args: &[&str], input: &str) -> Vec<String> {
    let tail = zlog(["tail", "-o", "text", "--input", "-"]).args(args).stdin(input);
    tail.run().success().out().lines().map(str::to_owned).collect()
}

#[test]
fn where_selects_by_attributes_and_nested_extras() {
    type Passes = fn(usize) -> bool;
    let expected = |passes: Passes| -> Vec<String> {
        (0..100).filter(|&i| passes(i)).map(|i| format!("m{i}")).collect()
    };
    let cases: [(&[&str], Passes); 8] = [
        (&["status>=500 and user.name=bo"], |i| i % 5 >= 3 && i % 2 == 1),
        (&["status>=500", "user.name=bo"], |i| i % 5 >= 3 && i % 2 == 1),
        (&["status=200 or user.name~^b"], |i| i.is_multiple_of(5) || i % 2 == 1),
        (&["not (status=200 or user.name~^b)"], |i| !i.is_multiple_of(5) && i.is_multiple_of(2)),
        (&["message=m7 or msg=m8"], |i| i == 7 || i == 8),
        (&["level>=warning"], |_| false),
        (&["created>=2023-11-14 and created<2023-11-16"], |_| true),
        (&["user.name and not user.mail and created<1700000001"], |_| true),
    ];
    for (conditions, passes) in cases {
        let args: Vec<&str> = conditions.iter().flat_map(|&text| ["--where", text]).collect();
        assert_eq!(shown(&args, &requests()), expected(passes), "{conditions:?}");
    }
}

#[test]
fn a_wrong_condition_is_wrong_usage_with_a_caret_at_the_place() {
    for (text, what, picture) in [
        ("status >", "expected a value after >", "\n  status >\n          ^"),
        ("a=1 b", "a value with spaces needs quotes", "\n  a=1 b\n      ^"),
        ("level>=loud", "this is no level", "\n  level>=loud\n         ^"),
    ] {
        let run = zlog(["tail", "--input", "-", "--where", text]).run().code(2).stdout("");
        run.stderr_has("--where").stderr_has(what).stderr_has(picture);
    }
}

#[test]
fn grep_and_exclude_search_fields_as_they_are_shown() {
    let input = lines([
        json!({"msg": "one", "user": 4718, "path": "/a b"}),
        json!({"msg": "two", "user": 1, "stack_info": "Stack of two"}),
        json!({"msg": "three"}),
    ]);
    let cases: [(&[&str], &[&str]); 7] = [
        (&["-i", "user=4718"], &["one"]),
        (&["-i", "path=\"/a b\" user=4718"], &["one"]),
        (&["-i", "user=4718", "-i", "three"], &["one", "three"]),
        (&["-i", "user=", "-i", "two", "--all"], &["two"]),
        (&["-i", "one", "-i", "three", "--all"], &[]),
        (&["-i", "Stack of"], &["two"]),
        (&["-e", "user=4718"], &["two", "three"]),
    ];
    for (args, expected) in cases {
        let tail = zlog(["tail", "-o", "json", "--input", "-"]).args(args).stdin(input.as_str());
        let out = tail.run().success().out();
        let messages = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let messages: Vec<Value> = messages.map(|mut record| record["msg"].take()).collect();
        assert_eq!(messages, *expected, "{args:?}");
    }
}

/// The example of README.md and docs/tail.md.
#[test]
fn highlight_and_grep_colour_matches_in_fields() {
    let input = lines([json!({"msg": "m", "user": "bo", "size": 5})]);
    let shown = |args: &[&str]| {
        let tail = zlog(["tail", "--color", "always", "--input", "-"]).args(args);
        tail.stdin(input.as_str()).run().success().out()
    };
    let (plain, marked) = (shown(&[]), shown(&["-H", r"user=\S+"]));
    assert!(!plain.contains("\u{1b}[30;43;1m"), "{plain:?}");
    assert!(marked.contains("user=bo\u{1b}[0m"), "{marked:?}");
    assert_ne!(plain, marked);
    assert_eq!(shown(&["-i", r"user=\S+"]), marked);
    let text = |out: &str| {
        let parts = out.split('\u{1b}').enumerate();
        let text = |(at, part): (usize, &str)| match at {
            0 => part.to_owned(),
            _ => part.split_once('m').map_or(String::new(), |(_, text)| text.to_owned()),
        };
        parts.map(text).collect::<String>()
    };
    assert_eq!(text(&marked), text(&plain), "marks change no text");
}

#[test]
fn a_handler_takes_the_records_that_meet_its_conditions() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let option = |name: &str, keys: &str| format!("{},{keys},format=%(message)s", file(name));
    let both = option("both", "where=status>=500 and user.name=bo,where=message~^m.$");
    let all = option("all", "where=status");
    let tail = zlog(["tail", "--input", "-", "--file", &both, "--file", &all]).stdin(requests());
    tail.run().success();
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("a file");
    assert_eq!(read("both"), "m3\nm9\n");
    assert_eq!(read("all").lines().count(), 100);

    let wrong = format!("{},where=status >", file("wrong"));
    let run = zlog(["tail", "--input", "-", "--file", &wrong]).run().code(2);
    run.stderr_has("where=status >: expected a value after >\n  status >\n          ^");
}

#[test]
fn a_configuration_has_the_same_conditions() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("relay.toml");
    let check = |condition: &str| {
        let handler = "version = 1\n[handlers.a]\nclass = \"file\"\npath = \"a.log\"\nwhere = ";
        std::fs::write(&config, format!("{handler}{condition}\n")).expect("written");
        zlog(["relay", "--check", "--config"]).args([&config]).run()
    };
    check("[\"status>=500\", 'user=\"a b\"']").success();
    let run = check("\"status >\"").code(2);
    run.stderr_has("relay.toml:5:").stderr_has("expected a value after >\n  status >\n");
}

//! What `tail` says about records that it leaves out, and about fields that no record has.

use std::fs;

use serde_json::json;

use super::{body, lines, tail};
use crate::harness::zlog;

/// Three records with extras.
fn requests() -> String {
    let of = |status: u32| {
        json!({"topic": "web.INFO", "levelno": 20, "msg": "m", "status": status, "created": 1.5,
            "user": {"name": "bo"}})
    };
    lines([of(200), of(404), of(500)])
}

/// What `tail` says of stored requests.
#[track_caller]
fn said(args: &[&str]) -> String {
    zlog(["tail", "--utc", "--input", "-"]).args(args).stdin(requests()).run().success().err()
}

#[test]
fn filters_that_leave_out_every_stored_record_are_named() {
    let cases: [(&[&str], &str); 9] = [
        (&["-l", "error"], "none of 3 records passes -l"),
        (&["-l", "error", "-i", "x"], "none of 3 records passes -l and -i"),
        (&["--where", "status>=501"], "none of 3 records passes --where"),
        (
            &["--since", "1971-01-01"],
            "none of 3 records passes --since; --since is 1971-01-01 00:00:00",
        ),
        (&["--topic", "shop", "--root", "x"], "none of 3 records passes TOPIC and --root"),
        (&["--not", "web"], "none of 3 records passes --not"),
        (&["-e", "m", "--from-source", "a"], "none of 3 records passes --from-source and -e"),
        (&["--last", "2", "-i", "x"], "none of 3 records passes -i"),
        (&["--sort", "-i", "x", "-o", "json"], "none of 3 records passes -i"),
    ];
    for (args, expected) in cases {
        assert_eq!(said(args), format!("zlog tail: {expected}\n"), "{args:?}");
        assert_eq!(said(&[args, &["-q"]].concat()), "", "{args:?}");
    }
    assert_eq!(said(&["-l", "info"]), "");
    assert_eq!(said(&["--where", "status=200"]), "", "some pass");
    let counts = zlog(["tail", "--count-by", "level", "-l", "error", "--input", "-"]);
    counts.stdin(requests()).run().success().stderr_has("none of 3 records passes -l");
    zlog(["tail", "-l", "error", "--input", "-"]).stdin("").run().success().stderr("");
}

#[test]
fn a_followed_file_whose_records_are_all_left_out_is_reported_while_it_is_followed() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), requests()).expect("written");
    let mut tail = zlog(["tail", "-l", "error", "-f"]).args([file.path()]).start();
    tail.expect_stderr("none of 3 records so far passes -l");
    tail.interrupt();
    tail.wait().code(130);
}

#[test]
fn filters_that_leave_out_every_live_record_are_named() {
    let (publisher, mut tail) = tail(&["-l", "error", "--where", "statsu>=500"]);
    let record = json!({"msg": "m", "levelno": 20, "status": 500});
    publisher.send(["app.INFO".to_owned(), body(record)]);
    tail.expect_stderr("none of 1 record so far passes -l and --where");
    tail.expect_stderr("--where: no record has the field statsu. Did you mean status?");
    tail.interrupt();
    tail.wait().code(130);
}

#[test]
fn a_field_that_no_record_has_is_named_with_what_was_probably_meant() {
    let hide = |what: &str, hint: &str| format!("--hide: no record has the field {what}. {hint}");
    let cases: [(&[&str], String); 8] = [
        (
            &["--count-by", "statsu"],
            "--count-by: no record has the field statsu. Did you mean status?".to_owned(),
        ),
        (&["--hide", "nonsense"], hide("nonsense", "There are: time, level, ")),
        (&["--hide", "statsu"], hide("statsu", "Did you mean status?")),
        (&["--hide", "extra"], hide("extra", "Did you mean extras?")),
        (&["--hide", "user.name"], hide("user.name", "Did you mean user?")),
        (
            &["--show", "user.nmae"],
            "--show: no record has the field user.nmae. Did you mean user?".to_owned(),
        ),
        (
            &["--show", "proces"],
            "--show: no record has the field proces. Did you mean process?".to_owned(),
        ),
        (
            &["--where", "statsu>=500"],
            "--where: no record has the field statsu. Did you mean status?".to_owned(),
        ),
    ];
    for (args, expected) in cases {
        let said = said(args);
        assert!(said.contains(&format!("zlog tail: {expected}")), "{args:?}: {said}");
    }
    for known in [
        &["--hide", "status,time"][..],
        &["--hide", "exc_text,process"],
        &["--show", "user.name,process"],
        &["--count-by", "user.name"],
        &["--count-by", "exc_text"],
        &["--where", "statsu>=500 or status=200"],
        &["-q", "--hide", "nonsense"],
    ] {
        assert_eq!(said(known), "", "{known:?}");
    }
    let useless = "has no effect: only pretty output has columns to choose\n";
    for (args, option) in [
        (["--hide", "status", "-o", "json"], "--hide"),
        (["--show", "x", "--format", "{message}"], "--show"),
    ] {
        assert_eq!(said(&args), format!("zlog tail: {option} {useless}"));
    }
}

#[test]
fn options_of_stored_files_are_refused_beside_endpoints() {
    for option in ["--sort", "--format-in=klog"] {
        for endpoint in ["--bind", "--connect"] {
            let tail = zlog(["tail", option, endpoint, "tcp://127.0.0.1:1"]).run().code(2);
            tail.stderr_has("cannot be used with").stderr_has(endpoint);
        }
    }
}

#[test]
fn the_defaults_of_a_user_are_for_records_with_other_fields_too() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "[tail]\nhide = ['nonsense']\n").expect("written");
    let tail = |args: &[&str]| {
        let tail = zlog(["tail", "--input", "-"]).args(args).stdin(requests());
        tail.env("ZLOG_CONFIG", file.path().to_str().expect("UTF-8")).run().success().err()
    };
    assert_eq!(tail(&[]), "");
    assert_eq!(tail(&["-o", "json"]), "");
    assert!(tail(&["--hide", "other"]).contains("no record has the field other"));
}

#[test]
fn a_field_that_no_live_record_had_is_named_at_the_end() {
    let (publisher, tail) = tail(&["-n", "1", "--hide", "statsu"]);
    publisher.send(["app.INFO".to_owned(), body(json!({"msg": "m", "status": 1}))]);
    tail.wait()
        .success()
        .stderr_has("--hide: no record has the field statsu. Did you mean status?");
}

#[test]
fn a_topic_after_input_gets_a_hint_where_topics_go() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    let hint = "\"app.ERROR\" after --input is taken as a file. Topics come before it: \
                zlog tail app.ERROR --input FILE";
    zlog(["tail", "--input", path, "app.ERROR"]).run().code(1).stderr_has(hint);
    let missing = zlog(["tail", "--input", path, "/no/such/file"]).run().code(1);
    missing.stderr_has("/no/such/file: no such file").stderr_lacks("Topics");
}

#[test]
fn where_compares_created_with_times() {
    let created = |args: &[&str]| {
        let tail = zlog(["tail", "--format", "{created:.0f}", "--input", "-"]).args(args);
        let records = [0, 86_400, 200_000].map(|at| json!({"msg": "m", "created": at}));
        tail.env("TZ", "Asia/Tokyo").stdin(lines(records)).run().success().out()
    };
    // Midnight in Tokyo is 15:00 UTC.
    assert_eq!(created(&["--where", "created<1970-01-02"]), "0\n");
    assert_eq!(created(&["--utc", "--where", "created>=1970-01-02"]), "86400\n200000\n");
    assert_eq!(
        created(&["--where", "created>='1970-01-02 09:00' and created<3d"]).lines().count(),
        2
    );
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a.log");
    let option = format!("{},where=created>1970-01-03,format=%(created)d", file.display());
    zlog(["tail", "--input", "-", "--file", &option]).stdin(requests()).run().success();
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), "");
    let run = zlog(["tail", "--input", "-", "--where", "created>soon"]).run().code(2);
    run.stderr_has("expected a time: 10m (ago)").stderr_has("\n  created>soon\n          ^");
}

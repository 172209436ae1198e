//! PyZMQ's watcher, `python -m zmq.log`, as a reader, and its command line.

use crate::harness::{emit, python, zlog};

#[test]
fn the_watcher_prints_every_line() {
    let Some(python) = python() else { return };
    let input = b"plain\n\
        ERROR: disk full\n\
        nul \0 inside\n\
        latin \xe9 and \xff\xfe\n\
        \n\
        na\xc3\xafve \xe2\x98\x83\n\
        \xed\xa0\x80 is half a character\n\
        {\"level\":\"critical\",\"msg\":\"from json\"}\n\
        the end";
    let mut emit = emit(["--wire", "text", "--root", "backup"]).stdin(input).start();
    let mut watcher = python.module("zmq.log", &[&emit.endpoint()]);
    watcher.expect_stdout("the end");
    emit.wait().success();
    watcher.interrupt();
    let expected = "backup.INFO | plain\n\
        backup.ERROR | ERROR: disk full\n\
        backup.INFO | nul \0 inside\n\
        backup.INFO | latin \\xe9 and \\xff\\xfe\n\
        backup.INFO | \n\
        backup.INFO | naïve ☃\n\
        backup.INFO | \\xed\\xa0\\x80 is half a character\n\
        backup.CRITICAL | from json\n\
        backup.INFO | the end\n";
    watcher.wait().success().stdout(expected);
}

#[test]
fn the_watcher_gets_subtopics_tracebacks_and_its_topics() {
    let Some(python) = python() else { return };
    let input = b"a.b::moved\n\
        DEBUG not asked for\n\
        ERROR lookup failed\n\
        Traceback (most recent call last):\n\
        \x20 File \"a.py\", line 1, in <module>\n\
        KeyError: 'answer'\n\
        the end\n";
    let args = ["--wire", "text", "--root", "app", "--topic-delim", "--level", "error"];
    let mut emit = emit(args).stdin(input).start();
    let mut watcher = python.module("zmq.log", &[&emit.endpoint(), "-t", "app.ERROR"]);
    watcher.expect_stdout("the end");
    emit.wait().success();
    watcher.interrupt();
    let expected = "app.ERROR.a.b | moved\n\
        app.ERROR | ERROR lookup failed\n\
        Traceback (most recent call last):\n\
        \x20 File \"a.py\", line 1, in <module>\n\
        KeyError: 'answer'\n\
        app.ERROR | the end\n";
    watcher.wait().success().stdout(expected);
}

#[test]
fn a_line_of_ten_megabytes_reaches_the_watcher_whole() {
    let Some(python) = python() else { return };
    let long = "x".repeat(10_000_000);
    let input = format!("{long}\nthe end");
    let mut emit = emit(["--wire", "text", "--root", "big"]).stdin(input).start();
    let mut watcher = python.module("zmq.log", &[&emit.endpoint()]);
    watcher.expect_stdout("the end");
    emit.wait().success();
    watcher.interrupt();
    let finished = watcher.wait().success();
    assert!(finished.out() == format!("big.INFO | {long}\nbig.INFO | the end\n"), "changed");
}

#[test]
fn the_command_line_of_the_watcher_works_for_tail() {
    let mut emit = emit(["--root", "app"]).stdin(b"ERROR: boom\nquiet\nERROR: bang\n").start();
    let endpoint = emit.endpoint();
    let tail = zlog(["tail", "--timestamp", "--separator", " | ", "--dateformat", "%H:%M"])
        .args(["--align", "--color", &endpoint, "-t", "app.ERROR", "-n", "2"])
        .run()
        .success();
    emit.wait().success();
    let out = tail.out();
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(out.contains("\x1b["), "--color without a value is always: {out}");
    for (line, message) in plain(&out).lines().zip(["ERROR: boom", "ERROR: bang"]) {
        let (time, rest) = line.split_once(" | ").expect("the separator");
        let time: Vec<_> = time.trim().trim_end_matches('~').split(':').collect();
        assert_eq!(time.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 2], "{line}");
        assert!(rest.contains("| app |") && rest.ends_with(message), "{line}");
    }
}

#[test]
fn the_default_command_line_of_the_watcher_works_for_tail() {
    let mut emit = emit(["--root", "app"]).stdin(b"one\ntwo\n").start();
    let endpoint = emit.endpoint();
    let tail = zlog(["tail", &endpoint, "-n", "2"]).run().success();
    emit.wait().success();
    assert!(tail.out().lines().all(|line| line.contains("INFO     app  ")), "{}", tail.out());
}

/// Text without colours.
fn plain(text: &str) -> String {
    regex::Regex::new("\x1b\\[[0-9;]*m").unwrap().replace_all(text, "").into_owned()
}

//! `zlog emit` → Python's logging.

use std::fmt::Write as _;
use std::path::Path;

use crate::harness::{Python, Zlog, emit, python, zlog};

/// The output of `make_log_record.py`, which also writes the records of `emit` to `file`.
#[track_caller]
fn printed(python: &Python, emit: Zlog, file: &Path) -> Vec<String> {
    let mut emit = emit.start();
    let endpoint = emit.endpoint();
    let script = python.script("make_log_record", &[&endpoint, file.to_str().unwrap()]);
    let printed = script.wait().success().out();
    emit.wait().success();
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn make_log_record_and_a_formatter_accept_every_kind_of_line() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let input = b"plain\n\
        ERROR: disk full\n\
        {\"level\":\"warning\",\"msg\":\"from json\",\"user\":7}\n\
        level=debug msg=\"from logfmt\" took=3ms\n\
        100% of %s and %d\n\
        na\xc3\xafve \xe2\x98\x83 latin \xe9\n\
        nul \0 inside\n\
        ERROR lookup failed\n\
        Traceback (most recent call last):\n\
        \x20 File \"a.py\", line 1, in <module>\n\
        KeyError: 'answer'\n\
        level=info msg=\"the end\"\n";
    let emit = emit(["--root", "backup"]).stdin(input);
    let expected = [
        "INFO|20|backup|zlog|plain",
        "ERROR|40|backup|zlog|ERROR: disk full",
        "WARNING|30|backup|zlog|from json",
        "DEBUG|10|backup|zlog|from logfmt",
        "INFO|20|backup|zlog|100% of %s and %d",
        r"INFO|20|backup|zlog|naïve ☃ latin \xe9",
        "INFO|20|backup|zlog|nul \0 inside",
        "ERROR|40|backup|zlog|ERROR lookup failed",
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1, in <module>",
        "KeyError: 'answer'",
        "INFO|20|backup|zlog|the end",
    ];
    assert_eq!(printed(&python, emit, &directory.path().join("log")), expected);
}

#[test]
fn a_rotating_file_handler_writes_every_record_in_order() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut input = String::new();
    for number in 0..5000 {
        let _ = writeln!(input, "line {number} of a long night");
    }
    input.push_str("the end\n");
    let log = directory.path().join("app.log");
    printed(&python, emit(["--root", "night"]).stdin(input.clone()), &log);

    let filed = rotated(&log);
    assert!(std::fs::read_dir(directory.path()).unwrap().count() > 10, "the log must rotate");
    let suffixes: Vec<_> = filed.lines().filter_map(|l| l.split_once(" INFO night: ")).collect();
    let messages: Vec<_> = suffixes.into_iter().map(|(_, message)| message).collect();
    assert_eq!(messages, input.lines().collect::<Vec<_>>());
}

#[test]
fn test_records_are_log_records_too() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    // From a file, since the script ends after its last message.
    let mut source = emit(["--test", "200", "--seed", "7", "--root", "demo"]).start();
    let endpoint = source.endpoint();
    let stored = zlog(["tail", "-o", "json", "-n", "200", &endpoint]).run().success();
    source.wait().success();
    let file = directory.path().join("stored");
    let end = r#"{"msg":"the end","levelno":20,"topic":"demo.INFO"}"#;
    std::fs::write(&file, stored.out() + end + "\n").unwrap();

    let replay = emit(["--speed", "max", "--replay", file.to_str().unwrap()]);
    let lines = printed(&python, replay, &directory.path().join("log"));
    let levels = ["DEBUG|10|", "INFO|20|", "WARNING|30|", "ERROR|40|", "CRITICAL|50|"];
    for level in levels {
        assert!(lines.iter().any(|line| line.starts_with(level)), "{level} in {lines:#?}");
    }
    let heads = lines.iter().filter(|line| levels.iter().any(|level| line.starts_with(level)));
    assert_eq!(heads.count(), 201);
}

/// The content of a rotating handler's files, oldest first.
fn rotated(log: &Path) -> String {
    let mut parts = vec![std::fs::read_to_string(log).unwrap()];
    for number in 1.. {
        match std::fs::read_to_string(format!("{}.{number}", log.display())) {
            Ok(part) => parts.push(part),
            Err(_) => break,
        }
    }
    parts.reverse();
    parts.concat()
}

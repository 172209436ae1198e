//! Stored files: compressed, followed, merged, and their last records.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::lines;
use crate::harness::{Message, emit, installed, published, zlog};

/// The output of a compressing program.
fn compressed(program: &str, text: &str) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    let output = Command::new(program).arg("-c").arg(file.path()).output().expect(program);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("opened");
    file.write_all(text.as_bytes()).expect("written");
}

/// The compressing programs that are installed: all in CI.
fn programs() -> Vec<&'static str> {
    let all = ["gzip", "zstd", "xz", "bzip2"];
    all.into_iter().filter(|program| installed(program).is_some()).collect()
}

#[test]
fn compressed_files_are_read_whatever_they_are_called() {
    let directory = tempfile::tempdir().expect("a directory");
    let programs = programs();
    let paths = programs.iter().map(|program| {
        let path = directory.path().join(format!("{program}.log"));
        let two = [format!("{program} 1\n"), format!("{program} 2\n")];
        std::fs::write(&path, two.map(|text| compressed(program, &text)).concat())
            .expect("written");
        path
    });
    let paths: Vec<_> = paths.collect();
    let expected: String =
        programs.iter().map(|program| format!("{program} 1\n{program} 2\n")).collect();
    let tail = zlog(["tail", "-o", "text", "--input"]).args(&paths);
    tail.run().success().stdout(expected.as_str());

    let stdin = std::fs::read(&paths[0]).expect("read");
    let tail = zlog(["tail", "-o", "text", "--input", "-"]).stdin(stdin);
    tail.run().success().stdout("gzip 1\ngzip 2\n");

    for source in ["--file", "--replay"] {
        let path = paths[0].to_str().expect("UTF-8");
        let (messages, _) = published(emit(["-r", "app", source, path]));
        let messages: Vec<_> =
            messages.iter().map(|message| message.json()["msg"].clone()).collect();
        assert_eq!(messages, ["gzip 1", "gzip 2"], "{source}");
    }
}

#[test]
fn files_that_zlog_has_compressed_are_read_back() {
    let directory = tempfile::tempdir().expect("a directory");
    for kind in ["gzip", "zstd"] {
        let path = directory.path().join(format!("{kind}.log"));
        let records = (0..50).map(|i| json!({"msg": format!("record {i}")}));
        let option = format!(
            "{},max-bytes=100,backups=99,compress={kind},format=%(message)s",
            path.display()
        );
        let tail = zlog(["tail", "--input", "-", "--file", &option]).stdin(lines(records));
        tail.run().success();
        let ending = if kind == "gzip" { "gz" } else { "zst" };
        let old = directory.path().join(format!("{kind}.log.1.{ending}"));
        let out = zlog(["tail", "-o", "text", "--input"]).args([&old]).run().success().out();
        assert!(out.lines().count() > 1 && out.lines().all(|l| l.starts_with("record ")), "{out}");
    }
}

#[test]
fn a_truncated_file_is_reported_and_what_can_be_read_is_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    // Random enough to fill several blocks of each format.
    let text: String =
        (0..50_000).map(|i: u32| format!("{i} {}\n", i.wrapping_mul(2_654_435_761))).collect();
    for program in programs() {
        let path = directory.path().join(program);
        let whole = compressed(program, &text);
        std::fs::write(&path, &whole[..whole.len() - 10]).expect("written");
        let run = zlog(["tail", "-o", "text", "--input"]).args([&path]).run().code(1);
        assert!(text.starts_with(run.out().trim_end_matches('\n')), "{program}");
        let run = run.stderr_has(&format!("{program}: the {program} data is cut off"));
        if program != "bzip2" {
            // bzip2 has one block here, and no part of a block can be read.
            assert!(run.out().lines().count() > 10_000, "{program}: {}", run.out().lines().count());
        }
    }
    let path = directory.path().join("more");
    std::fs::write(&path, [compressed("gzip", "text\n"), b"garbage".to_vec()].concat()).unwrap();
    let run = zlog(["tail", "-o", "text", "--input"]).args([&path]).run().code(1).stdout("text\n");
    run.stderr_has("bytes after the gzip data are not compressed");
}

#[test]
fn what_can_be_read_is_shown_beside_what_can_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let [good, cut, missing] = ["good", "cut", "missing"].map(|name| directory.path().join(name));
    std::fs::write(&good, "one\ntwo\n").expect("written");
    let gzip = compressed("gzip", "three\n");
    std::fs::write(&cut, &gzip[..gzip.len() - 4]).expect("written");
    let place = directory.path();
    let cases: [(&[&str], &[&Path], &str, &str); 7] = [
        (&["--input"], &[&good, place], "one\ntwo\n", "is a directory\n  Name a file"),
        (&["--input"], &[&missing, &good], "one\ntwo\n", "missing: no such file"),
        (&["--sort", "--input"], &[place, &good], "one\ntwo\n", "is a directory"),
        (&["--last", "1", "--input"], &[&missing, &good], "two\n", "missing: no such file"),
        (&["--input"], &[&cut, &good], "three\none\ntwo\n", "the gzip data is cut off"),
        (&["-f"], &[&cut], "three\n", "the gzip data is cut off"),
        (&["-f"], &[place], "", "is a directory"),
    ];
    for (args, paths, expected, says) in cases {
        let run = zlog(["tail", "-o", "text"]).args(args).args(paths).run().code(1);
        assert!(run.err().contains(says), "{args:?} {paths:?}: {}", run.err());
        assert_eq!(run.out(), expected, "{args:?} {paths:?}");
    }
    let compressed = std::fs::read(&cut).expect("read");
    let run = zlog(["tail", "-o", "text", "--input", "-"]).stdin(compressed).run().code(1);
    run.stdout("three\n").stderr_has("standard input: the gzip data is cut off");
    let followed = zlog(["tail", "-o", "text", "-f", "-"]).stdin(gzip).run().success();
    followed.stdout("three\n");
}

#[test]
fn a_followed_file_is_shown_as_it_grows_and_is_rotated() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("app.log");
    let file = path.to_str().expect("UTF-8");
    for args in [&["-f", file][..], &["--input", file, "--follow"], &["--follow", file]] {
        std::fs::write(&path, "first\n").expect("written");
        let mut tail = zlog(["tail", "-o", "text", "-n", "4"]).args(args).start();
        tail.expect_stdout("first");
        append(&path, "second\n");
        tail.expect_stdout("second");
        std::fs::rename(&path, directory.path().join("app.log.1")).expect("renamed");
        std::fs::write(&path, "third\nfourth\n").expect("written");
        tail.wait().success().stdout("first\nsecond\nthird\nfourth\n");
    }
}

#[test]
fn several_files_are_followed_and_compressed_ones_are_read_before() {
    let directory = tempfile::tempdir().expect("a directory");
    let [old, a, b] = ["old", "a", "b"].map(|name| directory.path().join(name));
    std::fs::write(&old, compressed("gzip", "old\n")).expect("written");
    std::fs::write(&a, "a1\n").expect("written");
    let mut tail = zlog(["tail", "-o", "text", "-f"]).args([&old, &a, &b]).start();
    tail.expect_stderr("old is compressed: it is read once, and not followed");
    tail.expect_stderr("does not exist yet");
    tail.expect_stdout("old");
    tail.expect_stdout("a1");
    append(&b, "b1\n");
    tail.expect_stdout("b1");
    append(&a, "a2\n");
    tail.expect_stdout("a2");
    tail.interrupt();
    tail.wait().code(130);
}

#[test]
fn follow_needs_a_file_and_says_how_to_name_it() {
    for args in
        [&["-f"][..], &["--follow", "tcp://127.0.0.1:1"], &["-f", "a", "--connect", "tcp://h:1"]]
    {
        let run = zlog(["tail"]).args(args).run().code(2);
        run.stderr_has("zlog tail -f FILE").stderr_has("--input FILE --follow");
    }
    let mut tail = zlog(["tail", "-f", "no.such.ERROR"]).start();
    tail.expect_stderr(
        "\"no.such.ERROR\" is taken as a file. To subscribe to topics, leave out -f.",
    );
    tail.expect_stderr("does not exist yet: waiting for it");
    tail.interrupt();
    tail.wait().code(130);
}

#[test]
fn the_name_of_a_file_as_a_topic_gets_a_hint_that_names_input() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let name = file.path().to_str().expect("UTF-8");
    let run = zlog(["tail", name, "--timeout", "1ms", "--connect", "tcp://127.0.0.1:1"]).run();
    run.stderr_has(&format!("To read a file: zlog tail --input {name}"));
    let run = zlog(["tail", "--time-format", "shrt", "--input", name]).run().code(2);
    run.stderr_has("time format \"shrt\"").stderr_has("short, full");
}

#[test]
fn states_of_a_progress_bar_that_are_not_shown_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    std::fs::write(&path, "10%\r20%\r30%\n").unwrap();
    let shown = zlog(["tail", "--output", "text", "--input", path.to_str().unwrap()]).run();
    let shown = shown.success();
    assert_eq!(shown.out(), "30%\n");
    shown.stderr_has("2 states of progress bars overwritten");
}

#[test]
fn last_shows_the_last_records_that_pass() {
    let directory = tempfile::tempdir().expect("a directory");
    let [a, b] = ["a", "b"].map(|name| directory.path().join(name));
    let record =
        |i: usize| json!({"msg": i.to_string(), "levelno": 20 + 20 * (1 - i % 2), "created": i});
    std::fs::write(&a, lines((0..50).map(record))).expect("written");
    std::fs::write(&b, lines((50..60).map(record))).expect("written");
    let cases: [(&[&str], &str); 5] = [
        (&["--last", "3"], "57\n58\n59\n"),
        (&["--last", "3", "-l", "error"], "54\n56\n58\n"),
        (&["--last", "12", "-n", "2"], "48\n49\n"),
        (&["--last", "1000", "--where", "created<2"], "0\n1\n"),
        (&["--last", "2", "--sort"], "58\n59\n"),
    ];
    for (args, expected) in cases {
        let tail = zlog(["tail", "-o", "text", "--input"]).args([&a, &b]).args(args);
        tail.run().success().stdout(expected);
    }
    let tail = zlog(["tail", "-o", "text", "--last", "1", "--input", "-"]).stdin("x\ny");
    tail.run().success().stdout("y\n");
}

#[test]
fn the_last_records_of_a_large_file_are_those_that_reading_all_of_it_gives() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\nOSError: full";
    let own = |i: usize| format!("2024-01-02 03:04:05,678 INFO app.x: line {i}\n");
    let failed = |i: usize| match i % 3 {
        0 => format!("{}{trace} {i}\n", own(i)),
        _ => own(i),
    };
    let stored = |i: usize| format!("{{\"msg\":\"{i}\",\"created\":{i},\"level\":\"info\"}}\n");
    let pretty = |i: usize| format!("{{\n  \"msg\": \"{i}\",\n  \"level\": \"info\"\n}}\n");
    let headed = |i: usize| if i == 0 { "# made by x\n".to_owned() } else { own(i) };
    let timeless = |i: usize| match i % 8_000 {
        0 => format!("2024-01-02T03:04:{:02} begins\n", i / 8_000),
        _ => format!("  indented {i}\n"),
    };
    let plain = |i: usize| {
        format!("{}\nline {i} of many\n", if i.is_multiple_of(500) { trace } else { "" })
    };
    let kinds: [(&str, &dyn Fn(usize) -> String); 7] = [
        ("own", &own),
        ("traces", &failed),
        ("json", &stored),
        ("pretty", &pretty),
        ("headed", &headed),
        ("timeless", &timeless),
        ("plain", &plain),
    ];
    for (name, line) in kinds {
        let path = directory.path().join(name);
        std::fs::write(&path, (0..20_000).map(line).collect::<String>()).expect("written");
        for args in [&["--last", "7"][..], &["--last", "2", "-l", "error"], &["--last", "6000"]] {
            let run = |input: &str| zlog(["tail", "-o", "json", "--input", input]).args(args);
            let all = run("-").stdin(std::fs::read(&path).expect("read")).run().success().out();
            let found = run(path.to_str().expect("UTF-8")).run().success().out();
            // No diff: it would be long.
            assert!(found == all, "{name} {args:?}");
        }
    }
}

#[test]
fn the_last_records_of_a_huge_file_are_found_from_its_end() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path();
    let text: String = (0..10_000).map(|i| format!("2024-01-02 03:04:05 line {i}\n")).collect();
    append(path, &text);
    // Reading the hole would take minutes.
    file.as_file().set_len(1 << 40).expect("a file with a hole");
    append(path, &format!("\n{text}"));
    for more in [&[][..], &["--follow", "-n", "2"], &["--sort"]] {
        let tail = zlog(["tail", "-o", "text", "--last", "2", "--input"]).args([path]).args(more);
        tail.run()
            .success()
            .stdout("2024-01-02 03:04:05 line 9998\n2024-01-02 03:04:05 line 9999\n");
    }
}

#[test]
fn follow_with_last_begins_with_the_last_records_and_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("app.log");
    let text: String = (0..10_000).map(|i| format!("line {i}\n")).collect();
    std::fs::write(&path, text).expect("written");
    let tail = zlog(["tail", "-o", "text", "--last", "2", "-n", "4", "-f"]).args([&path]);
    let mut tail = tail.start();
    tail.expect_stdout("line 9999");
    append(&path, "new 1\nnew 2\n");
    tail.wait().success().stdout("line 9998\nline 9999\nnew 1\nnew 2\n");
}

#[test]
fn sort_merges_files_by_time_and_reports_those_that_are_not_sorted() {
    let directory = tempfile::tempdir().expect("a directory");
    let [a, b] = ["a", "b"].map(|name| directory.path().join(name));
    let made = |at: f64| json!({"msg": at.to_string(), "created": at});
    std::fs::write(&a, lines([1.5, 3.5, 5.5].map(made))).expect("written");
    std::fs::write(&b, compressed("gzip", &lines([2.5, 4.5].map(made)))).expect("written");
    let sorted = zlog(["tail", "-o", "text", "--sort", "--input"]).args([&a, &b]).run().success();
    assert_eq!(sorted.stdout("1.5\n2.5\n3.5\n4.5\n5.5\n").err(), "");

    std::fs::write(&b, lines([2.5, 9.5, 4.5].map(made))).expect("written");
    let tail = || zlog(["tail", "-o", "text", "--sort", "--input"]).args([&a, &b]);
    let run = tail().run().success().stdout("1.5\n2.5\n3.5\n5.5\n9.5\n4.5\n");
    run.stderr_has("b is not sorted: 1 record earlier than one before; add --reorder 1s");
    let run = tail().args(["--reorder", "1s"]).run().success();
    assert_eq!(run.stdout("1.5\n2.5\n3.5\n4.5\n5.5\n9.5\n").err(), "");
}

/// Each file is longer than what is read ahead, and there are many.
#[cfg(target_os = "linux")]
#[test]
fn sort_and_since_go_by_the_times_of_formats_behind_prefixes() {
    let dir = tempfile::tempdir().unwrap();
    let (web, db) = (dir.path().join("web"), dir.path().join("db"));
    let log = "web-1  | 2026-11-26 10:00:01,500 INFO shop: one\n\
        web-1  | 2026-11-26 10:00:03,500 ERROR shop: three\n\
        web-1  | Traceback (most recent call last):\n\
        web-1  |   File \"a.py\", line 1\n\
        web-1  | ValueError: no\n\
        web-1  | 2026-11-26 10:00:05,500 INFO shop: five\n";
    std::fs::write(&web, log).unwrap();
    // The times of PostgreSQL are in another zone than those around them.
    let log = "Nov 26 10:00:02 host postgres[7]: 2026-11-26 10:00:02.500 UTC [7] LOG:  two\n\
        2026-11-26T10:00:04.500Z 2026-11-26 05:00:04.499 EST [7] FATAL:  four\n\
        2026-11-26T10:00:06.500Z {\"level\":\"error\",\"msg\":\"six\"}\n";
    std::fs::write(&db, log).unwrap();
    let tail = |args: &[&str]| {
        let format = ["tail", "--format", "{levelname} {message}", "--sort"];
        let tail = zlog(format).args(args).args(["--input"]).args([&web, &db]).env("TZ", "UTC");
        let out = tail.run().success().out();
        let last_word = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
        let records = out.lines().filter(|line| {
            line.contains("INFO") || line.contains("ERROR") || line.contains("CRITICAL")
        });
        records.map(last_word).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(tail(&[]), "one two three four five six");
    assert_eq!(tail(&["--since", "2026-11-26T10:00:03Z"]), "three four five six");
    assert_eq!(tail(&["--until", "2026-11-26T10:00:03Z"]), "one two");
    assert_eq!(tail(&["-l", "error"]), "three four six");
}

#[test]
fn sort_needs_little_memory_however_long_the_files_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let record = |i: usize| json!({"msg": "x".repeat(100_000), "created": i});
    let [a, b] = ["a", "b"].map(|name| directory.path().join(name));
    for path in [&a, &b] {
        std::fs::write(path, lines((0..200).map(record))).expect("written");
    }
    // 16 MiB of data, for 40 MB of records.
    let script = "ulimit -d 16384; exec \"$0\" tail --sort -o text --input \"$@\"";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_zlog")]).args([a, b]).env_remove("ZLOG_CONFIG");
    let output = shell.output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.len(), 400 * 100_001);
}

#[test]
fn sort_merges_many_long_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let paths: Vec<_> = (0..40).map(|at| directory.path().join(format!("{at}"))).collect();
    for (at, path) in paths.iter().enumerate() {
        let record = |i: usize| json!({"msg": "m", "created": i * 40 + at, "pad": "x".repeat(300)});
        std::fs::write(path, lines((0..1000).map(record))).expect("written");
    }
    let tail = zlog(["tail", "--format", "{created}", "--sort", "--input"]).args(&paths);
    let out = tail.run().success().out();
    let times: Vec<f64> = out.lines().map(|line| line.parse().expect("a number")).collect();
    assert_eq!(times.len(), 40_000);
    assert!(times.is_sorted());
}

#[test]
fn lines_written_after_a_rotation_have_the_time_of_their_reading() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.log");
    std::fs::write(&log, "old\n").unwrap();
    let mut tail = zlog(["tail", "-o", "json", "-f"]).args([&log]).start();
    tail.expect_stdout("\"old\"");
    std::fs::rename(&log, directory.path().join("app.log.1")).unwrap();
    std::fs::write(&log, "new\n").unwrap();
    let new: Value = serde_json::from_str(&tail.expect_stdout("\"new\"")).unwrap();
    assert!(new["received"].is_number(), "{new}");
}

#[test]
fn sort_is_not_for_files_that_are_followed() {
    zlog(["tail", "--sort", "--follow", "--input", "a"]).run().code(2).stderr_has("--follow");
}

#[test]
fn zlogs_own_log_files_are_read_back_with_time_level_and_logger() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("app.log");
    let file = path.to_str().expect("UTF-8");
    let traceback =
        "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\nOSError: full";
    let records = [
        json!({"name": "shop.db", "msg": "no %s: %d", "args": ["connection", 3], "levelno": 40,
            "created": 1.5, "exc_text": traceback}),
        json!({"name": "shop", "msg": "paid", "levelno": 35, "created": 2.25}),
        json!({"topic": "shop.INFO", "msg": "plain", "levelno": 20, "created": 3.125}),
    ];
    zlog(["tail", "--input", "-", "--file", file]).stdin(lines(records)).run().success();

    let expected = "1970-01-01 00:00:01.500  ERROR    shop.db  no connection: 3\n    \
         Traceback (most recent call last):\n      File \"x.py\", line 1, in f\n    OSError: full\n\
         1970-01-01 00:00:02.250  Level 35  shop     paid\n\
         1970-01-01 00:00:03.125  INFO      shop     plain\n";
    zlog(["tail", "--input", file]).run().success().stdout(expected);
    let read = zlog(["tail", "-o", "json", "--input", file]).run().success().out();
    let read: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = |record: &Value| {
        ["name", "msg", "levelno", "created", "exc_text"].map(|key| record[key].clone())
    };
    let expected = [
        [json!("shop.db"), json!("no connection: 3"), json!(40), json!(1.5), json!(traceback)],
        [json!("shop"), json!("paid"), json!(35), json!(2.25), Value::Null],
        [json!("shop"), json!("plain"), json!(20), json!(3.125), Value::Null],
    ];
    assert_eq!(read.iter().map(fields).collect::<Vec<_>>(), expected);

    let (messages, _) = published(emit(["-r", "x", "--speed", "max", "--replay", file]));
    let paid = messages.iter().map(Message::json).find(|record| record["msg"] == "paid");
    assert_eq!(paid.expect("a record")["name"], "shop");
}

#[test]
fn other_lines_with_a_time_and_a_level_stay_whole() {
    for text in [
        "2026-01-02 03:04:05,123 ERROR disk full\n",
        // The first line tells whether a file is zlog's.
        "2026-01-02 03:04:05,123 INFO  app.Main: up\n2026-01-02 03:04:06,123 ERROR app.Main: x\n",
    ] {
        let tail = zlog(["tail", "-o", "text", "--input", "-"]).stdin(text);
        tail.run().success().stdout(text);
    }
}

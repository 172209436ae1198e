//! The formats of lines: the built-in files, a user's own, and what `zlog formats` says.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zlog::config::formats::FormatFile;
use zlog_core::Record;
use zlog_core::formats::{Definition, Formats};
use zlog_core::parse::{Options, Parser};

use crate::harness::{emit, published, zlog};

/// The format of zlog's own files, which other streams do not have.
const OWN_FILES: &str = "zlog";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The built-in files, in the order of their names.
pub(crate) fn files() -> Vec<FormatFile> {
    let directory = root().join("crates/zlog-core/formats");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let load = |path: &PathBuf| FormatFile::load(path, Definition::DEFAULT.rank);
    let load = |path| load(path).unwrap_or_else(|error| panic!("{error}"));
    paths.iter().map(load).collect()
}

/// All built-in formats as their files are now.
fn formats(files: &[FormatFile]) -> Formats {
    let all = files.iter().map(|file| file.definition);
    Formats::new(all.filter(|definition| definition.name != OWN_FILES).collect())
}

#[test]
fn every_sample_of_a_built_in_format_gives_its_fields() {
    let files = files();
    let formats = formats(&files);
    let mut wrong = String::new();
    for file in &files {
        let name = file.definition.name;
        assert!(!file.samples.is_empty(), "{name} has no sample");
        for (at, sample) in file.samples.iter().enumerate() {
            let formats = match name {
                OWN_FILES => &Formats::own_files(),
                _ => &formats,
            };
            if let Err(what) = sample.check(name, formats) {
                writeln!(wrong, "{name}: sample {}: {what}", at + 1).unwrap();
            }
            // Only a syslog priority is taken from the text.
            let text = sample.line.split_once('>').filter(|_| sample.line.starts_with('<'));
            let text = text.map_or(&*sample.line, |(_, text)| text);
            let options = Options { formats: formats.clone(), ..Options::default() };
            let message = Parser::new(options).parse(&sample.line).msg.into_owned();
            assert_eq!(message, text, "{name}: the text stays what it was");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_format_of_the_line_before_never_changes_what_a_line_gives() {
    let files = files();
    let options = Options { formats: formats(&files), ..Options::default() };
    let of = |file: &FormatFile| {
        let name = file.definition.name;
        file.samples.iter().map(|sample| (name, sample.line.clone())).collect::<Vec<_>>()
    };
    let lines: Vec<(&str, String)> = files.iter().flat_map(of).collect();
    fn read<'a>(parser: &mut Parser, line: &'a str) -> Record<'a> {
        parser.set_received(1.7e9);
        parser.parse(line)
    }
    let alone: Vec<Record<'_>> =
        lines.iter().map(|(_, line)| read(&mut Parser::new(options.clone()), line)).collect();
    let mut parser = Parser::new(options);
    let mut wrong = String::new();
    for (before, first) in &lines {
        for ((name, line), alone) in lines.iter().zip(&alone) {
            let _ = read(&mut parser, first);
            if read(&mut parser, line) != *alone {
                writeln!(wrong, "after {before}, {name} differs: {line}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A directory of configuration with a user's own format.
fn own_format(name: &str, text: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let formats = directory.path().join("zlog/formats");
    fs::create_dir_all(&formats).unwrap();
    fs::write(formats.join(name), text).unwrap();
    directory
}

const SHOP: &str = r#"
title = "the shop"
pattern = '(?<time>\d+:\d+:\d+ \d+\.\d+\.\d+)/(?<level>[a-z]+)/(?<name>[a-z]+)/(?<user>\d+) '
time = "%H:%M:%S %d.%m.%Y"
levels = { low = "INFO", high = "ERROR" }

[[sample]]
line = "3:04:05 2.1.2024/high/cart/17 it failed"
time = "2024-01-02 03:04:05"
level = "ERROR"
name = "cart"
message = "it failed"
user = 17
"#;

#[test]
fn a_users_own_format_is_listed_checked_and_read() {
    let config = own_format("shop.toml", SHOP);
    let config = config.path().to_str().unwrap();
    let listed = zlog(["formats"]).env("XDG_CONFIG_HOME", config).run().success();
    let first = listed.out().lines().next().unwrap().to_owned();
    assert!(first.starts_with("shop ") && first.contains("the shop"), "{first}");

    let line = "3:04:05 2.1.2024/high/cart/17 it failed\n";
    let sent = emit(["-r", "a"]).env("XDG_CONFIG_HOME", config).stdin(line);
    let (messages, _) = published(sent);
    let record: Value = messages[0].json();
    assert_eq!(record["levelname"], "ERROR");
    assert_eq!(record["name"], "cart");
    assert_eq!(record["user"], 17);
    assert_eq!(record["msg"], line.trim_end(), "the text stays what it was");

    let stored = ["tail", "-o", "json", "--input", "-"];
    let stored = zlog(stored).env("XDG_CONFIG_HOME", config).stdin(line).run().success();
    let record: Value = serde_json::from_str(&stored.out()).unwrap();
    assert_eq!((&record["levelname"], &record["user"]), (&"ERROR".into(), &17.into()));
}

#[test]
fn a_format_file_that_is_still_empty_is_no_error() {
    let config = own_format("klog.toml", "");
    let printed = zlog(["formats", "klog"]).env("XDG_CONFIG_HOME", config.path().to_str().unwrap());
    let printed = printed.run().success();
    assert!(printed.out().contains("pattern = "), "{}", printed.out());
    assert_eq!(printed.err(), "");
}

#[test]
fn a_wrong_format_file_is_reported_and_does_not_stop_the_job() {
    for (text, what) in [
        ("pattern = '('", "shop.toml:1:11: pattern: unclosed group"),
        (
            "pattern = 'x(?<time>x)'\ntime = '%Q'",
            "shop.toml:2:8: time: %Q is no directive for times",
        ),
        (
            "pattern = '(?<time>x)'\ntime = 'iso'\nzone = 'Mars'",
            "shop.toml:3:8: zone: is no name of a time zone",
        ),
        ("pattern = 'x'\nlevel = 'x'", "shop.toml:2:1: unknown key level"),
        ("title = 'x'", "pattern is missing"),
        (
            "pattern = '(?<level>x)'\nlevels = { x = 'loud' }",
            "shop.toml:2:16: levels.x: is no level",
        ),
    ] {
        let config = own_format("shop.toml", text);
        let config = config.path().to_str().unwrap();
        let listed = zlog(["formats"]).env("XDG_CONFIG_HOME", config).run().code(1);
        assert!(listed.err().contains(what), "{what}: {}", listed.err());
        for more in [&[][..], &["--format-in", "shop"]] {
            let sent = emit(["-r", "a"]).args(more).env("XDG_CONFIG_HOME", config);
            let (messages, finished) = published(sent.stdin("x\n"));
            assert_eq!(messages.len(), 1);
            assert!(finished.err().contains(what), "{what}: {}", finished.err());
            let warned = finished.err().contains("--format-in shop has no effect");
            assert_eq!(warned, !more.is_empty(), "{}", finished.err());
        }
        let strict = emit(["--strict", "--", "touch"]).args([format!("{config}/ran")]);
        let strict = strict.env("XDG_CONFIG_HOME", config).run().code(2);
        assert!(strict.err().contains(what), "{}", strict.err());
        assert!(!Path::new(config).join("ran").exists(), "--strict: nothing starts");
    }
    let config = own_format("shop.toml", &SHOP.replace("\"ERROR\"\nname", "\"INFO\"\nname"));
    let config = config.path().to_str().unwrap();
    let listed = zlog(["formats"]).env("XDG_CONFIG_HOME", config).run().code(1);
    assert!(listed.err().contains("sample 1: level is ERROR, not INFO"), "{}", listed.err());
}

#[test]
fn times_of_a_format_with_a_zone_are_of_that_zone() {
    let own = SHOP.replace("levels", "zone = 'Asia/Kolkata'\nlevels");
    let config =
        own_format("shop.toml", &own.replace("03:04:05\"\nlevel", "03:04:05+05:30\"\nlevel"));
    let config = config.path().to_str().unwrap();
    zlog(["formats"]).env("XDG_CONFIG_HOME", config).env("TZ", "America/Lima").run().success();
    let line = "2024-01-02 03:04:05 10.0.0.1 GET /index.html - 80 - 10.0.0.2 curl - 200 0 0 15\n";
    let tail = zlog(["tail", "-o", "json", "--input", "-"]).env("TZ", "America/Lima").stdin(line);
    let record: Value = serde_json::from_str(tail.run().success().out().trim_end()).unwrap();
    assert_eq!(record["created"], 1_704_164_645.0, "IIS writes UTC");
    let shown = zlog(["formats", "w3c"]).run().success().out();
    assert!(shown.contains("zone = \"UTC\""), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_directory_of_wrong_files_does_not_flood_the_terminal() {
    let config = own_format("a0.toml", "x = 1");
    let directory = config.path().join("zlog/formats");
    (1..100).for_each(|n| fs::write(directory.join(format!("a{n}.toml")), "x = 1").unwrap());
    let listed = zlog(["formats"]).env("XDG_CONFIG_HOME", config.path().to_str().unwrap()).run();
    listed.code(1).stderr_has("a0.toml").stderr_lacks("a99.toml").stderr_has("80 more files with");
}

#[test]
fn a_pipe_among_the_format_files_keeps_no_command_waiting() {
    let config = own_format("shop.toml", SHOP);
    let pipe = config.path().join("zlog/formats/pipe.toml");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let config = config.path().to_str().unwrap();
    let listed = zlog(["formats"]).env("XDG_CONFIG_HOME", config).run().code(1);
    listed.stderr_has("pipe.toml is not a regular file");
}

#[test]
fn an_explanation_says_which_format_a_line_has_and_why() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app.log");
    let lines = [
        "E0102 03:04:05.678901    4711 controller.go:12] it failed",
        "I0102 03:04:05.678901    4711 controller.go:12] it works",
        "E0102 33:04:05.678901    4711 controller.go:12] no time",
        "plain text",
        r#"{"msg":"x"}"#,
        "level=info msg=x",
        "Jan  2 03:04:05 web-1 app[7]: E0102 03:04:05.678901    4711 controller.go:12] it failed",
        "web-1  | E0102 03:04:05.678901    4711 controller.go:12] it failed",
        r#"web-1  | {"level":"info","msg":"x"}"#,
        "fail: Shop.Web[14]",
        "      the second line of a record",
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    let out = zlog(["formats", "--explain"]).args([&file]).run().success().out();
    for part in [
        "1: klog (the first that matches)",
        "    levelname: ERROR",
        "    lineno: 12",
        "2: klog (as the line before it)",
        "3: no format (klog: \"0102 33:04:05.678901\" is no time in its format)",
        "4: no format (",
        "5: JSON (JSON names its fields)",
        "6: logfmt (logfmt names its fields)",
        "7: klog after syslog (",
        "8: klog after a prefix (",
        "9: JSON after a prefix (JSON names its fields)",
        "10: dotnet (",
        "    name: Shop.Web",
        "klog: 2 records",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(!out.contains("\n11: "), "the last line continues the one before it\n{out}");
    assert!(out.contains("(1 line that belongs to it)"), "{out}");

    let json = zlog(["formats", "--json", "--explain"]).args([&file]).run().success().out();
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["line"], &first["format"]), (&1.into(), &"klog".into()));
    assert_eq!(first["message"], "it failed");
}

/// The explanations of a file: number, format, message and fields of each record.
fn explained(path: &Path) -> Vec<(u64, String, Value)> {
    let json = zlog(["formats", "--json", "--explain"]).args([path]).run().success().out();
    let of = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let format = record["format"].as_str().unwrap_or_default().to_owned();
        (record["line"].as_u64().unwrap(), format, record["fields"].take())
    };
    json.lines().map(of).collect()
}

#[test]
fn an_explanation_is_of_the_records_that_tail_shows() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app.log");
    let docker = |text: &str| {
        let text = Value::from(text);
        format!(r#"{{"log":{text},"stream":"stderr","time":"2024-01-02T03:04:05Z"}}"#)
    };
    let klog = |text: &str| format!("E0102 03:04:05.678901    4711 controller.go:12] {text}");
    let journal = format!(
        r#"{{"__REALTIME_TIMESTAMP":"1704164645678000","MESSAGE":{}}}"#,
        Value::from(klog("in a journal"))
    );
    let lines = [
        "2024-01-02T03:04:05Z stderr P ERROR:shop.web:".to_owned(),
        "2024-01-02T03:04:05Z stderr F it failed".to_owned(),
        docker("Traceback (most recent call last):\n"),
        docker("  File \"a.py\", line 1, in <module>\n"),
        docker("ValueError: no\n"),
        format!("2024-01-02T03:04:05Z stderr F {}", klog("in CRI")),
        journal,
        r#"web_1  | {"level":"warn","msg":"slow"}"#.to_owned(),
        r#"{"a": 1} {"msg": "b"}"#.to_owned(),
        "x".repeat(200),
    ];
    let text = lines.join("\n");
    fs::write(&file, &text).unwrap();
    let found = explained(&file);
    let formats: Vec<(u64, &str)> =
        found.iter().map(|(line, format, _)| (*line, format.as_str())).collect();
    let wanted = [
        (1, "python-basic"),
        (6, "klog"),
        (7, "JSON, klog"),
        (8, "JSON after a prefix"),
        (9, "JSON"),
        (9, "JSON"),
        (10, ""),
    ];
    assert_eq!(formats, wanted);
    let trace = &found[0].2;
    assert!(trace["exc_text"].as_str().unwrap().ends_with("ValueError: no"), "{trace}");
    assert_eq!((&trace["name"], &trace["stream"]), (&json!("shop.web"), &json!("stderr")));

    let compressed = directory.path().join("app.log.zst");
    fs::write(&compressed, zstd::encode_all(text.as_bytes(), 0).unwrap()).unwrap();
    assert_eq!(explained(&compressed), found);

    // A crash after a line that reports no error is a record of its own.
    let go = "info: x\npanic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\nlast\n";
    fs::write(&file, go).unwrap();
    let lines: Vec<u64> = explained(&file).iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [1, 2, 7]);
}

#[test]
fn a_time_without_a_date_is_explained_as_tail_or_emit_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app.log");
    let line = "[03:04:05 INF] started\n";
    fs::write(&file, line).unwrap();
    assert!(explained(&file)[0].2.get("created").is_none(), "no time of a stored line");
    let stdin = zlog(["formats", "--explain", "-"]).stdin(line).run().success().out();
    assert!(stdin.contains("1: serilog (the first that matches)"), "{stdin}");
    assert!(stdin.contains("    created: "), "{stdin}");
}

#[test]
fn a_file_given_as_a_format_gets_the_hint_to_explain_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mix.log");
    fs::write(&file, "x\n").unwrap();
    let refused = zlog(["formats"]).args([&file]).run().code(2);
    let hint = format!("zlog formats --explain {}", file.display());
    assert!(refused.err().contains(&hint), "{}", refused.err());
}

#[test]
fn format_in_forces_a_format() {
    let line = "03:04:05.678 [main] INFO  com.example.Main - started\nplain\n";
    let (messages, finished) =
        published(emit(["-r", "a", "--format-in", "python-basic"]).stdin(line));
    let record: Value = messages[0].json();
    assert_eq!((&record["levelname"], &record["name"]), (&"INFO".into(), &"a".into()));
    assert!(finished.err().contains("2 lines"), "{}", finished.err());

    let tail = zlog(["tail", "--format-in", "python-basic", "--input", "-"]).stdin(line).run();
    tail.success().stderr_has("2 lines that --format-in does not match");

    let unknown = emit(["--format-in", "klogg", "-m", "x"]).run().code(2);
    assert!(unknown.err().contains("klog"), "{}", unknown.err());
    let shown = zlog(["formats", "klog"]).run().success().out();
    assert!(shown.contains("pattern = '''"), "{shown}");
}

#[test]
fn a_stored_line_without_a_time_has_the_time_of_the_line_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app.log");
    fs::write(&file, "first\n2024-01-02T03:04:05Z second\nthird\n2024-01-03T00:00:00Z fourth\n")
        .unwrap();
    let tail = |more: &[&str]| {
        zlog(["tail", "-o", "json", "--input"]).args([&file]).args(more).run().success()
    };
    let records: Vec<Value> =
        tail(&[]).out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<_> =
        records.iter().map(|r| (r["created"].as_f64(), r["received"].as_f64())).collect();
    let second = Some(1_704_164_645.0);
    assert_eq!(times[0], (None, None));
    assert_eq!((times[1].0, times[2]), (second, (None, second)), "marked: it is not `created`");

    let until = tail(&["--until", "2024-01-02T12:00:00Z"]);
    let shown: Vec<String> = until.out().lines().map(String::from).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(until.err().contains("2 records without a time"), "{}", until.err());

    let (messages, _) = published(emit(["-r", "a", "--file"]).args([&file]));
    let third: Value = messages[2].json();
    assert_eq!((third["created"].as_f64(), &third["inherited_time"]), (second, &true.into()));
}

#[test]
fn a_time_that_can_not_be_shown_is_no_time_of_the_next_line() {
    let lines = "{\"level\":\"error\",\"msg\":\"b\",\"created\":1e300}\nplain\n";
    let out = zlog(["tail", "--input", "-", "-o", "json"]).stdin(lines).run().success().out();
    let plain: Value = serde_json::from_str(out.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&plain["msg"], &plain["received"]), (&json!("plain"), &Value::Null));
}

#[test]
fn a_record_of_several_lines_in_zlogs_own_file_is_read_back_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let [stored, log] = ["stored.jsonl", "app.log"].map(|name| directory.path().join(name));
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n\
                 ValueError: no\nsecond line";
    let records = [
        json!({"name": "shop", "msg": "first\nsecond\n  third\n\nlast", "levelno": 20}),
        json!({"name": "shop.db", "msg": "failed\nbadly", "levelno": 40, "exc_text": trace}),
        json!({"name": "shop", "msg": "{\n\"a\": 1\n}", "levelno": 35}),
    ];
    let lines = (1..).zip(&records).map(|(at, record)| {
        let mut record = record.clone();
        record["created"] = (1_704_164_645.5 + f64::from(at)).into();
        format!("{record}\n")
    });
    fs::write(&stored, lines.collect::<String>()).unwrap();
    zlog(["tail", "-q", "--input"]).args([&stored]).args(["--file"]).args([&log]).run().success();
    let read = zlog(["tail", "-o", "json", "--input"]).args([&log]).run().success();
    let read: Vec<Value> =
        read.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), records.len(), "{read:?}");
    for (read, record) in read.iter().zip(&records) {
        for key in ["name", "msg", "levelno", "exc_text"] {
            assert_eq!(read[key], record[key], "{key}");
        }
    }
}

#[test]
fn a_record_without_a_logger_is_no_part_of_the_record_above() {
    let time = "2024-01-02 03:04:05,678";
    // The first line is one of zlog's own files, too.
    let lines = format!(
        "{time} INFO config: loaded\n1 file\n2024\n{time} ERROR connection lost\n{time} INFO x: y\n"
    );
    let out = zlog(["tail", "-o", "json", "--input", "-"]).stdin(lines).run().success().out();
    let read = out.lines().map(|line| serde_json::from_str(line).unwrap());
    let read: Vec<(Value, Value)> =
        read.map(|mut it: Value| (it["levelno"].take(), it["msg"].take())).collect();
    let error = format!("{time} ERROR connection lost");
    let wanted = [(20, "loaded\n1 file\n2024"), (40, &error), (20, "y")];
    assert_eq!(read, wanted.map(|(level, text)| (json!(level), json!(text))));

    let lines = "=INFO REPORT==== 2-Jan-2024::03:04:05 ===\nstarted\n\n[error] lost\n";
    let out = zlog(["tail", "-l", "error", "-o", "text", "--input", "-"]).stdin(lines).run();
    assert_eq!(out.success().out(), "[error] lost\n");
}

#[test]
fn a_format_may_say_that_all_other_lines_continue_its_records() {
    let config =
        own_format("shop.toml", &SHOP.replace("[[sample]]", "continues = true\n[[sample]]"));
    let config = config.path().to_str().unwrap();
    let lines =
        "before\n3:04:05 2.1.2024/high/cart/17 it\nfailed\n3:04:05 2.1.2024/low/cart/17 x\n";
    let (messages, _) = published(emit(["-r", "a"]).env("XDG_CONFIG_HOME", config).stdin(lines));
    let texts: Vec<Value> = messages.iter().map(|message| message.json()["msg"].clone()).collect();
    let second = "3:04:05 2.1.2024/high/cart/17 it\nfailed";
    assert_eq!(texts, ["before", second, "3:04:05 2.1.2024/low/cart/17 x"]);
    let shown = zlog(["formats", "shop"]).env("XDG_CONFIG_HOME", config).run().success().out();
    assert!(shown.contains("\ncontinues = true\n"), "{shown}");
}

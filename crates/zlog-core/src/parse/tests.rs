use proptest::prelude::*;

use super::*;

/// Lines of many programs with their levels.
const SHAPES: &str = include_str!("../../tests/data/lines/shapes.txt");

fn parser() -> Parser {
    Parser::new(Options::default())
}

fn parse(line: &str) -> Record<'_> {
    parser().parse(line)
}

fn extras(record: &Record<'_>) -> Vec<String> {
    record.extras.iter().map(|(key, value)| format!("{key}={}", value.0)).collect()
}

#[test]
fn levels_are_found_in_the_lines_of_many_programs_and_not_in_prose() {
    let mut wrong = Vec::new();
    for row in SHAPES.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let (wanted, line) = row.split_once('\t').expect("level, tab, line");
        let line = line.replace("\\e", "\x1b").replace("\\t", "\t");
        let level = parse(&line).level;
        let found = if level == Level::NOTSET { "-".into() } else { level.name() };
        if found != wanted {
            wrong.push(format!("{found} instead of {wanted}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_first_words_of_a_message_are_no_logger() {
    for (line, level) in [
        ("2024-01-02T03:04:05.678Z connection lost", 0),
        ("WARN connection lost", 30),
        ("[2024-01-02 03:04:05,678] INFO it works (ok)", 20),
        ("[2024-01-02 03:04:05,678] INFO it works (1.2)", 20),
        ("data.items[0] is missing", 0),
        ("[Tue Jan  2 03:04:05 2024] error: it failed", 40),
        ("Jan  2 03:04:05 web-1 error: it failed", 40),
        ("[    1.234567] warning: slow", 30),
        ("2024-01-02 03:04:05.678 INFO  (main) [x] and so on", 20),
        ("2024-01-02T03:04:05.678Z\tWARN\tslow\t{\"ms\":5}", 30),
    ] {
        let record = parse(line);
        assert_eq!((record.level.0, record.name.as_deref()), (level, None), "{line}");
    }
}

#[test]
fn a_line_of_text_is_its_own_message() {
    for row in SHAPES.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let line = row.split_once('\t').expect("level, tab, line").1;
        let framed = line.starts_with(['{', '<']) || line.contains("msg=");
        if !framed {
            assert_eq!(parse(line).msg, line);
        }
    }
}

#[test]
fn a_leading_time_is_the_time_of_the_record() {
    let line = "2024-01-02T03:04:05.250Z  INFO shop: x";
    let record = parse(line);
    assert_eq!((record.created, &*record.msg), (Some(1_704_164_645.25), line));
    assert_eq!(parse("<14>1 2024-01-02T03:04:05Z h a - - - x").created, Some(1_704_164_645.0));
    assert_eq!(parse("at 2024-01-02T03:04:05Z").created, None);
}

#[test]
fn a_priority_is_removed_and_names_its_facility() {
    let record = parse("<165>1 x");
    assert_eq!((&*record.msg, record.level), ("1 x", Level(25)));
    assert_eq!(extras(&record), [r#"facility="local4""#]);
    let record = parse("<3>x");
    assert_eq!((&*record.msg, record.level, record.extras.len()), ("x", Level::ERROR, 0));
    for text in ["<>x", "<1234>x", "<-1>x", "<+1>x", "<1", "<"] {
        assert_eq!(parse(text).msg, text);
    }
}

#[test]
fn a_json_line_is_parsed_and_keeps_every_field() {
    let line =
        r#"{"ts":1704164645.5,"level":"error","logger":"db","msg":"lost","b":[1, 2],"a":"x"}"#;
    let record = parse(line);
    assert_eq!(
        (&*record.msg, record.level, record.created),
        ("lost", Level::ERROR, Some(1_704_164_645.5))
    );
    assert_eq!(record.name.as_deref(), Some("db"));
    assert_eq!(extras(&record), ["b=[1, 2]", r#"a="x""#]);
}

#[test]
fn a_stored_record_reads_back_as_it_was() {
    let line = r#"{"name":"db","msg":"x %s","args":["y"],"levelname":"ERROR","levelno":40,"lineno":3,"created":1704164645.5,"process":7,"source":"h/7","seq":9,"k":{"n":1},"topic":"app.ERROR.db","received":1704164646.0}"#;
    let record = parse(line);
    assert_eq!((&*record.topic, record.seq, record.lineno), ("app.ERROR.db", Some(9), Some(3)));
    assert_eq!(record.received, Some(1_704_164_646.0));
    assert_eq!(record.args.as_ref().map(|args| &*args.0), Some(r#"["y"]"#));
    assert_eq!(extras(&record), [r#"k={"n":1}"#]);
}

#[test]
fn another_programs_topic_and_time_of_arrival_stay_extras() {
    let record = parse(r#"{"level":"info","msg":"x","topic":"orders","received":5}"#);
    assert_eq!((&*record.topic, record.received), ("", None));
    assert_eq!(extras(&record), [r#"topic="orders""#, "received=5"]);
}

#[test]
fn an_object_without_a_message_is_its_own_message_and_keeps_its_fields() {
    let line = r#"{"level":"error","user":5,"time":1704164645,"source":"kafka","seq":7}"#;
    let record = parse(line);
    assert_eq!((&*record.msg, record.level), (line, Level::ERROR));
    assert_eq!(record.created, Some(1_704_164_645.0));
    assert_eq!(extras(&record), ["user=5", r#"source="kafka""#, "seq=7"]);
}

#[test]
fn without_detection_a_line_is_text() {
    let mut parser = Parser::new(Options { detect: false, ..Options::default() });
    for line in ["ERROR: x", r#"{"msg":"x"}"#, "level=info msg=x", "<3>x", "2024-01-02T03:04:05Z x"]
    {
        assert_eq!(parser.parse(line), message_only(line));
    }
}

#[test]
fn a_delimiter_moves_the_subtopic_out_of_the_line() {
    let options = Options { topic_delim: Some("::".into()), ..Options::default() };
    let mut parser = Parser::new(options);
    let mut split = |line: &str| {
        let record = parser.parse(line);
        (record.subtopic.into_owned(), record.msg.into_owned(), record.level)
    };
    assert_eq!(
        split("db.read::ERROR: x::y"),
        ("db.read".into(), "ERROR: x::y".into(), Level::ERROR)
    );
    assert_eq!(split("a::"), ("a".into(), "".into(), Level::NOTSET));
    for line in ["::x", "called std::x", "plain"] {
        assert_eq!(split(line), (String::new(), line.into(), Level::NOTSET));
    }
    assert_eq!(parse("std::x").subtopic, "", "only where it was asked for");
}

#[test]
fn a_pattern_names_the_fields() {
    let regex = r"^(?P<time>\S+) (?P<level>\w+) (?P<name>\w+)/(?P<subtopic>\w+) (?P<user>\d+)? ?(?P<message>.*)$";
    let options = Options { pattern: Some(Regex::new(regex).unwrap()), ..Options::default() };
    let mut parser = Parser::new(options);
    let record = parser.parse("2024-01-02T03:04:05Z warn shop/db 17 the \"rest\"");
    assert_eq!((record.created, record.level), (Some(1_704_164_645.0), Level::WARNING));
    assert_eq!((record.name.as_deref(), &*record.subtopic), (Some("shop"), "db"));
    assert_eq!((&*record.msg, extras(&record)), ("the \"rest\"", vec!["user=17".into()]));

    let record = parser.parse("noon loud shop/db x");
    assert_eq!(extras(&record), [r#"time="noon""#, r#"level="loud""#], "nothing is lost");

    assert_eq!(parser.parse("ERROR: x"), message_only("ERROR: x"));
    assert_eq!(parser.unmatched(), 1);
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in "\\PC{0,300}") {
        let _ = parse(&line);
    }

    #[test]
    fn no_mixture_of_marks_and_words_makes_the_parser_panic(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "ERROR", "error", ":", "[", "]", "<", ">", " ", "\t", "2024-01-02", "T03:04:05", "Z", "=",
            "\"", "\\", "{", "}", "level", "msg", "\x1b[31m", "\x1b", "é", "npm", "|", "-", "1:M", "::",
        ]), 0..40)
    ) {
        let line = parts.concat();
        let _ = parse(&line);
    }
}

#[test]
fn lines_of_zlogs_own_files_are_split_and_others_are_not() {
    let zone = TimeZone::system();
    let time = jiff::civil::datetime(2024, 1, 2, 3, 4, 5, 678_000_000);
    let created = zone.to_timestamp(time).unwrap().as_microsecond() as f64 / 1e6;
    let cases = [
        ("ERROR shop.db: no: connection", Some((Level::ERROR, "shop.db", "no: connection"))),
        ("ERROR shop::db: two\nlines", Some((Level::ERROR, "shop::db", "two\nlines"))),
        ("Level 35 root: ", Some((Level(35), "root", ""))),
        ("ERROR shop.db no connection", None),
        ("ERROR the shop: no connection", None),
        ("LOUD shop: no connection", None),
        ("ERROR : x", None),
        ("ERROR", None),
        ("Level ", None),
    ];
    let parser = || Parser::new(Options { own_files: true, ..Options::default() });
    let mut all = parser();
    for (rest, expected) in cases {
        let line = format!("2024-01-02 03:04:05,678 {rest}");
        let record = all.parse(&line);
        let Some((level, name, message)) = expected else {
            assert_eq!(record.msg, line);
            continue;
        };
        assert_eq!(record.created, Some(created), "{line}");
        assert_eq!((record.level, &*record.msg), (level, message), "{line}");
        assert_eq!(record.name.as_deref(), Some(name), "{line}");
    }
    for line in ["", "2024-01-02 03:04:05.678 ERROR a: b", "2024-01-02T03:04:05,678 x", "é"] {
        assert_eq!(all.parse(line).msg, line);
        let mut mixed = parser();
        let _ = mixed.parse(line);
        let own = "2024-01-02 03:04:05,678 ERROR shop.db: x";
        assert_eq!(mixed.parse(own).msg, own, "the first line tells");
    }
}

#[test]
fn a_pattern_that_ends_within_a_character_does_not_match() {
    let mut own = *Formats::built_in().find("klog").unwrap();
    (own.name, own.rank, own.pattern) = ("own", 1, "(?<level>ERROR) .");
    (own.times, own.levels, own.prefix) = (&[], &[], &[]);
    let formats = Formats::new(vec![own]);
    let mut parser = Parser::new(Options { formats, ..Options::default() });
    for line in ["ERROR \u{e9}", "ERROR e"] {
        assert_eq!(parser.parse(line).level, Level::ERROR);
        assert!(line.is_char_boundary(parser.message_start()));
    }
}

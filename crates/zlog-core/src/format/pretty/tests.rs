//! Tests of the format for people.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::format::time::DEFAULT_PATTERN;
use crate::record::RawJson;

fn pretty(options: Options) -> Pretty {
    let default = if options.terminal.is_some() { SHORT } else { DEFAULT_PATTERN };
    let options = Options { zone: TimeZone::UTC, ..options };
    Pretty::new(TimeFormat::new(default, TimeZone::UTC).unwrap(), options).unwrap()
}

/// A terminal of this width.
fn terminal(columns: usize) -> Options {
    Options { terminal: Some(columns), escape: true, ..Options::default() }
}

fn fields(shown: &[&str], hidden: &[&str]) -> Options {
    let [shown, hidden] =
        [shown, hidden].map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    Options { fields: Fields { shown, hidden }, ..Options::default() }
}

fn show(format: &mut Pretty, records: &[Record<'_>]) -> String {
    let mut out = Vec::new();
    for record in records {
        format.write(record, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn plain(records: &[Record<'_>]) -> String {
    show(&mut pretty(Options::default()), records)
}

#[test]
fn the_last_line_of_a_traceback_is_not_shown_again_below_the_message_that_is_its_copy() {
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'";
    let record = |message: &'static str, trace: &'static str| Record {
        msg: message.into(),
        exc_text: Some(trace.into()),
        ..Record::default()
    };
    let shown = |record| plain(&[record]).matches("KeyError: 'x'").count();
    assert_eq!(shown(record("KeyError: 'x'", trace)), 1);
    assert_eq!(shown(record("KeyError: 'x'", "KeyError: 'x'\n")), 1);
    assert_eq!(shown(record("failed: KeyError: 'x'", trace)), 2);
    assert_eq!(shown(record("'x'", trace)), 1, "a part of the line is no copy");
    let frames = "    Traceback (most recent call last):\n      File \"a.py\", line 1\n";
    assert!(plain(&[record("KeyError: 'x'", trace)]).ends_with(frames));
}

/// The content of a terminal after these bytes, and its cursor position.
fn screen(bytes: &str) -> (String, (u16, u16)) {
    let mut terminal = vt100::Parser::new(60, 500, 0);
    terminal.process(bytes.replace('\n', "\r\n").as_bytes());
    let screen = terminal.screen();
    (screen.contents(), screen.cursor_position())
}

fn record(topic: &'static str, msg: &'static str) -> Record<'static> {
    Record {
        topic: topic.into(),
        msg: msg.into(),
        level: Level::INFO,
        created: Some(1.5),
        ..Record::default()
    }
}

#[test]
fn columns_grow_and_nothing_is_cut_off() {
    let long = "long.".repeat(10);
    let mut pushed = record("", "pushed");
    pushed.topic = long.clone().into();
    let shown = plain(&[record("app", "a"), record("myprogram", "b"), record("x", "c"), pushed]);
    let expected = format!(
        "1970-01-01 00:00:01.500  INFO     app  a\n\
         1970-01-01 00:00:01.500  INFO     myprogram  b\n\
         1970-01-01 00:00:01.500  INFO     x          c\n\
         1970-01-01 00:00:01.500  INFO     {long}  pushed\n"
    );
    assert_eq!(shown, expected);
}

#[test]
fn columns_are_aligned_by_display_width() {
    let shown = plain(&[record("世界", "a"), record("four", "b")]);
    let widths = shown.lines().map(|line| display_width(line.as_bytes()));
    assert_eq!(widths.collect::<Vec<_>>(), [41, 41], "{shown}");
}

#[test]
fn without_align_nothing_is_padded() {
    let mut format = pretty(Options { align: false, ..Options::default() });
    let shown = show(&mut format, &[record("myprogram", "a"), record("x", "b")]);
    let expected = "1970-01-01 00:00:01.500  INFO  x  b";
    assert_eq!(shown.lines().nth(1), Some(expected));
}

#[test]
fn the_mark_of_an_arrival_time_moves_no_column() {
    let mut arrived = record("app", "b");
    (arrived.created, arrived.received) = (None, Some(1.5));
    let mut unknown = record("app", "c");
    unknown.created = None;
    let records = [record("app", "a"), arrived, unknown];
    let expected = "1970-01-01 00:00:01.500  INFO     app  a\n\
                    1970-01-01 00:00:01.500~ INFO     app  b\n\
                    \x20                        INFO     app  c\n";
    assert_eq!(plain(&records), expected);

    let options = Options { separator: Some("|".into()), ..Options::default() };
    let expected = "1970-01-01 00:00:01.500 |INFO   |app|a\n\
                    1970-01-01 00:00:01.500~|INFO   |app|b\n\
                    \x20                       |INFO   |app|c\n";
    assert_eq!(show(&mut pretty(options), &records), expected);
}

#[test]
fn messages_continue_below_their_start_and_tracebacks_are_indented() {
    let mut record = record("app", "one\ntwo\n\nfour\n");
    record.exc_text = Some("Traceback:\n  File\n".into());
    record.stack_info = Some("Stack".into());
    record.extras = vec![("host".into(), RawJson("\"a\"".into()))];
    let indent = " ".repeat(39);
    let expected = format!(
        "1970-01-01 00:00:01.500  INFO     app  one\n{indent}two\n\n{indent}four  host=a\n    \
         Traceback:\n      File\n    Stack\n"
    );
    assert_eq!(plain(&[record]), expected);
}

#[test]
fn extras_and_levels_of_other_names_are_shown() {
    let mut record = record("", "up");
    record.name = Some("db".into());
    record.level = Level(35);
    record.extras =
        vec![("a".into(), RawJson("1".into())), ("b c".into(), RawJson("\"two words\"".into()))];
    let expected = "1970-01-01 00:00:01.500  Level 35  db  up  a=1 b c=\"two words\"\n";
    assert_eq!(plain(&[record.clone()]), expected);
    record.levelname = Some("AUDIT".into());
    assert!(plain(&[record.clone()]).contains("  AUDIT    db"));
    (record.level, record.levelname) = (Level::NOTSET, None);
    assert!(plain(&[record]).contains("  -        db"));
}

#[test]
fn the_level_is_shown_once() {
    let cases = [
        ("app.INFO", Level::INFO, None, "INFO     app  m"),
        ("app.INFO.db", Level::INFO, None, "INFO     app.db  m"),
        ("a.b.INFO.db.INFO", Level::INFO, None, "INFO     a.b.db.INFO  m"),
        ("INFO.db", Level::INFO, None, "INFO     db  m"),
        ("INFO", Level::INFO, None, "INFO     logger  m"),
        ("app.WARN", Level::WARNING, None, "WARNING  app  m"),
        ("app.Level 35", Level(35), None, "Level 35  app  m"),
        ("app.AUDIT.x", Level(35), Some("AUDIT"), "AUDIT    app.x  m"),
        // Where they differ, both are shown.
        ("app.INFO", Level::ERROR, None, "ERROR    app.INFO  m"),
        ("app.INFO", Level::NOTSET, None, "-        app.INFO  m"),
        ("app.INFORMATION", Level::INFO, None, "INFO     app.INFORMATION  m"),
    ];
    for (topic, level, levelname, shown) in cases {
        let mut record =
            Record { level, levelname: levelname.map(Into::into), ..record(topic, "m") };
        record.name = Some("logger".into());
        assert_eq!(plain(&[record]), format!("1970-01-01 00:00:01.500  {shown}\n"));
    }
}

#[test]
fn the_source_is_shown_once_there_are_several() {
    let of =
        |source: &'static str| Record { source: Some(source.into()), ..record("app.INFO", "m") };
    let shown =
        plain(&[of("web1:17:qemf"), of("web1:17:qemf"), of("web1:9:aaaa"), of("web1:17:qemf")]);
    let lines = [
        "  INFO     app  m",
        "  INFO     app  m",
        "  INFO     app  web1:9  m",
        "  INFO     app  web1:17  m",
    ];
    let lines = lines.map(|line| format!("1970-01-01 00:00:01.500{line}\n"));
    assert_eq!(shown, lines.concat());
    let always = show(&mut pretty(fields(&["source"], &[])), &[of("web1:17:qemf")]);
    assert!(always.ends_with("app  web1:17:qemf  m\n"), "{always}");
    let never = show(&mut pretty(fields(&[], &["source"])), &[of("a"), of("b")]);
    assert!(never.ends_with("app  m\n"), "{never}");
}

#[test]
fn each_source_has_a_colour() {
    let mut format = pretty(Options { color: true, ..fields(&["source"], &[]) });
    let of = |source: &'static str| Record { source: Some(source.into()), ..record("app", "m") };
    let shown = show(&mut format, &[of("a"), of("b"), of("a")]);
    let colors: Vec<_> = shown.lines().map(|line| line.split("app  ").nth(1).unwrap()).collect();
    assert_eq!(colors[0], colors[2]);
    assert_ne!(colors[0].replace('a', "b"), colors[1]);
    assert!(colors[1].starts_with("\x1b["), "{shown}");
}

#[test]
fn show_and_hide_choose_the_columns() {
    let mut record = record("app.INFO.x", "m");
    record.name = Some("db".into());
    record.source = Some("web1:17:qemf".into());
    let cases: [(&[&str], &[&str], &str); 9] = [
        (&[], &[], "01.500  INFO     app.x  m"),
        (&["topic"], &[], "01.500  INFO     app.INFO.x  m"),
        (&["name"], &[], "01.500  INFO     db  m"),
        (&["name", "topic"], &[], "01.500  INFO     app.INFO.x  db  m"),
        (&["source", "name"], &[], "01.500  INFO     db  web1:17:qemf  m"),
        (&[], &["topic"], "01.500  INFO     m"),
        (&["name"], &["topic"], "01.500  INFO     db  m"),
        (&[], &["level"], "01.500  app.x  m"),
        (&["level"], &["level", "time", "topic"], "INFO     m"),
    ];
    for (shown, hidden, line) in cases {
        let out = show(&mut pretty(fields(shown, hidden)), &[record.clone()]);
        let out = out.trim_start_matches("1970-01-01 00:00:").trim_end();
        assert_eq!(out, line, "{shown:?} {hidden:?}");
    }
}

#[test]
fn show_adds_attributes_and_nested_extras() {
    let mut record = record("app", "m");
    record.process = Some(17);
    record.extras = vec![("http".into(), RawJson(r#"{"status":500,"path":"/a b"}"#.into()))];
    let cases: [(&[&str], &[&str], &str); 4] = [
        (&["process"], &["extras"], "m  process=17\n"),
        (&["http.path", "process"], &["http"], "m  http.path=\"/a b\" process=17\n"),
        (&["http"], &["extras"], "m  http={\"status\":500,\"path\":\"/a b\"}\n"),
        (&["lineno", "nothing"], &["extras"], "m\n"),
    ];
    for (shown, hidden, end) in cases {
        let out = show(&mut pretty(fields(shown, hidden)), &[record.clone()]);
        assert!(out.ends_with(&format!("app  {end}")), "{shown:?} {hidden:?}: {out}");
    }
    let time = TimeFormat::new(DEFAULT_PATTERN, TimeZone::UTC).unwrap();
    let error = Pretty::new(time, fields(&["a b"], &[])).err().unwrap();
    assert!(error.to_string().contains("--show"), "{error}");
}

#[test]
fn hide_takes_extras_and_tracebacks_by_name_or_all_extras() {
    let mut record = record("app", "m");
    record.exc_text = Some("Traceback".into());
    record.extras =
        [("a", "1"), ("b", "2")].map(|(key, value)| (key.into(), RawJson(value.into()))).into();
    let cases: [(&[&str], &[&str], &str); 4] = [
        (&[], &["a"], "m  b=2\n    Traceback\n"),
        (&[], &["extras"], "m\n    Traceback\n"),
        (&["b"], &["extras"], "m  b=2\n    Traceback\n"),
        (&[], &["exc_text"], "m  a=1 b=2\n"),
    ];
    for (shown, hidden, end) in cases {
        let out = show(&mut pretty(fields(shown, hidden)), &[record.clone()]);
        assert!(out.ends_with(&format!("app  {end}")), "{shown:?} {hidden:?}: {out}");
    }
}

#[test]
fn on_a_terminal_times_have_no_date_and_another_day_begins_with_its_date() {
    const DAY: f64 = 86_400.0;
    let of = |created, received| Record { created, received, ..record("app", "m") };
    let lines = |records: &[Record<'_>]| {
        let shown = show(&mut pretty(terminal(80)), records);
        shown.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let live = [of(Some(1.5), Some(2.0)), of(None, Some(3.0)), of(Some(DAY), Some(DAY))];
    assert_eq!(lines(&live), ["00:00:01.500", "00:00:03.000~", "1970-01-02", "00:00:00.000"]);
    let stored = [of(Some(1.5), None), of(None, None), of(Some(2.0), None)];
    assert_eq!(lines(&stored), ["1970-01-01", "00:00:01.500", "", "00:00:02.000"]);
    let late = [of(Some(1.5), Some(DAY)), of(Some(DAY), Some(DAY))];
    assert_eq!(lines(&late), ["1970-01-01", "00:00:01.500", "1970-01-02", "00:00:00.000"]);
    let other = Options { time_format: Some("%H".into()), ..terminal(80) };
    let format = TimeFormat::new("%H", TimeZone::UTC).unwrap();
    let mut format = Pretty::new(format, other).unwrap();
    assert_eq!(show(&mut format, &stored).lines().count(), 3, "a time format of one's own");
    let hidden = Options { fields: fields(&[], &["time"]).fields, ..terminal(80) };
    assert_eq!(show(&mut pretty(hidden), &stored).lines().count(), 3, "no times");
}

#[test]
fn on_a_terminal_of_80_columns_messages_begin_before_column_40() {
    let long = "shop.checkout.payments.provider";
    let mut wide = pretty(terminal(200));
    let mut narrow = pretty(terminal(80));
    for (topic, source) in [
        ("backup", "vm:18392:qemf"),
        ("backup", "vm:311:abcd"),
        (long, "vm:311:abcd"),
        (long, "web-frontend-01.example.org:1:abcd"),
        ("世界世界世界世界世界世界世界世界", "c0ffee"),
        ("a", "b"),
    ] {
        let record = Record {
            source: Some(source.into()),
            received: Some(1.5),
            level: Level::CRITICAL,
            ..record(topic, "MESSAGE")
        };
        let shown = show(&mut narrow, std::slice::from_ref(&record));
        let (before, _) = shown.split_once("MESSAGE").unwrap();
        let column = display_width(before.as_bytes()) + 1;
        assert!(column < 40, "column {column}: {shown}");
        let shown = show(&mut wide, &[record]);
        assert!(shown.contains(topic) && !shown.contains('…'), "{shown}");
    }
    let shown = show(&mut narrow, &[record(long, "MESSAGE")]);
    assert!(shown.contains(" prov…er "), "the last part tells names apart: {shown}");
    for field in ["topic", "name", "source"] {
        let whole = Options { terminal: Some(80), ..fields(&[field], &[]) };
        let record = Record {
            name: Some(long.into()),
            source: Some(long.into()),
            ..record(long, "MESSAGE")
        };
        let shown = show(&mut pretty(whole), &[record]);
        assert!(shown.contains(long), "--show shortens nothing: {shown}");
    }
}

#[test]
fn on_a_narrow_terminal_shortened_names_stay_tellable() {
    let topics = ["shop.checkout.payments", "shop.checkout.db.pool", "urllib3.connectionpool"];
    let sources = [
        "web-frontend-01.example.org:1:abcd",
        "web-frontend-02.example.org:1:abcd",
        "vm:18392:qemf",
        "vm:9113:qemf",
    ];
    let mut format = pretty(terminal(80));
    let mut row = |topic: &'static str, source: &'static str| {
        let record =
            Record { source: Some(source.into()), received: Some(1.5), ..record(topic, "MESSAGE") };
        let shown = show(&mut format, &[record]);
        let (before, _) = shown.split_once("MESSAGE").unwrap();
        assert!(display_width(before.as_bytes()) + 1 < 40, "{shown}");
        before.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")
    };
    // The widths of the columns settle.
    let _ = sources.map(|source| row(topics[0], source));
    let rows = topics.map(|topic| row(topic, sources[0]));
    assert_eq!(rows, ["payments web…01", "…d.pool web…01", "conne…ol web…01"]);
    let rows = sources.map(|source| row("db", source));
    assert_eq!(rows, ["db web…01", "db web…02", "db …18392", "db v:9113"]);
}

#[test]
fn columns_follow_the_width_of_the_terminal() {
    let long = "shop.checkout.payments";
    let mut format = pretty(terminal(200));
    let mut row = |columns| {
        format.set_terminal_width(columns);
        let record = Record { received: Some(1.5), ..record(long, "m") };
        show(&mut format, &[record])
    };
    assert_eq!(row(200), format!("00:00:01.500  INFO     {long}  m\n"));
    assert_eq!(row(80), "00:00:01.500  INFO    s.c.payments    m\n");
    assert_eq!(row(120), format!("00:00:01.500  INFO     {long}  m\n"));
}

#[test]
fn names_keep_some_columns_where_there_is_no_room_for_them() {
    let iso = Options { time_format: Some("iso".into()), ..terminal(80) };
    let time = TimeFormat::new("iso", TimeZone::UTC).unwrap();
    for mut format in [pretty(terminal(40)), Pretty::new(time, iso).unwrap()] {
        let records = ["web-frontend-01:1:a", "web-frontend-02:1:a"].map(|source| Record {
            source: Some(source.into()),
            received: Some(1.5),
            ..record("shop.checkout.payments", "m")
        });
        let shown = show(&mut format, &records);
        assert!(shown.ends_with(" INFO    paym…ts web…02 m\n"), "{shown}");
    }
}

#[test]
fn undecoded_records_are_marked() {
    let mut record = record("app", "\\x80");
    record.fault = Some("not UTF-8".into());
    assert!(plain(&[record]).ends_with("app  [undecoded: not UTF-8] \\x80\n"));
}

#[test]
fn padding_is_not_coloured() {
    let mut format = pretty(Options { color: true, ..Options::default() });
    let mut record = record("app", "m");
    record.extras = vec![("a".into(), RawJson("1".into()))];
    let expected = "1970-01-01 00:00:01.500  \x1b[32mINFO\x1b[0m     app  m  \
                    \x1b[2ma=1\x1b[0m\n";
    assert_eq!(show(&mut format, &[record]), expected);
}

#[test]
fn a_topic_can_not_begin_a_line() {
    let shown = plain(&[record("a\n1970-01-01 forged", "m")]);
    assert_eq!(shown.lines().count(), 1, "{shown}");
}

proptest! {
    #[test]
    fn a_terminal_gets_no_unsafe_characters(texts in prop::array::uniform8(any::<String>())) {
        let [topic, name, msg, levelname, source, exc, key, value] = &texts;
        let record = Record {
            topic: topic.into(),
            name: Some(name.into()),
            msg: msg.into(),
            levelname: Some(levelname.into()),
            source: Some(source.into()),
            exc_text: Some(exc.into()),
            stack_info: Some(msg.into()),
            fault: Some(exc.into()),
            extras: vec![(key.into(), RawJson(serde_json::to_string(value).unwrap().into()))],
            ..Record::default()
        };
        let shown = show(&mut pretty(Options { escape: true, ..Options::default() }), &[record]);
        prop_assert!(!shown.chars().any(|c| c != '\n' && crate::text::escape::is_unsafe(c)), "{:?}", shown);
    }

    #[test]
    fn colours_do_not_change_the_text(
        msg in "\\PC{0,20}[\\x00-\\x1f\u{9b}\u{202e}a-z]{0,10}",
        topic in "[ -~\\x1b\\x07]{1,20}",
        exc in "[\\x00-\\x7f]{1,20}",
    ) {
        let record = Record {
            topic: topic.into(),
            msg: msg.replace('\t', " ").into(),
            exc_text: Some(exc.replace('\t', " ").into()),
            level: Level::ERROR,
            ..Record::default()
        };
        let highlight = vec![regex::Regex::new("[a-z]+|\\[").unwrap()];
        let coloured = Options { color: true, escape: true, highlight, ..Options::default() };
        let coloured = show(&mut pretty(coloured), std::slice::from_ref(&record));
        let plain = show(&mut pretty(Options { escape: true, ..Options::default() }), &[record]);
        prop_assert_eq!(screen(&coloured), screen(&plain));
    }

    #[test]
    fn no_part_of_a_message_is_lost(lines in prop::collection::vec("[a-z世]{1,60}", 1..5)) {
        let record = Record { msg: lines.join("\n").into(), ..Record::default() };
        let shown = plain(&[record]);
        let found: Vec<_> = shown.lines().map(|l| l.trim_start_matches([' ', '-'])).collect();
        prop_assert_eq!(found, lines);
    }
}

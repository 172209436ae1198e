use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::level::Level;
use crate::record::RawJson;

fn options() -> Options {
    Options { zone: TimeZone::UTC, ..Options::default() }
}

fn spec(format: &str) -> FormatterSpec {
    FormatterSpec { format: Some(format.to_owned()), ..FormatterSpec::default() }
}

fn built(format: &str) -> Box<dyn Format> {
    spec(format).build(Output::Pretty, options()).unwrap()
}

#[track_caller]
fn refused(spec: FormatterSpec) -> String {
    spec.build(Output::Pretty, options()).err().expect("an error").to_string()
}

fn show(format: &mut dyn Format, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    format.write(record, &mut out);
    String::from_utf8(out).unwrap()
}

fn record() -> Record<'static> {
    Record {
        topic: "app.db.ERROR.disk".into(),
        msg: "full".into(),
        level: Level::ERROR,
        created: Some(1.5),
        ..Record::default()
    }
}

#[test]
fn missing_fields_are_zero_or_none() {
    let mut format = built("{lineno:04d}|{process}|{funcName:>6}|{msecs:.0f}|{filename}|{args}");
    assert_eq!(show(&mut *format, &record()), "0000|None|  None|500||()\n");
    let mut format = built("%(process)s %(process)03d %(thread)x");
    assert_eq!(show(&mut *format, &record()), "None 000 0\n");
    let mut format = built("{process:5d}|{thread}");
    assert_eq!(show(&mut *format, &record()), "    0|None\n");
    let mut format = built("%(lineno)d %(funcName)-5s| %(asctime)s");
    let timeless = Record { created: None, ..record() };
    assert_eq!(show(&mut *format, &timeless), "0 None | None\n");
    assert_eq!(format.failures(), 0);
}

#[test]
fn an_error_about_a_format_escapes_what_it_quotes() {
    for text in [
        "%(le\u{1b}vel",
        "%(le\u{1b})s",
        "{le\u{1b}[0}",
        "{message:\u{1b}}",
        "${le\u{1b}}",
        "%\u{1b}",
    ] {
        let error = spec(text).build(Output::Pretty, options()).err().expect(text).to_string();
        assert!(!error.contains('\u{1b}'), "{text:?}: {error:?}");
        assert!(error.contains("1b"), "{text:?}: {error:?}");
    }
}

#[test]
fn a_default_applies_to_attributes_too() {
    let mut spec = spec("%(funcName)s:%(lineno)d");
    spec.extras = vec![("funcName".into(), Some("-".into())), ("lineno".into(), Some("1".into()))];
    let mut format = spec.build(Output::Pretty, options()).unwrap();
    assert_eq!(show(&mut *format, &record()), "-:1\n");
}

#[test]
fn a_record_without_a_logger_has_the_name_of_its_topic() {
    let mut format = built("basic");
    assert_eq!(show(&mut *format, &record()), "ERROR:app.db:full\n");
    let unrouted = Record { topic: "".into(), ..record() };
    assert_eq!(show(&mut *format, &unrouted), "ERROR:root:full\n");
}

#[test]
fn the_milliseconds_are_those_of_the_second_that_is_shown() {
    let mut format = built("%(asctime)s");
    let late = Record { created: Some(1.999_999_9), ..record() };
    assert_eq!(show(&mut *format, &late), "1970-01-01 00:00:01,999\n");
    let early = Record { created: Some(1.001), ..record() };
    assert_eq!(show(&mut *format, &early), "1970-01-01 00:00:01,001\n");
    let arrived = Record { created: None, received: Some(2.25), ..record() };
    assert_eq!(show(&mut *format, &arrived), "1970-01-01 00:00:02,250\n");
}

#[test]
fn utc_overrides_the_zone_of_the_options() {
    let zone = TimeZone::get("Asia/Tokyo").unwrap();
    let options = Options { zone, ..Options::default() };
    let hour = |utc| {
        let spec = FormatterSpec { datefmt: Some("%H".into()), utc, ..spec("%(asctime)s") };
        show(&mut *spec.build(Output::Pretty, options.clone()).unwrap(), &record())
    };
    assert_eq!((hour(false), hour(true)), ("09\n".into(), "00\n".into()));
}

#[test]
fn without_a_format_the_default_of_the_handler_is_used() {
    let none = FormatterSpec::default();
    let mut format = none.build(Output::Text, options()).unwrap();
    assert_eq!(show(&mut *format, &record()), "full\n");
    assert_eq!(
        show(&mut *built(""), &record()),
        "full\n",
        "as in Python, an empty one means the default"
    );
}

#[test]
fn the_style_is_recognised_from_the_string() {
    let cases = [
        ("%(message)s {x}", "full {x}\n"),
        ("{message} costs $x", "full costs $x\n"),
        ("${message} {{}}", "full {{}}\n"),
        (r#"{"msg": "%(message)s"}"#, "{\"msg\": \"full\"}\n"),
        ("$message %(nosuch)s", "full %(nosuch)s\n"),
    ];
    for (format, shown) in cases {
        assert_eq!(show(&mut *built(format), &record()), shown, "{format}");
    }
    assert!(refused(spec("$message {message}")).contains("more than one style"));
}

#[test]
fn validation_is_optional_as_in_python() {
    let plain = FormatterSpec { style: Style::Percent, ..spec("no field") };
    assert!(refused(plain.clone()).contains("no field"));
    let mut format =
        FormatterSpec { validate: false, ..plain }.build(Output::Pretty, options()).unwrap();
    assert_eq!(show(&mut *format, &record()), "no field\n");
}

#[test]
fn nested_values_are_found() {
    let mut spec = spec("{http[status]:>5}|{http[path][0]}|{args[1]!r}");
    spec.extras = vec![("http".into(), None)];
    let mut format = spec.build(Output::Pretty, options()).unwrap();
    let http = r#"{"status": 404, "path": ["a", "b"]}"#;
    let mut record = record();
    record.msg = "%s %s".into();
    record.args = Some(RawJson(r#"[1, "x"]"#.into()));
    record.extras = vec![("http".into(), RawJson(http.into()))];
    assert_eq!(show(&mut *format, &record), "  404|a|'x'\n");
    record.extras = vec![("http".into(), RawJson("{}".into()))];
    let shown = show(&mut *format, &record);
    let why = "[unformatted: {http[status]:>5} has no such element] ERROR:app.db:1 x\n";
    assert_eq!((&*shown, format.failures()), (why, 1));
}

#[test]
fn wrong_arguments_are_reported_whether_the_message_is_shown_or_not() {
    let mut record = record();
    record.args = Some(RawJson("[1]".into()));
    for (format, shown) in [
        ("%(message)s!", "[unformatted: not all arguments are used] full [1]!\n"),
        (
            "%(lineno)d",
            "[unformatted: the message: not all arguments are used] ERROR:app.db:full [1]\n",
        ),
    ] {
        let mut format = built(format);
        assert_eq!(show(&mut *format, &record), shown);
        assert_eq!(format.failures(), 1);
    }
}

#[test]
fn colour_marks_the_level_and_matches() {
    let highlight = vec![regex::Regex::new("ul").unwrap()];
    let options = Options { color: true, highlight, ..options() };
    let mut format = spec("{levelname:<6}|{message}").build(Output::Pretty, options).unwrap();
    let shown = show(&mut *format, &record());
    assert!(shown.starts_with("\x1b[31mERROR \x1b[0m|f\x1b["), "{shown:?}");
}

proptest! {
    #[test]
    fn no_format_string_panics(
        text in "([%{}$(]|\\PC|%\\(message\\)|[0-9.*+#,_<>=^!:\\[\\]sdrxc]|message|\\{lineno|name\\}){0,12}",
        style in prop::sample::select(vec![Style::Auto, Style::Percent, Style::Brace, Style::Dollar]),
        validate in any::<bool>(),
    ) {
        let spec = FormatterSpec { style, validate, ..spec(&text) };
        if let Ok(mut format) = spec.build(Output::Pretty, options()) {
            show(&mut *format, &record());
        }
    }

    #[test]
    fn a_terminal_gets_no_unsafe_characters(
        texts in prop::array::uniform4(any::<String>()),
        style in 0..4usize,
    ) {
        let [topic, name, msg, extra] = &texts;
        let record = Record {
            topic: topic.into(),
            name: Some(name.into()),
            msg: msg.into(),
            exc_text: Some(extra.into()),
            levelname: Some(extra.into()),
            extras: vec![("user".into(), RawJson(serde_json::to_string(extra).unwrap().into()))],
            ..Record::default()
        };
        let formats = [
            "%(topic)s %(name)5s %(message)s %(levelname)s %(user)s",
            "{name:x^9} {message:>20} {user!r}",
            "$topic $user $asctime",
            "%(user)d",
        ];
        let mut spec = spec(formats[style]);
        spec.extras = vec![("user".into(), None)];
        let options = Options { escape: true, ..options() };
        let shown = show(&mut *spec.build(Output::Pretty, options).unwrap(), &record);
        prop_assert!(!shown.chars().any(|c| c != '\n' && crate::text::escape::is_unsafe(c)), "{:?}", shown);
    }
}

/// A record with `evil` in all text except the message and tracebacks.
fn forging(evil: &str) -> Record<'static> {
    let text = || Some(evil.to_owned().into());
    Record {
        topic: evil.to_owned().into(),
        subtopic: evil.to_owned().into(),
        name: text(),
        levelname: text(),
        pathname: text(),
        filename: text(),
        module: text(),
        func_name: text(),
        thread_name: text(),
        process_name: text(),
        task_name: text(),
        hostname: text(),
        source: text(),
        fault: text(),
        extras: vec![("user".into(), RawJson(serde_json::to_string(evil).unwrap().into()))],
        ..record()
    }
}

/// All fields that `newlines` does not apply to.
const FIELDS: &str = "%(asctime)s %(levelname)-12s %(name)s %(topic)s %(subtopic)s %(pathname)s \
    %(filename)s %(module)s %(funcName)s %(threadName)s %(processName)s %(taskName)s %(hostname)s \
    %(source)s %(fault)s %(args)s %(user)s";

#[test]
fn names_and_levels_never_end_a_line() {
    for newlines in [Newlines::Keep, Newlines::Indent, Newlines::Escape] {
        for format in [FIELDS, "basic", "pretty", "logfmt", "json", "syslog", "bare"] {
            let extras = vec![("user".to_owned(), None)];
            let spec = FormatterSpec { newlines, extras, ..spec(format) };
            let mut format = spec.build(Output::Pretty, options()).unwrap();
            let shown = show(&mut *format, &forging("a\nINFO:forged:x\r\u{2028}"));
            let line = shown.strip_suffix('\n').unwrap();
            assert!(!line.contains(['\n', '\r']), "{:?}: {line}", spec.format);
        }
    }
    let mut basic = built("basic");
    let shown = show(&mut *basic, &forging("a\nb"));
    assert_eq!(shown, "a\\x0ab:a\\x0ab:full\n");
    let shown = show(&mut *basic, &forging("a\x1bb"));
    assert_eq!(shown, "a\x1bb:a\x1bb:full\n", "in a pipe, as Python writes it");
}

#[test]
fn newlines_of_a_time_format_are_kept() {
    let datefmt = Some("%Y\n%m".to_owned());
    let mut format = FormatterSpec { datefmt, ..spec("{asctime} {message}") }
        .build(Output::Pretty, options())
        .unwrap();
    assert_eq!(show(&mut *format, &record()), "1970\n01 full\n");
}

#[test]
fn escaped_newlines_make_each_record_one_line() {
    let mut record = forging("x");
    record.msg = "two\nlines".into();
    record.exc_text = Some("Traceback:\n  File\n".into());
    record.stack_info = Some("Stack".into());
    let escaped = |format: &str| {
        let spec = FormatterSpec { newlines: Newlines::Escape, ..spec(format) };
        let mut format = spec.build(Output::Pretty, options()).unwrap();
        show(&mut *format, &record)
    };
    let traces = r"\x0aTraceback:\x0a  File\x0a\x0aStack";
    assert_eq!(escaped("bare"), format!("two\\x0alines{traces}\n"));
    assert_eq!(escaped("%(message)s"), format!("two\\x0alines{traces}\n"));
    assert_eq!(escaped("{msg}|{exc_text}").lines().count(), 1);
    let pretty = escaped("pretty");
    assert!(pretty.contains(r"two\x0alines  user=x\x0aTraceback:\x0a  File\x0aStack"), "{pretty}");
    let kept = show(&mut *built("%(message)s"), &record);
    assert_eq!(kept, "two\nlines\nTraceback:\n  File\nStack\n", "as in Python");
}

#[test]
fn with_indented_newlines_a_record_has_one_line_that_is_not_indented() {
    let mut record = forging("x");
    record.msg = "two\nINFO:forged:x\r\n".into();
    record.exc_text = Some("Traceback:\n\nINFO:forged:x".into());
    let spec = FormatterSpec { newlines: Newlines::Indent, ..spec("bare") };
    let mut format = spec.build(Output::Pretty, options()).unwrap();
    assert_eq!(
        show(&mut *format, &record),
        "two\n    INFO:forged:x\\x0d\n    \n    Traceback:\n    \n    INFO:forged:x\n"
    );
}

proptest! {
    #[test]
    fn with_indented_newlines_no_further_line_can_be_a_record(
        texts in prop::array::uniform4("[a\n\r\u{b}\u{85}\u{2028}\u{1b}%é]{0,9}"),
        format in prop::sample::select(&["basic", "bare", "pretty", "syslog", "logfmt", "json",
            "%(message)s%(name)s", "{msg}{name}{exc_text}{user}"][..]),
        escape in any::<bool>(),
    ) {
        let [name, msg, exc, stack] = texts;
        let mut record = forging(&name);
        record.msg = msg.into();
        record.exc_text = Some(exc.into());
        record.stack_info = Some(stack.into());
        let extras = vec![("user".to_owned(), None)];
        let spec = FormatterSpec { newlines: Newlines::Indent, extras, ..spec(format) };
        let mut format = spec.build(Output::Pretty, Options { escape, ..options() }).unwrap();
        let shown = show(&mut *format, &record);
        let lines = shown.strip_suffix('\n').unwrap();
        for line in lines.split('\n').skip(1) {
            prop_assert!(line.starts_with("    "), "{:?}", lines);
        }
        prop_assert!(!lines.contains('\r'), "{:?}", lines);
    }

    #[test]
    fn with_escaped_newlines_no_record_has_two_lines(
        texts in prop::array::uniform5("[a\n\r\u{b}\u{1c}\u{85}\u{2028}\u{1b}%é]{0,9}"),
        format in prop::sample::select(&["basic", "bare", "pretty", "syslog", "logfmt", "json",
            "{levelname:>9}{message!r:.4}{msg:^9}{name}{args}{exc_text}", "$message$name"][..]),
        escape in any::<bool>(),
    ) {
        let [name, msg, exc, stack, args] = texts;
        let mut record = forging(&name);
        record.msg = msg.into();
        record.args = Some(RawJson(serde_json::to_string(&[args]).unwrap().into()));
        record.exc_text = Some(exc.into());
        record.stack_info = Some(stack.into());
        let spec = FormatterSpec { newlines: Newlines::Escape, ..spec(format) };
        let mut format = spec.build(Output::Pretty, Options { escape, ..options() }).unwrap();
        let shown = show(&mut *format, &record);
        let line = shown.strip_suffix('\n').unwrap();
        // JSON and logfmt escape only what JSON requires.
        prop_assert!(!line.contains(['\n', '\r']), "{:?}", line);
        if !matches!(spec.format.as_deref(), Some("json" | "logfmt")) {
            prop_assert!(!crate::text::escape::ends_line(line), "{:?}", line);
        }
    }
}

#[test]
fn a_time_format_and_a_milliseconds_format_combine() {
    let mut spec = spec("%(asctime)s");
    spec.datefmt = Some("%d/%m/%Y".into());
    spec.utc = true;
    let record = Record { created: Some(735_379_380.123), ..record() };
    for (msec, wanted) in
        [(None, "21/04/1993"), (Some("%s.%03d"), "21/04/1993.123"), (Some(""), "21/04/1993")]
    {
        spec.default_msec_format = msec.map(str::to_owned);
        let mut format = spec.build(Output::Text, Options::default()).unwrap();
        assert_eq!(show(&mut *format, &record).trim_end(), wanted, "{msec:?}");
    }
}

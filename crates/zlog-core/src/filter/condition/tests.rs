use proptest::prelude::*;

use super::*;
use crate::record::RawJson;

fn record() -> Record<'static> {
    let extras = [
        ("status", "503"),
        ("size", "1.5e3"),
        ("code", r#""404""#),
        ("user", r#"{"name":"bo","id":9007199254740993}"#),
        ("day", r#""2026-11-21""#),
        ("path", r#""/a (b)""#),
        ("ok", "true"),
        ("none", "null"),
        ("and", "1"),
    ];
    Record {
        topic: "app.ERROR.db".into(),
        name: Some("app.db".into()),
        msg: "disk full".into(),
        level: Level::ERROR,
        created: Some(100.5),
        extras: extras.map(|(key, value)| (key.into(), RawJson(value.into()))).into(),
        ..Record::default()
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_condition_compares_fields_with_values() {
    let (pass, fail) = (true, false);
    let cases = [
        // Numbers, also those that are written as text.
        ("status=503", pass),
        ("status = 503.0", pass),
        ("status!=503", fail),
        ("status>=500", pass),
        ("status>503", fail),
        ("status<503", fail),
        ("status<=503", pass),
        ("status>99", pass),
        ("size=1500", pass),
        ("code>=400", pass),
        ("code=404.0", pass),
        ("code='404.0'", fail),
        ("status='503'", pass),
        ("user.id=9007199254740993", pass),
        ("user.id=9007199254740992", fail),
        ("created>=100.25", pass),
        // Text.
        ("user.name=bo", pass),
        ("user.name==\"bo\"", pass),
        ("user.name!=bo", fail),
        ("user.name=b", fail),
        ("user.name~^b", pass),
        ("user.name=~^b", pass),
        ("user.name!~^b", fail),
        ("status~^5", pass),
        ("message ~ (disk|tape)", pass),
        ("message='disk full'", pass),
        ("day>=2026-11-20 and day<2026-12-01", pass),
        ("path='/a (b)'", pass),
        ("path~'\\(b\\)$'", pass),
        ("path=\"/a \\\"\"", fail),
        ("name=app.db", pass),
        ("topic~db$", pass),
        ("ok=true", pass),
        ("ok=false", fail),
        // A number and a word have no order.
        ("status>abc", fail),
        ("status<abc", fail),
        ("user.name>5", fail),
        // Levels.
        ("level=error", pass),
        ("level=ERROR", pass),
        ("levelname=ERROR", pass),
        ("level>=warning", pass),
        ("level>40", fail),
        ("levelno=40", pass),
        ("level~^ERR", pass),
        // Existence.
        ("user", pass),
        ("user.name", pass),
        ("user.mail", fail),
        ("none", fail),
        ("not none", pass),
        ("!none", pass),
        ("exc_text", fail),
        // A field that the record does not have.
        ("mail=x", fail),
        ("mail<5", fail),
        ("mail~.", fail),
        ("mail!=x", pass),
        ("mail!~.", pass),
        // Combinations.
        ("status=1 or status=503", pass),
        ("status=1 || status=503", pass),
        ("status=503 and user.name=al", fail),
        ("status=503 && user.name=bo", pass),
        ("status=503 or status=1 and user.name=al", pass),
        ("(status=503 or status=1) and user.name=al", fail),
        ("not status=1 and not (user.name=al or mail)", pass),
        ("NOT status=503 OR user", pass),
        ("not not user", pass),
        ("'and'=1", pass),
        (" ( user ) ", pass),
    ];
    for (text, passes) in cases {
        let condition: Condition = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(condition.accepts(&record()), passes, "{text}");
    }
}

#[test]
fn a_record_without_a_level_has_that_of_its_topic_or_none() {
    let condition: Condition = "level>=info".parse().unwrap();
    assert!(condition.accepts(&Record { level: Level::NOTSET, ..record() }));
    assert!(!condition.accepts(&Record::default()));
}

#[test]
fn an_error_names_the_cause_and_points_at_the_place() {
    let cases = [
        ("", "expected a field", 0),
        ("status >", "expected a value after >", 8),
        ("status > and x", "expected a value after >", 9),
        ("status => 5", "=> is no operator", 7),
        ("a=1 b=2", "expected and, or, or the end", 4),
        ("a like b", "expected an operator (= != ~ !~ < <= > >=), and, or, or the end", 2),
        ("a=1 or b in (c)", "expected an operator", 9),
        ("a=1 and", "expected a field", 7),
        ("and a=1", "expected a field before this", 0),
        ("(a=1", "this ( has no )", 0),
        ("a=1)", "this ) has no (", 3),
        ("(a=1 b=2)", "expected and, or, or )", 5),
        ("a='x", "this ' has no end", 2),
        ("a.=1", "expected a name after the dot", 2),
        ("a~'('", "not a regular expression: unclosed group", 2),
        ("level>=loud", "this is no level", 7),
        ("created>soon", "expected a time: 10m (ago)", 8),
        ("received<'1'", "expected a time", 9),
        ("levelno>many", "expected a number", 8),
        ("asctime>5", "asctime has no value here", 8),
        ("世界 =", "expected a value after =", 6),
    ];
    for (text, what, column) in cases {
        let error = text.parse::<Condition>().unwrap_err().to_string();
        assert!(error.starts_with(what), "{text}: {error}");
        let caret = error.lines().last().unwrap();
        assert_eq!(caret.find('^'), Some(column + 2), "{error}");
    }
    let deep = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(deep.parse::<Condition>().is_err());
    let many = format!("a{}", " or a".repeat(10_000));
    assert!(many.parse::<Condition>().is_ok());
}

#[test]
fn created_is_compared_with_times_in_the_zone_and_at_the_time_that_is_set() {
    let now: Zoned = "2026-11-21T08:00:00+01:00[Europe/Berlin]".parse().unwrap();
    let cases = [
        ("created>=2026-11-20", "2026-11-19T23:00:00Z"),
        ("created>='2026-11-20 07:30'", "2026-11-20T06:30:00Z"),
        ("created >= 2026-11-21T07:30:00+02:00", "2026-11-21T05:30:00Z"),
        ("not created<10m", "2026-11-21T06:50:00Z"),
        ("(created>=yesterday or size=1)", "2026-11-19T23:00:00Z"),
        ("created>=14:00", "2026-11-20T13:00:00Z"),
        ("received>=07:00 or created>=07:00", "2026-11-21T06:00:00Z"),
        ("created>=1795413600.5", "2026-11-23T06:00:00.5Z"),
    ];
    for (text, first) in cases {
        let mut condition: Condition = text.parse().unwrap_or_else(|error| panic!("{error}"));
        condition.set_now(&now);
        let first: jiff::Timestamp = first.parse().unwrap();
        let seconds = first.as_microsecond() as f64 / 1e6;
        let of = |created| Record { created: Some(created), ..record() };
        assert!(condition.accepts(&of(seconds)), "{text}");
        assert!(!condition.accepts(&of(seconds - 0.5)), "{text}");
    }
}

#[test]
fn the_fields_that_no_record_need_have_are_named() {
    let condition: Condition =
        "(status>=500 or not user.name=bo) and level>=info and exc_text".parse().unwrap();
    let names: Vec<&str> = condition.extras().into_iter().map(FieldPath::name).collect();
    assert_eq!(names, ["status", "user.name"]);
}

#[test]
fn an_error_shows_the_part_of_a_long_text_around_the_place() {
    let long = format!("{}a b=1{}", "status=503 and ".repeat(10), " and user".repeat(20));
    for text in [long.clone(), long[..154].to_owned(), long[140..].to_owned()] {
        let error = text.parse::<Condition>().unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        let [_, picture, caret] = lines[..] else { panic!("{error}") };
        assert!(picture.width() <= 78, "{error}");
        let at = caret.find('^').unwrap();
        let marked: String = picture.chars().skip(at).collect();
        assert!(marked.starts_with('b'), "{error}");
    }
}

#[test]
fn an_error_shows_no_control_characters() {
    let error = "a=\x1b[2J b".parse::<Condition>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected and, or, or the end (a value with spaces needs quotes)\n  a= [2J b\n         ^"
    );
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in any::<String>(), like in "[a.='\"~<>()! ]{0,20}(and|or|not| )?[a=(]{0,5}") {
        for text in [text, like] {
            if let Ok(condition) = text.parse::<Condition>() {
                condition.accepts(&record());
            }
        }
    }

    #[test]
    fn a_condition_and_its_opposite_never_both_hold(
        field in "(status|code|user.name|mail|level|day|ok)", operator in "(=|!=|~|!~|<|<=|>|>=)",
        value in "[a-z0-9]{1,4}",
    ) {
        if let Ok(condition) = format!("{field}{operator}{value}").parse::<Condition>() {
            let opposite: Condition = format!("not {field}{operator}{value}").parse().unwrap();
            prop_assert!(condition.accepts(&record()) != opposite.accepts(&record()));
        }
    }
}

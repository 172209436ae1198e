use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::record::{RawJson, Record};

fn record<'a>(msg: &'a str, args: &'a str) -> Record<'a> {
    Record { msg: msg.into(), args: Some(RawJson(args.into())), ..Record::default() }
}

fn formatted(msg: &str, args: &str) -> String {
    record(msg, args).message().into_owned()
}

#[derive(Debug)]
struct Case<'a> {
    msg: Cow<'a, str>,
    args: &'a str,
    want: Option<Cow<'a, str>>,
}

fn case(line: &str) -> Case<'_> {
    let fields: Vec<_> = json::entries(line).unwrap();
    Case {
        msg: json::string_value(fields[0].1).unwrap(),
        args: fields[1].1,
        want: json::string_value(fields[2].1),
    }
}

/// Messages formatted by CPython 3.11: tests/data/wire/generate.py.
const GOLDEN: &str = include_str!("../../../tests/data/wire/percent.jsonl");

#[test]
fn messages_are_formatted_as_cpython_does() {
    let mut wrong = Vec::new();
    for case in GOLDEN.lines().map(case) {
        let want = match &case.want {
            Some(want) => want.to_string(),
            None => format!("{} {}", case.msg, case.args),
        };
        let got = formatted(&case.msg, case.args);
        if got != want {
            wrong.push(format!("{case:?} gave {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_message_without_arguments_is_borrowed_and_keeps_its_percent_signs() {
    let plain = Record { msg: "100% %s".into(), ..Record::default() };
    assert!(matches!(plain.message(), Cow::Borrowed("100% %s")));
    assert_eq!(formatted("100% %s", "[]"), "100% %s");
    assert_eq!(formatted("100% %s", "{}"), "100% %s");
}

#[test]
fn arguments_that_do_not_fit_are_shown_after_the_message() {
    assert_eq!(formatted("%d apples", r#"["x"]"#), r#"%d apples ["x"]"#);
    assert_eq!(formatted("done", "[1,2]"), "done [1,2]");
    assert_eq!(formatted("%s", "[not json"), "%s [not json");
}

#[test]
fn a_hostile_width_does_not_fill_the_memory() {
    for msg in ["%999999999d", "%.999999999f", "%*d", "%99999999999999999999d"] {
        assert!(formatted(msg, "[999999999,1]").len() < 100, "{msg}");
    }
    let many = "%(a)1000s".repeat(10_000);
    assert!(formatted(&many, r#"{"a":1}"#).len() < many.len() + 100);
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    let many = "%(a)s".repeat(10_000);
    assert!(formatted(&many, &big).len() < 200_000);
}

#[test]
fn deeply_nested_values_do_not_exhaust_the_stack() {
    let args = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert!(formatted("%s", &args).len() >= 200_000);
}

proptest! {
    #[test]
    fn no_message_and_no_arguments_panic_or_get_lost(
        msg in "([%(a) #0+*.5sdrxgfc-]|\\PC){0,12}",
        args in "\\[((1|-2\\.5|true|null|\"é'\"|\\[1\\]|\\{\"a\":1\\}),){0,3}1\\]|\\{\"a\":(1|\"x\")\\}",
    ) {
        let valid: Result<&RawValue, _> = serde_json::from_str(&args);
        prop_assert!(valid.is_ok());
        let _ = formatted(&msg, &args);
    }

    #[test]
    fn no_args_make_it_panic(msg in any::<String>(), args in any::<String>()) {
        let _ = formatted(&msg, &args);
    }
}

#[test]
fn the_work_grows_linearly_with_keys_and_directives() {
    /// Nanoseconds of processor time.
    fn cost(keys: std::ops::Range<u32>) -> i64 {
        let msg: String = keys.clone().map(|n| format!("%(k{n})s")).collect();
        let entries: Vec<String> = keys.clone().map(|n| format!("\"k{n}\":{n}")).collect();
        let args = format!("{{\"k7\":\"not the last\",{}}}", entries.join(","));
        let want: String = keys.map(|n| n.to_string()).collect();
        let now = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let begun = now();
        assert!(formatted(&msg, &args) == want);
        let took = now() - begun;
        took.tv_sec * 1_000_000_000 + took.tv_nsec
    }
    let few = (0..3).map(|_| cost(0..2_000)).min().unwrap();
    let many = (0..3).map(|_| cost(0..40_000)).min().unwrap();
    // Twenty times the keys. A linear search per directive took 400 times as long.
    assert!(many < 100 * few, "{few} ns for few, {many} ns for many");
}

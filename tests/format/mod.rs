//! Format strings, compared with CPython's `logging.Formatter` and in `tail --format`.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;
use zlog_core::format::{Format, Options, Output};
use zlog_core::format::{FormatterSpec, Style};
use zlog_core::wire;

use crate::harness::python;

/// `tail --format` and related options.
mod tail;

/// The number of formats, each tried with three records. `ZLOG_CASES` sets another.
const CASES: &str = "4000";

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn spec(case: &Value) -> FormatterSpec {
    let extras = case["extras"].as_object().unwrap();
    FormatterSpec {
        format: text(&case["format"]),
        style: match case["style"].as_str().unwrap() {
            "%" => Style::Percent,
            "{" => Style::Brace,
            _ => Style::Dollar,
        },
        datefmt: text(&case["datefmt"]),
        // Python's `Formatter` ignores its class attribute if it has a `datefmt`. zlog has one
        // setting for `datefmt` and `default_time_format`, with which milliseconds are shown.
        default_msec_format: text(&case["msec"])
            .filter(|_| case["datefmt"].as_str().is_none_or(str::is_empty)),
        utc: case["utc"].as_bool().unwrap(),
        extras: extras.iter().map(|(name, default)| (name.clone(), text(default))).collect(),
        validate: case["validate"].as_bool().unwrap(),
        ..FormatterSpec::default()
    }
}

fn build(case: &Value) -> zlog_core::Result<Box<dyn Format>> {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    spec(case).build(Output::Pretty, Options { zone, ..Options::default() })
}

/// Whether zlog deliberately refuses what CPython accepts: the list in docs/formats.md.
fn refused_on_purpose(case: &Value, why: &str) -> bool {
    // The whole record as a dict; a bound method; a width from the record.
    why.contains("names no field")
        || why.contains("only [key] and [0] can follow a name")
        || why.contains("fields can't be nested")
        // CPython fails only when a record lacks the field.
        || why.contains("whose default is")
        || case["format"].as_str().unwrap().is_empty()
}

/// How zlog's result differs from CPython's, if it does.
fn compare(case: &Value) -> Option<String> {
    let (built, refused) = (build(case), case["refused"].as_str());
    let mut format = match (built, refused) {
        (Err(_), Some(_)) => return None,
        (Ok(_), Some(refused)) => return Some(format!("CPython refused it: {refused}")),
        (Err(error), None) => {
            let never = case["wanted"].as_array().unwrap().iter().all(Value::is_null);
            let why = error.to_string();
            return (!never && !refused_on_purpose(case, &why))
                .then(|| format!("refused: {why}, {}", case["errors"]));
        }
        (Ok(format), None) => format,
    };
    let records = case["records"].as_array().unwrap();
    for (at, record) in records.iter().enumerate() {
        let json = record.as_str().unwrap();
        let record = wire::json::read(json).unwrap();
        let (before, mut out) = (format.failures(), Vec::new());
        format.write(&record, &mut out);
        let got = String::from_utf8(out).unwrap();
        let failed = format.failures() > before;
        match case["wanted"][at].as_str() {
            Some(wanted) if !failed && got.strip_suffix('\n') == Some(wanted) => {}
            None if failed && got.contains("[unformatted: ") => {}
            // zlog writes records with unknown attributes.
            None if case["errors"][at].as_str().unwrap().contains("NoneType.__format__") => {}
            wanted => {
                let error = &case["errors"][at];
                return Some(format!("record {at}: {wanted:?} ({error}), zlog {got:?}\n{json}"));
            }
        }
    }
    None
}

#[test]
fn formats_and_records_give_the_bytes_and_the_errors_of_cpython() {
    let Some(python) = python() else { return };
    let count = std::env::var("ZLOG_CASES").unwrap_or_else(|_| CASES.to_owned());
    let seed = std::env::var("ZLOG_SEED").unwrap_or_else(|_| "1".to_owned());
    let peer = python.script("formatter", &[&seed, &count]).with_deadline(Duration::from_secs(600));
    let cases = peer.wait().success().out();
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if let Some(what) = compare(&case) {
            let made_of = ["style", "format", "datefmt", "msec", "validate", "extras"]
                .map(|key| format!("{key}={}", case[key]));
            wrong.push(format!("{}\n  {what}", made_of.join(" ")));
        }
    }
    assert_eq!(cases.lines().count().to_string(), count);
    let some = wrong.iter().take(15).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{some}", wrong.len());
}

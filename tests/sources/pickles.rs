//! The pickle reader compared with CPython's `pickle.loads`, on generated records.

use serde_json::Value;
use zlog_core::wire::{json, pickle};

use crate::harness::python;

/// Pickles, each of one record.
const RECORDS: usize = 3000;

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Whether two values are the same except for the last digit of a fraction: serde_json's
/// default reader is that imprecise, and times are written to the microsecond.
fn same(got: &Value, want: &Value) -> bool {
    match (got, want) {
        (Value::Array(got), Value::Array(want)) => {
            got.len() == want.len() && got.iter().zip(want).all(|(got, want)| same(got, want))
        }
        (Value::Object(got), Value::Object(want)) => {
            let there = |(key, want)| got.get(key).is_some_and(|got| same(got, want));
            got.len() == want.len() && want.iter().all(there)
        }
        (Value::Number(got), Value::Number(want)) if got.is_f64() && want.is_f64() => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            (got - want).abs() <= 1e-15 * want.abs().max(1e9)
        }
        _ => got == want,
    }
}

#[test]
fn generated_records_of_every_protocol_are_read_as_by_pickle_loads() {
    let Some(python) = python() else { return };
    let seed = fastrand::u32(..).to_string();
    let mut script = python.script("pickles", &[&seed, &RECORDS.to_string()]);
    script.close_stdin();
    let made = script.wait().success().out();
    let mut seen = 0;
    for line in made.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let body = bytes(row["hex"].as_str().unwrap());
        let case = || format!("seed {seed}, protocol {}: {line}", row["protocol"]);
        let record = pickle::read(&body, &pickle::Limits::DEFAULT);
        let record = record.unwrap_or_else(|refused| panic!("{refused}: {}", case()));
        assert_eq!(record.fault, None, "{}", case());
        let mut written = Vec::new();
        json::write(&record, &mut written);
        let got: Value = serde_json::from_slice(&written).unwrap();
        let want = row["want"].as_object().unwrap();
        for (key, want) in want {
            assert!(same(&got[key], want), "{key}: {}, not {want}, {}", got[key], case());
        }
        let got = got.as_object().unwrap();
        let known = |key: &str| key == "extra_text" || want.contains_key(key);
        let stranger = got.iter().find(|(key, value)| !value.is_null() && !known(key));
        assert_eq!(stranger, None, "{}", case());
        seen += 1;
    }
    assert_eq!(seen, RECORDS);
}

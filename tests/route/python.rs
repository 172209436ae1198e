//! Which handlers get a record, compared with CPython's logger hierarchies.

use std::sync::Arc;

use serde_json::Value;
use zlog_core::{Level, Record};
use zlog_pipeline::handler::file::Sync;
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::router::{
    FileTarget, FormatterSpec, HandlerContext, HandlerSpec, Match, RouteSpec, Router, Spec, Target,
};

use crate::harness::python;

/// The number of hierarchies, each with a dozen records.
const TREES: &str = "300";

fn level(value: &Value) -> Level {
    Level(value.as_i64().unwrap() as i32)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

/// Handlers that write to files with the same names.
fn spec(tree: &Value, directory: &std::path::Path) -> Spec {
    let handler = |(name, least): (&String, &Value)| HandlerSpec {
        level: Some(level(least)),
        formatter: FormatterSpec { format: Some("bare".into()), ..FormatterSpec::default() },
        ..HandlerSpec::new(
            name.as_str(),
            Target::File(FileTarget { path: directory.join(name), sync: Sync::None }),
        )
    };
    let route = |logger: &Value| RouteSpec {
        matches: Match::logger(&text(&logger["name"])),
        level: Some(level(&logger["level"])),
        handlers: texts(&logger["handlers"]),
        propagate: logger["propagate"].as_bool().unwrap(),
    };
    let mut routes: Vec<_> = tree["loggers"].as_array().unwrap().iter().map(route).collect();
    if routes.is_empty() {
        // Without routes every handler gets everything; without loggers none gets anything.
        let (matches, handlers) = (Match::logger("root"), Vec::new());
        routes.push(RouteSpec { matches, level: None, handlers, propagate: true });
    }
    Spec { handlers: tree["handlers"].as_object().unwrap().iter().map(handler).collect(), routes }
}

#[test]
fn records_go_to_the_same_handlers_as_in_cpython() {
    let Some(python) = python() else { return };
    let seed = std::env::var("ZLOG_SEED").unwrap_or_else(|_| "1".to_owned());
    let count = std::env::var("ZLOG_CASES").unwrap_or_else(|_| TREES.to_owned());
    let trees = python.script("loggers", &[&seed, &count]).wait().success().out();
    let mut records = 0;
    for line in trees.lines() {
        let tree: Value = serde_json::from_str(line).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let context = HandlerContext::new(
            "test",
            &ShutdownSignal::default(),
            Arc::new(|line| panic!("{line}")),
        );
        let mut router = Router::open(spec(&tree, directory.path()), context).unwrap();
        let expected = tree["records"].as_array().unwrap();
        for (number, record) in expected.iter().enumerate() {
            router.handle(&Record {
                name: Some(text(&record["name"]).into()),
                level: level(&record["level"]),
                msg: number.to_string().into(),
                ..Record::default()
            });
        }
        router.close(crate::harness::DEADLINE);
        let mut got = vec![Vec::new(); expected.len()];
        for name in tree["handlers"].as_object().unwrap().keys() {
            let written = std::fs::read_to_string(directory.path().join(name)).unwrap();
            for number in written.lines() {
                got[number.parse::<usize>().unwrap()].push(name.clone());
            }
        }
        for (got, record) in got.iter_mut().zip(expected) {
            got.sort_unstable();
            assert_eq!(*got, texts(&record["got"]), "{record} of {line}");
            records += 1;
        }
    }
    assert!(records > 1000, "{records}");
}

//! Lines that a container runtime has enclosed, and batches.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::*;
use zlog_core::parse;

/// The lines of a fixture of `tests/loggers.rs`, which says what is expected of them.
fn fixture(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/loggers");
    fs::read(root.join(name).join("output.log")).unwrap()
}

#[test]
fn records_are_the_same_when_the_consumer_stops_after_each_of_them() {
    for (name, count) in [("docker-json-file", 6), ("cri", 6), ("opentelemetry-otlp", 5)] {
        let input = fixture(name);
        let (expected, counts) = read_all(&input);
        assert_eq!(expected.len(), count, "{name}");
        assert_eq!(counts.lines, input.iter().filter(|byte| **byte == b'\n').count() as u64);
        let options = LineOptions::default();
        let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
        reader.send(block(&input)).unwrap();
        reader.send(ReaderEvent::End).unwrap();
        let mut seen = Vec::new();
        loop {
            let before = seen.len();
            let mut sink = |record: &mut Record<'_>| {
                seen.push(std::mem::take(record).into_owned());
                Ok(ControlFlow::Break(()))
            };
            let status = source.poll(DEADLINE, &mut sink).unwrap();
            assert!(seen.len() <= before + 1, "{name}: the source went on");
            if status == PollStatus::Ended {
                break;
            }
        }
        assert_eq!(messages(&seen), messages(&expected), "{name}");
        let traces = seen.iter().zip(&expected).all(|(seen, it)| seen.exc_text == it.exc_text);
        assert!(traces, "{name}");
    }
}

#[test]
fn a_part_of_a_line_is_a_record_if_the_rest_does_not_come() {
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    reader.send(block(b"2024-01-02T03:04:05Z stdout P ERROR: half\n")).unwrap();
    let mut seen = Vec::new();
    poll_until(&mut source, &mut seen, |seen| seen.len() == 1);
    assert_eq!(messages(&seen), ["ERROR: half"]);
    reader.send(block(b"2024-01-02T03:04:06Z stdout F next\n")).unwrap();
    reader.send(ReaderEvent::End).unwrap();
    assert_eq!(messages(&all(&mut source)), ["next"]);
}

#[test]
fn lines_are_not_held_longer_than_lines_that_were_written_later() {
    let input = "2024-01-02T03:04:05Z stdout F INFO: a\n\
        2024-01-02T03:04:06Z stderr F INFO: b\n\
        2024-01-02T03:04:07Z stderr F INFO: c\n\
        2024-01-02T03:04:08Z stdout F INFO: d\n";
    let (records, _) = read_all(input.as_bytes());
    assert_eq!(messages(&records), ["INFO: a", "INFO: b", "INFO: c", "INFO: d"]);
}

#[test]
fn enclosed_lines_are_not_joined_where_the_user_says_what_lines_are() {
    let line = "2024-01-02T03:04:05Z stdout P ERROR: a";
    let patterns = parse::Options {
        pattern: Some(Regex::new("(?P<message>.*)$").unwrap()),
        ..parse::Options::default()
    };
    for parse in [patterns, parse::Options { detect: false, ..parse::Options::default() }] {
        let options = LineOptions { parse, ..LineOptions::default() };
        let lines = format!("{line}\n{line}\n");
        assert_eq!(messages(&read(&options, &[lines.as_bytes()]).0), [line, line]);
    }
}

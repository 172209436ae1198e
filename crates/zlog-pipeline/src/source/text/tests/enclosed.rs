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

#[test]
fn the_pieces_of_a_line_longer_than_max_line_are_numbered_and_counted() {
    let part = |tag: &str, text: &str| format!("2024-01-02T03:04:05Z stdout {tag} {text}\n");
    let options = LineOptions { max_line: 100, ..LineOptions::default() };
    let long = "x".repeat(40);
    let begin = part("P", &format!("ERROR: {long}")) + &part("P", &long) + &part("P", &long);
    let end = |last: &str| part("P", &long) + &part("P", &long) + &part("P", &long) + last;
    for last in [part("F", "end"), part("P", "cut")] {
        let input = begin.clone() + &end(&last);
        let (records, counts) = read(&options, &[input.as_bytes()]);
        let fields = |record: &Record<'_>| {
            let part = record.extras.iter().find(|(key, _)| key == "part");
            (part.map(|(_, value)| value.0.to_string()), record.level, record.msg.len())
        };
        let found: Vec<_> = records.iter().map(fields).collect();
        let of = |part: &str, len| (Some(part.to_owned()), Level::ERROR, len);
        assert_eq!(found, [of("1", 127), of("2", 120), of("3", 3)], "{last}");
        assert_eq!((counts.pieces, counts.lines), (3, 7));
    }
    // A line of its own follows.
    let begin = part("P", &long) + &part("P", &long) + &part("P", &long);
    let input = begin + &part("F", "end") + &part("F", "next");
    let (records, counts) = read(&options, &[input.as_bytes()]);
    assert!(records[2].extras.iter().all(|(key, _)| key != "part"));
    assert_eq!((records.len(), counts.pieces), (3, 2));
}

#[test]
fn short_values_of_docker_without_a_newline_are_lines() {
    let line = |text: &str| {
        format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"2024-01-02T03:04:05Z\"}}\n")
    };
    let input = line("INFO: a") + &line("ERROR: b") + &line("c");
    assert_eq!(messages(&read_all(input.as_bytes()).0), ["INFO: a", "ERROR: b", "c"]);
}

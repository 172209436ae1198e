//! Each kind of traceback, in the ways that its lines can arrive.

use std::fs;

use super::traces::directory;
use super::*;
use zlog_core::text::sgr::strip;

/// The output of each real program, with its name.
fn outputs() -> Vec<(String, String)> {
    let paths = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|ext| ext == "txt"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned())
    };
    let mut outputs: Vec<_> = texts.map(read).collect();
    outputs.sort();
    outputs
}

fn lines(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.split('\n').count())
}

/// Of each record that is not empty: the level, and the lines in `exc_text` and `stack_info`.
fn shapes(records: &[Record<'_>]) -> Vec<(Level, usize, usize)> {
    let is_empty = |line: &str| matches!(strip(line).trim_end(), "" | "web-1  |");
    let has_text = |record: &&Record<'_>| !record.msg.lines().all(is_empty);
    let shape = |record: &Record<'_>| {
        (record.level, lines(record.exc_text.as_deref()), lines(record.stack_info.as_deref()))
    };
    records.iter().filter(has_text).map(shape).collect()
}

fn each_line(text: &str, change: impl Fn(&str) -> String) -> String {
    text.lines().map(|line| change(line) + "\n").collect()
}

#[test]
fn a_traceback_behind_a_containers_name_is_as_one_without() {
    for (name, text) in outputs() {
        let (plain, _) = read_all(text.as_bytes());
        let (prefixed, _) =
            read_all(each_line(&text, |line| format!("web-1  | {line}")).as_bytes());
        assert_eq!(shapes(&prefixed), shapes(&plain), "{name}");
    }
}

#[test]
fn a_traceback_in_colours_is_as_one_without() {
    for (name, text) in outputs() {
        let (plain, _) = read_all(text.as_bytes());
        let colour = |line: &str| match line {
            "" => String::new(),
            line => format!("\x1b[31m{line}\x1b[0m"),
        };
        let (coloured, _) = read_all(each_line(&text, colour).as_bytes());
        assert_eq!(shapes(&coloured), shapes(&plain), "{name}");
    }
}

#[test]
fn tracebacks_that_follow_each_other_are_as_one_alone() {
    for (name, text) in outputs() {
        // The last line of this output may be the message of any record.
        let gap = if name == "python-uncaught" { "\n" } else { "" };
        let alone = shapes(&read_all(text.as_bytes()).0);
        let (twice, _) = read_all(format!("{text}{gap}{text}").as_bytes());
        assert_eq!(shapes(&twice), [&alone[..], &alone].concat(), "{name}");
    }
}

#[test]
fn no_line_of_a_traceback_hides_after_an_ordinary_line() {
    for (name, text) in outputs() {
        for head in ["2026-11-26 10:00:00 INFO up", "INFO: up"] {
            let (records, _) = read_all(format!("{head}\n{text}").as_bytes());
            assert_no_line_hides(&name, &text, &records);
        }
    }
}

/// The lines of tracebacks: those in `exc_text` and the message of each error.
fn error_lines(records: &[Record<'_>]) -> Vec<String> {
    let errors = records.iter().filter(|record| record.level >= Level::ERROR);
    let texts = errors.flat_map(|record| {
        let exc_text = record.exc_text.as_deref().unwrap_or_default();
        [exc_text, &record.msg].map(str::to_owned)
    });
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn no_line_of_a_traceback_hides_when_its_lines_come_one_by_one() {
    // Longer than the test, so that no clock ends a wait.
    let multiline = multiline::Options { wait: DEADLINE * 100, ..multiline::Options::default() };
    let options = LineOptions { multiline, ..LineOptions::default() };
    for (name, text) in outputs() {
        let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
        let mut seen = Vec::new();
        for line in text.split_inclusive('\n') {
            reader.send(block(line.as_bytes())).unwrap();
            for _ in 0..3 {
                source.poll(Duration::ZERO, &mut keep(&mut seen)).unwrap();
            }
        }
        reader.send(ReaderEvent::End).unwrap();
        seen.extend(all(&mut source));
        assert_no_line_hides(&name, &text, &seen);
    }
}

/// The records of lines of which each is read `pause` seconds after the one before it, when no
/// record waits any more.
fn read_slowly(text: &str, pause: f64) -> Vec<Record<'static>> {
    let multiline = multiline::Options { wait: Duration::ZERO, ..multiline::Options::default() };
    let options = LineOptions { multiline, ..LineOptions::default() };
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
    let (mut seen, mut received) = (Vec::new(), 1_795_687_200.0);
    for line in text.split_inclusive('\n') {
        let (buffer, len) = (line.as_bytes().to_vec(), line.len());
        reader
            .send(ReaderEvent::Bytes(Block {
                buffer: buffer.into(),
                len,
                received,
                ..Block::default()
            }))
            .unwrap();
        received += pause;
        for _ in 0..3 {
            source.poll(Duration::ZERO, &mut keep(&mut seen)).unwrap();
        }
    }
    reader.send(ReaderEvent::End).unwrap();
    seen.extend(all(&mut source));
    seen
}

#[test]
fn lines_of_a_traceback_are_errors_with_a_pause_of_a_second_as_with_a_short_one() {
    for (name, text) in outputs() {
        let [short, long] = [0.05, 1.05].map(|pause| error_lines(&read_slowly(&text, pause)));
        assert_eq!(long, short, "{name}");
    }
}

/// Each line in the `exc_text` of the whole output must be in an error.
fn assert_no_line_hides(name: &str, text: &str, records: &[Record<'_>]) {
    let in_errors = error_lines(records);
    for record in read_all(text.as_bytes()).0 {
        for line in record.exc_text.as_deref().unwrap_or_default().lines() {
            let is_there = line.is_empty() || in_errors.iter().any(|it| it == line);
            assert!(is_there, "{name}: {line:?} of {records:#?}");
        }
    }
}

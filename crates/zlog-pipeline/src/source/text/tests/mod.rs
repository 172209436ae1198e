mod ahead;
mod enclosed;
mod kinds;
mod pauses;
mod prefixed;
mod states;
mod traces;

use std::io::{self, Write};
use std::sync::Mutex;

use proptest::prelude::*;
use regex::Regex;

use super::*;
use crate::os::clock::now;
use crate::source::reader::{Block, Severity};
use crate::source::testing::{DEADLINE, all, keep, messages, poll_until};
use zlog_core::multiline::{self, Rules};
use zlog_core::{Level, Record};

fn block(bytes: &[u8]) -> ReaderEvent {
    ReaderEvent::Bytes(Block {
        buffer: bytes.to_vec().into(),
        len: bytes.len(),
        received: now(),
        ..Block::default()
    })
}

/// Records of one stream that gives these chunks and ends.
fn read(options: &LineOptions, chunks: &[&[u8]]) -> (Vec<Record<'static>>, LineCounts) {
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], options);
    let mut seen = Vec::new();
    for chunk in chunks {
        reader.send(block(chunk)).unwrap();
        source.poll(Duration::ZERO, &mut keep(&mut seen)).unwrap();
    }
    reader.send(ReaderEvent::End).unwrap();
    seen.extend(all(&mut source));
    (seen, source.counts().lines)
}

fn read_all(input: &[u8]) -> (Vec<Record<'static>>, LineCounts) {
    read(&LineOptions::default(), &[input])
}

#[test]
fn bytes_that_are_not_utf8_are_shown_and_counted() {
    let (records, counts) = read_all(b"a\xffb\xc3\nfine\n");
    assert_eq!(messages(&records), ["a\\xffb\\xc3", "fine"]);
    assert_eq!(counts.not_utf8, 1);
}

#[test]
fn nuls_and_control_characters_are_kept() {
    assert_eq!(messages(&read_all(b"a\0b\x1b[31mc\x08\r\n").0), ["a\0b\x1b[31mc\x08"]);
}

#[test]
fn nuls_of_a_hole_are_skipped_and_counted_and_the_level_after_it_is_found() {
    let hole = vec![0; 100_000];
    let input = [b"INFO: a\n", &hole[..], b"ERROR: b\nhalf", &hole[..], b"WARNING: c\n"].concat();
    let (records, counts) = read_all(&input);
    assert_eq!(messages(&records), ["INFO: a", "ERROR: b", "half", "WARNING: c"]);
    let levels: Vec<Level> = records.iter().map(|record| record.level).collect();
    assert_eq!(levels, [Level::INFO, Level::ERROR, Level::INFO, Level::WARNING]);
    assert_eq!((counts.nuls, counts.lines), (200_000, 4));
}

#[test]
fn empty_lines_are_records_unless_skip_empty_is_set() {
    let input = b"\na\n\r\n\n";
    let (records, counts) = read_all(input);
    assert_eq!(messages(&records), ["", "a", "", ""]);
    assert_eq!((counts.lines, counts.records, counts.skipped), (4, 4, 0));

    let options = LineOptions { skip_empty: true, ..LineOptions::default() };
    let (records, counts) = read(&options, &[input]);
    assert_eq!(messages(&records), ["a"]);
    assert_eq!((counts.lines, counts.records, counts.skipped), (4, 1, 3));
}

#[test]
fn a_last_line_without_newline_is_a_record() {
    assert_eq!(messages(&read_all(b"a\nb").0), ["a", "b"]);
    assert_eq!(messages(&read_all(b"").0), Vec::<String>::new());
}

#[test]
fn a_line_over_the_limit_comes_in_numbered_pieces_of_one_level() {
    let options = LineOptions { max_line: 10, ..LineOptions::default() };
    let (records, counts) = read(&options, &[b"ERROR: 34567890123456789INFO", b": 12\nnext\n"]);
    assert_eq!(messages(&records), ["ERROR: 345", "6789012345", "6789INFO: ", "12", "next"]);
    let parts: Vec<Option<&str>> =
        records.iter().map(|r| r.extras.first().map(|(_, json)| &*json.0)).collect();
    assert_eq!(parts, [Some("1"), Some("2"), Some("3"), Some("4"), None]);
    assert!(records[..4].iter().all(|record| record.level == Level::ERROR));
    assert_eq!((counts.pieces, counts.lines), (4, 5));
}

#[test]
fn a_line_of_ten_megabytes_goes_through_whole() {
    let mut input = "0123456789".repeat(1_000_000);
    input.push('\n');
    let chunks: Vec<&[u8]> = input.as_bytes().chunks(65_536).collect();
    let (records, _) = read(&LineOptions::default(), &chunks);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].msg, input.trim_end());
}

#[test]
fn a_multiline_pattern_joins_lines_to_one_message() {
    let rules = Rules::Starts(Regex::new("^>").unwrap());
    let multiline = multiline::Options { rules, ..multiline::Options::default() };
    let options = LineOptions { multiline, ..LineOptions::default() };
    let (records, _) = read(&options, &[b"> ERROR\n a\n", b"\n> b\n"]);
    assert_eq!(messages(&records), ["> ERROR\n a\n", "> b"]);
}

#[test]
fn a_record_that_waits_for_more_lines_is_delivered_after_the_wait() {
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    reader.send(block(b"one\npartial")).unwrap();
    let mut seen = Vec::new();
    poll_until(&mut source, &mut seen, |seen| seen.len() == 1);
    reader.send(block(b" two\n")).unwrap();
    poll_until(&mut source, &mut seen, |seen| seen.len() == 2);
    assert_eq!(messages(&seen), ["one", "partial two"]);
}

#[test]
fn a_line_and_its_traceback_stay_together_however_late_they_are_polled() {
    let multiline = multiline::Options { wait: Duration::ZERO, ..multiline::Options::default() };
    let options = LineOptions { multiline, ..LineOptions::default() };
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
    reader.send(block(b"ERROR: x\n")).unwrap();
    reader.send(block(b"Traceback (most recent call last):\n  File\n")).unwrap();
    reader.send(block(b"E: y\n")).unwrap();
    reader.send(ReaderEvent::End).unwrap();
    let records = all(&mut source);
    assert_eq!(messages(&records), ["ERROR: x"]);
}

#[test]
fn lines_of_two_streams_are_not_mixed() {
    let (mut source, [out, err]) =
        TextSource::of([StreamSpec::default(); 2], &LineOptions::default());
    out.send(block(b"out ")).unwrap();
    err.send(block(b"err ")).unwrap();
    out.send(block(b"a\n")).unwrap();
    err.send(block(b"b\n")).unwrap();
    out.send(ReaderEvent::End).unwrap();
    err.send(ReaderEvent::End).unwrap();
    let mut found = messages(&all(&mut source));
    found.sort();
    assert_eq!(found, ["err b", "out a"]);
}

#[test]
fn finish_delivers_what_has_arrived_and_records_that_wait_for_more_lines() {
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    reader.send(block(b"a\nb\n")).unwrap();
    reader.send(block(b"c")).unwrap();
    let mut seen = Vec::new();
    // A reader that has disconnected sends no more.
    drop(reader);
    source.finish(Duration::ZERO, &mut keep(&mut seen)).unwrap();
    assert_eq!(source.poll(DEADLINE, &mut keep(&mut seen)).unwrap(), PollStatus::Ended);
    assert_eq!(messages(&seen), ["a", "b", "c"]);
}

/// Finishes a source after `sent` has arrived, while its reader sends `later` and does not
/// end. Returns the messages, and whether each is marked as cut.
fn finish(sent: &[&[u8]], later: Vec<ReaderEvent>) -> (Vec<(String, bool)>, LineCounts) {
    // Without waiting for tracebacks, each line is delivered at once.
    let multiline = multiline::Options { rules: Rules::Off, ..multiline::Options::default() };
    let options = LineOptions { multiline, ..LineOptions::default() };
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
    for bytes in sent {
        reader.send(block(bytes)).unwrap();
    }
    let mut seen = Vec::new();
    let mut later = Some(later);
    let mut sink = |record: &mut Record<'_>| {
        // The first record shows that finishing has begun.
        for event in later.take().into_iter().flatten() {
            reader.send(event).unwrap();
        }
        let cut = record.extras.iter().any(|(key, _)| key == "cut");
        seen.push((record.msg.to_string(), cut));
        Ok(ControlFlow::Continue(()))
    };
    source.finish(DEADLINE, &mut sink).unwrap();
    (seen, source.counts().lines)
}

#[test]
fn finish_reads_to_the_end_of_the_last_line_and_no_further() {
    let later = vec![block(b"4"), block(b"5\nnext\nand "), block(b"on\n")];
    let (seen, counts) = finish(&[b"first\n12", b"3"], later);
    assert_eq!(seen, [("first".to_owned(), false), ("12345".to_owned(), false)]);
    assert_eq!((counts.lines, counts.cut_lines), (2, 0));
}

#[test]
fn at_finish_a_last_line_is_whole_if_its_stream_ends_and_marked_if_its_end_does_not_come() {
    let (seen, counts) = finish(&[b"first\n12"], vec![block(b"3"), ReaderEvent::End]);
    assert_eq!(seen[1], ("123".to_owned(), false));
    assert_eq!(counts.cut_lines, 0);
    let (seen, counts) = finish(&[b"first\n12"], vec![block(b"3")]);
    assert_eq!(seen[1], ("123".to_owned(), true));
    assert_eq!(counts.cut_lines, 1);
}

#[test]
fn a_notice_is_returned_once_and_one_without_failure_leaves_the_exit_code_alone() {
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    reader.notice("look".into(), Severity::Info).unwrap();
    reader.send(ReaderEvent::End).unwrap();
    let mut records = Vec::new();
    assert_eq!(source.poll(DEADLINE, &mut keep(&mut records)).unwrap(), PollStatus::Idle);
    assert_eq!(source.take_notices()[0].text, "look");
    assert!(source.take_notices().is_empty());
    assert_eq!(source.exit(), Exit::Done);
}

/// A writer that keeps up to a number of bytes, then fails.
#[derive(Clone)]
struct Kept(Arc<Mutex<Vec<u8>>>, usize, io::ErrorKind);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap();
        if kept.len() + bytes.len() > self.1 {
            return Err(self.2.into());
        }
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_tee_gets_the_bytes_unchanged() {
    let kept = Kept(Arc::default(), 100, io::ErrorKind::BrokenPipe);
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    let input: &[u8] = b"a\r\n\xff\0\nlast";
    reader.with_tee(Some(Box::new(kept.clone()))).read_all("x", input);
    assert_eq!(all(&mut source).len(), 3);
    assert_eq!(*kept.0.lock().unwrap(), input);
    assert_eq!(source.progress().read(), input.len() as u64);
}

#[test]
fn a_tee_that_fails_ends_only_the_copying_and_a_closed_one_is_no_failure() {
    let block = "x".repeat(99) + "\n";
    let input = block.repeat(5000);
    for (kind, exit, notices) in
        [(io::ErrorKind::BrokenPipe, Exit::Done, 0), (io::ErrorKind::StorageFull, Exit::Failed, 1)]
    {
        let (mut source, [reader]) =
            TextSource::of([StreamSpec::default()], &LineOptions::default());
        let reader = reader.with_tee(Some(Box::new(Kept(Arc::default(), 100_000, kind))));
        let input = input.clone();
        let reading = std::thread::spawn(move || reader.read_all("x", input.as_bytes()));
        assert_eq!(all(&mut source).len(), 5000, "{kind}");
        reading.join().unwrap();
        let reported = source.take_notices();
        assert_eq!(reported.len(), notices, "{reported:?}");
        assert!(reported.iter().all(|notice| notice.text.contains("not copied")), "{reported:?}");
        assert_eq!((source.exit(), source.progress().copying()), (exit, 0), "{kind}");
    }
}

proptest! {
    #[test]
    fn records_depend_on_the_bytes_alone_and_a_sink_may_break_anywhere(
        bytes in proptest::collection::vec(prop_oneof![
            4 => Just(b'\n'), 1 => Just(b' '), 2 => Just(b'a'), 1 => any::<u8>()
                // When a progress line is delivered depends on the clock.
                .prop_filter("a carriage return", |byte| *byte != b'\r')
        ], 0..120),
        cut in 1usize..40,
        breaks in proptest::collection::vec(any::<bool>(), 1..8),
        max_line in 1usize..40,
    ) {
        // The wait is longer than the test, so no record is ended by the clock.
        let multiline = multiline::Options { wait: DEADLINE * 10, ..multiline::Options::default() };
        let options = LineOptions { max_line, multiline, ..LineOptions::default() };
        let strip = |mut record: Record<'static>| { record.received = None; record };
        let at_once: Vec<_> = read(&options, &[&bytes]).0.into_iter().map(strip).collect();

        let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
        let mut chunks = bytes.chunks(cut);
        let (mut seen, mut turn, mut ended) = (Vec::new(), 0, false);
        loop {
            if source.messages.is_empty() && !ended {
                let arrival = chunks.next().map(block);
                ended = arrival.is_none();
                reader.send(arrival.unwrap_or(ReaderEvent::End)).unwrap();
            }
            let mut stopped = false;
            let mut sink = |record: &mut Record<'_>| {
                assert!(!stopped, "a sink that breaks gets no more records");
                seen.push(strip(std::mem::take(record).into_owned()));
                turn += 1;
                stopped = breaks[turn % breaks.len()];
                Ok(if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            };
            if source.poll(Duration::ZERO, &mut sink).unwrap() == PollStatus::Ended {
                break;
            }
        }
        prop_assert_eq!(seen, at_once);
    }
}

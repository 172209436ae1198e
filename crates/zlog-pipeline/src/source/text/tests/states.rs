//! Progress lines, which carriage returns overwrite, and encodings.

use super::*;

#[test]
fn of_a_finished_progress_line_the_last_state_is_a_record() {
    let (records, counts) = read_all(b"start\n\r10%\r20%\r30% done\nnext\r\nlast\r");
    assert_eq!(messages(&records), ["start", "30% done", "next", "last"]);
    assert_eq!(counts.replaced, 2);
}

/// Text that a stranger controls must not hide what was logged before it.
#[test]
fn in_a_line_of_a_known_format_a_carriage_return_is_kept() {
    let line = "2026-11-26 10:00:00 WARNING login of x\rINFO all is well";
    assert_eq!(messages(&read_all(format!("{line}\n").as_bytes()).0), [line]);
}

#[test]
fn an_unfinished_progress_line_is_a_record_whenever_its_state_has_changed() {
    for states in [["\r10%", "\r20%\r30%", "\r30%"], ["10%\r", "20%\r30%\r", "30%\r"]] {
        let (mut source, [reader]) =
            TextSource::of([StreamSpec::default()], &LineOptions::default());
        let mut seen = Vec::new();
        reader.send(block(states[0].as_bytes())).unwrap();
        poll_until(&mut source, &mut seen, |seen| seen.len() == 1);
        reader.send(block(states[1].as_bytes())).unwrap();
        poll_until(&mut source, &mut seen, |seen| seen.len() == 2);
        reader.send(block(states[2].as_bytes())).unwrap();
        reader.send(block(b"\nnext\n")).unwrap();
        reader.send(ReaderEvent::End).unwrap();
        seen.extend(all(&mut source));
        assert_eq!(messages(&seen), ["10%", "30%", "next"]);
        assert_eq!(source.counts().lines.replaced, 1);
    }
}

#[test]
fn states_are_delivered_at_most_ten_times_a_second() {
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    let begun = Instant::now();
    let mut seen = Vec::new();
    for percent in 0..2000 {
        reader.send(block(format!("\r{percent}").as_bytes())).unwrap();
        source.poll(Duration::ZERO, &mut keep(&mut seen)).unwrap();
    }
    let most = begun.elapsed().as_millis() / 100 + 1;
    assert!(!seen.is_empty() && seen.len() as u128 <= most, "{} of {most}", seen.len());
    reader.send(ReaderEvent::End).unwrap();
    seen.extend(all(&mut source));
    assert_eq!(messages(&seen).last().unwrap(), "1999");
    let replaced = source.counts().lines.replaced;
    assert_eq!(seen.len() as u64 + replaced, 2000, "each state is delivered or counted");
}

#[test]
fn utf16_is_decoded_with_a_notice() {
    let bytes: Vec<u8> =
        "\u{feff}ERROR: größer\r\nnext\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    reader.send(block(&bytes)).unwrap();
    reader.send(ReaderEvent::Break).unwrap();
    reader.send(block(b"\xEF\xBB\xBFutf-8\n")).unwrap();
    reader.send(ReaderEvent::End).unwrap();
    let mut notices = Vec::new();
    let mut seen = Vec::new();
    while source.poll(DEADLINE, &mut keep(&mut seen)).unwrap() != PollStatus::Ended {
        notices.extend(source.take_notices());
    }
    notices.extend(source.take_notices());
    assert_eq!(messages(&seen), ["ERROR: größer", "next", "utf-8"]);
    assert_eq!(seen[0].level, Level::ERROR);
    let texts: Vec<&str> = notices.iter().map(|notice| &*notice.text).collect();
    assert!(texts[0].contains("UTF-16 (little-endian)") && texts[1].contains("byte order mark"));
}

#[test]
fn pretty_printed_json_and_several_objects_on_a_line_are_parsed() {
    let input = br#"{"level":"error","msg":"one"} {"level":"info","msg":"two"}
{
  "level": "warning",
  "msg": "three",
  "user": {
    "id": 5
  }
}
"#;
    let (records, _) = read_all(input);
    assert_eq!(messages(&records), ["one", "two", "three"]);
    let levels: Vec<Level> = records.iter().map(|record| record.level).collect();
    assert_eq!(levels, [Level::ERROR, Level::INFO, Level::WARNING]);
    assert_eq!(records[2].extras[0].0, "user");
}

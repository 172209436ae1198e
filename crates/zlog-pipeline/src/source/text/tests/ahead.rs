//! Objects that are read ahead, on another thread.

use super::*;
use crate::source::ahead::read_objects;
use crate::source::objects::Objects;
use zlog_core::parse::ObjectReader;

/// Lines of every kind that has to do with objects.
const LINES: &[&str] = &[
    r#"{"time":"2026-11-20T10:00:00Z","level":"info","msg":"one","request":7}"#,
    r#"{"ts":1795000000.5,"lvl":"ERROR","message":"two \u0041","err":"boom"}"#,
    r#"{"msg":"no level"}"#,
    r#"{"levelno":40,"name":"app","msg":"three","source":"s","seq":1}"#,
    r#"{"log":"ERROR: inside\n","stream":"stderr","time":"2026-11-20T10:00:00Z"}"#,
    r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}},{"body":{"stringValue":"b"}}]}]}]}"#,
    r#"{"__REALTIME_TIMESTAMP":"1","PRIORITY":"3","MESSAGE":"ERROR: of journald"}"#,
    r#"{"deep":[[[[[1]]]]]} {"msg":"second of a line"}"#,
    "{",
    r#"  "msg": "of several lines","#,
    r#"{"level":"warn"}"#,
    "}",
    "2026-11-20 10:00:00 ERROR plain",
    "Traceback (most recent call last):",
    "  File \"a.py\", line 1, in f",
    "ValueError: bad",
    "{\"msg\":\"10%\r20%\"}",
    "{\"msg\":\"beyond ASCII: \u{e9}\"}",
    "",
];

fn read_ahead(ahead: bool, text: &[u8], size: usize) -> (Vec<Record<'static>>, LineCounts) {
    let parse = zlog_core::parse::Options { stored: true, own_files: true, ..Default::default() };
    let options = LineOptions { parse, ..LineOptions::default() };
    let (mut source, [mut reader]) = TextSource::of([StreamSpec::default()], &options);
    if ahead {
        reader.messages = read_objects(reader.messages.clone()).unwrap();
    }
    let chunks: Vec<ReaderEvent> = text.chunks(size).map(block).collect();
    let sender = std::thread::spawn(move || {
        chunks.into_iter().chain([ReaderEvent::End]).for_each(|event| reader.send(event).unwrap());
    });
    let seen = all(&mut source);
    sender.join().unwrap();
    (seen, source.counts().lines)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn objects_that_are_read_ahead_give_the_records_that_the_parser_gives(
        lines in proptest::collection::vec(0..LINES.len(), 1..40),
        size in 60usize..3000,
    ) {
        let text: String = lines.iter().flat_map(|line| [LINES[*line], "\n"]).collect();
        let without = read_ahead(false, text.as_bytes(), size);
        prop_assert_eq!(read_ahead(true, text.as_bytes(), size), without);
    }
}

#[test]
fn the_record_that_was_read_ahead_is_the_one_that_is_delivered() {
    let text = format!("{}\n", LINES[0]).repeat(2);
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    let ReaderEvent::Bytes(mut block) = block(text.as_bytes()) else { unreachable!() };
    let mut ahead = ObjectReader::default();
    let mut objects = Objects::read(&block.buffer, 0, block.len, &mut ahead).unwrap();
    objects.mark(|record| record.msg = "marked".into());
    block.objects = Some(objects);
    reader.send(ReaderEvent::Bytes(block)).unwrap();
    reader.send(ReaderEvent::End).unwrap();
    assert_eq!(messages(&all(&mut source)), ["marked", "marked"]);
}

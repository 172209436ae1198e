//! Objects that are read ahead, on another thread.

use super::*;
use crate::source::ahead::read_objects;
use crate::source::objects::Objects;
use crate::source::reader::BLOCKS;
use zlog_core::filter::{Filter, TextFilter};
use zlog_core::parse::ObjectReader;

/// Filters with a prefilter.
fn filters() -> Vec<Filter> {
    let text = |words: &[&str], all, exclude: &[&str]| {
        let [words, exclude] =
            [words, exclude].map(|texts| texts.iter().map(|it| it.parse().unwrap()).collect());
        TextFilter::new(words, all, exclude)
    };
    vec![
        Filter { min_level: Some(Level::WARNING), ..Filter::default() },
        Filter { text: text(&["request", "one"], true, &[]), ..Filter::default() },
        Filter { text: text(&["beyond", "two A"], false, &["inside"]), ..Filter::default() },
        Filter {
            min_level: Some(Level::INFO),
            text: text(&["three", "42"], false, &[]),
            ..Filter::default()
        },
    ]
}

/// Lines of every kind that has to do with objects.
const LINES: &[&str] = &[
    r#"{"time":"2026-11-20T10:00:00Z","level":"info","msg":"one","request":7}"#,
    r#"{"ts":1795000000.5,"lvl":"ERROR","message":"two \u0041","err":"boom"}"#,
    r#"{"msg":"no level"}"#,
    r#"{"level":"debug","msg":"got {n}","n":42}"#,
    r#"{"level":"debug","msg":"got %s","args":["x","42"]}"#,
    r#"{"level":"error","severity":"info","msg":"of two levels"}"#,
    r#"{"level":"30","msg":"a number"}"#,
    r#"{"ts":1.5,"caller":"a.go:1","level":"info","msg":"of zap"}"#,
    r#"{"ts":1.5,"caller":"a.go:1","err":"bad","msg":"of klog"}"#,
    r#"{"@t":"2026-11-20T10:00:00Z","@mt":"of {Serilog}","Serilog":42}"#,
    r#"{"levelno":40,"name":"app","msg":"three","source":"s","seq":1}"#,
    r#"{"levelno":20,"levelname":"INFO","msg":"x","topic":"a.INFO","source":"s","seq":2,"received":1.5}"#,
    r#"{"levelno":10,"levelname":"INFO","msg":"x","topic":"a.b","source":"s","seq":3,"received":2.5}"#,
    r#"{"levelno":"20","msg":"a number as text","topic":"a.INFO"}"#,
    r#"{"levelno":0,"levelname":"ERROR","msg":"of a name"}"#,
    r#"{"levelname":"INFO","msg":"of a name","seq":5}"#,
    r#"{"levelname":"INFO","msg":"x","asctime":"2026-11-20 10:00:00"}"#,
    r#"{"level":"info","msg":"x","time":"2026-11-20T10:00:00Z","ts":7}"#,
    r#"{"level":"info","msg":"x","time":"2026-11-20T10:00:00Z","created":7}"#,
    r#"{"level":"info","topic":"b.INFO","msg":"a topic","seq":5}"#,
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

fn read_ahead(
    ahead: Option<ObjectReader>,
    text: &[u8],
    size: usize,
) -> (Vec<Record<'static>>, LineCounts) {
    let parse = zlog_core::parse::Options { stored: true, own_files: true, ..Default::default() };
    let options = LineOptions { parse, ..LineOptions::default() };
    let (mut source, [mut reader]) = TextSource::of([StreamSpec::default()], &options);
    if let Some(ahead) = ahead {
        reader.messages = read_objects(reader.messages.clone(), ahead).unwrap();
    }
    // All at once, so that no record waits for lines and time does not matter.
    let size = size.max(text.len() / (BLOCKS - 2));
    let chunks: Vec<ReaderEvent> = text.chunks(size).map(block).collect();
    let messages = chunks.len() + 1;
    chunks.into_iter().chain([ReaderEvent::End]).for_each(|event| reader.send(event).unwrap());
    let until = Instant::now() + DEADLINE;
    while source.messages.len() < messages {
        assert!(Instant::now() < until, "blocks are missing");
        std::thread::yield_now();
    }
    let seen = all(&mut source);
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
        let without = read_ahead(None, text.as_bytes(), size);
        let ahead = Some(ObjectReader::default());
        prop_assert_eq!(read_ahead(ahead, text.as_bytes(), size), without);
    }

    /// With every filter, the same records pass, and the level of those that don't is the same.
    #[test]
    fn a_prefilter_changes_only_records_that_do_not_pass(
        lines in proptest::collection::vec(0..LINES.len(), 1..40),
        repeated in 1usize..5,
        filter in 0..4usize,
        size in 60usize..3000,
    ) {
        let lines = lines.iter().flat_map(|line| std::iter::repeat_n([LINES[*line], "\n"], repeated));
        let text: String = lines.flatten().collect();
        let mut filter = filters().swap_remove(filter);
        let (without, counts) = read_ahead(None, text.as_bytes(), size);
        let ahead = Some(ObjectReader::with_prefilter(filter.prefilter()));
        let (with, with_counts) = read_ahead(ahead, text.as_bytes(), size);
        prop_assert_eq!((with.len(), with_counts), (without.len(), counts));
        for (with, without) in with.iter().zip(&without) {
            prop_assert_eq!((with.level, with.seq), (without.level, without.seq), "{}", without.msg);
            prop_assert_eq!((&with.topic, &with.source), (&without.topic, &without.source));
            prop_assert_eq!(with.time(), without.time());
            prop_assert_eq!(filter.accepts(with), filter.accepts(without), "{}", without.msg);
            prop_assert!(!filter.accepts(without) || with == without);
        }
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

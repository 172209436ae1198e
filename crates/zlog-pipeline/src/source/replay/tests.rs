use super::*;
use crate::source::testing::{all, keep, messages};

fn replay(input: &str, speed: f64) -> ReplaySource<&[u8]> {
    ReplaySource::new(input.as_bytes(), speed, parse::Options::default(), Level::INFO)
}

/// Three records a tenth of a second apart, an earlier one, and one without a time.
const STORED: &str = r#"{"msg":"a","levelno":40,"created":1000.0,"topic":"x.ERROR"}

{"msg":"b","levelno":20,"created":1000.1}
{"msg":"c","levelno":20,"created":1000.2}
{"msg":"early","levelno":20,"created":5.0}
no time
"#;

#[test]
fn at_full_speed_nothing_is_waited_for() {
    let mut source = replay(STORED, 0.0);
    let records = all(&mut source);
    assert_eq!(messages(&records), ["a", "b", "c", "early", "no time"]);
    assert_eq!((records[0].level, &*records[0].topic), (Level::ERROR, "x.ERROR"));
    assert_eq!(records[4].level, Level::INFO);
}

#[test]
fn records_keep_their_spacing_divided_by_the_speed() {
    let start = Instant::now();
    let records = all(&mut replay(STORED, 2.0));
    let took = start.elapsed();
    assert_eq!(records.len(), 5);
    assert!(took >= Duration::from_millis(100), "0.2 s at twice the speed took {took:?}");
}

#[test]
fn a_poll_waits_no_longer_than_it_is_asked_to() {
    let input = "{\"msg\":\"a\",\"created\":0,\"levelno\":10}\n{\"msg\":\"b\",\"created\":1e9,\"levelno\":10}\n";
    let mut source = replay(input, 1.0);
    let mut seen = Vec::new();
    let mut sink = keep(&mut seen);
    assert_eq!(source.poll(Duration::ZERO, &mut sink).unwrap(), PollStatus::Delivered);
    for _ in 0..3 {
        let wait = Duration::from_millis(1);
        assert_eq!(source.poll(wait, &mut sink).unwrap(), PollStatus::Idle);
    }
    drop(sink);
    assert_eq!(messages(&seen), ["a"]);
}

#[test]
fn records_with_times_out_of_range_are_due_at_once() {
    let input = "{\"msg\":\"a\",\"created\":0,\"levelno\":10}\n{\"msg\":\"b\",\"created\":1e300,\"levelno\":10}\n";
    assert_eq!(all(&mut replay(input, 1e-300)).len(), 2);
}

//! Limits and reports: `-n --timeout --reorder --stats`.

use serde_json::json;

use super::{body, tail};
use crate::harness::{ANY_PORT, RawSubscriber, frame, zlog};

#[test]
fn count_counts_the_records_that_pass() {
    let (publisher, tail) = tail(&["-n", "2", "-o", "text", "-i", "x"]);
    for text in ["x1", "no", "x2", "x3"] {
        publisher.send(["app.INFO", text]);
    }
    tail.wait().success().stdout("x1\nx2\n");
}

#[test]
fn too_few_records_in_time_exit_with_3() {
    let (publisher, tail) = tail(&["-n", "2", "-o", "text", "--timeout", "1s"]);
    publisher.send(["app.INFO", "one"]);
    tail.wait().code(3).stdout("one\n").stderr_has("1 of 2 records came within 1s");
}

#[test]
fn a_timeout_without_a_count_is_no_failure() {
    let (publisher, tail) = tail(&["-o", "text", "--timeout", "500ms"]);
    publisher.send(["app.INFO", "one"]);
    tail.wait().success().stdout("one\n");
}

#[test]
fn a_timeout_ends_a_tail_without_a_connection() {
    zlog(["tail", "-n", "1", "--timeout", "200ms", "tcp://127.0.0.1:1"]).run().code(3);
}

#[test]
fn reorder_merges_senders_by_the_time_of_creation() {
    let (publisher, tail) = tail(&["--reorder", "500ms", "-n", "4", "-o", "text"]);
    for (msg, source, created) in
        [("b", "one", 2.0), ("d", "one", 4.0), ("a", "two", 1.0), ("c", "two", 3.0)]
    {
        let fields = json!({"msg": msg, "source": source, "created": created});
        publisher.send(["app.INFO".to_owned(), body(fields)]);
    }
    tail.wait().success().stdout("a\nb\nc\nd\n");
}

#[test]
fn records_held_by_reorder_are_shown_at_the_end() {
    let (publisher, mut tail) = tail(&["--reorder", "1h", "-o", "text", "--verbose"]);
    tail.expect_stderr("connected");
    publisher.send(["app.INFO".to_owned(), body(json!({"msg": "late", "created": 2.0}))]);
    publisher.send(["app.INFO".to_owned(), body(json!({"msg": "early", "created": 1.0}))]);
    // The report of the gap shows that the records before it were received.
    for seq in [1, 3] {
        let fields = json!({"msg": "last", "created": 3.0, "source": "s", "seq": seq});
        publisher.send(["app.INFO".to_owned(), body(fields)]);
    }
    tail.expect_stderr("lost 1 record");
    tail.interrupt();
    tail.wait().code(130).stdout("early\nlate\nlast\nlast\n");
}

#[test]
fn stats_are_printed_at_the_end_for_each_topic_and_level() {
    let (publisher, tail) = tail(&["--stats", "-n", "3", "-o", "text"]);
    for topic in ["b.INFO", "a.ERROR", "b.INFO"] {
        publisher.send([topic, "x"]);
    }
    let finished = tail.wait().success().stdout("x\nx\nx\n");
    let table: Vec<Vec<String>> = finished
        .err()
        .lines()
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    let [head, rest @ ..] = &table[..] else { panic!("{table:?}") };
    assert_eq!(head[..], ["records", "rate", "level", "topic"]);
    let counts: Vec<_> = rest.iter().map(|row| (row[0].as_str(), row[2..].join(" "))).collect();
    let expected = [("1", "ERROR a"), ("2", "INFO b"), ("3", "total")];
    assert_eq!(counts, expected.map(|(count, of)| (count, of.to_owned())));
}

#[test]
fn stats_are_printed_every_interval() {
    let (publisher, mut tail) = tail(&["--stats=200ms", "-o", "text"]);
    publisher.send(["a.ERROR", "x"]);
    tail.expect_stderr("ERROR     a");
    publisher.send(["b.INFO", "x"]);
    let row = tail.expect_stderr("INFO      b");
    assert_eq!(row.split_whitespace().next(), Some("1"), "{row}");
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn max_message_limits_all_frames_of_a_message_together() {
    let args = ["tail", "--bind", ANY_PORT, "--max-message", "64K", "-o", "text"];
    let mut tail = zlog(args).start();
    let endpoint = tail.endpoint();
    // Fewer frames than libzmq limits by number, and more bytes than buffers hold.
    let frames = || frame(1, &[b'x'; 60_000]);
    assert_eq!(RawSubscriber::flood("PUB", &endpoint, 1, 15_000_000, frames), 1);
    zlog(["emit", "--connect", &endpoint, "-m", "fine"]).run().success();
    tail.expect_stdout("fine");
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn a_message_of_endlessly_many_frames_ends_the_connection_of_its_sender() {
    let mut tail = zlog(["tail", "--bind", ANY_PORT, "-o", "text"]).start();
    let endpoint = tail.endpoint();
    let frames = || frame(1, b"x").repeat(8192);
    assert_eq!(RawSubscriber::flood("PUB", &endpoint, 3, 64 << 20, frames), 3);
    zlog(["emit", "--connect", &endpoint, "-m", "fine"]).run().success();
    tail.expect_stdout("fine");
    tail.terminate();
    tail.wait().code(143);
}

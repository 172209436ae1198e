//! Gaps in `seq` are reported with source, topic and count; nothing else is reported as a loss.

use serde_json::json;

use super::{body, tail};
use crate::harness::{Publisher, Running};

/// Sends records of `source` and `topic` with these numbers.
fn send(publisher: &Publisher, source: &str, topic: &str, numbers: &[u64]) {
    for seq in numbers {
        let fields = json!({"msg": format!("{seq}"), "source": source, "seq": seq});
        publisher.send([topic.to_owned(), body(fields)]);
    }
}

/// Sends a record that ends the tail's `-n`, and waits for that.
#[track_caller]
fn end(publisher: &Publisher, tail: Running) -> crate::harness::Finished {
    publisher.send(["end.INFO", "end"]);
    tail.wait()
}

#[test]
fn a_gap_is_reported_with_source_topic_and_count() {
    let (publisher, tail) = tail(&["-o", "text", "-n", "7"]);
    send(&publisher, "web1", "app.INFO", &[1, 2, 5]);
    send(&publisher, "web2", "app.INFO", &[1, 2]);
    send(&publisher, "web1", "app.ERROR", &[9]);
    let finished = end(&publisher, tail).success();
    assert_eq!(finished.err(), "zlog tail: lost 2 records of web1, topic app.INFO\n");
}

#[test]
fn a_gap_is_reported_while_records_arrive() {
    let (publisher, mut tail) = tail(&["-o", "text"]);
    send(&publisher, "web1", "app.INFO", &[1, 3]);
    let report = tail.expect_stderr("lost");
    assert_eq!(report, "zlog tail: lost 1 record of web1, topic app.INFO");
    tail.terminate();
    tail.wait().code(143);
}

#[test]
fn fail_on_loss_exits_with_3_only_when_there_was_one() {
    for (numbers, code) in [([1, 2, 4], 3), ([1, 2, 3], 0)] {
        let (publisher, tail) = tail(&["-o", "text", "-n", "4", "--fail-on-loss"]);
        send(&publisher, "web1", "app.INFO", &numbers);
        end(&publisher, tail).code(code);
    }
}

#[test]
fn a_loss_wins_over_a_signal_and_over_a_closed_pipe() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let (publisher, mut tail) = tail(&["-o", "text", "--fail-on-loss"]);
        send(&publisher, "web1", "app.INFO", &[1, 2, 3, 7, 8]);
        tail.expect_stdout("8");
        tail.signal(signal);
        tail.wait()
            .code(3)
            .stderr_has("lost 3 records of web1")
            .stderr_has("3 records lost in all");
    }
    let publisher = Publisher::bind();
    let script = format!(
        "zlog tail --fail-on-loss -o text '{}' | head -n 2; exit ${{PIPESTATUS[0]}}",
        publisher.endpoint
    );
    let pipeline = super::shell(&script);
    publisher.wait_for_subscription();
    send(&publisher, "web1", "app.INFO", &[1, 3]);
    pipeline.wait().code(3).stdout("1\n3\n");
}

#[test]
fn fail_on_loss_fails_also_with_quiet() {
    let (publisher, tail) = tail(&["-o", "text", "-n", "3", "--fail-on-loss", "-q"]);
    send(&publisher, "web1", "app.INFO", &[1, 4]);
    let finished = end(&publisher, tail).code(3);
    assert!(!finished.err().contains("web1"), "{}", finished.err());
}

#[test]
fn filtered_records_are_not_lost() {
    let args = ["-o", "text", "-n", "3", "--fail-on-loss", "-l", "info", "-i", "[1-3]|end"];
    let (publisher, tail) = tail(&args);
    send(&publisher, "web1", "app.INFO", &[1, 2, 7, 8]);
    send(&publisher, "web1", "app.WARNING", &[7, 8, 9]);
    publisher.send(["end.INFO", "end"]);
    let finished = tail.wait().code(3).stdout("1\n2\nend\n");
    assert_eq!(
        finished.err().lines().next(),
        Some("zlog tail: lost 4 records of web1, topic app.INFO")
    );
    assert!(!finished.err().contains("app.WARNING"));
}

#[test]
fn a_restarted_sender_has_lost_nothing() {
    let (publisher, tail) = tail(&["-o", "text", "-n", "6", "--fail-on-loss"]);
    send(&publisher, "web1", "app.INFO", &[1, 2, 3, 1, 2]);
    end(&publisher, tail).success().stderr_lacks("lost");
}

#[test]
fn source_and_topic_are_escaped() {
    let (publisher, tail) = tail(&["-o", "text", "-n", "3"]);
    send(&publisher, "web\x1b]0;owned\x07", "app.\u{202e}INFO", &[1, 3]);
    let finished = end(&publisher, tail).success().stderr_has(r"web\x1b]0;owned\x07");
    assert!(!finished.stderr.contains(&0x1b) && !finished.err().contains('\u{202e}'));
}

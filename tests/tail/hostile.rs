//! Hostile text in every field that is shown, on a terminal and in a pipe.

use serde_json::{Value, json};

use super::body;
use crate::harness::{Publisher, Terminal, zlog};

/// Sets the title, clears the screen, moves the cursor, reverses text, and does the same
/// without the escape character.
const EVIL: &str = "\x1b]0;owned\x07\x1b[2J\x1b[1;1H\u{202e}\u{9b}2J\u{9d}0;owned\u{9c}\x08\r";

/// Every field of a record that the sender chooses and that may be shown.
const PLACES: [&str; 8] =
    ["msg", "source", "exc_text", "stack_info", "levelname", "name", "extra", "key"];

/// A record with hostile text in one field.
fn record(place: &str) -> Value {
    let evil = format!("<{EVIL}>");
    match place {
        "key" => json!({(evil): "value"}),
        // With a custom level number: a known number has a name of its own.
        "levelname" => json!({"levelname": evil, "levelno": 33}),
        place => json!({(place): evil}),
    }
}

/// The terminal's input without zlog's own colours.
fn without_colours(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).expect("a terminal gets UTF-8");
    let colours = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    colours.replace_all(&text, "").into_owned()
}

#[track_caller]
fn assert_harmless(bytes: &[u8], what: &str) {
    let text = without_colours(bytes).replace("\r\n", "\n");
    let harmful = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
    assert!(!text.chars().any(harmful), "{what}: {text:?}");
    assert!(text.contains("owned"), "{what}: it is shown, not hidden: {text:?}");
}

#[test]
fn no_field_steers_the_terminal_in_any_output() {
    for output in ["pretty", "text", "json", "logfmt", "raw"] {
        let publisher = Publisher::bind();
        let args = ["tail", "-o", output, "-n", "18", "--timestamp", &publisher.endpoint];
        let terminal = Terminal::start(zlog(args), 50, 200);
        publisher.wait_for_subscription();
        for place in PLACES {
            publisher.send(["app.INFO".to_owned(), body(record(place))]);
            // With line feeds: the text may continue in the next line but must not begin it.
            let lines = record(place).to_string().replace("owned", "owned\\n");
            publisher.send(["app.INFO".to_owned(), lines]);
        }
        publisher.send([&format!("app.INFO.{EVIL}"), "topic"]);
        publisher.send(["app.INFO", EVIL]);
        let (bytes, status) = terminal.wait();
        assert!(status.success(), "{output}: {status}");
        assert_harmless(&bytes, output);
    }
}

#[test]
fn the_loggers_name_is_escaped() {
    let publisher = Publisher::bind();
    let args = ["tail", "--show", "name", "-n", "1", &publisher.endpoint];
    let terminal = Terminal::start(zlog(args), 50, 200);
    publisher.wait_for_subscription();
    publisher.send(["app.INFO".to_owned(), body(record("name"))]);
    let (bytes, _) = terminal.wait();
    assert_harmless(&bytes, "name");
}

#[test]
fn reports_are_escaped() {
    let publisher = Publisher::bind();
    let args = ["tail", "-o", "text", "--stats", "-n", "3", &publisher.endpoint];
    let terminal = Terminal::start(zlog(args), 50, 200);
    publisher.wait_for_subscription();
    let topic = format!("app.INFO.{EVIL}");
    for seq in [1, 5] {
        let fields = json!({"source": EVIL, "seq": seq});
        publisher.send([topic.clone(), body(fields)]);
    }
    publisher.send([b"app.INFO".as_slice(), b"\xff"]);
    let (bytes, _) = terminal.wait();
    let text = without_colours(&bytes);
    assert!(text.contains("lost 3 records") && text.contains("could not be decoded"), "{text}");
    assert_harmless(&bytes, "reports");
}

#[test]
fn nothing_is_cut_off_on_a_narrow_terminal() {
    let publisher = Publisher::bind();
    let args = ["tail", "-n", "1", &publisher.endpoint];
    let terminal = Terminal::start(zlog(args), 10, 20);
    publisher.wait_for_subscription();
    let long: String = (0..200).map(|n| format!("word{n} ")).collect();
    publisher.send(["app.INFO", &long]);
    let (bytes, _) = terminal.wait();
    assert!(without_colours(&bytes).contains(long.trim_end()));
}

#[test]
fn a_pipe_gets_text_unescaped() {
    let stored = body(record("msg")) + "\n";
    for output in ["pretty", "text"] {
        let tail = zlog(["tail", "-o", output, "--input", "-"]).stdin(stored.clone());
        let out = tail.run().success().out();
        assert!(out.contains(EVIL), "{output}: {out:?}");
    }
    for output in ["json", "logfmt"] {
        let tail = zlog(["tail", "-o", output, "--input", "-"]).stdin(stored.clone());
        let out = tail.run().success().stdout;
        let text = zlog(["tail", "-o", "text", "--input", "-"]).stdin(out).run().success().out();
        assert!(text.contains(EVIL), "{output}: {text:?}");
    }
}

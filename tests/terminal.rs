//! The display of a real terminal.

use vt100::Color;

use crate::harness::{ANY_PORT, Publisher, Terminal, emit, shell_code, zlog};

/// `zlog tail` in a terminal, connected to a publisher of the test's own.
fn tail(args: &[&str]) -> (Publisher, Terminal) {
    let publisher = Publisher::bind();
    let zlog = zlog(["tail", &publisher.endpoint]).args(args);
    let terminal = Terminal::start(zlog, 24, 120);
    publisher.wait_for_subscription();
    (publisher, terminal)
}

/// The row and column where the screen shows `text`.
fn find(screen: &vt100::Screen, text: &str) -> (u16, u16) {
    let rows = screen.rows(0, screen.size().1);
    for (number, row) in rows.enumerate() {
        if let Some(at) = row.find(text) {
            let column = row[..at].chars().count();
            return (u16::try_from(number).unwrap(), u16::try_from(column).unwrap());
        }
    }
    panic!("no {text:?} on\n{}", screen.contents())
}

#[test]
fn levels_are_coloured_and_messages_line_up() {
    let (publisher, mut terminal) = tail(&[]);
    publisher.send(["app.ERROR", "boom"]);
    publisher.send(["app.INFO", "fine"]);
    let screen = terminal.wait_for_text("fine");
    let colour = |text: &str| {
        let (row, column) = find(&screen, text);
        screen.cell(row, column).unwrap().fgcolor()
    };
    assert_ne!(colour("ERROR"), Color::Default);
    assert_ne!(colour("ERROR"), colour("INFO"));
    assert_eq!(find(&screen, "boom").1, find(&screen, "fine").1, "{}", screen.contents());
    terminal.press("\x03");
    terminal.wait();
}

#[test]
fn each_source_has_a_colour_of_its_own() {
    let (publisher, mut terminal) = tail(&[]);
    for (source, text) in [("one", "first"), ("two", "second"), ("six", "third")] {
        let body = format!(r#"{{"levelno":20,"msg":"{text}","source":"{source}:7:abcd"}}"#);
        publisher.send(["app.INFO", &body]);
    }
    let screen = terminal.wait_for_text("third");
    // A single source is not shown.
    assert!(!screen.contents().contains("one"), "{}", screen.contents());
    let colour = |text: &str| {
        let (row, column) = find(&screen, text);
        screen.cell(row, column).unwrap().fgcolor()
    };
    assert!(![colour("six"), Color::Default].contains(&colour("two")), "{}", screen.contents());
    terminal.press("\x03");
    terminal.wait();
}

#[test]
fn a_terminal_shows_the_colours_of_a_message_and_ends_them_with_it() {
    let (publisher, mut terminal) = tail(&["-H", "atte"]);
    publisher.send(["app.INFO", "a \x1b[35mpattern \x1b[44mof\nlines"]);
    publisher.send(["app.INFO", "plain \x1b[2Jtext"]);
    let screen = terminal.wait_for_text("text");
    let cell = |text: &str| {
        let (row, column) = find(&screen, text);
        let cell = screen.cell(row, column).unwrap();
        (cell.fgcolor(), cell.bgcolor())
    };
    assert_eq!(cell("pattern"), (Color::Idx(5), Color::Default));
    assert_eq!(cell("attern").1, Color::Idx(3), "a match is marked");
    assert_eq!(cell("rn of"), (Color::Idx(5), Color::Default), "and the colour goes on after it");
    assert_eq!(cell("lines"), (Color::Idx(5), Color::Idx(4)));
    let (row, column) = find(&screen, "lines");
    assert_eq!(screen.cell(row, column - 1).unwrap().bgcolor(), Color::Default, "indentation");
    assert_eq!(cell(r"plain \x1b[2Jtext"), (Color::Default, Color::Default));
    terminal.press("\x03");
    terminal.wait();
}

#[test]
fn without_colour_a_terminal_shows_the_text_alone() {
    let (publisher, mut terminal) = tail(&["--color", "never"]);
    publisher.send(["app.INFO", "\x1b[31mred\x1b[0m alert"]);
    let screen = terminal.wait_for_text("red alert");
    let (row, column) = find(&screen, "red");
    assert_eq!(screen.cell(row, column).unwrap().fgcolor(), Color::Default);
    terminal.press("\x03");
    terminal.wait();
}

#[test]
fn messages_begin_before_column_40_of_80() {
    let publisher = Publisher::bind();
    let mut terminal = Terminal::start(zlog(["tail", &publisher.endpoint]), 24, 80);
    publisher.wait_for_subscription();
    for source in ["web-1.example.org:17:abcd", "web-1.example.org:18:qemf"] {
        let topic = "shop.checkout.payments.CRITICAL";
        let body = format!(r#"{{"msg":"HERE","levelno":50,"source":"{source}","created":1.5}}"#);
        publisher.send([topic, &body]);
        publisher.send(["backup.INFO", r#"{"msg":"HERE","levelno":20}"#]);
    }
    let screen = terminal.wait_for_screen(|screen| screen.contents().matches("HERE").count() == 4);
    let shown = screen.contents();
    for line in shown.lines().filter(|line| line.contains("HERE")) {
        let column = line.split("HERE").next().unwrap().chars().count() + 1;
        assert!(column < 40, "column {column} on\n{shown}");
    }
    assert!(shown.contains("CRITICAL paym…ts w:18 "), "{shown}");
    assert!(shown.lines().any(|line| line == "1970-01-01"), "the date of old records: {shown}");
    terminal.press("\x03");
    terminal.wait();
}

#[test]
fn columns_follow_a_terminal_that_is_resized() {
    let publisher = Publisher::bind();
    let mut terminal = Terminal::start(zlog(["tail", &publisher.endpoint]), 24, 200);
    publisher.wait_for_subscription();
    publisher.send(["shop.checkout.payments.provider.INFO", "ONE"]);
    terminal.wait_for_text("shop.checkout.payments.provider  ONE");
    terminal.resize(80);
    publisher.send(["shop.checkout.payments.provider.INFO", "TWO"]);
    let screen = terminal.wait_for_text("TWO");
    let column = find(&screen, "TWO").1 + 1;
    assert!(column < 40, "column {column} on\n{}", screen.contents());
    terminal.press("\x03");
    terminal.wait();
}

#[test]
fn no_color_and_color_never_are_obeyed() {
    for never in [true, false] {
        let publisher = Publisher::bind();
        let mut tail = zlog(["tail", "-n", "1", &publisher.endpoint]);
        tail = if never { tail.args(["--color", "never"]) } else { tail.env("NO_COLOR", "1") };
        let terminal = Terminal::start(tail, 24, 120);
        publisher.wait_for_subscription();
        publisher.send(["app.ERROR", "boom"]);
        let (bytes, status) = terminal.wait();
        assert!(status.success());
        assert!(!bytes.contains(&0x1b), "{}", bytes.escape_ascii());
    }
}

#[test]
fn text_from_outside_cannot_move_the_cursor_or_set_the_title() {
    let (publisher, mut terminal) = tail(&[]);
    publisher.send(["app.INFO", "before"]);
    publisher
        .send(["app.INFO", "\x1b[2J\x1b[1;1Hgone \x1b]0;owned\x07 \u{202e}sdrawkcab\u{9b}31m"]);
    publisher.send(["app.\x1b[2JINFO", "in the topic"]);
    publisher.send(["app.INFO", "after"]);
    let screen = terminal.wait_for_text("after");
    let shown = screen.contents();
    for text in ["before", "in the topic", r"\x1b[2J", "owned", r"\u{202e}"] {
        assert!(shown.contains(text), "{text} on\n{shown}");
    }
    assert!(!shown.contains('\u{202e}'));
    terminal.press("\x03");
    let (bytes, _) = terminal.wait();
    assert!(!bytes.windows(4).any(|bytes| bytes == b"\x1b[2J" || bytes == b"\x1b]0;"));
}

#[test]
fn messages_are_broken_between_words() {
    let args = ["tail", "--input", "no-such-file", "--output", "raw", "--reorder", "1s"];
    let whole = zlog(args).run().code(2).err();
    let (bytes, _) = Terminal::start(zlog(args), 24, 30).wait();
    let shown = String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&shown), words(&whole));
    assert!(shown.lines().all(|line| line.len() <= 30), "{shown}");
    assert!(whole.lines().any(|line| line.len() > 30), "{whole}");
}

#[test]
fn ctrl_c_ends_tail_with_130() {
    let (publisher, mut terminal) = tail(&[]);
    publisher.send(["app.INFO", "hello"]);
    terminal.wait_for_text("hello");
    terminal.press("\x03");
    let (_, status) = terminal.wait();
    assert_eq!(shell_code(status), Some(130));
}

#[test]
fn demo_shows_records_until_ctrl_c() {
    let mut terminal = Terminal::start(zlog(["demo", "--rate", "100"]), 40, 120);
    terminal.wait_for_screen(|screen| {
        let shown = screen.contents();
        shown.contains("INFO") && shown.contains("ERROR") && shown.lines().count() > 10
    });
    terminal.press("\x03");
    let (_, status) = terminal.wait();
    assert_eq!(shell_code(status), Some(130));
}

#[test]
fn a_long_file_shows_how_far_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("long.log");
    std::fs::write(&file, "a line\n".repeat(400)).unwrap();
    let args = ["emit", "-b", ANY_PORT, "--wait", "0s", "--rate", "200", "--file"];
    let terminal = Terminal::start(zlog(args).args([&file]), 24, 120);
    terminal.wait_for_screen(|screen| {
        let shown = screen.contents();
        shown.contains("KiB/") && shown.contains(" records")
    });
    let (_, status) = terminal.wait();
    assert!(status.success());
}

#[test]
fn a_long_count_shows_how_far_it_is() {
    let args = ["emit", "-b", ANY_PORT, "--wait", "0s", "--rate", "200", "--test", "400"];
    let terminal = Terminal::start(zlog(args), 24, 120);
    terminal.wait_for_screen(|screen| screen.contents().contains("/400"));
    let (_, status) = terminal.wait();
    assert!(status.success());
}

#[test]
fn quiet_shows_no_progress() {
    let args = ["emit", "-q", "-b", ANY_PORT, "--wait", "0s", "--rate", "200", "--test", "200"];
    let (bytes, status) = Terminal::start(zlog(args), 24, 120).wait();
    assert!(status.success());
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("/200") && !text.contains('\x1b'), "{text:?}");
}

#[test]
fn ctrl_c_reaches_a_wrapped_command_once_and_its_code_is_kept() {
    // A second signal would be counted, then or while it takes its time to end. It is
    // busy meanwhile: two signals that come to one that sleeps are one.
    let script = "n=0; trap 'n=$((n+1)); echo asked $n' INT; echo ready; \
        while [ $n = 0 ]; do :; done; for ((i = 0; i < 50000; i++)); do :; done; exit 9";
    let args = ["emit", "-q", "-b", ANY_PORT, "--wait", "0s", "--tee", "--", "bash", "-c", script];
    let mut terminal = Terminal::start(zlog(args), 24, 120);
    terminal.wait_for_text("ready");
    terminal.press("\x03");
    let (bytes, status) = terminal.wait();
    assert_eq!(status.code(), Some(9), "{}", bytes.escape_ascii());
    let shown = String::from_utf8_lossy(&bytes);
    assert!(shown.contains("asked 1") && !shown.contains("asked 2"), "{shown}");
}

#[test]
fn a_pipe_gets_no_colour_and_no_escapes() {
    let mut emit = emit(["-r", "a"]).stdin("ERROR \x1b[31mred\n").start();
    let endpoint = emit.endpoint();
    let tail = zlog(["tail", "-o", "text", "-n", "1", &endpoint]).run().success();
    tail.stdout("ERROR \x1b[31mred\n");
    emit.wait().success();
}

#[test]
fn emit_and_tail_say_that_they_wait_for_what_is_typed() {
    let emit = ["emit", "-b", ANY_PORT, "--wait", "0s"];
    for (args, shown) in [(&emit[..], "1 record"), (&["tail", "--input", "-"], "-        hello")] {
        let mut terminal = Terminal::start(zlog(args), 24, 120);
        terminal.wait_for_text("Ctrl-D");
        terminal.press("hello\n");
        terminal.press("\x04");
        terminal.wait_for_text(shown);
        assert!(terminal.wait().1.success());
    }
}

//! Arguments that are quoted in messages: none of them steers a terminal or forges a line.

use clap::Arg;

use crate::harness::{ANY_PORT, Terminal, Zlog, zlog};

/// No value that any option takes for what it is: it sets the title, clears the screen
/// without the escape character, reverses text and begins a line. Nothing can be made
/// below /proc.
const EVIL: &str = "/proc/(\x1b]0;owned\x07\nzlog: forged\u{9b}2J\u{202e}";

/// As it is shown.
const SHOWN: &str = r"(\x1b]0;owned\x07";

#[track_caller]
fn assert_harmless(bytes: &[u8], what: &str) {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let harmful = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
    assert!(!text.chars().any(harmful), "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("zlog: forged")), "{what}: {text}");
}

/// Runs `command`, which must end by itself, once for each option of it that takes a
/// value, with `EVIL` for the value. Returns how many of them have shown it.
#[track_caller]
fn each_option(name: &str, command: impl Fn() -> Zlog) -> usize {
    let parser = zlog::cli::command();
    let parser = parser.find_subcommand(name).expect("a command");
    let valued = |arg: &&Arg| arg.get_action().takes_values() && arg.get_long().is_some();
    let mut shown = 0;
    for option in parser.get_arguments().filter(valued).filter_map(Arg::get_long) {
        let finished = command().args([format!("--{option}={EVIL}")]).run();
        assert_harmless(&finished.stderr, option);
        let said = finished.err();
        assert!(!said.contains("panicked"), "{option}: {said}");
        shown += usize::from(said.contains(SHOWN));
    }
    shown
}

#[test]
fn emit_quotes_no_argument_as_it_is() {
    let shown = each_option("emit", || zlog(["emit", "-b", ANY_PORT, "--wait", "0s"]));
    assert!(shown >= 20, "{shown}");
}

#[test]
fn tail_quotes_no_argument_as_it_is() {
    let shown = each_option("tail", || zlog(["tail", "-b", ANY_PORT, "--timeout", "1ms"]));
    assert!(shown >= 20, "{shown}");
}

#[test]
fn relay_quotes_no_argument_as_it_is() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = file.path().to_str().unwrap();
    let shown = each_option("relay", || zlog(["relay", "--check", "--config", config]));
    assert!(shown >= 10, "{shown}");
}

/// A topic and the handlers' keys have texts in them that no option by itself has.
#[test]
fn values_within_values_are_quoted_escaped() {
    let keys = ["level", "where", "grep", "exclude", "style", "datefmt", "newlines", "queue"];
    for key in keys.into_iter().chain(["on-full", "format", "max-bytes", "when"]) {
        let file = format!("--file=/proc/x,{key}=%({EVIL}");
        let run = zlog(["tail", "-b", ANY_PORT, "--timeout", "1ms", &file]).run();
        assert_harmless(&run.stderr, key);
        assert!(run.err().contains("owned"), "{key}: {}", run.err());
    }
    for words in [vec!["emit", EVIL], vec![EVIL], vec!["man", EVIL], vec!["help", EVIL]] {
        let run = zlog(&words).run();
        assert_harmless(&run.stderr, "a word");
        assert!(run.err().contains(SHOWN), "{words:?}: {}", run.err());
    }
    for words in [vec!["tail"], vec!["relay"], vec!["emit", "-m", "x"]] {
        let run = zlog(&words).env("ZLOG_ENDPOINT", EVIL).run();
        assert_harmless(&run.stderr, "a variable");
    }
}

#[test]
fn a_terminal_is_not_steered_by_the_arguments_of_a_command_that_fails() {
    for words in [
        vec!["tail", "--input", EVIL],
        vec!["tail", "-i", EVIL],
        vec!["tail", "--file", EVIL],
        vec!["emit", "-b", ANY_PORT, "--wait", "0s", "--file", EVIL],
        vec!["emit", "-b", ANY_PORT, "--wait", "0s", "--", EVIL],
        vec!["relay", "--config", EVIL],
        vec!["bench", "--lines", EVIL],
        vec!["bench", "--baseline", EVIL],
    ] {
        let (bytes, status) = Terminal::start(zlog(&words), 24, 200).wait();
        assert!(!status.success(), "{words:?}");
        assert_harmless(&bytes, &format!("{words:?}"));
        assert!(String::from_utf8_lossy(&bytes).contains(SHOWN), "{words:?}");
    }
}

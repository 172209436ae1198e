//! `[relay]`: the options of the command.

use std::ffi::OsString;

use super::*;

#[test]
fn options_of_the_command_are_read_by_its_parser() {
    let config =
        good("[relay]\nbind = ['tcp://a:1', 'tcp://b:2']\nkeep = 3\nstdin = true\nreport = true\n");
    let matches = command().get_matches_from(["relay", "--keep", "5"]);
    let line = ["zlog", "relay", "--keep", "5"].map(OsString::from);
    let whole = prepend_settings(&config.relay, &command(), &line, &matches);
    let whole: Vec<_> = whole.iter().map(|word| word.to_str().unwrap()).collect();
    let expected = [
        "zlog",
        "relay",
        "--bind=tcp://a:1",
        "--bind=tcp://b:2",
        "--stdin",
        "--report",
        "--keep",
        "5",
    ];
    assert_eq!(whole, expected, "what was typed replaces what the file says");
    let matches = command().get_matches_from(&whole[1..]);
    assert_eq!(matches.get_one::<u64>("keep"), Some(&5));
    assert!(
        good("[relay]\nstdin = false\nreport = false")
            .relay
            .iter()
            .all(|s| s.arguments().is_empty())
    );
}

#[test]
fn invalid_options_are_reported_with_their_positions() {
    for (text, expected) in [
        ("keep = 0", ":3:8: relay.keep: \"0\": must be at least 1"),
        ("keep = ['1']", ":3:8: relay.keep: must be a string or a number"),
        ("stdin = 'yes'", ":3:9: relay.stdin: must be true or false"),
        ("on-full = 'wait'", ":3:11: relay.on-full: \"wait\": must be one of block, drop"),
        ("kep = 1", ":3:1: unknown key relay.kep\n  Did you mean keep?"),
        ("config = 'a'", "It is an option of the command line only: --config."),
        ("file = 'a.log'", "Handlers have tables of their own: [handlers.NAME]."),
    ] {
        let error = refusal(&format!("[relay]\n{text}\n"));
        assert!(error.contains(expected), "{expected}\n--- is not in\n{error}");
    }
}

#[test]
fn options_that_differ_between_two_files_are_named() {
    let one = good("[relay]\nkeep = 3\nstdin = true\n");
    assert!(one.differing_options(&good("[relay]\nstdin = true\nkeep = 3\n")).is_empty());
    assert_eq!(one.differing_options(&good("[relay]\nkeep = 4\n")), ["keep", "stdin"]);
}

#[test]
fn options_on_the_command_line_replace_conflicting_settings() {
    let config = Config::parse(
        Path::new("a"),
        "version = 1\n[relay]\nask = 'tcp://127.0.0.1:5'\nverbose = true\nhwm = 5",
        &relay_parser(),
        &Overrides::default(),
    );
    let line = ["zlog", "relay", "--no-ask", "-q"].map(OsString::from);
    let matches = relay_parser().get_matches_from(&line[1..]);
    let whole = prepend_settings(&config.unwrap().relay, &relay_parser(), &line, &matches);
    assert_eq!(whole, ["zlog", "relay", "--hwm=5", "--no-ask", "-q"].map(OsString::from));
}

#[test]
fn listening_beyond_loopback_is_an_error_unless_it_is_allowed() {
    let text = "version = 1\n[relay]\nlisten = ['9020', '0.0.0.0:9021']\nlisten-udp = '*:9022'\n";
    let parse = |text: &str, typed: Overrides| {
        Config::parse(Path::new("a"), text, &relay_parser(), &typed)
            .map_err(|error| error.to_string())
    };
    let refused = parse(text, Overrides::default()).unwrap_err();
    for says in ["a:3:19: relay.listen: listening on 0.0.0.0:9021", "a:4:14: relay.listen-udp: "] {
        assert!(refused.contains(says), "{refused}");
    }
    assert!(
        refused.contains("127.0.0.1:9021, or add --allow-remote (in a file: allow-remote = true")
    );
    let udp = parse(text, Overrides { listen: true, ..Overrides::default() }).unwrap_err();
    assert!(udp.starts_with("a:4:14: relay.listen-udp: listening on *:9022"), "{udp}");
    let otlp = "version = 1\n[relay]\notlp-listen = '*:4318'\n";
    let refused = parse(otlp, Overrides::default()).unwrap_err();
    assert!(refused.starts_with("a:3:15: relay.otlp-listen: listening on *:4318"), "{refused}");
    assert!(parse(otlp, Overrides { otlp_listen: true, ..Overrides::default() }).is_ok());
    assert!(parse(text, Overrides { allow_remote: true, ..Overrides::default() }).is_ok());
    assert!(parse(&format!("{text}allow-remote = true\n"), Overrides::default()).is_ok());
}

#[test]
fn options_that_cannot_be_combined_are_reported_at_their_table() {
    let parse =
        |text: &str| Config::parse(Path::new("a"), text, &relay_parser(), &Overrides::default());
    let error = parse("version = 1\n[relay]\nkeep-bytes = '1M'\n").unwrap_err().to_string();
    assert!(error.starts_with("a:2:2: relay: ") && error.contains("--keep"), "{error}");
    let error =
        parse("version = 1\n[relay]\nbind = 'x'\nlisten = 'a b'\n").unwrap_err().to_string();
    assert!(
        error.contains("a:3:8: relay.bind: ") && error.contains("a:4:10: relay.listen"),
        "{error}"
    );
}

//! The command line as a whole: help, version, wrong usage.

use crate::harness::zlog;

#[test]
fn the_version_names_libzmq_and_curve() {
    let version = zlog(["--version"]).run().success();
    let out = version.out();
    assert!(out.starts_with(&format!("zlog {}", env!("CARGO_PKG_VERSION"))), "{out}");
    assert!(out.contains("libzmq 4.3.5 with CURVE"), "{out}");
}

#[test]
fn help_shows_the_commands_with_examples_and_exit_codes() {
    let help = zlog(["--help"]).run().success().out();
    for command in ["emit", "tail", "demo"] {
        assert!(help.contains(command), "{command} in {help}");
        let own = zlog([command, "--help"]).run().success().out();
        assert!(own.contains("Examples:") && own.contains("Exit codes:"), "{own}");
        assert!(!own.contains('\x1b'), "no colours in a pipe: {own:?}");
    }
}

#[test]
fn help_fits_80_columns_in_a_pipe() {
    let whole = zlog::cli::command();
    let shown = |command: &clap::Command| !command.is_hide_set() && command.get_name() != "help";
    let mut commands = vec![vec![], vec!["help".to_owned(), "handlers".to_owned()]];
    for command in whole.get_subcommands().filter(|command| shown(command)) {
        let name = command.get_name().to_owned();
        let below = command.get_subcommands().filter(|command| shown(command));
        commands.extend(below.map(|below| vec![name.clone(), below.get_name().to_owned()]));
        commands.push(vec![name]);
    }
    for words in commands {
        for option in ["-h", "--help"] {
            let help = zlog(words.iter().map(String::as_str).chain([option])).run().success().out();
            let long = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "{words:?} {option}");
        }
    }
}

#[test]
fn an_option_without_its_value_names_the_default() {
    for (command, option, default) in [
        ("tail", "--syslog", "unix:/dev/log"),
        ("tail", "--otlp", "http://127.0.0.1:4318"),
        ("tail", "--smtp", "smtp://127.0.0.1:25"),
        ("emit", "--nats", "nats://127.0.0.1:4222"),
        ("relay", "--listen", "9020"),
        ("emit", "--listen-udp", "9021"),
        ("relay", "--otlp-listen", "4318"),
    ] {
        let says = format!("for the default, write: {option} {default}");
        zlog([command, option]).run().code(2).stderr_has(&says);
    }
    zlog(["tail", "--file"]).run().code(2).stderr_lacks("for the default");
}

#[test]
fn the_help_on_relay_toml_is_a_configuration() {
    let help = zlog(["help", "relay.toml"]).run().success().out();
    assert_eq!(help.trim(), include_str!("../examples/relay.toml").trim());
}

#[test]
fn wrong_usage_exits_with_2_and_suggests_what_was_meant() {
    zlog(["tial"]).run().code(2).stderr_has("tail");
    zlog(["tail", "--levle", "error"]).run().code(2).stderr_has("--level");
    zlog([""; 0]).run().code(2).stderr_has("Usage");
}

#[test]
fn a_misspelt_level_is_refused_and_the_nearest_name_is_suggested() {
    let says = "not a level: did you mean error? Write debug, info, warning, error, critical";
    for args in [
        &["tail", "--level", "eror"][..],
        &["emit", "--level", "eror"],
        &["tail", "--file", "never.log,level=eror"],
    ] {
        zlog(args).run().code(2).stderr_has(says).stderr_has("level");
    }
    // Lines of other programs are read leniently.
    let tail = ["tail", "--input", "-", "-o", "json"];
    let json = zlog(tail).stdin("t=now lvl=eror msg=\"no disk\"\n").run().success().out();
    assert!(json.contains(r#""levelno":40"#), "{json}");
}

#[test]
fn a_plain_word_after_emit_gets_a_suggestion() {
    let finished = zlog(["emit", "--root", "backup", "./backup.sh", "--all"]).run().code(2);
    finished.stderr_has("zlog emit -- ./backup.sh").stderr_has("--file ./backup.sh");
    for endpoint in ["@prod", "tcp://127.0.0.1:5"] {
        let run = zlog(["emit", endpoint]).run().code(2);
        run.stderr_has(&format!("zlog emit --connect {endpoint}"));
    }
}

/// With another source, `--follow` would hold up a command until somebody subscribes.
#[test]
fn options_of_one_source_are_refused_with_another_source() {
    let options: [(&str, &[&str], &[&str]); 5] = [
        ("file", &["--file", "x"], &["--follow"]),
        ("file", &[], &["--position", "p"]),
        ("test", &["--test", "1"], &["--seed", "7"]),
        ("replay", &["--replay", "x"], &["--speed", "2x"]),
        ("command", &["--", "true"], &["--stderr-level", "info"]),
    ];
    for (own, _, option) in options {
        for (source, args, _) in options {
            if source != own && !args.is_empty() {
                let emit = zlog(["emit", "-b", "tcp://127.0.0.1:*", "--wait", "0"]);
                let refused = emit.args(option).args(args).run().code(2);
                refused.stderr_has("cannot be used with").stderr_has(option[0]);
            }
        }
    }
}

#[test]
fn options_of_an_explanation_are_refused_with_the_name_of_a_format() {
    for option in [&["--json"][..], &["--format-in", "klog"]] {
        zlog(["formats", "klog"]).args(option).run().code(2).stderr_has("cannot be used with");
        zlog(["formats"]).args(option).run().code(2).stderr_has("--explain");
    }
}

#[test]
fn help_is_on_exactly_the_command_that_is_named() {
    for (topics, usage) in [
        (&["tail"][..], "Usage: zlog tail"),
        (&["bench", "pipeline"], "Usage: zlog bench pipeline"),
        (&["pipeline"], "Usage: zlog bench pipeline"),
        (&[], "Usage: zlog <COMMAND>"),
    ] {
        let out = zlog(["help"]).args(topics).run().success().out();
        assert!(out.contains(usage), "{topics:?}: {out}");
    }
    for (topics, error) in [
        (["tail", "emit"], "error: `zlog tail` has no command `emit`"),
        (["handlers", "tail"], "error: `zlog` has no command `handlers`"),
        (["pipeline", "handlers"], "error: `zlog bench pipeline` has no command `handlers`"),
    ] {
        zlog(["help"]).args(topics).run().code(2).stderr_has(error).stderr_lacks("x1b");
    }
}

#[test]
fn a_limit_or_interval_of_zero_is_refused_and_the_error_says_what_to_write() {
    for args in [
        ["relay", "--report", "0"],
        ["relay", "--report", "0ms"],
        ["tail", "--stats", "0"],
        ["tail", "--timeout", "0"],
        ["tail", "--reorder", "0s"],
        ["emit", "--duration", "0"],
        ["bench", "--duration", "0"],
    ] {
        let refused = zlog(args).run().code(2).stderr_has("must be more than zero: write it as");
        refused.stderr_has(&format!("'{}", args[1]));
    }
    zlog(["relay", "--max-clients", "0"]).run().code(2).stderr_has("must be at least 1");
    zlog(["emit", "--max-clients", "0"]).run().code(2).stderr_has("must be at least 1");
}

#[test]
fn endless_durations_and_extremely_slow_rates_are_accepted() {
    let long = "18446744073709551615s";
    let emit = ["emit", "-b", "tcp://127.0.0.1:*", "--wait", "0", "--test", "2", "-n", "1"];
    let lengths = ["--duration", long, "--linger", long, "--rate", "1e-300"];
    zlog(emit).args(lengths).run().success().stderr_has("1 record");
    let tail = zlog(["tail", "-o", "text", "--input", "-", "--timeout", long, "--reorder", long]);
    tail.stdin("x\n").run().success().stdout("x\n");
}

#[test]
#[cfg(target_os = "linux")]
fn help_and_version_fail_if_the_disk_is_full() {
    for args in ["--help", "--version", "tail --help"] {
        let script = format!("'{}' {args} > /dev/full", env!("CARGO_BIN_EXE_zlog"));
        let mut command = std::process::Command::new("bash");
        command.args(["-c", &script]);
        let input = crate::harness::Input::Empty;
        let finished = crate::harness::Running::start(command, input).wait();
        finished.code(1).stderr_has("standard output: no space left on device");
    }
}

#[test]
fn help_into_a_closed_pipe_succeeds_quietly() {
    let script =
        format!("'{}' tail --help | true; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_zlog"));
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    let finished = crate::harness::Running::start(command, crate::harness::Input::Empty).wait();
    finished.success().stderr_lacks("panicked");
}

#[test]
fn a_url_or_endpoint_that_is_wrong_is_told_with_its_cause_and_a_right_one() {
    for (args, says) in [
        (
            ["tail", "-c", "zmq://a:1"],
            "can't connect to \"zmq://a:1\": unknown transport \"zmq\"\n  This build has tcp, ipc",
        ),
        (["tail", "-c", "http://a"], "unknown transport \"http\"\n  This build has tcp"),
        (["relay", "-b", "tcp://lo"], "the port is missing\n  Did you mean tcp://lo:12345?"),
        (["tail", "-c", "tcp://a:"], "the port is missing\n  Did you mean tcp://a:12345?"),
        (
            ["tail", "-c", "tcp://a:1/b"],
            "\"1/b\" is not a port\n  A port is a number from 1 to 65535",
        ),
        (["tail", "-c", "tcp://:1"], "the host is missing\n  Did you mean tcp://127.0.0.1:1?"),
        (
            ["tail", "--otlp", "ftp://a"],
            "it does not begin with http://, https://, grpc:// or grpcs://",
        ),
        (
            ["tail", "--otlp", "a:4318"],
            "\n  Write it as http://HOST:4318, as https://HOST/v1/logs, or as",
        ),
        (["tail", "--otlp", "grpc://a/v1"], "is not the URL of a collector: gRPC has no path"),
        (
            ["tail", "--nats", "http://a"],
            "it does not begin with nats:// or tls://\n  Write it as nats",
        ),
        (["tail", "--nats", "nats://a/b"], "unexpected text after host and port"),
        (["tail", "--nats", "nats://a:x"], "is not the URL of a NATS server: invalid port number"),
        (
            ["tail", "--syslog", "http://a"],
            "it does not begin with unix:, udp://, tcp:// or tls://",
        ),
        (
            ["tail", "--syslog", "udp://a/b"],
            "unexpected text beside host and port\n  Write it as unix:",
        ),
        (
            ["tail", "--smtp", "http://a,to=b@c"],
            "it does not begin with smtp:// or smtps://\n  Write",
        ),
        (
            ["tail", "--smtp", "smtp://a/b,to=b@c"],
            "unexpected text after host and port\n  Write it as",
        ),
    ] {
        let said = zlog(args).run().code(2).err();
        assert!(said.contains(says) && said.contains(args[2].split(',').next().unwrap()), "{said}");
    }
}

#[test]
fn no_login_that_was_typed_is_shown() {
    for args in [
        &["tail", "nats://me:s3cret@a"][..],
        &["tail", "nats://me:s3cret@a", "--input", "x"],
        &["tail", "nats://me:s3cret@a", "tcp://127.0.0.1:1"],
        &["tail", "--from-nats", "me:s3cret@a:4222"],
        &["tail", "--from-nats", "nats://b,me:s3cret@a"],
        &["top", "--once", "nats://me:s3cret@a"],
        &["emit", "-m", "x", "--nats", "s3cret@a"],
        &["tail", "--otlp", "http://me:s3cret@a"],
        &["tail", "--syslog", "tcp://me:s3cret@a"],
        &["tail", "--smtp", "smtp://me:s3cret@a:x,to=b@c"],
    ] {
        zlog(args).run().code(2).stderr_lacks("s3cret").stderr_has("…@a");
    }
    // Nobody typed the option.
    let refused = zlog(["tail", "nats://me:s3cret@a"]).run().code(2);
    refused.stderr_lacks("--from-nats").stderr_has("zlog tail: nats://…@a contains a login");
}

#[test]
fn errors_name_the_next_step_and_suggest_nothing_far_fetched() {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("app.log");
    std::fs::write(&record, "{\"msg\":\"a\",\"created\":1700000000}\n").unwrap();
    let empty = directory.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let (record, empty) = (record.to_str().unwrap(), empty.to_str().unwrap());
    let none = "nothing of the kind";
    for (args, code, has, lacks) in [
        (&["tail", "--sort", record][..], 2, "zlog tail --input FILE", none),
        (&["emit", "--tst"], 2, "'--test'", "as a value"),
        (&["tail", "--replay"], 2, "tip: to print stored records: zlog tail --input FILE", none),
        (&["emit", "--topic", "shop"], 2, "tip: topics are ROOT.LEVEL.SUBTOPIC: --root", none),
        (&["emit", "--input", record], 2, "zlog emit --replay FILE", "as a value"),
        (&["tail", "--spool", "x"], 2, "`--spool` is an option of `zlog emit`, `zlog relay`", none),
        (&["tail", "--mail"], 2, "unexpected argument '--mail'", "--all"),
        (&["help", "nosuch"], 2, "possible values: emit, tail", "similar value"),
        (&["help", "tial"], 2, "'tail'", none),
        (&["formats", "nosuch"], 2, "`zlog formats` lists all of them", "There are"),
        (&["formats", "klogg"], 2, "Did you mean klog?", none),
        (&["emit", "-b", "tcp://127.0.0.1:*", "--", "/nonexistent"], 127, "Check the path", "PATH"),
        (&["emit", "-b", "tcp://127.0.0.1:*", "--", "no such"], 127, "sh -c", "PATH"),
        (
            &["emit", "-b", "tcp://127.0.0.1:*", "--wait", "0s", "-m", "x"],
            0,
            "publishing anyway, as --wait 0s says. Start `zlog tail` first",
            "wait longer",
        ),
        (&["tail", "--where", "level>=banana"], 2, "use debug, info, warning, error", none),
        (&["tail", "--where", "time>=08:00", "--input", record], 0, "Did you mean created?", none),
        (&["tail", "--count-by", "level", "--input", empty], 0, "no records to count", none),
        (&["formats", "--explain", empty], 0, "no lines to explain", none),
    ] {
        let finished = zlog(args).run().code(code).stderr_has(has).stderr_lacks(lacks);
        assert_eq!(finished.out(), "", "{args:?}");
    }
}

#[test]
fn the_listing_of_the_configuration_has_no_trailing_blanks() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    std::fs::write(&config, "[tail]\nutc = true\n[emit]\ntee = false\n").unwrap();
    let listing = zlog(["config"]).env("ZLOG_CONFIG", config.to_str().unwrap()).run().success();
    let listing = listing.out();
    assert!(listing.contains("zlog emit\n") && listing.contains("zlog tail  --utc\n"), "{listing}");
}

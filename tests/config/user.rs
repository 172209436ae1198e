//! The user's own file: defaults and named endpoints.

use std::path::Path;

use serde_json::json;

use crate::harness::{ANY_PORT, Publisher, Zlog, emit, published, zlog};

/// `zlog` with these arguments and a file with this text.
fn with_file(directory: &Path, text: &str, args: &[&str]) -> Zlog {
    let file = directory.join("config.toml");
    std::fs::write(&file, text).unwrap();
    zlog(args).env("ZLOG_CONFIG", file.to_str().unwrap())
}

/// The output of a tail of one stored record under these defaults.
#[track_caller]
fn shown(text: &str, args: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let args = [&["tail", "--input", "-"], args].concat();
    let record =
        json!({"topic": "app.INFO", "user": "bo", "msg": "up", "levelno": 20, "created": 1.5});
    with_file(directory.path(), text, &args).stdin(record.to_string()).run().success().out()
}

#[test]
fn defaults_apply_unless_the_command_line_says_otherwise() {
    let cases: [(&str, &[&str], &str); 12] = [
        ("", &[], "1970-01-01 00:00:01.500  INFO     app  up  user=bo\n"),
        ("[tail]\nhide = ['extras', 'time']", &[], "INFO     app  up\n"),
        ("[tail]\nhide = 'extras'", &["--hide", "time"], "INFO     app  up  user=bo\n"),
        ("[tail]\noutput = 'text'", &[], "up\n"),
        (
            "[tail]\noutput = 'text'",
            &["-o", "logfmt", "--hide", "x"],
            "ts=1970-01-01T00:00:01.500000Z level=info topic=app.INFO msg=up user=bo\n",
        ),
        // An option that conflicts with the default.
        ("[tail]\noutput = 'logfmt'", &["--format", "{message}"], "up\n"),
        // A default whose requirement is missing.
        ("[tail]\nmsec-format = '%s.%03d'\noutput = 'text'", &[], "up\n"),
        ("[tail]\nno-align = true\ntime-format = '%H'", &[], "00  INFO  app  up  user=bo\n"),
        // Flags that are switched off.
        (
            "[tail]\nno-align = true\ntime-format = '%H'\nstats = true",
            &["--no-align=false", "--stats=false"],
            "00  INFO     app  up  user=bo\n",
        ),
        ("[tail]\nverbose = true\noutput = 'text'", &["--verbose=false", "--quiet=true"], "up\n"),
        ("[tail]\nno-align = true\noutput = 'text'", &["--timestamp=false"], "up\n"),
        // The defaults of another command.
        ("[emit]\nroot = 'shop'\n[tail]\noutput = 'text'", &[], "up\n"),
    ];
    for (text, args, expected) in cases {
        assert_eq!(shown(text, args), expected, "{text} {args:?}");
    }
}

#[test]
fn emit_has_defaults_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, "[emit]\nroot = 'shop'\nstderr-level = 'error'\n").unwrap();
    let emit = emit(["-m", "hello"]).env("ZLOG_CONFIG", file.to_str().unwrap());
    assert_eq!(published(emit).0[0].topic, "shop.INFO");
}

#[test]
fn a_default_endpoint_may_say_whether_to_bind_or_to_connect() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[emit]\nendpoint = 'bind:tcp://127.0.0.1:*'\n\
                [tail]\nendpoint = 'connect:tcp://127.0.0.1:1'\n";
    let args = ["emit", "--wait", "0s", "-m", "x"];
    with_file(directory.path(), text, &args).run().success().stderr_has("bound tcp://127.0.0.1:");
    let tail = ["tail", "--timeout", "1ms"];
    with_file(directory.path(), text, &tail).run().success();
}

#[test]
fn a_name_stands_for_its_endpoints() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (Publisher::bind(), Publisher::bind());
    let text = format!("[endpoints]\nprod = ['{}', 'connect:{}']\n", one.endpoint, two.endpoint);
    for args in [&["@prod"][..], &["-c", "@prod"], &["--endpoint", "@prod"]] {
        let args = [&["tail", "-o", "text", "-n", "2"], args].concat();
        let tail = with_file(directory.path(), &text, &args).start();
        for publisher in [&one, &two] {
            publisher.wait_for_subscription();
            publisher.send(["app.INFO", "hello"]);
        }
        tail.wait().success().stdout("hello\nhello\n");
    }
}

#[test]
fn a_name_says_whether_to_bind_or_to_connect() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[endpoints]\nhere = 'bind:tcp://127.0.0.1:*'\n";
    let mut tail = with_file(directory.path(), text, &["tail", "@here", "-o", "text"]).start();
    let endpoint = tail.endpoint();
    let text = format!("[endpoints]\ncollector = 'connect:{endpoint}'\n");
    let args = ["emit", "--wait", "60s", "-m", "hello"];
    let emit = with_file(directory.path(), &text, &args).env("ZLOG_ENDPOINT", "@collector");
    emit.run().success();
    tail.expect_stdout("hello");
    tail.terminate();
    tail.wait().code(143);
    let wrong = with_file(directory.path(), &text, &["tail", "--bind", "@collector"]).run();
    wrong.code(2).stderr_has("--connect @collector");
}

#[test]
fn an_unknown_name_is_wrong_usage_that_suggests_one() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[endpoints]\nprod = 'tcp://127.0.0.1:1'\n";
    let tail = with_file(directory.path(), text, &["tail", "@prdo"]).run().code(2);
    tail.stderr_has("no endpoint is called @prdo").stderr_has("Did you mean prod?");
    let relay = ["relay", "--check", "--connect", "@prdo"];
    with_file(directory.path(), text, &relay).run().code(2);
    zlog(["tail", "@prod"]).run().code(2).stderr_has("no endpoint is called @prod");
}

#[test]
fn emit_runs_its_job_without_an_endpoint_whose_name_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[endpoints]\nprod = 'tcp://127.0.0.1:1'\n";
    let emit = |args: &[&str]| {
        let args = [&["emit", "-c", "@prdo"], args].concat();
        with_file(directory.path(), text, &args)
    };
    let says = "no endpoint is called @prdo\n  Did you mean prod?";
    emit(&["-m", "x"]).run().code(2).stderr_has(says);
    emit(&["--strict", "--", "true"]).run().code(2).stderr_has(says);
    emit(&["--", "sh", "-c", "exit 7"]).run().code(7).stderr_has(says);
    emit(&[]).stdin("x\n").run().code(1).stderr_has(says).stderr_has("1 record not published");
}

#[test]
fn every_error_of_the_file_names_line_column_key_and_cause() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[tail]\nlevel = \"loud\"\ncolour = \"always\"\nutc = 3\n\n\
                [endpoints]\nprod = \"tcp//x\"\nhere = 'connect:tcp://127.0.0.1:99999'\n\
                [relay]\nkeep = 3\n[emit]\nconnect = \"@prdo\"\n";
    let run = with_file(directory.path(), text, &["tail", "--timeout", "1ms"]).run().code(2);
    for expected in [
        "has 7 errors:",
        "config.toml:2:9: tail.level: \"loud\": ",
        "config.toml:3:1: unknown key tail.colour\n  Did you mean color?",
        "config.toml:4:7: tail.utc: must be true or false",
        "config.toml:7:8: endpoints.prod: \"tcp//x\": ",
        "config.toml:8:8: endpoints.here: ",
        "config.toml:9:2: unknown key relay\n  A relay has a file of its own",
        "config.toml:12:11: emit.connect: no endpoint is called @prdo\n  Did you mean prod?",
    ] {
        assert!(run.err().contains(expected), "{expected}\n{}", run.err());
    }
    let conflict = "[tail]\noutput = 'text'\nformat = '{message}'\n";
    let run = with_file(directory.path(), conflict, &["tail"]).run().code(2);
    run.stderr_has("config.toml:1:2: tail: ");
}

#[test]
fn a_wrong_file_does_not_keep_the_job_of_emit_from_running() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = "[emit]\nlevel = 'loud'\n";
    let ran = directory.path().join("ran");
    let script = format!("echo done > {}; exit 7", ran.display());
    let args = ["emit", "--wait", "0s", "--bind", ANY_PORT, "--", "sh", "-c", &script];
    let run = with_file(directory.path(), wrong, &args).run().code(7);
    run.stderr_has("config.toml:2:9: emit.level: \"loud\": ").stderr_has("without the file");
    assert!(ran.exists());
}

#[test]
fn config_shows_what_is_in_effect() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[tail]\nhide = ['extras']\nutc = true\n[endpoints]\nprod = 'tcp://127.0.0.1:1'\n";
    let shown = with_file(directory.path(), text, &["config"]).run().success().out();
    let path = directory.path().join("config.toml");
    let expected = format!(
        "file       {}\nzlog tail  --utc --hide=extras\n@prod      tcp://127.0.0.1:1\n",
        path.display()
    );
    assert_eq!(shown, expected);
    let path = with_file(directory.path(), text, &["config", "--path"]).run().success();
    assert_eq!(path.out().trim(), directory.path().join("config.toml").to_str().unwrap());
    let nothing = with_file(directory.path(), "# tail\n\n", &["config"]).run().success().out();
    assert!(nothing.ends_with("config.toml (sets nothing)\n"), "{nothing}");
    with_file(directory.path(), "x = 1", &["config"]).run().code(2).stderr_has("config.toml:1:1");
    // Help and the version do not depend on it.
    with_file(directory.path(), "x = 1", &["tail", "--help"]).run().success();
    with_file(directory.path(), "x = 1", &["--version"]).run().success();
}

#[test]
fn config_makes_a_file_that_is_valid_with_and_without_its_comments() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let run = |args: &[&str]| {
        let zlog = zlog(args).env("XDG_CONFIG_HOME", home.to_str().unwrap());
        zlog.without_env("ZLOG_CONFIG").run()
    };
    run(&["config"]).success().stderr_has("--init");
    run(&["config", "--init"]).success();
    run(&["config", "--init"]).code(1).stderr_has("exists already");
    assert!(run(&["config"]).success().out().contains("home/zlog/config.toml\n"));
    let file = home.join("zlog/config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let uncommented = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.contains(" = ") => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = text.lines().map(uncommented).collect();
    std::fs::write(&file, text.join("\n")).unwrap();
    let out = run(&["config"]).success().out();
    for part in ["--time-format=full", "zlog emit  --root=myprogram", "@cluster"] {
        assert!(out.contains(part), "{part}: {out}");
    }
}

#[test]
fn a_pipe_in_place_of_the_file_keeps_no_command_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let tail = zlog(["tail", "--timeout", "1ms"]).env("ZLOG_CONFIG", pipe.to_str().unwrap());
    tail.run().code(1).stderr_has("is not a regular file");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_a_link_to_nowhere_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("zlog")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.path().join("zlog/config.toml")).unwrap();
    let tail = zlog(["tail", "--timeout", "1ms"]).without_env("ZLOG_CONFIG");
    let tail = tail.env("XDG_CONFIG_HOME", directory.path().to_str().unwrap()).run().code(1);
    tail.stderr_has("config.toml: can't read the configuration: no such file");
}

//! `--check`, and a file with errors at the start.

use std::path::Path;

use crate::harness::zlog;

/// The annotated example of the repository.
fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/relay.toml");
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_annotated_example_is_valid() {
    let checked = zlog(["relay", "--config", &example(), "--check"]).run().success();
    let out = checked.out();
    assert!(out.ends_with("relay.toml: nothing is wrong; 10 handlers, 3 routes\n"), "{out}");
    assert_eq!(checked.err(), "");
}

#[test]
fn all_errors_of_a_file_are_reported_and_nothing_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let log = directory.path().join("app.log");
    let text = format!(
        "version = 1\n[handlers.app]\nclass = \"file\"\npath = {log:?}\n\
         [handlers.mail]\nclass = \"smtp\"\nlevle = \"INFO\"\n[root]\nhandlers = [\"ap\"]\n",
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    for more in [&["--check"][..], &[]] {
        let refused = zlog(["relay", "--config", file]).args(more).run().code(2);
        for expected in [
            &format!(
                "zlog relay: {file} has 3 errors:\n{file}:5:11: handlers.mail: to is missing\n"
            ),
            &format!(
                "{file}:7:1: unknown key handlers.mail.levle\n  Did you mean level?\n{file}:9:13: "
            ),
        ] {
            assert!(refused.err().contains(expected), "{expected}\n{}", refused.err());
        }
        assert!(refused.err().ends_with("\n  `zlog man relay.toml` describes the keys.\n"));
        assert!(!log.exists());
    }
}

#[test]
fn errors_of_a_configuration_have_a_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let path = file.to_str().unwrap();
    for (text, hint) in [
        ("version = 2\n", "\n  Write version = 1, or use the zlog that"),
        ("version = 1\n[handlers.a]\nclass = 'file'\npath = ''\n", "\n  Name a file: path = "),
        ("version = 1\n[relay]\nroot = 'a'\n", "\n  `zlog relay --help` describes the options"),
        ("version = 1\n[relay]\nlisten = 'no-such-host.invalid'\n", "\n  Check its spelling, or"),
    ] {
        std::fs::write(&file, text).unwrap();
        let refused = zlog(["relay", "--config", path]).run();
        assert!(refused.err().contains(hint), "{hint}\n{}", refused.err());
    }
    let here = zlog(["relay", "--config", "no-such-file", "--check"]).run().code(1);
    here.stderr_has("\n  It was looked for in /").stderr_has(" `zlog man relay.toml` describes");
    let directory = directory.path().to_str().unwrap();
    let directory = zlog(["relay", "--config", directory, "--check"]).run().code(1);
    directory.stderr_has("is a directory\n  Name a file in that directory.");
}

#[test]
fn check_opens_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let log = directory.path().join("log/app.log");
    let text = format!("version = 1\n[handlers.app]\nclass = \"file\"\npath = {log:?}\n");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let checked = zlog(["relay", "--config", file, "--check"]).run().success();
    checked.stdout(format!("{file}: nothing is wrong; 1 handler, 0 routes\n"));
    assert!(!log.parent().unwrap().exists());
}

#[test]
fn the_command_line_is_checked_with_the_file() {
    let example = example();
    let check = ["relay", "--config", &example, "--check"];
    zlog(check).args(["-q", "--keep", "5", "--file", "more.log,level=error"]).run().success();
    let twice = zlog(check).args(["--file", "log/app.log"]).run().code(2);
    twice.stderr_has("would both write to");
    let circle = zlog(check).args(["--publish-bind", "tcp://127.0.0.1:12344"]).run().code(2);
    circle.stderr_has("publish on the same endpoint");
    zlog(check).args(["--listen", "0.0.0.0:9020"]).run().code(2).stderr_has("--allow-remote");
    zlog(["relay", "--check"]).run().code(2).stderr_has("--config");
    let missing = zlog(["relay", "--config", "/no/such/file", "--check"]).run().code(1);
    missing
        .stderr_has("/no/such/file: can't read the configuration: no such file")
        .stderr_has("\n  `zlog man relay.toml` describes the keys.");
}

/// The time must not be quadratic in the number of handlers, routes and formatters: the
/// deadline would pass.
#[test]
fn ten_thousand_handlers_routes_and_formatters_are_checked() {
    const MANY: usize = 10_000;
    const WRONG: usize = 5_000;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let path = file.to_str().unwrap();
    let write = |count, formatter: &str, handler: &str| {
        let mut text = "version = 1\n".to_owned();
        for number in 0..count {
            text += &format!(
                "[formatters.f{number}]\nformat = '%(message)s'\n\
                 [handlers.h{number}]\nclass = 'file'\npath = 'no/such/{number}.log'\n\
                 formatter = '{formatter}{number}'\n\
                 [loggers.l{number}]\nhandlers = ['{handler}{number}']\n"
            );
        }
        std::fs::write(&file, text).unwrap();
    };
    let check = || zlog(["relay", "--config", path, "--check"]).run();
    write(MANY, "f", "h");
    let all = zlog_core::text::plural::grouped(MANY as u64);
    let whole = format!("{path}: nothing is wrong; {all} handlers, {all} routes\n");
    check().success().stdout(whole);

    // Every handler and every route has an error.
    write(WRONG, "x", "x");
    let refused = check().code(2).err();
    assert!(
        refused.starts_with(&format!("zlog relay: {path} has {} errors:\n", 2 * WRONG)),
        "{refused}"
    );
    assert!(refused.contains(":7:13: handlers.h0.formatter: unknown formatter"), "{refused}");

    // No route names a handler: a warning for each.
    write(MANY, "f", "h");
    let text = std::fs::read_to_string(&file).unwrap().replace("handlers = ['h", "# ['h");
    std::fs::write(&file, text).unwrap();
    let noted = check().success().err();
    assert_eq!(noted.lines().filter(|line| line.contains("gets no records")).count(), MANY);
}

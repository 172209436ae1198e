use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::*;
use zlog_core::format::Style;
use zlog_core::record::Level;
use zlog_core::text::parsers;
use zlog_pipeline::handler::file::Sync;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::{CLASSES, Class, Key};
use zlog_pipeline::router::{FileTarget, Match, QueueSpec, Target, TimedTarget};

/// Texts and handlers of every sort.
mod generated;

/// A parser with options of each sort that `zlog relay` has.
fn command() -> Command {
    Command::new("relay")
        .arg(Arg::new("bind").long("bind").short('b').action(ArgAction::Append))
        .arg(Arg::new("keep").long("keep").value_parser(parsers::at_least_one::<u64>))
        .arg(Arg::new("keep_bytes").long("keep-bytes").requires("keep").value_parser(parsers::size))
        .arg(Arg::new("stdin").long("stdin").action(ArgAction::SetTrue))
        .arg(Arg::new("on_full").long("on-full").value_parser(["block", "drop"]))
        .arg(Arg::new("report").long("report").num_args(0..=1).require_equals(true))
        .arg(Arg::new("config").long("config"))
}

fn parse(text: &str) -> Result<Config> {
    Config::parse(
        Path::new("relay.toml"),
        &format!("version = 1\n{text}"),
        &command(),
        &Overrides::default(),
    )
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The only handler.
fn handler(text: &str) -> HandlerSpec {
    good(&format!("[handlers.a]\n{text}")).spec.handlers.remove(0)
}

#[test]
fn the_shape_is_that_of_dict_config() {
    let config = good(
        r#"
        [formatters.short]
        format = "{levelname:.1} {message}"
        style = "{"
        extra = ["ip"]
        defaults = { user = "nobody" }

        [handlers.errors]
        class = "file"
        path = "errors.log"
        level = "ERROR"
        formatter = "short"
        sync = true

        [handlers.all]
        class = "rotating"
        path = "all.log"
        max-bytes = 1_000
        backups = 2
        formatter = "basic"
        queue = 5

        [root]
        level = "WARNING"
        handlers = ["errors"]

        [loggers."app.db"]
        level = "debug"
        handlers = "all"
        propagate = false

        [topics."web.ERROR"]
        handlers = ["errors", "all"]
        "#,
    );
    let [errors, all] = config.spec.handlers.as_slice() else { panic!("{config:?}") };
    assert_eq!(
        errors.target,
        Target::File(FileTarget { path: "errors.log".into(), sync: Sync::Data })
    );
    assert_eq!((errors.level, errors.queue), (Some(Level::ERROR), None));
    assert_eq!(errors.formatter.style, Style::Brace);
    let extras = [("ip".to_owned(), None), ("user".to_owned(), Some("nobody".to_owned()))];
    assert_eq!(errors.formatter.extras, extras);
    assert_eq!(all.formatter.format.as_deref(), Some("basic"));
    assert_eq!(all.queue, Some(QueueSpec { capacity: 5, on_full: OnFull::Drop }));
    let routes: Vec<_> = config.spec.routes.iter().map(|route| route.matches.clone()).collect();
    let topic = Match::Topic("web.ERROR".into());
    assert_eq!(routes, [Match::logger("root"), Match::logger("app.db"), topic]);
    assert_eq!(config.spec.routes[1].level, Some(Level::DEBUG));
    assert!(!config.spec.routes[1].propagate && config.spec.routes[2].propagate);
    assert!(config.notes.is_empty());
}

#[test]
fn handlers_and_routes_keep_the_order_of_the_text() {
    let text = "[handlers.z]\nclass = 'console'\n[handlers.a]\nclass = 'file'\npath = 'a'\n";
    let names: Vec<_> = good(text).spec.handlers.into_iter().map(|h| h.name).collect();
    assert_eq!(names, ["z", "a"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_where_it_stands() {
    let text = refusal(
        "[formatters.f]\nformat = \"%(mesage)s\"\n\n[handlers.errors]\nclass = \"file\"\n\
         filename = \"e.log\"\nlevle = 3\n\n[handlers.big]\nclass = \"RotatingFileHandler\"\n\n\
         [handlers.bad]\nclass = \"file\"\npath = \"b.log\"\nlevel = \"loud\"\ngrep = [\"a\", \"(\"]\n\
         formatter = \"g\"\nformat = 3\n\n[root]\nhandlers = [\"errors\", \"eror\"]\npropagate = true\n",
    );
    let expected = [
        "relay.toml has 11 errors:",
        "relay.toml:3:10: formatters.f.format: format \"%(mesage)s\": unknown field",
        "relay.toml:5:11: handlers.errors: path is missing",
        "relay.toml:7:1: there is no key handlers.errors.filename\n  Did you mean path?",
        "relay.toml:8:1: there is no key handlers.errors.levle\n  Did you mean level?",
        "relay.toml:11:9: handlers.big.class: there is no class \"RotatingFileHandler\"\n  \
         Did you mean rotating?",
        "relay.toml:16:9: handlers.bad.level: \"loud\": not a level",
        "relay.toml:17:14: handlers.bad.grep: \"(\": not a regular expression: unclosed group",
        "relay.toml:18:13: handlers.bad.formatter: there is no formatter \"g\"",
        "relay.toml:19:10: handlers.bad.format: must be a string, and is an integer",
        "relay.toml:22:23: root.handlers: there is no handler \"eror\"\n  Did you mean errors?",
        "relay.toml:23:1: there is no key root.propagate\n  Nothing is above the root logger",
    ];
    for line in expected {
        assert!(text.contains(line), "{line}\n--- is not in\n{text}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_every_place() {
    let text = refusal("a = \nb = 2\nc = [1, \n");
    assert!(text.contains("relay.toml:2:5: ") && text.contains("relay.toml:4:"), "{text}");
    let twice = refusal("[handlers.a]\nclass = 'console'\n[handlers.a]\n");
    assert!(twice.contains("relay.toml:4:"), "{twice}");
}

#[test]
fn the_version_must_be_said() {
    let without = Config::parse(Path::new("a.toml"), "", &command(), &Overrides::default())
        .unwrap_err()
        .to_string();
    assert_eq!(without, "a.toml:1:1: version is missing\n  Begin with: version = 1.");
    let other =
        Config::parse(Path::new("a.toml"), "version = 2", &command(), &Overrides::default())
            .unwrap_err();
    assert_eq!(
        other.to_string(),
        "a.toml:1:11: version: \"2\": this zlog knows version 1 only\n  Write version = 1, or use the zlog \
         that the file was written for."
    );
}

#[test]
fn a_key_of_another_class_is_told_where_it_belongs() {
    let text = refusal("[handlers.a]\nclass = 'file'\npath = 'a'\nmax-bytes = 3\n");
    assert!(text.contains("relay.toml:5:1: there is no key handlers.a.max-bytes"), "{text}");
    assert!(text.contains("Handlers of class rotating have it, not file."), "{text}");
}

#[test]
fn two_handlers_on_one_file_are_told_at_the_second() {
    let text = refusal(
        "[handlers.a]\nclass = 'file'\npath = 'a'\n[handlers.b]\nclass = 'file'\npath = './a'\n",
    );
    assert!(text.starts_with("relay.toml:7:8: handlers a and b would both write to"), "{text}");
}

#[test]
fn two_names_of_the_root_logger_are_one() {
    let text = refusal(
        "[handlers.a]\nclass = 'console'\n[root]\nhandlers = ['a']\n[loggers.root]\nlevel = 10\n",
    );
    assert!(
        text.starts_with("relay.toml:6:10: there are two routes for the root logger"),
        "{text}"
    );
}

#[test]
fn a_handler_that_gets_nothing_is_noted() {
    let text = "[handlers.a]\nclass = 'console'\n[root]\nlevel = 'INFO'\n";
    let notes = good(text).notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("relay.toml:2:11: handler a gets no records"), "{notes:?}");
}

#[test]
fn values_are_what_the_options_read() {
    let mail = handler(
        "class = 'smtp'\nserver = 'smtp://mail'\nto = ['a@b.org', 'B <b@b.org>']\nevery = '1m'\n\
         batch = 7\nspool-bytes = '1M'\nlogin = '/etc/login'\nsubject = '%(levelname)s'\n",
    );
    let Target::Smtp(options) = &mail.target else { panic!("{mail:?}") };
    assert_eq!((options.batch.count, options.batch.time.as_secs()), (7, 60));
    assert_eq!((options.to.len(), options.spool.bytes), (2, 1 << 20));
    assert_eq!(options.subject.format.as_deref(), Some("%(levelname)s"));
    assert!(mail.queue.is_some(), "mail is slow");
    let timed = handler("class = 'timed'\npath = 'a'\nwhen = 'W0'\nat = 03:30:00\nutc = true\n");
    let Target::Timed(TimedTarget { timing, .. }) = timed.target else { panic!("{timed:?}") };
    assert_eq!(timing.at_time, Some(jiff::civil::time(3, 30, 0, 0)));
    assert!(timing.utc && timed.formatter.utc);
    let words = handler("class = 'exec'\ncommand = ['sh', 'b c']\ntimeout = 2.5\nqueue = 0\n");
    let line = handler("class = 'exec'\ncommand = \"sh 'b c'\"\ntimeout = '2500ms'\nqueue = 0\n");
    assert_eq!(words, line);
}

/// Whether what may be nothing is, and what may not be is refused for the same reason,
/// in a file and on the command line.
#[test]
fn limits_of_nothing_are_refused_in_a_file_as_on_the_command_line() {
    const EXEC: &str = "class = 'exec'\ncommand = 'cat'";
    const SMTP: &str = "class = 'smtp'\nto = 'a@b.org'\nserver = 'smtp://h'";
    const SYSLOG: &str = "class = 'syslog'\naddress = 'udp://127.0.0.1'";
    const TIMED: &str = "class = 'timed'\npath = 'a'\nwhen = 'H'";
    let typed = |option: &str, text: String| {
        let mut args = crate::cli::HandlerArgs::default();
        match option {
            "exec" => args.exec = vec![text],
            "smtp" => args.smtp = vec![text],
            "syslog" => args.syslog = vec![text],
            _ => args.file = vec![text],
        }
        args.spec(OnFull::Drop)
    };
    for (option, value, class, keys) in [
        ("exec", "cat", EXEC, &["timeout", "batch", "spool"][..]),
        ("smtp", "smtp://h,to=a@b.org", SMTP, &["timeout", "batch", "spool"]),
        ("syslog", "udp://127.0.0.1", SYSLOG, &["timeout", "spool", "max-message"]),
        ("file", "a,when=H", TIMED, &["interval"]),
        ("file", "a", "class = 'rotating'\npath = 'a'", &["max-bytes"]),
    ] {
        for key in keys {
            let typed = typed(option, format!("{value},{key}=0")).unwrap_err().to_string();
            let (_, why) = typed.split_once(&format!("{key}=0: ")).unwrap();
            let filed = refusal(&format!("[handlers.a]\n{class}\n{key} = 0\n"));
            assert!(filed.ends_with(&format!("handlers.a.{key}: \"0\": {why}")), "{filed}\n{why}");
        }
    }
    for key in ["retry", "retry-max", "spool-bytes"] {
        refusal(&format!("[handlers.a]\n{EXEC}\n{key} = 0\n"));
    }
    // A batch may go at once; and what is unlimited, or not there, is 0.
    for text in [format!("{EXEC}\nevery = 0"), format!("{EXEC}\nqueue = 0")] {
        good(&format!("[handlers.a]\n{text}\n"));
    }
    typed("exec", "cat,every=0,queue=0".into()).unwrap();
}

#[test]
fn wrong_values_of_each_class_are_told() {
    for (text, expected) in [
        ("class = 'syslog'\naddress = 'ftp://x'", ":4:11: handlers.a.address: "),
        ("class = 'syslog'\nfacility = 'kernal'", ":4:12: handlers.a.facility: "),
        ("class = 'smtp'\nto = 'nobody'", ":4:6: handlers.a.to: \"nobody\" is no mail address"),
        ("class = 'smtp'", ":2:11: handlers.a: to is missing"),
        ("class = 'smtp'\nto = 'a@b.org'\npassword = 'x'", "Passwords stand in a file"),
        ("class = 'exec'\ncommand = \"a 'b\"", ":4:11: handlers.a.command: "),
        (
            "class = 'syslog'\naddress = 'udp://127.0.0.1'\nmax-message = '200K'",
            ":4:11: handler a: syslog messages of at most 204800 bytes",
        ),
        ("class = 'exec'\ncommand = []", "handlers.a.command: names no program"),
        ("class = 'publish'", "handler a: no endpoint to publish on"),
        ("class = 'publish'\nbind = 'nowhere'", ":4:8: handlers.a.bind: "),
        ("class = 'publish'\nbind = 'tcp://*:1'\nformat = 'json'", ":5:1: there is no key"),
        ("class = 'rotating'\npath = 'a'", ":2:11: handlers.a: max-bytes is missing"),
        ("class = 'timed'\npath = 'a'\nwhen = 'noon'", ":5:8: handlers.a.when: "),
        ("class = 'file'\npath = ''", "it is no name of a file"),
        ("class = 'file'\npath = 'a'\non-full = 'drop'", "and there is none"),
        ("class = 'file'\npath = 'a'\nutc = 1", "must be true or false, and is an integer"),
        ("path = 'a'", ":2:11: handlers.a: class is missing"),
    ] {
        let error = refusal(&format!("[handlers.a]\n{text}\n"));
        assert!(error.contains(expected), "{expected}\n--- is not in\n{error}");
        assert!(!error.contains("errors:"), "one error only: {error}");
    }
}

#[test]
fn a_format_that_is_none_is_told_at_the_key_that_is_wrong() {
    for (text, expected) in [
        (
            "format = '%(asctime)s'\nmsec-format = '%d'",
            "relay.toml:4:15: formatters.a.msec-format: ",
        ),
        ("format = '%(asctime)s'\ndatefmt = '%!'", "relay.toml:4:11: formatters.a.datefmt: "),
        ("datefmt = '%H'\nformat = '%(nme)s'", "relay.toml:4:10: formatters.a.format: "),
        ("style = '%'\nformat = 'json'", "relay.toml:4:10: formatters.a.format: "),
        (
            "format = 'x'\nstyle = '?'",
            "relay.toml:4:9: formatters.a.style: \"?\": write %, {, $ or auto",
        ),
        ("extra = ['=x']", "relay.toml:3:10: formatters.a.extra: \"=x\": an extra has a name"),
        ("defaults = { a = 1 }", "relay.toml:3:18: formatters.a.defaults.a: must be a string"),
    ] {
        let error = refusal(&format!("[formatters.a]\n{text}\n"));
        assert!(error.starts_with(expected), "{expected}\n--- does not begin\n{error}");
    }
}

#[test]
fn options_of_the_command_are_read_by_its_own_parser() {
    let config =
        good("[relay]\nbind = ['tcp://a:1', 'tcp://b:2']\nkeep = 3\nstdin = true\nreport = true\n");
    let matches = command().get_matches_from(["relay", "--keep", "5"]);
    let line = ["zlog", "relay", "--keep", "5"].map(OsString::from);
    let whole = prepend_settings(&config.relay, &command(), line, &matches);
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
fn wrong_options_of_the_command_are_told_where_they_stand() {
    for (text, expected) in [
        ("keep = 0", ":3:8: relay.keep: \"0\": must be at least 1"),
        ("keep = ['1']", ":3:8: relay.keep: must be a string or a number"),
        ("stdin = 'yes'", ":3:9: relay.stdin: must be true or false"),
        ("on-full = 'wait'", ":3:11: relay.on-full: \"wait\": must be one of block, drop"),
        ("kep = 1", ":3:1: there is no key relay.kep\n  Did you mean keep?"),
        ("config = 'a'", "Only the command line has it: --config."),
        ("file = 'a.log'", "Handlers have tables of their own: [handlers.NAME]."),
    ] {
        let error = refusal(&format!("[relay]\n{text}\n"));
        assert!(error.contains(expected), "{expected}\n--- is not in\n{error}");
    }
}

#[test]
fn files_that_differ_in_options_are_told_apart() {
    let one = good("[relay]\nkeep = 3\nstdin = true\n");
    assert!(one.differing_options(&good("[relay]\nstdin = true\nkeep = 3\n")).is_empty());
    assert_eq!(one.differing_options(&good("[relay]\nkeep = 4\n")), ["keep", "stdin"]);
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.toml");
    let missing = Config::load(&path, LoadMode::Initial, &command(), &Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(missing.contains("no such file"), "{missing}");
    std::fs::write(&path, b"version = 1\n# caf\xe9\n").unwrap();
    let latin = Config::load(&path, LoadMode::Initial, &command(), &Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(latin.contains("relay.toml:2:6: not UTF-8"), "{latin}");
    let endless =
        Config::load(Path::new("/dev/zero"), LoadMode::Initial, &command(), &Overrides::default())
            .unwrap_err()
            .to_string();
    assert!(endless.contains("too large"), "{endless}");
}

/// The parser of the real command.
fn relay() -> Command {
    crate::cli::command().find_subcommand("relay").unwrap().clone()
}

/// A value for each key of a class, as it is typed, none of which is a default.
fn sample(class: &Class, key: &Key) -> &'static str {
    match (class.name, key.name) {
        (_, "level") => "error",
        (_, "topic") => "app.DB",
        (_, "grep" | "exclude") => "time?out",
        (_, "queue" | "backups" | "interval" | "batch" | "spool" | "hwm") => "7",
        (_, "on-full") => "block",
        (_, "style") => "{",
        (_, "datefmt") => "%H:%M",
        (_, "msec-format") => "%s.%03d",
        (_, "extra") => "user=nobody",
        (_, "format") => "{asctime} {message}",
        (_, "utc" | "sync") => "yes",
        (_, "newlines") => "escape",
        (_, "max-bytes" | "spool-bytes" | "max-message") => "3K",
        (_, "compress") => "zstd",
        (_, "when") => "midnight",
        (_, "at") => "03:30",
        (_, "to" | "from") => "ops@example.org",
        (_, "subject") => "%(name)s",
        (_, "login" | "trust") => "secret.txt",
        (_, "every" | "timeout" | "retry" | "retry-max") => "90s",
        (_, "protocol") => "local",
        (_, "facility") => "local3",
        (_, "app" | "hostname" | "root") => "shop",
        ("publish", "connect") => "yes",
        (_, "wire") => "text",
        (_, "path") => "a.log",
        (_, "server") => "smtp://mail:26",
        (_, "address") => "udp://127.0.0.1:515",
        (_, "command") => "notify --to ops",
        (_, "bind") => "tcp://127.0.0.1:12346",
        (class, key) => panic!("no sample for {class}.{key}"),
    }
}

/// The keys that `key` needs beside it, in their order.
fn needed_beside(class: &'static Class, key: &Key) -> Vec<&'static Key> {
    let names: &[&str] = match (class.name, key.name) {
        ("rotating", _) => &["max-bytes"],
        ("timed", _) => &["when"],
        ("smtp", _) => &["to"],
        _ => &[],
    };
    let also: &[&str] = match key.name {
        "on-full" => &["queue"],
        "datefmt" | "style" => &["format"],
        "msec-format" => &["style", "format"],
        "format" => &["style"],
        _ => &[],
    };
    let found = |name: &&str| class.all_keys().find(|key| key.name == *name);
    names.iter().chain(also).filter_map(found).filter(|found| found.name != key.name).collect()
}

#[test]
fn each_key_of_each_class_means_the_same_typed_and_in_a_file() {
    for class in CLASSES {
        for key in class.all_keys() {
            let mut keys = needed_beside(class, key);
            keys.push(key);
            // format= takes the rest: it stands last.
            keys.sort_by_key(|key| key.name == "format");
            let name = format!("{} {}", class.name, key.name);
            let [typed, filed] = [typed_line(class, &keys), filed_table(class, &keys)];
            let typed = HandlerSpec { name: "a".into(), ..typed_handler(class, &typed) };
            assert_eq!(typed, handler(&filed), "{name}");
            keys.retain(|other| other.name != key.name);
            if class.picked_by != Some(key.name) && key.name != "to" && key.name != "style" {
                let without = typed_handler(class, &typed_line(class, &keys));
                let without = HandlerSpec { name: "a".into(), ..without };
                assert_ne!(typed, without, "{name} changes nothing");
            }
        }
    }
}

/// What is typed after the option.
fn typed_line(class: &Class, keys: &[&Key]) -> String {
    let main = class.main.iter().map(|key| sample(class, key).to_owned());
    let switch = |key: &Key| key.is_switch() || key.name == "connect";
    let typed = |key: &&Key| match switch(key) {
        true => key.name.to_owned(),
        false => format!("{}={}", key.name, sample(class, key)),
    };
    main.chain(keys.iter().map(typed)).collect::<Vec<_>>().join(",")
}

/// The same as the table of a configuration has it.
fn filed_table(class: &Class, keys: &[&Key]) -> String {
    let connects = keys.iter().any(|key| key.name == "connect");
    let mut table = format!("class = '{}'\n", class.name);
    for key in class.main.iter().filter(|_| !connects).chain(keys.iter().copied()) {
        let value = match (key.is_switch(), key.name) {
            (true, _) => "true".to_owned(),
            (false, "connect") => "'tcp://127.0.0.1:12346'".to_owned(),
            (false, _) => format!("'{}'", sample(class, key)),
        };
        table.push_str(&format!("{} = {value}\n", key.name));
    }
    table
}

fn typed_handler(class: &Class, line: &str) -> HandlerSpec {
    let mut args = crate::cli::HandlerArgs::default();
    let line = line.to_owned();
    match class.option {
        "--file" => args.file.push(line),
        "--smtp" => args.smtp.push(line),
        "--syslog" => args.syslog.push(line),
        "--exec" => args.exec.push(line),
        "--publish" => args.publish.push(line),
        _ => {
            args.console = Some(line);
            return args.console(Some(OnFull::Drop)).unwrap().unwrap();
        }
    }
    args.spec(OnFull::Drop).unwrap_or_else(|error| panic!("{error}")).handlers.remove(0)
}

/// The keys that handlers of all classes have.
const COMMON: [&str; 17] = [
    "class",
    "level",
    "topic",
    "grep",
    "exclude",
    "queue",
    "on-full",
    "formatter",
    "format",
    "style",
    "datefmt",
    "newlines",
    "msec-format",
    "utc",
    "validate",
    "extra",
    "defaults",
];

const EXAMPLE: &str = include_str!("../../../examples/relay.toml");

#[test]
fn the_annotated_example_shows_every_key_and_class() {
    let context = Context::default();
    let config = read(EXAMPLE, &relay(), &Overrides::default(), &context).unwrap();
    let lookups = context.lookups.take();
    let path = Path::new("examples/relay.toml");
    assert!(context.diagnostics.notes(path, EXAMPLE).is_empty());
    assert!(
        context.diagnostics.count() == 0,
        "{:?}",
        context.diagnostics.into_error(path, EXAMPLE)
    );
    for (kind, key, present) in &lookups {
        let commented = EXAMPLE.lines().any(|line| line.starts_with(&format!("# {key} = ")));
        // What every handler has is shown once.
        let common = kind.starts_with("handlers (") && COMMON.contains(&key.as_str());
        let elsewhere = |(other, name, present): &(String, String, bool)| {
            *present && name == key && (other == kind || common && other.starts_with("handlers ("))
        };
        let shown = *present || lookups.iter().any(elsewhere) || commented;
        assert!(shown, "examples/relay.toml does not show {kind}.{key}");
    }
    let classes: HashSet<_> = lookups.iter().map(|(kind, ..)| kind.as_str()).collect();
    for class in CLASSES.map(|class| class.name) {
        assert!(classes.contains(format!("handlers ({class})").as_str()), "{class}");
    }
    assert_eq!(config.spec.handlers.len(), CLASSES.len());
}

#[test]
fn what_is_commented_out_in_the_example_can_be_put_in() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let key = regex::Regex::new(r"^# [a-z-]+ = \S").unwrap();
    let mut tried = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| key.is_match(line)) {
        let mut lines = lines.clone();
        lines[at] = &line[2..];
        let text = lines.join("\n");
        if let Err(error) =
            Config::parse(Path::new("a.toml"), &text, &relay(), &Overrides::default())
        {
            // Only that it goes not with what stands beside it.
            let error = error.to_string();
            let beside =
                ["beside formatter", "cannot be used", "were not provided", "milliseconds"];
            let beside = beside.iter().any(|why| error.contains(why));
            assert!(beside && !error.contains("there is no key"), "{line}: {error}");
        }
        tried += 1;
    }
    assert!(tried > 5);
}

#[test]
fn what_was_typed_replaces_what_does_not_go_with_it() {
    let config = Config::parse(
        Path::new("a"),
        "version = 1\n[relay]\nask = 'tcp://127.0.0.1:5'\nverbose = true\nhwm = 5",
        &relay(),
        &Overrides::default(),
    );
    let line = ["zlog", "relay", "--no-ask", "-q"].map(OsString::from);
    let matches = relay().get_matches_from(&line[1..]);
    let whole = prepend_settings(&config.unwrap().relay, &relay(), line, &matches);
    assert_eq!(whole, ["zlog", "relay", "--hwm=5", "--no-ask", "-q"].map(OsString::from));
}

#[test]
fn listening_for_other_machines_is_refused_where_it_stands_unless_it_is_allowed() {
    let text = "version = 1\n[relay]\nlisten = ['9020', '0.0.0.0:9021']\nlisten-udp = '*:9022'\n";
    let parse = |text: &str, typed: Overrides| {
        Config::parse(Path::new("a"), text, &relay(), &typed).map_err(|error| error.to_string())
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
    assert!(parse(text, Overrides { allow_remote: true, ..Overrides::default() }).is_ok());
    assert!(parse(&format!("{text}allow-remote = true\n"), Overrides::default()).is_ok());
}

#[test]
fn options_that_do_not_go_together_are_told_at_their_table() {
    let parse = |text: &str| Config::parse(Path::new("a"), text, &relay(), &Overrides::default());
    let error = parse("version = 1\n[relay]\nkeep-bytes = '1M'\n").unwrap_err().to_string();
    assert!(error.starts_with("a:2:2: relay: ") && error.contains("--keep"), "{error}");
    let error =
        parse("version = 1\n[relay]\nbind = 'x'\nlisten = 'a b'\n").unwrap_err().to_string();
    assert!(
        error.contains("a:3:8: relay.bind: ") && error.contains("a:4:10: relay.listen"),
        "{error}"
    );
}

#[test]
fn handlers_that_were_typed_come_in_addition() {
    let args = crate::cli::HandlerArgs { file: vec!["a.log".into()], ..Default::default() };
    let typed = args.spec(OnFull::Drop).unwrap();
    let console = "[handlers.a]\nclass = 'console'\n";
    let plain = good(console).with_handlers(typed.clone()).unwrap();
    assert_eq!((plain.handlers.len(), plain.routes.len()), (2, 0));
    for routes in ["[root]\nhandlers = ['a']\n", "[loggers.app]\nhandlers = ['a']\n"] {
        let routed = good(&format!("{console}{routes}")).with_handlers(typed.clone()).unwrap();
        let root = routed.routes.iter().find(|route| route.matches == Match::logger("root"));
        assert!(root.unwrap().handlers.contains(&typed.handlers[0].name));
    }
}

#[test]
fn the_subject_of_a_mail_may_use_the_extras_of_its_handler_and_of_its_formatter() {
    const MAIL: &str = "[handlers.mail]\nclass = 'smtp'\nto = 'a@b.org'\n\
                        subject = '%(user)s %(shop)s'\n";
    for extras in [
        "extra = 'user'\ndefaults = { shop = 'none' }\n",
        "formatter = 'own'\n[formatters.own]\nextra = ['user', 'shop=none']\n",
    ] {
        let text = format!("{MAIL}{extras}");
        let spec = parse(&text).unwrap().spec;
        let Target::Smtp(options) = &spec.handlers[0].target else { panic!("{text}") };
        let expected = [("user".to_owned(), None), ("shop".to_owned(), Some("none".to_owned()))];
        assert_eq!(options.subject.extras, expected);
    }
    let error = refusal(MAIL);
    assert!(error.contains("handlers.mail.subject: "), "{error}");
}

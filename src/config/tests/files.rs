//! The file as a whole: its tables, versions, errors and warnings.

use super::*;
use zlog_core::Level;
use zlog_core::format::Style;
use zlog_pipeline::handler::file::Sync;
use zlog_pipeline::router::{FileTarget, QueueSpec, Target};

#[test]
fn the_tables_are_those_of_dict_config() {
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
    let expected = FileTarget { path: "errors.log".into(), sync: Sync::Data };
    assert_eq!(errors.target, Target::File(expected));
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
fn handlers_and_routes_keep_the_order_of_the_file() {
    let text = "[handlers.z]\nclass = 'console'\n[handlers.a]\nclass = 'file'\npath = 'a'\n";
    let names: Vec<_> = good(text).spec.handlers.into_iter().map(|h| h.name).collect();
    assert_eq!(names, ["z", "a"]);
}

#[test]
fn all_errors_are_reported_with_their_positions() {
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
        "relay.toml:7:1: unknown key handlers.errors.filename\n  Did you mean path?",
        "relay.toml:8:1: unknown key handlers.errors.levle\n  Did you mean level?",
        "relay.toml:11:9: handlers.big.class: unknown class \"RotatingFileHandler\"\n  \
         Did you mean rotating?",
        "relay.toml:16:9: handlers.bad.level: \"loud\": not a level",
        "relay.toml:17:14: handlers.bad.grep: \"(\": not a regular expression: unclosed group",
        "relay.toml:18:13: handlers.bad.formatter: unknown formatter \"g\"",
        "relay.toml:19:10: handlers.bad.format: must be a string, but is an integer",
        "relay.toml:22:23: root.handlers: unknown handler \"eror\"\n  Did you mean errors?",
        "relay.toml:23:1: unknown key root.propagate\n  Leave it out: the root logger has no parent",
    ];
    for line in expected {
        assert!(text.contains(line), "{line}\n--- is not in\n{text}");
    }
}

#[test]
fn all_syntax_errors_are_reported_with_their_positions() {
    let text = refusal("a = \nb = 2\nc = [1, \n");
    assert!(text.contains("relay.toml:2:5: ") && text.contains("relay.toml:4:"), "{text}");
    let twice = refusal("[handlers.a]\nclass = 'console'\n[handlers.a]\n");
    assert!(twice.contains("relay.toml:4:"), "{twice}");
}

#[test]
fn the_version_is_required() {
    let without = Config::parse(Path::new("a.toml"), "", &command(), &Overrides::default())
        .unwrap_err()
        .to_string();
    assert_eq!(without, "a.toml:1:1: version is missing\n  Add the line: version = 1");
    let other =
        Config::parse(Path::new("a.toml"), "version = 2", &command(), &Overrides::default())
            .unwrap_err();
    assert_eq!(
        other.to_string(),
        "a.toml:1:11: version: \"2\": this zlog reads version 1 only\n  Write version = 1, or use the zlog \
         that the file was written for."
    );
}

#[test]
fn two_handlers_with_one_file_are_an_error_at_the_second() {
    let text = refusal(
        "[handlers.a]\nclass = 'file'\npath = 'a'\n[handlers.b]\nclass = 'file'\npath = './a'\n",
    );
    assert!(text.starts_with("relay.toml:7:8: handlers a and b would both write to"), "{text}");
}

#[test]
fn the_root_logger_has_only_one_route() {
    let text = refusal(
        "[handlers.a]\nclass = 'console'\n[root]\nhandlers = ['a']\n[loggers.root]\nlevel = 10\n",
    );
    assert!(
        text.starts_with("relay.toml:6:10: there are two routes for the root logger"),
        "{text}"
    );
}

#[test]
fn a_handler_without_a_route_causes_a_warning() {
    let text = "[handlers.a]\nclass = 'console'\n[root]\nlevel = 'INFO'\n";
    let notes = good(text).notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("relay.toml:2:11: handler a gets no records"), "{notes:?}");
}

#[test]
fn files_that_cannot_be_read_are_reported() {
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

#[test]
fn handlers_of_the_command_line_are_added() {
    let args = crate::cli::HandlerArgs::typed("--file", &["a.log"]);
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

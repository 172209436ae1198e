//! Random handlers and texts.

use proptest::prelude::*;

use super::*;

/// A handler: its option, class, main key and main value, and keys with values that are the
/// same text on the command line and in a file.
type Handler =
    (&'static str, &'static str, &'static str, &'static str, Vec<(&'static str, String)>);

fn handlers() -> impl Strategy<Value = Handler> {
    fn some(
        keys: Vec<(&'static str, Vec<&'static str>)>,
    ) -> BoxedStrategy<Vec<(&'static str, String)>> {
        let each = keys.into_iter().map(|(key, values)| {
            prop::option::of(prop::sample::select(values).prop_map(move |v| (key, v.to_owned())))
        });
        each.collect::<Vec<_>>().prop_map(|keys| keys.into_iter().flatten().collect()).boxed()
    }
    let common = || {
        vec![
            ("level", vec!["debug", "WARNING", "35"]),
            ("topic", vec!["app", "app.ERROR,x"]),
            ("grep", vec!["a+,b", "é"]),
            ("exclude", vec!["^x$"]),
            ("queue", vec!["7", "100"]),
            ("style", vec!["{", "brace"]),
            ("datefmt", vec!["%H:%M"]),
            ("newlines", vec!["escape", "keep"]),
            ("format", vec!["{levelname}, {message}", "{message}"]),
        ]
    };
    let with = |option, class, value_key, value, own: Vec<(&'static str, Vec<&'static str>)>| {
        let keys = own.into_iter().chain(common()).collect();
        some(keys).prop_map(move |keys| (option, class, value_key, value, keys))
    };
    let spool = || vec![("spool", vec!["9"]), ("timeout", vec!["3s", "0.5"])];
    let batch = || vec![("batch", vec!["3"]), ("every", vec!["1m"])];
    prop_oneof![
        with("file", "file", "path", "a,b.log", vec![]),
        with(
            "file",
            "rotating",
            "path",
            "a.log",
            vec![
                ("max-bytes", vec!["10M"]),
                ("backups", vec!["0", "3"]),
                ("compress", vec!["zstd"]),
            ]
        ),
        with(
            "file",
            "timed",
            "path",
            "a.log",
            vec![
                ("when", vec!["midnight"]),
                ("interval", vec!["2"]),
                ("at", vec!["03:30"]),
                ("backups", vec!["3"]),
            ]
        ),
        with(
            "smtp",
            "smtp",
            "server",
            "smtp://h:25",
            [
                vec![
                    ("to", vec!["a@b.org"]),
                    ("from", vec!["c@d.org"]),
                    ("subject", vec!["%(name)s"]),
                    ("login", vec!["/x"])
                ],
                spool(),
                batch(),
            ]
            .concat()
        ),
        with(
            "syslog",
            "syslog",
            "address",
            "udp://h:1",
            [
                vec![
                    ("facility", vec!["local3"]),
                    ("protocol", vec!["rfc5424", "local"]),
                    ("app", vec!["a"]),
                    ("max-message", vec!["4K"])
                ],
                spool(),
            ]
            .concat()
        ),
        with("exec", "exec", "command", "sh -c 'a, b'", [spool(), batch()].concat()),
    ]
}

proptest! {
    #[test]
    fn options_and_files_make_the_same_handlers((option, class, value_key, value, keys) in handlers()) {
        let needed = match class {
            "rotating" => "max-bytes",
            "timed" => "when",
            "smtp" => "to",
            _ => "",
        };
        prop_assume!(needed.is_empty() || keys.iter().any(|(key, _)| *key == needed));
        // A style requires a format.
        let has = |name| keys.iter().any(|(key, _)| *key == name);
        prop_assume!(has("format") || !has("style"));
        let mut typed = format!("{},name=a", value.replace(',', ",,"));
        let mut text = format!("[handlers.a]\nclass = '{class}'\n{value_key} = \"{value}\"\n");
        for (key, value) in &keys {
            let doubled = if *key == "format" { value.clone() } else { value.replace(',', ",,") };
            typed.push_str(&format!(",{key}={doubled}"));
            text.push_str(&format!("{key} = \"{value}\"\n"));
        }
        let args = super::typed(option, &typed);
        let typed_spec = args.spec(OnFull::Drop);
        prop_assert_eq!(good(&text).spec, typed_spec.map_err(|e| TestCaseError::fail(format!("{typed}: {e}")))?);
    }
}

/// Texts that are almost configurations.
fn texts() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "version",
        "relay",
        "handlers",
        "formatters",
        "loggers",
        "topics",
        "root",
        "class",
        "path",
        "level",
        "handlers.a",
        "formatter",
        "format",
        "style",
        "when",
        "at",
        "max-bytes",
        "to",
        "command",
        "bind",
        "\"\"",
        "a.b.c",
        "defaults",
        "extra",
        "queue",
        "keep",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "1e400",
        "0xff",
        "99999999999999999999",
        "true",
        "'file'",
        "'timed'",
        "'smtp'",
        "[1, 'a', []]",
        "{ a = 1 }",
        "{ class = 'exec', command = [''] }",
        "\"%(x\"",
        "'{'",
        "''",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        "[",
        "\"\\u0000\"",
        "nan",
        "é",
    ]);
    let line = prop_oneof![
        (key.clone(), value).prop_map(|(key, value)| format!("{key} = {value}")),
        key.clone().prop_map(|key| format!("[{key}]")),
        key.prop_map(|key| format!("[[{key}]]")),
        "[^\n]{0,12}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in texts()) {
        if let Err(error) = Config::parse(Path::new("a.toml"), &text, &command(), &Overrides::default()) {
            prop_assert!(error.to_string().contains("a.toml"), "{}", error);
        }
    }
}

//! Random handlers and texts.

use proptest::prelude::*;

use super::*;

/// Keys, each with values that are the same text on the command line and in a file.
type Keys = &'static [(&'static str, &'static [&'static str])];

const COMMON: Keys = &[
    ("level", &["debug", "WARNING", "35"]),
    ("topic", &["app", "app.ERROR,x"]),
    ("where", &["user=bo,x", "status>=500 and not ok"]),
    ("grep", &["a+,b", "é"]),
    ("exclude", &["^x$"]),
    ("queue", &["7", "100"]),
    ("style", &["{", "brace"]),
    ("datefmt", &["%H:%M"]),
    ("newlines", &["escape", "indent", "keep"]),
    ("format", &["{levelname}, {message}", "{message}"]),
];
const SIZE: Keys = &[("max-bytes", &["10M"]), ("backups", &["0", "3"]), ("compress", &["zstd"])];
const TIME: Keys =
    &[("when", &["midnight"]), ("interval", &["2"]), ("at", &["03:30"]), ("backups", &["3"])];
const MAIL: Keys =
    &[("to", &["a@b.org"]), ("from", &["c@d.org"]), ("subject", &["%(name)s"]), ("login", &["/x"])];
const SYSLOG: Keys = &[
    ("facility", &["local3"]),
    ("protocol", &["rfc5424", "local"]),
    ("app", &["a"]),
    ("max-message", &["4K"]),
];
const SPOOL: Keys = &[("spool", &["9"]), ("timeout", &["3s", "0.5"])];
const BATCH: Keys = &[("batch", &["3"]), ("every", &["1m"])];

/// Option, class, main key, its value, and the keys of each handler.
const HANDLERS: [(&str, &str, &str, &str, &[Keys]); 6] = [
    ("file", "file", "path", "a,b.log", &[COMMON]),
    ("file", "rotating", "path", "a.log", &[SIZE, COMMON]),
    ("file", "timed", "path", "a.log", &[TIME, COMMON]),
    ("smtp", "smtp", "server", "smtp://h:25", &[MAIL, SPOOL, BATCH, COMMON]),
    ("syslog", "syslog", "address", "udp://h:1", &[SYSLOG, SPOOL, COMMON]),
    ("exec", "exec", "command", "sh -c 'a, b'", &[SPOOL, BATCH, COMMON]),
];

/// A handler with some of its keys and their values.
type Handler =
    (&'static str, &'static str, &'static str, &'static str, Vec<(&'static str, &'static str)>);

fn handlers() -> impl Strategy<Value = Handler> {
    prop::sample::select(&HANDLERS[..]).prop_flat_map(|(option, class, main, value, keys)| {
        let key = |&(key, values): &(&'static str, &'static [&'static str])| {
            prop::option::of(prop::sample::select(values).prop_map(move |value| (key, value)))
        };
        let keys: Vec<_> = keys.iter().copied().flatten().map(key).collect();
        keys.prop_map(move |keys| {
            (option, class, main, value, keys.into_iter().flatten().collect())
        })
    })
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
            let doubled = if *key == "format" { (*value).to_owned() } else { value.replace(',', ",,") };
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

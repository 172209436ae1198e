//! `[handlers]` and `[formatters]`.

use super::*;
use zlog_pipeline::router::options::{CLASSES, Class, Key};
use zlog_pipeline::router::{Target, TimedTarget};

#[test]
fn the_error_about_a_key_of_another_class_names_that_class() {
    let text = refusal("[handlers.a]\nclass = 'file'\npath = 'a'\nmax-bytes = 3\n");
    assert!(text.contains("relay.toml:5:1: unknown key handlers.a.max-bytes"), "{text}");
    assert!(text.contains("It is a key of class rotating or nats, not of file."), "{text}");
}

#[test]
fn another_name_for_where_records_go_suggests_the_one_of_the_class() {
    for (class, key, ours) in [
        ("syslog", "url", "address"),
        ("nats", "url", "servers"),
        ("smtp", "host", "server"),
        ("otlp", "address", "url"),
        ("otlp", "endpoint", "url"),
        ("publish", "endpoint", "bind"),
        ("file", "file", "path"),
    ] {
        let text = refusal(&format!("[handlers.a]\nclass = '{class}'\n{key} = 'x'\n"));
        let hint = format!("unknown key handlers.a.{key}\n  Did you mean {ours}?");
        assert!(text.contains(&hint), "{text}");
    }
}

#[test]
fn values_are_read_as_those_of_options() {
    let mail = handler(
        "class = 'smtp'\nserver = 'smtp://mail'\nto = ['a@b.org', 'B <b@b.org>']\nevery = '1m'\n\
         batch = 7\nspool-bytes = '1M'\nlogin = '/etc/login'\nsubject = '%(levelname)s'\n",
    );
    let Target::Smtp(options) = &mail.target else { panic!("{mail:?}") };
    assert_eq!((options.batch.count, options.batch.time.as_secs()), (7, 60));
    assert_eq!((options.to.len(), options.retry.bytes), (2, 1 << 20));
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

#[test]
fn limits_of_zero_are_refused_in_a_file_and_on_the_command_line() {
    const EXEC: &str = "class = 'exec'\ncommand = 'cat'";
    const SMTP: &str = "class = 'smtp'\nto = 'a@b.org'\nserver = 'smtp://h'";
    const SYSLOG: &str = "class = 'syslog'\naddress = 'udp://127.0.0.1'";
    const TIMED: &str = "class = 'timed'\npath = 'a'\nwhen = 'H'";
    for (option, value, class, keys) in [
        ("exec", "cat", EXEC, &["timeout", "batch", "spool"][..]),
        ("smtp", "smtp://h,to=a@b.org", SMTP, &["timeout", "batch", "spool"]),
        ("syslog", "udp://127.0.0.1", SYSLOG, &["timeout", "spool", "max-message"]),
        ("file", "a,when=H", TIMED, &["interval"]),
    ] {
        for key in keys {
            let typed = typed(option, &format!("{value},{key}=0"))
                .spec(OnFull::Drop)
                .unwrap_err()
                .to_string();
            let (_, why) = typed.split_once(&format!("{key}=0: ")).unwrap();
            let filed = refusal(&format!("[handlers.a]\n{class}\n{key} = 0\n"));
            assert!(filed.ends_with(&format!("handlers.a.{key}: \"0\": {why}")), "{filed}\n{why}");
        }
    }
    for key in ["retry", "retry-max", "spool-bytes"] {
        refusal(&format!("[handlers.a]\n{EXEC}\n{key} = 0\n"));
    }
    // These may be zero: a batch without a delay, no queue.
    for text in [format!("{EXEC}\nevery = 0"), format!("{EXEC}\nqueue = 0")] {
        good(&format!("[handlers.a]\n{text}\n"));
    }
    typed("exec", "cat,every=0,queue=0").spec(OnFull::Drop).unwrap();
}

#[test]
fn invalid_values_of_each_class_are_reported() {
    for (text, expected) in [
        ("class = 'syslog'\naddress = 'ftp://x'", ":4:11: handlers.a.address: "),
        ("class = 'syslog'\nfacility = 'kernal'", ":4:12: handlers.a.facility: "),
        ("class = 'smtp'\nto = 'no body'", ":4:6: handlers.a.to: \"no body\": not a mail address"),
        ("class = 'smtp'", ":2:11: handlers.a: to is missing"),
        ("class = 'smtp'\nto = 'a@b.org'\npassword = 'x'", "Put the password into a file"),
        ("class = 'exec'\ncommand = \"a 'b\"", ":4:11: handlers.a.command: "),
        (
            "class = 'syslog'\naddress = 'udp://127.0.0.1'\nmax-message = '200K'",
            ":4:11: handler a: max-message is out of range: 204800 bytes",
        ),
        ("class = 'exec'\ncommand = []", "handlers.a.command: names no program"),
        ("class = 'publish'", "handler a: no endpoint to publish on"),
        (
            "class = 'publish'\nbind = 'tcp://127.0.0.1:0'\nspool-bytes = '1M'",
            "handler a: spool-bytes has no effect without spool-dir",
        ),
        (
            "class = 'publish'\nconnect = 'tcp://h:2'\nconfirm-at = 'tcp://h:1'",
            "handler a: confirm-at has no effect without spool-dir",
        ),
        (
            "class = 'publish'\nconnect = 'tcp://h:2'\nspool-dir = 'd'\nhwm = 9",
            "handler a: hwm has no effect with spool-dir",
        ),
        (
            "class = 'publish'\nconnect = 'tcp://h:2'\nspool-dir = 'd'\nstall = '9s'",
            "handler a: stall has no effect with spool-dir",
        ),
        (
            "class = 'publish'\nconnect = 'tcp://h:2'\nspool-dir = 'd'\nengine = 'libzmq'",
            "handler a: engine has no effect with spool-dir",
        ),
        (
            "class = 'publish'\nconnect = 'tcp://h:2'\nspool-dir = 'd'\nspool-bytes = '64K'",
            ":6:15: handlers.a.spool-bytes: \"64K\": too small for a spool: write 1M or more",
        ),
        ("class = 'publish'\nbind = 'nowhere'", ":4:8: handlers.a.bind: "),
        ("class = 'publish'\nbind = 'tcp://*:1'\nformat = 'json'", ":5:1: unknown key"),
        ("class = 'timed'\npath = 'a'\nwhen = 'noon'", ":5:8: handlers.a.when: "),
        ("class = 'file'\npath = ''", "is not a file name"),
        ("class = 'file'\npath = 'a'\non-full = 'drop'", "without a queue"),
        ("class = 'file'\npath = 'a'\nutc = 1", "must be true or false, but is an integer"),
        ("path = 'a'", ":2:11: handlers.a: class is missing"),
    ] {
        let error = refusal(&format!("[handlers.a]\n{text}\n"));
        assert!(error.contains(expected), "{expected}\n--- is not in\n{error}");
        assert!(!error.contains("errors:"), "one error only: {error}");
    }
}

#[test]
fn an_invalid_format_is_reported_at_the_key_that_causes_it() {
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

/// A value for each key of a class, different from the default.
fn sample(class: &Class, key: &Key) -> &'static str {
    match (class.name, key.name) {
        (_, "level") => "error",
        ("publish", "spool-dir") => "spool",
        ("publish", "spool-bytes") => "3M",
        ("publish", "confirm-at") => "tcp://127.0.0.1:12343",
        (_, "topic") => "app.DB",
        (_, "where") => "status>=500",
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
        (_, "framing") => "lf",
        (_, "when") => "midnight",
        (_, "at") => "03:30",
        (_, "to" | "from") => "ops@example.org",
        (_, "subject") => "%(name)s",
        (_, "login" | "trust") => "secret.txt",
        (_, "every" | "timeout" | "retry" | "retry-max" | "stall") => "90s",
        (_, "protocol") => "local",
        (_, "fingerprint") => "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB",
        (_, "facility") => "local3",
        (_, "app" | "hostname" | "root") => "shop",
        ("publish", "connect") => "yes",
        (_, "wire") => "text",
        (_, "engine") => "native",
        (_, "path") => "a.log",
        (_, "servers") => "nats://a:4222,nats://b:4222",
        (_, "stream" | "prefix") => "LOGS",
        (_, "credentials" | "nkey" | "token" | "certificate" | "key") => "secret.txt",
        (_, "max-age" | "duplicates") => "90s",
        (_, "replicas" | "max-pending") => "7",
        (_, "storage") => "memory",
        ("otlp", "compression") => "gzip",
        (_, "compression") => "s2",
        (_, "url") => "http://a:4318",
        (_, "headers") => "headers.txt",
        (_, "discard") => "new",
        (_, "no-create") => "yes",
        (_, "server") => "smtp://mail:26",
        (_, "address") => "udp://127.0.0.1:515",
        (_, "command") => "notify --to ops",
        (_, "bind") => "tcp://127.0.0.1:12346",
        (class, key) => panic!("no sample for {class}.{key}"),
    }
}

/// The keys that `key` requires, in order.
fn required_by(class: &'static Class, key: &Key) -> Vec<&'static Key> {
    let names: &[&str] = match (class.name, key.name) {
        ("rotating", _) => &["max-bytes"],
        ("timed", _) => &["when"],
        ("smtp", _) => &["to"],
        ("nats" | "otlp" | "syslog", "key") => &["certificate"],
        ("nats" | "otlp" | "syslog", "certificate") => &["key"],
        ("publish", "spool-dir") => &["connect"],
        ("publish", "spool-bytes" | "confirm-at") => &["connect", "spool-dir"],
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
fn each_key_means_the_same_on_the_command_line_and_in_a_file() {
    for class in CLASSES {
        for key in class.all_keys() {
            let mut keys = required_by(class, key);
            keys.push(key);
            // format= takes the rest of the text, so it must be last.
            keys.sort_by_key(|key| key.name == "format");
            let name = format!("{} {}", class.name, key.name);
            let typed = typed_handler(class, &typed_line(class, &keys));
            let typed = HandlerSpec { name: "a".into(), ..typed };
            assert_eq!(typed, handler(&table(class, &keys)), "{name}");
            keys.retain(|other| other.name != key.name);
            let is_needed = matches!(key.name, "to" | "style" | "certificate" | "key");
            if class.picked_by != Some(key.name) && !is_needed {
                let without = typed_handler(class, &typed_line(class, &keys));
                let without = HandlerSpec { name: "a".into(), ..without };
                assert_ne!(typed, without, "{name} changes nothing");
            }
        }
    }
}

#[test]
fn each_default_that_the_help_names_is_the_value_without_the_key() {
    // It matters whether one of these was given, so they have no value without it.
    let optional = |class: &Class, key: &Key| match class.name {
        "timed" => key.name == "at",
        "publish" => ["hwm", "stall", "engine", "spool-bytes"].contains(&key.name),
        "nats" => {
            ["max-age", "max-bytes", "replicas", "storage", "compression", "discard", "duplicates"]
                .contains(&key.name)
        }
        _ => false,
    };
    for class in CLASSES {
        // The others are sentences.
        let is_value = |key: &&Key| !key.default.is_empty() && !key.default.contains(' ');
        for key in class.all_keys().filter(is_value) {
            let keys = required_by(class, key);
            let without = typed_line(class, &keys);
            let given = format!("{}={}", key.name, key.default);
            // format= takes the rest of the text.
            let at = without.find("format=").unwrap_or(without.len());
            let parts = [without[..at].trim_end_matches(','), &given, &without[at..]];
            let with =
                parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
            let with = typed_handler(class, &with);
            let is_same = with == typed_handler(class, &without);
            assert_eq!(is_same, !optional(class, key), "{} {}", class.name, key.name);
        }
    }
}

/// A value for the main key, which some of these keys need.
fn main_sample(class: &Class, main: &Key, keys: &[&Key]) -> &'static str {
    let is_of_tls =
        |key: &&Key| matches!(key.name, "trust" | "certificate" | "key" | "fingerprint");
    match main.name == "address" && keys.iter().any(is_of_tls) {
        true => "tls://127.0.0.1:515",
        false => sample(class, main),
    }
}

/// The value of the option with these keys.
fn typed_line(class: &Class, keys: &[&Key]) -> String {
    let main = class.main.iter().map(|key| main_sample(class, key, keys).to_owned());
    let switch = |key: &Key| key.is_switch() || key.name == "connect";
    let typed = |key: &&Key| match switch(key) {
        true => key.name.to_owned(),
        false => format!("{}={}", key.name, sample(class, key)),
    };
    main.chain(keys.iter().map(typed)).collect::<Vec<_>>().join(",")
}

/// The same as a table of a configuration file.
fn table(class: &Class, keys: &[&Key]) -> String {
    let connects = keys.iter().any(|key| key.name == "connect");
    let mut table = format!("class = '{}'\n", class.name);
    for key in class.main.iter().filter(|_| !connects).chain(keys.iter().copied()) {
        let value = match (key.is_switch(), key.name) {
            (true, _) => "true".to_owned(),
            (false, "connect") => "'tcp://127.0.0.1:12346'".to_owned(),
            (false, "address") => format!("'{}'", main_sample(class, key, keys)),
            (false, _) => format!("'{}'", sample(class, key)),
        };
        table.push_str(&format!("{} = {value}\n", key.name));
    }
    table
}

fn typed_handler(class: &Class, line: &str) -> HandlerSpec {
    if class.option == "--console" {
        let args = crate::cli::HandlerArgs::typed(class.option, &[line]);
        return args.console(Some(OnFull::Drop)).unwrap().unwrap();
    }
    let spec = typed(class.option, line).spec(OnFull::Drop);
    spec.unwrap_or_else(|error| panic!("{error}")).handlers.remove(0)
}

#[test]
fn the_subject_of_a_mail_may_use_the_extras_of_handler_and_formatter() {
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

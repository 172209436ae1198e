use std::path::Path;
use std::time::Duration;

use super::*;
use zlog_core::Level;
use zlog_pipeline::handler::file::Sync;
use zlog_pipeline::handler::rotating::Compression;
use zlog_pipeline::handler::timed::When;
use zlog_pipeline::router::{
    ConsoleTarget, FileTarget, QueueSpec, RotatingTarget, Target, TimedTarget,
};

/// The handler that `option` makes of `text`.
fn one(option: &str, text: &str) -> Result<HandlerSpec> {
    let args = HandlerArgs::typed(&format!("--{option}"), &[text]);
    Ok(args.spec(OnFull::Drop)?.handlers.remove(0))
}

fn refusal(option: &str, text: &str) -> String {
    one(option, text).unwrap_err().to_string()
}

#[test]
fn a_file_is_appended_to_or_rotated_by_size_or_by_time() {
    let plain = one("file", "a/b.log,sync").unwrap();
    assert_eq!(plain.name, "a/b.log");
    assert_eq!(plain.target, Target::File(FileTarget { path: "a/b.log".into(), sync: Sync::Data }));
    assert_eq!(plain.queue, None);
    let Target::Rotating(RotatingTarget { rotation, .. }) =
        one("file", "a,max-bytes=10M,backups=3,compress=zstd").unwrap().target
    else {
        panic!("not a rotating file")
    };
    assert_eq!((rotation.max_bytes, rotation.backup_count), (10 << 20, 3));
    assert_eq!(rotation.compress, Compression::Zstd);
    let timed = one("file", "a,when=midnight,at=03:30,utc").unwrap();
    assert!(timed.formatter.utc);
    let Target::Timed(TimedTarget { timing, path }) = timed.target else {
        panic!("not a timed file")
    };
    assert_eq!((path.as_path(), timing.when, timing.interval), (Path::new("a"), When::Midnight, 1));
    assert_eq!((timing.backup_count, timing.utc), (0, true));
    assert_eq!(timing.at_time, Some(jiff::civil::time(3, 30, 0, 0)));
}

#[test]
fn keys_that_exclude_each_other_are_refused() {
    let cases = [
        ("file", "a,max-bytes=1K,when=H", "max-bytes and when can't be combined"),
        ("file", "a,backups=3", "backups requires max-bytes or when"),
        ("file", "a,compress=gzip", "compress requires max-bytes or when"),
        ("file", "a,max-bytes=1K,at=03:00", "at requires when"),
        ("file", "a,max-bytes=1K,sync", "sync can't be used with max-bytes"),
        ("file", "a,on-full=drop", "on-full has no effect without a queue"),
        ("file", "a,level=loud", "level=loud: not a level"),
        ("file", "a,when=noon", "when=noon: unknown rotation time"),
        ("file", "a,style=x", "style=x: write %, {, $ or auto"),
        ("smtp", "smtp://h", "to is missing"),
        ("syslog", "udp://h,facility=x", "facility=x: \"x\" is not a syslog facility"),
        ("file", "a,queue=1000001", "queue=1000001: must be at most 1000000"),
        ("exec", "cat,batch=0", "batch=0: must be at least 1"),
        ("publish", "tcp://h:1,format=x", "unknown key format="),
        ("publish", "tcp://h:1,wire=xml", "wire=xml: write json or text"),
    ];
    for (option, text, expected) in cases {
        let error = refusal(option, text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn slow_handlers_have_a_queue_by_default() {
    let queue = |text| one("exec", text).unwrap().queue;
    assert_eq!(queue("cat"), Some(QueueSpec { capacity: 10_000, on_full: OnFull::Drop }));
    let asked = Some(QueueSpec { capacity: 5, on_full: OnFull::Block });
    assert_eq!(queue("cat,queue=5,on-full=block"), asked);
    assert_eq!(queue("cat,queue=0"), None);
    assert!(one("smtp", "smtp://h,to=a@example.org").unwrap().queue.is_some());
    assert!(one("syslog", "udp://127.0.0.1").unwrap().queue.is_some());
    assert!(one("publish", "tcp://*:0").unwrap().queue.is_none());
    let file = one("file", "a,queue=7").unwrap();
    assert_eq!(file.queue, Some(QueueSpec { capacity: 7, on_full: OnFull::Drop }));
}

#[test]
fn the_help_of_queue_names_the_handlers_that_have_one_by_default() {
    let default = options::QUEUE.iter().find(|key| key.name == "queue").unwrap().default;
    for (option, text) in [
        ("file", "a"),
        ("smtp", "smtp://h,to=a@h"),
        ("syslog", "udp://h"),
        ("exec", "true"),
        ("publish", "tcp://127.0.0.1:7"),
        ("nats", "nats://h"),
        ("otlp", "http://h"),
    ] {
        let has_queue = one(option, text).unwrap().queue.is_some();
        assert_eq!(default.contains(option), has_queue, "{option}: {default}");
    }
}

#[test]
fn a_publisher_with_a_queue_blocks_and_the_queue_drops() {
    let target = |text| match one("publish", text).unwrap().target {
        Target::Publish(target) => target,
        other => panic!("{other:?}"),
    };
    assert_eq!(target("tcp://*:0").on_full, OnFull::Drop);
    assert_eq!(target("tcp://*:0,on-full=block").on_full, OnFull::Block);
    assert_eq!(target("tcp://*:0,queue=9,on-full=drop").on_full, OnFull::Block);
    assert_eq!(target("tcp://h:1,connect").connect, ["tcp://h:1"]);
    assert!(target("tcp://h:1,connect").bind.is_empty());
}

#[test]
fn the_keys_of_all_handlers_are_read() {
    let handler = one(
        "exec",
        "notify --to 'on call',name=n,level=warning,topic=a,topic=b,where=user=bo,grep=x,exclude=y,batch=3,\
         every=2s,timeout=1m,datefmt=%H:%M,utc,extra=user=-,format=%(asctime)s, %(user)s",
    )
    .unwrap();
    assert_eq!((handler.name.as_str(), handler.level), ("n", Some(Level::WARNING)));
    assert_eq!(handler.conditions, ["user=bo"]);
    assert_eq!((handler.topics.len(), handler.grep.len(), handler.exclude.len()), (2, 1, 1));
    assert_eq!(handler.formatter.format.as_deref(), Some("%(asctime)s, %(user)s"));
    assert_eq!(handler.formatter.datefmt.as_deref(), Some("%H:%M"));
    assert_eq!(handler.formatter.extras, [("user".to_owned(), Some("-".to_owned()))]);
    let Target::Exec(options) = handler.target else { panic!("not a command") };
    assert_eq!(options.command, ["notify", "--to", "on call"]);
    assert_eq!((options.batch.count, options.batch.time), (3, Duration::from_secs(2)));
    assert_eq!(options.timeout, Duration::from_secs(60));
}

#[test]
fn a_console_has_no_main_value_and_a_queue_only_in_a_relay() {
    let console = |text: &str, on_full| {
        let args = HandlerArgs::typed("--console", &[text]);
        args.console(on_full).map(Option::unwrap).map_err(|error| error.to_string())
    };
    assert_eq!(HandlerArgs::default().console(None).unwrap(), None);
    let plain = HandlerSpec::new("console", Target::Console(ConsoleTarget::default()));
    assert_eq!(console("", None).unwrap(), plain);
    let queue = Some(QueueSpec { capacity: 10_000, on_full: OnFull::Drop });
    assert_eq!(console("", Some(OnFull::Drop)).unwrap(), HandlerSpec { queue, ..plain });
    let own = console("level=error,queue=5,format=a,b=%(message)s", Some(OnFull::Drop)).unwrap();
    assert_eq!((own.level, own.queue.unwrap().capacity), (Some(Level::ERROR), 5));
    assert_eq!(own.formatter.format.as_deref(), Some("a,b=%(message)s"));
    let refused = console("queue=5", None).unwrap_err();
    assert!(refused.contains("--console: unknown key queue="), "{refused}");
    let refused = console("error", None).unwrap_err();
    assert!(refused.contains("--console=error") && refused.contains("level"), "{refused}");
    let refused = console("level=loud", None).unwrap_err();
    assert!(refused.starts_with("--console: level=loud: not a level"), "{refused}");
}

#[test]
fn a_mail_handler_has_addresses_and_a_subject() {
    let text = "smtp://h,from=a@example.org,to=b@example.org,to=c@example.org,subject=%(name)s";
    let handler = one("smtp", text).unwrap();
    assert_eq!(handler.name, "mail to b@example.org");
    let Target::Smtp(options) = handler.target else { panic!("not mail") };
    assert_eq!((options.server.as_str(), options.from.as_str()), ("smtp://h", "a@example.org"));
    assert_eq!(options.to, ["b@example.org", "c@example.org"]);
    assert_eq!(options.subject.format.as_deref(), Some("%(name)s"));
}

#[test]
fn handlers_of_the_same_name_are_numbered_and_a_file_named_twice_is_refused() {
    let args = HandlerArgs::typed("--exec", &["cat", "cat"]);
    let spec = args.spec(OnFull::Drop).unwrap();
    assert_eq!(spec.handlers[1].name, "cat #2");
    let args = HandlerArgs::typed("--file", &["a", "./a"]);
    let error = args.spec(OnFull::Drop).unwrap_err().to_string();
    assert!(error.contains("would both write to"), "{error}");
}

#[test]
fn a_key_after_the_format_is_warned_about_and_explains_a_refused_format() {
    let file = |text: &str| HandlerArgs::typed("--file", &[text]);
    let remarks = file("b.log,format=%(message)s,utc,level=error").remarks();
    assert_eq!(remarks.len(), 1, "{remarks:?}");
    assert!(remarks[0].starts_with("handler b.log: \",utc\" is part of its format"), "{remarks:?}");
    assert!(file("b.log,utc,format=msg=%(message)s,level=%(levelname)s").remarks().is_empty());
    let console = |text: &str| HandlerArgs::typed("--console", &[text]);
    assert_eq!(console("format={message},level=error").remarks().len(), 1);
    let hint = "format= takes the rest of the text, commas included: put it last.";
    assert!(refusal("file", "x.log,format=bare,level=debug").ends_with(hint));
    assert!(console("format=bare,utc").console(None).unwrap_err().to_string().ends_with(hint));
    let other = refusal("file", "x.log,format=%(nope)s");
    assert!(!other.contains("put it last"), "{other}");
}

#[test]
fn the_subject_of_a_mail_may_be_a_constant() {
    let Target::Smtp(options) = one("smtp", "smtp://h,to=a@b.org,subject=Log").unwrap().target
    else {
        panic!("not mail")
    };
    assert_eq!(options.subject.format.as_deref(), Some("Log"));
}

#[test]
fn the_subject_of_a_mail_may_use_its_extras() {
    let mail = "smtp://h,to=a@b.org,extra=user,extra=shop=none,subject=%(levelname)s %(user)s";
    let Target::Smtp(options) = one("smtp", mail).unwrap().target else { panic!("{mail}") };
    let extras = [("user".to_owned(), None), ("shop".to_owned(), Some("none".to_owned()))];
    assert_eq!(options.subject.extras, extras);
    let other = refusal("smtp", "smtp://h,to=a@b.org,extra=user,subject=%(usr)s");
    assert!(other.contains("usr"), "{other}");
}

#[test]
fn a_login_in_a_url_is_not_repeated_in_an_error() {
    for (option, url) in [
        ("nats", "nats://a:1,nats://me:s3cret@b"),
        ("nats", "nats://s3cret@b,max-age=x"),
        ("smtp", "smtp://me:s3cret@b/x,to=c@d.org,batch=0"),
    ] {
        let error = refusal(option, url);
        assert!(error.contains("://…@b") && !error.contains("s3cret"), "{error}");
    }
}

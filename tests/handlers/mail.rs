use std::time::Instant;

use serde_json::Value;
use zlog_core::{Level, Record};
use zlog_pipeline::handler::retry::{BatchOptions, RetryOptions};
use zlog_pipeline::handler::smtp::{Login, LoginFrom, SmtpHandler, SmtpOptions};
use zlog_pipeline::handler::{Backlog, Handler};

use super::{retry_soon, text};
use crate::harness::{DEADLINE, Python, Running, python};

/// A certificate for 127.0.0.1 that only these tests trust, and its key.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/key.pem");
/// The certificate of an authority, as `openssl req -x509` makes it, and its key.
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/authority.pem");
const AUTHORITY_KEY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/authority-key.pem");

/// A real mail server, and a handler that sends to it.
struct Mailing {
    server: Running,
    handler: SmtpHandler,
    /// Mails sent so far.
    sent: u32,
}

impl Mailing {
    fn start(python: &Python) -> Mailing {
        let (server, url) = mail_server(python, "plain");
        Mailing { server, handler: handler(options(&url)), sent: 0 }
    }

    /// Sends a record, and returns what the server printed about the mail.
    fn send(&mut self, record: &Record<'_>) -> Value {
        self.handler.handle(record).unwrap();
        self.sent += 1;
        let line = self.server.expect_stdout(&format!("\"number\": {},", self.sent));
        serde_json::from_str(&line).unwrap()
    }

    fn end(mut self) {
        self.server.close_stdin();
        self.server.wait().success();
    }
}

fn mail_server(python: &Python, style: &str) -> (Running, String) {
    let mut server = python.script("mail_server", &[style, CERTIFICATE, KEY]);
    let url = server.endpoint();
    (server, url)
}

/// One mail per record, sent while the caller waits.
fn options(url: &str) -> SmtpOptions {
    SmtpOptions {
        server: url.into(),
        from: "zlog <zlog@example.org>".into(),
        to: vec!["ops@example.org".into(), "Dév <dev@example.org>".into()],
        timeout: DEADLINE,
        login: LoginFrom::None,
        batch: BatchOptions::EACH,
        retry: RetryOptions::NONE,
        ..SmtpOptions::default()
    }
}

fn handler(options: SmtpOptions) -> SmtpHandler {
    SmtpHandler::new(options, text()).unwrap()
}

fn record(msg: &str) -> Record<'_> {
    Record {
        topic: "shop.ERROR.db".into(),
        msg: msg.into(),
        level: Level::ERROR,
        ..Record::default()
    }
}

#[test]
fn a_real_mail_server_gets_each_record_as_it_was_logged() {
    let Some(python) = python() else { return };
    let mut mailing = Mailing::start(&python);
    let long = "Zeile mit ü ".repeat(200);
    let messages = [
        "no connection",
        "naïve ☃ 🦀: 100 %",
        "first\n.\n..second\nFrom here on",
        "tab\there, bell\u{7}, escape\u{1b}[31m, NUL\0, bare\rCR",
        &long,
    ];
    for msg in messages {
        let mail = mailing.send(&record(msg));
        assert_eq!(mail["from"], "zlog@example.org");
        assert_eq!(mail["to"], serde_json::json!(["ops@example.org", "dev@example.org"]));
        let body = mail["body"].as_str().unwrap();
        // Python's reader takes a bare CR as a line end.
        let expected = format!("{msg}\n").replace('\r', "\n");
        assert_eq!(body.replace("\r\n", "\n").replace('\r', "\n"), expected);
        let subject = mail["subject"].as_str().unwrap();
        let start: String = msg.lines().next().unwrap().chars().take(3).collect();
        assert!(subject.starts_with(&format!("ERROR shop.ERROR.db: {start}")), "{subject}");
        assert!(!subject.contains(char::is_control), "{subject:?}");
        assert_eq!(mail["headers"]["To"], "ops@example.org, Dév <dev@example.org>");
        assert_eq!(mail["defects"], serde_json::json!([]), "{mail}");
        assert_eq!(mail["header_count"], 9, "{mail}");
    }
    mailing.end();
}

#[test]
fn a_subject_is_read_as_it_was_logged_and_nothing_in_it_is_a_header() {
    let Some(python) = python() else { return };
    let mut mailing = Mailing::start(&python);
    let cases = [
        ("naïve ☃", "naïve ☃"),
        ("one\r\nBcc: evil@example.org", "one"),
        ("=?utf-8?q?=0ABcc?=", "= ?utf-8?q?=0ABcc?="),
        ("turned \u{202e}back", "turned \\u{202e}back"),
    ];
    for (msg, expected) in cases {
        let mail = mailing.send(&record(msg));
        assert_eq!(mail["subject"], format!("ERROR shop.ERROR.db: {expected}"));
        assert!(mail["headers"].get("Bcc").is_none(), "{mail}");
    }
    let hostile = Record {
        topic: "x\r\nBcc: evil@example.org\r\n\r\nbody".into(),
        levelname: Some("E\nTo: evil@example.org".into()),
        ..record("one")
    };
    let mail = mailing.send(&hostile);
    let subject =
        r"E\x0aTo: evil@example.org x\x0d\x0aBcc: evil@example.org\x0d\x0a\x0d\x0abody: one";
    assert_eq!(mail["subject"], subject);
    assert_eq!(mail["header_count"], 9, "{mail}");
    mailing.end();
}

#[test]
fn mails_are_sent_encrypted_and_only_to_a_trusted_server() {
    let Some(python) = python() else { return };
    for (style, query) in [("starttls", "?tls=required"), ("tls", "")] {
        let (server, url) = mail_server(&python, style);
        let options = options(&format!("{url}{query}"));
        let error = handler(options.clone()).handle(&record("one")).unwrap_err().to_string();
        assert!(error.contains("certificate"), "{style}: {error}");
        let handler = handler(SmtpOptions { trust: Some(CERTIFICATE.into()), ..options });
        handler.check().unwrap();
        let mut mailing = Mailing { server, handler, sent: 0 };
        let mail = mailing.send(&record("naïve"));
        assert_eq!(mail["body"], "naïve\r\n", "{style}");
        assert_eq!(mail["encrypted"], true, "{style}");
        mailing.end();
    }
}

#[test]
fn mismatched_servers_and_options_are_explained() {
    let Some(python) = python() else { return };
    let (_server, url) = mail_server(&python, "plain");
    let login = LoginFrom::Explicit(Login { user: "me".into(), password: "secret".into() });
    let mut logs_in = handler(SmtpOptions { login, ..options(&url) });
    let error = logs_in.handle(&record("one")).unwrap_err().to_string();
    assert!(error.contains("accepts no login") && error.contains("?tls=required"), "{error}");

    let said = |url: &str| handler(options(url)).handle(&record("one")).unwrap_err().to_string();
    let address = url.strip_prefix("smtp://").unwrap();
    let error = said(&format!("smtp://{address}?tls=required"));
    assert!(error.contains("offers no STARTTLS\n  Use smtps://"), "{error}");
    let error = said(&format!("smtps://{address}"));
    let next = format!("does not begin with TLS\n  For STARTTLS, write {url}?tls=required");
    assert!(error.contains(&next), "{error}");

    let (_server, url) = mail_server(&python, "starttls");
    let next = format!("\n  It requires encryption: write {url}?tls=required.");
    let error = said(&url);
    assert!(error.contains("refused: 530") && error.ends_with(&next), "{error}");
    let (_server, url) = mail_server(&python, "login");
    let error = said(&url);
    assert!(error.contains("refused: 530") && error.contains("It may require a login"), "{error}");
}

#[test]
fn certificate_problems_are_explained() {
    let Some(python) = python() else { return };
    let data = |name: &str| format!("{}/tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (expired, other) = (data("expired.pem"), data("other-name.pem"));
    // The server's certificate and key, the trusted certificate, and the message.
    for (shown, key, trusted, says) in [
        (AUTHORITY, AUTHORITY_KEY, Some(AUTHORITY), "\n  Create a server certificate"),
        (
            CERTIFICATE,
            KEY,
            None,
            "that is not trusted here\n  If it is the right server, trust its",
        ),
        (&expired, KEY, Some(&*expired), "that expired on 2021-01-01\n  Renew it"),
        (&other, KEY, Some(&*other), "for mail.example.org, not for 127.0.0.1\n  Use a name"),
    ] {
        let mut server = python.script("mail_server", &["tls", shown, key]);
        let trust = trusted.map(Into::into);
        let mut handler = handler(SmtpOptions { trust, ..options(&server.endpoint()) });
        let error = handler.handle(&record("one")).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// Mails of several records, with a spool.
fn batching(url: &str, count: usize) -> SmtpOptions {
    let batch = BatchOptions { count, time: DEADLINE };
    SmtpOptions { batch, retry: retry_soon(), ..options(url) }
}

#[test]
fn a_storm_arrives_as_a_few_mails_with_every_record() {
    let Some(python) = python() else { return };
    let (mut server, url) = mail_server(&python, "plain");
    let mut handler = handler(batching(&url, 400));
    let all: Vec<String> = (0..1000).map(|number| format!("naïve {number}")).collect();
    for (number, msg) in all.iter().enumerate() {
        let level = if number == 500 { Level::CRITICAL } else { Level::WARNING };
        handler.handle(&Record { level, ..record(msg) }).unwrap();
    }
    handler.close(Instant::now() + DEADLINE).unwrap();
    let subjects = [
        "WARNING shop.ERROR.db: naïve 0 (400 records, worst WARNING)",
        "CRITICAL shop.ERROR.db: naïve 500 (400 records, worst CRITICAL)",
        "WARNING shop.ERROR.db: naïve 800 (200 records, worst WARNING)",
    ];
    let mut lines = String::new();
    for (number, subject) in subjects.into_iter().enumerate() {
        let line = server.expect_stdout(&format!("\"number\": {},", number + 1));
        let mail: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(mail["subject"], subject);
        assert_eq!(mail["defects"], serde_json::json!([]));
        lines.push_str(mail["body"].as_str().unwrap());
    }
    assert!(lines.lines().eq(all.iter().map(String::as_str)));
    server.close_stdin();
    server.wait().success();
}

#[test]
fn a_login_is_read_from_a_file_and_a_wrong_one_is_reported_and_retried() {
    let Some(python) = python() else { return };
    let (mut server, url) = mail_server(&python, "login");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("login");
    std::fs::write(&file, "me:secret\n").unwrap();
    let login = LoginFrom::File(file);
    let mut known = handler(SmtpOptions { login, ..batching(&url, 1) });
    known.handle(&record("one")).unwrap();
    known.flush().unwrap();
    assert_eq!(known.backlog(), Backlog::default());
    server.expect_stdout("\"number\": 1,");

    let wrong = Login { user: "me".into(), password: "wrong-one".into() };
    let login = LoginFrom::Explicit(wrong);
    let mut unknown = handler(SmtpOptions { login, ..batching(&url, 1) });
    unknown.handle(&record("two")).unwrap();
    let error = unknown.flush().unwrap_err().to_string();
    assert!(error.contains("refused: 535") && !error.contains("wrong-one"), "{error}");
    assert!(error.contains("\n  Check the name and the password: ZLOG_SMTP_USER"), "{error}");
    assert_eq!(unknown.backlog(), Backlog { waiting: 1, unreachable: true, ..Backlog::default() });
    server.close_stdin();
    server.wait().success();
}

use serde_json::Value;
use zlog::handler::Handler;
use zlog::handler::smtp::{LoginFrom, SmtpHandler, SmtpOptions};
use zlog::handler::spool::{BatchOptions, SpoolOptions};
use zlog::record::{Level, Record};

use super::text;
use crate::harness::{DEADLINE, Python, Running, python};

/// A certificate for 127.0.0.1 that nobody but these tests trusts, and its key.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/key.pem");

/// A real mail server, and a handler that sends to it.
struct Post {
    server: Running,
    handler: SmtpHandler,
    /// Mails that were sent.
    sent: u32,
}

impl Post {
    fn start(python: &Python) -> Post {
        let (server, url) = mail_server(python, "plain");
        Post { server, handler: handler(options(&url)), sent: 0 }
    }

    /// Sends a record, and reads what the server has printed of its mail.
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

/// A mail for each record, sent while whoever logs waits.
fn options(url: &str) -> SmtpOptions {
    SmtpOptions {
        server: url.into(),
        from: "zlog <zlog@example.org>".into(),
        to: vec!["ops@example.org".into(), "Dév <dev@example.org>".into()],
        timeout: DEADLINE,
        login: LoginFrom::Nobody,
        batch: BatchOptions::EACH,
        spool: SpoolOptions::NONE,
        ..SmtpOptions::default()
    }
}

fn handler(options: SmtpOptions) -> SmtpHandler {
    SmtpHandler::new(options, text(), None).unwrap()
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
    let mut post = Post::start(&python);
    let long = "Zeile mit ü ".repeat(200);
    let messages = [
        "no connection",
        "naïve ☃ 🦀: 100 %",
        "first\n.\n..second\nFrom here on",
        "tab\there, bell\u{7}, escape\u{1b}[31m, NUL\0, bare\rCR",
        &long,
    ];
    for msg in messages {
        let mail = post.send(&record(msg));
        assert_eq!(mail["from"], "zlog@example.org");
        assert_eq!(mail["to"], serde_json::json!(["ops@example.org", "dev@example.org"]));
        let body = mail["body"].as_str().unwrap();
        // The bare CR is a line's end to Python's reader.
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
    post.end();
}

#[test]
fn a_subject_is_read_as_it_was_logged_and_nothing_in_it_is_a_header() {
    let Some(python) = python() else { return };
    let mut post = Post::start(&python);
    let cases = [
        ("naïve ☃", "naïve ☃"),
        ("one\r\nBcc: evil@example.org", "one"),
        ("=?utf-8?q?=0ABcc?=", "= ?utf-8?q?=0ABcc?="),
        ("turned \u{202e}back", "turned \\u{202e}back"),
    ];
    for (msg, expected) in cases {
        let mail = post.send(&record(msg));
        assert_eq!(mail["subject"], format!("ERROR shop.ERROR.db: {expected}"));
        assert!(mail["headers"].get("Bcc").is_none(), "{mail}");
    }
    let hostile = Record {
        topic: "x\r\nBcc: evil@example.org\r\n\r\nbody".into(),
        levelname: Some("E\nTo: evil@example.org".into()),
        ..record("one")
    };
    let mail = post.send(&hostile);
    let subject =
        r"E\x0aTo: evil@example.org x\x0d\x0aBcc: evil@example.org\x0d\x0a\x0d\x0abody: one";
    assert_eq!(mail["subject"], subject);
    assert_eq!(mail["header_count"], 9, "{mail}");
    post.end();
}

#[test]
fn mails_go_encrypted_to_a_server_that_is_trusted_and_to_no_other() {
    let Some(python) = python() else { return };
    for (style, query) in [("starttls", "?tls=required"), ("tls", "")] {
        let (server, url) = mail_server(&python, style);
        let options = options(&format!("{url}{query}"));
        let error = handler(options.clone()).handle(&record("one")).unwrap_err().to_string();
        assert!(error.contains("certificate"), "{style}: {error}");
        let handler = handler(SmtpOptions { trust: Some(CERTIFICATE.into()), ..options });
        handler.check().unwrap();
        let mut post = Post { server, handler, sent: 0 };
        let mail = post.send(&record("naïve"));
        assert_eq!(mail["body"], "naïve\r\n", "{style}");
        assert_eq!(mail["encrypted"], true, "{style}");
        post.end();
    }
}

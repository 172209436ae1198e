//! The content of mails.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn the_subject_contains_level_topic_and_message() {
    let (server, mails) = server();
    let mut handler = handler(&server.url());
    let traced = Record { exc_text: Some("Traceback\n.dot".into()), ..record("no connection") };
    handler.handle(&traced).unwrap();
    handler.flush().unwrap();
    let mail = mails.recv_timeout(DEADLINE).unwrap();
    assert_eq!(mail.from, "zlog@example.org");
    assert_eq!(mail.to, ["ops@example.org", "dev@example.org"]);
    let (headers, body) = parts(&mail);
    assert_eq!(header(&headers, "Subject"), "ERROR shop.ERROR.db: no connection");
    assert_eq!(header(&headers, "From"), "zlog <zlog@example.org>");
    assert_eq!(header(&headers, "To"), "ops@example.org, dev@example.org");
    assert_eq!(header(&headers, "Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(body, "no connection\r\nTraceback\r\n.dot\r\n");
}

#[test]
fn a_user_without_a_domain_is_addressed_as_such() {
    let server = scripted(&[GREETING, DATA, ("QUIT", "221 bye")]);
    let to = vec!["ops".into(), "Dev <dev@example.org>".into()];
    let mut handler = made(SmtpOptions { from: "me".into(), to, ..options(&server.url) });
    handler.handle(&record("done")).unwrap();
    let mut said = Vec::new();
    while said.last().is_none_or(|line| line != "QUIT") {
        said.push(server.said.recv_timeout(DEADLINE).unwrap());
    }
    let lines = ["MAIL FROM:<me>", "RCPT TO:<ops>", "RCPT TO:<dev@example.org>"];
    assert!(said[1].starts_with(lines[0]) && said[2..4] == lines[1..], "{said:?}");
    for header in ["From: me", "To: ops, Dev <dev@example.org>"] {
        assert!(said.iter().any(|line| line == header), "{header} in {said:?}");
    }
    assert!(said.iter().all(|line| !line.contains("invalid")), "{said:?}");
    // A server that does not take them names the user.
    let server = scripted(&[GREETING, ("RCPT", "550 unknown"), DATA]);
    let mut handler = made(SmtpOptions { to: vec!["ops".into()], ..options(&server.url) });
    let error = handler.handle(&record("one")).unwrap_err().error.to_string();
    assert!(error.starts_with("no mail for ops (1 of 1 recipients): "), "{error}");
}

#[test]
fn a_subject_may_be_a_constant() {
    let (server, mails) = server();
    let subject =
        FormatterSpec { format: Some("Log".into()), validate: false, ..FormatterSpec::default() };
    let mut handler = made(SmtpOptions { subject, ..options(&server.url()) });
    handler.handle(&record("done")).unwrap();
    let (headers, _) = parts(&mails.recv_timeout(DEADLINE).unwrap());
    assert_eq!(header(&headers, "Subject"), "Log");
}

#[test]
fn each_record_has_its_own_mail_and_connection() {
    let (server, mails) = server();
    let mut handler = handler(&server.url());
    for msg in ["one", "two", "three"] {
        handler.handle(&record(msg)).unwrap();
    }
    assert_eq!(server.stop(), 3);
    let bodies: Vec<_> = mails.iter().map(|mail| parts(&mail).1).collect();
    assert_eq!(bodies, ["one\r\n", "two\r\n", "three\r\n"]);
}

#[test]
fn without_a_topic_the_subject_names_the_logger_and_has_one_line() {
    let (server, mails) = server();
    let mut handler = handler(&server.url());
    let named = Record { topic: "".into(), name: Some("shop.db".into()), ..record("one\ntwo") };
    handler.handle(&named).unwrap();
    handler.handle(&Record::default()).unwrap();
    let subjects = [(); 2].map(|()| {
        let (headers, _) = parts(&mails.recv_timeout(DEADLINE).unwrap());
        header(&headers, "Subject").to_owned()
    });
    assert_eq!(subjects, ["ERROR shop.db: one", "NOTSET"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn hostile_text_adds_no_header_recipient_or_mail(
        texts in prop::array::uniform4("(\\PC|[\r\n\t\0.: =?]|\r\n\\.\r\n|\r\nBcc: a@b\\.c){0,24}"),
    ) {
        let (server, mails) = server();
        let mut handler = handler(&server.url());
        let [topic, name, msg, level] = &texts;
        let hostile = Record {
            topic: topic.into(),
            name: Some(name.into()),
            levelname: Some(level.into()),
            ..record(msg)
        };
        handler.handle(&hostile).unwrap();
        prop_assert_eq!(server.stop(), 1);
        let mail = mails.recv_timeout(DEADLINE).unwrap();
        prop_assert_eq!(&mail.from, "zlog@example.org");
        prop_assert_eq!(&mail.to, &["ops@example.org", "dev@example.org"]);
        let (headers, body) = parts(&mail);
        let names: BTreeSet<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From",
            "MIME-Version", "Message-ID", "Subject", "To",
        ];
        prop_assert_eq!(names, BTreeSet::from(expected));
        prop_assert_eq!(headers.len(), expected.len());
        // No bare CR or LF: servers interpret them differently.
        let without = body.replace("\r\n", "");
        prop_assert!(!without.contains(['\r', '\n', '\0']), "{:?}", body);
        prop_assert!(mail.data.is_ascii());
        let longest = body.split("\r\n").map(str::len).max();
        prop_assert!(longest < Some(999), "RFC 5321, 4.5.3.1.6: {:?}", longest);
    }
}

#[test]
fn long_lines_and_subjects_stay_within_the_limits_of_mail() {
    let (server, mails) = server();
    let mut handler = handler(&server.url());
    for msg in ["x".repeat(5000), "ü".repeat(5000), "word ".repeat(1000)] {
        handler.handle(&record(&msg)).unwrap();
        let mail = mails.recv_timeout(DEADLINE).unwrap();
        let longest = mail.data.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        assert!(longest < Some(999), "{longest:?}");
    }
}

#[test]
fn a_formatted_subject_is_one_escaped_line() {
    let (server, mails) = server();
    let format = Some("%(message)s".to_owned());
    let subject = FormatterSpec { format, ..FormatterSpec::default() };
    let mut handler = made(SmtpOptions { subject, ..options(&server.url()) });
    handler.handle(&record("alarm\x07 \n\nBcc: x@example.org")).unwrap();
    let (headers, _) = parts(&mails.recv_timeout(DEADLINE).unwrap());
    assert_eq!(header(&headers, "Subject"), r"alarm\x07 ");
}

#[test]
fn a_record_too_long_for_a_mail_is_truncated_with_a_note() {
    let (server, mails) = server();
    let mut handler = made(options(&server.url()));
    let msg = format!("{}end", "ü".repeat(1 << 20));
    handler.handle(&record(&msg)).unwrap();
    assert_eq!(handler.backlog(), Backlog { cut: 1, ..Backlog::default() });
    let mail = mails.recv_timeout(DEADLINE).unwrap();
    // Encoded: at most three bytes for one.
    assert!(mail.data.len() < 4 * mail::MAX_BODY);
    let shown = mail::truncated(msg.as_bytes());
    let text = std::str::from_utf8(&shown).unwrap();
    let (kept, said) = text.split_once('…').unwrap();
    assert_eq!(said, format!("\n[cut: {} more bytes of this record]\n", msg.len() - kept.len()));
    assert!(shown.len() <= mail::MAX_BODY);
}

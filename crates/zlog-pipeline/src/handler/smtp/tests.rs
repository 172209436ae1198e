use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, unbounded};
use proptest::prelude::*;

use super::*;
use crate::handler::Handler;
use crate::handler::testing::{DEADLINE, drain, text};
use zlog_bench::smtp_server::{Mail, ServerOptions, SmtpServer};
use zlog_core::{Exit, Level};

/// One mail per record, sent while the caller waits.
fn options(url: &str) -> SmtpOptions {
    SmtpOptions {
        server: url.into(),
        from: "zlog <zlog@example.org>".into(),
        to: vec!["ops@example.org".into(), "dev@example.org".into()],
        timeout: DEADLINE,
        login: LoginFrom::None,
        batch: BatchOptions::EACH,
        spool: SpoolOptions::NONE,
        ..SmtpOptions::default()
    }
}

fn made(options: SmtpOptions) -> SmtpHandler {
    SmtpHandler::new(options, text()).unwrap()
}

fn handler(url: &str) -> SmtpHandler {
    made(options(url))
}

/// A real server, and the mails that it receives.
fn server() -> (SmtpServer, Receiver<Mail>) {
    let (kept, mails) = unbounded();
    let inspect = move |mail: &Mail| _ = kept.send(mail.clone());
    let options = ServerOptions { inspect: Some(Box::new(inspect)), ..ServerOptions::default() };
    (SmtpServer::start(options).unwrap(), mails)
}

fn record(msg: &str) -> Record<'_> {
    Record {
        topic: "shop.ERROR.db".into(),
        msg: msg.into(),
        level: Level::ERROR,
        ..Record::default()
    }
}

/// The headers of a mail, unfolded but not decoded, and its body as sent.
fn parts(mail: &Mail) -> (Vec<(String, String)>, String) {
    let text = String::from_utf8(mail.data.clone()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ");
    let split = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    (head.split("\r\n").map(split).collect(), body.to_owned())
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
    let found: Vec<_> = headers.iter().filter(|(found, _)| found == name).collect();
    assert_eq!(found.len(), 1, "{name} in {headers:?}");
    &found[0].1
}

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
fn invalid_addresses_and_unencrypted_passwords_are_refused_at_once() {
    let wrong = |change: fn(&mut SmtpOptions), url: &str| {
        let mut options = options(url);
        change(&mut options);
        let Err(error) = SmtpHandler::new(options, text()) else { panic!("accepted") };
        assert_eq!(error.exit(), Exit::Usage);
        error.to_string()
    };
    let local = "smtp://127.0.0.1";
    let error = wrong(|options| options.from = "no\x1baddress".into(), local);
    assert!(error.starts_with("not a mail address: "), "{error}");
    let error = wrong(|options| options.to = vec!["a@b\r\nRCPT TO:<c@d>".into()], local);
    assert!(error.contains("not a mail address"), "{error}");
    let error = wrong(|options| options.to.clear(), local);
    assert!(error.starts_with("no recipient"), "{error}");
    let login = |options: &mut SmtpOptions| {
        let (user, password) = ("me".into(), "secret".into());
        options.login = LoginFrom::Explicit(Login { user, password });
    };
    let error = wrong(login, "smtp://mail.example.org");
    assert!(error.starts_with("mail.example.org:25 would get the password unencrypted"), "{error}");
    for url in ["smtp://[::1]", "smtps://mail.example.org"] {
        let mut options = options(url);
        login(&mut options);
        assert!(!format!("{options:?}").contains("secret"));
        made(options);
    }
}

#[test]
fn servers_are_read_with_their_default_ports_and_wrong_ones_refused() {
    let cases = [
        ("smtp://mail.example.org", "mail.example.org:25"),
        ("smtp://mail.example.org:2525/", "mail.example.org:2525"),
        ("smtp://mail.example.org?tls=required", "mail.example.org:587"),
        ("smtps://mail.example.org", "mail.example.org:465"),
        ("smtp://127.0.0.1:1", "127.0.0.1:1"),
        ("smtps://[::1]", "[::1]:465"),
    ];
    for (url, shown) in cases {
        assert_eq!(Server::parse(url).unwrap().to_string(), shown);
    }
    let wrong = [
        "mail.example.org",
        "mail.example.org:25",
        "http://mail.example.org",
        "smtp://",
        "smtp:mail",
        "smtp://host/path",
        "smtp://host?tls=maybe",
        "smtps://host?tls=required",
        "smtp://host:99999",
        "smtp://host\x1b[31m",
        "smtp://me:secret@host",
        "smtp://me@host",
        "",
    ];
    for url in wrong {
        let Err(error) = Server::parse(url) else { panic!("{url} was taken") };
        assert_eq!(error.exit(), Exit::Usage, "{url}");
        let error = error.to_string();
        assert!(!error.contains("secret") && !error.contains('\x1b'), "{error}");
        assert!(error.contains("\n  "), "no next step: {error}");
    }
}

/// A server that answers by a script of lines, or their first words, and replies. Content, which it
/// requests with 354, gets one reply.
struct Scripted {
    url: String,
    said: Receiver<String>,
}

fn scripted(script: &'static [(&'static str, &'static str)]) -> Scripted {
    scripted_at(TcpListener::bind("127.0.0.1:0").unwrap(), script)
}

fn scripted_at(listener: TcpListener, script: &'static [(&'static str, &'static str)]) -> Scripted {
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (heard, said) = unbounded();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Some tests disconnect early.
            let _ = answer(&stream, script, &|line| _ = heard.send(line));
        }
    });
    Scripted { url, said }
}

fn answer(
    mut stream: &TcpStream,
    script: &[(&str, &str)],
    heard: &dyn Fn(String),
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let (mut whole, mut word, mut content) = (String::new(), String::new(), false);
    loop {
        let of = |line: &str| script.iter().find(|(on, _)| *on == line);
        let found = of(&whole).or_else(|| of(&word));
        let reply = found.map_or("250 fine", |(_, reply)| reply);
        if reply == "close" {
            return Ok(());
        }
        if reply != "silence" && !(content && word != ".") {
            stream.write_all(format!("{reply}\r\n").as_bytes())?;
        }
        content = if content { word != "." } else { reply.starts_with("354") };
        let Some(line) = lines.next() else { return Ok(()) };
        let line = line?;
        whole.clone_from(&line);
        word = line.split(' ').next().unwrap_or_default().to_owned();
        // The greeting has an empty word.
        if word.is_empty() && !content {
            word = "(empty)".to_owned();
        }
        heard(line);
    }
}

/// The error for a server with this script.
fn failure(script: &'static [(&'static str, &'static str)]) -> String {
    let server = scripted(script);
    let error = handler(&server.url).handle(&record("one")).unwrap_err().error;
    assert_eq!(error.exit(), Exit::Failed);
    let error = error.to_string();
    assert!(error.contains(server.url.trim_start_matches("smtp://")), "{error}");
    error
}

const GREETING: (&str, &str) = ("", "220 here");
const DATA: (&str, &str) = ("DATA", "354 go on");

#[test]
fn a_mail_takes_one_connection_from_greeting_to_quit() {
    let server = scripted(&[GREETING, DATA, ("QUIT", "221 bye")]);
    handler(&server.url).handle(&record("one")).unwrap();
    let mut words = Vec::new();
    while words.last().is_none_or(|word| word != "QUIT") {
        let line = server.said.recv_timeout(DEADLINE).unwrap();
        words.push(line.split(' ').next().unwrap_or_default().to_owned());
    }
    let commands = ["EHLO", "MAIL", "RCPT", "RCPT", "DATA"];
    assert_eq!(words[..5], commands);
    assert_eq!(words[words.len() - 3..], ["one", ".", "QUIT"]);
}

#[test]
fn a_refusal_is_reported_in_the_server_s_words_escaped() {
    let error = failure(&[GREETING, ("MAIL", "550 not \x1b[31myou")]);
    assert!(error.contains(r"refused: 550 not \x1b[31myou"), "{error}");
    let error = failure(&[GREETING, DATA, (".", "451 the disk is full")]);
    assert!(error.contains("refused: 451 the disk is full"), "{error}");
    let error = failure(&[("", "554 no mail here")]);
    assert!(error.contains("refused: 554 no mail here"), "{error}");
}

#[test]
fn a_refused_recipient_does_not_affect_the_others() {
    // The script does not distinguish recipients, so all are refused.
    let error = failure(&[GREETING, ("RCPT", "550 unknown"), DATA]);
    assert!(error.starts_with("no mail for ops@example.org and 1 more (2 of 2 recip"), "{error}");

    let (server, mails) = server();
    let to = (0..101).map(|number| format!("r{number}@example.org")).collect();
    let mut handler = made(SmtpOptions { to, ..options(&server.url()) });
    let error = handler.handle(&record("one")).unwrap_err().to_string();
    let expected =
        "no mail for r100@example.org (1 of 101 recipients; the other recipients got it): ";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(mails.recv_timeout(DEADLINE).unwrap().to.len(), 100);
}

#[test]
fn an_unreachable_or_disconnecting_server_is_named_with_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let handler = handler(&format!("smtp://{address}"));
    let error = handler.check().unwrap_err().to_string();
    assert!(error.starts_with(&format!("mail server {address}: connection refused")), "{error}");
    for script in
        [&[("", "close")][..], &[GREETING, ("MAIL", "close")], &[GREETING, (".", "close"), DATA]]
    {
        failure(script);
    }
}

#[test]
fn a_silent_server_is_given_up_after_the_timeout() {
    let timeout = Duration::from_millis(100);
    for script in [&[("", "silence")][..], &[GREETING, ("MAIL", "silence")]] {
        let server = scripted(script);
        let mut handler = made(SmtpOptions { timeout, ..options(&server.url) });
        let start = Instant::now();
        let error = handler.handle(&record("one")).unwrap_err().to_string();
        assert!(error.contains("did not answer within 100ms"), "{error}");
        assert!(start.elapsed() >= timeout);
        assert!(server.said.try_iter().all(|line| line != "QUIT"));
    }
}

#[test]
fn no_answer_of_a_server_causes_a_crash() {
    for reply in ["250-   \r\n250 fine", "250 ", "250", "", "999 what", "\u{fffd}", "250-\r\n250-"]
    {
        let script: &'static [(&str, &str)] = Box::leak(Box::new([GREETING, ("EHLO", reply)]));
        let server = scripted(script);
        let timeout = Duration::from_millis(200);
        let mut handler = made(SmtpOptions { timeout, ..options(&server.url) });
        // Sent or not, it returns.
        let _ = handler.handle(&record("one"));
    }
}

#[test]
fn nothing_is_sent_without_the_requested_encryption() {
    let server = scripted(&[GREETING]);
    let url = format!("{}?tls=required", server.url);
    let error = handler(&url).handle(&record("one")).unwrap_err().to_string();
    assert!(error.contains("offers no STARTTLS"), "{error}");
    assert!(server.said.try_iter().all(|line| !line.starts_with("MAIL")));
}

/// Mails of several records, with a spool.
fn batching(url: &str, count: usize) -> SmtpOptions {
    SmtpOptions {
        batch: BatchOptions { count, time: Duration::from_secs(3600) },
        spool: SpoolOptions {
            records: 10,
            retry: Duration::from_millis(10),
            retry_max: Duration::from_millis(20),
            ..SpoolOptions::default()
        },
        ..options(url)
    }
}

fn give(handler: &mut SmtpHandler, messages: &[&str]) {
    for msg in messages {
        handler.handle(&record(msg)).unwrap();
    }
}

#[test]
fn a_storm_is_one_mail_whose_subject_counts_records_and_names_the_worst() {
    let (server, mails) = server();
    let mut handler = made(batching(&server.url(), 1000));
    let start = Instant::now();
    give(&mut handler, &["one", "two"]);
    let critical = Record { level: Level::CRITICAL, topic: "".into(), ..record("it burns") };
    handler.handle(&critical).unwrap();
    give(&mut handler, &["four\nTraceback"]);
    handler.flush().unwrap();
    assert_eq!(server.received(), 0, "a pause does not end a batch");
    let due = handler.due(start).unwrap();
    handler.on_timer(due).unwrap();
    assert_eq!(handler.due(due), None);
    let (headers, body) = parts(&mails.recv_timeout(DEADLINE).unwrap());
    assert_eq!(header(&headers, "Subject"), "CRITICAL: it burns (4 records, worst CRITICAL)");
    assert_eq!(body, "one\r\ntwo\r\nit burns\r\nfour\r\nTraceback\r\n");
    assert_eq!(handler.backlog(), Backlog::default());
    assert_eq!(server.stop(), 1);
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
fn mails_for_an_unreachable_server_arrive_when_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut handler = made(batching(&format!("smtp://{address}"), 2));
    let start = Instant::now();
    let all: Vec<String> = (1..=13).map(|number| number.to_string()).collect();
    give(&mut handler, &all.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(start.elapsed() < DEADLINE, "the caller does not wait");
    // The spool holds ten.
    let backlog = handler.backlog();
    assert_eq!(backlog, Backlog { waiting: 10, lost: 3, unreachable: true, ..Backlog::default() });
    let error = handler.on_timer(Instant::now()).unwrap_err().to_string();
    assert!(error.contains("connection refused") && error.contains("has 2 records"), "{error}");

    let listener = TcpListener::bind(address).unwrap();
    let server = scripted_at(listener, &[GREETING, DATA]);
    drain(&mut handler);
    assert_eq!(handler.backlog(), Backlog { lost: 3, ..Backlog::default() });
    let said: Vec<String> = server.said.try_iter().collect();
    let numbers: Vec<&String> = said.iter().filter(|line| all.contains(line)).collect();
    assert_eq!(numbers, all[..10].iter().collect::<Vec<_>>());
    let dropped = "[3 records after these were lost: the spool was full]";
    assert_eq!(said.iter().filter(|line| *line == dropped).count(), 1);
}

#[test]
fn a_deferred_mail_is_repeated_with_the_same_id() {
    // The first attempt is deferred, the second accepted.
    let server = scripted(&[GREETING, DATA, (".", "451 later"), ("QUIT", "221 bye")]);
    let mut handler = made(batching(&server.url, 1));
    give(&mut handler, &["one"]);
    assert_eq!(handler.backlog(), Backlog { waiting: 1, unreachable: true, ..Backlog::default() });
    let mut ids = Vec::new();
    let start = Instant::now();
    while ids.len() < 2 {
        assert!(start.elapsed() < DEADLINE);
        let _ = handler.on_timer(Instant::now());
        ids.extend(server.said.try_iter().filter(|line| line.starts_with("Message-ID: ")));
    }
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].ends_with("@example.org>"), "{}", ids[0]);
}

#[test]
fn a_rejected_mail_is_lost_and_reported() {
    for script in [&[GREETING, DATA, (".", "554 spam")][..], &[GREETING, ("RCPT", "550 unknown")]] {
        let server = scripted(Box::leak(script.to_vec().into_boxed_slice()));
        let mut handler = made(batching(&server.url, 3));
        give(&mut handler, &["one", "two", "three"]);
        assert_eq!(handler.backlog(), Backlog { lost: 3, ..Backlog::default() });
        let error = handler.flush().unwrap_err().to_string();
        assert!(error.contains("The mail has 3 records."), "{error}");
    }
}

#[test]
fn a_server_that_refuses_the_connection_is_tried_again() {
    let script: &[_] = &[("", "554 no mail here")];
    let server = scripted(script);
    let mut handler = made(batching(&server.url, 1));
    give(&mut handler, &["one"]);
    assert_eq!(handler.backlog(), Backlog { waiting: 1, unreachable: true, ..Backlog::default() });
}

#[test]
fn deferred_recipients_get_the_mail_later_and_the_others_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let greylist: &[_] =
        &[GREETING, DATA, ("RCPT", "250 fine"), ("RCPT TO:<dev@example.org>", "450 come again")];
    let server = scripted_at(listener, greylist);
    let mut handler = made(batching(&url, 1));
    give(&mut handler, &["one"]);
    let error = handler.on_timer(Instant::now()).unwrap_err().to_string();
    let expected = "no mail for dev@example.org (1 of 2 recipients; the other recipients got it): ";
    assert!(error.starts_with(expected), "{error}");
    give(&mut handler, &["two"]);
    handler.close(Instant::now() + DEADLINE).unwrap_err();
    let said: Vec<String> = server.said.try_iter().collect();
    let asked = |name: &str| {
        said.iter().filter(|line| line.starts_with("RCPT") && line.contains(name)).count()
    };
    assert_eq!(asked("ops@"), 2, "each mail once, and the second did not wait");
    assert_eq!(asked("dev@"), 4, "and again at the end");
    let backlog = Backlog { unreachable: true, ..Backlog::default() };
    assert_eq!(handler.backlog(), backlog, "dev@ is still missing");
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

#[test]
fn closing_keeps_its_deadline_with_a_silent_server() {
    let server = scripted(&[("", "silence")]);
    let mut handler = made(batching(&server.url, 100));
    give(&mut handler, &["one", "two"]);
    let start = Instant::now();
    handler.close(start + Duration::from_millis(200)).unwrap_err();
    assert!(start.elapsed() < DEADLINE / 2);
    assert_eq!(handler.backlog(), Backlog { lost: 2, ..Backlog::default() });
}

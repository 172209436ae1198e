//! Batches, and mails that a server does not take at once.

use super::*;

/// Mails of several records, with a spool.
fn batching(url: &str, count: usize) -> SmtpOptions {
    SmtpOptions {
        batch: BatchOptions { count, time: Duration::from_secs(3600) },
        retry: RetryOptions {
            records: 10,
            retry: Duration::from_millis(10),
            retry_max: Duration::from_millis(20),
            ..RetryOptions::default()
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
fn closing_keeps_its_deadline_with_a_silent_server() {
    let server = scripted(&[("", "silence")]);
    let mut handler = made(batching(&server.url, 100));
    give(&mut handler, &["one", "two"]);
    let start = Instant::now();
    handler.close(start + Duration::from_millis(200)).unwrap_err();
    assert!(start.elapsed() < DEADLINE / 2);
    assert_eq!(handler.backlog(), Backlog { lost: 2, ..Backlog::default() });
}

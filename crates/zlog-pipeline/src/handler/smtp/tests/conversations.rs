//! Conversations with servers, and their errors.

use super::*;

/// The error for a server with this script.
fn failure(script: &'static [(&'static str, &'static str)]) -> String {
    let server = scripted(script);
    let error = handler(&server.url).handle(&record("one")).unwrap_err().error;
    assert_eq!(error.exit(), Exit::Failed);
    let error = error.to_string();
    assert!(error.contains(server.url.trim_start_matches("smtp://")), "{error}");
    error
}

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
        let start = Instant::now();
        let _ = handler.handle(&record("one"));
        assert!(start.elapsed() < Duration::from_secs(10), "{reply:?}");
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

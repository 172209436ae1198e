//! The server, spoken to by hand: what lettre and Python never send is here too.

use std::io::{BufRead, BufReader};
use std::time::Instant;

use proptest::prelude::*;

use super::session::{MAX_BYTES, MAX_RECIPIENTS};
use super::*;

/// Far above what anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A client that sends the given lines.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(server: &SmtpServer) -> Client {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut client = Client { stream: BufReader::new(stream) };
        assert!(client.line().starts_with("220 "));
        client
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The next line; empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }

    /// Says it, and returns the code of the reply, however many lines it has.
    fn say(&mut self, command: &str) -> u16 {
        self.send(format!("{command}\r\n"));
        self.code()
    }

    fn code(&mut self) -> u16 {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.get(..3).and_then(|code| code.parse().ok()).unwrap_or_default();
            }
        }
    }

    /// The commands before the content.
    fn begin(&mut self) {
        assert_eq!(self.say("MAIL FROM:<a@example.org>"), 250);
        assert_eq!(self.say("RCPT TO:<b@example.org>"), 250);
        assert_eq!(self.say("DATA"), 354);
    }
}

/// A server that passes on the mails that it receives.
fn keeping() -> (SmtpServer, crossbeam_channel::Receiver<Mail>) {
    let (kept, mails) = crossbeam_channel::unbounded();
    // The test may have ended.
    let inspect: Inspect = Box::new(move |mail| _ = kept.send(mail.clone()));
    let options = ServerOptions { inspect: Some(inspect), ..ServerOptions::default() };
    (SmtpServer::start(options).unwrap(), mails)
}

fn plain() -> SmtpServer {
    SmtpServer::start(ServerOptions::default()).unwrap()
}

#[test]
fn a_mail_is_received_with_its_dots_and_counted() {
    let (server, mails) = keeping();
    let mut client = Client::connect(&server);
    assert_eq!(client.say("EHLO here"), 250);
    client.begin();
    assert_eq!(client.say("..first\r\n\r\n..dot\r\n.inside.\r\nend\r\n."), 250);
    let mail = mails.recv_timeout(DEADLINE).unwrap();
    assert_eq!(mail.from, "a@example.org");
    assert_eq!(mail.to, ["b@example.org"]);
    assert_eq!(mail.data, b".first\r\n\r\n.dot\r\ninside.\r\nend\r\n");
    assert_eq!(server.received(), 1);
    assert_eq!(client.say("QUIT"), 221);
    assert_eq!(client.line(), "");
}

#[test]
fn an_empty_mail_ends_at_once_and_another_follows_on_the_same_connection() {
    let (server, mails) = keeping();
    let mut client = Client::connect(&server);
    client.say("HELO here");
    client.begin();
    assert_eq!(client.say("."), 250);
    client.begin();
    assert_eq!(client.say("more\r\n."), 250);
    let [first, second] = [(); 2].map(|()| mails.recv_timeout(DEADLINE).unwrap().data);
    assert_eq!((first.as_slice(), second.as_slice()), (&b""[..], &b"more\r\n"[..]));
    assert_eq!(server.stop(), 2);
}

#[test]
fn what_is_out_of_order_or_unknown_is_refused_and_the_conversation_goes_on() {
    let server = plain();
    let mut client = Client::connect(&server);
    let cases = [
        ("MAIL FROM:<a@example.org>", 503),
        ("RCPT TO:<a@example.org>", 503),
        ("DATA", 503),
        ("EHLO here", 250),
        ("RCPT TO:<a@example.org>", 503),
        ("MAIL FROM:<>", 250),
        ("MAIL FROM:<a@example.org>", 503),
        ("DATA", 503),
        ("RCPT TO:<>", 501),
        ("RSET", 250),
        ("MAIL FROM:<a@example.org> SIZE=99999999999", 552),
        ("STARTTLS", 502),
        ("AUTH PLAIN", 502),
        ("NONSENSE", 500),
        ("HELP", 214),
        ("VRFY a", 252),
        ("NOOP", 250),
    ];
    for (command, code) in cases {
        assert_eq!(client.say(command), code, "{command}");
    }
    client.begin();
    assert_eq!(client.say("."), 250);
    assert_eq!(server.received(), 1);
}

#[test]
fn a_mail_that_is_too_large_is_refused_and_the_next_one_taken() {
    let server = plain();
    let mut client = Client::connect(&server);
    client.say("EHLO here");
    client.begin();
    let line = format!("{}\r\n", "x".repeat(1022));
    for _ in 0..=MAX_BYTES / line.len() {
        client.send(&line);
    }
    assert_eq!(client.say("."), 552);
    client.begin();
    assert_eq!(client.say("."), 250);
    assert_eq!(server.received(), 1);
}

#[test]
fn recipients_are_limited() {
    let server = plain();
    let mut client = Client::connect(&server);
    client.say("EHLO here");
    client.say("MAIL FROM:<a@example.org>");
    for _ in 0..MAX_RECIPIENTS {
        assert_eq!(client.say("RCPT TO:<b@example.org>"), 250);
    }
    assert_eq!(client.say("RCPT TO:<b@example.org>"), 452);
}

#[test]
fn an_endless_line_closes_the_connection() {
    let server = plain();
    let mut client = Client::connect(&server);
    client.send("x".repeat(16_384));
    assert_eq!(client.code(), 500);
    // The rest of the line may be unread at the other end, which resets then.
    let mut rest = String::new();
    assert!(client.stream.read_line(&mut rest).is_err() || rest.is_empty(), "{rest}");
}

#[test]
fn a_mail_is_held_for_the_delay_before_it_is_acknowledged() {
    let delay = Duration::from_millis(30);
    let server = SmtpServer::start(ServerOptions { delay, ..ServerOptions::default() }).unwrap();
    let mut client = Client::connect(&server);
    client.say("EHLO here");
    client.begin();
    let start = Instant::now();
    assert_eq!(client.say("."), 250);
    assert!(start.elapsed() >= delay);
    assert_eq!(server.received(), 1);
}

#[test]
fn stopping_cuts_open_connections_and_counts_no_mail_that_was_not_acknowledged() {
    let (seen, inspected) = crossbeam_channel::unbounded();
    let options = ServerOptions {
        delay: Duration::from_secs(3600),
        inspect: Some(Box::new(move |_| _ = seen.send(()))),
    };
    let server = SmtpServer::start(options).unwrap();
    let mut idle = Client::connect(&server);
    let mut busy = Client::connect(&server);
    busy.say("EHLO here");
    busy.begin();
    busy.send(".\r\n");
    inspected.recv_timeout(DEADLINE).unwrap();
    let start = Instant::now();
    assert_eq!(server.stop(), 0);
    assert!(start.elapsed() < STOP_TIMEOUT, "{:?}", start.elapsed());
    assert_eq!(idle.line(), "");
    assert_ne!(busy.code(), 250);
}

#[test]
fn mails_from_many_connections_are_all_counted() {
    let server = plain();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::connect(&server);
                client.say("EHLO here");
                for _ in 0..5 {
                    client.begin();
                    assert_eq!(client.say("."), 250);
                }
            });
        }
        assert_eq!(server.wait_for(40, DEADLINE), 40);
    });
    assert_eq!(server.wait_for(41, Duration::ZERO), 40);
}

/// The result of one conversation, however its bytes are cut.
fn spoken(bytes: &[u8], cuts: &[usize]) -> (Vec<Mail>, Vec<u8>) {
    let (mut session, mut replies, mut mails) = (Session::default(), Vec::new(), Vec::new());
    let mut deliver = |mail: &Mail| {
        mails.push(mail.clone());
        true
    };
    let mut rest = bytes;
    for cut in cuts {
        let (now, later) = rest.split_at(*cut.min(&rest.len()));
        session.feed(now, &mut replies, &mut deliver);
        rest = later;
    }
    session.feed(rest, &mut replies, &mut deliver);
    (mails, replies)
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_arrive(
        lines in prop::collection::vec("[.]{0,2}[ -~]{0,20}", 0..8),
        cuts in prop::collection::vec(1usize..40, 0..40),
    ) {
        let mut bytes = b"EHLO here\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n".to_vec();
        let mut content = Vec::new();
        for line in &lines {
            let stuffing = if line.starts_with('.') { "." } else { "" };
            bytes.extend_from_slice(format!("{stuffing}{line}\r\n").as_bytes());
            content.extend_from_slice(format!("{line}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b".\r\nNOOP\r\n");
        let (mails, replies) = spoken(&bytes, &cuts);
        prop_assert_eq!(mails.len(), 1);
        prop_assert_eq!(&mails[0].data, &content);
        prop_assert_eq!(replies, spoken(&bytes, &[]).1);
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(1usize..40, 0..10),
    ) {
        spoken(&bytes, &cuts);
        let started = [b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n", &*bytes].concat();
        spoken(&started, &cuts);
    }
}

//! Mails, and the conversations with servers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, unbounded};

use super::*;
use crate::handler::Handler;
use crate::handler::testing::{DEADLINE, drain, text};
use zlog_bench::smtp_server::{Mail, ServerOptions, SmtpServer};
use zlog_core::{Exit, Level};

mod batches;
mod conversations;
mod mails;

/// One mail per record, sent while the caller waits.
fn options(url: &str) -> SmtpOptions {
    SmtpOptions {
        server: url.into(),
        from: "zlog <zlog@example.org>".into(),
        to: vec!["ops@example.org".into(), "dev@example.org".into()],
        timeout: DEADLINE,
        login: LoginFrom::None,
        batch: BatchOptions::EACH,
        retry: RetryOptions::NONE,
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
    let (received, said) = unbounded();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Some tests disconnect early.
            let _ = answer(&stream, script, &|line| _ = received.send(line));
        }
    });
    Scripted { url, said }
}

fn answer(
    mut stream: &TcpStream,
    script: &[(&str, &str)],
    received: &dyn Fn(String),
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
        received(line);
    }
}

const GREETING: (&str, &str) = ("", "220 here");
const DATA: (&str, &str) = ("DATA", "354 go on");

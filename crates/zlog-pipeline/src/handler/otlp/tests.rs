//! The handler, with a collector that answers as a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use prost::Message as _;

use super::{Compression, OtlpHandler, OtlpOptions};
use crate::handler::retry::{BatchOptions, RetryOptions};
use crate::handler::{Backlog, Handler as _};
use crate::otlp::proto::ExportLogsServiceRequest;
use crate::otlp::read;
use crate::tls::TlsOptions;
use zlog_core::{Level, Record};

const DEADLINE: Duration = Duration::from_secs(20);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const NONE: Backlog = Backlog { waiting: 0, lost: 0, cut: 0, unconfirmed: 0, unreachable: false };

/// A request: its head, and the texts of its records with the topics.
struct Asked {
    head: String,
    records: Vec<(String, String)>,
}

/// A collector that gives these answers, and then accepts everything.
struct Collector {
    url: String,
    asked: Receiver<Asked>,
}

impl Collector {
    fn start(answers: Vec<String>) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, asked) = channel();
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            for stream in listener.incoming().flatten() {
                while let Some(request) = read_request(&stream) {
                    let _ = sender.send(request);
                    let answer = answers.next().unwrap_or_else(|| OK.to_owned());
                    let whole = (&stream).write_all(answer.as_bytes()).is_ok();
                    if !whole || !answer.ends_with(OK) && !answer.contains("Content-Length") {
                        break;
                    }
                }
            }
        });
        Collector { url, asked }
    }

    fn next(&self) -> Asked {
        self.asked.recv_timeout(DEADLINE).expect("a request in time")
    }

    fn handler(&self) -> OtlpHandler {
        handler(OtlpOptions { url: self.url.clone(), ..OtlpOptions::default() })
    }
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let value = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name))?;
        Some(line.split_once(": ")?.1.to_owned())
    };
    let mut body = vec![0; value("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    if value("content-encoding").as_deref() == Some("gzip") {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*body).read_to_end(&mut text).expect("gzip");
        body = text;
    }
    let mut records = Vec::new();
    for logs in ExportLogsServiceRequest::decode(&*body).expect("a request").resource_logs {
        for scope in &logs.scope_logs {
            for log in &scope.log_records {
                let record = read::record(
                    "",
                    &logs.resource.clone().unwrap_or_default(),
                    &scope.scope.clone().unwrap_or_default(),
                    log,
                )
                .0;
                records.push((record.topic.to_string(), record.msg.to_string()));
            }
        }
    }
    Some(Asked { head, records })
}

fn handler(options: OtlpOptions) -> OtlpHandler {
    let (retry, retry_max) = (Duration::from_millis(10), Duration::from_millis(50));
    let batch = BatchOptions { count: 100, time: Duration::ZERO };
    let retry = RetryOptions { retry, retry_max, ..RetryOptions::default() };
    OtlpHandler::new(OtlpOptions { batch, retry, ..options }).expect("a handler")
}

fn record(topic: &'static str, text: String) -> Record<'static> {
    Record { topic: topic.into(), msg: text.into(), level: Level::ERROR, ..Record::default() }
}

fn give(handler: &mut OtlpHandler, count: usize) {
    for number in 0..count {
        handler.handle(&record("app.ERROR", number.to_string())).expect("taken");
    }
}

fn numbers(asked: &Asked) -> Vec<usize> {
    asked.records.iter().map(|(_, text)| text.parse().expect("a number")).collect()
}

#[test]
fn a_batch_is_one_request_with_each_resource_once() {
    for compression in [Compression::None, Compression::Gzip] {
        let collector = Collector::start(Vec::new());
        let url = collector.url.clone();
        let mut handler = handler(OtlpOptions { url, compression, ..OtlpOptions::default() });
        for topic in ["a.ERROR", "b.ERROR.db", "a.ERROR"] {
            handler.handle(&record(topic, format!("of {topic}"))).expect("taken");
        }
        handler.flush().expect("flushed");
        let asked = collector.next();
        assert!(asked.head.starts_with("POST /v1/logs HTTP/1.1\r\n"), "{}", asked.head);
        assert!(asked.head.contains("application/x-protobuf"), "{}", asked.head);
        let topics: Vec<&str> = asked.records.iter().map(|(topic, _)| &**topic).collect();
        assert_eq!(topics, ["a.ERROR", "a.ERROR", "b.ERROR.db"]);
        assert_eq!(handler.backlog(), NONE);
    }
}

#[test]
fn what_a_busy_or_broken_collector_did_not_take_is_sent_again_in_order() {
    let busy = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nbusy");
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    for (answer, says) in [
        (busy("429 Too Many Requests"), "answers 429 Too Many Requests: busy"),
        (busy("503 Service Unavailable"), "answers 503 Service Unavailable: busy"),
        ("\u{1b}[2J garbage\r\n\r\n".to_owned(), "broke: invalid HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-".to_owned(), "broke: "),
        (html.to_owned(), "not as a collector: 6 bytes, text/html"),
    ] {
        let collector = Collector::start(vec![answer]);
        let mut handler = collector.handler();
        give(&mut handler, 3);
        let error = handler.flush().unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains('\u{1b}'), "{error}");
        assert_eq!(handler.backlog(), Backlog { waiting: 3, unreachable: true, ..NONE });
        handler.handle(&record("app.ERROR", "3".to_owned())).expect("taken");
        assert_eq!(numbers(&collector.next()), [0, 1, 2]);
        let _ = handler.close(Instant::now() + DEADLINE);
        assert_eq!(numbers(&collector.next()), [0, 1, 2]);
        assert_eq!(numbers(&collector.next()), [3]);
        assert_eq!(handler.backlog(), NONE);
    }
}

#[test]
fn a_collector_that_asks_to_wait_is_left_alone_for_that_time() {
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n";
    let collector = Collector::start(vec![busy.to_owned()]);
    let mut handler = collector.handler();
    give(&mut handler, 1);
    handler.flush().unwrap_err();
    let due = handler.due(Instant::now()).expect("due");
    let wait = due.duration_since(Instant::now());
    assert!(wait > Duration::from_secs(290), "{wait:?}");
}

#[test]
fn a_refused_batch_is_counted_and_not_sent_again() {
    let refused = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nno \u{1b}token".to_owned();
    let collector = Collector::start(vec![refused]);
    let mut handler = collector.handler();
    give(&mut handler, 3);
    let error = handler.flush().unwrap_err().to_string();
    let says = "3 records were not taken: the collector answers 401 Unauthorized: no \\x1btoken";
    assert!(error.starts_with(says) && error.contains("headers=FILE"), "{error}");
    assert_eq!(handler.backlog(), Backlog { lost: 3, unreachable: true, ..NONE });
    give(&mut handler, 1);
    handler.flush().expect("flushed");
    assert_eq!(handler.backlog(), Backlog { lost: 3, ..NONE });
}

#[test]
fn the_status_counts_even_if_the_answer_is_too_long_to_be_read() {
    let long = |status: &str| {
        let length = (1 << 20) + 1;
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))
    };
    let collector = Collector::start(vec![long("400 Bad Request"), long("200 OK")]);
    let mut handler = collector.handler();
    give(&mut handler, 2);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.starts_with("2 records were not taken: the collector answers 400"), "{error}");
    assert_eq!(handler.backlog().lost, 2);
    give(&mut handler, 1);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("not as a collector: an answer of more than 1 MiB"), "{error}");
    assert_eq!(handler.backlog().waiting, 1);
}

#[test]
fn a_certificate_to_trust_that_can_not_be_used_is_named_with_its_file() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("ca.pem");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&path, pem).expect("written");
    let url = "https://127.0.0.1:1".to_owned();
    let trust = Some(path.clone());
    let tls = TlsOptions { trust, ..TlsOptions::default() };
    let mut handler = handler(OtlpOptions { url, tls, ..OtlpOptions::default() });
    give(&mut handler, 1);
    let error = handler.flush().unwrap_err().to_string();
    let says = format!("{} has a certificate that can't be used: ", path.display());
    assert!(error.starts_with(&says), "{error}");
}

#[test]
fn a_partial_success_is_counted_and_a_warning_is_told_once() {
    let json = |body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let partial = r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}"#;
    let warning = r#"{"partialSuccess":{"errorMessage":"use gzip"}}"#;
    let collector = Collector::start(vec![json(partial), json(warning), json(warning)]);
    let mut handler = collector.handler();
    give(&mut handler, 5);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("2 records were not taken") && error.contains("too old"), "{error}");
    for _ in 0..2 {
        give(&mut handler, 1);
        handler.flush().expect("flushed");
    }
    assert_eq!(handler.take_notices(), ["the collector warns: use gzip"]);
    assert_eq!(handler.backlog(), Backlog { lost: 2, ..NONE });
}

#[test]
fn a_batch_that_is_too_large_is_sent_in_halves() {
    let large = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n".to_owned();
    let collector = Collector::start(vec![large.clone(), large.clone(), large]);
    let mut handler = collector.handler();
    give(&mut handler, 4);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("1 record was not taken: larger than the collector allows"), "{error}");
    let asked: Vec<Vec<usize>> = (0..6).map(|_| numbers(&collector.next())).collect();
    assert_eq!(asked, [vec![0, 1, 2, 3], vec![0, 1], vec![0], vec![1], vec![2], vec![3]]);
    assert_eq!(handler.backlog(), Backlog { lost: 1, unreachable: true, ..NONE });
}

#[test]
fn a_collector_that_is_away_is_named_with_the_next_step() {
    let free = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().unwrap();
    let url = format!("http://{free}/otlp?key=secret");
    let mut handler = handler(OtlpOptions { url, ..OtlpOptions::default() });
    give(&mut handler, 1);
    let error = handler.flush().unwrap_err().to_string();
    let says = format!("no collector at http://{free}/otlp: connection refused");
    assert!(error.starts_with(&says) && error.contains("4318"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    assert_eq!(handler.backlog(), Backlog { waiting: 1, unreachable: true, ..NONE });
}

#[test]
fn headers_come_from_a_file_and_a_bad_line_is_named_without_its_text() {
    let collector = Collector::start(Vec::new());
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("headers");
    let (url, headers) = (collector.url.clone(), Some(path.clone()));
    let mut handler = handler(OtlpOptions { url, headers, ..OtlpOptions::default() });
    std::fs::write(&path, "X-Scope-OrgID: me\n\nsecret\n").expect("written");
    give(&mut handler, 1);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.starts_with("line 3 of ") && !error.contains("secret"), "{error}");
    std::fs::write(&path, "X-Scope-OrgID: me\nAuthorization: Bearer a+b=\n").expect("written");
    handler.close(Instant::now() + DEADLINE).expect("closed");
    let head = collector.next().head;
    assert!(head.contains("x-scope-orgid: me\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer a+b=\r\n"), "{head}");
}

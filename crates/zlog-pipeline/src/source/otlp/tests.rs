use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use prost::Message as _;

use super::deliver::OtlpSource;
use super::*;
use crate::otlp::proto::{
    AnyValue, ExportLogsServiceRequest, ExportLogsServiceResponse, KeyValue, LogRecord, Resource,
    ResourceLogs, ScopeLogs, Value,
};
use crate::source::testing::{DEADLINE, keep, messages, poll_until};
use crate::source::{PollStatus, SourceCounts};

/// A source, and its address.
fn listening(options: OtlpListenOptions) -> (OtlpSource, SocketAddr) {
    let addresses = vec!["127.0.0.1:0".parse().expect("an address")];
    let mut source =
        OtlpSource::open(&OtlpListenOptions { addresses, ..options }).expect("a source");
    let notices = source.take_notices();
    let mut words = notices[0].text.split(' ');
    let address = words.find_map(|word| word.parse().ok()).expect("its address");
    (source, address)
}

fn request(texts: &[&str]) -> Vec<u8> {
    let log = |text: &&str| LogRecord { event_name: (*text).to_owned(), ..LogRecord::default() };
    let log_records = texts.iter().map(log).collect();
    let scope_logs = vec![ScopeLogs { scope: None, log_records }];
    let logs = ResourceLogs { resource: Some(Resource::default()), scope_logs };
    ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec()
}

/// Sends a request; its answer is to be read.
fn send(address: SocketAddr, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).expect("write");
    stream
}

/// Status line, other headers and body of the answer.
fn answer(stream: &TcpStream) -> (String, String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut status, mut head) = (String::new(), String::new());
    reader.read_line(&mut status).expect("a line");
    while !head.ends_with("\r\n\r\n") && head != "\r\n" {
        assert_ne!(reader.read_line(&mut head).expect("a line"), 0, "{status}{head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
    reader.read_exact(&mut body).expect("a body");
    (status.trim_end().to_owned(), head, body)
}

#[test]
fn a_request_is_answered_only_after_its_records_were_handled() {
    let (mut source, address) = listening(OtlpListenOptions::default());
    let stream = send(address, &request(&["one", "two"]));
    let mut records = Vec::new();
    poll_until(&mut source, &mut records, |records| records.len() == 2);
    while source.poll(Duration::ZERO, &mut keep(&mut records)).unwrap() == PollStatus::Delivered {}
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!((&stream).read(&mut [0]).is_err(), "it was answered");
    source.checkpoint(false);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let (status, _, body) = answer(&stream);
    assert_eq!((&*status, &*body), ("HTTP/1.1 200 OK", &[][..]));
    assert_eq!(messages(&records), ["one", "two"]);
    assert_eq!(source.counts().listen.records, 2);
}

#[test]
fn a_source_that_is_not_polled_asks_its_peers_to_come_again() {
    let (mut source, address) = listening(OtlpListenOptions::default());
    let stream = send(address, &request(&["one"]));
    let (status, head, _) = answer(&stream);
    assert!(status.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"), "{head}");
    // What the peer sends again must not be delivered twice.
    let mut records = Vec::new();
    source.poll(Duration::from_millis(50), &mut keep(&mut records)).unwrap();
    assert!(records.is_empty());
    let stream = send(address, &request(&["one"]));
    poll_until(&mut source, &mut records, |records| !records.is_empty());
    source.poll(Duration::ZERO, &mut keep(&mut records)).unwrap();
    source.checkpoint(false);
    assert_eq!(answer(&stream).0, "HTTP/1.1 200 OK");
}

#[test]
fn what_a_break_left_is_delivered_at_the_end_and_then_answered() {
    let (mut source, address) = listening(OtlpListenOptions::default());
    let stream = send(address, &request(&["one", "two", "three"]));
    let mut records = Vec::new();
    let until = Instant::now() + DEADLINE;
    while records.is_empty() && Instant::now() < until {
        let mut once = |record: &mut zlog_core::Record<'_>| {
            records.push(std::mem::take(record).into_owned());
            Ok(ControlFlow::Break(()))
        };
        source.poll(Duration::from_millis(20), &mut once).unwrap();
    }
    assert_eq!(messages(&records), ["one"]);
    let begun = Instant::now();
    source.finish(DEADLINE, &mut keep(&mut records)).unwrap();
    assert!(begun.elapsed() < DEADLINE, "it waited for nothing");
    assert_eq!(messages(&records), ["one", "two", "three"]);
    // The caller has still to write them out.
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!((&stream).read(&mut [0]).is_err(), "it was answered");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    source.checkpoint(false);
    assert_eq!(answer(&stream).0, "HTTP/1.1 200 OK");
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn a_record_that_can_not_be_read_is_counted_and_its_sender_told() {
    let (mut source, address) =
        listening(OtlpListenOptions { max_record: 100, ..OtlpListenOptions::default() });
    let message = |field: u8, content: &[u8]| {
        let mut out = vec![field << 3 | 2];
        prost::encode_length_delimiter(content.len(), &mut out).unwrap();
        out.extend_from_slice(content);
        out
    };
    // A severity text that is no UTF-8, a record without anything, and one that is too long.
    let records = [message(3, &[0xff]), Vec::new(), message(3, &[b'x'; 120])];
    let scope: Vec<u8> = records.iter().flat_map(|record| message(2, record)).collect();
    let body = message(1, &message(2, &scope));
    let stream = send(address, &body);
    let mut delivered = Vec::new();
    poll_until(&mut source, &mut delivered, |records| !records.is_empty());
    source.poll(Duration::ZERO, &mut keep(&mut delivered)).unwrap();
    source.checkpoint(false);
    let (status, _, body) = answer(&stream);
    assert_eq!(status, "HTTP/1.1 200 OK");
    let partial = ExportLogsServiceResponse::decode(&*body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 2);
    assert!(partial.error_message.contains("can't be read"), "{}", partial.error_message);
    let SourceCounts { listen, .. } = source.counts();
    assert_eq!((listen.records, listen.unreadable, listen.too_large), (1, 1, 1));
    let notices = source.take_notices();
    assert!(notices[0].text.starts_with("2 records of 127.0.0.1:"), "{notices:?}");
}

#[test]
fn a_body_of_many_gzip_members_is_refused_counted_and_told() {
    let (mut source, address) = listening(OtlpListenOptions::default());
    let empty = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let body = empty.finish().unwrap().repeat(1000);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n\
         Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let (status, _, _) = answer(&stream);
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert_eq!(source.counts().listen.unreadable, 1);
    let notices = source.take_notices();
    assert!(notices[0].text.contains("more than one gzip member"), "{notices:?}");
}

#[test]
fn a_peer_beyond_the_limit_is_refused_and_named() {
    let (mut source, address) =
        listening(OtlpListenOptions { max_clients: 1, ..OtlpListenOptions::default() });
    let first = TcpStream::connect(address).unwrap();
    let until = Instant::now() + DEADLINE;
    while source.counts().listen.clients == 0 && Instant::now() < until {
        std::thread::yield_now();
    }
    let second = TcpStream::connect(address).unwrap();
    second.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!((&second).read(&mut [0]).unwrap(), 0, "it was not closed");
    while source.counts().listen.refused == 0 && Instant::now() < until {
        std::thread::yield_now();
    }
    assert!(source.take_notices()[0].text.contains("too many clients (--max-clients)"));
    drop(first);
}

#[test]
fn a_peer_that_sends_no_whole_head_is_disconnected() {
    let stall = Duration::from_millis(100);
    let (source, address) = listening(OtlpListenOptions { stall, ..OtlpListenOptions::default() });
    for begin in ["", "P", "PRI", "POST /v1/logs HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(begin.as_bytes()).unwrap();
        // Settings of HTTP/2 may come before the end.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap_or_else(|error| panic!("{begin}: {error}"));
    }
    assert_eq!(source.counts().listen.clients_total, 4);
}

#[test]
fn a_peer_that_stops_in_the_middle_of_a_body_is_told_to_come_again() {
    let stall = Duration::from_millis(100);
    let (_source, address) = listening(OtlpListenOptions { stall, ..OtlpListenOptions::default() });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n";
    stream.write_all(format!("{head}Content-Length: 50\r\n\r\nx").as_bytes()).unwrap();
    let (status, head, _) = answer(&stream);
    assert!(status.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"), "{head}");
}

#[test]
fn records_of_a_resource_that_is_too_long_are_refused_and_the_others_arrive() {
    let (mut source, address) =
        listening(OtlpListenOptions { max_record: 100, ..OtlpListenOptions::default() });
    let logs = |name: &str, text: &str| {
        let value = AnyValue { value: Some(Value::StringValue(name.to_owned())) };
        let attributes = vec![KeyValue { key: "service.name".to_owned(), value: Some(value) }];
        let log = LogRecord { event_name: text.to_owned(), ..LogRecord::default() };
        let scope_logs = vec![ScopeLogs { scope: None, log_records: vec![log] }];
        ResourceLogs { resource: Some(Resource { attributes }), scope_logs }
    };
    let resource_logs = vec![logs("a", "one"), logs(&"x".repeat(200), "two"), logs("b", "three")];
    let stream = send(address, &ExportLogsServiceRequest { resource_logs }.encode_to_vec());
    let mut records = Vec::new();
    poll_until(&mut source, &mut records, |records| records.len() == 2);
    source.poll(Duration::ZERO, &mut keep(&mut records)).unwrap();
    source.checkpoint(false);
    assert_eq!(messages(&records), ["one", "three"]);
    let topics: Vec<_> = records.iter().map(|record| &*record.topic).collect();
    assert_eq!(topics, ["a.NOTSET", "b.NOTSET"]);
    let (_, _, body) = answer(&stream);
    let partial = ExportLogsServiceResponse::decode(&*body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 1);
    assert!(partial.error_message.starts_with("the resource of a record has "));
    assert_eq!(source.counts().listen.too_large, 1);
}

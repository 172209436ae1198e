use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

use super::*;
use crate::handler::testing::{close, drain};

fn handler(address: impl Into<String>) -> SyslogHandler {
    SyslogHandler::new(options(address), text()).unwrap()
}

pub(super) fn give(handler: &mut SyslogHandler, messages: &[&str]) {
    for msg in messages {
        handler.handle(&record(msg)).unwrap();
    }
}

/// The next message on a stream that counts octets.
pub(super) fn counted(stream: &mut impl BufRead) -> Option<String> {
    let mut length = Vec::new();
    stream.read_until(b' ', &mut length).unwrap();
    let length = String::from_utf8(length).unwrap();
    let mut message = vec![0; length.strip_suffix(' ')?.parse().unwrap()];
    stream.read_exact(&mut message).unwrap();
    Some(String::from_utf8(message).unwrap())
}

fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    let stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    BufReader::new(stream)
}

#[test]
fn messages_over_tcp_are_preceded_by_their_length() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut handler = handler(format!("tcp://{}", listener.local_addr().unwrap()));
    give(&mut handler, &["one\ntwo", "ü", ""]);
    handler.flush().unwrap();
    let mut stream = accept(&listener);
    for msg in ["one\ntwo", "ü", ""] {
        let message = counted(&mut stream).unwrap();
        assert_eq!(parse(&message).unwrap().msg, msg);
    }
    close(&mut handler).unwrap();
    drop(handler);
    assert_eq!(counted(&mut stream), None);
}

#[test]
fn messages_over_tcp_are_lines_if_their_framing_is_lf() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let options = SyslogOptions { framing: "lf".parse().unwrap(), ..options(address) };
    let mut handler = SyslogHandler::new(options, text()).unwrap();
    let extras = vec![("key".into(), zlog_core::RawJson("\"a\\nb\"".into()))];
    handler.handle(&Record { extras, ..record("one\ntwo") }).unwrap();
    give(&mut handler, &["three"]);
    handler.flush().unwrap();
    let stream = accept(&listener);
    close(&mut handler).unwrap();
    drop(handler);
    let lines: Vec<String> = stream.lines().map(Result::unwrap).collect();
    let first = parse(&lines[0]).unwrap();
    assert_eq!((first.msg, &*first.data["extra@32473"]["key"]), ("one#012two", "a#012b"));
    assert_eq!(parse(&lines[1]).unwrap().msg, "three");
    assert_eq!(lines.len(), 2);
    assert!("nul".parse::<Framing>().is_err());
}

#[test]
fn after_the_daemon_closed_the_connection_messages_use_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut handler = handler(format!("tcp://{}", listener.local_addr().unwrap()));
    for msg in ["one", "two", "three"] {
        give(&mut handler, &[msg]);
        handler.flush().unwrap();
        let mut stream = accept(&listener);
        let message = counted(&mut stream).unwrap();
        assert_eq!(parse(&message).unwrap().msg, msg);
        // Otherwise the first batch after a restart would be lost unnoticed.
        drop(stream);
    }
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
fn messages_for_an_unreachable_daemon_arrive_when_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut handler = handler(format!("tcp://{address}"));
    give(&mut handler, &["one", "two"]);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.starts_with(&format!("syslog tcp://{address}: connection refused\n")), "{error}");
    assert_eq!(handler.backlog(), Backlog { waiting: 2, unreachable: true, ..Backlog::default() });
    let listener = TcpListener::bind(address).unwrap();
    let reader = thread::spawn(move || {
        let mut stream = accept(&listener);
        [(); 3].map(|()| counted(&mut stream).unwrap())
    });
    drain(&mut handler);
    give(&mut handler, &["three"]);
    handler.flush().unwrap();
    let messages = reader.join().unwrap();
    assert_eq!(messages.each_ref().map(|m| parse(m).unwrap().msg), ["one", "two", "three"]);
    assert_eq!(handler.backlog(), Backlog::default());
}

/// A daemon that ends loses unread messages, and one that has read all of them may not come back:
/// in both cases, they count as unconfirmed.
#[test]
fn messages_on_a_broken_connection_are_unconfirmed() {
    for reads in [false, true] {
        let own = crate::socket::testing::own_address().replace("tcp://", "");
        let listener = TcpListener::bind(own).unwrap();
        let address = listener.local_addr().unwrap();
        let mut handler = handler(format!("tcp://{address}"));
        give(&mut handler, &["one", "two"]);
        handler.flush().unwrap();
        assert_eq!(handler.backlog(), Backlog::default());
        let mut stream = accept(&listener);
        for _ in 0..if reads { 2 } else { 0 } {
            counted(&mut stream).unwrap();
        }
        drop((stream, listener));
        // A child process of another test may briefly hold a copy of the descriptors.
        while std::net::TcpStream::connect(address).is_ok() {
            thread::yield_now();
        }
        give(&mut handler, &["three"]);
        handler.flush().unwrap_err();
        let unreachable =
            Backlog { waiting: 1, unconfirmed: 2, unreachable: true, ..Backlog::default() };
        assert_eq!(handler.backlog(), unreachable, "{reads}");
        let listener = TcpListener::bind(address).unwrap();
        drain(&mut handler);
        assert_eq!(parse(&counted(&mut accept(&listener)).unwrap()).unwrap().msg, "three");
        assert_eq!(handler.backlog(), Backlog { unconfirmed: 2, ..Backlog::default() });
    }
}

#[test]
fn a_daemon_that_stops_reading_is_unreachable_and_gets_whole_messages_later() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_millis(200);
    let options = SyslogOptions { timeout, max_message: 1 << 20, ..options(address) };
    let mut handler = SyslogHandler::new(options, text()).unwrap();
    let large = "x".repeat(1 << 19);
    let (mut given, mut stuck) = (0, None);
    while stuck.is_none() && given < 1000 {
        give(&mut handler, &[&large]);
        given += 1;
        stuck = handler.flush().err();
    }
    let error = stuck.expect("no buffer takes that much").to_string();
    assert!(error.contains("did not answer within 200ms"), "{error}");
    let waiting = handler.backlog().waiting;
    assert!(waiting > 0 && waiting < given, "{waiting} of {given}");
    // The daemon restarts.
    drop(accept(&listener));
    let reader = thread::spawn(move || {
        let mut stream = accept(&listener);
        let bytes = |_| parse(&counted(&mut stream).unwrap()).unwrap().msg.len() as u64;
        (0..waiting).map(bytes).sum()
    });
    drain(&mut handler);
    let bytes: u64 = reader.join().unwrap();
    assert_eq!(bytes, waiting << 19);
}

/// The next message received as a datagram.
fn datagram(receive: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> String {
    let mut message = vec![0; MAX_DATAGRAM];
    let length = receive(&mut message).unwrap();
    parse(std::str::from_utf8(&message[..length]).unwrap()).unwrap().msg.to_owned()
}

#[test]
fn a_refused_udp_datagram_is_sent_again_when_the_daemon_is_back() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = daemon.local_addr().unwrap();
    let mut handler = handler(format!("udp://{address}"));
    give(&mut handler, &["one\nline"]);
    handler.flush().unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(datagram(|buffer| daemon.recv(buffer)), "one\nline");
    drop(daemon);
    // The first is refused after it was sent; the rest of the batch notices that.
    give(&mut handler, &["two", "three", "four"]);
    let start = Instant::now();
    while handler.flush().is_ok() {
        assert!(start.elapsed() < DEADLINE);
        let _ = handler.on_timer(Instant::now());
    }
    let error = handler.on_timer(Instant::now() + DEADLINE).unwrap_err().to_string();
    assert!(error.contains("connection refused"), "the probe finds it unreachable: {error}");
    let backlog = handler.backlog();
    assert!(backlog.unreachable && backlog.waiting >= 2, "{backlog:?}");
    let daemon = UdpSocket::bind(address).unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    drain(&mut handler);
    assert_eq!(handler.backlog().lost, 0);
    for msg in ["two", "three", "four"] {
        assert_eq!(datagram(|buffer| daemon.recv(buffer)), msg);
    }
}

/// The refusal of a datagram that is alone in its batch is noticed by the next batch, by the timer
/// or by close.
#[test]
fn a_refused_udp_datagram_alone_in_its_batch_is_sent_again() {
    type Notice = fn(&mut SyslogHandler);
    let by_the_next: Notice = |handler| {
        give(handler, &["three"]);
        let error = handler.flush().unwrap_err().to_string();
        assert!(error.contains("connection refused"), "{error}");
        assert_eq!(handler.backlog().waiting, 2);
    };
    let by_the_timer: Notice = |handler| {
        let start = Instant::now();
        while !handler.backlog().unreachable {
            assert!(start.elapsed() < DEADLINE);
            let _ = handler.on_timer(Instant::now());
            if let Some(due) = handler.due(Instant::now()) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
    };
    let by_close: Notice = |_| {};
    for (notice, expected) in
        [(by_the_next, &["two", "three"][..]), (by_the_timer, &["two"]), (by_close, &["two"])]
    {
        let own = crate::socket::testing::own_address().replace("tcp://", "");
        let daemon = UdpSocket::bind(own).unwrap();
        let address = daemon.local_addr().unwrap();
        let mut handler = handler(format!("udp://{address}"));
        give(&mut handler, &["one"]);
        handler.flush().unwrap();
        drop(daemon);
        give(&mut handler, &["two"]);
        handler.flush().unwrap();
        notice(&mut handler);
        let daemon = UdpSocket::bind(address).unwrap();
        daemon.set_read_timeout(Some(DEADLINE)).unwrap();
        let _ = close(&mut handler);
        for msg in expected {
            assert_eq!(datagram(|buffer| daemon.recv(buffer)), *msg);
        }
        daemon.set_nonblocking(true).unwrap();
        daemon.recv(&mut [0; 16]).expect_err("each is repeated once");
        let backlog = handler.backlog();
        assert_eq!((backlog.waiting, backlog.lost), (0, 0), "{backlog:?}");
    }
}

#[test]
fn a_refused_datagram_that_can_not_be_sent_again_is_lost() {
    let own = crate::socket::testing::own_address().replace("tcp://", "");
    let daemon = UdpSocket::bind(own).unwrap();
    let mut handler = handler(format!("udp://{}", daemon.local_addr().unwrap()));
    drop(daemon);
    give(&mut handler, &["one"]);
    handler.flush().unwrap();
    give(&mut handler, &["two"]);
    handler.flush().unwrap_err();
    handler.close(Instant::now()).unwrap_or_default();
    let backlog = handler.backlog();
    assert_eq!((backlog.waiting, backlog.lost), (0, 2), "{backlog:?}");
}

#[cfg(unix)]
#[test]
fn unix_sockets_may_be_datagrams_or_streams() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let address = path.to_str().unwrap().to_owned();
    let mut handler = handler(&address);
    give(&mut handler, &["one"]);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.starts_with(&format!("syslog unix:{address}: no such file")), "{error}");
    let daemon = UnixDatagram::bind(&path).unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    drain(&mut handler);
    assert_eq!(datagram(|buffer| daemon.recv(buffer)), "one");
    drop(daemon);
    std::fs::remove_file(&path).unwrap();

    let listener = UnixListener::bind(&path).unwrap();
    give(&mut handler, &["two\nlines", "three"]);
    let _ = handler.flush();
    drain(&mut handler);
    drop(handler);
    let mut read = String::new();
    listener.accept().unwrap().0.read_to_string(&mut read).unwrap();
    let messages: Vec<_> = read.split_terminator('\0').map(|m| parse(m).unwrap().msg).collect();
    assert_eq!(messages, ["two\nlines", "three"]);
}

#[cfg(unix)]
#[test]
fn a_daemon_that_reads_no_datagrams_becomes_unreachable_after_the_timeout() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    let timeout = Duration::from_millis(50);
    let options = SyslogOptions { timeout, ..options(path.to_str().unwrap()) };
    let mut handler = SyslogHandler::new(options, text()).unwrap();
    let texts: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    for text in &texts {
        give(&mut handler, &[text]);
    }
    handler.flush().unwrap_err();
    assert!(handler.backlog().unreachable);
    let reader = thread::spawn(move || {
        (0..2000).map(|_| datagram(|buffer| daemon.recv(buffer))).collect::<Vec<_>>()
    });
    drain(&mut handler);
    assert_eq!(reader.join().unwrap(), texts);
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
fn a_truncated_message_is_counted() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut handler = handler(format!("udp://{}", daemon.local_addr().unwrap()));
    give(&mut handler, &["short", &"long ".repeat(10_000)]);
    handler.flush().unwrap();
    assert_eq!(handler.backlog(), Backlog { cut: 1, ..Backlog::default() });
}

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

use proptest::prelude::*;

use super::message::severity;
use super::*;
use zlog_core::format::{Options, Output};
use zlog_core::record::{Level, RawJson};

/// Far above what anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn text() -> Box<dyn Format> {
    Output::Text.format(Options::default()).unwrap()
}

fn options(address: impl Into<String>) -> SyslogOptions {
    let spool = SpoolOptions {
        retry: Duration::from_millis(20),
        retry_max: Duration::from_millis(50),
        ..SpoolOptions::default()
    };
    SyslogOptions {
        address: address.into(),
        hostname: Some("here".into()),
        timeout: DEADLINE,
        spool,
        ..SyslogOptions::default()
    }
}

fn handler(address: impl Into<String>) -> SyslogHandler {
    SyslogHandler::new(options(address), text()).unwrap()
}

fn record(msg: &str) -> Record<'_> {
    Record {
        topic: "shop.ERROR.db".into(),
        name: Some("shop.db".into()),
        msg: msg.into(),
        level: Level::ERROR,
        created: Some(1_767_323_045.000_006),
        process: Some(42),
        seq: Some(7),
        ..Record::default()
    }
}

/// The message of a record, and whether it is whole.
fn message(options: &SyslogOptions, record: &Record<'_>) -> (String, bool) {
    let mut shown = Vec::new();
    text().write(record, &mut shown);
    let mut out = Vec::new();
    let protocol = options.protocol.unwrap_or(Protocol::Rfc5424);
    let whole = MessageWriter::new(options, protocol).unwrap().write(record, &shown, &mut out);
    (String::from_utf8(out).unwrap(), whole)
}

#[test]
fn a_record_is_a_message_with_all_that_it_carries() {
    let extra = |name: &'static str, json: &'static str| (name.into(), RawJson(json.into()));
    let record = Record {
        exc_text: Some("Traceback\n  Error".into()),
        source: Some("host:1:x".into()),
        func_name: Some("connect".into()),
        lineno: Some(12),
        extras: vec![
            extra("user", r#""a\"b]\\ \u00fc""#),
            extra("tries", "3"),
            extra("a=b ]\"ü", r#"[1, "x"]"#),
        ],
        ..record("no ☃")
    };
    let (message, whole) = message(&options("/dev/log"), &record);
    let expected = concat!(
        "<11>1 2026-01-02T03:04:05.000006Z here shop 42 - ",
        r#"[zlog@32473 logger="shop.db" topic="shop.ERROR.db" level="ERROR" source="host:1:x" "#,
        r#"seq="7" lineno="12" funcName="connect"]"#,
        r#"[extra@32473 user="a\"b\]\\ ü" tries="3" a_b____="[1, \"x\"\]"] "#,
        "no ☃\nTraceback\n  Error"
    );
    assert_eq!(message, expected);
    assert!(whole);
}

#[test]
fn a_record_that_says_nothing_is_a_message_of_dashes() {
    let record = Record { created: Some(f64::NAN), ..Record::default() };
    let (message, whole) = message(&options("/dev/log"), &record);
    assert_eq!((&*message, whole), ("<14>1 - here zlog - - -", true));
    let far = Record { created: Some(1e18), msg: "x".into(), ..Record::default() };
    assert_eq!(self::message(&options("/dev/log"), &far).0, "<14>1 - here zlog - - - x");
}

#[test]
fn a_local_message_has_what_the_c_library_writes() {
    let local = SyslogOptions { protocol: Some(Protocol::Local), ..options("/dev/log") };
    let text = message(&local, &record("no\nconnection")).0;
    // The hour is that of the machine.
    assert!(text.starts_with("<11>Jan  "), "{text}");
    assert!(text.ends_with(":04:05 shop[42]: no\nconnection"), "{text}");
    let named = SyslogOptions { app_name: Some("a:b[c]".into()), ..local };
    let (long, whole) = message(&named, &record(&"ü".repeat(5000)));
    assert!(long.contains(" a_b_c_[42]: ü") && long.ends_with("ü…"));
    assert!(!whole && long.len() <= DEFAULT_MAX_MESSAGE);
    let (bare, _) = message(&named, &Record { created: Some(f64::NAN), ..Record::default() });
    assert!(bare.ends_with(" a_b_c_: "), "{bare}");

    for (address, protocol) in [
        ("/dev/log", Protocol::Local),
        ("unix:/run/log", Protocol::Rfc5424),
        ("udp://localhost", Protocol::Rfc5424),
    ] {
        assert_eq!(Address::parse(address).unwrap().protocol(), protocol);
    }
    assert_eq!(
        Protocol::NAMES.map(|name| name.parse::<Protocol>().unwrap()),
        [Protocol::Rfc5424, Protocol::Local]
    );
    assert!("rfc3164".parse::<Protocol>().is_err());
}

#[test]
fn levels_become_the_severity_they_reach() {
    let cases = [
        (-5, 7),
        (0, 6),
        (5, 7),
        (10, 7),
        (19, 7),
        (20, 6),
        (24, 6),
        (25, 5),
        (30, 4),
        (35, 4),
        (40, 3),
        (49, 3),
        (50, 2),
        (1000, 2),
    ];
    for (level, expected) in cases {
        assert_eq!(severity(Level(level)), expected, "{level}");
    }
}

#[test]
fn facilities_are_read_by_name_and_number() {
    for (text, number) in [("user", 1), ("LOCAL7", 23), ("daemon", 3), ("0", 0), ("23", 23)] {
        assert_eq!(text.parse::<Facility>().unwrap().number(), number);
    }
    for text in ["", "24", "-1", "\"user\"", "usr"] {
        let error = text.parse::<Facility>().unwrap_err().to_string();
        assert!(error.contains("no syslog facility") && error.contains(" local0 "), "{error}");
    }
}

#[test]
fn a_long_message_is_cut_between_characters_and_says_how_much_is_missing() {
    let options = SyslogOptions { max_message: 1024, ..options("/dev/log") };
    let msg = "ü".repeat(1000);
    let (message, whole) = message(&options, &record(&msg));
    assert!(!whole && message.len() <= 1024 && message.len() > 1000, "{}", message.len());
    let parsed = parse(&message).unwrap();
    let kept = parsed.msg.strip_suffix('…').unwrap();
    assert_eq!(parsed.data["cut@32473"]["bytes"], (msg.len() - kept.len()).to_string());
    assert_eq!(parsed.data["zlog@32473"]["logger"], "shop.db");
}

#[test]
fn fields_that_are_too_large_make_room_for_the_message() {
    let options = SyslogOptions { max_message: 1024, ..options("/dev/log") };
    let large = RawJson(format!("\"{}\"", "x".repeat(5000)).into());
    let extras = vec![("large".into(), large), ("small".into(), RawJson("1".into()))];
    let (message, whole) = message(&options, &Record { extras, ..record("the message") });
    assert!(!whole && message.len() <= 1024);
    let parsed = parse(&message).unwrap();
    assert_eq!(parsed.msg, "the message");
    assert_eq!(parsed.data["extra@32473"], BTreeMap::from([("small".into(), "1".into())]));
    assert_eq!(parsed.data["cut@32473"]["bytes"], "5000");
}

#[test]
fn what_can_not_stand_in_a_message_is_refused_at_once() {
    type Change = fn(&mut SyslogOptions);
    let cases: [(Change, &str); 5] = [
        (|options| options.address = "loghost".into(), "is no syslog address"),
        (|options| options.app_name = Some("my app".into()), "can't be a syslog app name"),
        (|options| options.hostname = Some(String::new()), "can't be a syslog hostname"),
        (|options| options.max_message = 100, "at most 100 bytes"),
        (|options| options.max_message = 65_508, "at most 65508 bytes"),
    ];
    for (change, why) in cases {
        let mut options = options("udp://127.0.0.1");
        change(&mut options);
        let Err(error) = SyslogHandler::new(options, text()) else { panic!("it was taken: {why}") };
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// A message's parts.
#[derive(Debug)]
struct Parsed<'m> {
    priority: u8,
    /// Time, host, program, process, message id.
    head: Vec<&'m str>,
    data: BTreeMap<String, BTreeMap<String, String>>,
    msg: &'m str,
}

/// A reader of messages, from the grammar of RFC 5424, section 6.
fn parse(message: &str) -> Option<Parsed<'_>> {
    let (priority, rest) = message.strip_prefix('<')?.split_once('>')?;
    let mut rest = rest.strip_prefix("1 ")?;
    let mut head = Vec::new();
    for most in [32, 255, 48, 128, 32] {
        let (name, after) = rest.split_once(' ')?;
        let fits = (1..=most).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        head.push(Some(name).filter(|_| fits)?);
        rest = after;
    }
    let mut data = BTreeMap::new();
    if let Some(after) = rest.strip_prefix('-') {
        rest = after;
    }
    while let Some(after) = rest.strip_prefix('[') {
        let (id, after) = name(after)?;
        let mut element = BTreeMap::new();
        rest = after;
        while let Some(after) = rest.strip_prefix(' ') {
            let (name, after) = name(after)?;
            let (value, after) = value(after.strip_prefix("=\"")?)?;
            element.insert(name.to_owned(), value);
            rest = after;
        }
        rest = rest.strip_prefix(']')?;
        data.insert(id.to_owned(), element);
    }
    let msg = if rest.is_empty() { "" } else { rest.strip_prefix(' ')? };
    Some(Parsed { priority: priority.parse().ok()?, head, data, msg })
}

/// An SD-NAME, and what follows.
fn name(text: &str) -> Option<(&str, &str)> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"');
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    (1..=32).contains(&end).then(|| text.split_at(end))
}

/// A PARAM-VALUE after its opening quote, and what follows the closing one.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[place + 1..])),
            ']' => return None,
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

proptest! {
    #[test]
    fn any_record_is_a_message_that_reads_back(
        topic in ".{0,40}", logger in ".{0,40}", msg in "(?s).{0,900}", host in ".{0,300}",
        level in any::<i32>(), created in any::<f64>(),
        extras in prop::collection::vec((".{0,40}", "(?s).{0,200}"), 0..6),
        max_message in MIN_MAX_MESSAGE..4000usize,
    ) {
        let quoted = |text: &str| RawJson(serde_json::to_string(text).unwrap().into());
        let record = Record {
            topic: topic.clone().into(),
            name: Some(logger.clone().into()),
            msg: msg.clone().into(),
            hostname: Some(host.into()),
            level: Level(level),
            created: Some(created),
            extras: extras.iter().map(|(k, v)| (k.clone().into(), quoted(v))).collect(),
            ..Record::default()
        };
        let options = SyslogOptions { max_message, ..options("/dev/log") };
        let (message, whole) = message(&options, &record);
        prop_assert!(message.len() <= max_message);
        let Some(parsed) = parse(&message) else { panic!("{message:?}") };
        prop_assert_eq!(parsed.priority, 8 + severity(Level(level)));
        prop_assert!(!message.contains('\0'));
        prop_assert_eq!(whole, !parsed.data.contains_key("cut@32473"));
        let harmless = |text: &str| text.replace('\0', "\\x00");
        let expected = harmless(&msg);
        if whole {
            prop_assert_eq!(parsed.msg, expected);
            let ours = parsed.data.get("zlog@32473").cloned().unwrap_or_default();
            prop_assert_eq!(ours.get("topic").cloned().unwrap_or_default(), harmless(&topic));
            prop_assert_eq!(ours.get("logger").cloned().unwrap_or_default(), harmless(&logger));
        } else {
            let kept = parsed.msg.strip_suffix('…').unwrap_or(parsed.msg);
            prop_assert!(expected.starts_with(kept), "{:?}", parsed.msg);
        }
        prop_assert_eq!(parsed.head.len(), 5);
    }
}

fn give(handler: &mut SyslogHandler, messages: &[&str]) {
    for msg in messages {
        handler.handle(&record(msg)).unwrap();
    }
}

/// Calls `tend` when it wants to be called, until nothing waits.
fn on_timer(handler: &mut SyslogHandler) {
    let start = Instant::now();
    while handler.backlog().waiting > 0 {
        assert!(start.elapsed() < DEADLINE, "{:?}", handler.backlog());
        if let Ok(Some(due)) = handler.on_timer(Instant::now()) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

fn close(handler: &mut SyslogHandler) -> Result<()> {
    handler.close(Instant::now() + DEADLINE)
}

/// The next message on a stream that counts octets.
fn counted(stream: &mut impl BufRead) -> Option<String> {
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
fn messages_over_tcp_have_their_length_before_them() {
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
fn a_daemon_that_closed_the_connection_gets_what_follows_on_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut handler = handler(format!("tcp://{}", listener.local_addr().unwrap()));
    for msg in ["one", "two", "three"] {
        give(&mut handler, &[msg]);
        handler.flush().unwrap();
        let mut stream = accept(&listener);
        let message = counted(&mut stream).unwrap();
        assert_eq!(parse(&message).unwrap().msg, msg);
        // Without this much the first batch after a restart would be lost unseen.
        drop(stream);
    }
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
fn what_a_daemon_that_is_away_missed_comes_when_it_is_back() {
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
    on_timer(&mut handler);
    give(&mut handler, &["three"]);
    handler.flush().unwrap();
    let messages = reader.join().unwrap();
    assert_eq!(messages.each_ref().map(|m| parse(m).unwrap().msg), ["one", "two", "three"]);
    assert_eq!(handler.backlog(), Backlog::default());
}

/// A daemon that ends with messages unread takes them with it, and one that has read all
/// of them may be gone for good: what it was given is told as not confirmed.
#[test]
fn of_what_a_connection_took_that_broke_nobody_says_that_it_arrived() {
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
        // A child of another test that is just being started has copies, for a moment.
        while std::net::TcpStream::connect(address).is_ok() {
            thread::yield_now();
        }
        give(&mut handler, &["three"]);
        handler.flush().unwrap_err();
        let unreachable =
            Backlog { waiting: 1, unconfirmed: 2, unreachable: true, ..Backlog::default() };
        assert_eq!(handler.backlog(), unreachable, "{reads}");
        let listener = TcpListener::bind(address).unwrap();
        on_timer(&mut handler);
        assert_eq!(parse(&counted(&mut accept(&listener)).unwrap()).unwrap().msg, "three");
        assert_eq!(handler.backlog(), Backlog { unconfirmed: 2, ..Backlog::default() });
    }
}

#[test]
fn a_daemon_that_reads_no_more_is_away_and_a_message_begun_comes_whole() {
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
    // The daemon is stopped, and started anew.
    drop(accept(&listener));
    let reader = thread::spawn(move || {
        let mut stream = accept(&listener);
        let bytes = |_| parse(&counted(&mut stream).unwrap()).unwrap().msg.len() as u64;
        (0..waiting).map(bytes).sum()
    });
    on_timer(&mut handler);
    let bytes: u64 = reader.join().unwrap();
    assert_eq!(bytes, waiting << 19);
}

/// The next message that came as a datagram.
fn datagram(receive: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> String {
    let mut message = vec![0; MAX_DATAGRAM];
    let length = receive(&mut message).unwrap();
    parse(std::str::from_utf8(&message[..length]).unwrap()).unwrap().msg.to_owned()
}

#[test]
fn over_udp_a_datagram_that_was_refused_is_sent_again_when_the_daemon_is_back() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = daemon.local_addr().unwrap();
    let mut handler = handler(format!("udp://{address}"));
    give(&mut handler, &["one\nline"]);
    handler.flush().unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(datagram(|buffer| daemon.recv(buffer)), "one\nline");
    drop(daemon);
    // The first is refused after it was sent; within a batch that is noticed.
    give(&mut handler, &["two", "three", "four"]);
    let start = Instant::now();
    while handler.flush().is_ok() {
        assert!(start.elapsed() < DEADLINE);
        let _ = handler.on_timer(Instant::now());
    }
    let error = handler.on_timer(Instant::now() + DEADLINE).unwrap_err().to_string();
    assert!(error.contains("connection refused"), "the probe finds it away still: {error}");
    let unreachable = handler.backlog();
    assert!(unreachable.unreachable && unreachable.waiting >= 2, "{unreachable:?}");
    let daemon = UdpSocket::bind(address).unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    on_timer(&mut handler);
    assert_eq!(handler.backlog().lost, 0);
    for msg in ["two", "three", "four"] {
        assert_eq!(datagram(|buffer| daemon.recv(buffer)), msg);
    }
}

/// How the refusal of a datagram is noticed that was alone in its batch: by the next
/// batch, by looking, or at the end.
#[test]
fn over_udp_a_refused_datagram_that_was_alone_in_its_batch_is_sent_again() {
    type Notice = fn(&mut SyslogHandler);
    let by_the_next: Notice = |handler| {
        give(handler, &["three"]);
        let error = handler.flush().unwrap_err().to_string();
        assert!(error.contains("connection refused"), "{error}");
        assert_eq!(handler.backlog().waiting, 2);
    };
    let by_looking: Notice = |handler| {
        let start = Instant::now();
        while !handler.backlog().unreachable {
            assert!(start.elapsed() < DEADLINE);
            if let Ok(Some(due)) = handler.on_timer(Instant::now()) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
    };
    let at_the_end: Notice = |_| {};
    for (notice, expected) in
        [(by_the_next, &["two", "three"][..]), (by_looking, &["two"]), (at_the_end, &["two"])]
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
        daemon.recv(&mut [0; 16]).expect_err("each is sent again once");
        let backlog = handler.backlog();
        assert_eq!((backlog.waiting, backlog.lost), (0, 0), "{backlog:?}");
    }
}

#[test]
fn a_refused_datagram_that_could_not_be_sent_again_is_lost() {
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
fn unix_sockets_of_datagrams_and_of_streams_are_both_spoken_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let address = path.to_str().unwrap().to_owned();
    let mut handler = handler(&address);
    give(&mut handler, &["one"]);
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.starts_with(&format!("syslog unix:{address}: no such file")), "{error}");
    let daemon = UnixDatagram::bind(&path).unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    on_timer(&mut handler);
    assert_eq!(datagram(|buffer| daemon.recv(buffer)), "one");
    drop(daemon);
    std::fs::remove_file(&path).unwrap();

    let listener = UnixListener::bind(&path).unwrap();
    give(&mut handler, &["two\nlines", "three"]);
    let _ = handler.flush();
    on_timer(&mut handler);
    drop(handler);
    let mut read = String::new();
    listener.accept().unwrap().0.read_to_string(&mut read).unwrap();
    let messages: Vec<_> = read.split_terminator('\0').map(|m| parse(m).unwrap().msg).collect();
    assert_eq!(messages, ["two\nlines", "three"]);
}

#[cfg(unix)]
#[test]
fn a_daemon_that_reads_no_datagrams_is_waited_for_and_then_away() {
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
    on_timer(&mut handler);
    assert_eq!(reader.join().unwrap(), texts);
    assert_eq!(handler.backlog(), Backlog::default());
}

#[test]
fn a_message_that_was_cut_is_counted() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut handler = handler(format!("udp://{}", daemon.local_addr().unwrap()));
    give(&mut handler, &["short", &"long ".repeat(10_000)]);
    handler.flush().unwrap();
    assert_eq!(handler.backlog(), Backlog { cut: 1, ..Backlog::default() });
}

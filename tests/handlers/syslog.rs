use std::time::Instant;

use serde_json::Value;
use zlog_core::{Level, RawJson, Record};
use zlog_pipeline::handler::syslog::{Protocol, SyslogHandler, SyslogOptions, SyslogTls};
use zlog_pipeline::handler::{Backlog, Handler};
use zlog_pipeline::tls::TlsOptions;

use super::{retry_soon, text};
use crate::harness::{
    DEADLINE, Rsyslog, rsyslog, rsyslog_with_its_default_limit, rsyslog_with_tls,
};

fn options(address: String) -> SyslogOptions {
    let facility = "local3".parse().unwrap();
    let max_message = 32 << 10;
    SyslogOptions {
        address,
        facility,
        retry: retry_soon(),
        max_message,
        ..SyslogOptions::default()
    }
}

fn handler(address: String) -> SyslogHandler {
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
        hostname: Some("far.example.org".into()),
        ..Record::default()
    }
}

/// A handler that trusts the certificate of the tests; with a certificate of its own, or without.
fn over_tls(daemon: &Rsyslog, shows_certificate: bool) -> SyslogHandler {
    let data = |name: &str| format!("{}/tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR")).into();
    let files = TlsOptions {
        trust: Some(data("cert.pem")),
        certificate: shows_certificate.then(|| data("cert.pem")),
        key: shows_certificate.then(|| data("key.pem")),
    };
    let tls = SyslogTls { files, fingerprint: None };
    SyslogHandler::new(SyslogOptions { tls, ..options(daemon.tls()) }, text()).unwrap()
}

fn addresses(daemon: &Rsyslog) -> [String; 3] {
    [daemon.unix(), daemon.udp(), daemon.tcp()]
}

#[test]
fn a_real_daemon_gets_each_record_with_its_fields_over_every_socket() {
    let Some(mut daemon) = rsyslog() else { return };
    for address in addresses(&daemon) {
        let mut handler = handler(address.clone());
        let msg = format!("naïve ☃ over {address}\nTraceback:\n\tline 2 \"]\\\n");
        let user = ("user".into(), RawJson(r#""a\"b]\\ü""#.into()));
        handler.handle(&Record { extras: vec![user], ..record(&msg) }).unwrap();
        handler.flush().unwrap();
        // rsyslog strips the final newline of a message.
        let seen = daemon.expect(msg.trim_end());
        let expected = [
            ("timereported", "2026-01-02T03:04:05.000006Z"),
            ("hostname", "far.example.org"),
            ("app-name", "shop"),
            ("procid", "42"),
            ("msgid", "-"),
            ("syslogfacility", "19"),
            ("syslogseverity", "3"),
            ("protocol-version", "1"),
        ];
        for (name, value) in expected {
            assert_eq!(seen[name], value, "{name} over {address}: {seen}");
        }
        let data = seen["structured-data"].as_str().unwrap();
        let ours = r#"[zlog@32473 logger="shop.db" topic="shop.ERROR.db" level="ERROR"]"#;
        assert_eq!(data, format!(r#"{ours}[extra@32473 user="a\"b\]\\ü"]"#));
        assert_eq!(handler.backlog(), Backlog::default());
    }
}

#[test]
fn a_daemon_with_its_default_configuration_reads_the_local_format() {
    let Some(mut daemon) = rsyslog() else { return };
    let local = SyslogOptions { protocol: Some(Protocol::Local), ..options(daemon.local()) };
    let mut handler = SyslogHandler::new(local, text()).unwrap();
    handler.handle(&record("no ☃")).unwrap();
    handler.flush().unwrap();
    let seen = daemon.expect(" no ☃");
    let expected = [
        ("programname", "shop"),
        ("procid", "42"),
        ("syslogfacility", "19"),
        ("syslogseverity", "3"),
    ];
    for (name, value) in expected {
        assert_eq!(seen[name], value, "{name}: {seen}");
    }
    assert!(seen["timereported"].as_str().unwrap().contains("-01-02T"), "{seen}");
}

#[test]
fn a_record_of_any_length_is_one_message_to_a_daemon_with_its_default_limit() {
    let Some(mut daemon) = rsyslog_with_its_default_limit() else { return };
    let default = SyslogOptions::default().max_message;
    let lengths = (7700..8300).step_by(40).chain([1, 20_000]);
    let lengths: Vec<usize> = lengths.collect();
    for address in addresses(&daemon).into_iter().chain([daemon.local()]) {
        let protocol = (address == daemon.local()).then_some(Protocol::Local);
        let options = SyslogOptions { max_message: default, protocol, ..options(address.clone()) };
        let mut handler = SyslogHandler::new(options, text()).unwrap();
        let before = daemon.messages().len();
        for (number, length) in lengths.iter().enumerate() {
            let beginning = format!("{address} {number} ");
            let whole = beginning.clone() + &"x".repeat(*length);
            handler.handle(&record(&whole)).unwrap();
            handler.flush().unwrap();
            // One by one: over UDP the daemon's buffer could overflow.
            let seen = daemon.expect_beginning(&beginning);
            let msg = seen["msg"].as_str().unwrap().trim_start();
            match msg.strip_suffix('…') {
                Some(kept) => assert!(whole.starts_with(kept), "{seen}"),
                None => assert_eq!(msg, whole),
            }
            assert_eq!(seen["programname"], "shop", "{seen}");
            assert_eq!(seen["syslogseverity"], "3", "{seen}");
            if protocol.is_none() {
                assert_eq!(seen["hostname"], "far.example.org", "{seen}");
            }
            assert!(seen["timereported"].as_str().unwrap().contains("-01-02T"), "{seen}");
        }
        let count = daemon.messages().len() - before;
        assert_eq!(count, lengths.len(), "over {address}: each is one message");
        assert!(handler.backlog().cut >= 2, "some are cut: {:?}", handler.backlog());
    }
}

#[test]
fn thousands_of_records_arrive_once_and_in_order() {
    let Some(mut daemon) = rsyslog() else { return };
    // Not over UDP, which silently drops what the daemon's buffer can't hold.
    for (address, sent) in [(daemon.unix(), 0..5000), (daemon.tcp(), 5000..10_000)] {
        let before = daemon.messages().len();
        let mut handler = handler(address.clone());
        let long = "x".repeat(20_000);
        for number in sent.clone() {
            let msg =
                if number % 500 == 0 { format!("{number} {long}") } else { number.to_string() };
            handler.handle(&record(&msg)).unwrap();
        }
        handler.close(Instant::now() + DEADLINE).unwrap();
        assert_eq!(handler.backlog(), Backlog::default());
        // Its connection is another one, which the daemon may read first.
        let end = format!("the end of {address}");
        handler.handle(&record(&end)).unwrap();
        handler.flush().unwrap();
        daemon.expect(&end);
        daemon.expect(&(sent.end - 1).to_string());
        let seen: Vec<Value> = daemon.messages().split_off(before);
        let numbers = seen.iter().map(|seen| seen["msg"].as_str().unwrap());
        let numbers: Vec<usize> =
            numbers.filter_map(|msg| msg.split(' ').next().unwrap().parse().ok()).collect();
        assert!(numbers.iter().copied().eq(sent), "over {address}: {} came", numbers.len());
    }
}

#[test]
fn messages_for_an_unreachable_daemon_arrive_when_it_is_back() {
    let Some(mut daemon) = rsyslog() else { return };
    let mut handlers = addresses(&daemon).map(handler);
    for handler in &mut handlers {
        handler.handle(&record("before")).unwrap();
        handler.flush().unwrap();
        daemon.expect("before");
    }
    let missed = |number: usize| ["a", "b", "c"].map(|text| format!("missed {number}{text}"));
    daemon.restart(|| {
        for (number, handler) in handlers.iter_mut().enumerate() {
            for msg in missed(number) {
                handler.handle(&record(&msg)).unwrap();
            }
            let start = Instant::now();
            while !handler.backlog().unreachable {
                // Over UDP the first refusal comes after the fact.
                assert!(start.elapsed() < DEADLINE);
                let _ = handler.flush();
                let _ = handler.on_timer(Instant::now());
            }
        }
    });
    for (number, handler) in handlers.iter_mut().enumerate() {
        // It may return an earlier error.
        let _ = handler.close(Instant::now() + DEADLINE);
        let backlog = handler.backlog();
        assert!(backlog.unconfirmed >= 1, "the daemon has said nothing of the first: {backlog:?}");
        assert_eq!(Backlog { unconfirmed: 0, ..backlog }, Backlog::default());
        for msg in missed(number) {
            daemon.expect(&msg);
        }
    }
}

#[test]
fn thousands_of_records_arrive_over_tls_and_those_of_an_outage_when_the_daemon_is_back() {
    let Some(mut daemon) = rsyslog_with_tls("anon") else { return };
    let mut handler = over_tls(&daemon, false);
    let long = "x".repeat(20_000);
    for number in 0..5000 {
        let msg = if number % 500 == 0 { format!("{number} {long}") } else { number.to_string() };
        handler.handle(&record(&msg)).unwrap();
    }
    handler.handle(&record("the end")).unwrap();
    handler.flush().unwrap();
    daemon.expect("the end");
    let seen = daemon.messages();
    daemon.restart(|| {
        for msg in ["missed a", "missed b"] {
            handler.handle(&record(msg)).unwrap();
        }
        let error = handler.flush().unwrap_err().to_string();
        assert!(error.contains("syslog tls://"), "{error}");
    });
    // It may return an earlier error.
    let _ = handler.close(Instant::now() + DEADLINE);
    daemon.expect("missed b");
    let backlog = handler.backlog();
    assert_eq!(Backlog { unconfirmed: 0, ..backlog }, Backlog::default());
    let numbers = seen.iter().map(|seen| seen["msg"].as_str().unwrap());
    let numbers: Vec<usize> =
        numbers.filter_map(|msg| msg.split(' ').next().unwrap().parse().ok()).collect();
    assert!(numbers.iter().copied().eq(0..5000), "{} came", numbers.len());
    // rsyslog does not answer the end of a connection: it has read everything all the same.
    let mut handler = over_tls(&daemon, false);
    handler.handle(&record("last")).unwrap();
    handler.close(Instant::now() + DEADLINE).unwrap();
    assert_eq!(handler.backlog(), Backlog::default());
    daemon.expect("last");
}

#[test]
fn a_daemon_that_asks_for_a_certificate_gets_records_only_with_it() {
    let Some(mut daemon) = rsyslog_with_tls("x509/certvalid") else { return };
    let mut without = over_tls(&daemon, false);
    without.handle(&record("without")).unwrap();
    let flushed = without.flush();
    let mut with = over_tls(&daemon, true);
    with.handle(&record("with")).unwrap();
    with.flush().unwrap();
    daemon.expect("with");
    let error = flushed.expect_err("it is refused").to_string();
    assert!(error.contains("syslog tls://"), "{error}");
    assert_eq!(without.backlog().waiting, 1);
    assert!(daemon.messages().iter().all(|seen| seen["msg"] != "without"));
}

#[test]
fn an_address_without_tls_at_a_port_with_it_is_told_with_the_right_one() {
    let Some(daemon) = rsyslog_with_tls("anon") else { return };
    let mut handler = handler(daemon.tcp());
    let start = Instant::now();
    let error = loop {
        assert!(start.elapsed() < DEADLINE);
        handler.handle(&record("one")).unwrap();
        if let Err(error) = handler.flush() {
            break error.to_string();
        }
    };
    assert!(error.contains(&format!("write {}.", daemon.tls())), "{error}");
    assert!(handler.backlog().unconfirmed >= 1, "{:?}", handler.backlog());
}

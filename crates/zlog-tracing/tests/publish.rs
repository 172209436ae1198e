//! Records of a program, as a subscriber gets them.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use tracing_subscriber::prelude::*;
use zlog_tracing::{Handler, Report};
use zmtp::{Address, Options, Subscriber};

const DEADLINE: Duration = Duration::from_secs(60);

/// A subscriber of everything, and where it is bound.
fn subscriber() -> (Subscriber, String) {
    let subscriber = Subscriber::new(Options::subscriber(), &[""]).unwrap();
    let any = Address::parse("tcp://127.0.0.1:*").unwrap();
    let endpoint = subscriber.bind(&any).unwrap().to_string();
    (subscriber, endpoint)
}

/// The next messages: topics and bodies.
fn next(subscriber: &Subscriber, count: usize) -> Vec<(String, serde_json::Value)> {
    let until = Instant::now() + DEADLINE;
    let mut found = Vec::new();
    while found.len() < count {
        assert!(Instant::now() < until, "{} of {count} messages: {found:?}", found.len());
        let Some(batch) = subscriber.recv(Duration::from_millis(100)).unwrap() else { continue };
        for message in batch.messages() {
            let frames: Vec<&[u8]> = message.frames().collect();
            let topic = String::from_utf8(frames[0].to_vec()).unwrap();
            found.push((topic, serde_json::from_slice(frames[1]).unwrap()));
        }
    }
    found
}

fn handler(endpoint: &str) -> Handler {
    let handler = Handler::builder().root("shop").connect(endpoint);
    handler.wait(DEADLINE).linger(DEADLINE).start().unwrap()
}

#[test]
fn an_event_arrives_with_its_fields_and_those_of_its_spans() {
    let (subscriber, endpoint) = subscriber();
    let handler = handler(&endpoint);
    let registry = tracing_subscriber::registry().with(handler.layer());
    tracing::subscriber::with_default(registry, || {
        let outer =
            tracing::info_span!("request", id = 7, user = "alice", late = tracing::field::Empty);
        let _outer = outer.enter();
        outer.record("late", 1.5);
        let _inner = tracing::debug_span!("query", user = "bob").entered();
        let cause = std::io::Error::other("disk \"full\"");
        let cause: &(dyn std::error::Error + 'static) = &cause;
        tracing::error!(target: "shop::db", error = cause, subtopic = "sql", ratio = f64::NAN, "lost {}", 3);
    });
    let (topic, body) = next(&subscriber, 1).remove(0);
    assert_eq!(topic, "shop.ERROR.sql");
    for (key, value) in [
        ("msg", serde_json::json!("lost 3")),
        ("name", "shop::db".into()),
        ("levelno", 40.into()),
        ("levelname", "ERROR".into()),
        ("filename", "publish.rs".into()),
        ("span", "request:query".into()),
        ("id", 7.into()),
        ("user", "bob".into()),
        ("late", 1.5.into()),
        ("error", "disk \"full\"".into()),
        ("ratio", "nan".into()),
        ("seq", 1.into()),
        ("process", std::process::id().into()),
    ] {
        assert_eq!(body[key], value, "{key} of {body}");
    }
    assert!(body["source"].as_str().unwrap().contains(&format!(":{}:", std::process::id())));
    assert_eq!(handler.close(), Report::default());
}

#[test]
fn a_record_of_log_arrives_with_its_key_values() {
    use log::Log;

    let (subscriber, endpoint) = subscriber();
    let handler = handler(&endpoint);
    let values = [("user", log::kv::Value::from(17)), ("name", "x".into())];
    handler.logger().log(
        &log::Record::builder()
            .args(format_args!("no connection"))
            .level(log::Level::Warn)
            .target("db")
            .line(Some(12))
            .key_values(&values)
            .build(),
    );
    handler.logger().flush();
    let (topic, body) = next(&subscriber, 1).remove(0);
    assert_eq!(topic, "shop.WARNING");
    assert_eq!((&body["msg"], &body["name"]), (&"no connection".into(), &"db".into()));
    assert_eq!((&body["user"], &body["lineno"]), (&17.into(), &12.into()));
    // An extra never replaces an attribute.
    assert_eq!(body["name_"], "x");
    drop(handler);
}

#[test]
fn a_full_queue_never_waits_and_its_losses_are_told() {
    let (subscriber, endpoint) = subscriber();
    let any = Handler::builder().root("shop").connect("tcp://127.0.0.1:1");
    // Nobody subscribes: the queue fills up, and the calls return.
    let full = any.queue_size(5).wait(Duration::from_millis(1)).linger(Duration::ZERO);
    let full = full.start().unwrap();
    log_numbers(&full, 0..1000);
    let report = full.close();
    assert_eq!(report.dropped + report.unsubscribed + report.unsent, 1000);

    let handler = Handler::builder().root("shop").connect(&endpoint).queue_size(5);
    let handler = handler.wait(DEADLINE).linger(DEADLINE).start().unwrap();
    log_numbers(&handler, 0..10_000);
    assert!(handler.flush(DEADLINE));
    log_numbers(&handler, 10_000..10_001);
    let mut got: Vec<serde_json::Value> = Vec::new();
    while got.last().is_none_or(|body| body["msg"] != "10000") {
        got.extend(next(&subscriber, 1).into_iter().map(|(_, body)| body));
    }
    let told: u64 = got
        .iter()
        .filter(|body| body["levelname"] == "WARNING")
        .map(|body| {
            body["msg"].as_str().unwrap().split(' ').next().unwrap().parse::<u64>().unwrap()
        })
        .sum();
    let records = got.iter().filter(|body| body["levelname"] == "INFO");
    let numbers: Vec<u64> = records.map(|body| body["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    // The last number counts the dropped ones, too.
    assert_eq!(numbers.last(), Some(&10_001));
    let report = handler.close();
    assert_eq!(numbers.len() as u64 + report.dropped, 10_001);
    assert_eq!(told, report.dropped);
}

fn log_numbers(handler: &Handler, numbers: std::ops::Range<u32>) {
    let registry = tracing_subscriber::registry().with(handler.layer());
    tracing::subscriber::with_default(registry, || {
        for number in numbers {
            tracing::info!("{number}");
        }
    });
}

#[test]
fn records_of_a_short_program_arrive_though_its_reader_comes_later() {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", probe.local_addr().unwrap());
    drop(probe);
    let handler = handler(&endpoint);
    log_numbers(&handler, 0..3);
    let closing = std::thread::spawn(move || handler.close());
    let subscriber = Subscriber::new(Options::subscriber(), &["shop."]).unwrap();
    subscriber.bind(&Address::parse(&endpoint).unwrap()).unwrap();
    let got = next(&subscriber, 3);
    assert_eq!(got.iter().map(|(_, body)| &body["msg"]).collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!(closing.join().unwrap(), Report::default());
}

#[test]
fn wrong_endpoints_are_refused() {
    let message = |builder: zlog_tracing::Builder| builder.start().unwrap_err().to_string();
    assert!(message(Handler::builder()).contains("no endpoint"));
    assert!(
        message(Handler::builder().bind("localhost")).contains("\"localhost\" is not an endpoint")
    );
}

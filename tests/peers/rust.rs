//! `zlog-tracing`, the crate for Rust programs.

use std::time::Duration;

use tracing_subscriber::prelude::*;
use zlog_tracing::{Handler, Report};

use crate::harness::zlog;

/// Starts a handler that publishes to an endpoint.
fn handler(endpoint: &str, size: usize) -> Handler {
    let handler = Handler::builder().root("shop").connect(endpoint).queue_size(size);
    handler.wait(Duration::from_secs(60)).linger(Duration::from_secs(60)).start().unwrap()
}

#[test]
fn tail_shows_the_events_of_a_rust_program() {
    let args = ["tail", "--bind", "tcp://127.0.0.1:0", "-o", "json", "-n", "1", "shop.ERROR"];
    let mut tail = zlog(args).start();
    let handler = handler(&tail.endpoint(), 100);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(handler.layer()), || {
        let _span = tracing::info_span!("request", id = 7).entered();
        tracing::info!("not asked for");
        tracing::error!(subtopic = "db", "no connection\x1b[2J");
    });
    let shown = tail.wait().success().out();
    let record: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(record["topic"], "shop.ERROR.db");
    assert_eq!(record["msg"], "no connection\x1b[2J");
    assert_eq!((&record["span"], &record["id"]), (&"request".into(), &7.into()));
    assert_eq!(
        record["processName"],
        std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap()
    );
    assert_eq!(handler.close().dropped, 0);
}

#[test]
fn tail_reports_the_records_that_a_rust_program_dropped() {
    let mut tail = zlog(["tail", "--bind", "tcp://127.0.0.1:0", "-o", "text"]).start();
    let handler = handler(&tail.endpoint(), 1);
    let log = |numbers: std::ops::Range<u32>| {
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(handler.layer()),
            || numbers.for_each(|number| tracing::info!("{number}")),
        );
    };
    // The first may be taken while the others come; the queue of one is full after the second.
    log(0..900);
    assert!(handler.flush(Duration::from_secs(60)));
    log(900..901);
    tail.expect_stdout("900");
    let Report { dropped, .. } = handler.close();
    assert!(dropped > 0);
    tail.interrupt();
    tail.wait().stderr_has(&format!("lost {dropped} records of"));
}

use std::collections::HashMap;
use std::time::{Duration, Instant};

use zlog_pipeline::handler::nats::NatsOptions;
use zlog_pipeline::handler::retry::RetryOptions;
use zlog_pipeline::handler::{Backlog, Handler};

use super::{STREAM, close, handler, options, record};
use crate::harness::{ANY_PORT, Publisher, nats, old_nats, zlog};

#[test]
fn a_record_that_comes_twice_is_stored_once() {
    for server in [nats(), old_nats()].into_iter().flatten() {
        // Two relays that got the same records from one emitter.
        for _ in 0..2 {
            let mut handler = handler(options(&server));
            for seq in 1..=100 {
                handler.handle(&record("a", "app.INFO", seq)).unwrap();
            }
            handler.flush().unwrap();
            assert_eq!(handler.backlog(), Backlog::default());
        }
        assert_eq!(server.client().count(STREAM), 100);
    }
}

#[test]
fn an_emitter_that_starts_again_under_its_source_loses_nothing() {
    let Some(server) = nats() else { return };
    for second in 0..2 {
        let mut handler = handler(options(&server));
        for seq in 1..=10 {
            let created = Some(f64::from(second) * 60.0);
            handler
                .handle(&zlog_core::Record { created, ..record("backup", "app.INFO", seq) })
                .unwrap();
        }
        handler.flush().unwrap();
    }
    assert_eq!(server.client().count(STREAM), 20);
}

#[test]
fn a_server_that_is_away_at_the_start_gets_all_records_in_order_when_it_comes() {
    let Some(mut server) = nats() else { return };
    server.kill();
    let mut handler = handler(options(&server));
    for seq in 1..=500 {
        handler.handle(&record("a", "app.INFO", seq)).unwrap();
    }
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.starts_with(&format!("no NATS server at {}: ", server.url())), "{error}");
    assert!(error.contains("Check that it runs and listens there."), "{error}");
    assert_eq!(
        handler.backlog(),
        Backlog { waiting: 500, unreachable: true, ..Backlog::default() }
    );
    server.run();
    close(&mut handler);
    assert_eq!(handler.backlog(), Backlog::default());
    let seqs: Vec<_> = server
        .client()
        .stored(STREAM)
        .iter()
        .map(|stored| stored.json()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=500).collect::<Vec<_>>());
}

#[test]
fn a_full_spool_keeps_the_oldest_records_and_counts_the_others() {
    let Some(mut server) = nats() else { return };
    server.kill();
    let retry = RetryOptions { records: 10, ..options(&server).retry };
    let mut handler = handler(NatsOptions { retry, ..options(&server) });
    for seq in 1..=25 {
        handler.handle(&record("a", "app.INFO", seq)).unwrap();
    }
    assert_eq!(
        handler.backlog(),
        Backlog { waiting: 10, lost: 15, unreachable: true, ..Backlog::default() }
    );
    server.run();
    close(&mut handler);
    assert_eq!(server.client().count(STREAM), 10);
}

/// The records of each source, as far as the stream has them, must be all that were confirmed, each
/// once and in order.
#[test]
fn after_five_kills_under_load_every_record_is_stored_once_and_in_order() {
    let Some(mut server) = nats() else { return };
    const SOURCES: [&str; 3] = ["a", "b", "c"];
    let retry = RetryOptions { records: 1_000_000, bytes: 1 << 30, ..options(&server).retry };
    let options = NatsOptions { retry, max_pending: 512, ..options(&server) };
    let stop = std::sync::atomic::AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let threads: Vec<_> = SOURCES
            .into_iter()
            .map(|source| {
                let (options, stop) = (options.clone(), &stop);
                scope.spawn(move || {
                    let mut handler = handler(options);
                    let mut seq = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        // A disk takes about a thousand records a second, each by itself.
                        for _ in 0..5 {
                            seq += 1;
                            handler.handle(&record(source, "app.INFO", seq)).unwrap();
                        }
                        // Errors of outages; a retry when it is due.
                        let _ = handler.flush();
                        let _ = handler.on_timer(Instant::now());
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    close(&mut handler);
                    assert_eq!(handler.backlog(), Backlog::default(), "{source}");
                    seq
                })
            })
            .collect();
        let mut enough = 0;
        for _ in 0..5 {
            enough += 300;
            server.client().wait_for(STREAM, enough);
            server.kill();
            std::thread::sleep(Duration::from_millis(100));
            server.run();
            enough = server.client().count(STREAM);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<u64>>()
    });
    let mut next: HashMap<String, u64> = HashMap::new();
    for stored in server.client().stored(STREAM) {
        let record = stored.json();
        let next = next.entry(record["source"].as_str().unwrap().to_owned()).or_insert(0);
        *next += 1;
        assert_eq!(record["seq"].as_u64(), Some(*next), "{record}");
    }
    for (source, sent) in SOURCES.iter().zip(sent) {
        assert_eq!(next.get(*source), Some(&sent), "{source}");
        assert!(sent > 100, "{source}: {sent}");
    }
}

#[test]
fn a_relay_reports_an_outage_and_its_end_and_loses_nothing() {
    let Some(mut server) = nats() else { return };
    server.kill();
    let publisher = Publisher::bind();
    let option = format!("--nats={},retry=50ms,retry-max=100ms", server.url());
    let args = [
        "relay",
        "--bind",
        ANY_PORT,
        "--publish-bind",
        ANY_PORT,
        "--connect",
        &publisher.endpoint,
        &option,
    ];
    let mut relay = zlog(args).start();
    publisher.wait_for_subscription();
    let send = |seq: u64| {
        let body = format!(r#"{{"msg":"m","levelno":20,"source":"s","seq":{seq}}}"#);
        publisher.send([b"app.INFO".as_slice(), body.as_bytes()]);
    };
    (1..=50).for_each(send);
    relay.expect_stderr("no NATS server at");
    server.run();
    relay.expect_stderr("works again; no record was lost meanwhile");
    (51..=60).for_each(send);
    let client = server.client();
    client.wait_for(STREAM, 60);
    relay.terminate();
    relay.wait().code(143).stderr_lacks("were lost");
    let seqs: Vec<_> =
        client.stored(STREAM).iter().map(|stored| stored.json()["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=60).collect::<Vec<_>>());
}

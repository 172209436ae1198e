//! Batches that the server confirms every so many records (NATS 2.14), and many on their way at once.

use std::thread;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream;
use rustix::process::Signal;
use zlog_core::Record;
use zlog_pipeline::handler::nats::{NatsHandler, NatsOptions};
use zlog_pipeline::handler::retry::RetryOptions;
use zlog_pipeline::handler::{Backlog, Handler};

use super::{STREAM, close, handler, options, record};
use crate::harness::{NatsClient, nats, old_nats};

/// Creates the stream.
fn create(client: &NatsClient, batches: bool, max_message_size: i32) {
    client.create(stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["zlog.>".to_owned()],
        allow_batch_publish: batches,
        max_message_size,
        ..stream::Config::default()
    });
}

/// The numbers of the stored records, in order.
fn stored(client: &NatsClient) -> Vec<u64> {
    let stored = client.stored(STREAM);
    stored.iter().map(|stored| stored.json()["seq"].as_u64().unwrap()).collect()
}

#[test]
fn records_go_in_batches_to_a_stream_that_takes_them_and_one_by_one_to_others() {
    const EACH: u64 = 1000;
    for (server, has_batches, asked) in
        [(nats(), true, 2 * EACH as usize), (nats(), false, 0), (old_nats(), false, 0)]
    {
        let Some(server) = server else { continue };
        let client = server.client();
        create(&client, has_batches, 0);
        // It sees where each message asks for its confirmation.
        let mut watch = client.subscribe("zlog.>");
        let mut handler = handler(options(&server));
        for flush in 0..2 {
            for seq in 1..=EACH {
                handler.handle(&record("a", "app.INFO", flush * EACH + seq)).unwrap();
            }
            handler.flush().unwrap();
        }
        assert_eq!(handler.backlog(), Backlog::default());
        assert_eq!(stored(&client), (1..=2 * EACH).collect::<Vec<_>>());
        let addresses = client.reply_addresses(&mut watch, 2 * EACH as usize);
        let in_batches = addresses.iter().filter(|address| address.ends_with(".$FI")).count();
        assert_eq!(in_batches, asked);
    }
}

#[test]
fn a_record_that_is_refused_keeps_no_other_out() {
    // All in one batch, and in many of which some are on their way behind it.
    for (max_pending, batches) in [(4096, true), (40, true), (40, false)] {
        let Some(server) = nats() else { return };
        let client = server.client();
        create(&client, batches, 2048);
        let mut handler = handler(NatsOptions { max_pending, ..options(&server) });
        let long: &'static str = format!("app.{}", "x".repeat(5000)).leak();
        let mut send = |numbers: std::ops::RangeInclusive<u64>| {
            for seq in numbers {
                let topic = if seq == 150 { long } else { "app.INFO" };
                let size = if matches!(seq, 300 | 599) { 3000 } else { 10 };
                let text = "x".repeat(size).into();
                handler.handle(&Record { msg: text, ..record("a", topic, seq) }).unwrap();
            }
            handler.flush().unwrap_err().to_string()
        };
        let error = send(1..=200);
        assert!(error.contains("1 record was not stored: the topic makes a subject"), "{error}");
        let error = send(201..=600);
        assert!(error.contains("not stored: "), "{error}");
        assert!(error.contains("nats stream edit --max-msg-size"), "{error}");
        assert_eq!((handler.backlog().lost, handler.backlog().waiting), (3, 0));
        let wanted: Vec<u64> = (1..=600).filter(|seq| !matches!(seq, 150 | 300 | 599)).collect();
        assert_eq!(stored(&client), wanted);
    }
}

#[test]
fn records_are_taken_while_those_before_are_being_stored_and_wait_until_they_are() {
    for batches in [true, false] {
        let Some(mut server) = nats() else { return };
        let client = server.client();
        create(&client, batches, 0);
        let mut handler = handler(NatsOptions { max_pending: 40, ..options(&server) });
        let take = |handler: &mut NatsHandler, numbers: std::ops::RangeInclusive<u64>| {
            numbers.for_each(|seq| handler.handle(&record("a", "app.INFO", seq)).unwrap());
        };
        take(&mut handler, 1..=10);
        handler.flush().unwrap();
        server.signal(Signal::STOP);
        take(&mut handler, 11..=40);
        handler.on_timer(Instant::now()).unwrap();
        assert_eq!(handler.backlog(), Backlog { waiting: 30, ..Backlog::default() });
        server.signal(Signal::CONT);
        handler.flush().unwrap();
        assert_eq!(handler.backlog(), Backlog::default());
        assert_eq!(stored(&client), (1..=40).collect::<Vec<_>>());
    }
}

#[test]
fn records_on_their_way_when_a_server_is_killed_are_stored_once_and_in_order() {
    /// How many records may wait in the handler.
    const WAITING: u64 = 2000;
    for batches in [true, false] {
        let Some(mut server) = nats() else { return };
        let client = server.client();
        create(&client, batches, 0);
        drop(client);
        let retry = RetryOptions { records: 1_000_000, ..options(&server).retry };
        let mut handler = handler(NatsOptions { retry, max_pending: 400, ..options(&server) });
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let loader = thread::spawn(move || {
            let mut seq = 0;
            while stopped.try_recv().is_err() {
                if handler.backlog().waiting < WAITING {
                    seq += 1;
                    handler.handle(&record("a", "app.INFO", seq)).unwrap();
                } else {
                    thread::sleep(Duration::from_millis(1));
                }
                // Errors of outages; a retry when it is due.
                let _ = handler.on_timer(Instant::now());
            }
            close(&mut handler);
            assert_eq!(handler.backlog(), Backlog::default());
            seq
        });
        let mut enough = 0;
        for _ in 0..3 {
            enough += 1000;
            server.client().wait_for(STREAM, enough);
            server.kill();
            server.run();
            enough = server.client().count(STREAM);
        }
        stop.send(()).unwrap();
        let sent = loader.join().unwrap();
        assert_eq!(stored(&server.client()), (1..=sent).collect::<Vec<_>>());
    }
}

//! Batches that the server confirms every so many records (NATS 2.14).

use async_nats::jetstream::stream;
use zlog_core::Record;
use zlog_pipeline::handler::{Backlog, Handler};

use super::{STREAM, handler, options, record};
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
fn a_record_that_the_stream_refuses_keeps_no_other_of_its_batch_out() {
    let Some(server) = nats() else { return };
    let client = server.client();
    create(&client, true, 2048);
    let mut handler = handler(options(&server));
    for seq in 1..=600 {
        let size = if matches!(seq, 300 | 599) { 3000 } else { 10 };
        let message = Record { msg: "x".repeat(size).into(), ..record("a", "app.INFO", seq) };
        handler.handle(&message).unwrap();
    }
    let error = handler.flush().unwrap_err().to_string();
    assert!(error.contains("2 records were not stored: "), "{error}");
    assert!(error.contains("nats stream edit --max-msg-size"), "{error}");
    assert_eq!((handler.backlog().lost, handler.backlog().waiting), (2, 0));
    let wanted: Vec<u64> = (1..=600).filter(|seq| !matches!(seq, 300 | 599)).collect();
    assert_eq!(stored(&client), wanted);
}

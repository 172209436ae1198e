//! NATS JetStream: real servers, started by the tests.

/// Batches of NATS 2.14.
mod batches;
/// Three servers that store the same records.
#[cfg(target_os = "linux")]
mod cluster;
/// `zlog emit --nats`.
mod emit;
/// What the handler stores, and what it says when it can't.
mod handler;
/// Sites with servers of their own, as in `examples/scale`.
#[cfg(target_os = "linux")]
mod leaf;
/// Logins and TLS.
mod login;
/// Servers that are killed, and records that come twice.
mod outages;
/// `zlog tail` of a stream.
mod source;
/// `zlog top` of a stream.
mod top;

use std::time::{Duration, Instant};

use zlog_core::{Level, Record};
use zlog_pipeline::handler::nats::{NatsHandler, NatsOptions};
use zlog_pipeline::handler::retry::RetryOptions;
use zlog_pipeline::handler::{Backlog, Handler as _};
use zlog_pipeline::nats::server::ServerOptions;

use crate::harness::{DEADLINE, Nats};

/// The stream.
const STREAM: &str = "ZLOG";

/// Options for this server. Attempts follow each other quickly.
fn options(server: &Nats) -> NatsOptions {
    let (retry, retry_max) = (Duration::from_millis(50), Duration::from_millis(200));
    NatsOptions {
        server: ServerOptions { servers: server.url(), ..ServerOptions::default() },
        retry: RetryOptions { retry, retry_max, ..RetryOptions::default() },
        ..NatsOptions::default()
    }
}

fn handler(options: NatsOptions) -> NatsHandler {
    NatsHandler::new(options, Box::new(|_| {})).unwrap()
}

/// Sends what waits. All of it must be sent, although an error may tell of an outage before.
#[track_caller]
fn close(handler: &mut NatsHandler) {
    let closed = handler.close(Instant::now() + DEADLINE);
    assert_eq!(handler.backlog(), Backlog { lost: handler.backlog().lost, ..Backlog::default() });
    if let Err(error) = closed {
        println!("before all was sent: {error}");
    }
}

/// The record `seq` of this source and topic.
fn record(source: &'static str, topic: &'static str, seq: u64) -> Record<'static> {
    Record {
        topic: topic.into(),
        msg: format!("{source} {seq}").into(),
        level: Level::ERROR,
        created: Some(1_767_323_045.25),
        source: Some(source.into()),
        seq: Some(seq),
        ..Record::default()
    }
}

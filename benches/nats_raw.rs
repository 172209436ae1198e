//! What `zlog`'s handler and source for NATS are measured against: bare `async-nats`, with the same
//! messages. Used by `benches/nats.py`.
//!
//! - `publish SERVER FROM TO COUNT acks|fast`: reads COUNT messages of the stream FROM, creates the
//!   stream TO, and publishes them there, with as many on their way as `zlog` has. With `acks` each
//!   message is confirmed by itself, with `fast` by the protocol of ADR-50 for batches (NATS 2.14).
//! - `fill SERVER FROM TO COUNT`: the same messages again and again, without identities.
//! - `fetch SERVER STREAM`: reads all messages and writes their bodies to standard output.
//!
//! Prints messages and seconds to standard error.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a measurement stops at an error")]

use std::io::{BufWriter, Write as _};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap, Message, Subscriber};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// As many as `zlog` has on their way.
const PENDING: u64 = 4096;
/// The most messages of a batch between two confirmations.
const FLOW: u64 = 512;

/// A message, and the subject for its copy.
struct Copy {
    subject: String,
    message: Message,
}

impl Copy {
    fn headers(&self) -> HeaderMap {
        self.message.headers.clone().unwrap_or_default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let client = async_nats::ConnectOptions::new();
    let client = client.subscription_capacity(100_000).connect(words[1]).await.unwrap();
    let context = jetstream::new(client.clone());
    match words[..] {
        ["publish", _, from, to, count, how] => {
            let messages = read(&context, from, to, count.parse().unwrap()).await;
            create(&context, to).await;
            let begun = Instant::now();
            match how {
                "fast" => publish_fast(&client, &messages).await,
                _ => publish(&client, messages.iter(), true).await,
            }
            report(messages.len() as u64, begun);
        }
        ["fill", _, from, to, count] => {
            let count: usize = count.parse().unwrap();
            let messages = read(&context, from, to, 100_000).await;
            create(&context, to).await;
            let begun = Instant::now();
            publish(&client, messages.iter().cycle().take(count), false).await;
            report(count as u64, begun);
        }
        ["fetch", _, from] => {
            let begun = Instant::now();
            let count = fetch(&context, from).await;
            report(count, begun);
        }
        _ => panic!("see the comment at the beginning of this file"),
    }
}

fn report(count: u64, begun: Instant) {
    eprintln!("{count} {:.6}", begun.elapsed().as_secs_f64());
}

/// Creates the stream, unless another process was faster. The typed request of `async-nats` has
/// `allow_batched` only with a feature.
async fn create(context: &Context, name: &str) {
    let config = json!({ "name": name, "subjects": [format!("{name}.>")], "allow_batched": true });
    let created: Value = context.request(format!("STREAM.CREATE.{name}"), &config).await.unwrap();
    assert!(created["error"].is_null(), "{created}");
}

async fn consumer(context: &Context, name: &str) -> (jetstream::consumer::PullConsumer, u64) {
    let stream = context.get_stream(name).await.unwrap();
    let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
    (stream.create_consumer(config).await.unwrap(), stream.cached_info().state.messages)
}

/// Reads the first messages of a stream. Their subjects get another first part.
async fn read(context: &Context, from: &str, to: &str, count: usize) -> Vec<Copy> {
    let mut messages = Vec::with_capacity(count);
    let (consumer, _) = consumer(context, from).await;
    let mut stream = consumer.stream().max_messages_per_batch(1000).messages().await.unwrap();
    while messages.len() < count {
        let message = stream.next().await.unwrap().unwrap();
        let rest = message.subject.split_once('.').unwrap().1;
        messages.push(Copy { subject: format!("{to}.{rest}"), message: message.message });
    }
    messages
}

async fn publish<'m>(client: &Client, messages: impl Iterator<Item = &'m Copy>, identified: bool) {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(format!("{inbox}.*")).await.unwrap();
    let mut pending = 0;
    for (number, copy) in messages.enumerate() {
        // As soon as one is confirmed, the next one goes.
        if pending == PENDING {
            confirmed(&mut answers).await;
            pending -= 1;
        }
        let headers = if identified { copy.headers() } else { HeaderMap::new() };
        let (subject, body) = (copy.subject.clone(), copy.message.payload.clone());
        let reply = format!("{inbox}.{number}");
        client.publish_with_reply_and_headers(subject, reply, headers, body).await.unwrap();
        pending += 1;
    }
    for _ in 0..pending {
        confirmed(&mut answers).await;
    }
}

async fn confirmed(answers: &mut Subscriber) {
    let answer = answers.next().await.unwrap();
    let text: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(text["seq"].is_u64(), "{text}");
}

/// One batch, of which the server confirms every so many messages.
async fn publish_fast(client: &Client, messages: &[Copy]) {
    let inbox = format!("{}.batch", client.new_inbox());
    let mut answers = client.subscribe(format!("{inbox}.>")).await.unwrap();
    let (mut confirmed, mut every) = (0, 0);
    let last = messages.len() as u64;
    for (number, copy) in (1..).zip(messages) {
        let operation = match number {
            1 => 0,
            _ if number == last => 2,
            _ => 1,
        };
        let reply = format!("{inbox}.{FLOW}.fail.{number}.{operation}.$FI");
        let (subject, body) = (copy.subject.clone(), copy.message.payload.clone());
        client.publish_with_reply_and_headers(subject, reply, copy.headers(), body).await.unwrap();
        while number < last && (number == 1 || number >= confirmed + 2 * every) && every <= number {
            let answer: Value = answer(&mut answers).await;
            assert_eq!(answer["type"], "ack", "{answer}");
            (confirmed, every) =
                (answer["seq"].as_u64().unwrap(), answer["msgs"].as_u64().unwrap());
            if number == 1 {
                break;
            }
        }
    }
    loop {
        let answer = answer(&mut answers).await;
        if answer["type"].is_null() {
            assert_eq!(answer["count"].as_u64(), Some(last), "{answer}");
            return;
        }
    }
}

async fn answer(answers: &mut Subscriber) -> Value {
    let next = tokio::time::timeout(Duration::from_secs(10), answers.next()).await;
    serde_json::from_slice(&next.unwrap().unwrap().payload).unwrap()
}

async fn fetch(context: &Context, name: &str) -> u64 {
    let (consumer, count) = consumer(context, name).await;
    let mut stream = consumer.stream().max_messages_per_batch(1000).messages().await.unwrap();
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    for _ in 0..count {
        let message = stream.next().await.unwrap().unwrap();
        out.write_all(&message.payload).unwrap();
        out.write_all(b"\n").unwrap();
    }
    out.flush().unwrap();
    count
}

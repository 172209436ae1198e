//! Between the threads that log and the one that publishes: numbered records, in order.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use zlog_core::text::json as json_text;
use zlog_core::wire::{json, topic};
use zlog_core::{Level, Record};

/// Most topics that are numbered. Beyond them, numbering starts again under a new source.
const MAX_TOPICS: usize = 65_536;

/// What the publishing thread gets.
pub(crate) enum Item {
    /// A message.
    Record {
        /// The topic.
        topic: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Everything before it is sent.
    Flush(Sender<()>),
    /// The thread is to end.
    Close,
}

/// What each record says of its sender.
#[derive(Debug)]
struct Process {
    hostname: String,
    id: i64,
    name: String,
    started: f64,
}

#[derive(Debug)]
struct Numbers {
    source: Arc<str>,
    topics: HashMap<String, u64>,
    /// Dropped records that no WARNING record tells of.
    untold: u64,
    dropped: u64,
    is_closed: bool,
}

/// The queue of a handler.
#[derive(Debug)]
pub(crate) struct Queue {
    root: Option<String>,
    process: Process,
    sender: Sender<Item>,
    size: usize,
    /// Held while a record gets its number and is queued, so that both orders are the same.
    numbers: Mutex<Numbers>,
}

impl Queue {
    pub(crate) fn new(root: Option<String>, size: usize) -> (Queue, Receiver<Item>) {
        let process = Process::this();
        let source = new_source(&process.hostname);
        let topics = HashMap::new();
        let numbers = Numbers { source, topics, untold: 0, dropped: 0, is_closed: false };
        // One more for the report of dropped records, and room for `Flush` and `Close`.
        let (sender, items) = bounded(size + 64);
        (Queue { root, process, sender, size, numbers: Mutex::new(numbers) }, items)
    }

    /// Queues a record, or drops and counts it. Never waits for the network.
    pub(crate) fn put<'r>(&'r self, mut record: Record<'r>) {
        // Encoded before the lock is taken, but for the number.
        let (topic, mut body) = self.encode(&mut record);
        let mut numbers = self.numbers();
        if numbers.is_closed {
            numbers.dropped += 1;
            return;
        }
        numbers.add_to(&topic, &mut body, &self.process.hostname);
        if self.sender.len() >= self.size {
            numbers.drop_one();
            return;
        }
        if self.sender.try_send(Item::Record { topic, body }).is_err() {
            numbers.drop_one();
        }
    }

    /// Takes the report of the records that were dropped since the last one, a WARNING record, if
    /// its topic is wanted.
    pub(crate) fn take_report(
        &self,
        is_wanted: impl FnOnce(&str) -> bool,
    ) -> Option<(String, Vec<u8>)> {
        let mut numbers = self.numbers();
        let count = numbers.untold;
        if count == 0 {
            return None;
        }
        let msg = format!("{count} records were dropped: {} were waiting to be sent", self.size);
        let mut record = Record {
            name: Some("zlog_tracing".into()),
            msg: msg.into(),
            level: Level::WARNING,
            ..Record::default()
        };
        let (topic, mut body) = self.encode(&mut record);
        if !is_wanted(&topic) {
            return None;
        }
        numbers.untold = 0;
        numbers.add_to(&topic, &mut body, &self.process.hostname);
        Some((topic, body))
    }

    /// The topic and the body of a record, without its number.
    fn encode<'r>(&'r self, record: &mut Record<'r>) -> (String, Vec<u8>) {
        self.describe(record);
        let mut body = Vec::with_capacity(512);
        json::write(record, &mut body);
        (self.topic(record), body)
    }

    /// Waits until what is queued now is sent. Returns whether it is.
    pub(crate) fn flush(&self, wait: Duration) -> bool {
        let (done, is_done) = bounded(1);
        let until = std::time::Instant::now() + wait;
        self.sender.send_deadline(Item::Flush(done), until).is_ok()
            && is_done.recv_deadline(until).is_ok()
    }

    /// Asks the thread to end. Later records are dropped and counted.
    pub(crate) fn close(&self) {
        self.numbers().is_closed = true;
        // A full channel is read by a thread that sees the same below.
        if let Err(TrySendError::Full(item)) = self.sender.try_send(Item::Close) {
            let _ = self.sender.send_timeout(item, Duration::from_secs(1));
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.numbers().is_closed
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.numbers().dropped
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills in what all records of this process have in common.
    fn describe<'r>(&'r self, record: &mut Record<'r>) {
        let created = now();
        record.created = Some(created);
        record.msecs = Some(json::milliseconds(created));
        record.relative_created = Some(((created - self.process.started) * 1e6).trunc() / 1e3);
        record.process = Some(self.process.id);
        record.process_name = Some(self.process.name.as_str().into());
        record.hostname = Some(self.process.hostname.as_str().into());
    }

    fn topic(&self, record: &Record<'_>) -> String {
        let root = self.root.as_deref().or(record.name.as_deref()).unwrap_or_default();
        let mut out = String::with_capacity(64);
        topic::write(&mut out, root, &record.level_name(), &record.subtopic);
        out
    }
}

impl Numbers {
    /// Adds source and number to a body, the next one of its topic.
    fn add_to(&mut self, topic: &str, body: &mut Vec<u8>, hostname: &str) {
        let number = self.next(topic, hostname);
        body.pop();
        // A vector takes every write.
        let _ = write!(body, ",\"source\":{},\"seq\":{number}}}", json_text::quoted(&self.source));
    }

    fn next(&mut self, topic: &str, hostname: &str) -> u64 {
        if let Some(number) = self.topics.get_mut(topic) {
            *number += 1;
            return *number;
        }
        if self.topics.len() >= MAX_TOPICS {
            self.topics.clear();
            self.source = new_source(hostname);
        }
        self.topics.insert(topic.to_owned(), 1);
        1
    }

    fn drop_one(&mut self) {
        self.untold += 1;
        self.dropped += 1;
    }
}

impl Process {
    fn this() -> Process {
        let program = std::env::current_exe().unwrap_or_default();
        Process {
            hostname: gethostname::gethostname().to_string_lossy().into_owned(),
            id: i64::from(std::process::id()),
            name: program.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            started: now(),
        }
    }
}

/// A sender's name that no other process has: host, process id, and random letters.
fn new_source(hostname: &str) -> Arc<str> {
    let tag: String = std::iter::repeat_with(fastrand::alphanumeric).take(4).collect();
    format!("{hostname}:{}:{}", std::process::id(), tag.to_ascii_lowercase()).into()
}

/// Seconds since 1970-01-01 UTC.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

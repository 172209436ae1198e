//! Publishers in the process of a relay, which hand their messages over to it in batches.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use zmtp::{Batch, BatchBuilder};

use crate::socket::flush::Flushed;
use crate::socket::options::SocketOptions;
use crate::socket::proxy::Waker;
use crate::socket::publisher::{PublisherSocket, Sent};
use crate::socket::subscriber::Subscriber;
use zlog_core::Result;

/// Bytes of messages that wait for the relay. One message always fits.
const MAX_BYTES: usize = 256 << 10;

/// Messages, and how many there were.
#[derive(Default)]
struct Messages {
    waiting: BatchBuilder,
    /// Messages that were added, that were taken, and that were taken before the last time.
    added: u64,
    taken: u64,
    handed: u64,
}

/// The messages of a publisher that wait for the relay.
pub(super) struct LocalQueue {
    messages: Mutex<Messages>,
    room: Condvar,
    waker: Waker,
}

impl LocalQueue {
    pub(super) fn new(waker: Waker) -> LocalQueue {
        LocalQueue { messages: Mutex::default(), room: Condvar::new(), waker }
    }

    fn lock(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all messages, if there are any.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut messages = self.lock();
        // The relay takes messages once it is done with those before them.
        messages.handed = messages.taken;
        messages.taken = messages.added;
        let batch = messages.waiting.take();
        drop(messages);
        if batch.is_some() {
            self.room.notify_all();
        }
        batch
    }

    /// Number of messages that the relay is done with.
    pub(super) fn handed(&self) -> u64 {
        self.lock().handed
    }

    /// Adds a message, or waits for room, for `wait` at most. Returns whether there was room.
    /// Without `wait`, there always is.
    fn push(&self, frames: &[&[u8]], wait: Option<Duration>) -> bool {
        let until = Instant::now() + wait.unwrap_or_default();
        let mut messages = self.lock();
        while wait.is_some() && messages.waiting.encoded_len() >= MAX_BYTES {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            messages = match self.room.wait_timeout(messages, left) {
                Ok((messages, _)) => messages,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        let was_empty = messages.waiting.encoded_len() == 0;
        messages.waiting.push(frames);
        messages.added += 1;
        drop(messages);
        if was_empty {
            (self.waker)();
        }
        true
    }
}

/// A publisher in the process of a relay. Its only subscriber is the relay.
pub(super) struct LocalPublisher {
    queue: Arc<LocalQueue>,
    /// The relay's publishing socket, whose subscriptions count. `Weak`: the relay closes it.
    publish: Weak<zmtp::Publisher>,
    changes: Receiver<()>,
    send_slice: Duration,
}

impl LocalPublisher {
    pub(super) fn new(
        queue: Arc<LocalQueue>,
        publish: &Arc<zmtp::Publisher>,
        options: &SocketOptions,
    ) -> LocalPublisher {
        let (changed, changes) = crossbeam_channel::bounded(1);
        notify(publish, changed);
        let publish = Arc::downgrade(publish);
        LocalPublisher { queue, publish, changes, send_slice: options.send_slice }
    }
}

fn notify(publish: &zmtp::Publisher, changed: Sender<()>) {
    publish.on_change(Box::new(move || {
        // One message serves for several changes.
        let _ = changed.try_send(());
    }));
}

impl PublisherSocket for LocalPublisher {
    fn set_send_slice(&mut self, slice: Duration) {
        self.send_slice = slice;
    }

    fn send_slice(&self) -> Duration {
        self.send_slice
    }

    fn drop_when_full(&mut self) {
        self.send_slice = Duration::ZERO;
    }

    fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent> {
        let sent = self.queue.push(&[topic, body], Some(self.send_slice));
        Ok(if sent { Sent::Sent } else { Sent::Full })
    }

    fn has_marks(&self) -> bool {
        true
    }

    fn send_mark(&mut self, topic: &[u8], body: &[u8]) {
        self.queue.push(&[topic, body], None);
    }

    fn process_events(&mut self) {}

    fn wake_on_events(&mut self, wake: Sender<()>) -> Result<()> {
        if let Some(publish) = self.publish.upgrade() {
            notify(&publish, wake);
        }
        Ok(())
    }

    fn wait_at_most(&self) -> Option<Duration> {
        None
    }

    fn wait(&mut self, wait: Duration) {
        // The socket keeps the sender.
        let _ = self.changes.recv_timeout(wait);
    }

    fn has_subscriber(&self, topic: &[u8]) -> bool {
        self.publish.upgrade().is_some_and(|publish| publish.has_subscriber(topic))
    }

    fn has_subscription(&self, prefix: &[u8]) -> bool {
        self.publish.upgrade().is_some_and(|publish| publish.has_subscription(prefix))
    }

    fn generation(&self) -> u64 {
        self.publish.upgrade().map_or(0, |publish| publish.generation())
    }

    fn subscribers(&self, _: &str) -> usize {
        let subscribers = |publish: Arc<zmtp::Publisher>| publish.subscribers(b"");
        usize::from(self.publish.upgrade().map_or(0, subscribers) > 0)
    }

    fn inproc_subscriber(&mut self, _: &[&[u8]], _: &SocketOptions) -> Result<Subscriber> {
        Err(super::publisher::no_inproc())
    }

    /// The relay takes what is queued.
    fn close(self: Box<Self>, _: Duration) -> Flushed {
        Flushed::Yes
    }
}

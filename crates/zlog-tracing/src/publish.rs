//! The thread that sends what is queued.

use std::io::Write;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use zmtp::Publisher;

use crate::queue::{Item, Queue};

/// How often the thread looks, while it waits for a subscriber, whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Counts of the records that subscribers did not get.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Records that were dropped because the queue was full, or the handler closed.
    pub dropped: u64,
    /// Records that nobody had subscribed to.
    pub unsubscribed: u64,
    /// Records that a subscriber had not taken when linger was over, or when it disconnected.
    /// Counted for each subscriber.
    pub unsent: u64,
}

impl Report {
    /// Says on stderr what was lost.
    #[expect(clippy::disallowed_methods, reason = "nothing in it is from outside")]
    pub(crate) fn print(self) {
        let lost = self.dropped + self.unsubscribed + self.unsent;
        if lost > 0 {
            // A closed stderr must not end the program.
            let _ = writeln!(
                std::io::stderr(),
                "zlog-tracing: {lost} records were not sent ({} dropped, {} without a subscriber, {} \
                 not taken in time). Start a reader before, or raise wait, linger or queue_size.",
                self.dropped,
                self.unsubscribed,
                self.unsent
            );
        }
    }
}

/// Sends items until the queue is closed and empty.
pub(crate) fn run(
    publisher: Publisher,
    queue: &Queue,
    items: &Receiver<Item>,
    wait: Duration,
    linger: Duration,
) -> Report {
    await_subscriber(&publisher, Instant::now() + wait);
    let mut unsent = 0;
    let mut send = |topic: &str, body: &[u8]| {
        // Fails only when the thread of the socket has ended.
        unsent += u64::from(publisher.send(&[topic.as_bytes(), body]).is_err());
    };
    let mut is_open = true;
    while is_open {
        match items.recv_timeout(Duration::from_secs(1)) {
            Ok(Item::Record { topic, body }) => send(&topic, &body),
            // Its sender may no longer wait.
            Ok(Item::Flush(done)) => drop(done.try_send(())),
            Ok(Item::Close) | Err(RecvTimeoutError::Disconnected) => is_open = false,
            Err(RecvTimeoutError::Timeout) => is_open = !queue.is_closed(),
        }
        if items.is_empty()
            && let Some((topic, body)) =
                queue.take_report(|topic| publisher.has_subscriber(topic.as_bytes()))
        {
            send(&topic, &body);
        }
    }
    let counts = publisher.counts();
    let told = |peers: Vec<zmtp::Dropped>| {
        peers.iter().map(|peer| peer.unsent + peer.topics.iter().map(|it| it.1).sum::<u64>()).sum()
    };
    let slow: u64 = told(publisher.take_dropped());
    if let Err(peers) = publisher.close(linger) {
        unsent += peers.iter().map(|peer| peer.queued_messages as u64).sum::<u64>();
    }
    let unsubscribed = counts.unsubscribed();
    Report { dropped: queue.dropped(), unsubscribed, unsent: unsent + slow }
}

/// Waits until somebody has subscribed. Also when the handler is closed meanwhile: a short program
/// ends before its reader has connected.
fn await_subscriber(publisher: &Publisher, until: Instant) {
    while publisher.subscribers(b"") == 0 {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        // Either a change of the subscriptions, or the time of a look.
        let _ = publisher.changes().recv_timeout(left.min(LOOK));
    }
}

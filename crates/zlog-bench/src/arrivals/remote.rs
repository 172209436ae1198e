//! A counter in another thread or process, and the client that queries it.
//!
//! The counter sends nothing while records arrive: sending would be work that is measured
//! too.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use serde::{Deserialize, Serialize};

use super::ArrivalCounter;
use zlog_core::{Error, Result};
use zlog_pipeline::os::thread;
use zlog_pipeline::socket::Subscriber;

/// How often requests and the stop condition are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The idle timeout once the run has been stopped.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the reply may take beyond the idle timeout.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks a counter for its count.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct CountRequest {
    /// Reply when this many records have arrived since the start,
    pub total: u64,
    /// or when none has arrived for this long.
    pub idle_timeout: Duration,
}

/// A counter's reply.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct CountReply {
    /// Records that have arrived since the start.
    pub records: u64,
    /// How long before this reply the last record arrived.
    pub ago: Duration,
}

/// The connection to a counter in another thread or process.
pub(crate) trait CountClient {
    /// Sends a request. It replaces the previous one if that has no reply yet.
    ///
    /// # Errors
    /// The counter has ended.
    fn request(&mut self, request: CountRequest) -> Result<()>;

    /// Returns the next reply, or `None` if none arrives within `wait`.
    ///
    /// # Errors
    /// The counter has ended or failed.
    fn reply(&mut self, wait: Duration) -> Result<Option<CountReply>>;
}

/// Queries a counter in another thread or process.
pub(crate) struct RemoteCounter<T> {
    client: T,
    idle_timeout: Duration,
    arrived: u64,
}

impl<T: CountClient> RemoteCounter<T> {
    /// Records count as lost when none has arrived for `idle_timeout`.
    pub(crate) fn new(client: T, idle_timeout: Duration) -> RemoteCounter<T> {
        RemoteCounter { client, idle_timeout, arrived: 0 }
    }
}

impl<T: CountClient> ArrivalCounter for RemoteCounter<T> {
    fn wait_for_arrivals(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration> {
        // Drops late replies to earlier requests.
        while self.client.reply(Duration::ZERO)?.is_some() {}
        let mut stopped = stop().then(Instant::now);
        let idle_timeout = if stopped.is_some() { STOP_TIMEOUT } else { self.idle_timeout };
        self.client.request(CountRequest { total, idle_timeout })?;
        loop {
            if let Some(reply) = self.client.reply(POLL_INTERVAL)? {
                self.arrived = reply.records;
                return Ok(reply.ago);
            }
            match stopped {
                None if stop() => {
                    stopped = Some(Instant::now());
                    self.client.request(CountRequest { total, idle_timeout: STOP_TIMEOUT })?;
                }
                Some(since) if since.elapsed() > STOP_TIMEOUT + REPLY_TIMEOUT => {
                    return Err(no_counter());
                }
                _ => {}
            }
        }
    }

    fn arrived(&mut self) -> Result<Option<u64>> {
        Ok(Some(self.arrived))
    }
}

/// A counter in a thread of this process. Dropping it ends the thread soon.
pub(crate) struct ThreadClient {
    requests: Sender<CountRequest>,
    replies: Receiver<CountReply>,
}

impl ThreadClient {
    /// Starts a thread that counts with `poll`, as [`serve_counts`] does.
    ///
    /// # Errors
    /// The thread can't be started.
    pub(crate) fn start(
        mut poll: impl FnMut(Duration) -> Result<u64> + Send + 'static,
    ) -> Result<ThreadClient> {
        let (requests, incoming) = crossbeam_channel::unbounded();
        let (outgoing, replies) = crossbeam_channel::unbounded();
        let count = move || {
            let mut reply = |reply| outgoing.send(reply).map_err(|_| no_counter());
            // The client notices an error by the missing reply.
            let _ = serve_counts(&mut poll, &incoming, &mut reply);
        };
        thread::spawn("counter", count)?;
        Ok(ThreadClient { requests, replies })
    }
}

impl CountClient for ThreadClient {
    fn request(&mut self, request: CountRequest) -> Result<()> {
        self.requests.send(request).map_err(|_| no_counter())
    }

    fn reply(&mut self, wait: Duration) -> Result<Option<CountReply>> {
        match self.replies.recv_timeout(wait) {
            Ok(reply) => Ok(Some(reply)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(no_counter()),
        }
    }
}

/// The error when the counter has ended.
fn no_counter() -> Error {
    Error::new("the counter of arrived records does not answer")
}

/// Counts until `requests` ends. `poll` waits for records, no longer than it is told,
/// and returns how many have arrived since the start.
///
/// # Errors
/// Those of `poll` and `reply`.
pub(crate) fn serve_counts(
    poll: &mut dyn FnMut(Duration) -> Result<u64>,
    requests: &Receiver<CountRequest>,
    reply: &mut dyn FnMut(CountReply) -> Result<()>,
) -> Result<()> {
    let mut records = 0;
    let mut last = Instant::now();
    let mut open: Option<(CountRequest, Instant)> = None;
    loop {
        let before = std::mem::replace(&mut records, poll(POLL_INTERVAL)?);
        let now = Instant::now();
        if records > before {
            last = now;
        }
        match requests.try_recv() {
            Ok(request) => open = Some((request, now)),
            Err(crossbeam_channel::TryRecvError::Empty) => {}
            Err(crossbeam_channel::TryRecvError::Disconnected) => return Ok(()),
        }
        let Some((request, since)) = open else { continue };
        let idle = now.saturating_duration_since(last.max(since));
        if records >= request.total || idle >= request.idle_timeout {
            reply(CountReply { records, ago: now.saturating_duration_since(last) })?;
            open = None;
        }
    }
}

/// Counts the messages of a subscriber, for [`serve_counts`].
pub(crate) fn count_messages(mut subscriber: Subscriber) -> impl FnMut(Duration) -> Result<u64> {
    let mut count = 0;
    move |wait| {
        subscriber.recv(wait, &mut |_frames, _received| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A counter whose records arrive one with each poll, up to `total`.
    fn counter(total: u64, idle_timeout: Duration) -> RemoteCounter<ThreadClient> {
        let mut records = 0;
        let poll = move |_wait: Duration| {
            records = (records + 1).min(total);
            Ok(records)
        };
        RemoteCounter::new(ThreadClient::start(poll).unwrap(), idle_timeout)
    }

    #[test]
    fn it_answers_as_soon_as_all_have_arrived() {
        let mut counter = counter(1000, Duration::from_secs(3600));
        counter.wait_for_arrivals(100, &|| false).unwrap();
        assert!(counter.arrived().unwrap() >= Some(100));
        counter.wait_for_arrivals(1000, &|| false).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(1000));
    }

    #[test]
    fn it_gives_up_when_no_more_come_and_says_how_long_ago_the_last_one_did() {
        let idle_timeout = Duration::from_millis(30);
        let mut counter = counter(10, idle_timeout);
        let ago = counter.wait_for_arrivals(11, &|| false).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(10));
        assert!(ago >= idle_timeout, "{ago:?}");
    }

    #[test]
    fn a_request_to_stop_shortens_the_wait() {
        let mut counter = counter(10, Duration::from_secs(3600));
        let looks = AtomicU64::new(0);
        let stop = || looks.fetch_add(1, Ordering::Relaxed) > 2;
        counter.wait_for_arrivals(11, &stop).unwrap();
        assert_eq!(counter.arrived().unwrap(), Some(10));
    }

    #[test]
    fn a_counter_that_has_died_is_an_error() {
        let (requests, _incoming) = crossbeam_channel::unbounded();
        let (outgoing, replies) = crossbeam_channel::unbounded();
        drop(outgoing);
        let client = ThreadClient { requests, replies };
        let mut counter = RemoteCounter::new(client, Duration::from_secs(3600));
        let error = counter.wait_for_arrivals(1, &|| false).unwrap_err().to_string();
        assert!(error.contains("does not answer"), "{error}");
    }
}

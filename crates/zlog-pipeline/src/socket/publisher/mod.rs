//! The publishing socket: it blocks instead of dropping, and knows its subscribers.
//!
//! Callers wait for subscriptions, never for time: messages sent right after a connect are
//! all lost.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::broken_report::BrokenConnection;
use super::connection::EndpointStatus;
use super::endpoint::Endpoint;
use super::flush::{CountNotNeeded, Flushed, PeerLoss};
use super::options::SocketOptions;
use super::subscriber::Subscriber;
use crate::os::run_directory::{Registered, Registration, RunDirectory};
use zlog_core::Result;
use zlog_core::wire::query::REGISTERED;

/// Longest wait between two checks of `stop`.
const SLICE: Duration = Duration::from_millis(50);
/// Longest wait for a subscriber that announced its end. It announces it before it drains
/// its connections, which may take its `--linger` (5 s by default).
const ENDING_WAIT: Duration = Duration::from_secs(60);
/// How old each registration of a subscriber must be before records are published. If one has just
/// started, others of the same script may be about to register.
const SETTLE_TIME: Duration = Duration::from_millis(200);

/// Outcome of [`Publisher::send`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The engine took the message for every subscriber of its topic, of which there may be none.
    Sent,
    /// A subscriber has no room, and the time was up or a signal arrived. The message was sent
    /// to nobody: send it again or drop it.
    Full,
}

/// Outcome of [`Publisher::wait_for`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitOutcome {
    /// There are enough subscribers.
    Enough,
    /// The time was up; there are this many subscribers.
    TimedOut(usize),
    /// `stop` returned true.
    Stopped,
}

/// What an engine's publishing socket does. [`Publisher`] documents what is not documented here. The
/// defaults are those of a publisher without connections.
pub(super) trait PublisherSocket: Send {
    fn bound(&self) -> &[String] {
        &[]
    }
    fn set_send_slice(&mut self, slice: Duration);
    fn send_slice(&self) -> Duration;
    /// From now on, messages are dropped while a subscriber has no room: for that one alone if
    /// the engine can, otherwise [`PublisherSocket::send`] returns at once that it is full.
    fn drop_when_full(&mut self);
    fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent>;
    /// Whether marks can be kept from those who have not subscribed to them.
    fn has_marks(&self) -> bool;
    fn send_mark(&mut self, topic: &[u8], body: &[u8]);
    fn process_events(&mut self);
    fn wake_on_events(&mut self, wake: Sender<()>) -> Result<()>;
    fn wait_at_most(&self) -> Option<Duration>;
    /// Waits for events, for `wait` at most.
    fn wait(&mut self, wait: Duration);
    fn take_report(&mut self) -> Option<String> {
        None
    }
    fn take_last_report(&mut self) -> Option<String> {
        None
    }
    /// Whether messages that are sent now could be lost because a subscriber has announced its
    /// end.
    fn is_ending(&self) -> bool {
        false
    }
    fn broken(&mut self) -> Vec<BrokenConnection> {
        Vec::new()
    }
    fn take_dropped(&mut self, _is_last: bool) -> Vec<PeerLoss> {
        Vec::new()
    }
    /// Counts of messages that nobody lacks; `None` if the engine does not count them.
    fn not_needed(&self) -> Option<CountNotNeeded> {
        None
    }
    fn blocked_peers(&self) -> Vec<String> {
        Vec::new()
    }
    fn has_subscriber(&self, topic: &[u8]) -> bool;
    /// Whether a subscriber has subscribed to exactly this prefix.
    fn has_subscription(&self, prefix: &[u8]) -> bool;
    fn generation(&self) -> u64;
    fn subscribers(&self, root: &str) -> usize;
    fn endpoint_status(&self) -> Vec<EndpointStatus> {
        Vec::new()
    }
    /// A subscriber in this process.
    fn inproc_subscriber(
        &mut self,
        topics: &[&[u8]],
        options: &SocketOptions,
    ) -> Result<Subscriber>;
    fn close(self: Box<Self>, linger: Duration) -> Flushed;
}

/// A publishing socket.
pub struct Publisher {
    socket: Box<dyn PublisherSocket>,
    /// Ends after the socket, whose file it removes.
    registration: Option<Registration>,
    /// Where subscribers register, and the default endpoint of those that come here.
    run_directory: Option<(RunDirectory, Endpoint)>,
    /// The registered subscribers that had subscribed by the end of a wait for them.
    reached: HashSet<String>,
    /// How long to wait for a subscriber that announced its end.
    ending_until: Option<Instant>,
    /// Number of messages sent.
    sent: u64,
}

impl Publisher {
    /// A publisher on an open socket.
    pub(super) fn of(socket: Box<dyn PublisherSocket>) -> Publisher {
        Publisher {
            socket,
            registration: None,
            run_directory: None,
            reached: HashSet::new(),
            ending_until: None,
            sent: 0,
        }
    }

    /// The bound endpoints, with wildcards and port 0 filled in.
    pub fn bound(&self) -> &[String] {
        self.socket.bound()
    }

    /// Tells subscribers of this user where to find this publisher, until it is closed.
    ///
    /// # Errors
    /// The announcement can't be written.
    pub fn announce(
        &mut self,
        mut registration: Registration,
        endpoints: &Registered,
    ) -> Result<()> {
        registration.announce(endpoints)?;
        self.registration = Some(registration);
        Ok(())
    }

    /// From now on, [`Publisher::wait_for`] also waits for the subscribers that are registered
    /// in `directory` for this default endpoint.
    pub fn expect_registered(&mut self, directory: RunDirectory, default: Endpoint) {
        self.run_directory = Some((directory, default));
    }

    /// The names of the registered subscribers that run and have not subscribed here, as of the
    /// last [`Publisher::process_events`].
    pub fn missing_registered(&self) -> Vec<String> {
        self.registered().into_iter().filter(|it| self.is_missing(it)).map(|it| it.name).collect()
    }

    /// The registered subscribers that this publisher may wait for.
    fn registered(&self) -> Vec<Registered> {
        let Some((directory, default)) = &self.run_directory else { return Vec::new() };
        let registered = directory.registered().into_iter();
        registered.filter(|it| it.is_subscriber() && default.is_default_of(it)).collect()
    }

    fn is_missing(&self, subscriber: &Registered) -> bool {
        let marker = [REGISTERED, subscriber.name.as_bytes()].concat();
        !self.socket.has_subscription(&marker)
    }

    /// Opens a subscriber of `topics` in this process, over inproc: the sockets share their
    /// queues, and no system call is involved.
    ///
    /// [`Publisher::close`] waits until it is dropped.
    ///
    /// # Errors
    /// A socket or a thread can't be created, or the engine has no inproc.
    pub fn inproc_subscriber<T: AsRef<[u8]>>(
        &mut self,
        topics: &[T],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        let topics: Vec<&[u8]> = topics.iter().map(AsRef::as_ref).collect();
        self.socket.inproc_subscriber(&topics, options)
    }

    /// Sets how long one send waits for room, in place of [`SocketOptions::send_slice`].
    pub(crate) fn set_send_slice(&mut self, slice: Duration) {
        self.socket.set_send_slice(slice);
    }

    /// How long one send waits for room.
    pub fn send_slice(&self) -> Duration {
        self.socket.send_slice()
    }

    /// From now on, drops messages while a subscriber has no room: for that one alone if the
    /// engine can, which [`Publisher::take_dropped`] reports. Otherwise [`Publisher::send`]
    /// returns [`Sent::Full`] at once.
    pub(crate) fn drop_when_full(&mut self) {
        self.socket.drop_when_full();
    }

    /// Messages that were dropped for single subscribers since the last call. `is_last` waits
    /// until all messages sent so far count.
    pub(crate) fn take_dropped(&mut self, is_last: bool) -> Vec<PeerLoss> {
        self.socket.take_dropped(is_last)
    }

    /// Counts of messages that nobody lacks, for after the socket is closed, too; `None` if the
    /// engine does not count them.
    pub(crate) fn not_needed(&self) -> Option<CountNotNeeded> {
        self.socket.not_needed()
    }

    /// Sends a message of two frames, to every subscriber of its topic or to none.
    ///
    /// Waits for room up to [`SocketOptions::send_slice`]. Does not read subscriptions: call
    /// [`Publisher::process_events`] regularly.
    ///
    /// # Errors
    /// The socket has failed for good.
    pub fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent> {
        let outcome = self.socket.send(topic, body)?;
        self.sent += u64::from(outcome == Sent::Sent);
        Ok(outcome)
    }

    /// Whether the engine sends marks.
    pub(crate) fn has_marks(&self) -> bool {
        self.socket.has_marks()
    }

    /// Sends a mark ([`zlog_core::wire::mark`]) to those who have subscribed to it. Never waits.
    pub(crate) fn send_mark(&mut self, topic: &[u8], body: &[u8]) {
        self.socket.send_mark(topic, body);
    }

    /// Reads subscriptions and connection events. Never waits.
    ///
    /// Call it often: libzmq queues some hundred subscriptions, and reads no further ones
    /// until then.
    pub fn process_events(&mut self) {
        self.socket.process_events();
    }

    /// From now on, `wake` gets a message when [`Publisher::process_events`] has something to
    /// do.
    ///
    /// # Errors
    /// No more descriptors or threads.
    pub fn wake_on_events(&mut self, wake: Sender<()>) -> Result<()> {
        self.socket.wake_on_events(wake)
    }

    /// How long until [`Publisher::process_events`] has timed work to do; `None` if it has none.
    pub fn wait_at_most(&self) -> Option<Duration> {
        self.socket.wait_at_most()
    }

    /// A report of subscribers that were disconnected because of what they sent: the first at
    /// once, then at most one a minute.
    pub fn take_report(&mut self) -> Option<String> {
        self.socket.take_report()
    }

    /// As [`Publisher::take_report`], at the end: no time must have passed.
    pub fn take_last_report(&mut self) -> Option<String> {
        self.socket.take_last_report()
    }

    /// If a subscriber has announced its end, waits until it is gone: what is sent meanwhile
    /// could be lost. Calls `stop` at least every 50 ms, and waits a minute at most.
    pub(crate) fn wait_for_ending(&mut self, stop: &dyn Fn() -> bool) {
        while self.socket.is_ending() {
            let now = Instant::now();
            if now >= *self.ending_until.get_or_insert(now + ENDING_WAIT) || stop() {
                return;
            }
            self.socket.wait(SLICE);
            self.process_events();
        }
        self.ending_until = None;
    }

    /// Connections that ended without a cancel, as of the last
    /// [`Publisher::process_events`]: messages in flight were lost.
    pub(crate) fn broken(&mut self) -> Vec<BrokenConnection> {
        self.socket.broken()
    }

    /// Who has no room for the next message, as far as is known: subscribers that do not read
    /// what the system holds for them, and endpoints without a connection.
    pub(crate) fn blocked_peers(&self) -> Vec<String> {
        self.socket.blocked_peers()
    }

    /// Whether any subscriber receives this topic, as of the last
    /// [`Publisher::process_events`].
    pub(crate) fn has_subscriber(&self, topic: &[u8]) -> bool {
        self.socket.has_subscriber(topic)
    }

    /// Changes whenever an answer of [`Publisher::has_subscriber`] may change.
    pub(crate) fn generation(&self) -> u64 {
        self.socket.generation()
    }

    /// Number of subscribers that could receive a topic below `root` (the empty root: any
    /// topic), as of the last [`Publisher::process_events`].
    pub fn subscribers(&self, root: &str) -> usize {
        self.socket.subscribers(root)
    }

    /// Waits until at least `n` subscribers could receive a topic below `root`, and (unless `n`
    /// is 0) until no registered one is missing or has just started, for `timeout` at most. Calls
    /// `stop` at least every 50 ms.
    pub fn wait_for(
        &mut self,
        n: usize,
        timeout: Duration,
        root: &str,
        stop: &dyn Fn() -> bool,
    ) -> WaitOutcome {
        let start = Instant::now();
        loop {
            self.process_events();
            let there = self.subscribers(root);
            let registered = self.registered();
            let (missing, reached): (Vec<_>, Vec<_>) =
                registered.iter().partition(|it| self.is_missing(it));
            let are_enough = n == 0 || there >= n && missing.is_empty();
            self.reached.extend(reached.into_iter().map(|it| it.name.clone()));
            let left = timeout.saturating_sub(start.elapsed());
            let settle = registered.iter().filter_map(Registered::age).min();
            let settle = settle.map_or(Duration::ZERO, |age| SETTLE_TIME.saturating_sub(age));
            if are_enough && (n == 0 || settle.min(left).is_zero()) {
                return WaitOutcome::Enough;
            }
            if stop() {
                return WaitOutcome::Stopped;
            }
            if left.is_zero() {
                return WaitOutcome::TimedOut(there);
            }
            let wait = if are_enough { settle } else { SLICE };
            self.socket.wait(left.min(SLICE).min(wait));
        }
    }

    /// Waits for `pause`, and reads events meanwhile. Calls `stop` at least every 50 ms.
    pub fn pause(&mut self, pause: Duration, stop: &dyn Fn() -> bool) {
        let start = Instant::now();
        loop {
            let left = pause.saturating_sub(start.elapsed());
            if left.is_zero() || stop() {
                return;
            }
            self.socket.wait(left.min(SLICE));
            self.process_events();
        }
    }

    /// The state of each endpoint, as of the last [`Publisher::process_events`].
    pub fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.socket.endpoint_status()
    }

    /// Closes the socket once everything is sent, or after `linger`.
    ///
    /// Registered subscribers that have not connected are told that they got nothing.
    pub fn close(self, linger: Duration) -> Flushed {
        if let Some((directory, _)) = self.run_directory.as_ref().filter(|_| self.sent > 0) {
            let missing = self.missing_registered().into_iter();
            let missed: Vec<String> = missing.filter(|it| !self.reached.contains(it)).collect();
            directory.report_missed(&missed, self.sent);
        }
        let flushed = self.socket.close(linger);
        drop(self.registration);
        flushed
    }
}

#[cfg(test)]
mod tests;

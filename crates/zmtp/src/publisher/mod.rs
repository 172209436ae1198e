//! A publishing socket.
//!
//! The caller encodes each message once, into a block. A thread passes it on to the subscribers
//! of its topic, which share the block, and writes.

mod absent;
mod group;
mod notices;
mod peer;
mod pending;
mod report;
mod role;
mod run;
mod subscriptions;

use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use self::group::{Group, SharedBatch};
use self::pending::{Pending, Pushed};
use self::role::{PublisherRole, Request};
use self::subscriptions::{Limits, Offender, Subscriptions};
use crate::net::status::Status;
use crate::owner::Owner;
use crate::{Address, Disconnect, Options, Socket, WhenFull};

/// Outcome of [`Publisher::send`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The message is queued for every subscriber of its topic, of which there may be none.
    Sent,
    /// A subscriber has no room, with [`WhenFull::Block`]. The message was sent to nobody.
    Full,
}

/// A subscriber of a [`Publisher`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerStatus {
    /// Number of the connection, never reused.
    pub connection: u64,
    /// The subscriber's address. For ipc, its process, as `process 17`, or nothing.
    pub address: String,
    /// The bound or connected address.
    pub endpoint: Address,
    /// Bytes that the system has not taken yet.
    pub queued_bytes: usize,
    /// Messages that the system has not taken completely.
    pub queued_messages: usize,
    /// Whether it has no room for the next message that waits, or for any.
    pub is_full: bool,
}

/// What was dropped for a subscriber. After 1024 subscribers that ended since the last call, further
/// ones are counted together, with connection 0 and the endpoint of the first of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// Number of its connection; 0 if it was absent.
    pub connection: u64,
    /// Its address. For ipc, its process, as `process 17`, or nothing.
    pub address: String,
    /// The bound or connected address.
    pub endpoint: Address,
    /// Number of messages dropped because it had no room, by topic, in order. Of more than 1024
    /// topics, further ones are counted together, as the empty topic.
    pub topics: Vec<(Box<[u8]>, u64)>,
    /// Messages that were queued when the connection ended. The first of them may have arrived.
    pub unsent: u64,
    /// How the connection ended, if it has.
    pub end: Option<End>,
}

/// How the connection of a subscriber ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// Why.
    pub why: Disconnect,
    /// Messages that were queued for it since it connected; if it was absent, those that waited.
    pub messages: u64,
    /// It had cancelled its subscriptions, or announced its end: [`Options::end_marker`].
    pub was_announced: bool,
}

/// Messages that nobody lacks, though not everybody got them. All other messages that
/// [`Publisher::send`] took are written, reported by [`Publisher::take_dropped`], or by
/// [`Publisher::close`].
#[derive(Default, Debug)]
pub struct Counts {
    unsubscribed: AtomicU64,
    before_subscribers: AtomicU64,
    left: AtomicU64,
}

impl Counts {
    /// Messages whose topic had no subscriber.
    pub fn unsubscribed(&self) -> u64 {
        self.unsubscribed.load(Ordering::Relaxed)
    }

    /// Those of [`Counts::unsubscribed`] that were passed on before anybody had subscribed to
    /// anything.
    pub fn before_subscribers(&self) -> u64 {
        self.before_subscribers.load(Ordering::Relaxed)
    }

    /// Messages that were queued for a subscriber and not sent, because it had cancelled its
    /// subscriptions or announced its end, or was disconnected because of what it sent. Counted
    /// for each such subscriber.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }
}
/// A subscription that is noted for the owner: [`Options::note`](crate::Options::note).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noted {
    /// The prefix.
    pub prefix: Box<[u8]>,
    /// Number of messages that were passed on to subscribers before it: earlier subscriptions of
    /// the same subscriber apply to the following ones at the latest.
    pub passed: u64,
}

/// Most noted subscriptions that wait for the owner; further ones are dropped.
const MAX_NOTED: usize = 256;

/// What the caller and the thread share.
pub(crate) struct Shared {
    pending: Pending,
    subscriptions: Mutex<Subscriptions>,
    /// The generation of `subscriptions`, to be read without the lock.
    generation: AtomicU64,
    counts: Arc<Counts>,
    noted: Mutex<Vec<Noted>>,
    /// Messages that were passed on.
    passed: AtomicU64,
    /// Subscribers that did not get everything before the socket was closed.
    abandoned: Mutex<Vec<PeerStatus>>,
    status: Arc<Status>,
}

impl Shared {
    fn new(options: &Options, status: Arc<Status>) -> Shared {
        let mut subscriptions = Subscriptions::new(Limits::of(options));
        if options.track_changes {
            subscriptions.track_changes();
        }
        Shared {
            pending: Pending::new(options.queue_messages),
            subscriptions: Mutex::new(subscriptions),
            generation: AtomicU64::new(0),
            counts: Arc::default(),
            noted: Mutex::default(),
            passed: AtomicU64::new(0),
            abandoned: Mutex::default(),
            status,
        }
    }

    fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Subscriptions) -> T) -> T {
        let mut subscriptions = self.subscriptions();
        let result = change(&mut subscriptions);
        let generation = subscriptions.generation();
        if self.generation.swap(generation, Ordering::Release) != generation {
            self.status.note_change();
        }
        result
    }

    fn apply(
        &self,
        slot: usize,
        subscribe: bool,
        prefix: &[u8],
        now: Instant,
    ) -> Result<(), Offender> {
        self.change(|subscriptions| subscriptions.apply(slot, subscribe, prefix, now))
    }

    fn note(&self, prefix: &[u8]) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < MAX_NOTED {
            let passed = self.passed.load(Ordering::Relaxed);
            noted.push(Noted { prefix: prefix.into(), passed });
        }
    }

    fn remove(&self, slot: usize) {
        self.change(|subscriptions| subscriptions.remove(slot));
    }
}

/// A publishing socket. It is an XPUB to its peers.
pub struct Publisher {
    shared: Arc<Shared>,
    owner: Owner<Request>,
}

/// Its addresses.
impl Deref for Publisher {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        self.owner.socket()
    }
}

impl Publisher {
    /// Opens a socket, and starts its thread.
    ///
    /// # Errors
    /// No more descriptors or threads.
    pub fn new(options: Options) -> io::Result<Publisher> {
        let status = Arc::new(Status::new());
        let shared = Arc::new(Shared::new(&options, Arc::clone(&status)));
        let role = PublisherRole::new(Arc::clone(&shared), options.clone());
        let on_end = Arc::clone(&shared);
        let owner = Owner::start(
            "zmtp-publish",
            options,
            status,
            move |_| role,
            move || {
                on_end.pending.close();
            },
        )?;
        Ok(Publisher { shared, owner })
    }

    /// Sends a message of at least one frame, the first of which is its topic. Never waits.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn send(&self, frames: &[&[u8]]) -> io::Result<Sent> {
        self.push(frames, true)
    }

    /// Sends a notice ([`Options::notice_prefix`]), for which there is always room: the caller
    /// limits how many it sends.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn send_notice(&self, frames: &[&[u8]]) -> io::Result<()> {
        self.push(frames, false).map(drop)
    }

    fn push(&self, frames: &[&[u8]], is_limited: bool) -> io::Result<Sent> {
        match self.shared.pending.push(frames, is_limited) {
            Pushed::Done => Ok(Sent::Sent),
            Pushed::Wake => {
                self.owner.wake();
                Ok(Sent::Sent)
            }
            Pushed::Full => Ok(Sent::Full),
            Pushed::Closed => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// As [`Publisher::send`], but waits for room, for `wait` at most.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn send_within(&self, frames: &[&[u8]], wait: Duration) -> io::Result<Sent> {
        let first = self.send(frames)?;
        if first == Sent::Sent || wait.is_zero() {
            return Ok(first);
        }
        let until = Instant::now() + wait;
        loop {
            self.shared.pending.wait_for_room(until.saturating_duration_since(Instant::now()));
            let sent = self.send(frames)?;
            if sent == Sent::Sent || Instant::now() >= until {
                return Ok(sent);
            }
        }
    }

    /// Sends the messages of a group on, and empties it, or waits for room, for `wait` at most.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn forward(&self, group: &mut Group, wait: Duration) -> io::Result<Sent> {
        let until = Instant::now() + wait;
        loop {
            match self.shared.pending.push_group(group) {
                Pushed::Done => return Ok(Sent::Sent),
                Pushed::Wake => {
                    self.owner.wake();
                    return Ok(Sent::Sent);
                }
                Pushed::Full => {}
                Pushed::Closed => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Sent::Full);
            }
            self.shared.pending.wait_for_room(left);
        }
    }

    /// Subscribes the owner itself to a prefix: messages for it have a subscriber then.
    pub fn subscribe(&self, prefix: &[u8]) {
        self.shared.change(|all| all.apply_own(true, prefix, Instant::now()));
    }

    /// Reverts a [`Publisher::subscribe`].
    pub fn unsubscribe(&self, prefix: &[u8]) {
        self.shared.change(|all| all.apply_own(false, prefix, Instant::now()));
    }

    /// The prefixes that have gained their first subscriber (`true`), the owner included, or lost
    /// their last one since the last call; if [`Options::track_changes`] is set.
    pub fn take_changes(&self) -> Vec<(bool, Arc<[u8]>)> {
        self.shared.subscriptions().take_changes()
    }

    /// The subscriptions that [`Options::note`] has chosen since the last call, in the order of
    /// each subscriber. Of more than 256 further ones are dropped.
    pub fn take_noted(&self) -> Vec<Noted> {
        std::mem::take(&mut *self.shared.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number of messages that nobody had subscribed to when they were passed on.
    pub fn unsubscribed(&self) -> u64 {
        self.shared.counts.unsubscribed()
    }

    /// Changes what happens when a subscriber has no room.
    pub fn set_when_full(&self, when_full: WhenFull) {
        self.owner.ask(Request::WhenFull(when_full));
    }

    /// Whether a subscriber receives messages of this topic.
    pub fn has_subscriber(&self, topic: &[u8]) -> bool {
        self.shared.subscriptions().has(topic)
    }

    /// Whether a subscriber has subscribed to exactly this prefix.
    pub fn has_subscription(&self, prefix: &[u8]) -> bool {
        self.shared.subscriptions().has_prefix(prefix)
    }

    /// Changes whenever subscriptions have changed.
    pub fn generation(&self) -> u64 {
        self.shared.generation()
    }

    /// Number of subscribers that could receive a topic that begins with `root`.
    pub fn subscribers(&self, root: &[u8]) -> usize {
        self.shared.subscriptions().peers_below(root)
    }

    /// The subscribers.
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.owner.answer(Request::Peers)
    }

    /// What was dropped since the last call, and the connections that have ended to which messages
    /// were sent.
    pub fn take_dropped(&self) -> Vec<Dropped> {
        self.owner.answer(Request::Dropped)
    }

    /// Counts of messages that nobody lacks. They are complete after [`Publisher::close`].
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.shared.counts)
    }

    /// Closes the socket once everything is sent, or after `linger`. Messages that wait for a full
    /// subscriber are queued for the others.
    ///
    /// # Errors
    /// The system did not take everything. Returns the subscribers that lack messages, if they are
    /// known, with those that disconnected meanwhile without announcing it.
    pub fn close(self, linger: Duration) -> Result<(), Vec<PeerStatus>> {
        if self.owner.close(linger) {
            return Ok(());
        }
        let mut abandoned = self.shared.abandoned.lock().unwrap_or_else(PoisonError::into_inner);
        Err(std::mem::take(&mut abandoned))
    }
}

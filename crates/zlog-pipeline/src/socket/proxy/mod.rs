//! The two sockets of a relay: one that collects (an XSUB to its peers) and one that publishes (an
//! XPUB).
//!
//! Moves messages from the first to the second, and subscriptions the other way. Messages are
//! moved, not copied, and nothing reads them unless the caller asks to. A publisher only sends
//! what some subscriber wants.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::connection::{ConnectionEvent, EndpointStatus};
use super::drain::PublisherRequest;
use super::flush::Flushed;
use super::options::SocketOptions;
use super::publisher::Publisher;
use super::slow_subscribers::SlowSubscribers;
use crate::os::thread;
use zlog_core::{Error, Result};

/// Most events queued for [`ProxySocket::events`]; older ones are dropped.
pub(super) const MAX_EVENTS: usize = 256;
/// Most markers queued for [`ProxySocket::markers`]; further ones are dropped.
pub(super) const MAX_MARKERS: usize = 256;

/// Ends a wait in another thread.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// How a proxy is set up.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Options of the socket that collects.
    pub collect: SocketOptions,
    /// Options of the socket that publishes. Its engine is that of both.
    pub publish: SocketOptions,
    /// While a subscriber has no room: whether to wait, so that publishers feel
    /// backpressure. Otherwise messages are dropped for that subscriber.
    pub block: bool,
}

/// Counts of messages, since the proxy was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages forwarded.
    pub messages: u64,
    /// Bytes of the messages forwarded, all frames together.
    pub bytes: u64,
    /// Number of times that a message was dropped because a subscriber had no room, for that
    /// subscriber only. libzmq then drops further messages for it until it has read half of
    /// its queue, and does not tell how many: only `seq` shows the loss.
    pub no_room: u64,
    /// Whether `no_room` is the exact number.
    pub is_no_room_exact: bool,
    /// Messages dropped for all subscribers, because the relay ended while one had no room.
    pub dropped: u64,
    /// Messages forwarded while neither a subscriber nor the relay itself had subscribed to
    /// them. A publisher may still have an earlier relay's subscriptions.
    pub unheard: u64,
    /// Frames dropped beyond the eighth of a message.
    pub frames_cut: u64,
}

/// Outcome of [`ProxySocket::forward`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forwarded {
    /// There may be more messages.
    More,
    /// All messages received so far were forwarded.
    All,
    /// A subscriber has no room for the next message.
    Full,
}

/// A marker that a subscriber has set (see [`zlog_core::wire::query`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marker {
    /// The prefix that it subscribed to.
    pub prefix: Box<[u8]>,
    /// Number of messages that were inspected before it: the subscriber may have got the last of
    /// them, and gets the following ones if it had subscribed to them before.
    pub arrived: u64,
}

/// Counts the messages of a publisher in this process that were inspected, and taken for all
/// subscribers.
pub type HandedCount = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Reads the frames of a message before it is forwarded.
pub type Inspect<'s> = dyn FnMut(&[&[u8]]) -> Result<()> + 's;

/// What a [`Proxy`] does on each engine.
pub trait ProxySocket {
    /// The endpoints bound to collect on, and those bound to publish on.
    fn bound(&self) -> (&[String], &[String]);

    /// What ends [`ProxySocket::wait`].
    fn waker(&self) -> Waker;

    /// Opens a publisher in this process. It may move to another thread.
    ///
    /// # Errors
    /// A socket can't be created.
    fn inproc_publisher(&mut self, options: &SocketOptions) -> Result<Publisher>;

    /// As [`ProxySocket::inproc_publisher`], with a count of what has become of its messages.
    ///
    /// # Errors
    /// The engine does not count.
    fn counted_publisher(&mut self) -> Result<(Publisher, HandedCount)> {
        Err(Error::usage("--spool needs the native engine").hint("Leave out --engine libzmq."))
    }

    /// The subscribers that had no room for messages.
    fn slow(&self) -> &SlowSubscribers;

    /// Subscribes the relay itself to a prefix. Counted: each call needs a
    /// [`ProxySocket::unsubscribe`].
    fn subscribe(&mut self, prefix: &[u8]);

    /// Reverts a [`ProxySocket::subscribe`].
    fn unsubscribe(&mut self, prefix: &[u8]);

    /// Processes connection events, and sends subscriptions upstream. Never waits.
    ///
    /// Call it often: libzmq queues some hundred subscriptions, and reads no further ones
    /// until then.
    fn process_events(&mut self);

    /// A report of subscribers that were disconnected because of what they sent: the first at
    /// once, then at most one a minute.
    fn take_report(&mut self) -> Option<String>;

    /// As [`ProxySocket::take_report`], at the end: no time must have passed.
    fn take_last_report(&mut self) -> Option<String>;

    /// Reports of subscribers whose connection ended without a cancel, as of the last
    /// [`ProxySocket::process_events`]: messages in transit may be lost. Limited in number.
    fn broken_reports(&mut self, now: Instant) -> Vec<String>;

    /// The number of broken connections, and the report of those without one of their own.
    fn take_broken(&mut self) -> (u64, Option<String>);

    /// Sends a request to publishers. Messages in flight still arrive.
    fn request(&mut self, request: PublisherRequest);

    /// Takes the markers that subscribers have set, at most 256. Earlier subscriptions of the
    /// same subscriber are in force; later ones may not be.
    fn markers(&mut self) -> Vec<Marker>;

    /// Whether the system or the engine holds messages that were not received yet.
    fn has_unread(&self) -> bool;

    /// Waits until there is a message, the time is up or a signal arrives, or something else has
    /// happened: a connection event, a subscription, a query. Returns whether there may be
    /// something else.
    fn wait(&mut self, wait: Duration) -> bool;

    /// The counts so far.
    fn counts(&self) -> Counts;

    /// Waits until [`ProxySocket::counts`] and [`ProxySocket::slow`] have what was forwarded so
    /// far.
    fn wait_for_counts(&mut self);

    /// Number of different prefixes that subscribers and the relay itself want, without those of
    /// marks.
    fn upstream_prefixes(&self) -> usize;

    /// The state of each endpoint: those that collect, and those that publish.
    fn endpoint_status(&self) -> (Vec<EndpointStatus>, Vec<EndpointStatus>);

    /// Takes the connection events since the last call; the latest 256.
    fn events(&mut self) -> Vec<ConnectionEvent>;

    /// Forwards at most `most` messages, each after `inspect` has read it; without `inspect`, more
    /// if they were received together. Waits up to
    /// [`SocketOptions::send_slice`](super::SocketOptions::send_slice) while a subscriber has
    /// no room, if [`ProxyOptions::block`] is set.
    ///
    /// # Errors
    /// The error of `inspect` (the next call forwards its message), or a socket has failed for
    /// good.
    fn forward(&mut self, most: usize, inspect: Option<&mut Inspect<'_>>) -> Result<Forwarded>;

    /// Drops the messages that wait for room, and receives and drops further ones, up to
    /// `most` in all. `inspect` reads each; all are counted as dropped.
    ///
    /// # Errors
    /// As [`ProxySocket::forward`].
    fn discard(&mut self, most: u64, inspect: &mut Inspect<'_>) -> Result<Forwarded>;

    /// Closes both sockets once everything is sent, or after `linger`.
    fn close(self: Box<Self>, linger: Duration) -> Flushed;
}

/// A collecting and a publishing socket.
pub struct Proxy {
    pub(super) socket: Box<dyn ProxySocket>,
    /// The keys of its sockets, also of those for queries.
    pub(super) security: SocketOptions,
}

impl Proxy {
    /// From now on, a message in `wakes` ends [`ProxySocket::wait`].
    ///
    /// # Errors
    /// No thread can be started.
    pub fn wake_by(&mut self, wakes: Receiver<()>) -> Result<()> {
        let waker = self.waker();
        thread::spawn("zlog-wake", move || wakes.into_iter().for_each(|()| waker())).map(drop)
    }

    /// See [`ProxySocket::close`].
    pub fn close(self, linger: Duration) -> Flushed {
        self.socket.close(linger)
    }
}

impl Deref for Proxy {
    type Target = dyn ProxySocket;

    fn deref(&self) -> &Self::Target {
        &*self.socket
    }
}

impl DerefMut for Proxy {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.socket
    }
}

#[cfg(test)]
mod tests;

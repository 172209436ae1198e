//! The subscribing socket.

mod batches;

use std::ops::ControlFlow;
use std::time::Duration;

use crossbeam_channel::Receiver;

pub(super) use self::batches::Batches;

use super::connection::{ConnectionEvent, EndpointStatus};
use super::drain::PublisherRequest;
use crate::os::run_directory::Registration;
use zlog_core::Result;
use zlog_core::wire::mark;
use zlog_core::wire::query::REGISTERED;

/// Most frames delivered of one message. zlog's have two.
pub(super) const MAX_FRAMES: usize = 8;
/// Events queued for [`Subscriber::events`]; further ones are dropped.
pub(super) const EVENTS: usize = 1024;

/// Receives the frames of one message and its receive time: seconds since 1970-01-01 UTC, the
/// same for all messages of a batch.
pub type FrameSink<'s> = dyn FnMut(&[&[u8]], f64) -> Result<ControlFlow<()>> + 's;

/// What an engine's subscribing socket does. [`Subscriber`] documents what is not documented here.
pub(super) trait SubscriberSocket: Send {
    fn bound(&self) -> &[String];
    fn recv(&mut self, wait: Duration, sink: &mut FrameSink<'_>) -> Result<bool>;
    fn wake_by(&mut self, wake: Receiver<()>);
    fn ignore_wakeups(&mut self);
    fn subscribe(&mut self, topic: &[u8]);
    fn unsubscribe(&mut self, topic: &[u8]);
    fn is_caught_up(&self) -> bool;
    fn request(&mut self, request: PublisherRequest);
    fn endpoint_status(&self) -> Vec<EndpointStatus>;
    fn has_changed(&mut self) -> bool;
    fn events(&self) -> Vec<ConnectionEvent>;
    fn frames_cut(&self) -> u64;
}

/// A subscribing socket that receives on a thread of its own. Dropping it sends publishers the end
/// of its subscriptions, which takes up to about 150 ms, and drops undelivered messages.
pub struct Subscriber {
    socket: Box<dyn SubscriberSocket>,
}

impl Subscriber {
    /// A subscriber on an open socket.
    pub(super) fn of(socket: Box<dyn SubscriberSocket>) -> Subscriber {
        Subscriber { socket }
    }

    /// The bound endpoints, with wildcards and port 0 filled in.
    pub fn bound(&self) -> &[String] {
        self.socket.bound()
    }

    /// Delivers the messages of one batch to `sink`, or waits up to `wait` for one. Returns
    /// whether there was one.
    ///
    /// Messages are cut after eight frames.
    ///
    /// # Errors
    /// The error of `sink`, whose message counts as delivered; or the receiving thread has
    /// panicked.
    pub fn recv(&mut self, wait: Duration, sink: &mut FrameSink<'_>) -> Result<bool> {
        self.socket.recv(wait, sink)
    }

    /// From now on, a message in `wake` ends the wait in [`Subscriber::recv`].
    pub fn wake_by(&mut self, wake: Receiver<()>) {
        self.socket.wake_by(wake);
    }

    /// From now on, only messages and the time end the wait in [`Subscriber::recv`]: for a
    /// caller to whom a wait without messages means that none are on their way.
    pub(crate) fn ignore_wakeups(&mut self) {
        self.socket.ignore_wakeups();
    }

    /// Subscribes to another prefix. The publisher gets it after the network's delay.
    pub fn subscribe(&mut self, topic: &[u8]) {
        self.socket.subscribe(topic);
    }

    /// Subscribes to the marks of topics that begin with `prefixes`, which were subscribed to
    /// before. See [`mark`].
    pub fn subscribe_to_marks<T: AsRef<[u8]>>(&mut self, prefixes: &[T]) {
        for subscription in mark::subscriptions(prefixes) {
            self.subscribe(&subscription);
        }
    }

    /// Tells publishers that this registered process has subscribed to all its topics.
    pub fn subscribed_as(&mut self, registration: &Registration) {
        self.subscribe(&[REGISTERED, registration.name().as_bytes()].concat());
    }

    /// Ends a subscription. Its messages in flight still arrive.
    pub fn unsubscribe(&mut self, topic: &[u8]) {
        self.socket.unsubscribe(topic);
    }

    /// Whether everything received so far was delivered.
    pub fn is_caught_up(&self) -> bool {
        self.socket.is_caught_up()
    }

    /// Sends a request to publishers. Messages in flight still arrive.
    pub fn request(&mut self, request: PublisherRequest) {
        self.socket.request(request);
    }

    /// The state of each endpoint.
    pub fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.socket.endpoint_status()
    }

    /// Whether a connection has changed since the last call. A change ends the wait in
    /// [`Subscriber::recv`].
    pub fn has_changed(&mut self) -> bool {
        self.socket.has_changed()
    }

    /// The connection events since the last call.
    pub fn events(&self) -> Vec<ConnectionEvent> {
        self.socket.events()
    }

    /// Number of frames dropped beyond the eighth of a message.
    pub fn frames_cut(&self) -> u64 {
        self.socket.frames_cut()
    }
}

#[cfg(test)]
mod tests;

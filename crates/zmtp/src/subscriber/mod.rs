//! A subscribing socket.
//!
//! A thread reads into blocks and hands them over. Messages are slices of them. If the owner does
//! not take them, the thread stops reading, and the publishers feel that.

/// The atomic types of the gate.
mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}
mod batch;
mod gate;
mod role;

use std::collections::BTreeSet;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use self::batch::Pool;
pub use self::batch::{Batch, BatchBuilder, Message, Messages};
use self::role::{Request, SubscriberRole};
use crate::net::status::Status;
use crate::owner::Owner;
use crate::{Options, Socket};

/// Batches that wait for the owner, of up to 256 KiB each. Of larger messages there is one that
/// waits or that the owner has, beside those that are incomplete.
const BATCHES: usize = 8;

/// A subscribing socket. It is an XSUB to its peers. With [`Options::accept_push`] it is a PULL to
/// those that are a PUSH, and receives all that they send.
pub struct Subscriber {
    batches: Receiver<Batch>,
    topics: Mutex<BTreeSet<Vec<u8>>>,
    owner: Owner<Request>,
}

/// Its addresses.
impl Deref for Subscriber {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        self.owner.socket()
    }
}

impl Subscriber {
    /// Opens a socket that subscribes to `topics` (prefixes; the empty one is everything), and
    /// starts its thread.
    ///
    /// # Errors
    /// No more descriptors or threads.
    pub fn new<T: AsRef<[u8]>>(options: Options, topics: &[T]) -> io::Result<Subscriber> {
        let topics: BTreeSet<Vec<u8>> = topics.iter().map(|it| it.as_ref().to_vec()).collect();
        let (sender, batches) = crossbeam_channel::bounded(BATCHES);
        let status = Arc::new(Status::new());
        let (limits, first) = (options.clone(), topics.clone());
        let role = |waker| SubscriberRole::new(limits, first, sender, Arc::new(Pool::new(waker)));
        let owner = Owner::start("zmtp-subscribe", options, status, role, || ())?;
        Ok(Subscriber { batches, topics: Mutex::new(topics), owner })
    }

    /// Subscribes to another prefix.
    pub fn subscribe(&self, topic: &[u8]) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.insert(topic.to_vec()) {
            self.owner.ask(Request::Subscription(true, topic.to_vec()));
        }
    }

    /// Ends a subscription. Its messages in flight still arrive.
    pub fn unsubscribe(&self, topic: &[u8]) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.remove(topic) {
            self.owner.ask(Request::Subscription(false, topic.to_vec()));
        }
    }

    /// Waits for messages, for `wait` at most. There are no further ones while the owner has more
    /// than 2 MiB of batches: it must drop them.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn recv(&self, wait: Duration) -> io::Result<Option<Batch>> {
        match self.batches.recv_timeout(wait) {
            Ok(batch) => Ok(Some(batch)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The messages, for a `select!` with other channels.
    pub fn batches(&self) -> &Receiver<Batch> {
        &self.batches
    }

    /// Whether everything that the system has received was taken from [`Subscriber::batches`].
    pub fn is_caught_up(&self) -> bool {
        self.owner.answer(Request::CaughtUp) && self.batches.is_empty()
    }

    /// Closes the socket once all subscriptions and cancels are sent, or after `linger`.
    pub fn close(self, linger: Duration) {
        self.owner.close(linger);
    }
}

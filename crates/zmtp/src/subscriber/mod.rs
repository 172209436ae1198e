//! A subscribing socket.
//!
//! A thread reads into blocks and hands them over. Messages are slices of them. If the owner does
//! not take them, the thread stops reading, and the publishers feel that.

mod batch;
mod role;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use self::batch::Pool;
pub use self::batch::{Batch, Message, Messages};
use self::role::{Ask, SubscriberRole};
use crate::net::status::Status;
use crate::owner::Owner;
use crate::{Address, EndpointStatus, Event, Options};

/// Batches that wait for the owner, of up to 256 KiB each unless a message is larger.
const BATCHES: usize = 8;
/// How long to wait for an answer of the thread.
const ANSWER: Duration = Duration::from_secs(5);

/// A subscribing socket. It is an XSUB to its peers.
pub struct Subscriber {
    batches: Receiver<Batch>,
    topics: Mutex<BTreeSet<Vec<u8>>>,
    owner: Owner<Ask>,
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

    /// Binds an address. Returns it with its port.
    ///
    /// # Errors
    /// `AddrInUse` if it is taken; for ipc, `AlreadyExists` if the file is no socket.
    pub fn bind(&self, address: &Address) -> io::Result<Address> {
        self.owner.bind(address)
    }

    /// Unbinds an address and closes its connections.
    pub fn unbind(&self, address: &Address) {
        self.owner.unbind(address);
    }

    /// Connects to an address, and reconnects whenever the connection ends.
    pub fn connect(&self, address: &Address) {
        self.owner.connect(address);
    }

    /// Closes the connection to an address.
    pub fn disconnect(&self, address: &Address) {
        self.owner.disconnect(address);
    }

    /// Subscribes to another prefix.
    pub fn subscribe(&self, topic: &[u8]) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.insert(topic.to_vec()) {
            self.owner.ask(Ask::Subscription(true, topic.to_vec()));
        }
    }

    /// Ends a subscription. Its messages in flight still arrive.
    pub fn unsubscribe(&self, topic: &[u8]) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.remove(topic) {
            self.owner.ask(Ask::Subscription(false, topic.to_vec()));
        }
    }

    /// Waits for messages, for `wait` at most.
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
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.owner.ask(Ask::CaughtUp(answer));
        answered.recv_timeout(ANSWER).unwrap_or(false) && self.batches.is_empty()
    }

    /// The bound and connected addresses, and their connections.
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        self.owner.status().endpoints()
    }

    /// What happened to connections. Events beyond 1024 that are not read are lost.
    pub fn events(&self) -> &Receiver<Event> {
        self.owner.status().events()
    }

    /// Gets a message when a connection has changed.
    pub fn changes(&self) -> &Receiver<()> {
        self.owner.status().change()
    }

    /// Closes the socket once all subscriptions and cancels are sent, or after `linger`.
    pub fn close(self, linger: Duration) {
        self.owner.close(linger);
    }
}

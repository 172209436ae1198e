//! What the owner of a socket sees of its connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::{Address, Disconnect};

/// Events that are kept until they are read. Peers cause them.
const EVENTS: usize = 1024;

/// Something that happened to a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The bound or connected address.
    pub endpoint: Address,
    /// The peer's address. For ipc, its process, as `process 17`, or nothing.
    pub peer: String,
    /// What happened.
    pub kind: EventKind,
}

/// The kind of an [`Event`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// The handshake is complete.
    Connected,
    /// A connection ended after its handshake.
    Disconnected(Disconnect),
    /// A connection could not be made.
    Unreachable(Disconnect),
    /// A handshake failed.
    Failed(Disconnect),
    /// The connection is made again after this delay.
    Retrying(Duration),
}

/// A bound or connected address, and its connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointStatus {
    /// The address.
    pub address: Address,
    /// Whether it is bound.
    pub is_bound: bool,
    /// Connections whose handshake is complete.
    pub peers: usize,
    /// Connected address: whether something answered the last attempt, unless that became a
    /// connection that has ended since.
    pub reached: bool,
    /// Why the last connection ended or failed, until there is another.
    pub last_end: Option<Disconnect>,
}

/// Messages that were refused because their sender may not send them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The sender's name: [`Rights::name`](crate::Rights::name).
    pub name: Arc<str>,
    /// The address of the connection on which the first of them came.
    pub peer: String,
    /// The topic of the first of them, 255 bytes at most.
    pub topic: Box<[u8]>,
    /// Their number.
    pub messages: u64,
}

/// The state of a socket's connections, shared with its thread.
pub(crate) struct Status {
    endpoints: Mutex<Vec<EndpointStatus>>,
    events: Sender<Event>,
    received: Receiver<Event>,
    /// Gets a message when something has changed.
    changed: Sender<()>,
    change: Receiver<()>,
    /// Number of connections, those in a handshake included.
    open: AtomicUsize,
    /// One for each name.
    refused: Mutex<Vec<Refused>>,
    /// Called when something has changed.
    listeners: Mutex<Vec<Box<dyn Fn() + Send>>>,
}

impl Status {
    pub(crate) fn new() -> Status {
        let (events, received) = crossbeam_channel::bounded(EVENTS);
        let (changed, change) = crossbeam_channel::bounded(1);
        let (endpoints, listeners) = (Mutex::default(), Mutex::default());
        let open = AtomicUsize::new(0);
        let refused = Mutex::default();
        Status { endpoints, events, received, changed, change, open, refused, listeners }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EndpointStatus>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn endpoints(&self) -> Vec<EndpointStatus> {
        self.lock().clone()
    }

    pub(crate) fn events(&self) -> &Receiver<Event> {
        &self.received
    }

    pub(crate) fn change(&self) -> &Receiver<()> {
        &self.change
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts refused messages. There are as many names as the authenticator knows.
    pub(super) fn refuse(&self, more: Refused) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.iter_mut().find(|it| it.name == more.name) {
            Some(known) => known.messages += more.messages,
            None => refused.push(more),
        }
        drop(refused);
        self.note_change();
    }

    pub(crate) fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_open(&self, open: usize) {
        self.open.store(open, Ordering::Relaxed);
    }

    /// Adds an endpoint.
    pub(crate) fn add(&self, address: &Address, is_bound: bool) {
        let address = address.clone();
        let (peers, reached, last_end) = (0, false, None);
        self.lock().push(EndpointStatus { address, is_bound, peers, reached, last_end });
    }

    /// Removes an endpoint.
    pub(crate) fn remove(&self, address: &Address, is_bound: bool) {
        self.lock().retain(|it| it.address != *address || it.is_bound != is_bound);
        self.note_change();
    }

    /// Changes the state of an endpoint.
    pub(crate) fn update(&self, address: &Address, change: impl FnOnce(&mut EndpointStatus)) {
        if let Some(endpoint) = self.lock().iter_mut().find(|it| it.address == *address) {
            change(endpoint);
        }
    }

    /// Notes an event. It is lost if the owner does not read them.
    pub(crate) fn record(&self, event: Event) {
        self.update(&event.endpoint, |endpoint| match &event.kind {
            EventKind::Connected => {
                endpoint.peers += 1;
                endpoint.last_end = None;
            }
            EventKind::Disconnected(why) => {
                endpoint.peers = endpoint.peers.saturating_sub(1);
                endpoint.reached = false;
                endpoint.last_end = Some(why.clone());
            }
            EventKind::Unreachable(why) | EventKind::Failed(why) => {
                endpoint.last_end = Some(why.clone());
            }
            EventKind::Retrying(_) => {}
        });
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {}
        self.note_change();
    }

    /// Tells the owner that something has changed.
    pub(crate) fn note_change(&self) {
        // One message serves for several changes.
        let _ = self.changed.try_send(());
        for listener in &*self.listeners.lock().unwrap_or_else(PoisonError::into_inner) {
            listener();
        }
    }

    /// From now on, `listener` is called when something has changed.
    pub(crate) fn listen(&self, listener: Box<dyn Fn() + Send>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
}

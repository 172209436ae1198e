//! A socket that exchanges messages with single peers, each of which has queues of its own.

mod queues;
mod role;

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use self::queues::Queues;
use self::role::{Request, RouterRole};
use crate::net::status::Status;
use crate::owner::Owner;
use crate::protocol::frame::{self, Frames};
use crate::{Options, Rights, Socket, SocketType};

/// Outcome of [`Router::send`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// The message is queued for the peer.
    Sent,
    /// The peer has no room: it has not read earlier messages yet.
    Full,
    /// The connection has ended.
    Gone,
}

/// A message that a [`Router`] has received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Number of the peer's connection, never reused.
    pub connection: u64,
    /// The peer's address. For ipc, the peer's process, as `process 17`, or empty.
    pub address: String,
    /// What the peer may do.
    pub rights: Rights,
    /// The message with the headers of its frames.
    bytes: Vec<u8>,
}

impl Received {
    /// Its frames, at least one.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        Frames(&self.bytes)
    }
}

/// A socket that exchanges messages with single peers. To them it is a ROUTER, or a DEALER.
///
/// Peers are known by their connections, not by an identity that they choose. A DEALER of libzmq
/// sends to its peers in turns; this one sends to the peer that the caller names.
pub struct Router {
    queues: Arc<Queues>,
    arrived: Receiver<()>,
    owner: Owner<Request>,
}

/// Its addresses.
impl Deref for Router {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        self.owner.socket()
    }
}

impl Router {
    /// Opens a ROUTER, and starts its thread.
    ///
    /// # Errors
    /// No more descriptors or threads.
    pub fn new(options: Options) -> io::Result<Router> {
        Router::open(options, &[SocketType::Router])
    }

    /// Opens a DEALER, and starts its thread.
    ///
    /// # Errors
    /// No more descriptors or threads.
    pub fn dealer(options: Options) -> io::Result<Router> {
        Router::open(options, &[SocketType::Dealer])
    }

    fn open(options: Options, types: &'static [SocketType]) -> io::Result<Router> {
        let (sender, arrived) = crossbeam_channel::bounded(1);
        let status = Arc::new(Status::new());
        let queues = Arc::new(Queues::new(&options, sender, Arc::clone(&status)));
        let role = RouterRole::new(types, options.clone(), Arc::clone(&queues));
        let on_end = Arc::clone(&queues);
        let end = move || on_end.close();
        let owner = Owner::start("zmtp-router", options, status, |_| role, end)?;
        Ok(Router { queues, arrived, owner })
    }

    /// Waits for a message, for `wait` at most. Takes one of each peer in turns.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn recv(&self, wait: Duration) -> io::Result<Option<Received>> {
        let until = Instant::now() + wait;
        loop {
            if let Some((received, is_paused)) = self.queues.take() {
                if is_paused {
                    self.owner.ask(Request::Resume(received.connection));
                }
                return Ok(Some(received));
            }
            match self.arrived.recv_deadline(until) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    /// Gets a message when [`Router::recv`] may have one, for a `select!` with other channels.
    pub fn arrivals(&self) -> &Receiver<()> {
        &self.arrived
    }

    /// Sends a message of at least one frame to the peer of a connection. Never waits.
    pub fn send(&self, connection: u64, frames: &[&[u8]]) -> Delivery {
        let mut bytes = Vec::new();
        for (at, body) in frames.iter().enumerate() {
            frame::put_message(&mut bytes, body, at + 1 < frames.len());
        }
        let outcome = self.queues.push(connection, bytes);
        if outcome == Delivery::Sent {
            self.owner.wake();
        }
        outcome
    }

    /// Number of messages to a peer that its system has not taken yet, the one that it takes
    /// included. `None` if the connection has ended.
    pub fn unsent(&self, connection: u64) -> Option<usize> {
        self.queues.unsent(connection)
    }

    /// The connections whose handshake is complete.
    pub fn connections(&self) -> Vec<u64> {
        self.queues.connections()
    }

    /// Ends a connection, and drops what is queued for the peer. A connected address is connected
    /// to again.
    pub fn end(&self, connection: u64) {
        self.owner.ask(Request::End(connection));
    }

    /// Closes the socket once everything is sent, or after `linger`. Returns whether the system
    /// took everything.
    pub fn close(self, linger: Duration) -> bool {
        self.owner.close(linger)
    }
}

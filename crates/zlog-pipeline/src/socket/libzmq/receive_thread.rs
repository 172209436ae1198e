//! The thread that receives messages into batches.
//!
//! It must never wait long outside libzmq: a socket sends its subscriptions and accepts
//! peers only while its thread is inside libzmq.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender};

use super::connection_manager::ConnectionManager;
use super::ipc_cleanup::IpcFiles;
use crate::os::clock::now;
use crate::socket::connection::{ConnectionEvent, EndpointStatus};
use crate::socket::subscriber::MAX_FRAMES;
use crate::socket::wake::{self, WakeSignal};

/// Longest time outside libzmq.
const SLICE: Duration = Duration::from_millis(50);
/// Time to send the last unsubscriptions to peers that are still there, in milliseconds.
const LINGER: i32 = 100;
/// A batch is handed over when it reaches one of these, or when nothing more has arrived.
const BATCH_MESSAGES: usize = 512;
const BATCH_BYTES: usize = 1 << 20;

/// Messages received together.
#[derive(Default)]
pub(super) struct Batch {
    frames: Vec<zmq::Message>,
    /// For each message, the index of the end of its frames in `frames`.
    ends: Vec<usize>,
    bytes: usize,
    /// Receive time, in seconds since 1970-01-01 UTC.
    pub(super) received: f64,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn is_full(&self) -> bool {
        self.ends.len() >= BATCH_MESSAGES || self.bytes >= BATCH_BYTES
    }

    /// The frames of message number `at`.
    pub(super) fn message(&self, at: usize) -> &[zmq::Message] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.frames[start..self.ends[at]]
    }

    /// Drops the messages, and keeps the capacity.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.ends.clear();
        self.bytes = 0;
    }
}

/// Subscribes an XSUB to `prefix` (`begin`), or unsubscribes it.
pub(super) fn subscribe(socket: &zmq::Socket, begin: bool, prefix: &[u8]) -> zmq::Result<()> {
    socket.send([&[u8::from(begin)], prefix].concat(), zmq::DONTWAIT)
}

/// A command to the thread.
pub(super) enum Command {
    Subscribe(Vec<u8>),
    Unsubscribe(Vec<u8>),
}

/// State shared by the thread and its [`Subscriber`](super::Subscriber).
#[derive(Default)]
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    /// Set when somebody reads `caught_up`, which takes system calls to compute.
    pub(super) ask_caught_up: AtomicBool,
    /// Whether everything received was handed over at the last check.
    pub(super) caught_up: AtomicBool,
    /// Frames dropped beyond [`MAX_FRAMES`] of a message.
    pub(super) frames_cut: AtomicU64,
    status: Mutex<Vec<EndpointStatus>>,
}

impl Shared {
    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_status(&self, status: Vec<EndpointStatus>) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// The thread's side of the channels.
pub(super) struct Channels {
    pub(super) batches: Sender<Batch>,
    pub(super) recycled: Receiver<Batch>,
    pub(super) commands: Receiver<Command>,
    pub(super) events: Sender<ConnectionEvent>,
    /// Gets a message when the state of a connection has changed.
    pub(super) changed: Sender<()>,
    /// Ends a wait for messages: there is a command, or `Shared` has changed.
    pub(super) wake: WakeSignal,
}

/// The state of the thread. Sockets are declared before their context, which can't terminate
/// while they are open.
pub(super) struct ReceiveThread {
    pub(super) socket: zmq::Socket,
    pub(super) connections: ConnectionManager,
    pub(super) _context: zmq::Context,
    pub(super) _ipc_files: IpcFiles,
    pub(super) channels: Channels,
    pub(super) shared: Arc<Shared>,
}

impl ReceiveThread {
    /// Runs until `stop` is set or the receiver of batches is dropped.
    pub(super) fn run(mut self) {
        let mut batch = Batch::default();
        while !self.shared.stop.load(Ordering::Relaxed) {
            self.process_events();
            self.fill(&mut batch);
            if self.shared.ask_caught_up.load(Ordering::Relaxed) {
                let caught_up = batch.len() == 0 && !self.connections.has_unread();
                self.shared.caught_up.store(caught_up, Ordering::Release);
            }
            if batch.len() == 0 {
                let wake = &self.channels.wake;
                self.connections.wait(&self.socket, Some(wake), wake::LONGEST);
                wake.drain();
                continue;
            }
            batch.received = now();
            if !self.hand_over(batch) {
                break;
            }
            batch = self.channels.recycled.try_recv().unwrap_or_default();
        }
        self.process_events();
        // Without a peer, the whole linger would pass in vain.
        let has_peer = self.connections.table.status().iter().any(|endpoint| endpoint.peers > 0);
        // Can't fail for a valid value.
        let _ = self.socket.set_linger(if has_peer { LINGER } else { 0 });
    }

    /// Handles commands and connection events. Never waits.
    fn process_events(&mut self) {
        while let Ok(command) = self.channels.commands.try_recv() {
            // Fails only while the context terminates.
            let _ = match command {
                Command::Subscribe(prefix) => subscribe(&self.socket, true, &prefix),
                Command::Unsubscribe(prefix) => subscribe(&self.socket, false, &prefix),
            };
        }
        let events = &self.channels.events;
        let changed = self.connections.process_events(&mut self.socket, &mut |event| {
            // Dropped if the caller does not read them.
            let _ = events.try_send(event);
        });
        if changed {
            self.shared.set_status(self.connections.table.status());
            // One message serves for several changes.
            let _ = self.channels.changed.try_send(());
        }
    }

    /// Receives the messages that are available, up to a full batch.
    fn fill(&mut self, batch: &mut Batch) {
        while !batch.is_full() && self.take_message(batch) {}
    }

    /// Receives one message. Returns whether there was one.
    fn take_message(&mut self, batch: &mut Batch) -> bool {
        let start = batch.frames.len();
        let mut more = true;
        while more {
            let mut frame = zmq::Message::new();
            if self.socket.recv(&mut frame, zmq::DONTWAIT).is_err() {
                // libzmq delivers whole messages: only the first frame can be missing.
                break;
            }
            more = frame.get_more();
            if batch.frames.len() - start < MAX_FRAMES {
                batch.bytes += frame.len();
                batch.frames.push(frame);
            } else {
                self.shared.frames_cut.fetch_add(1, Ordering::Relaxed);
            }
        }
        let got = batch.frames.len() > start;
        if got {
            batch.ends.push(batch.frames.len());
        }
        got
    }

    /// Hands a batch over, and enters libzmq repeatedly while the channel is full. Returns
    /// whether to continue.
    fn hand_over(&mut self, mut batch: Batch) -> bool {
        loop {
            match self.channels.batches.send_timeout(batch, SLICE) {
                Ok(()) => return true,
                Err(SendTimeoutError::Disconnected(_)) => return false,
                Err(SendTimeoutError::Timeout(back)) => batch = back,
            }
            if self.shared.stop.load(Ordering::Relaxed) {
                return false;
            }
            self.process_events();
            // Called for its side effect: libzmq processes its commands.
            let _ = self.socket.get_events();
        }
    }
}

//! The thread that receives, and does nothing else.
//!
//! What may be here: moving messages from the socket into batches. It must never
//! wait for anything but the socket for long: a SUB's subscriptions go out, and
//! its peers come in, only while its thread is inside libzmq.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError};

use super::connection::{ConnectionEvent, EndpointStatus};
use super::connection_manager::ConnectionManager;
use super::ipc_cleanup::IpcFiles;
use crate::os::clock::now;

/// Longest that the thread stays away from libzmq, and from its commands.
const SLICE: Duration = Duration::from_millis(50);
/// How long, in milliseconds, the last cancelled subscriptions may take to go out.
const LINGER: i32 = 100;
/// A batch is handed over when it has this many messages or bytes, or when
/// nothing more has come.
const BATCH_MESSAGES: usize = 512;
const BATCH_BYTES: usize = 1 << 20;
/// Most frames of a message that are kept. zlog's have two.
pub(super) const MOST_FRAMES: usize = 8;

/// Messages that were received together.
#[derive(Default)]
pub(super) struct Batch {
    frames: Vec<zmq::Message>,
    /// For each message, the end of its frames in `frames`.
    ends: Vec<usize>,
    bytes: usize,
    /// Seconds since 1970-01-01 UTC.
    pub(super) received: f64,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn is_full(&self) -> bool {
        self.ends.len() >= BATCH_MESSAGES || self.bytes >= BATCH_BYTES
    }

    /// The frames of message `at`.
    pub(super) fn message(&self, at: usize) -> &[zmq::Message] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.frames[start..self.ends[at]]
    }

    /// Empties it, and gives the messages' memory back to libzmq.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.ends.clear();
        self.bytes = 0;
    }
}

/// Subscribes an XSUB to `prefix`, or cancels that.
pub(super) fn subscribe(socket: &zmq::Socket, begin: bool, prefix: &[u8]) -> zmq::Result<()> {
    socket.send([&[u8::from(begin)], prefix].concat(), zmq::DONTWAIT)
}

/// What the thread is asked to do.
pub(super) enum Command {
    Subscribe(Vec<u8>),
    Unsubscribe(Vec<u8>),
}

/// What both sides see.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    /// Somebody wants to know of `caught_up`, which takes system calls.
    pub(super) ask_caught_up: AtomicBool,
    /// Everything that had come was handed over when the thread last looked.
    pub(super) caught_up: AtomicBool,
    /// Frames beyond [`MOST_FRAMES`], which were dropped.
    pub(super) frames_cut: AtomicU64,
    /// Events for which there was no room.
    pub(super) events_lost: AtomicU64,
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
}

/// What the thread owns. The sockets stand before their context: it can't end
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
    /// Runs until it is told to stop or nobody takes batches any more.
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
                self.connections.wait(&self.socket, SLICE);
                continue;
            }
            batch.received = now();
            if !self.hand_over(batch) {
                break;
            }
            batch = self.channels.recycled.try_recv().unwrap_or_default();
        }
        self.process_events();
        // Can't fail for a valid value; if it did, cancelled subscriptions might not go out.
        let _ = self.socket.set_linger(LINGER);
    }

    /// Commands, connections, events. Never waits.
    fn process_events(&mut self) {
        while let Ok(command) = self.channels.commands.try_recv() {
            // Can fail only while the context is being ended.
            let _ = match command {
                Command::Subscribe(prefix) => subscribe(&self.socket, true, &prefix),
                Command::Unsubscribe(prefix) => subscribe(&self.socket, false, &prefix),
            };
        }
        let events = &self.channels.events;
        let shared = &self.shared;
        let changed = self.connections.process_events(&mut self.socket, &mut |event| {
            if let Err(TrySendError::Full(_)) = events.try_send(event) {
                shared.events_lost.fetch_add(1, Ordering::Relaxed);
            }
        });
        if changed {
            self.shared.set_status(self.connections.status());
        }
    }

    /// Takes what is there, up to a full batch.
    fn fill(&mut self, batch: &mut Batch) {
        while !batch.is_full() && self.take_message(batch) {}
    }

    /// Takes one message. Returns whether there was one.
    fn take_message(&mut self, batch: &mut Batch) -> bool {
        let start = batch.frames.len();
        let mut more = true;
        while more {
            let mut frame = zmq::Message::new();
            if self.socket.recv(&mut frame, zmq::DONTWAIT).is_err() {
                // libzmq hands out whole messages: only the first frame can be missing.
                break;
            }
            more = frame.get_more();
            if batch.frames.len() - start < MOST_FRAMES {
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

    /// Hands a batch over, entering libzmq again and again while there is no room.
    /// Returns whether to go on.
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
            // The call matters, not its answer: it lets libzmq do its work.
            let _ = self.socket.get_events();
        }
    }
}

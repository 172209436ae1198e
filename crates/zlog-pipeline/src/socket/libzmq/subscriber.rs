//! The subscribing socket on libzmq: opens it, commands its thread and delivers its messages.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::connection_manager::ConnectionManager;
use super::ffi;
use super::ipc_cleanup::IpcFiles;
use super::options;
use super::receive_thread::{self, Batch, Channels, Command, ReceiveThread, Shared};
use crate::os::thread;
use crate::socket::connection::{ConnectionEvent, EndpointStatus};
use crate::socket::drain::PublisherRequest;
use crate::socket::endpoint::Endpoint;
use crate::socket::options::SocketOptions;
use crate::socket::subscriber::{Batches, EVENTS, FrameSink, MAX_FRAMES, SubscriberSocket};
use crate::socket::wake::{self, Waker};
use zlog_core::wire::query::ENDING;
use zlog_core::{Error, Result};

/// Batches queued for the caller. Beyond them, messages wait in libzmq, and beyond its
/// high-water mark with the sender.
const BATCHES: usize = 8;
/// A subscribing socket that receives on a thread of its own.
pub(in crate::socket) struct Subscriber {
    batches: Batches<Batch>,
    recycled: Sender<Batch>,
    commands: Sender<Command>,
    /// Wakes the thread for commands, and for changes of `shared`.
    waker: Waker,
    events: Receiver<ConnectionEvent>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The batch being delivered, and the index of its next message.
    current: Option<(Batch, usize)>,
    topics: HashSet<Vec<u8>>,
    bound: Vec<String>,
}

impl Subscriber {
    /// Opens a subscriber of `topics` (byte prefixes; the empty one is everything) on
    /// `endpoints`.
    pub(in crate::socket) fn open<T: AsRef<[u8]>>(
        endpoints: &[Endpoint],
        topics: &[T],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        let context = zmq::Context::new();
        let (mut socket, topics) = set_up(&context, topics, options)?;
        let (connections, bound) = ConnectionManager::open(&context, &mut socket, endpoints)?;
        Subscriber::start(context, socket, connections, topics, bound)
    }

    /// Opens a subscriber of `topics` on the inproc address `endpoint`, which a publisher of
    /// this process has bound in `context`.
    pub(super) fn open_inproc<T: AsRef<[u8]>>(
        context: zmq::Context,
        endpoint: &str,
        topics: &[T],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        let (mut socket, topics) = set_up(&context, topics, options)?;
        let (connections, bound) = ConnectionManager::open(&context, &mut socket, &[])?;
        ffi::connect(&mut socket, endpoint)
            .map_err(|errno| Error::new(format!("can't connect to {endpoint}: {errno}")))?;
        Subscriber::start(context, socket, connections, topics, bound)
    }

    /// Starts the receiving thread.
    fn start(
        context: zmq::Context,
        socket: zmq::Socket,
        connections: ConnectionManager,
        topics: HashSet<Vec<u8>>,
        bound: Vec<String>,
    ) -> Result<Subscriber> {
        let shared = Arc::new(Shared::default());
        shared.set_status(connections.table.status());
        let (batches_in, batches) = crossbeam_channel::bounded(BATCHES);
        let (recycled, recycled_out) = crossbeam_channel::bounded(BATCHES);
        let (commands, commands_out) = crossbeam_channel::unbounded();
        let (events_in, events) = crossbeam_channel::bounded(EVENTS);
        let (changed_in, changed) = crossbeam_channel::bounded(1);
        let (waker, wake_signal) = wake::pair()?;
        let channels = Channels {
            batches: batches_in,
            recycled: recycled_out,
            commands: commands_out,
            events: events_in,
            changed: changed_in,
            wake: wake_signal,
        };
        let receive = ReceiveThread {
            socket,
            connections,
            _context: context,
            _ipc_files: IpcFiles::of(&bound),
            channels,
            shared: Arc::clone(&shared),
        };
        let thread = Some(thread::spawn("zlog-receive", move || receive.run())?);
        let current = None;
        Ok(Subscriber {
            batches: Batches::new(batches, changed),
            recycled,
            commands,
            waker,
            events,
            shared,
            thread,
            current,
            topics,
            bound,
        })
    }

    fn command(&self, command: Command) {
        // Fails only if the thread has panicked, which the next `recv` reports.
        let _ = self.commands.send(command);
        self.waker.wake();
    }
}

impl SubscriberSocket for Subscriber {
    fn bound(&self) -> &[String] {
        &self.bound
    }

    fn recv(&mut self, wait: Duration, sink: &mut FrameSink<'_>) -> Result<bool> {
        if self.current.is_none() {
            match self.batches.next(wait) {
                Ok(batch) => self.current = Some((batch, 0)),
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new("the receiving thread has crashed"));
                }
            }
        }
        let outcome = match &mut self.current {
            Some((batch, at)) => give(batch, at, sink),
            None => Ok(()),
        };
        if let Some((mut batch, at)) = self.current.take() {
            if at < batch.len() {
                self.current = Some((batch, at));
            } else {
                batch.clear();
                // Fails if the thread has enough empty batches.
                let _ = self.recycled.try_send(batch);
            }
        }
        outcome.map(|()| true)
    }

    fn wake_by(&mut self, wake: Receiver<()>) {
        self.batches.wake_by(wake);
    }

    fn ignore_wakeups(&mut self) {
        self.batches.ignore_wakeups();
    }

    fn subscribe(&mut self, topic: &[u8]) {
        // A second subscription would be sent, and counted by the publisher.
        if self.topics.insert(topic.to_vec()) {
            self.command(Command::Subscribe(topic.to_vec()));
        }
    }

    fn unsubscribe(&mut self, topic: &[u8]) {
        if self.topics.remove(topic) {
            self.command(Command::Unsubscribe(topic.to_vec()));
        }
    }

    fn is_caught_up(&self) -> bool {
        self.shared.ask_caught_up.store(true, Ordering::Relaxed);
        self.waker.wake();
        // Read first: batches handed over before are then in the channel.
        self.shared.caught_up.load(Ordering::Acquire)
            && self.batches.is_empty()
            && self.current.is_none()
    }

    fn request(&mut self, request: PublisherRequest) {
        match request {
            PublisherRequest::Hold => self.command(Command::Subscribe(ENDING.to_vec())),
            PublisherRequest::Stop => {
                for topic in std::mem::take(&mut self.topics) {
                    self.command(Command::Unsubscribe(topic));
                }
            }
        }
    }

    fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.shared.status()
    }

    fn has_changed(&mut self) -> bool {
        self.batches.take_changed()
    }

    fn events(&self) -> Vec<ConnectionEvent> {
        self.events.try_iter().collect()
    }

    fn frames_cut(&self) -> u64 {
        self.shared.frames_cut.load(Ordering::Relaxed)
    }
}

/// An unconnected socket that has subscribed to `topics`.
///
/// It is an XSUB: a SUB drops messages in flight as soon as it unsubscribes.
fn set_up<T: AsRef<[u8]>>(
    context: &zmq::Context,
    topics: &[T],
    options: &SocketOptions,
) -> Result<(zmq::Socket, HashSet<Vec<u8>>)> {
    let mut socket = context.socket(zmq::XSUB).map_err(options::open_error)?;
    options.apply(&mut socket)?;
    let topics: HashSet<Vec<u8>> = topics.iter().map(|t| t.as_ref().to_vec()).collect();
    for topic in &topics {
        receive_thread::subscribe(&socket, true, topic).map_err(options::open_error)?;
    }
    Ok((socket, topics))
}

/// Delivers the messages of `batch` from `at` on, until `sink` breaks.
fn give(batch: &Batch, at: &mut usize, sink: &mut FrameSink<'_>) -> Result<()> {
    while *at < batch.len() {
        let message = batch.message(*at);
        *at += 1;
        let mut frames: [&[u8]; MAX_FRAMES] = [&[]; MAX_FRAMES];
        for (slot, frame) in frames.iter_mut().zip(message) {
            *slot = frame;
        }
        if sink(&frames[..message.len()], batch.received)?.is_break() {
            break;
        }
    }
    Ok(())
}

impl Drop for Subscriber {
    /// Sends publishers the end of this subscription and ends the thread, within about
    /// 150 ms. Undelivered messages are dropped.
    fn drop(&mut self) {
        // Publishers that connect queue messages until a subscriber is back.
        self.request(if self.bound.is_empty() {
            PublisherRequest::Stop
        } else {
            PublisherRequest::Hold
        });
        self.shared.stop.store(true, Ordering::Relaxed);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

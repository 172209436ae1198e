//! The subscribing socket, as seen by whoever takes its messages.
//!
//! What may be here: opening it, commands to its thread (`receive`) and taking
//! messages out of the batches that come from there.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, never, select};

use super::connection::{ConnectionEvent, EndpointStatus};
use super::connection_manager::ConnectionManager;
use super::drain::{ENDING, PublisherRequest};
use super::endpoint::Endpoint;
use super::ffi;
use super::ipc_cleanup::IpcFiles;
use super::options::SocketOptions;
use super::receive_thread::{self, Batch, Channels, Command, MOST_FRAMES, ReceiveThread, Shared};
use crate::source::PollStatus;
use zlog_core::error::{Error, Result};

/// Batches between the receiving thread and the one that takes messages. Beyond
/// them messages wait in libzmq, and beyond its high-water mark with the sender.
const BATCHES: usize = 8;
/// Events kept for [`Subscriber::events`]; what does not fit is counted.
const EVENTS: usize = 1024;

/// Takes the frames of one message, and when it was received: seconds since
/// 1970-01-01 UTC, the same for all messages of a batch.
pub type FrameSink<'s> = dyn FnMut(&[&[u8]], f64) -> Result<ControlFlow<()>> + 's;

/// A subscribing socket with a thread of its own.
pub struct Subscriber {
    batches: Receiver<Batch>,
    /// What ends a wait for batches early.
    wake: Receiver<()>,
    recycled: Sender<Batch>,
    commands: Sender<Command>,
    events: Receiver<ConnectionEvent>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The batch that is being taken, and the next message in it.
    current: Option<(Batch, usize)>,
    topics: HashSet<Vec<u8>>,
    bound: Vec<String>,
}

impl Subscriber {
    /// Opens a subscriber of `topics` (byte prefixes; the empty one is everything)
    /// on all `endpoints`, bound and connected ones in any mix.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and
    /// the next step.
    pub fn open<T: AsRef<[u8]>>(
        endpoints: &[Endpoint],
        topics: &[T],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        let context = zmq::Context::new();
        let (mut socket, topics) = set_up(&context, topics, options)?;
        let (connections, bound) = ConnectionManager::open(&context, &mut socket, endpoints)?;
        Subscriber::start(context, socket, connections, topics, bound)
    }

    /// Opens a subscriber of `topics` in the process of the publisher that has
    /// bound the inproc address `endpoint` in `context`.
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

    /// Starts the thread that receives.
    fn start(
        context: zmq::Context,
        socket: zmq::Socket,
        connections: ConnectionManager,
        topics: HashSet<Vec<u8>>,
        bound: Vec<String>,
    ) -> Result<Subscriber> {
        let shared = Arc::new(Shared::default());
        shared.set_status(connections.status());
        let (batches_in, batches) = crossbeam_channel::bounded(BATCHES);
        let (recycled, recycled_out) = crossbeam_channel::bounded(BATCHES);
        let (commands, commands_out) = crossbeam_channel::unbounded();
        let (events_in, events) = crossbeam_channel::bounded(EVENTS);
        let channels = Channels {
            batches: batches_in,
            recycled: recycled_out,
            commands: commands_out,
            events: events_in,
        };
        let receive = ReceiveThread {
            socket,
            connections,
            _context: context,
            _ipc_files: IpcFiles::of(&bound),
            channels,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("zlog-receive".into())
            .spawn(move || receive.run())
            .map_err(|error| Error::no_thread(&error))?;
        let thread = Some(thread);
        let current = None;
        Ok(Subscriber {
            batches,
            wake: never(),
            recycled,
            commands,
            events,
            shared,
            thread,
            current,
            topics,
            bound,
        })
    }

    /// The endpoints that were really bound: wildcards and port 0 are filled in.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Gives `sink` the messages of one batch, or waits up to `wait` for one.
    ///
    /// Of a message with more than eight frames the first eight are given.
    ///
    /// # Errors
    /// Whatever `sink` returns: the message it was given counts as taken. Or the
    /// receiving thread has died, which is a defect.
    pub fn recv(&mut self, wait: Duration, sink: &mut FrameSink<'_>) -> Result<PollStatus> {
        if self.current.is_none() {
            match self.next_batch(wait) {
                Ok(batch) => self.current = Some((batch, 0)),
                Err(RecvTimeoutError::Timeout) => return Ok(PollStatus::Idle),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new("the thread that receives has died"));
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
                // No room: the thread has all it needs.
                let _ = self.recycled.try_send(batch);
            }
        }
        outcome.map(|()| PollStatus::Delivered)
    }

    /// From now on, a wait in [`Subscriber::recv`] ends when there is a word in `wake`.
    pub fn wake_by(&mut self, wake: Receiver<()>) {
        self.wake = wake;
    }

    fn next_batch(&mut self, wait: Duration) -> Result<Batch, RecvTimeoutError> {
        select! {
            recv(self.batches) -> batch => batch.map_err(|_| RecvTimeoutError::Disconnected),
            recv(self.wake) -> word => {
                if word.is_err() {
                    // Nobody wakes us any more, and a closed channel would all the time.
                    self.wake = never();
                }
                Err(RecvTimeoutError::Timeout)
            }
            default(wait) => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Subscribes to another prefix. Takes effect within 50 ms, plus the way to the publisher.
    pub fn subscribe(&mut self, topic: &[u8]) {
        // Twice would be sent twice, and counted twice by the publisher.
        if self.topics.insert(topic.to_vec()) {
            let _ = self.commands.send(Command::Subscribe(topic.to_vec()));
        }
    }

    /// Ends a subscription. Messages of it that are on their way still come.
    pub fn unsubscribe(&mut self, topic: &[u8]) {
        if self.topics.remove(topic) {
            let _ = self.commands.send(Command::Unsubscribe(topic.to_vec()));
        }
    }

    /// Whether everything that has come has been taken.
    pub fn is_caught_up(&self) -> bool {
        self.shared.ask_caught_up.store(true, Ordering::Relaxed);
        // Asked first: what was handed over before is then in the queue.
        self.shared.caught_up.load(Ordering::Acquire)
            && self.batches.is_empty()
            && self.current.is_none()
    }

    /// Asks publishers for what is due before the end. What is on its way still comes.
    pub fn request(&mut self, request: PublisherRequest) {
        // Fails only when the thread has died, which the next receive says.
        let _ = match request {
            PublisherRequest::Hold => self.commands.send(Command::Subscribe(ENDING.to_vec())),
            PublisherRequest::Stop => self
                .topics
                .drain()
                .try_for_each(|topic| self.commands.send(Command::Unsubscribe(topic))),
        };
    }

    /// How it stands with each endpoint.
    pub fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.shared.status()
    }

    /// What happened to connections since this was last asked.
    pub fn events(&self) -> impl Iterator<Item = ConnectionEvent> + '_ {
        self.events.try_iter()
    }

    /// Events that were lost because nobody asked for them in time.
    pub fn events_lost(&self) -> u64 {
        self.shared.events_lost.load(Ordering::Relaxed)
    }

    /// Frames that were dropped because a message had more than eight.
    pub fn frames_cut(&self) -> u64 {
        self.shared.frames_cut.load(Ordering::Relaxed)
    }
}

/// A socket that has subscribed to `topics` and is not attached to anything yet.
///
/// It is an XSUB, since a SUB drops what is on its way as soon as it unsubscribes.
fn set_up<T: AsRef<[u8]>>(
    context: &zmq::Context,
    topics: &[T],
    options: &SocketOptions,
) -> Result<(zmq::Socket, HashSet<Vec<u8>>)> {
    let cant = |error| Error::new(format!("can't open a ZeroMQ socket: {error}"));
    let mut socket = context.socket(zmq::XSUB).map_err(cant)?;
    options.apply(&mut socket)?;
    let topics: HashSet<Vec<u8>> = topics.iter().map(|t| t.as_ref().to_vec()).collect();
    for topic in &topics {
        receive_thread::subscribe(&socket, true, topic).map_err(cant)?;
    }
    Ok((socket, topics))
}

/// Gives the messages of `batch` from `at` on, until enough.
fn give(batch: &Batch, at: &mut usize, sink: &mut FrameSink<'_>) -> Result<()> {
    while *at < batch.len() {
        let message = batch.message(*at);
        *at += 1;
        let mut frames: [&[u8]; MOST_FRAMES] = [&[]; MOST_FRAMES];
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
    /// Tells publishers that no more is wanted, and ends the thread, within some 150 ms.
    /// What was received and not taken is gone.
    fn drop(&mut self) {
        // Those that connect here hold what comes until there is somebody again.
        self.request(if self.bound.is_empty() {
            PublisherRequest::Stop
        } else {
            PublisherRequest::Hold
        });
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;

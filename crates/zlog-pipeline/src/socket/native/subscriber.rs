//! The subscribing socket on the crate `zmtp`.

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use zmtp::Batch;

use super::open::{Open, open_error, set_options};
use crate::os::fd_limit;
use crate::socket::connection::{ConnectionEvent, EndpointStatus, EventKind};
use crate::socket::drain::PublisherRequest;
use crate::socket::endpoint::Endpoint;
use crate::socket::options::SocketOptions;
use crate::socket::subscriber::{Batches, FrameSink, MAX_FRAMES, SubscriberSocket};
use zlog_core::wire::mark::RESERVED;
use zlog_core::wire::query::ENDING;
use zlog_core::{Error, Result};

/// Time to send the last cancels to publishers that are still there.
const LINGER: Duration = Duration::from_millis(100);

/// A subscribing socket.
pub(in crate::socket) struct Subscriber {
    /// `None` only while it is dropped.
    open: Option<Open<zmtp::Subscriber>>,
    batches: Batches<Batch>,
    /// The batch being delivered, and where its next message stands.
    current: Option<(Batch, usize)>,
    topics: HashSet<Vec<u8>>,
    frames_cut: u64,
    connections: std::cell::RefCell<fd_limit::Connections>,
}

impl Subscriber {
    /// Opens a subscriber of `topics` on `endpoints`.
    pub(in crate::socket) fn open<T: AsRef<[u8]>>(
        endpoints: &[Endpoint],
        topics: &[T],
        own: &SocketOptions,
    ) -> Result<Subscriber> {
        let mut options = zmtp::Options::subscriber();
        set_options(own, &mut options);
        options.notice_prefix = Some(RESERVED.into());
        let socket = zmtp::Subscriber::new(options, topics).map_err(|error| open_error(&error))?;
        let batches = socket.batches().clone();
        let (changed_in, changed) = crossbeam_channel::bounded(1);
        let on_change = move || {
            // One message serves for several changes.
            let _ = changed_in.try_send(());
        };
        Ok(Subscriber {
            open: Some(Open::new(socket, endpoints, own.keyring.clone(), on_change)?),
            batches: Batches::new(batches, changed),
            current: None,
            topics: topics.iter().map(|topic| topic.as_ref().to_vec()).collect(),
            frames_cut: 0,
            connections: std::cell::RefCell::default(),
        })
    }

    fn socket(&self) -> Option<&zmtp::Subscriber> {
        self.open.as_ref().map(|open| &*open.socket)
    }

    /// Takes the next batch, if there is one, for a proxy.
    pub(super) fn next_batch(&self) -> Result<Option<Batch>> {
        self.batches.take().map_err(|_| crashed())
    }

    /// Waits for a batch, for `wait` at most, or until something else has happened.
    pub(super) fn wait_for_batch(&mut self, wait: Duration) -> Option<Batch> {
        // `next_batch` reports an error.
        self.batches.next(wait).ok()
    }

    /// Delivers messages of a batch from `at` on, until `sink` breaks. Returns whether all are
    /// delivered.
    fn give(
        frames_cut: &mut u64,
        (batch, at): (&Batch, &mut usize),
        sink: &mut FrameSink<'_>,
    ) -> Result<bool> {
        let received = batch.received().duration_since(UNIX_EPOCH).unwrap_or_default();
        let received = received.as_secs_f64();
        let mut messages = batch.messages_from(*at);
        while let Some(message) = messages.next() {
            *at = messages.position();
            let mut frames: [&[u8]; MAX_FRAMES] = [&[]; MAX_FRAMES];
            let (mut all, mut count) = (message.frames(), 0);
            for (slot, frame) in frames.iter_mut().zip(&mut all) {
                (*slot, count) = (frame, count + 1);
            }
            if count == MAX_FRAMES {
                *frames_cut += all.count() as u64;
            }
            if sink(&frames[..count], received)?.is_break() {
                return Ok(messages.next().is_none());
            }
        }
        Ok(true)
    }
}

impl SubscriberSocket for Subscriber {
    fn bound(&self) -> &[String] {
        self.open.as_ref().map_or(&[], Open::bound)
    }

    fn recv(&mut self, wait: Duration, sink: &mut FrameSink<'_>) -> Result<bool> {
        let (batch, mut at) = match self.current.take() {
            Some(current) => current,
            None => match self.batches.next(wait) {
                Ok(batch) => (batch, 0),
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(crashed());
                }
            },
        };
        let outcome = Subscriber::give(&mut self.frames_cut, (&batch, &mut at), sink);
        let is_done = match &outcome {
            Ok(is_done) => *is_done,
            Err(_) => batch.messages_from(at).next().is_none(),
        };
        if !is_done {
            self.current = Some((batch, at));
        }
        outcome.map(|_| true)
    }

    fn wake_by(&mut self, wake: Receiver<()>) {
        self.batches.wake_by(wake);
    }

    fn ignore_wakeups(&mut self) {
        self.batches.ignore_wakeups();
    }

    fn subscribe(&mut self, topic: &[u8]) {
        if self.topics.insert(topic.to_vec())
            && let Some(socket) = self.socket()
        {
            socket.subscribe(topic);
        }
    }

    fn unsubscribe(&mut self, topic: &[u8]) {
        if self.topics.remove(topic)
            && let Some(socket) = self.socket()
        {
            socket.unsubscribe(topic);
        }
    }

    fn is_caught_up(&self) -> bool {
        self.current.is_none() && self.socket().is_some_and(zmtp::Subscriber::is_caught_up)
    }

    fn request(&mut self, request: PublisherRequest) {
        let topics = match request {
            PublisherRequest::Hold => HashSet::new(),
            PublisherRequest::Stop => std::mem::take(&mut self.topics),
        };
        let Some(socket) = self.socket() else { return };
        match request {
            PublisherRequest::Hold => socket.subscribe(ENDING),
            PublisherRequest::Stop => topics.iter().for_each(|topic| socket.unsubscribe(topic)),
        }
    }

    fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.open.as_ref().map(Open::status).unwrap_or_default()
    }

    fn has_changed(&mut self) -> bool {
        self.batches.take_changed()
    }

    fn events(&self) -> Vec<ConnectionEvent> {
        let Some(open) = &self.open else { return Vec::new() };
        self.connections.borrow_mut().set(open.socket.connections());
        let mut events = open.events(|_, _| ());
        events.extend(open.socket.take_refused().into_iter().map(|refused| ConnectionEvent {
            endpoint: refused.peer,
            peer: String::new(),
            kind: EventKind::Denied {
                name: refused.name.to_string(),
                topic: String::from_utf8_lossy(&refused.topic).into_owned(),
                messages: refused.messages,
            },
        }));
        events.extend(open.take_key_notices().into_iter().map(|text| ConnectionEvent {
            endpoint: String::new(),
            peer: String::new(),
            kind: EventKind::Keys(text),
        }));
        events
    }

    fn frames_cut(&self) -> u64 {
        self.frames_cut
    }
}

fn crashed() -> Error {
    Error::new("the receiving thread has crashed")
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // Publishers that connect queue messages until a subscriber is back.
        self.request(match self.bound().is_empty() {
            true => PublisherRequest::Stop,
            false => PublisherRequest::Hold,
        });
        // The thread must not wait for a reader of them.
        self.current = None;
        if let Some((Some(socket), _directories)) = self.open.take().map(Open::into_socket) {
            socket.close(LINGER);
        }
    }
}

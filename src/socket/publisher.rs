//! The publishing socket: an XPUB that blocks instead of dropping and knows who listens.
//!
//! What may be here: sending, and what a sender can know of its subscribers.
//! Waiting is for subscriptions, never for time: of records sent right after a
//! connect, all are lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::endpoint::Endpoint;
use super::flush::{Flushed, flush};
use super::leavings::Leavings;
use super::links::{LinkEvent, LinkStatus};
use super::options::{self, SocketOptions};
use super::peers::Peers;
use super::raw;
use super::subscriber::Subscriber;
use super::subscriptions::Misuse;
use super::watch::Watch;
use crate::error::{Error, Result};

/// Longest that a wait goes without a look at signals.
const SLICE: Duration = Duration::from_millis(50);
/// Where subscribers of this process connect. Each publisher has a context, and
/// thereby inproc names, of its own.
const INSIDE: &str = "inproc://publisher";
/// Most events kept for [`Publisher::events`]; older ones go first.
const EVENTS: usize = 256;

/// What became of a [`Publisher::send`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// libzmq took the message for every subscriber that wants it (maybe for none).
    Sent,
    /// A subscriber has no room, and the wait for it is over or was broken off by
    /// a signal. Nothing was sent, to nobody: send it again or drop it.
    Full,
}

/// What became of a [`Publisher::wait_for`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// Enough subscribers are there.
    Enough,
    /// The time was up; this many are there.
    TimedOut(usize),
    /// The caller wanted to stop.
    Stopped,
}

/// A publishing socket.
pub struct Publisher {
    // Sockets before their context: it can't end while they are open.
    socket: zmq::Socket,
    watch: Watch,
    context: zmq::Context,
    leavings: Leavings,
    peers: Peers,
    bound: Vec<String>,
    bound_inside: bool,
    events: VecDeque<LinkEvent>,
}

impl Publisher {
    /// Opens a publisher on all `endpoints`, bound and connected ones in any mix.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and
    /// the next step.
    pub fn open(endpoints: &[Endpoint], options: &SocketOptions) -> Result<Publisher> {
        Publisher::open_in(zmq::Context::new(), endpoints, options)
    }

    /// The same in a context that others share.
    pub(super) fn open_in(
        context: zmq::Context,
        endpoints: &[Endpoint],
        options: &SocketOptions,
    ) -> Result<Publisher> {
        let mut socket = context
            .socket(zmq::XPUB)
            .map_err(|error| Error::new(format!("can't open a ZeroMQ socket: {error}")))?;
        options.apply(&mut socket)?;
        options::make_publisher(&mut socket)?;
        let (watch, bound) = Watch::open(&context, &mut socket, endpoints)?;
        Ok(Publisher {
            socket,
            watch,
            context,
            leavings: Leavings::of(&bound),
            peers: Peers::new(),
            bound,
            bound_inside: false,
            events: VecDeque::new(),
        })
    }

    /// The endpoints that were really bound: wildcards and port 0 are filled in.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Opens a subscriber of `topics` in this process, which gets messages over
    /// inproc: the sockets share their queues, and no system call is in between.
    ///
    /// The publisher's [`Publisher::close`] waits for it to be dropped.
    ///
    /// # Errors
    /// No socket or no thread is to be had.
    pub fn subscriber_inside<T: AsRef<[u8]>>(
        &mut self,
        topics: &[T],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        if !self.bound_inside {
            self.bind_inside(INSIDE)?;
            self.bound_inside = true;
        }
        Subscriber::inside(self.context.clone(), INSIDE, topics, options)
    }

    /// Binds an inproc address, for sockets of the same context.
    pub(super) fn bind_inside(&mut self, endpoint: &str) -> Result<()> {
        raw::bind(&mut self.socket, endpoint)
            .map_err(|errno| Error::new(format!("can't bind {endpoint}: {errno}")))
    }

    /// Sets how long one send waits for room, in place of [`SocketOptions::send_slice`].
    pub fn set_send_slice(&mut self, slice: Duration) {
        // Can't fail for a valid value; if it did, the old one would stay.
        let _ = self.socket.set_sndtimeo(options::millis(slice));
    }

    /// Sends a message of two frames, to every subscriber that wants it or to none.
    ///
    /// Waits for room up to [`SocketOptions::send_slice`]. Subscriptions are not
    /// read here: call [`Publisher::drain`] now and then.
    ///
    /// # Errors
    /// The socket has failed for good.
    pub fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent> {
        match self.socket.send(topic, zmq::SNDMORE) {
            Ok(()) => {}
            Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return Ok(Sent::Full),
            Err(error) => return Err(send_failed(error)),
        }
        // Room is counted in whole messages, so that the second frame finds what
        // the first one found. Should it not: half a message must never stay.
        let mut rest = zmq::Message::from(body);
        loop {
            match self.socket.send(rest, 0) {
                Ok(()) => return Ok(Sent::Sent),
                Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => rest = zmq::Message::from(body),
                Err(error) => return Err(send_failed(error)),
            }
        }
    }

    /// Takes in what subscribers have sent up and what happened to connections,
    /// and makes anew what libzmq gave up. Never waits.
    ///
    /// To be called often: libzmq holds some hundred subscriptions until then, and no
    /// further ones are taken in.
    pub fn drain(&mut self) {
        let events = &mut self.events;
        self.watch.tend(&mut self.socket, &mut |event| {
            if events.len() == EVENTS {
                events.pop_front();
            }
            events.push_back(event);
        });
        for address in self.watch.misused() {
            self.peers.note(address, Misuse::Frame);
        }
        self.peers.drain(&mut self.socket, Instant::now(), |_, _| {});
    }

    /// What a person should know of subscribers whose connections were ended because of
    /// what they sent: of the first one, and then once a minute at most.
    pub fn report(&mut self) -> Option<String> {
        self.peers.report(Instant::now())
    }

    /// Whether any subscriber would get this topic, as of the last [`Publisher::drain`].
    pub fn heard(&self, topic: &[u8]) -> bool {
        self.peers.subscriptions.heard(topic)
    }

    /// Changes whenever an answer of [`Publisher::heard`] may change.
    pub fn generation(&self) -> u64 {
        self.peers.subscriptions.generation()
    }

    /// Subscribers that could get a topic below `root` (the empty root: any), as
    /// of the last [`Publisher::drain`].
    pub fn subscribers(&self, root: &str) -> usize {
        let peers = self.peers.subscriptions.peers_below(root);
        match self.watch.all_bound() {
            true => peers,
            // libzmq holds what a peer that it connects to has subscribed to until it is
            // back, but it is away.
            false => peers.min(self.watch.open_connections()),
        }
    }

    /// Waits until at least `n` subscribers could get a topic below `root`, for
    /// `timeout` at most. Asks `stop` at least every 50 ms.
    pub fn wait_for(
        &mut self,
        n: usize,
        timeout: Duration,
        root: &str,
        stop: &dyn Fn() -> bool,
    ) -> Waited {
        let start = Instant::now();
        loop {
            self.drain();
            let there = self.subscribers(root);
            if there >= n {
                return Waited::Enough;
            }
            if stop() {
                return Waited::Stopped;
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Waited::TimedOut(there);
            }
            self.watch.wait(&self.socket, left.min(SLICE));
        }
    }

    /// Waits for `pause`, taking in what subscribers send meanwhile. Asks `stop` at
    /// least every 50 ms.
    pub fn pause(&mut self, pause: Duration, stop: &dyn Fn() -> bool) {
        let start = Instant::now();
        loop {
            let left = pause.saturating_sub(start.elapsed());
            if left.is_zero() || stop() {
                return;
            }
            self.watch.wait(&self.socket, left.min(SLICE));
            self.drain();
        }
    }

    /// How it stands with each endpoint, as of the last [`Publisher::drain`].
    pub fn links(&self) -> Vec<LinkStatus> {
        self.watch.status()
    }

    /// What happened to connections since this was last asked; the latest 256.
    pub fn events(&mut self) -> impl Iterator<Item = LinkEvent> + '_ {
        self.events.drain(..)
    }

    /// Closes the socket once everything has gone out, or after `linger`.
    pub fn close(self, linger: Duration) -> Flushed {
        let Publisher { socket, watch, context, leavings: _last, .. } = self;
        // Can't fail for a valid value; if it did, nothing would be waited for.
        let _ = socket.set_linger(-1);
        drop(socket);
        drop(watch);
        flush(context, linger)
    }
}

fn send_failed(error: zmq::Error) -> Error {
    Error::new(format!("can't send on the ZeroMQ socket: {}", error.message()))
}

#[cfg(test)]
mod tests;

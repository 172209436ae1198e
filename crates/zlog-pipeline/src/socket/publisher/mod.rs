//! The publishing socket: an XPUB that blocks instead of dropping and knows who listens.
//!
//! What may be here: sending, and what a sender can know of its subscribers.
//! Waiting is for subscriptions, never for time: of records sent right after a
//! connect, all are lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::connection::{ConnectionEvent, EndpointStatus};
use super::connection_manager::ConnectionManager;
use super::descriptor::Descriptor;
use super::drain::ENDING;
use super::endpoint::{Endpoint, Role};
use super::ffi;
use super::flush::{Flushed, flush};
use super::ipc_cleanup::IpcFiles;
use super::options::{self, SocketOptions};
use super::peers::Peers;
use super::subscriber::Subscriber;
use super::subscriber_tracker::{BrokenConnection, SubscriberTracker};
use super::subscriptions::Misuse;
use zlog_core::error::{Error, Result};

/// Longest that a wait goes without a look at signals.
const SLICE: Duration = Duration::from_millis(50);
/// Where subscribers of this process connect. Each publisher has a context, and
/// thereby inproc names, of its own.
const INPROC: &str = "inproc://publisher";
/// Most events kept for [`Publisher::events`]; older ones go first.
const EVENTS: usize = 256;

/// Longest wait for a subscriber that is about to end. It says so when it begins to take in
/// what is on its way, and may take its `--linger` (5 s unless told otherwise) for that.
const ENDING_WAIT: Duration = Duration::from_secs(60);
/// Most broken connections kept for [`Publisher::broken`]; others are only counted.
const MOST_BROKEN: usize = 64;

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
pub enum WaitOutcome {
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
    connections: ConnectionManager,
    context: zmq::Context,
    ipc_files: IpcFiles,
    peers: Peers,
    tracker: SubscriberTracker,
    broken: Vec<BrokenConnection>,
    /// The connection of a subscriber that is about to end, and until when it is waited for.
    ending: Option<(u64, Instant)>,
    /// Messages sent.
    sent: u64,
    bound: Vec<String>,
    is_inproc_bound: bool,
    events: VecDeque<ConnectionEvent>,
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
        let (connections, bound) = ConnectionManager::open(&context, &mut socket, endpoints)?;
        Ok(Publisher {
            socket,
            connections,
            context,
            ipc_files: IpcFiles::of(&bound),
            peers: Peers::new(),
            tracker: SubscriberTracker::default(),
            broken: Vec::new(),
            ending: None,
            sent: 0,
            bound,
            is_inproc_bound: false,
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
    pub fn inproc_subscriber<T: AsRef<[u8]>>(
        &mut self,
        topics: &[T],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        if !self.is_inproc_bound {
            self.bind_inproc(INPROC)?;
            self.is_inproc_bound = true;
        }
        Subscriber::open_inproc(self.context.clone(), INPROC, topics, options)
    }

    /// Binds an inproc address, for sockets of the same context.
    pub(super) fn bind_inproc(&mut self, endpoint: &str) -> Result<()> {
        ffi::bind(&mut self.socket, endpoint)
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
    /// read here: call [`Publisher::process_events`] now and then.
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
                Ok(()) => {
                    self.sent += 1;
                    return Ok(Sent::Sent);
                }
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
    pub fn process_events(&mut self) {
        let events = &mut self.events;
        self.connections.process_events(&mut self.socket, &mut |event| {
            if events.len() == EVENTS {
                events.pop_front();
            }
            events.push_back(event);
        });
        for address in self.connections.misused() {
            self.peers.note(address, Misuse::Frame);
        }
        for descriptor in self.connections.disconnected() {
            let gone = self.tracker.disconnected(descriptor, self.sent);
            self.ending.take_if(|(ending, _)| Some(*ending) == gone);
        }
        let all_connect = self.connections.all_connect();
        let Publisher { peers, socket, tracker, ending, sent, .. } = self;
        let now = Instant::now();
        peers.drain(socket, now, |message, sender, _| {
            let (Some(descriptor), connection) = (sender.descriptor, sender.connection) else {
                return;
            };
            if message.get(1..) != Some(ENDING) {
                let name = || peer_name(descriptor, sender.address);
                tracker.take(message, (connection, descriptor), *sent, name);
                return;
            }
            // One that this publisher connects to stays subscribed, and may be there again
            // soon: what is sent once it has gone is held for it. The subscriptions of the
            // others end with them.
            if message.first() == Some(&1) && tracker.forget(connection) && all_connect {
                *ending = Some((connection, now + ENDING_WAIT));
            }
        });
        let room = MOST_BROKEN.saturating_sub(self.broken.len());
        self.broken.extend(self.tracker.broken().take(room));
    }

    /// What a person should know of subscribers whose connections were ended because of
    /// what they sent: of the first one, and then once a minute at most.
    pub fn report(&mut self) -> Option<String> {
        self.peers.report(Instant::now())
    }

    /// Waits, if a subscriber is about to end, until it has gone: what is sent meanwhile
    /// could be lost. Asks `stop` at least every 50 ms, and waits for a minute at most.
    pub fn wait_for_ending(&mut self, stop: &dyn Fn() -> bool) {
        while let Some((_, until)) = self.ending {
            if Instant::now() >= until || stop() {
                self.ending = None;
                return;
            }
            self.connections.wait(&self.socket, SLICE);
            self.process_events();
        }
    }

    /// Connections that have ended without the peer having unsubscribed, as of the last
    /// [`Publisher::process_events`]: what was on its way is lost.
    pub fn broken(&mut self) -> impl Iterator<Item = BrokenConnection> + '_ {
        self.broken.drain(..)
    }

    /// Who has no room for the next message, as far as can be told: subscribers that do not
    /// take what the system holds for them, and endpoints without a connection.
    pub fn blocked_peers(&self) -> Vec<String> {
        let peers = |least| {
            let peers = self.tracker.iter().filter(move |(fd, _)| ffi::unsent(*fd) >= least);
            peers.map(|(_, peer)| peer.to_owned())
        };
        let mut names: Vec<String> = peers(1).collect();
        let endpoints = self.connections.status().into_iter();
        let away = endpoints.filter(|it| it.role == Role::Connect && it.peers == 0);
        names.extend(away.map(|it| format!("{} (not connected)", it.endpoint)));
        if names.is_empty() {
            names.extend(peers(0));
        }
        names.sort_unstable();
        names
    }

    /// Whether any subscriber would get this topic, as of the last [`Publisher::process_events`].
    pub fn has_subscriber(&self, topic: &[u8]) -> bool {
        self.peers.subscriptions.has_subscriber(topic)
    }

    /// Changes whenever an answer of [`Publisher::has_subscriber`] may change.
    pub fn generation(&self) -> u64 {
        self.peers.subscriptions.generation()
    }

    /// Subscribers that could get a topic below `root` (the empty root: any), as
    /// of the last [`Publisher::process_events`].
    pub fn subscribers(&self, root: &str) -> usize {
        let peers = self.peers.subscriptions.peers_below(root);
        match self.connections.all_bound() {
            true => peers,
            // libzmq holds what a peer that it connects to has subscribed to until it is
            // back, but it is away.
            false => peers.min(self.connections.open_connections()),
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
    ) -> WaitOutcome {
        let start = Instant::now();
        loop {
            self.process_events();
            let there = self.subscribers(root);
            if there >= n {
                return WaitOutcome::Enough;
            }
            if stop() {
                return WaitOutcome::Stopped;
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return WaitOutcome::TimedOut(there);
            }
            self.connections.wait(&self.socket, left.min(SLICE));
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
            self.connections.wait(&self.socket, left.min(SLICE));
            self.process_events();
        }
    }

    /// How it stands with each endpoint, as of the last [`Publisher::process_events`].
    pub fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.connections.status()
    }

    /// What happened to connections since this was last asked; the latest 256.
    pub fn events(&mut self) -> impl Iterator<Item = ConnectionEvent> + '_ {
        self.events.drain(..)
    }

    /// Closes the socket once everything has gone out, or after `linger`.
    pub fn close(self, linger: Duration) -> Flushed {
        let Publisher { socket, connections, context, ipc_files: _last, .. } = self;
        // Can't fail for a valid value; if it did, nothing would be waited for.
        let _ = socket.set_linger(-1);
        drop(socket);
        drop(connections);
        flush(context, linger)
    }
}

/// Who is at the other end of a connection.
fn peer_name(descriptor: Descriptor, from: &str) -> String {
    if let Some(address) = ffi::peer_address(descriptor) {
        return address;
    }
    match from.rsplit_once(':') {
        Some((_, process)) if from.starts_with(':') => format!("process {process}"),
        _ if from.is_empty() => "an unknown address".to_owned(),
        _ => from.to_owned(),
    }
}

fn send_failed(error: zmq::Error) -> Error {
    Error::new(format!("can't send on the ZeroMQ socket: {}", error.message()))
}

#[cfg(test)]
mod tests;

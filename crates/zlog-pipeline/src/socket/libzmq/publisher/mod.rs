//! The publishing socket: an XPUB that blocks instead of dropping and knows its subscribers.
//!
//! Callers wait for subscriptions, never for time: messages sent right after a connect are
//! all lost.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::connection::EndpointStatus;
use super::connection_manager::ConnectionManager;
#[cfg(unix)]
use super::event_watch::EventWatch;
use super::ffi::{self, Errno};
use super::flush::flush;
use super::ipc_cleanup::IpcFiles;
use super::options;
use super::peers::{PeerEvent, Peers};
use super::subscriber::Subscriber;
use super::subscriber_tracker::BrokenConnection;
use crate::os::run_directory::{Registered, Registration, RunDirectory};
use crate::socket::endpoint::{Endpoint, Role};
use crate::socket::flush::Flushed;
use crate::socket::options::SocketOptions;
use zlog_core::wire::query::REGISTERED;
use zlog_core::{Error, Result};

/// Longest wait between two checks of `stop`.
const SLICE: Duration = Duration::from_millis(50);
/// Where subscribers of this process connect. Each publisher has a context of its own, and
/// thereby its own inproc names.
const INPROC: &str = "inproc://publisher";
/// Longest wait for a subscriber that announced its end. It announces it before it drains
/// its connections, which may take its `--linger` (5 s by default).
const ENDING_WAIT: Duration = Duration::from_secs(60);
/// How old each registration of a subscriber must be before records are published. If one has just
/// started, others of the same script may be about to register.
const SETTLE_TIME: Duration = Duration::from_millis(200);

/// Outcome of [`Publisher::send`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// libzmq took the message for every subscriber of its topic, of which there may be none.
    Sent,
    /// A subscriber has no room, and the time was up or a signal arrived. The message was sent
    /// to nobody: send it again or drop it.
    Full,
}

/// Outcome of [`Publisher::wait_for`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitOutcome {
    /// There are enough subscribers.
    Enough,
    /// The time was up; there are this many subscribers.
    TimedOut(usize),
    /// `stop` returned true.
    Stopped,
}

/// A publishing socket.
pub struct Publisher {
    // Ends before the sockets that it watches.
    #[cfg(unix)]
    watch: Option<EventWatch>,
    // Sockets before their context, which can't terminate while they are open.
    socket: zmq::Socket,
    connections: ConnectionManager,
    context: zmq::Context,
    ipc_files: IpcFiles,
    peers: Peers,
    /// The connection of a subscriber that announced its end, and how long to wait for it.
    ending: Option<(u64, Instant)>,
    /// Number of messages sent.
    sent: u64,
    /// How long one send waits for room.
    send_slice: Duration,
    bound: Vec<String>,
    /// Ends after the socket, whose file it removes.
    registration: Option<Registration>,
    /// Where subscribers register, and the default endpoint of those that come here.
    run_directory: Option<(RunDirectory, Endpoint)>,
    is_inproc_bound: bool,
}

impl Publisher {
    /// Opens a publisher on `endpoints`, which may be bound and connected ones.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and the next
    /// step.
    pub fn open(endpoints: &[Endpoint], options: &SocketOptions) -> Result<Publisher> {
        Publisher::open_in(zmq::Context::new(), endpoints, options)
    }

    /// Opens a publisher in a shared context.
    pub(super) fn open_in(
        context: zmq::Context,
        endpoints: &[Endpoint],
        options: &SocketOptions,
    ) -> Result<Publisher> {
        let mut socket = context.socket(zmq::XPUB).map_err(options::open_error)?;
        options.apply(&mut socket)?;
        options::make_publisher(&mut socket)?;
        let (connections, bound) = ConnectionManager::open(&context, &mut socket, endpoints)?;
        Ok(Publisher {
            #[cfg(unix)]
            watch: None,
            socket,
            connections,
            context,
            ipc_files: IpcFiles::of(&bound),
            peers: Peers::new(),
            ending: None,
            sent: 0,
            send_slice: options.send_slice,
            bound,
            registration: None,
            run_directory: None,
            is_inproc_bound: false,
        })
    }

    /// The bound endpoints, with wildcards and port 0 filled in.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Tells subscribers of this user where to find this publisher, until it is closed.
    ///
    /// # Errors
    /// The announcement can't be written.
    pub fn announce(
        &mut self,
        mut registration: Registration,
        endpoints: &Registered,
    ) -> Result<()> {
        registration.announce(endpoints)?;
        self.registration = Some(registration);
        Ok(())
    }

    /// From now on, [`Publisher::wait_for`] also waits for the subscribers that are registered
    /// in `directory` for this default endpoint.
    pub fn expect_registered(&mut self, directory: RunDirectory, default: Endpoint) {
        self.run_directory = Some((directory, default));
    }

    /// The names of the registered subscribers that run and have not subscribed here, as of the
    /// last [`Publisher::process_events`].
    pub fn missing_registered(&self) -> Vec<String> {
        self.registered().into_iter().filter(|it| self.is_missing(it)).map(|it| it.name).collect()
    }

    /// The registered subscribers that this publisher may wait for.
    fn registered(&self) -> Vec<Registered> {
        let Some((directory, default)) = &self.run_directory else { return Vec::new() };
        let registered = directory.registered().into_iter();
        registered.filter(|it| it.is_subscriber() && default.is_default_of(it)).collect()
    }

    fn is_missing(&self, subscriber: &Registered) -> bool {
        let marker = [REGISTERED, subscriber.name.as_bytes()].concat();
        !self.peers.subscriptions.has_prefix(&marker)
    }

    /// Opens a subscriber of `topics` in this process, over inproc: the sockets share their
    /// queues, and no system call is involved.
    ///
    /// [`Publisher::close`] waits until it is dropped.
    ///
    /// # Errors
    /// A socket or a thread can't be created.
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
    pub(crate) fn set_send_slice(&mut self, slice: Duration) {
        self.send_slice = slice;
        // Can't fail for a valid value.
        let _ = self.socket.set_sndtimeo(options::millis(slice));
    }

    /// How long one send waits for room.
    pub fn send_slice(&self) -> Duration {
        self.send_slice
    }

    /// Sends a message of two frames, to every subscriber of its topic or to none.
    ///
    /// Waits for room up to [`SocketOptions::send_slice`]. Does not read subscriptions: call
    /// [`Publisher::process_events`] regularly.
    ///
    /// # Errors
    /// The socket has failed for good.
    pub fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent> {
        match ffi::send(&mut self.socket, topic, zmq::SNDMORE) {
            Ok(()) => {}
            Err(error) if is_full(error) => return Ok(Sent::Full),
            Err(error) => return Err(send_failed(error)),
        }
        // libzmq counts room in whole messages, so the second frame should always find room.
        // It is repeated in any case: half a message must never stay.
        loop {
            match ffi::send(&mut self.socket, body, 0) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(Sent::Sent);
                }
                Err(error) if is_full(error) => {}
                Err(error) => return Err(send_failed(error)),
            }
        }
    }

    /// Reads subscriptions and connection events, and reconnects what libzmq gave up. Never
    /// waits.
    ///
    /// Call it often: libzmq queues some hundred subscriptions, and reads no further ones
    /// until then.
    pub fn process_events(&mut self) {
        let Publisher { socket, connections, peers, ending, sent, .. } = self;
        connections.process_events(socket, &mut |_| {});
        let all_connect = connections.table.all_connect();
        let now = Instant::now();
        peers.read(socket, connections, *sent, now, |event| match event {
            // A subscriber that this publisher connects to stays subscribed, and messages
            // sent after its disconnect are queued until it is back. Subscriptions of those
            // that connect to this publisher end with the connection.
            PeerEvent::Ending(connection) if all_connect => {
                *ending = Some((connection, now + ENDING_WAIT));
            }
            PeerEvent::Disconnected(connection) => {
                ending.take_if(|(ending, _)| *ending == connection);
            }
            PeerEvent::Ending(_) | PeerEvent::Subscription { .. } => {}
        });
        #[cfg(unix)]
        if let Some(watch) = &self.watch {
            watch.rearm();
        }
    }

    /// From now on, `wake` gets a message when [`Publisher::process_events`] has something to
    /// do.
    ///
    /// # Errors
    /// No more descriptors or threads.
    #[cfg(unix)]
    pub fn wake_on_events(&mut self, wake: Sender<()>) -> Result<()> {
        let sockets = [&self.socket, self.connections.monitor_socket()];
        self.watch = Some(EventWatch::start(sockets, wake)?);
        self.process_events();
        Ok(())
    }

    /// Not needed here: signals are looked for regularly, and wake as well.
    #[cfg(not(unix))]
    pub fn wake_on_events(&mut self, _wake: Sender<()>) -> Result<()> {
        Ok(())
    }

    /// How long until [`Publisher::process_events`] has timed work to do; `None` if it has none.
    pub fn wait_at_most(&self) -> Option<Duration> {
        self.connections.wait_at_most()
    }

    /// A report of subscribers that were disconnected because of what they sent: the first at
    /// once, then at most one a minute.
    pub fn take_report(&mut self) -> Option<String> {
        self.peers.take_report(Instant::now())
    }

    /// As [`Publisher::take_report`], at the end: no time must have passed.
    pub fn take_last_report(&mut self) -> Option<String> {
        self.peers.take_last_report()
    }

    /// If a subscriber has announced its end, waits until it is gone: what is sent meanwhile
    /// could be lost. Calls `stop` at least every 50 ms, and waits a minute at most.
    pub(crate) fn wait_for_ending(&mut self, stop: &dyn Fn() -> bool) {
        while let Some((_, until)) = self.ending {
            if Instant::now() >= until || stop() {
                self.ending = None;
                return;
            }
            self.connections.wait(&self.socket, None, SLICE);
            self.process_events();
        }
    }

    /// Connections that ended without a cancel, as of the last
    /// [`Publisher::process_events`]: messages in flight were lost.
    pub(crate) fn broken(&mut self) -> impl Iterator<Item = BrokenConnection> + '_ {
        self.peers.broken()
    }

    /// Who has no room for the next message, as far as is known: subscribers that do not read
    /// what the system holds for them, and endpoints without a connection.
    pub(crate) fn blocked_peers(&self) -> Vec<String> {
        let mut names: Vec<String> = self.peers.with_unsent(1).collect();
        let endpoints = self.connections.table.status().into_iter();
        let away = endpoints.filter(|it| it.role == Role::Connect && it.peers == 0);
        names.extend(away.map(|it| format!("{} (not connected)", it.endpoint)));
        if names.is_empty() {
            names.extend(self.peers.with_unsent(0));
        }
        names.sort_unstable();
        names
    }

    /// Whether any subscriber receives this topic, as of the last
    /// [`Publisher::process_events`].
    pub(crate) fn has_subscriber(&self, topic: &[u8]) -> bool {
        self.peers.subscriptions.has_subscriber(topic)
    }

    /// Changes whenever an answer of [`Publisher::has_subscriber`] may change.
    pub(crate) fn generation(&self) -> u64 {
        self.peers.subscriptions.generation()
    }

    /// Number of subscribers that could receive a topic below `root` (the empty root: any
    /// topic), as of the last [`Publisher::process_events`].
    pub fn subscribers(&self, root: &str) -> usize {
        let peers = self.peers.subscriptions.peers_below(root);
        match self.connections.table.all_bound() {
            true => peers,
            // libzmq keeps the subscriptions of a peer that it connects to while the peer is
            // down.
            false => peers.min(self.connections.table.open()),
        }
    }

    /// Waits until at least `n` subscribers could receive a topic below `root`, and (unless `n`
    /// is 0) until no registered one is missing or has just started, for `timeout` at most. Calls
    /// `stop` at least every 50 ms.
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
            let registered = self.registered();
            let are_enough =
                n == 0 || there >= n && !registered.iter().any(|it| self.is_missing(it));
            let left = timeout.saturating_sub(start.elapsed());
            let settle = registered.iter().filter_map(Registered::age).min();
            let settle = settle.map_or(Duration::ZERO, |age| SETTLE_TIME.saturating_sub(age));
            if are_enough && (n == 0 || settle.min(left).is_zero()) {
                return WaitOutcome::Enough;
            }
            if stop() {
                return WaitOutcome::Stopped;
            }
            if left.is_zero() {
                return WaitOutcome::TimedOut(there);
            }
            let wait = if are_enough { settle } else { SLICE };
            self.connections.wait(&self.socket, None, left.min(SLICE).min(wait));
        }
    }

    /// Waits for `pause`, and reads events meanwhile. Calls `stop` at least every 50 ms.
    pub fn pause(&mut self, pause: Duration, stop: &dyn Fn() -> bool) {
        let start = Instant::now();
        loop {
            let left = pause.saturating_sub(start.elapsed());
            if left.is_zero() || stop() {
                return;
            }
            self.connections.wait(&self.socket, None, left.min(SLICE));
            self.process_events();
        }
    }

    /// The state of each endpoint, as of the last [`Publisher::process_events`].
    pub fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.connections.table.status()
    }

    /// Closes the socket once everything is sent, or after `linger`.
    ///
    /// Registered subscribers that have not connected are told that they got nothing.
    pub fn close(self, linger: Duration) -> Flushed {
        if let Some((directory, _)) = self.run_directory.as_ref().filter(|_| self.sent > 0) {
            directory.tell_missed(&self.missing_registered(), self.sent);
        }
        let Publisher { socket, connections, context, ipc_files, registration, .. } = self;
        // Can't fail for a valid value.
        let _ = socket.set_linger(-1);
        drop(socket);
        drop(connections);
        let flushed = flush(context, linger);
        drop((ipc_files, registration));
        flushed
    }
}

/// Whether a send has failed only since there was no room, or at a signal.
fn is_full(error: Errno) -> bool {
    error.is(zmq::Error::EAGAIN) || error.is(zmq::Error::EINTR)
}

fn send_failed(error: Errno) -> Error {
    Error::new(format!("can't send on the ZeroMQ socket: {error}"))
}

#[cfg(test)]
mod tests;

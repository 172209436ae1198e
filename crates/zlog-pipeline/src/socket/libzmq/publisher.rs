//! The publishing socket on libzmq: an XPUB that blocks instead of dropping.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::connection_manager::ConnectionManager;
#[cfg(unix)]
use super::event_watch::EventWatch;
use super::ffi::{self, Errno};
use super::flush::flush;
use super::ipc_cleanup::IpcFiles;
use super::options;
use super::peers::{PeerEvent, Peers};
use super::subscriber;
use crate::socket::broken_report::BrokenConnection;
use crate::socket::connection::EndpointStatus;
use crate::socket::endpoint::{Endpoint, Role};
use crate::socket::flush::{Flushed, PeerLoss};
use crate::socket::options::SocketOptions;
use crate::socket::publisher::{PublisherSocket, Sent};
use crate::socket::subscriber::Subscriber;
use zlog_core::{Error, Result};

/// Where subscribers of this process connect. Each publisher has a context of its own, and
/// thereby its own inproc names.
const INPROC: &str = "inproc://publisher";

/// A publishing socket.
pub(in crate::socket) struct Publisher {
    // Ends before the sockets that it watches.
    #[cfg(unix)]
    watch: Option<EventWatch>,
    // Sockets before their context, which can't terminate while they are open.
    socket: zmq::Socket,
    connections: ConnectionManager,
    context: zmq::Context,
    ipc_files: IpcFiles,
    peers: Peers,
    /// The connection of a subscriber that announced its end.
    ending: Option<u64>,
    /// Number of messages sent.
    sent: u64,
    /// How long one send waits for room.
    send_slice: Duration,
    bound: Vec<String>,
    is_inproc_bound: bool,
}

impl Publisher {
    /// Opens a publisher on `endpoints`.
    pub(in crate::socket) fn open(
        endpoints: &[Endpoint],
        options: &SocketOptions,
    ) -> Result<Publisher> {
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
            is_inproc_bound: false,
        })
    }

    /// Binds an inproc address, for sockets of the same context.
    pub(super) fn bind_inproc(&mut self, endpoint: &str) -> Result<()> {
        ffi::bind(&mut self.socket, endpoint)
            .map_err(|errno| Error::new(format!("can't bind {endpoint}: {errno}")))
    }
}

impl PublisherSocket for Publisher {
    fn bound(&self) -> &[String] {
        &self.bound
    }

    fn set_send_slice(&mut self, slice: Duration) {
        self.send_slice = slice;
        // Can't fail for a valid value.
        let _ = self.socket.set_sndtimeo(options::millis(slice));
    }

    fn send_slice(&self) -> Duration {
        self.send_slice
    }

    /// libzmq does not tell for whom it drops how much.
    fn drop_when_full(&mut self) {
        self.set_send_slice(Duration::ZERO);
    }

    fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent> {
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

    /// Also reconnects what libzmq gave up.
    /// libzmq would also send them to subscribers of everything, who would show them as records.
    fn has_marks(&self) -> bool {
        false
    }

    fn send_mark(&mut self, _: &[u8], _: &[u8]) {}

    fn process_events(&mut self) {
        let Publisher { socket, connections, peers, ending, sent, .. } = self;
        connections.process_events(socket, &mut |_| {});
        let all_connect = connections.table.all_connect();
        peers.read(socket, connections, *sent, Instant::now(), |event| match event {
            // A subscriber that this publisher connects to stays subscribed, and messages
            // sent after its disconnect are queued until it is back. Subscriptions of those
            // that connect to this publisher end with the connection.
            PeerEvent::Ending(connection) if all_connect => *ending = Some(connection),
            PeerEvent::Disconnected(connection) => {
                ending.take_if(|ending| *ending == connection);
            }
            PeerEvent::Ending(_) | PeerEvent::Subscription { .. } => {}
        });
        #[cfg(unix)]
        if let Some(watch) = &self.watch {
            watch.rearm();
        }
    }

    #[cfg(unix)]
    fn wake_on_events(&mut self, wake: Sender<()>) -> Result<()> {
        let sockets = [&self.socket, self.connections.monitor_socket()];
        self.watch = Some(EventWatch::start(sockets, wake)?);
        self.process_events();
        Ok(())
    }

    /// Not needed here: signals are looked for regularly, and wake as well.
    #[cfg(not(unix))]
    fn wake_on_events(&mut self, _wake: Sender<()>) -> Result<()> {
        Ok(())
    }

    fn wait_at_most(&self) -> Option<Duration> {
        self.connections.wait_at_most()
    }

    fn wait(&mut self, wait: Duration) {
        self.connections.wait(&self.socket, None, wait);
    }

    fn take_report(&mut self) -> Option<String> {
        self.peers.take_report(Instant::now())
    }

    fn take_last_report(&mut self) -> Option<String> {
        self.peers.take_last_report()
    }

    fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    fn broken(&mut self) -> Vec<BrokenConnection> {
        self.peers.broken().collect()
    }

    fn take_dropped(&mut self, _is_last: bool) -> Vec<PeerLoss> {
        Vec::new()
    }

    fn blocked_peers(&self) -> Vec<String> {
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

    fn has_subscriber(&self, topic: &[u8]) -> bool {
        self.peers.subscriptions.has_subscriber(topic)
    }

    fn has_subscription(&self, prefix: &[u8]) -> bool {
        self.peers.subscriptions.has_prefix(prefix)
    }

    fn generation(&self) -> u64 {
        self.peers.subscriptions.generation()
    }

    fn subscribers(&self, root: &str) -> usize {
        let peers = self.peers.subscriptions.peers_below(root);
        match self.connections.table.all_bound() {
            true => peers,
            // libzmq keeps the subscriptions of a peer that it connects to while the peer is
            // down.
            false => peers.min(self.connections.table.open()),
        }
    }

    fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.connections.table.status()
    }

    fn inproc_subscriber(
        &mut self,
        topics: &[&[u8]],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        if !self.is_inproc_bound {
            self.bind_inproc(INPROC)?;
            self.is_inproc_bound = true;
        }
        let context = self.context.clone();
        let socket = subscriber::Subscriber::open_inproc(context, INPROC, topics, options)?;
        Ok(Subscriber::of(Box::new(socket)))
    }

    fn close(self: Box<Self>, linger: Duration) -> Flushed {
        let Publisher { socket, connections, context, ipc_files, .. } = *self;
        // Can't fail for a valid value.
        let _ = socket.set_linger(-1);
        drop(socket);
        drop(connections);
        let flushed = flush(context, linger);
        drop(ipc_files);
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

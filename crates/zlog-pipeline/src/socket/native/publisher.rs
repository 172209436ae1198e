//! The publishing socket on the crate `zmtp`.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use zmtp::{Dropped, WhenFull};

use super::address::to_endpoint;
use super::endpoints;
use super::open::{Open, open_error, set_options};
use crate::os::fd_limit;
use crate::os::socket_owner::socket_owner;
use crate::socket::broken_report::{BrokenConnection, IN_FLIGHT};
use crate::socket::connection::{ConnectionEvent, EndpointStatus, EventKind};
use crate::socket::endpoint::{Endpoint, Role};
use crate::socket::flush::{CountNotNeeded, Flushed, NotNeeded, PeerLoss};
use crate::socket::misuse_report::MisuseReport;
use crate::socket::options::{MAX_PEER_COST, MAX_TOTAL_COST, SUBSCRIPTION_RATE, SocketOptions};
use crate::socket::publisher::{PublisherSocket, Sent};
use crate::socket::subscriber::Subscriber;
use zlog_core::text::parsers::Seconds;
use zlog_core::text::plural::counted;
use zlog_core::wire::mark::RESERVED;
use zlog_core::wire::query::{ENDING, is_marker};
use zlog_core::{Error, Result};

/// Most broken connections that are kept until they are taken: more than the engine tells at a
/// time, which counts further ones together.
const MAX_BROKEN: usize = 2048;
/// Time between two polls of the engine's drop counts.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for the engine's thread, which never waits itself while it drops.
const ENGINE_WAIT: Duration = Duration::from_secs(10);

/// A publishing socket.
pub(in crate::socket) struct Publisher {
    open: Open<zmtp::Publisher>,
    send_slice: Duration,
    /// Messages are dropped for subscribers without room.
    drops: bool,
    /// Whether a message was sent since the last look, and when that was noticed.
    has_sent: bool,
    sent_at: Option<Instant>,
    /// When a subscriber is cut off, if it is.
    stall: Duration,
    /// Connected endpoints that have admitted this publisher, and what is to be reported of those that
    /// no longer do.
    admitted: HashSet<String>,
    revoked: Vec<String>,
    misuse: MisuseReport,
    broken: Vec<BrokenConnection>,
    dropped: Vec<PeerLoss>,
    next_look: Instant,
    connections: fd_limit::Connections,
}

impl Publisher {
    /// Opens a publisher on `endpoints`.
    pub(in crate::socket) fn open(
        endpoints: &[Endpoint],
        own: &SocketOptions,
    ) -> Result<Publisher> {
        Publisher::with_options(endpoints, own, Publisher::options(own))
    }

    /// As [`Publisher::open`], for a proxy: it learns of subscriptions.
    pub(super) fn open_for_proxy(endpoints: &[Endpoint], own: &SocketOptions) -> Result<Publisher> {
        let mut options = Publisher::options(own);
        options.track_changes = true;
        options.note = Some(is_marker);
        Publisher::with_options(endpoints, own, options)
    }

    fn options(own: &SocketOptions) -> zmtp::Options {
        let mut options = zmtp::Options::publisher();
        set_options(own, &mut options);
        (options.keep_absent, options.end_marker) = (true, Some(ENDING.into()));
        options.notice_prefix = Some(RESERVED.into());
        options.subscription_bytes = MAX_PEER_COST;
        options.subscription_bytes_total = MAX_TOTAL_COST;
        options.subscription_rate = SUBSCRIPTION_RATE;
        if let Some(stall) = own.stall.limit() {
            options.when_full = WhenFull::CutOff(stall);
        }
        options.set_queue(match own.hwm {
            0 => usize::MAX,
            hwm => usize::try_from(hwm).unwrap_or(usize::MAX),
        });
        options
    }

    fn with_options(
        endpoints: &[Endpoint],
        own: &SocketOptions,
        options: zmtp::Options,
    ) -> Result<Publisher> {
        let socket = zmtp::Publisher::new(options).map_err(|error| open_error(&error))?;
        Ok(Publisher {
            open: Open::new(socket, endpoints, own.keyring.clone(), || ())?,
            send_slice: own.send_slice,
            drops: false,
            has_sent: false,
            sent_at: None,
            stall: own.stall.limit().unwrap_or_default(),
            admitted: HashSet::new(),
            revoked: Vec::new(),
            misuse: MisuseReport::default(),
            broken: Vec::new(),
            dropped: Vec::new(),
            next_look: Instant::now(),
            connections: fd_limit::Connections::default(),
        })
    }

    pub(super) fn socket(&self) -> &zmtp::Publisher {
        &self.open.socket
    }

    /// The socket, for others that must not keep it.
    pub(super) fn shared_socket(&self) -> &Arc<zmtp::Publisher> {
        &self.open.socket
    }

    /// Sends a group of messages, and empties it. Waits for room as
    /// [`PublisherSocket::send`] does.
    pub(super) fn forward(&mut self, group: &mut zmtp::Group) -> Result<Sent> {
        self.has_sent = true;
        outcome(self.socket().forward(group, self.send_slice))
    }

    /// Processes events, and returns those of connections.
    pub(super) fn take_events(&mut self) -> Vec<ConnectionEvent> {
        let now = Instant::now();
        if std::mem::take(&mut self.has_sent) {
            self.sent_at = Some(now);
        }
        let mut has_ended = false;
        let misuse = &mut self.misuse;
        let events = self.open.events(|event, endpoints| {
            if let Some(why) = endpoints.refusal(event) {
                misuse.add(host(&event.peer), why);
            }
            if let zmtp::EventKind::Disconnected(why) = &event.kind {
                has_ended = true;
                if let zmtp::Disconnect::Refused(why) = why {
                    misuse.add(host(&event.peer), why.clone());
                }
                if let Some(why) = endpoints::misuse(why) {
                    misuse.add(host(&event.peer), why);
                }
            }
        });
        self.note_revoked(&events);
        self.connections.set(self.open.socket.connections());
        if has_ended || self.drops && now >= self.next_look {
            self.look(now);
        }
        events
    }

    /// What is wrong with keys: with the lists, or on the side of a subscriber that this publisher
    /// connects to.
    fn take_key_notice(&mut self) -> Option<String> {
        let notices = self.open.take_key_notices().into_iter().chain(self.revoked.drain(..));
        let notices: Vec<String> = notices.collect();
        (!notices.is_empty()).then(|| notices.join("; "))
    }

    /// Notes the subscribers at connected endpoints that no longer admit this publisher. Those that
    /// never have are reported while it waits for subscribers.
    fn note_revoked(&mut self, events: &[ConnectionEvent]) {
        for event in events.iter().filter(|it| !self.open.bound().contains(&it.endpoint)) {
            match &event.kind {
                EventKind::Connected => drop(self.admitted.insert(event.endpoint.clone())),
                EventKind::HandshakeFailed(failure)
                    if failure.is_about_keys && self.admitted.remove(&event.endpoint) =>
                {
                    self.revoked.push(format!("{}: {failure}", event.endpoint));
                }
                _ => {}
            }
        }
    }

    /// Asks the engine what was dropped, and which connections have ended.
    fn look(&mut self, now: Instant) {
        self.next_look = now + LOOK;
        let recent = self.sent_at.is_some_and(|at| now.saturating_duration_since(at) < IN_FLIGHT);
        for dropped in self.socket().take_dropped() {
            let peer = name(&dropped.address, &dropped.endpoint);
            let Dropped { topics, unsent, end, .. } = dropped;
            let mut messages: u64 = topics.iter().map(|(_, count)| count).sum();
            if let Some(zmtp::End { why: zmtp::Disconnect::Stalled, .. }) = end {
                messages += unsent;
                let lacks = counted(unsent, "record");
                let why = format!("it took nothing for {}, and lacks {lacks}", Seconds(self.stall));
                self.misuse.add(owner(&peer), why);
            } else if let Some(end) = end
                && (recent || unsent > 0)
                && !end.was_announced
                && endpoints::misuse(&end.why).is_none()
                && self.broken.len() < MAX_BROKEN
            {
                self.broken.push(BrokenConnection::exact(peer.clone(), end.messages));
            }
            if messages > 0 {
                self.dropped.push(PeerLoss { peer, messages });
            }
        }
    }
}

impl PublisherSocket for Publisher {
    fn bound(&self) -> &[String] {
        self.open.bound()
    }

    fn set_send_slice(&mut self, slice: Duration) {
        self.send_slice = slice;
    }

    fn send_slice(&self) -> Duration {
        self.send_slice
    }

    fn drop_when_full(&mut self) {
        self.drops = true;
        self.socket().set_when_full(WhenFull::Drop);
    }

    fn send(&mut self, topic: &[u8], body: &[u8]) -> Result<Sent> {
        self.has_sent = true;
        let wait = if self.drops { ENGINE_WAIT } else { self.send_slice };
        outcome(self.socket().send_within(&[topic, body], wait))
    }

    fn has_marks(&self) -> bool {
        true
    }

    fn send_mark(&mut self, topic: &[u8], body: &[u8]) {
        // Fails if the thread is gone, which the next send reports.
        let _ = self.socket().send_notice(&[topic, body]);
    }

    fn process_events(&mut self) {
        self.take_events();
    }

    fn wake_on_events(&mut self, wake: Sender<()>) -> Result<()> {
        self.socket().on_change(Box::new(move || {
            // One message serves for several changes.
            let _ = wake.try_send(());
        }));
        Ok(())
    }

    /// The engine has a thread of its own.
    fn wait_at_most(&self) -> Option<Duration> {
        None
    }

    fn wait(&mut self, wait: Duration) {
        // The engine keeps the sender.
        let _ = self.socket().changes().recv_timeout(wait);
    }

    fn take_report(&mut self) -> Option<String> {
        self.take_key_notice().or_else(|| self.misuse.take(Instant::now()))
    }

    fn take_last_report(&mut self) -> Option<String> {
        self.take_key_notice().or_else(|| self.misuse.take_last())
    }

    /// A subscriber that this publisher connects to is expected back. Those that connect to it
    /// want nothing more.
    fn is_ending(&self) -> bool {
        self.open.all_connect() && self.has_subscription(ENDING)
    }

    fn broken(&mut self) -> Vec<BrokenConnection> {
        std::mem::take(&mut self.broken)
    }

    fn take_dropped(&mut self, is_last: bool) -> Vec<PeerLoss> {
        if is_last {
            // The second poll counts what the engine passed on after answering the first.
            self.look(Instant::now());
            self.look(Instant::now());
        }
        std::mem::take(&mut self.dropped)
    }

    fn not_needed(&self) -> Option<CountNotNeeded> {
        let counts = self.socket().counts();
        Some(Box::new(move || NotNeeded {
            unsubscribed: counts.unsubscribed(),
            before_subscribers: counts.before_subscribers(),
            left: counts.left(),
        }))
    }

    fn blocked_peers(&self) -> Vec<String> {
        let peers = self.socket().peers();
        let full = peers.iter().filter(|peer| peer.is_full);
        let mut names: Vec<String> = full.map(|it| name(&it.address, &it.endpoint)).collect();
        let absent = self.open.status().into_iter();
        let absent = absent.filter(|it| it.role == Role::Connect && it.peers == 0);
        names.extend(absent.map(|it| format!("{} (not connected)", it.endpoint)));
        names.sort_unstable();
        names
    }

    fn has_subscriber(&self, topic: &[u8]) -> bool {
        self.socket().has_subscriber(topic)
    }

    fn has_subscription(&self, prefix: &[u8]) -> bool {
        self.socket().has_subscription(prefix)
    }

    fn generation(&self) -> u64 {
        self.socket().generation()
    }

    fn subscribers(&self, root: &str) -> usize {
        match root {
            "" => self.socket().subscribers(b""),
            root => self.socket().subscribers(format!("{root}.").as_bytes()),
        }
    }

    fn endpoint_status(&self) -> Vec<EndpointStatus> {
        self.open.status()
    }

    fn inproc_subscriber(&mut self, _: &[&[u8]], _: &SocketOptions) -> Result<Subscriber> {
        Err(no_inproc())
    }

    fn close(self: Box<Self>, linger: Duration) -> Flushed {
        let (socket, directories) = self.open.into_socket();
        let Some(socket) = socket else { return Flushed::No(Vec::new()) };
        let closed = socket.close(linger);
        drop(directories);
        match closed {
            Ok(()) => Flushed::Yes,
            Err(peers) => {
                let lacking = |it: zmtp::PeerStatus| PeerLoss {
                    peer: name(&it.address, &it.endpoint),
                    messages: it.queued_messages as u64,
                };
                Flushed::No(peers.into_iter().map(lacking).collect())
            }
        }
    }
}

fn outcome(sent: std::io::Result<zmtp::Sent>) -> Result<Sent> {
    match sent {
        Ok(zmtp::Sent::Sent) => Ok(Sent::Sent),
        Ok(zmtp::Sent::Full) => Ok(Sent::Full),
        Err(_) => Err(Error::new("the sending thread has crashed")),
    }
}

pub(super) fn no_inproc() -> Error {
    Error::new("the native engine has no inproc sockets").hint("Use --engine libzmq.")
}

/// The host of a peer, or its process: an offender has another port each time it comes.
pub(super) fn host(peer: &str) -> String {
    let address: Option<SocketAddr> = peer.parse().ok();
    address.map_or_else(|| peer.to_owned(), |address| address.ip().to_string())
}

/// A peer with its process, if that runs on this machine.
fn owner(peer: &str) -> String {
    match peer.parse().ok().and_then(socket_owner) {
        Some(process) => format!("{peer}, process {process}"),
        None => peer.to_owned(),
    }
}

/// The name of a peer for messages.
fn name(address: &str, endpoint: &zmtp::Address) -> String {
    if address.is_empty() { to_endpoint(endpoint) } else { address.to_owned() }
}

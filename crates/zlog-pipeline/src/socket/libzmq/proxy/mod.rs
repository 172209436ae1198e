//! The two sockets of a relay: an XSUB that collects and an XPUB that publishes.
//!
//! Moves messages from the first to the second, and subscriptions the other way. libzmq's
//! messages are moved, not copied, and nothing reads them unless the caller asks to. A
//! publisher only sends what some subscriber wants.
//!
//! One thread does everything: it forwards in bursts, and between them processes connections
//! and subscriptions.

mod forward;
mod forwarded_topics;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use self::forwarded_topics::ForwardedTopics;
use super::connection_manager::{ConnectionManager, poll, wake_item};
use super::ffi::{self, Frame};
use super::flush::flush;
use super::ipc_cleanup::IpcFiles;
use super::options;
use super::peers::{PeerEvent, Peers};
use super::publisher;
use super::query::QueryServer;
use super::subscriptions::PrefixChange;
use super::upstream::UpstreamSubscriptions;
use crate::os::thread;
use crate::socket::broken_report::BrokenReport;
use crate::socket::connection::{ConnectionEvent, EndpointStatus};
use crate::socket::drain::PublisherRequest;
use crate::socket::endpoint::Endpoint;
use crate::socket::flush::Flushed;
use crate::socket::options::SocketOptions;
use crate::socket::publisher::Publisher;
use crate::socket::slow_subscribers::SlowSubscribers;
use crate::socket::subscriber::MAX_FRAMES;
use crate::socket::wake::{self, LONGEST, WakeSignal};
use zlog_core::wire::mark::is_reserved;
use zlog_core::wire::query::{ENDING, MAX_MARKER_LEN, is_marker};
use zlog_core::{Error, Result};

/// Most events queued for [`Proxy::events`]; older ones are dropped.
const MAX_EVENTS: usize = 256;
/// Most markers queued for [`Proxy::markers`]; further ones are dropped.
const MAX_MARKERS: usize = 256;

/// How a proxy is set up.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Options of the socket that collects.
    pub collect: SocketOptions,
    /// Options of the socket that publishes.
    pub publish: SocketOptions,
    /// While a subscriber has no room: whether to wait, so that publishers feel
    /// backpressure. Otherwise messages are dropped for that subscriber.
    pub block: bool,
}

/// Counts of messages, since the proxy was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages forwarded.
    pub messages: u64,
    /// Bytes of the messages forwarded, all frames together.
    pub bytes: u64,
    /// Number of times that a message was dropped because a subscriber had no room, for that
    /// subscriber only. libzmq then drops further messages for it until it has read half of
    /// its queue, and does not tell how many: only `seq` shows the loss.
    pub no_room: u64,
    /// Messages dropped for all subscribers, because the relay ended while one had no room.
    pub dropped: u64,
    /// Messages forwarded while neither a subscriber nor the relay itself had subscribed to
    /// them. A publisher may still have an earlier relay's subscriptions.
    pub unheard: u64,
    /// Frames dropped beyond the eighth of a message.
    pub frames_cut: u64,
}

/// Outcome of [`Proxy::forward`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forwarded {
    /// There may be more messages.
    More,
    /// All messages received so far were forwarded.
    All,
    /// A subscriber has no room for the next message.
    Full,
}

/// Reads the frames of a message before it is forwarded.
pub type Inspect<'s> = dyn FnMut(&[&[u8]]) -> Result<()> + 's;

/// A collecting and a publishing socket.
pub struct Proxy {
    // Sockets before their context, which can't terminate while they are open.
    collect: zmq::Socket,
    collect_connections: ConnectionManager,
    publish: zmq::Socket,
    publish_connections: ConnectionManager,
    context: zmq::Context,
    ipc_files: [IpcFiles; 2],
    collecting: Vec<String>,
    publishing: Vec<String>,
    peers: Peers,
    topics: ForwardedTopics,
    broken: BrokenReport,
    upstream: UpstreamSubscriptions,
    markers: VecDeque<Box<[u8]>>,
    events: VecDeque<ConnectionEvent>,
    /// Ends [`Proxy::wait`].
    wake: Option<WakeSignal>,
    block: bool,
    /// How long a message waits for room at a time.
    send_slice: Duration,
    slow: SlowSubscribers,
    /// Publishers were asked to stop: new subscriptions are not sent to them.
    stopped: bool,
    counts: Counts,
    /// The current message, and its number of frames. It stays here while a subscriber has no
    /// room for it.
    frames: [Frame; MAX_FRAMES],
    frame_count: usize,
    /// Whether anybody has subscribed to it.
    has_subscriber: bool,
}

impl Proxy {
    /// Opens both sockets, the publishing one first: what is collected can then be forwarded.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and the next
    /// step.
    pub fn open(
        collect_on: &[Endpoint],
        publish_on: &[Endpoint],
        options: &ProxyOptions,
    ) -> Result<Proxy> {
        let context = zmq::Context::new();
        let mut publish = context.socket(zmq::XPUB).map_err(options::open_error)?;
        options.publish.apply(&mut publish)?;
        options::make_publisher(&mut publish)?;
        if !options.block {
            publish.set_sndtimeo(0).map_err(options::open_error)?;
        }
        let (publish_connections, publishing) =
            ConnectionManager::open(&context, &mut publish, publish_on)?;
        let mut collect = context.socket(zmq::XSUB).map_err(options::open_error)?;
        options.collect.apply(&mut collect)?;
        let (collect_connections, collecting) =
            ConnectionManager::open(&context, &mut collect, collect_on)?;
        Ok(Proxy {
            collect,
            collect_connections,
            publish,
            publish_connections,
            context,
            ipc_files: [IpcFiles::of(&collecting), IpcFiles::of(&publishing)],
            collecting,
            publishing,
            peers: Peers::new(),
            topics: ForwardedTopics::new(),
            broken: BrokenReport::default(),
            upstream: UpstreamSubscriptions::new(Instant::now()),
            markers: VecDeque::new(),
            events: VecDeque::new(),
            wake: None,
            block: options.block,
            send_slice: if options.block { options.publish.send_slice } else { Duration::ZERO },
            slow: SlowSubscribers::default(),
            stopped: false,
            counts: Counts::default(),
            frames: std::array::from_fn(|_| Frame::new()),
            frame_count: 0,
            has_subscriber: false,
        })
    }

    /// The endpoints bound to collect on, and those bound to publish on.
    pub fn bound(&self) -> (&[String], &[String]) {
        (&self.collecting, &self.publishing)
    }

    /// Opens a server of queries, which [`Proxy::wait`] can wait for, too.
    ///
    /// # Errors
    /// An endpoint can't be bound; the error names it, the cause and the next step.
    pub fn open_query_server(&self, endpoints: &[Endpoint]) -> Result<QueryServer> {
        QueryServer::open(&self.context, endpoints)
    }

    /// Opens a publisher in this process, connected over inproc. It may move to another thread.
    ///
    /// # Errors
    /// A socket can't be created.
    pub fn inproc_publisher(&mut self, options: &SocketOptions) -> Result<Publisher> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let endpoint = format!("inproc://collect-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut publisher = publisher::Publisher::open_in(self.context.clone(), &[], options)?;
        publisher.bind_inproc(&endpoint)?;
        ffi::connect(&mut self.collect, &endpoint)
            .map_err(|errno| Error::new(format!("can't connect to {endpoint}: {errno}")))?;
        Ok(Publisher::of(Box::new(publisher)))
    }

    /// The subscribers that had no room for messages.
    pub fn slow(&self) -> &SlowSubscribers {
        &self.slow
    }

    /// Subscribes the relay itself to a prefix. Counted: each call needs a
    /// [`Proxy::unsubscribe`].
    pub fn subscribe(&mut self, prefix: &[u8]) {
        let change = self.peers.subscriptions.hold(prefix);
        pass_on(&mut self.collect, &mut self.upstream, change, Instant::now());
    }

    /// Reverts a [`Proxy::subscribe`].
    pub fn unsubscribe(&mut self, prefix: &[u8]) {
        let change = self.peers.subscriptions.release(prefix);
        pass_on(&mut self.collect, &mut self.upstream, change, Instant::now());
    }

    /// Processes connection events, and sends subscriptions upstream. Never waits.
    ///
    /// Call it often: libzmq queues some hundred subscriptions, and reads no further ones
    /// until then.
    pub fn process_events(&mut self) {
        let events = &mut self.events;
        let mut keep = |event| {
            if events.len() == MAX_EVENTS {
                events.pop_front();
            }
            events.push_back(event);
        };
        self.collect_connections.process_events(&mut self.collect, &mut keep);
        self.publish_connections.process_events(&mut self.publish, &mut keep);
        self.process_subscriptions(Instant::now());
    }

    fn process_subscriptions(&mut self, now: Instant) {
        let sent = self.counts.messages;
        let Proxy { peers, publish, publish_connections, collect, upstream, .. } = self;
        let (markers, stopped) = (&mut self.markers, self.stopped);
        peers.read(publish, publish_connections, sent, now, |event| match event {
            // Publishers need not know of markers.
            PeerEvent::Subscription { begin, prefix, .. } if is_marker(prefix) => {
                let fits = prefix.len() <= MAX_MARKER_LEN && markers.len() < MAX_MARKERS;
                markers.extend((begin && fits).then(|| prefix.into()));
            }
            // A native publisher would send marks, which libzmq passes on to subscribers of
            // everything.
            PeerEvent::Subscription { prefix, .. } if is_reserved(prefix) => {}
            PeerEvent::Subscription { change, .. } if !stopped => {
                pass_on(collect, upstream, change, now);
            }
            _ => {}
        });
        if stopped {
            return;
        }
        while let Some(message) = upstream.next_deferred(now) {
            let _ = collect.send(message, zmq::DONTWAIT);
        }
    }

    /// A report of subscribers that were disconnected because of what they sent: the first at
    /// once, then at most one a minute.
    pub fn take_report(&mut self) -> Option<String> {
        self.peers.take_report(Instant::now())
    }

    /// As [`Proxy::take_report`], at the end: no time must have passed.
    pub fn take_last_report(&mut self) -> Option<String> {
        self.peers.take_last_report()
    }

    /// Reports of subscribers whose connection ended without a cancel, as of the last
    /// [`Proxy::process_events`]: messages in transit may be lost. Limited in number.
    pub fn broken_reports(&mut self, now: Instant) -> Vec<String> {
        let Proxy { peers, topics, broken, .. } = self;
        let lost = peers.broken().filter(|broken| topics.reached(broken));
        let mut reports: Vec<String> = lost.filter_map(|lost| broken.add(&lost, now)).collect();
        reports.extend(broken.take_count(now));
        reports
    }

    /// The number of broken connections, and the report of those without one of their own.
    pub fn take_broken(&mut self) -> (u64, Option<String>) {
        (self.broken.total(), self.broken.take_rest())
    }

    /// Sends a request to publishers. Messages in flight still arrive.
    pub fn request(&mut self, request: PublisherRequest) {
        // A send fails only for a publisher that is stuck; the others get it.
        match request {
            PublisherRequest::Hold => {
                let _ = self.collect.send([&[1], ENDING].concat(), zmq::DONTWAIT);
            }
            PublisherRequest::Stop => {
                for prefix in self.upstream.sent() {
                    let _ = self.collect.send([&[0], prefix].concat(), zmq::DONTWAIT);
                }
                self.stopped = true;
            }
        }
    }

    /// Takes the markers that subscribers have set (see [`zlog_core::wire::query`]). Earlier
    /// subscriptions of the same subscriber are in force; later ones may not be.
    pub fn markers(&mut self) -> impl Iterator<Item = Box<[u8]>> + '_ {
        self.markers.drain(..)
    }

    /// Whether the system holds data that libzmq has not read yet.
    pub fn has_unread(&self) -> bool {
        self.collect_connections.has_unread()
    }

    /// Waits until there is something for the proxy or `server`, the time is up or a signal
    /// arrives. Returns whether there is something other than messages: connection events,
    /// subscriptions, questions.
    pub fn wait(&self, server: Option<&QueryServer>, wait: Duration) -> bool {
        let mut items: Vec<zmq::PollItem<'_>> =
            server.into_iter().flat_map(QueryServer::poll_items).collect();
        items.extend(self.wake.as_ref().and_then(wake_item));
        items.push(self.collect_connections.poll_item());
        items.push(self.publish_connections.poll_item());
        items.push(self.publish.as_poll_item(zmq::POLLIN));
        let others = items.len();
        // Not while a message waits for room.
        if self.frame_count == 0 {
            items.push(self.collect.as_poll_item(zmq::POLLIN));
        }
        let timed = [&self.collect_connections, &self.publish_connections];
        let timed = timed.into_iter().filter_map(|connections| connections.wait_at_most());
        let timed = timed.chain(server.and_then(QueryServer::wait_at_most));
        poll(&mut items, timed.min().map_or(wait, |most| most.min(wait)).min(LONGEST));
        if let Some(wake) = &self.wake {
            wake.drain();
        }
        items[..others].iter().any(|item| item.is_readable())
    }

    /// From now on, a message in `wakes` ends the wait in [`Proxy::wait`].
    ///
    /// # Errors
    /// No thread can be started.
    pub fn wake_by(&mut self, wakes: Receiver<()>) -> Result<()> {
        let (waker, wake) = wake::pair()?;
        self.wake = Some(wake);
        let pass_on = move || wakes.into_iter().for_each(|()| waker.wake());
        thread::spawn("zlog-wake", pass_on).map(drop)
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Number of different prefixes that subscribers and the relay itself want.
    pub fn upstream_prefixes(&self) -> usize {
        self.upstream.len()
    }

    /// The state of each endpoint: those that collect, and those that publish.
    pub fn endpoint_status(&self) -> (Vec<EndpointStatus>, Vec<EndpointStatus>) {
        (self.collect_connections.table.status(), self.publish_connections.table.status())
    }

    /// Takes the connection events since the last call; the latest 256.
    pub fn events(&mut self) -> impl Iterator<Item = ConnectionEvent> + '_ {
        self.events.drain(..)
    }

    /// Closes both sockets once everything is sent, or after `linger`.
    pub fn close(self, linger: Duration) -> Flushed {
        let Proxy { collect, collect_connections, .. } = self;
        let Proxy { publish, publish_connections, context, ipc_files, .. } = self;
        // Can't fail for a valid value.
        let _ = publish.set_linger(-1);
        drop((collect, collect_connections, publish, publish_connections));
        let flushed = flush(context, linger);
        drop(ipc_files);
        flushed
    }
}

/// Sends a changed prefix upstream.
fn pass_on(
    collect: &mut zmq::Socket,
    upstream: &mut UpstreamSubscriptions,
    change: Option<PrefixChange<'_>>,
    now: Instant,
) {
    if let Some(message) = change.and_then(|change| upstream.note(change, now)) {
        // Fails only for a publisher that is stuck; the others get it.
        let _ = collect.send(message, zmq::DONTWAIT);
    }
}

#[cfg(test)]
mod tests;

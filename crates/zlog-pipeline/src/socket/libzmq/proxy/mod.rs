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
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use self::forwarded_topics::ForwardedTopics;
use super::connection_manager::{ConnectionManager, poll, wake_item};
use super::ffi::{self, Frame};
use super::flush::flush;
use super::ipc_cleanup::IpcFiles;
use super::options;
use super::peers::{PeerEvent, Peers};
use super::publisher;
use crate::socket::broken_report::BrokenReport;
use crate::socket::connection::{ConnectionEvent, EndpointStatus};
use crate::socket::drain::PublisherRequest;
use crate::socket::endpoint::Endpoint;
use crate::socket::flush::Flushed;
use crate::socket::options::SocketOptions;
use crate::socket::proxy::{
    Counts, Forwarded, Inspect, MAX_EVENTS, MAX_MARKERS, Marker, ProxyOptions, ProxySocket, Waker,
};
use crate::socket::publisher::Publisher;
use crate::socket::slow_subscribers::SlowSubscribers;
use crate::socket::subscriber::MAX_FRAMES;
use crate::socket::upstream::{PrefixChange, UpstreamSubscriptions};
use crate::socket::wake::{self, LONGEST, WakeSignal};
use zlog_core::wire::mark::is_reserved;
use zlog_core::wire::query::{ENDING, MAX_MARKER_LEN, is_marker};
use zlog_core::{Error, Result};

/// A collecting and a publishing socket.
pub(in crate::socket) struct Proxy {
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
    markers: Vec<Marker>,
    events: VecDeque<ConnectionEvent>,
    /// Ends a wait.
    wake: WakeSignal,
    waker: Arc<wake::Waker>,
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
    pub(in crate::socket) fn open(
        collect_on: &[Endpoint],
        publish_on: &[Endpoint],
        options: &ProxyOptions,
    ) -> Result<Proxy> {
        let (waker, wake) = wake::pair()?;
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
            markers: Vec::new(),
            events: VecDeque::new(),
            wake,
            waker: Arc::new(waker),
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

    fn process_subscriptions(&mut self, now: Instant) {
        let sent = self.counts.messages;
        // The one that waits was inspected already.
        let arrived = sent + u64::from(self.frame_count > 0);
        let Proxy { peers, publish, publish_connections, collect, upstream, .. } = self;
        let (markers, stopped) = (&mut self.markers, self.stopped);
        peers.read(publish, publish_connections, sent, now, |event| match event {
            // Publishers need not know of markers.
            PeerEvent::Subscription { begin, prefix, .. } if is_marker(prefix) => {
                let fits = prefix.len() <= MAX_MARKER_LEN && markers.len() < MAX_MARKERS;
                let marker = || Marker { prefix: prefix.into(), arrived };
                markers.extend((begin && fits).then(marker));
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
}

impl ProxySocket for Proxy {
    fn bound(&self) -> (&[String], &[String]) {
        (&self.collecting, &self.publishing)
    }

    fn inproc_publisher(&mut self, options: &SocketOptions) -> Result<Publisher> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let endpoint = format!("inproc://collect-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut publisher = publisher::Publisher::open_in(self.context.clone(), &[], options)?;
        publisher.bind_inproc(&endpoint)?;
        ffi::connect(&mut self.collect, &endpoint)
            .map_err(|errno| Error::new(format!("can't connect to {endpoint}: {errno}")))?;
        Ok(Publisher::of(Box::new(publisher)))
    }

    fn waker(&self) -> Waker {
        let waker = Arc::clone(&self.waker);
        Arc::new(move || waker.wake())
    }

    fn slow(&self) -> &SlowSubscribers {
        &self.slow
    }

    fn subscribe(&mut self, prefix: &[u8]) {
        let change = self.peers.subscriptions.hold(prefix);
        pass_on(&mut self.collect, &mut self.upstream, change, Instant::now());
    }

    fn unsubscribe(&mut self, prefix: &[u8]) {
        let change = self.peers.subscriptions.release(prefix);
        pass_on(&mut self.collect, &mut self.upstream, change, Instant::now());
    }

    fn process_events(&mut self) {
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

    fn take_report(&mut self) -> Option<String> {
        self.peers.take_report(Instant::now())
    }

    fn take_last_report(&mut self) -> Option<String> {
        self.peers.take_last_report()
    }

    fn broken_reports(&mut self, now: Instant) -> Vec<String> {
        let Proxy { peers, topics, broken, .. } = self;
        broken.add_all(peers.broken().filter(|broken| topics.reached(broken)), now)
    }

    fn take_broken(&mut self) -> (u64, Option<String>) {
        (self.broken.total(), self.broken.take_rest())
    }

    fn request(&mut self, request: PublisherRequest) {
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

    fn markers(&mut self) -> Vec<Marker> {
        std::mem::take(&mut self.markers)
    }

    fn has_unread(&self) -> bool {
        self.collect_connections.has_unread()
    }

    fn wait(&mut self, wait: Duration) -> bool {
        let mut items: Vec<zmq::PollItem<'_>> = wake_item(&self.wake).into_iter().collect();
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
        poll(&mut items, timed.min().map_or(wait, |most| most.min(wait)).min(LONGEST));
        self.wake.drain();
        items[..others].iter().any(|item| item.is_readable())
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn upstream_prefixes(&self) -> usize {
        self.upstream.len()
    }

    fn endpoint_status(&self) -> (Vec<EndpointStatus>, Vec<EndpointStatus>) {
        (self.collect_connections.table.status(), self.publish_connections.table.status())
    }

    fn events(&mut self) -> Vec<ConnectionEvent> {
        self.events.drain(..).collect()
    }

    fn forward(&mut self, most: usize, inspect: Option<&mut Inspect<'_>>) -> Result<Forwarded> {
        self.forward_messages(most, inspect)
    }

    fn discard(&mut self, most: u64, inspect: &mut Inspect<'_>) -> Result<Forwarded> {
        self.discard_messages(most, inspect)
    }

    /// Nothing is counted later.
    fn wait_for_counts(&mut self) {}

    fn close(self: Box<Self>, linger: Duration) -> Flushed {
        let Proxy { collect, collect_connections, .. } = *self;
        let Proxy { publish, publish_connections, context, ipc_files, .. } = *self;
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

//! The two sockets of a relay: an XSUB that collects and an XPUB that publishes.
//!
//! What may be here: moving messages from the one to the other, and subscriptions
//! the other way. Frames pass as they came: libzmq's own messages are moved, not
//! copied, and nothing looks inside unless the caller asks to.
//!
//! One thread does it all, in bursts; between them it looks after connections and
//! subscriptions. Nobody upstream sends what nobody here wants.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::connection::{ConnectionEvent, EndpointStatus};
use super::connection_manager::ConnectionManager;
use super::drain::{ENDING, PublisherRequest};
use super::endpoint::Endpoint;
use super::ffi::{self, Errno, Frame};
use super::flush::{Flushed, flush};
use super::ipc_cleanup::IpcFiles;
use super::options::{self, SocketOptions};
use super::peers::Peers;
use super::publisher::Publisher;
use super::receive_thread::MOST_FRAMES;
use super::subscriptions::{Edge, Misuse};
use super::upstream::UpstreamSubscriptions;
use zlog_core::error::{Error, Result};

/// Most events kept for [`Proxy::events`]; older ones go first.
const EVENTS: usize = 256;
/// Prefixes that begin so are marks: see [`Proxy::marks`].
const MARK: &[u8] = b"\0zlog.mark.";
/// Longest mark that is kept, and most of them.
const LONGEST_MARK: usize = 64;
const MOST_MARKS: usize = 256;

/// How a proxy is set up.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Of the socket that collects.
    pub collect: SocketOptions,
    /// Of the socket that publishes.
    pub publish: SocketOptions,
    /// While a subscriber has no room: wait, and let publishers feel it. Else its
    /// messages are dropped, for it alone.
    pub block: bool,
}

/// What has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages sent on, to whoever wanted them.
    pub messages: u64,
    /// Their bytes, all frames together.
    pub bytes: u64,
    /// Times that a message found a subscriber without room, and was dropped for it
    /// alone. libzmq then drops for that subscriber until it has read half of what
    /// it holds, and does not say how many: what it lost shows in its own `seq`.
    pub no_room: u64,
    /// Messages dropped for everybody, because the end came while one had no room.
    pub dropped: u64,
    /// Frames beyond the eighth of a message, which were cut off.
    pub frames_cut: u64,
}

/// What became of a [`Proxy::forward`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forwarded {
    /// There is more.
    More,
    /// Everything that has come has been sent on.
    All,
    /// A subscriber has no room, and the next message waits for it.
    Full,
}

/// Sees the frames of a message before it is sent on.
pub type Inspect<'s> = dyn FnMut(&[&[u8]]) -> Result<()> + 's;

/// A collecting and a publishing socket.
pub struct Proxy {
    // Sockets before their context: it can't end while they are open.
    collect: zmq::Socket,
    collect_connections: ConnectionManager,
    publish: zmq::Socket,
    publish_connections: ConnectionManager,
    context: zmq::Context,
    ipc_files: [IpcFiles; 2],
    collecting: Vec<String>,
    publishing: Vec<String>,
    peers: Peers,
    upstream: UpstreamSubscriptions,
    marks: VecDeque<Box<[u8]>>,
    events: VecDeque<ConnectionEvent>,
    block: bool,
    /// Publishers were asked to stop: subscribers that come now change nothing.
    stopped: bool,
    counts: Counts,
    /// The message that is under way, and how many frames it has: it stays here while
    /// a subscriber has no room for it.
    frames: [Frame; MOST_FRAMES],
    frame_count: usize,
}

impl Proxy {
    /// Opens both sockets, the publishing one first: what is collected has somewhere to go.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and
    /// the next step.
    pub fn open(
        collect_on: &[Endpoint],
        publish_on: &[Endpoint],
        options: &ProxyOptions,
    ) -> Result<Proxy> {
        let context = zmq::Context::new();
        let cant = |error| Error::new(format!("can't open a ZeroMQ socket: {error}"));
        let mut publish = context.socket(zmq::XPUB).map_err(cant)?;
        options.publish.apply(&mut publish)?;
        options::make_publisher(&mut publish)?;
        if !options.block {
            publish.set_sndtimeo(0).map_err(cant)?;
        }
        let (publish_connections, publishing) =
            ConnectionManager::open(&context, &mut publish, publish_on)?;
        let mut collect = context.socket(zmq::XSUB).map_err(cant)?;
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
            upstream: UpstreamSubscriptions::new(Instant::now()),
            marks: VecDeque::new(),
            events: VecDeque::new(),
            block: options.block,
            stopped: false,
            counts: Counts::default(),
            frames: std::array::from_fn(|_| Frame::new()),
            frame_count: 0,
        })
    }

    /// The endpoints really bound to collect on, and those to publish on.
    pub fn bound(&self) -> (&[String], &[String]) {
        (&self.collecting, &self.publishing)
    }

    /// The context, for sockets that are waited for together with these.
    pub(super) fn context(&self) -> &zmq::Context {
        &self.context
    }

    /// A publisher of this process, from which is collected as from any other. It is
    /// for one thread, which may be another than this one's.
    ///
    /// # Errors
    /// No socket is to be had.
    pub fn inproc_publisher(&mut self, options: &SocketOptions) -> Result<Publisher> {
        static INSIDE: AtomicU64 = AtomicU64::new(0);
        let endpoint = format!("inproc://collect-{}", INSIDE.fetch_add(1, Ordering::Relaxed));
        let mut publisher = Publisher::open_in(self.context.clone(), &[], options)?;
        publisher.bind_inproc(&endpoint)?;
        ffi::connect(&mut self.collect, &endpoint)
            .map_err(|errno| Error::new(format!("can't connect to {endpoint}: {errno}")))?;
        Ok(publisher)
    }

    /// Asks publishers for topics that begin with `prefix`, whether or not a
    /// subscriber wants them. Counted: each call needs an [`Proxy::unsubscribe`].
    pub fn subscribe(&mut self, prefix: &[u8]) {
        let edge = self.peers.subscriptions.hold(prefix);
        pass_on(&mut self.collect, &mut self.upstream, edge, Instant::now());
    }

    /// Takes a [`Proxy::subscribe`] back.
    pub fn unsubscribe(&mut self, prefix: &[u8]) {
        let edge = self.peers.subscriptions.release(prefix);
        pass_on(&mut self.collect, &mut self.upstream, edge, Instant::now());
    }

    /// Looks after connections, and passes subscriptions on. Never waits.
    ///
    /// To be called often: libzmq holds some hundred subscriptions until then, and no
    /// further ones are taken in.
    pub fn process_events(&mut self) {
        let events = &mut self.events;
        let mut keep = |event| {
            if events.len() == EVENTS {
                events.pop_front();
            }
            events.push_back(event);
        };
        self.collect_connections.process_events(&mut self.collect, &mut keep);
        self.publish_connections.process_events(&mut self.publish, &mut keep);
        for address in self.publish_connections.misused() {
            self.peers.note(address, Misuse::Frame);
        }
        self.pass_subscriptions();
    }

    /// Takes in what subscribers have sent up, and passes on what is new in it.
    fn pass_subscriptions(&mut self) {
        let now = Instant::now();
        let Proxy { peers, publish, collect, upstream, marks, stopped, .. } = self;
        peers.drain(publish, now, |message, _, edge| match message.split_first() {
            // A subscriber has set a mark, or takes it back. Nobody upstream needs to know.
            Some((first, mark)) if mark.starts_with(MARK) => {
                let fits = mark.len() <= LONGEST_MARK && marks.len() < MOST_MARKS;
                if *first == 1 && fits {
                    marks.push_back(mark.into());
                }
            }
            // A subscriber that is about to end: nothing that publishers need to know.
            Some((_, prefix)) if prefix == ENDING => {}
            _ if *stopped => {}
            _ => pass_on(collect, upstream, edge, now),
        });
        if *stopped {
            return;
        }
        while let Some(message) = upstream.next_deferred(now) {
            let _ = collect.send(message, zmq::DONTWAIT);
        }
    }

    /// What a person should know of subscribers whose connections were ended because of
    /// what they sent: of the first one, and then once a minute at most.
    pub fn report(&mut self) -> Option<String> {
        self.peers.report(Instant::now())
    }

    /// Asks publishers for what is due before the end. What is on its way still comes.
    pub fn request(&mut self, request: PublisherRequest) {
        // A send fails only for a publisher that is stuck; the others have it.
        match request {
            PublisherRequest::Hold => {
                let _ = self.collect.send([&[1], ENDING].concat(), zmq::DONTWAIT);
            }
            PublisherRequest::Stop => {
                for prefix in self.upstream.asked() {
                    let _ = self.collect.send([&[0], prefix].concat(), zmq::DONTWAIT);
                }
                self.stopped = true;
            }
        }
    }

    /// Marks that subscribers have set: prefixes that begin with `\0zlog.mark.`, and
    /// that no topic has. What the same subscriber had asked for before holds when its
    /// mark comes here; what it asks for afterwards may not.
    pub fn marks(&mut self) -> impl Iterator<Item = Box<[u8]>> + '_ {
        self.marks.drain(..)
    }

    /// Sends on at most `most` messages, each after `inspect` has seen it. While a
    /// subscriber has no room and it is to be waited for, that takes up to
    /// [`SocketOptions::send_slice`].
    ///
    /// # Errors
    /// What `inspect` returns (that message goes on with the next call), or a socket
    /// has failed for good.
    pub fn forward(
        &mut self,
        most: usize,
        mut inspect: Option<&mut Inspect<'_>>,
    ) -> Result<Forwarded> {
        for _ in 0..most {
            if self.frame_count == 0 {
                if !self.take()? {
                    return Ok(Forwarded::All);
                }
                if let Some(inspect) = &mut inspect {
                    self.inspect(*inspect)?;
                }
            }
            if !self.send()? {
                return Ok(Forwarded::Full);
            }
        }
        Ok(Forwarded::More)
    }

    /// Takes the next message into `frames`. Returns whether there was one.
    fn take(&mut self) -> Result<bool> {
        let mut more = true;
        let mut beyond = None;
        while more {
            let frame = match self.frames.get_mut(self.frame_count) {
                Some(frame) => frame,
                None => beyond.get_or_insert_with(Frame::new),
            };
            more = match frame.recv(&mut self.collect) {
                Ok(more) => more,
                // libzmq hands out whole messages: only the first frame can be missing.
                Err(errno) if is_retryable(errno) && self.frame_count == 0 => return Ok(false),
                Err(errno) if is_retryable(errno) => continue,
                Err(errno) => return Err(failed("receive", errno)),
            };
            match beyond {
                Some(_) => self.counts.frames_cut += 1,
                None => self.frame_count += 1,
            }
        }
        Ok(true)
    }

    fn inspect(&self, inspect: &mut Inspect<'_>) -> Result<()> {
        let mut frames: [&[u8]; MOST_FRAMES] = [&[]; MOST_FRAMES];
        for (slot, frame) in frames.iter_mut().zip(&self.frames[..self.frame_count]) {
            *slot = frame.bytes();
        }
        inspect(&frames[..self.frame_count])
    }

    /// Sends the message in `frames`. Returns whether it went, or still waits for room.
    fn send(&mut self) -> Result<bool> {
        let bytes: usize = self.frames[..self.frame_count].iter().map(Frame::len).sum();
        let last = self.frame_count - 1;
        match self.frames[0].send(&mut self.publish, last > 0) {
            Ok(()) => self.send_rest(last)?,
            Err(errno) if is_retryable(errno) && self.block => return Ok(false),
            Err(errno) if is_retryable(errno) => self.send_to_those_with_room(last)?,
            Err(errno) => return Err(failed("send", errno)),
        }
        self.frame_count = 0;
        self.counts.messages += 1;
        self.counts.bytes += bytes as u64;
        Ok(true)
    }

    /// Room is counted in whole messages, so that the other frames find what the first
    /// one found. Should they not: half a message must never stay.
    fn send_rest(&mut self, last: usize) -> Result<()> {
        for at in 1..=last {
            while let Err(errno) = self.frames[at].send(&mut self.publish, at < last) {
                if !is_retryable(errno) {
                    return Err(failed("send", errno));
                }
            }
        }
        Ok(())
    }

    /// Drops the message for the subscribers that have no room, and for them alone:
    /// that is what libzmq does where it is not told otherwise.
    fn send_to_those_with_room(&mut self, last: usize) -> Result<()> {
        self.counts.no_room += 1;
        options::set_nodrop(&mut self.publish, false)?;
        while let Err(errno) = self.frames[0].send(&mut self.publish, last > 0) {
            if !is_retryable(errno) {
                return Err(failed("send", errno));
            }
        }
        self.send_rest(last)?;
        options::set_nodrop(&mut self.publish, true)
    }

    /// Gives up the message that waits for room, and at most `most` that have come, each
    /// after `inspect` has seen it. They are counted.
    ///
    /// # Errors
    /// As [`Proxy::forward`]'s.
    pub fn discard(&mut self, most: u64, inspect: &mut Inspect<'_>) -> Result<Forwarded> {
        let given_up = u64::from(self.frame_count > 0);
        self.frame_count = 0;
        self.counts.dropped += given_up;
        for _ in given_up..most {
            if !self.take()? {
                return Ok(Forwarded::All);
            }
            let inspected = self.inspect(inspect);
            self.frame_count = 0;
            self.counts.dropped += 1;
            inspected?;
        }
        Ok(Forwarded::More)
    }

    /// Whether the system has received something that libzmq has not read yet.
    pub fn has_unread(&self) -> bool {
        self.collect_connections.has_unread()
    }

    /// Whether messages can be taken: not while one waits for room.
    pub(super) fn takes_messages(&self) -> bool {
        self.frame_count == 0
    }

    /// What can be waited for: connections, subscribers' wishes, and at last messages.
    pub(super) fn poll_items(&self) -> impl Iterator<Item = zmq::PollItem<'_>> {
        let watches = [self.collect_connections.poll_item(), self.publish_connections.poll_item()];
        let collect = self.takes_messages().then(|| self.collect.as_poll_item(zmq::POLLIN));
        watches.into_iter().chain([self.publish.as_poll_item(zmq::POLLIN)]).chain(collect)
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many different prefixes are asked of publishers.
    pub fn upstream_prefixes(&self) -> usize {
        self.upstream.len()
    }

    /// How it stands with each endpoint: those that collect, and those that publish.
    pub fn endpoint_status(&self) -> (Vec<EndpointStatus>, Vec<EndpointStatus>) {
        (self.collect_connections.status(), self.publish_connections.status())
    }

    /// What happened to connections since this was last asked; the latest 256.
    pub fn events(&mut self) -> impl Iterator<Item = ConnectionEvent> + '_ {
        self.events.drain(..)
    }

    /// Closes both sockets once everything has gone out, or after `linger`.
    pub fn close(self, linger: Duration) -> Flushed {
        let Proxy {
            collect,
            collect_connections,
            publish,
            publish_connections,
            context,
            ipc_files,
            ..
        } = self;
        // Can't fail for a valid value; if it did, nothing would be waited for.
        let _ = publish.set_linger(-1);
        drop((collect, collect_connections, publish, publish_connections));
        let flushed = flush(context, linger);
        drop(ipc_files);
        flushed
    }
}

/// Asks publishers for a prefix that somebody wants from now on, or not any more.
fn pass_on(
    collect: &mut zmq::Socket,
    upstream: &mut UpstreamSubscriptions,
    edge: Option<Edge<'_>>,
    now: Instant,
) {
    if let Some(message) = edge.and_then(|edge| upstream.note(edge, now)) {
        // Fails only for a publisher that is stuck; the others have it.
        let _ = collect.send(message, zmq::DONTWAIT);
    }
}

/// Whether a call may be made again: nothing is there, no room, or a signal came.
fn is_retryable(errno: Errno) -> bool {
    errno.is(zmq::Error::EAGAIN) || errno.is(zmq::Error::EINTR)
}

fn failed(what: &str, errno: Errno) -> Error {
    Error::new(format!("can't {what} on a ZeroMQ socket: {errno}"))
}

#[cfg(test)]
mod tests;

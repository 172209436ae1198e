//! The event loop of a socket: one thread that accepts, connects, shakes hands, reads and
//! writes.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use mio::{Events, Poll, Token, Waker, event};

use super::backoff::Backoff;
use super::connector::Connector;
use super::link::{Link, Stage};
use super::links::Links;
use super::status::{Event, EventKind, Status};
use super::transport::{Listener, Stream};
use crate::protocol::handshake::Handshake;
use crate::{Address, Disconnect, Options, SocketType};

const WAKER: Token = Token(usize::MAX);
/// Tokens of listeners count down from here; those of links are their slots.
const LISTENERS: usize = usize::MAX - 1;
/// Bytes of one read in a handshake.
const HANDSHAKE_READ: usize = 4096;
/// How long to wait for the end of peers that have been sent everything.
const FINISH: Duration = Duration::from_secs(1);
/// When to accept again after an error, such as no more descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// What differs between kinds of sockets.
pub(crate) trait Role: Send + 'static {
    /// What it knows of a peer.
    type Peer: Default + Send;
    /// What its owner may ask.
    type Command: Send;

    /// The type of socket for READY.
    fn socket_type(&self) -> SocketType;

    /// Whether peers have a reason to stop reading.
    const PEERS_PAUSE: bool;

    /// Handles a request of the owner.
    fn command(&mut self, command: Self::Command, links: &mut Links<Self::Peer>);

    /// A handshake is complete. `rest` has arrived after it.
    fn ready(
        &mut self,
        slot: usize,
        link: &mut Link<Self::Peer>,
        rest: &[u8],
    ) -> Result<(), Disconnect>;

    /// Reads what has arrived, up to a limit for the sake of other peers.
    fn read(
        &mut self,
        slot: usize,
        link: &mut Link<Self::Peer>,
        now: Instant,
    ) -> Result<(), Disconnect>;

    /// Whether [`Role::read`] would read. Otherwise the owner must make room first.
    fn can_read(&self) -> bool;

    /// A connection has ended whose handshake was complete.
    fn closed(&mut self, slot: usize, link: &mut Link<Self::Peer>);

    /// Does what is left after all connections were served. Returns when to do so again, unless
    /// something happens before.
    fn turn(&mut self, links: &mut Links<Self::Peer>, now: Instant) -> Option<Instant>;

    /// Whether everything was passed on to the connections.
    fn is_drained(&self) -> bool;
}

/// A request to the thread of a socket.
pub(crate) enum Command<C> {
    Bind(Listener, Address),
    Unbind(Address),
    Connect(Address),
    Disconnect(Address),
    Role(C),
    /// Sends the rest until the given time, then ends. The answer is whether all was sent.
    Close(Instant, Sender<bool>),
}

/// The state of the thread.
pub(crate) struct Driver<R: Role> {
    poll: Poll,
    role: R,
    options: Options,
    links: Links<R::Peer>,
    listeners: Vec<Option<(Listener, Address)>>,
    connectors: Vec<Option<Connector>>,
    commands: Receiver<Command<R::Command>>,
    status: Arc<Status>,
    next_id: u64,
    /// When a connection or a connector has timed work, at the earliest.
    timer: Option<Instant>,
    accept_at: Option<Instant>,
    closing: Option<(Instant, Sender<bool>)>,
}

impl<R: Role> Driver<R> {
    /// Creates a driver, and what wakes it.
    pub(crate) fn new(
        role: R,
        options: Options,
        commands: Receiver<Command<R::Command>>,
        status: Arc<Status>,
        poll: Poll,
    ) -> io::Result<Driver<R>> {
        let links = Links::new(poll.registry().try_clone()?);
        Ok(Driver {
            poll,
            role,
            options,
            links,
            listeners: Vec::new(),
            connectors: Vec::new(),
            commands,
            status,
            next_id: 1,
            timer: None,
            accept_at: None,
            closing: None,
        })
    }

    /// What wakes the driver of `poll`.
    pub(crate) fn waker(poll: &Poll) -> io::Result<Waker> {
        Waker::new(poll.registry(), WAKER)
    }

    /// Runs until it is told to close, or its owner is gone.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut again = None;
        loop {
            let wait = self.wait(again, Instant::now());
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return;
            }
            let now = Instant::now();
            for event in &events {
                self.note(event, now);
            }
            if !self.run_commands(now) {
                return;
            }
            for slot in self.links.take_hot() {
                self.serve(slot, now);
            }
            if [self.timer, self.accept_at].into_iter().flatten().any(|at| at <= now) {
                self.run_timers(now);
            }
            again = self.role.turn(&mut self.links, now);
            for (slot, why) in self.links.take_ended() {
                if let Some(link) = self.links.take(slot) {
                    self.end(slot, link, why, now);
                }
            }
            if self.closing.is_some() && self.finish(now) {
                return;
            }
        }
    }

    fn wait(&self, again: Option<Instant>, now: Instant) -> Option<Duration> {
        if self.links.has_hot() && self.role.can_read() {
            return Some(Duration::ZERO);
        }
        let closing = self.closing.as_ref().map(|(until, _)| *until);
        let next = [again, self.timer, self.accept_at, closing].into_iter().flatten().min()?;
        let wait = next.saturating_duration_since(now);
        // Rounded up: the system waits whole milliseconds, and would be asked again in between.
        Some(if wait.is_zero() { wait } else { wait + Duration::from_millis(1) })
    }

    fn note(&mut self, event: &event::Event, now: Instant) {
        let token = event.token();
        if token == WAKER {
            return;
        }
        if let Some(link) = self.links.get_mut(token.0) {
            link.readable |= event.is_readable();
            link.writable |= event.is_writable();
            link.read_closed |= event.is_read_closed();
            self.links.heat(token.0);
        } else if let Some(at) = LISTENERS.checked_sub(token.0)
            && at < self.listeners.len()
        {
            self.accept(at, now);
        }
    }

    /// Handles requests of the owner. Returns `false` if it is gone.
    fn run_commands(&mut self, now: Instant) -> bool {
        loop {
            let command = match self.commands.try_recv() {
                Ok(command) => command,
                Err(crossbeam_channel::TryRecvError::Empty) => return true,
                Err(crossbeam_channel::TryRecvError::Disconnected) => {
                    return self.closing.is_some();
                }
            };
            match command {
                Command::Bind(listener, address) => self.listen(listener, address, now),
                Command::Unbind(address) => {
                    for listener in &mut self.listeners {
                        listener.take_if(|(_, bound)| *bound == address);
                    }
                    self.end_all(&address, None);
                }
                Command::Connect(address) => self.add_connector(address, now),
                Command::Disconnect(address) => self.remove_connector(&address),
                Command::Role(command) => self.role.command(command, &mut self.links),
                Command::Close(until, answer) => {
                    self.closing = Some((until, answer));
                    self.listeners.clear();
                    self.connectors.iter_mut().for_each(|connector| *connector = None);
                }
            }
        }
    }

    fn listen(&mut self, mut listener: Listener, address: Address, now: Instant) {
        let at = self.listeners.len();
        if let Err(error) = listener.register(self.poll.registry(), Token(LISTENERS - at)) {
            self.status.update(&address, |it| it.last_end = Some(error.into()));
            return;
        }
        self.listeners.push(Some((listener, address)));
        self.accept(at, now);
    }

    fn accept(&mut self, at: usize, now: Instant) {
        while let Some(Some((listener, address))) = self.listeners.get(at) {
            match listener.accept() {
                Ok((stream, peer)) => {
                    if self.links.accepted() >= self.options.max_connections {
                        continue;
                    }
                    let address = address.clone();
                    let stage = Stage::Connecting;
                    self.add((stream, stage), address, None, peer, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    self.accept_at = Some(now + ACCEPT_AGAIN);
                    return;
                }
            }
        }
    }

    fn add(
        &mut self,
        (stream, stage): (Stream, Stage),
        endpoint: Address,
        connector: Option<usize>,
        peer: String,
        now: Instant,
    ) {
        let times = (now, self.options.handshake, self.options.dead_after);
        let link = Link::new((self.next_id, stream, stage), endpoint, connector, peer, times);
        self.next_id += 1;
        self.note_timer(link.deadline);
        if self.links.add(link).is_err()
            && let Some(at) = connector
        {
            self.retry(at, now);
        }
    }

    fn add_connector(&mut self, address: Address, now: Instant) {
        let known = |it: &Option<Connector>| it.as_ref().is_some_and(|it| it.address == address);
        if self.closing.is_some() || self.connectors.iter().any(known) {
            return;
        }
        let backoff = Backoff::new(self.options.reconnect, self.options.reconnect_max);
        self.connectors.push(Some(Connector { address, backoff, retry_at: None }));
        self.connect(self.connectors.len() - 1, now);
    }

    fn remove_connector(&mut self, address: &Address) {
        let at = self.connectors.iter().position(|connector| {
            connector.as_ref().is_some_and(|connector| connector.address == *address)
        });
        if let Some(at) = at {
            self.connectors[at] = None;
            self.end_all(address, Some(at));
        }
    }

    /// Ends the connections of an endpoint.
    fn end_all(&mut self, address: &Address, connector: Option<usize>) {
        let of_it = |link: &Link<R::Peer>| link.endpoint == *address && link.connector == connector;
        let links = self.links.iter().filter(|(_, link)| of_it(link));
        let slots: Vec<usize> = links.map(|(slot, _)| slot).collect();
        for slot in slots {
            self.links.end(slot, Disconnect::Local);
        }
    }

    fn connect(&mut self, at: usize, now: Instant) {
        let Some(Some(connector)) = self.connectors.get_mut(at) else { return };
        connector.retry_at = None;
        let address = connector.address.clone();
        match Stream::connect(&address) {
            Ok(stream) => {
                let peer = match &address {
                    Address::Tcp(address) => address.to_string(),
                    Address::Ipc(_) => String::new(),
                };
                self.add((stream, Stage::Connecting), address, Some(at), peer, now);
            }
            Err(error) => self.fail(at, error.into(), now),
        }
    }

    /// Notes that a connection could not be made, and when to try again.
    fn fail(&mut self, at: usize, why: Disconnect, now: Instant) {
        if let Some(Some(connector)) = self.connectors.get(at) {
            let (endpoint, peer) = (connector.address.clone(), String::new());
            self.status.update(&endpoint, |status| status.reached = false);
            self.status.record(Event { endpoint, peer, kind: EventKind::Failed(why) });
        }
        self.retry(at, now);
    }

    fn retry(&mut self, at: usize, now: Instant) {
        let Some(Some(connector)) = self.connectors.get_mut(at) else { return };
        let delay = connector.backoff.next(fastrand::f64());
        connector.retry_at = Some(now + delay);
        let (endpoint, peer) = (connector.address.clone(), String::new());
        self.status.record(Event { endpoint, peer, kind: EventKind::Retrying(delay) });
        self.note_timer(Some(now + delay));
    }

    fn serve(&mut self, slot: usize, now: Instant) {
        let Some(mut link) = self.links.take(slot) else { return };
        match self.drive(slot, &mut link, now) {
            Ok(()) => {
                if link.readable && !matches!(link.stage, Stage::Connecting) {
                    self.links.heat(slot);
                }
                self.links.put(slot, link);
            }
            Err(why) => self.end(slot, link, why, now),
        }
    }

    fn drive(
        &mut self,
        slot: usize,
        link: &mut Link<R::Peer>,
        now: Instant,
    ) -> Result<(), Disconnect> {
        if matches!(link.stage, Stage::Connecting) && !self.start_handshake(link)? {
            return Ok(());
        }
        if link.readable {
            match link.stage {
                Stage::Connecting => {}
                Stage::Handshake(_) => self.shake_hands(slot, link, now)?,
                Stage::Ready => self.role.read(slot, link, now)?,
                Stage::Finishing => {
                    link.read(&mut [0; HANDSHAKE_READ], now)?;
                }
            }
        }
        link.write(now)
    }

    /// Starts the handshake of a connection that is made. Returns whether it is.
    fn start_handshake(&mut self, link: &mut Link<R::Peer>) -> Result<bool, Disconnect> {
        if link.connector.is_some() {
            if !link.stream.is_connected()? {
                (link.readable, link.writable) = (false, false);
                return Ok(false);
            }
            if link.stream.is_self_connected() {
                return Err(Disconnect::Io(io::ErrorKind::ConnectionRefused));
            }
            self.status.update(&link.endpoint, |status| status.reached = true);
            (link.readable, link.writable) = (true, true);
        }
        let mut out = Vec::new();
        let authenticator = self.options.authenticator.clone();
        let socket_type = self.role.socket_type();
        let handshake = Handshake::new(socket_type, authenticator, &link.address, &mut out);
        link.outbox.push_bytes(out);
        link.stage = Stage::Handshake(handshake);
        Ok(true)
    }

    fn shake_hands(
        &mut self,
        slot: usize,
        link: &mut Link<R::Peer>,
        now: Instant,
    ) -> Result<(), Disconnect> {
        let mut buffer = [0; HANDSHAKE_READ];
        let Some(read) = link.read(&mut buffer, now)? else { return Ok(()) };
        let Stage::Handshake(handshake) = &mut link.stage else { return Ok(()) };
        let mut out = Vec::new();
        let peer = handshake.read(&buffer[..read], &mut out);
        link.outbox.push_bytes(out);
        let peer = match peer {
            Ok(Some(peer)) => peer,
            Ok(None) => return Ok(()),
            Err(why) => {
                // Tells the peer why, if the system takes it at once.
                let _ = link.write(now);
                return Err(why);
            }
        };
        link.stage = Stage::Ready;
        link.has_commands = peer.has_commands;
        (link.deadline, link.ready_since) = (None, Some(now));
        self.note_timer(link.next_deadline());
        let (endpoint, address) = (link.endpoint.clone(), link.address.clone());
        self.role.ready(slot, link, &peer.rest)?;
        self.status.record(Event { endpoint, peer: address, kind: EventKind::Connected });
        Ok(())
    }

    /// Ends a connection that was taken out, and plans the next one.
    fn end(&mut self, slot: usize, mut link: Box<Link<R::Peer>>, why: Disconnect, now: Instant) {
        self.links.release(slot, &link);
        let was_ready = link.ready_since.is_some();
        if was_ready {
            self.role.closed(slot, &mut link);
        }
        let (endpoint, peer) = (link.endpoint.clone(), link.address.clone());
        if matches!(link.stage, Stage::Connecting) && link.connector.is_some() {
            self.status.update(&endpoint, |status| status.reached = false);
        }
        let kind = match was_ready {
            true => EventKind::Disconnected(why.clone()),
            false => EventKind::Failed(why.clone()),
        };
        self.status.record(Event { endpoint, peer, kind });
        if let Some(at) = link.connector {
            if let Some(Some(connector)) = self.connectors.get_mut(at)
                && let Some(since) = link.ready_since
                && now.saturating_duration_since(since) >= connector.backoff.lasting()
            {
                connector.backoff.reset();
            }
            self.retry(at, now);
        }
    }

    fn note_timer(&mut self, at: Option<Instant>) {
        self.timer = [self.timer, at].into_iter().flatten().min();
    }

    /// Does timed work, and finds out when there is more.
    fn run_timers(&mut self, now: Instant) {
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept_at = None;
            (0..self.listeners.len()).for_each(|at| self.accept(at, now));
        }
        for at in 0..self.connectors.len() {
            let connector = self.connectors[at].as_ref();
            if connector.and_then(|it| it.retry_at).is_some_and(|retry| retry <= now) {
                self.connect(at, now);
            }
        }
        let can_read = self.role.can_read();
        let mut ended = Vec::new();
        for (slot, link) in self.links.iter_mut() {
            if link.deadline.is_some_and(|deadline| deadline <= now) {
                ended.push((slot, Disconnect::HandshakeTimeout));
                continue;
            }
            if !can_read && link.readable {
                // The answer may be among what this side does not read.
                link.heartbeat.postpone(now);
            }
            if let Err(why) = link.beat(now, R::PEERS_PAUSE).and_then(|()| link.write(now)) {
                ended.push((slot, why));
            }
        }
        ended.into_iter().for_each(|(slot, why)| self.links.end(slot, why));
        let connectors = self.connectors.iter().flatten().filter_map(|it| it.retry_at);
        let links = self.links.iter().filter_map(|(_, link)| link.next_deadline());
        self.timer = connectors.chain(links).min();
    }

    /// Ends connections that have sent everything. Returns whether there is nothing left to do.
    fn finish(&mut self, now: Instant) -> bool {
        let Some((until, _)) = self.closing else { return false };
        let drained = self.role.is_drained();
        for (_, link) in self.links.iter_mut() {
            match link.stage {
                Stage::Ready if drained && link.outbox.is_empty() => {
                    link.stream.finish();
                    link.stage = Stage::Finishing;
                    link.deadline = Some((now + FINISH).min(until));
                    self.timer = [self.timer, link.deadline].into_iter().flatten().min();
                }
                Stage::Ready | Stage::Finishing => {}
                Stage::Connecting | Stage::Handshake(_) => {
                    link.deadline = Some(now);
                    self.timer = Some(now);
                }
            }
        }
        if !self.links.is_empty() && now < until {
            return false;
        }
        let sent = drained && self.links.iter().all(|(_, link)| link.outbox.is_empty());
        if let Some((_, answer)) = self.closing.take() {
            // Fails if the owner no longer waits.
            let _ = answer.send(sent);
        }
        true
    }
}

//! The event loop of a socket: one thread that accepts, connects, shakes hands, reads and
//! writes.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use mio::{Events, Poll, Token, Waker, event};

use self::establish::Connector;
use super::link::{Link, Stage};
use super::links::Links;
use super::role::Role;
use super::status::{Event, EventKind, Refused, Status};
use super::transport::Listener;
use crate::protocol::handshake::Own;
use crate::{Address, Disconnect, Options};

mod establish;

const WAKER: Token = Token(usize::MAX);
/// Tokens of listeners count down from here; those of links are their slots.
const LISTENERS: usize = usize::MAX - 1;
/// Bytes of one read in a handshake.
const HANDSHAKE_READ: usize = 4096;
/// A turn that takes this much longer than planned means that the process was suspended.
const SUSPENDED: Duration = Duration::from_secs(1);
/// How long to wait for the end of peers that have been sent everything.
const FINISH: Duration = Duration::from_secs(1);
/// Most bytes that such a peer may send. One that sends more does not look for the end.
const FINISH_BYTES: usize = 64 << 10;

/// A request to the thread of a socket.
pub(crate) enum Command {
    Bind(Listener, Address),
    Unbind(Address),
    Connect(Address),
    Disconnect(Address),
    /// Sends the rest until the given time, then ends. The answer is whether all was sent.
    Close(Instant, Sender<bool>),
}

/// The state of the thread.
pub(crate) struct Driver<R: Role> {
    poll: Poll,
    role: R,
    options: Options,
    /// What handshakes start with.
    own: Own,
    links: Links<R::Peer>,
    /// By numbers that are never reused.
    listeners: BTreeMap<usize, (Listener, Address)>,
    connectors: BTreeMap<usize, Connector>,
    next_endpoint: usize,
    commands: Receiver<Command>,
    requests: Receiver<R::Request>,
    /// Addresses that are not connected to any more. What was sent before is passed on first.
    given_up: Vec<Address>,
    status: Arc<Status>,
    next_id: u64,
    /// When a connection or a connector has timed work, at the earliest.
    timer: Option<Instant>,
    accept_at: Option<Instant>,
    /// When to ask the authenticator again about the peers.
    admit_again_at: Option<Instant>,
    closing: Option<(Instant, Sender<bool>)>,
}

impl<R: Role> Driver<R> {
    /// Creates a driver, and what wakes it.
    pub(crate) fn new(
        role: R,
        options: Options,
        (commands, requests): (Receiver<Command>, Receiver<R::Request>),
        status: Arc<Status>,
        poll: Poll,
    ) -> io::Result<Driver<R>> {
        let links = Links::new(poll.registry().try_clone()?);
        let own = Own {
            socket_types: role.socket_types(),
            security: options.security.clone(),
            authenticator: options.authenticator.clone(),
            max_message: options.max_message,
        };
        Ok(Driver {
            poll,
            role,
            options,
            own,
            links,
            listeners: BTreeMap::new(),
            connectors: BTreeMap::new(),
            next_endpoint: 0,
            commands,
            requests,
            given_up: Vec::new(),
            status,
            next_id: 1,
            timer: None,
            accept_at: None,
            admit_again_at: None,
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
        let mut last = Instant::now();
        loop {
            let wait = self.wait(again, Instant::now());
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return;
            }
            let now = Instant::now();
            if let Some(gap) = suspension(now.saturating_duration_since(last), wait) {
                self.links.iter_mut().for_each(|(_, link)| link.skip(gap));
            }
            last = now;
            for event in &events {
                self.note(event, now);
            }
            if !self.run_commands(now) {
                return;
            }
            for slot in self.links.take_scheduled() {
                self.serve(slot, now);
            }
            let timers = [self.timer, self.accept_at, self.admit_again_at];
            if timers.into_iter().flatten().any(|at| at <= now) {
                self.run_timers(now);
            }
            again = self.role.turn(&mut self.links, now);
            for (slot, link, why) in self.links.take_ended() {
                self.end(slot, link, why, now);
                // Messages may have waited for this connection alone.
                again = Some(now);
            }
            for address in std::mem::take(&mut self.given_up) {
                self.role.forget(&address);
                again = Some(now);
            }
            self.status.set_open(self.links.open());
            if self.closing.is_some() && self.finish(now) {
                return;
            }
        }
    }

    fn wait(&self, again: Option<Instant>, now: Instant) -> Option<Duration> {
        if self.links.has_scheduled() && self.role.can_read() {
            return Some(Duration::ZERO);
        }
        let closing = self.closing.as_ref().map(|(until, _)| *until);
        let timers = [again, self.timer, self.accept_at, self.admit_again_at, closing];
        let next = timers.into_iter().flatten().min()?;
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
            self.links.schedule(token.0);
        } else if let Some(id) = LISTENERS.checked_sub(token.0) {
            self.accept(id, now);
        }
    }

    /// Handles requests of the owner. Returns `false` if it is gone.
    fn run_commands(&mut self, now: Instant) -> bool {
        loop {
            let command = match self.commands.try_recv() {
                Ok(command) => command,
                Err(crossbeam_channel::TryRecvError::Empty) => break,
                Err(crossbeam_channel::TryRecvError::Disconnected) => {
                    return self.closing.is_some();
                }
            };
            match command {
                Command::Bind(listener, address) => self.listen(listener, address, now),
                Command::Unbind(address) => {
                    self.listeners.retain(|_, (_, bound)| *bound != address);
                    self.end_all(&address, None);
                }
                Command::Connect(address) => self.add_connector(address, now),
                Command::Disconnect(address) => {
                    self.remove_connector(&address);
                    self.given_up.push(address);
                }
                Command::Close(until, answer) => {
                    self.closing = Some((until, answer));
                    self.role.close();
                    self.listeners.clear();
                    self.connectors.retain(|_, connector| self.role.keeps(&connector.address));
                }
            }
        }
        for request in self.requests.try_iter() {
            self.role.answer(request, &mut self.links);
        }
        true
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

    fn serve(&mut self, slot: usize, now: Instant) {
        let Some(mut link) = self.links.take(slot) else { return };
        let outcome = self.drive(slot, &mut link, now);
        if let Some((topic, messages)) = link.refused.take() {
            let (name, peer) = (Arc::clone(&link.rights.name), link.address.clone());
            self.status.refuse(Refused { name, peer, topic, messages });
        }
        match outcome {
            Ok(()) => {
                if link.readable && !link.is_paused && !matches!(link.stage, Stage::Connecting) {
                    self.links.schedule(slot);
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
                Stage::Ready if link.is_paused => {}
                Stage::Ready => self.role.read(slot, link, now)?,
                Stage::Finishing(sent) => {
                    let read = link.read(&mut [0; HANDSHAKE_READ], now)?.unwrap_or(0);
                    if sent + read > FINISH_BYTES {
                        return Err(Disconnect::Local);
                    }
                    link.stage = Stage::Finishing(sent + read);
                }
            }
        }
        link.write(now)
    }

    /// Ends a connection that was taken out, and plans the next one.
    fn end(&mut self, slot: usize, mut link: Box<Link<R::Peer>>, why: Disconnect, now: Instant) {
        self.links.release(slot, &link);
        if why.is_offence() {
            link.stream.reset_on_close();
        }
        link.settle();
        let was_ready = link.ready_since.is_some();
        if was_ready {
            self.role.closed(slot, &mut link, &why);
        }
        let (endpoint, peer) = (link.endpoint.clone(), link.address.clone());
        if matches!(link.stage, Stage::Connecting) && link.connector.is_some() {
            self.status.update(&endpoint, |status| status.reached = false);
        }
        let is_unreachable = matches!(link.stage, Stage::Connecting) && link.connector.is_some();
        let kind = match was_ready {
            true => EventKind::Disconnected(why.clone()),
            false if is_unreachable => EventKind::Unreachable(why.clone()),
            false => EventKind::Failed(why.clone()),
        };
        self.status.record(Event { endpoint, peer, kind });
        if let Some(id) = link.connector {
            if let Some(connector) = self.connectors.get_mut(&id)
                && let Some(since) = link.ready_since
                && now.saturating_duration_since(since) >= connector.backoff.lasting()
            {
                connector.backoff.reset();
            }
            self.retry(id, now);
        }
    }

    fn note_timer(&mut self, at: Option<Instant>) {
        self.timer = [self.timer, at].into_iter().flatten().min();
    }

    /// Does timed work, and finds out when there is more.
    fn run_timers(&mut self, now: Instant) {
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept_at = None;
            let ids: Vec<usize> = self.listeners.keys().copied().collect();
            ids.into_iter().for_each(|id| self.accept(id, now));
        }
        if self.admit_again_at.is_some_and(|at| at <= now) {
            self.admit_again(now);
        }
        let is_due = |it: &Connector| it.retry_at.is_some_and(|retry| retry <= now);
        let due = self.connectors.iter().filter(|(_, it)| is_due(it)).map(|(id, _)| *id);
        for id in due.collect::<Vec<_>>() {
            self.connect(id, now);
        }
        let can_read = self.role.can_read();
        let mut ended = Vec::new();
        for (slot, link) in self.links.iter_mut() {
            if link.deadline.is_some_and(|deadline| deadline <= now) {
                ended.push((slot, Disconnect::HandshakeTimeout));
                continue;
            }
            if link.readable && (!can_read || link.is_paused) {
                // The answer may be among what this side does not read.
                link.heartbeat.postpone(now);
            }
            if let Err(why) = link.beat(now, R::PEERS_PAUSE).and_then(|()| link.write(now)) {
                ended.push((slot, why));
            }
        }
        ended.into_iter().for_each(|(slot, why)| self.links.end(slot, why));
        let connectors = self.connectors.values().filter_map(|it| it.retry_at);
        let links = self.links.iter().filter_map(|(_, link)| link.next_deadline());
        self.timer = connectors.chain(links).min();
    }

    /// Ends connections that have sent everything. Returns whether there is nothing left to do.
    fn finish(&mut self, now: Instant) -> bool {
        let Some((until, _)) = self.closing else { return false };
        let drained = self.role.is_drained();
        for (_, link) in self.links.iter_mut() {
            match link.stage {
                Stage::Ready if drained && link.is_flushed() => {
                    link.stream.finish();
                    link.stage = Stage::Finishing(0);
                    link.deadline = Some((now + FINISH).min(until));
                    self.timer = [self.timer, link.deadline].into_iter().flatten().min();
                }
                Stage::Ready | Stage::Finishing(_) => {}
                _ if self.role.awaits(&link.endpoint) => {}
                Stage::Connecting | Stage::Handshake(_) => {
                    link.deadline = Some(now);
                    self.timer = Some(now);
                }
            }
        }
        if !(self.links.is_empty() && drained) && now < until {
            return false;
        }
        let is_flushed = self.links.iter().all(|(_, link)| link.is_flushed());
        let sent = drained && is_flushed && !self.role.has_lost();
        if !sent {
            self.role.abandon(&self.links);
        }
        if let Some((_, answer)) = self.closing.take() {
            // Fails if the owner no longer waits.
            let _ = answer.send(sent);
        }
        true
    }
}

/// How long this process was suspended in a turn that took `took` and planned to wait for `wait`: it
/// could not see what peers did meanwhile. Without a wait, no time limit of a peer is running.
fn suspension(took: Duration, wait: Option<Duration>) -> Option<Duration> {
    Some(took.saturating_sub(wait?)).filter(|gap| *gap >= SUSPENDED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_takes_a_second_longer_than_planned_is_a_suspension() {
        let ms = Duration::from_millis;
        assert_eq!(suspension(ms(10_500), Some(ms(10_000))), None);
        assert_eq!(suspension(ms(3_600_000), Some(ms(10_000))), Some(ms(3_590_000)));
        assert_eq!(suspension(ms(3_600_000), None), None);
    }
}

//! The messages between the owner of a router and its thread, within limits for each peer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;

use super::{Delivery, Received};
use crate::net::status::Status;
use crate::{Options, Rights};

/// What waits from and for one peer.
struct Peer {
    address: String,
    rights: Rights,
    /// Messages that the owner has not taken.
    incoming: VecDeque<Vec<u8>>,
    /// The connection has ended.
    is_gone: bool,
    /// The peer is not read until the owner has taken a message.
    is_paused: bool,
    /// Messages that the thread has not taken.
    outgoing: Vec<Vec<u8>>,
    /// Messages and bytes that the system has not taken, those of `outgoing` included.
    messages: usize,
    bytes: usize,
}

#[derive(Default)]
struct State {
    peers: HashMap<u64, Peer>,
    /// Bytes of messages that the owner has not taken.
    incoming_bytes: usize,
    /// Peers with messages for the owner, each once: so that one who sends much does not keep
    /// the others waiting.
    turns: VecDeque<u64>,
    /// Peers with messages for the thread.
    dirty: Vec<u64>,
    /// Tells the owner that a message has arrived. `None` once the thread has ended.
    arrived: Option<Sender<()>>,
}

/// The messages between the owner and the thread, by connection.
pub(super) struct Queues {
    state: Mutex<State>,
    status: Arc<Status>,
    max_unread: usize,
    max_unread_bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl Queues {
    pub(super) fn new(options: &Options, arrived: Sender<()>, status: Arc<Status>) -> Queues {
        let state = State { arrived: Some(arrived), ..State::default() };
        Queues {
            state: Mutex::new(state),
            status,
            max_unread: options.unread_messages.max(1),
            max_unread_bytes: options.incomplete_bytes,
            max_messages: options.queue_messages,
            max_bytes: options.queue_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread has ended.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.arrived = None;
        state.peers.clear();
        state.incoming_bytes = 0;
    }

    /// A peer is connected.
    pub(super) fn add(&self, connection: u64, address: &str) {
        let peer = Peer {
            address: address.to_owned(),
            rights: Rights::default(),
            incoming: VecDeque::new(),
            is_gone: false,
            is_paused: false,
            outgoing: Vec::new(),
            messages: 0,
            bytes: 0,
        };
        self.lock().peers.insert(connection, peer);
    }

    /// A connection has ended. What it sent before is kept if it `answers`. Otherwise it is
    /// dropped: there is nobody to answer, and peers that come and go could queue any number.
    pub(super) fn remove(&self, connection: u64, answers: bool) {
        let mut state = self.lock();
        state.dirty.retain(|other| *other != connection);
        if let Some(peer) = state.peers.get_mut(&connection).filter(|_| answers)
            && !peer.incoming.is_empty()
        {
            peer.is_gone = true;
        } else {
            let peer = state.peers.remove(&connection);
            let unread = peer.iter().flat_map(|peer| &peer.incoming).map(Vec::len).sum::<usize>();
            state.incoming_bytes -= unread;
            state.turns.retain(|other| *other != connection);
        }
    }

    /// A message of a peer has arrived. Returns whether there is room for another one.
    pub(super) fn arrive(&self, connection: u64, rights: &Rights, message: &[u8]) -> bool {
        let mut state = self.lock();
        let State { peers, incoming_bytes, .. } = &mut *state;
        let Some(peer) = peers.get_mut(&connection) else { return false };
        let is_first = peer.incoming.is_empty();
        peer.incoming.push_back(message.to_vec());
        peer.rights.clone_from(rights);
        *incoming_bytes += message.len();
        peer.is_paused =
            peer.incoming.len() >= self.max_unread || *incoming_bytes > self.max_unread_bytes;
        let has_room = !peer.is_paused;
        if is_first {
            state.turns.push_back(connection);
        }
        if let Some(arrived) = &state.arrived {
            // One message serves for several.
            let _ = arrived.try_send(());
            self.status.note_change();
        }
        has_room
    }

    /// Takes a message, and whether its peer must be read again.
    pub(super) fn take(&self) -> Option<(Received, bool)> {
        let mut state = self.lock();
        let connection = state.turns.pop_front()?;
        let State { peers, turns, incoming_bytes, .. } = &mut *state;
        let peer = peers.get_mut(&connection)?;
        let bytes = peer.incoming.pop_front()?;
        *incoming_bytes -= bytes.len();
        let is_paused = std::mem::take(&mut peer.is_paused);
        let (address, rights) = (peer.address.clone(), peer.rights.clone());
        if !peer.incoming.is_empty() {
            turns.push_back(connection);
        } else if peer.is_gone {
            peers.remove(&connection);
        }
        Some((Received { connection, address, rights, bytes }, is_paused))
    }

    /// Queues a message for a peer. One always fits.
    pub(super) fn push(&self, connection: u64, message: Vec<u8>) -> Delivery {
        let mut state = self.lock();
        let peer = state.peers.get_mut(&connection).filter(|peer| !peer.is_gone);
        let Some(peer) = peer else { return Delivery::Gone };
        let is_full =
            peer.messages >= self.max_messages || peer.bytes + message.len() > self.max_bytes;
        if is_full && peer.messages > 0 {
            return Delivery::Full;
        }
        peer.messages += 1;
        peer.bytes += message.len();
        peer.outgoing.push(message);
        if peer.outgoing.len() == 1 {
            state.dirty.push(connection);
        }
        Delivery::Sent
    }

    /// Takes what is to be sent, by connection.
    pub(super) fn take_outgoing(&self) -> Vec<(u64, Vec<Vec<u8>>)> {
        let mut state = self.lock();
        let State { peers, dirty, .. } = &mut *state;
        let taken = dirty.drain(..).filter_map(|connection| {
            let peer = peers.get_mut(&connection)?;
            Some((connection, std::mem::take(&mut peer.outgoing)))
        });
        taken.collect()
    }

    /// Notes how many messages and bytes the system has not taken of those that the thread has
    /// taken.
    pub(super) fn note_unsent(&self, connection: u64, messages: usize, bytes: usize) {
        if let Some(peer) = self.lock().peers.get_mut(&connection) {
            peer.messages = messages + peer.outgoing.len();
            peer.bytes = bytes + peer.outgoing.iter().map(Vec::len).sum::<usize>();
        }
    }

    pub(super) fn unsent(&self, connection: u64) -> Option<usize> {
        let state = self.lock();
        state.peers.get(&connection).filter(|peer| !peer.is_gone).map(|peer| peer.messages)
    }

    pub(super) fn connections(&self) -> Vec<u64> {
        let state = self.lock();
        state.peers.iter().filter(|(_, peer)| !peer.is_gone).map(|(id, _)| *id).collect()
    }

    /// Whether the thread has taken everything.
    pub(super) fn is_drained(&self) -> bool {
        self.lock().dirty.is_empty()
    }
}

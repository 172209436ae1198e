//! Subscribers at connected addresses that are absent: they are expected back, so their
//! subscriptions stay, and messages are queued for them.

use std::collections::BTreeMap;
use std::time::Instant;

use super::peer::Peer;
use crate::Address;
use crate::net::outbox::Outbox;

/// Numbers of subscribers that are absent begin here; below are the slots of connections.
const FIRST: usize = usize::MAX / 2;

/// A subscriber that is absent.
pub(super) struct Absent {
    pub(super) endpoint: Address,
    /// When it was here last, or messages began to wait for it.
    pub(super) since: Instant,
    pub(super) outbox: Outbox,
    pub(super) peer: Peer,
}

/// The subscribers that are absent, by their numbers.
#[derive(Default)]
pub(super) struct AbsentPeers {
    peers: BTreeMap<usize, Absent>,
    next: usize,
}

impl AbsentPeers {
    /// Adds a subscriber. Returns its number.
    pub(super) fn add(&mut self, absent: Absent) -> usize {
        let number = FIRST + self.next;
        self.next += 1;
        self.peers.insert(number, absent);
        number
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Absent> {
        self.peers.get_mut(&number)
    }

    /// Takes a subscriber.
    pub(super) fn remove(&mut self, number: usize) -> Option<Absent> {
        self.peers.remove(&number)
    }

    /// Takes the subscriber that was at an address, with its number.
    pub(super) fn take(&mut self, endpoint: &Address) -> Option<(usize, Absent)> {
        let (number, _) = self.peers.iter().find(|(_, absent)| absent.endpoint == *endpoint)?;
        let number = *number;
        Some((number, self.peers.remove(&number)?))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Absent> {
        self.peers.values_mut()
    }

    /// Those for which messages are queued.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Absent> {
        self.peers.values().filter(|absent| absent.outbox.messages() > 0)
    }
}

/// The number of the owner, which can subscribe itself.
pub(super) const OWNER: usize = usize::MAX;

/// Whether a number is that of a subscriber that is absent.
pub(super) fn is_absent(number: usize) -> bool {
    (FIRST..OWNER).contains(&number)
}

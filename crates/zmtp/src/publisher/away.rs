//! Subscribers at connected addresses that are away: they are expected back, so their
//! subscriptions stay, and messages are queued for them.

use std::collections::BTreeMap;

use super::role::Peer;
use crate::Address;
use crate::net::outbox::Outbox;

/// Numbers of subscribers that are away begin here; below are the slots of connections.
const FIRST: usize = usize::MAX / 2;

/// A subscriber that is away.
pub(super) struct Away {
    pub(super) endpoint: Address,
    pub(super) outbox: Outbox,
    pub(super) peer: Peer,
}

/// The subscribers that are away, by their numbers.
#[derive(Default)]
pub(super) struct AwayPeers {
    peers: BTreeMap<usize, Away>,
    next: usize,
}

impl AwayPeers {
    /// Adds a subscriber. Returns its number.
    pub(super) fn add(&mut self, away: Away) -> usize {
        let number = FIRST + self.next;
        self.next += 1;
        self.peers.insert(number, away);
        number
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Away> {
        self.peers.get_mut(&number)
    }

    /// Takes the subscriber that was at an address, with its number.
    pub(super) fn take(&mut self, endpoint: &Address) -> Option<(usize, Away)> {
        let (number, _) = self.peers.iter().find(|(_, away)| away.endpoint == *endpoint)?;
        let number = *number;
        Some((number, self.peers.remove(&number)?))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Away> {
        self.peers.values_mut()
    }

    /// Those for which messages are queued.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Away> {
        self.peers.values().filter(|away| away.outbox.messages() > 0)
    }
}

/// The number of the owner, which can subscribe itself.
pub(super) const OWNER: usize = usize::MAX;

/// Whether a number is that of a subscriber that is away.
pub(super) fn is_away(number: usize) -> bool {
    (FIRST..OWNER).contains(&number)
}

//! What differs between kinds of sockets.

use std::time::Instant;

use super::link::Link;
use super::links::Links;
use crate::{Address, Disconnect, SocketType};

/// What differs between kinds of sockets.
pub(crate) trait Role: Send + 'static {
    /// What it knows of a peer.
    type Peer: Default + Send;
    /// What its owner may ask.
    type Request: Send;

    /// The types of socket that it can be, the preferred one first.
    fn socket_types(&self) -> &'static [SocketType];

    /// Whether peers have a reason to stop reading for long. Decides about a silent peer where
    /// the system does not tell whether its machine answers; it ends dead connections itself,
    /// later.
    const PEERS_PAUSE: bool;

    /// Handles a request of the owner.
    fn answer(&mut self, request: Self::Request, links: &mut Links<Self::Peer>);

    /// A handshake is complete. `rest` has arrived after it.
    fn ready(
        &mut self,
        slot: usize,
        link: &mut Link<Self::Peer>,
        rest: &[u8],
    ) -> Result<(), Disconnect>;

    /// The rights of a peer have changed.
    fn admitted(&mut self, _slot: usize, _: &Link<Self::Peer>) {}

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
    fn closed(&mut self, slot: usize, link: &mut Link<Self::Peer>, why: &Disconnect);

    /// Does what is left after all connections were served. Returns when to do so again, unless
    /// something happens before.
    fn turn(&mut self, links: &mut Links<Self::Peer>, now: Instant) -> Option<Instant>;

    /// Whether everything was passed on to the connections.
    fn is_drained(&self) -> bool;

    /// An address is not connected to any more.
    fn forget(&mut self, _: &Address) {}

    /// Whether a connected address is connected to again although the socket is being closed.
    fn keeps(&self, _: &Address) -> bool {
        false
    }

    /// Whether messages wait for a connection to this address.
    fn awaits(&self, _: &Address) -> bool {
        false
    }

    /// The socket is being closed: no more comes from its owner.
    fn close(&mut self);

    /// Whether a connection that ended while the socket was being closed had unsent messages.
    fn has_lost(&self) -> bool;

    /// The time to send the rest is up, or messages were lost.
    fn abandon(&mut self, _: &Links<Self::Peer>) {}
}

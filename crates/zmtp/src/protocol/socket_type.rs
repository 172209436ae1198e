//! The types of sockets.

/// The type of a socket, as its peers see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketType {
    /// Publishes.
    Pub,
    /// Publishes. To a peer the same as [`SocketType::Pub`].
    XPub,
    /// Subscribes.
    Sub,
    /// Subscribes. To a peer the same as [`SocketType::Sub`].
    XSub,
    /// Receives from [`SocketType::Push`].
    Pull,
    /// Sends to [`SocketType::Pull`].
    Push,
    /// Exchanges messages with single peers.
    Router,
    /// Exchanges messages with single peers, usually of the type [`SocketType::Router`].
    Dealer,
}

impl SocketType {
    /// Its name in READY.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SocketType::Pub => "PUB",
            SocketType::XPub => "XPUB",
            SocketType::Sub => "SUB",
            SocketType::XSub => "XSUB",
            SocketType::Pull => "PULL",
            SocketType::Push => "PUSH",
            SocketType::Router => "ROUTER",
            SocketType::Dealer => "DEALER",
        }
    }

    /// Whether a peer of the type `theirs` can be connected to one of this type.
    pub(crate) fn fits(self, theirs: &[u8]) -> bool {
        match self {
            SocketType::Pub | SocketType::XPub => matches!(theirs, b"SUB" | b"XSUB"),
            SocketType::Sub | SocketType::XSub => matches!(theirs, b"PUB" | b"XPUB"),
            SocketType::Pull => theirs == b"PUSH",
            SocketType::Push => theirs == b"PULL",
            SocketType::Router => matches!(theirs, b"REQ" | b"DEALER" | b"ROUTER"),
            SocketType::Dealer => matches!(theirs, b"REP" | b"DEALER" | b"ROUTER"),
        }
    }
}

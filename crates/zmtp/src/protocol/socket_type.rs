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
}

impl SocketType {
    /// Its name in READY.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SocketType::Pub => "PUB",
            SocketType::XPub => "XPUB",
            SocketType::Sub => "SUB",
            SocketType::XSub => "XSUB",
        }
    }

    /// Whether a peer of the type `theirs` can be connected to one of this type.
    pub(crate) fn fits(self, theirs: &[u8]) -> bool {
        match self {
            SocketType::Pub | SocketType::XPub => matches!(theirs, b"SUB" | b"XSUB"),
            SocketType::Sub | SocketType::XSub => matches!(theirs, b"PUB" | b"XPUB"),
        }
    }
}

//! Holds what a publisher knows of a subscriber, connected or absent.

use std::collections::HashMap;

use super::notices::Notices;
use crate::protocol::scanner::Scanner;

/// What is known of a subscriber.
pub(crate) struct Peer {
    pub(super) scanner: Scanner,
    /// An incomplete message of it.
    pub(super) partial: Vec<u8>,
    /// It is in `PublisherRole::dirty`.
    pub(super) is_dirty: bool,
    /// Messages dropped for it, by topic.
    pub(super) dropped: HashMap<Box<[u8]>, u64>,
    /// Messages queued for it since it connected.
    pub(super) sent: u64,
    /// Notices for which its queue has no room.
    pub(super) notices: Notices,
}

impl Default for Peer {
    fn default() -> Peer {
        let scanner = Scanner::new(0, 0);
        Peer {
            scanner,
            partial: Vec::new(),
            is_dirty: false,
            dropped: HashMap::new(),
            sent: 0,
            notices: Notices::default(),
        }
    }
}

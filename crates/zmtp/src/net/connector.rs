//! An address to connect to, and when to try again.

use std::time::Instant;

use super::backoff::Backoff;
use crate::Address;

/// An address to connect to.
pub(crate) struct Connector {
    pub(crate) address: Address,
    pub(crate) backoff: Backoff,
    /// When to try, unless there is a connection.
    pub(crate) retry_at: Option<Instant>,
}

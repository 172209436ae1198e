//! Where to listen, and the limits on what clients may send.

use std::time::Duration;

use super::address::Address;
use zlog_core::wire::pickle::Limits;

/// Where to listen, and the limits on what clients may send.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Addresses for `SocketHandler`.
    pub tcp: Vec<Address>,
    /// Addresses for `DatagramHandler`.
    pub udp: Vec<Address>,
    /// Allow addresses that other machines can reach.
    pub allow_remote: bool,
    /// The longest record, pickled, in bytes.
    pub max_record: usize,
    /// The most clients at once.
    pub max_clients: usize,
    /// How long a client may stop in the middle of a record.
    pub stall: Duration,
}

impl Default for ListenOptions {
    /// No addresses; records of up to 1 MiB, 1000 clients, a minute.
    fn default() -> ListenOptions {
        ListenOptions {
            tcp: Vec::new(),
            udp: Vec::new(),
            allow_remote: false,
            max_record: 1 << 20,
            max_clients: 1000,
            stall: Duration::from_secs(60),
        }
    }
}

impl ListenOptions {
    /// Limits on a pickle. They are closer than those for a body that the user has
    /// subscribed to, since anybody may send here: a quarter of a million values take some
    /// 40 MiB while they are decoded, and are ten times the values of a record with a
    /// thousand extras.
    pub(super) fn pickle_limits(&self) -> Limits {
        Limits {
            input: self.max_record,
            opcodes: 1 << 18,
            memo: 1 << 16,
            output: self.max_record.saturating_mul(4),
            ..Limits::DEFAULT
        }
    }
}

//! How host names and run directories connect: what each engine must be able to do for them.

use super::addresses::AddressState;

/// The connections of a socket, by the index of their endpoint.
pub(super) trait Connector {
    /// Connects to an address of an endpoint. `more` tells whether untried addresses remain.
    fn connect(&mut self, entry: usize, address: &str, more: bool);

    /// Disconnects from an address.
    fn disconnect(&mut self, entry: usize, address: &str);

    /// The state of an address.
    fn address_state(&self, entry: usize, address: &str) -> AddressState;

    /// The addresses that are connected to.
    fn addresses(&self, entry: usize) -> Vec<String>;

    /// Another endpoint that is connected to one of these addresses.
    fn find_duplicate(&self, entry: usize, addresses: &[String]) -> Option<usize>;

    /// Marks an endpoint as a duplicate of another one, whose state it shares.
    fn set_duplicate_of(&mut self, entry: usize, other: Option<usize>);

    /// Whether it is a duplicate of another endpoint.
    fn is_duplicate(&self, entry: usize) -> bool;

    /// Whether messages can flow, on this endpoint or the one it duplicates.
    fn is_up(&self, entry: usize) -> bool;

    /// Notes that the host can't be resolved. A new reason is an event.
    fn note_unresolved(&mut self, entry: usize, why: &str);

    /// Why the last lookup of the host failed.
    fn unresolved(&self, entry: usize) -> Option<String>;

    /// Whether messages that were received wait to be read.
    fn has_unread(&self) -> bool;
}

//! Where records go. The contract is [`Handler`]. To add one, imitate `console.rs`: one file here, one line in
//! the registry, and tests/parity.rs will not compile until it has an exemplar.
//!
//! What may be here: sending records on. Which records, and in which shape, is
//! decided before (`filter`, `format`).

pub mod console;
pub mod publish;

use crate::error::Result;
use crate::record::Record;

/// Sends records somewhere.
pub trait Handler {
    /// Takes one record. It may be held until [`Handler::flush`].
    ///
    /// # Errors
    /// When the handler as a whole can't go on; a record that can't be sent is
    /// counted, and the next one is taken.
    fn handle(&mut self, record: &Record<'_>) -> Result<()>;

    /// Sends on what is held: called whenever the source has nothing more.
    ///
    /// # Errors
    /// As [`Handler::handle`].
    fn flush(&mut self) -> Result<()>;
}

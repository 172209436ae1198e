//! Whether there is room for a record: on the disk, and in the limits of the process.

use std::io;

use zlog_core::Error;

/// Why no record is appended.
#[derive(Debug)]
pub enum NoRoom {
    /// The bound on bytes is reached.
    Bound,
    /// The disk is full, a quota is reached, or no file can be opened: see [`lacks_room`].
    Disk(io::Error),
    /// The record alone is beyond the bound: it never fits.
    TooLong,
}

/// Whether something is lacking that may come back: space, a descriptor, or memory.
pub fn lacks_room(error: &io::Error) -> bool {
    lacks_space(error) || lacks_descriptors(error)
}

pub(super) fn lacks_space(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Whether the process or the system lacks file descriptors, or memory for them. The file that was
/// to be opened is as it was.
pub(super) fn lacks_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|error| lacks.contains(&error))
}

/// Whether this error of [`Spool::open`](super::Spool::open) is a lack of room: it may be opened later.
pub fn waits_for_room(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.and_then(|cause| cause.downcast_ref::<io::Error>()).is_some_and(lacks_room)
}

//! The operating system: signals, descriptors, executables, host names, the clock, terminals.

pub mod clock;
pub mod executable;
pub mod fd_limit;
pub mod orphans;
pub mod resolve;
pub mod signal;
pub mod terminal;
pub mod wakeup;

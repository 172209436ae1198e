//! Whether this process was started without standard input or output (`zlog tail >&-`).
//!
//! Before `main`, Rust opens `/dev/null` in place of each missing one, so that no file gets
//! its number. Writes there would be lost, and the command would still succeed. So the check
//! runs earlier, as a constructor that the system's loader calls.

use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];

/// Whether standard input was closed at the start.
pub(super) fn stdin() -> bool {
    CLOSED[0].load(Ordering::Relaxed)
}

/// Whether standard output was closed at the start.
pub(super) fn stdout() -> bool {
    CLOSED[1].load(Ordering::Relaxed)
}

/// Only on Linux: other systems declare constructors differently, and a closed stream counts
/// as `/dev/null` there.
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the loader calls each function in this section once, before `main`. This one only
// makes system calls and writes to statics; it needs nothing that Rust sets up.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = {
    extern "C" fn look() {
        for (descriptor, closed) in (0..).zip(&CLOSED) {
            // SAFETY: reads the flags of a descriptor, which may be any number.
            let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
            closed.store(flags == -1, Ordering::Relaxed);
        }
    }
    look
};

//! Whether this process was started without standard input or output (`zlog tail >&-`).
//!
//! Before `main`, Rust opens `/dev/null` in the place of each that is missing, so that no
//! file gets its number. Afterwards a closed one can't be told from `/dev/null`: what is
//! written there would be lost, and the command would still succeed. So the look comes
//! earlier, when the system's loader runs the constructors of the program.

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

/// Elsewhere than on Linux, constructors are declared in other ways, and a closed stream is
/// taken for `/dev/null`.
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the loader calls each function in this section once, before `main`. The function
// makes system calls and writes to statics; it needs nothing that Rust sets up.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = {
    extern "C" fn look() {
        for (descriptor, closed) in (0..).zip(&CLOSED) {
            // SAFETY: asks for the flags of a descriptor, which may be any number.
            let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
            closed.store(flags == -1, Ordering::Relaxed);
        }
    }
    look
};

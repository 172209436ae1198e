//! Notices processes that register: inotify on Linux, elsewhere a look every 200 ms.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::RunDirectory;

/// Time between two looks where nothing reports changes.
const LOOK: Duration = Duration::from_millis(200);

/// Watches a run directory.
pub(crate) struct Watch {
    directory: RunDirectory,
    changes: Option<changes::Changes>,
    /// When to look even if no change was reported.
    next_look: Option<Instant>,
}

impl Watch {
    /// Starts to watch. The first call of [`Watch::has_changed`] returns true.
    pub(crate) fn new(directory: RunDirectory, now: Instant) -> Watch {
        let changes = changes::Changes::open();
        Watch { directory, changes, next_look: Some(now) }
    }

    /// As on a system, or of a directory, that reports no changes.
    #[cfg(test)]
    pub(super) fn without_changes(directory: RunDirectory, now: Instant) -> Watch {
        Watch { changes: None, ..Watch::new(directory, now) }
    }

    /// Whether processes may have registered since the last call. Never waits.
    pub(crate) fn has_changed(&mut self, now: Instant) -> bool {
        let reported = self.changes.as_ref().is_some_and(changes::Changes::take);
        if !reported && self.next_look.is_none_or(|at| now < at) {
            return false;
        }
        // The directory may have been removed at the end of a session.
        let watch = |path: &PathBuf| {
            super::create(path).is_ok() && self.changes.as_ref().is_some_and(|it| it.watch(path))
        };
        let is_watched = self.directory.directories().all(watch);
        self.next_look = (!is_watched).then_some(now + LOOK);
        true
    }

    /// The longest time until [`Watch::has_changed`] must be called again.
    pub(crate) fn wait_at_most(&self, now: Instant) -> Option<Duration> {
        self.next_look.map(|at| at.saturating_duration_since(now))
    }

    /// A descriptor that is readable when there is a change.
    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.changes.as_ref().map(changes::Changes::descriptor)
    }
}

#[cfg(target_os = "linux")]
mod changes {
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

    /// Changes that the system reports.
    pub(super) struct Changes(OwnedFd);

    impl Changes {
        /// `None` if the user has too many watches already.
        pub(super) fn open() -> Option<Changes> {
            inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok().map(Changes)
        }

        /// Watches a directory, which may be watched already. A process announces itself by
        /// writing to its file.
        pub(super) fn watch(&self, directory: &Path) -> bool {
            let events = WatchFlags::MODIFY | WatchFlags::DELETE_SELF | WatchFlags::ONLYDIR;
            inotify::add_watch(&self.0, directory, events).is_ok()
        }

        /// Whether there was a change since the last call.
        pub(super) fn take(&self) -> bool {
            let mut events = [0; 4096];
            let mut any = false;
            while rustix::io::read(&self.0, &mut events).is_ok_and(|bytes| bytes > 0) {
                any = true;
            }
            any
        }

        pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod changes {
    /// There are none.
    pub(super) enum Changes {}

    impl Changes {
        pub(super) fn open() -> Option<Changes> {
            None
        }

        pub(super) fn watch(&self, _: &std::path::Path) -> bool {
            match *self {}
        }

        pub(super) fn take(&self) -> bool {
            match *self {}
        }

        #[cfg(unix)]
        pub(super) fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
            match *self {}
        }
    }
}

//! Waits for writes to files that are open, so that a followed file is read as soon as it
//! grows. Only Linux has this, and only for files that this machine writes; elsewhere, files
//! are checked regularly.

#[cfg(target_os = "linux")]
pub(crate) use linux::FileWatch;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::FileWatch;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

    /// The shortest time between the ends of two waits: many small writes are read together.
    const MIN_INTERVAL: Duration = Duration::from_millis(1);

    /// The files whose writes end a wait.
    pub(crate) struct FileWatch {
        inotify: OwnedFd,
        ended: Option<Instant>,
    }

    impl FileWatch {
        /// `None` if the system has none to give.
        pub(crate) fn new() -> Option<FileWatch> {
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            Some(FileWatch { inotify, ended: None })
        }

        /// Watches a file, whatever name it has or gets. `None` if that is not possible.
        pub(crate) fn add(&self, file: &File) -> Option<i32> {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            inotify::add_watch(&self.inotify, path, WatchFlags::MODIFY).ok()
        }

        /// Watches a file no longer. It may be gone.
        pub(crate) fn remove(&self, file: i32) {
            let _ = inotify::remove_watch(&self.inotify, file);
        }

        /// Waits for a write to one of the files, at most for `wait`.
        pub(crate) fn wait(&mut self, wait: Duration) {
            if let Some(ended) = self.ended {
                sleep(MIN_INTERVAL.saturating_sub(ended.elapsed()));
            }
            let mut watched = [PollFd::new(&self.inotify, PollFlags::IN)];
            let wait = Timespec::try_from(wait).ok();
            // After an error, the caller looks early.
            let _ = poll(&mut watched, wait.as_ref());
            let mut buffer = [MaybeUninit::uninit(); 1024];
            while inotify::Reader::new(&self.inotify, &mut buffer).next().is_ok() {}
            self.ended = Some(Instant::now());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::fs::File;
    use std::time::Duration;

    /// There is none.
    pub(crate) enum FileWatch {}

    impl FileWatch {
        pub(crate) fn new() -> Option<FileWatch> {
            None
        }

        pub(crate) fn add(&self, _file: &File) -> Option<i32> {
            match *self {}
        }

        pub(crate) fn remove(&self, _file: i32) {
            match *self {}
        }

        pub(crate) fn wait(&mut self, _wait: Duration) {
            match *self {}
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::FileWatch;

    #[test]
    fn a_write_ends_a_wait_also_after_the_file_was_renamed() {
        const WAIT: Duration = Duration::from_secs(60);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let mut writer = File::create(&path).unwrap();
        let mut watch = FileWatch::new().unwrap();
        let watched = watch.add(&File::open(&path).unwrap()).unwrap();
        std::fs::rename(&path, directory.path().join("b")).unwrap();
        let begun = Instant::now();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| watch.wait(WAIT));
            while !waiting.is_finished() {
                writer.write_all(b"x").unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        assert!(begun.elapsed() < WAIT);
        watch.remove(watched);
        writer.write_all(b"x").unwrap();
        // What was written before has ended the first wait, or ends one more.
        watch.wait(Duration::ZERO);
        writer.write_all(b"x").unwrap();
        let begun = Instant::now();
        watch.wait(Duration::from_millis(20));
        assert!(begun.elapsed() >= Duration::from_millis(20), "it is watched no longer");
    }
}

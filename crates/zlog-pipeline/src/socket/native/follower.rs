//! Follows host names and run directories of a socket, on a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::endpoints::{Connections, Endpoints, Socket, lock};
use crate::os::thread;
use crate::socket::host_names::HostNames;
use crate::socket::registered_publishers::RegisteredPublishers;
use crate::socket::wake::{self, LONGEST, WakeSignal, Waker};
use zlog_core::Result;

/// What is followed.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) names: HostNames,
    pub(super) registered: Option<RegisteredPublishers>,
}

/// Ends the thread when it is dropped.
pub(super) struct Follower {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts the thread. `on_change` is called when something has changed here.
    pub(super) fn start<S: Socket>(
        socket: Arc<S>,
        endpoints: Arc<Mutex<Endpoints>>,
        mut followed: Followed,
        on_change: impl Fn() + Send + 'static,
    ) -> Result<Follower> {
        let (waker, wake) = wake::pair()?;
        let waker = Arc::new(waker);
        let at_change = Arc::clone(&waker);
        socket.on_change(Box::new(move || at_change.wake()));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn("zlog-follow", move || {
            while !stopped.load(Ordering::Relaxed) {
                let now = Instant::now();
                let changed = {
                    let endpoints = &mut *lock(&endpoints);
                    followed.update(now, &mut Connections { socket: &socket, endpoints })
                };
                if changed {
                    on_change();
                }
                followed.wait(&wake);
                wake.drain();
            }
        })?;
        Ok(Follower { stop, waker, thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Followed {
    fn update(&mut self, now: Instant, connections: &mut Connections<'_>) -> bool {
        let mut changed = self.names.update(true, now, connections);
        if let Some(registered) = &mut self.registered {
            changed |= registered.update(true, now, connections);
        }
        changed
    }

    fn wait_at_most(&self) -> Duration {
        let registered = self.registered.as_ref().and_then(RegisteredPublishers::wait_at_most);
        self.names.wait_at_most().into_iter().chain(registered).min().unwrap_or(LONGEST)
    }

    /// Waits until something may be due.
    #[cfg(unix)]
    fn wait(&self, wake: &WakeSignal) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let registered = self.registered.as_ref().and_then(RegisteredPublishers::descriptor);
        let descriptors = std::iter::once(wake.descriptor()).chain(registered);
        let item = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut items: Vec<PollFd<'_>> = descriptors.map(item).collect();
        let wait = self.wait_at_most();
        // Always in range: an hour at most.
        let wait = Timespec::try_from(wait).ok();
        // A signal ends the wait; the loop checks again.
        let _ = poll(&mut items, wait.as_ref());
    }

    /// Descriptors can't be waited for here.
    #[cfg(not(unix))]
    fn wait(&self, _: &WakeSignal) {
        std::thread::sleep(self.wait_at_most());
    }
}

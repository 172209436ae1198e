//! Wakes a thread that waits for something else than its socket.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::connection_manager::{poll, wake_item};
use super::options;
use crate::os::thread;
use crate::socket::wake::{self, LONGEST, WakeSignal, Waker};
use zlog_core::Result;

/// Sends a message when a socket has events. A thread of its own waits for its descriptors.
pub(super) struct EventWatch {
    /// Makes the thread wait for the next event.
    rearm: Sender<()>,
    has_fired: Arc<AtomicBool>,
    stop: Waker,
}

/// The thread's side.
struct Watcher {
    descriptors: [RawFd; 2],
    armed: Receiver<()>,
    has_fired: Arc<AtomicBool>,
    stop: WakeSignal,
    wake: Sender<()>,
}

impl EventWatch {
    /// Watches `sockets`, which this thread must read to their end before each
    /// [`EventWatch::rearm`].
    ///
    /// # Errors
    /// No more descriptors or threads.
    pub(super) fn start(sockets: [&zmq::Socket; 2], wake: Sender<()>) -> Result<EventWatch> {
        let descriptor = |socket: &zmq::Socket| socket.get_fd().map_err(options::open_error);
        let descriptors = [descriptor(sockets[0])?, descriptor(sockets[1])?];
        let (rearm, armed) = bounded(1);
        let (stop, stopped) = wake::pair()?;
        let has_fired = Arc::new(AtomicBool::new(true));
        let watcher =
            Watcher { descriptors, armed, has_fired: Arc::clone(&has_fired), stop: stopped, wake };
        thread::spawn("zlog-events", || watcher.run())?;
        Ok(EventWatch { rearm, has_fired, stop })
    }

    /// Waits for the next event. Call it when the sockets have been read to their end.
    pub(super) fn rearm(&self) {
        if self.has_fired.swap(false, Ordering::AcqRel) {
            // There is room: the thread has taken the message before.
            let _ = self.rearm.try_send(());
        }
    }
}

impl Drop for EventWatch {
    fn drop(&mut self) {
        self.stop.wake();
    }
}

impl Watcher {
    fn run(self) {
        while self.armed.recv().is_ok() {
            // A signal or the time ends a wait, too.
            loop {
                let items = self.descriptors.map(|fd| zmq::PollItem::from_fd(fd, zmq::POLLIN));
                let mut items: Vec<_> = items.into_iter().chain(wake_item(&self.stop)).collect();
                poll(&mut items, LONGEST);
                if items.get(2).is_some_and(zmq::PollItem::is_readable) {
                    return;
                }
                if items.iter().any(zmq::PollItem::is_readable) {
                    break;
                }
            }
            self.has_fired.store(true, Ordering::Release);
            let _ = self.wake.try_send(());
        }
    }
}

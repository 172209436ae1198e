//! The owner's end of a socket: starts its thread, and tells it what to do.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use mio::{Poll, Waker};

use crate::net::driver::{Command, Driver};
use crate::net::role::Role;
use crate::net::status::Status;
use crate::net::transport::Listener;
use crate::{Address, Options};

/// How much longer than its linger to wait for the thread.
const GRACE: Duration = Duration::from_secs(1);

/// The owner's end of a socket.
pub(crate) struct Owner<C> {
    commands: Sender<Command<C>>,
    waker: Arc<Waker>,
    status: Arc<Status>,
    thread: Option<JoinHandle<()>>,
}

impl<C: Send + 'static> Owner<C> {
    /// Starts the thread of a socket. `on_end` is called when it has ended, or panicked.
    pub(crate) fn start<R: Role<Command = C>>(
        name: &str,
        options: Options,
        status: Arc<Status>,
        role: impl FnOnce(Arc<Waker>) -> R,
        on_end: impl Fn() + Send + 'static,
    ) -> io::Result<Owner<C>> {
        let poll = Poll::new()?;
        let waker = Arc::new(Driver::<R>::waker(&poll)?);
        let (commands, received) = crossbeam_channel::unbounded();
        let role = role(Arc::clone(&waker));
        let driver = Driver::new(role, options, received, Arc::clone(&status), poll)?;
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _on_end = OnDrop(on_end);
            driver.run();
        })?;
        Ok(Owner { commands, waker, status, thread: Some(thread) })
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    pub(crate) fn wake(&self) {
        // Fails only if the thread and its poll are gone, which the next send reports.
        let _ = self.waker.wake();
    }

    fn command(&self, command: Command<C>) {
        // Fails if the thread is gone, as above.
        let _ = self.commands.send(command);
        self.wake();
    }

    pub(crate) fn ask(&self, command: C) {
        self.command(Command::Role(command));
    }

    pub(crate) fn bind(&self, address: &Address) -> io::Result<Address> {
        let (listener, address) = Listener::bind(address)?;
        self.status.add(&address, true);
        self.command(Command::Bind(listener, address.clone()));
        Ok(address)
    }

    pub(crate) fn unbind(&self, address: &Address) {
        self.status.remove(address, true);
        self.command(Command::Unbind(address.clone()));
    }

    pub(crate) fn connect(&self, address: &Address) {
        let known = |it: &crate::EndpointStatus| !it.is_bound && it.address == *address;
        if !self.status.endpoints().iter().any(known) {
            self.status.add(address, false);
            self.command(Command::Connect(address.clone()));
        }
    }

    pub(crate) fn disconnect(&self, address: &Address) {
        self.status.remove(address, false);
        self.command(Command::Disconnect(address.clone()));
    }

    /// Closes the socket once everything is sent, or after `linger`. Returns whether everything
    /// was sent.
    pub(crate) fn close(mut self, linger: Duration) -> bool {
        self.end(linger)
    }

    fn end(&mut self, linger: Duration) -> bool {
        let Some(thread) = self.thread.take() else { return false };
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.command(Command::Close(Instant::now() + linger, answer));
        let sent = answered.recv_timeout(linger + GRACE).unwrap_or(false);
        // A panic was reported when it happened.
        let _ = thread.join();
        sent
    }
}

impl<C> Drop for Owner<C> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let (answer, _) = crossbeam_channel::bounded(1);
            let _ = self.commands.send(Command::Close(Instant::now(), answer));
            let _ = self.waker.wake();
            let _ = thread.join();
        }
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

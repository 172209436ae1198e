//! The owner's end of a socket: starts its thread, and tells it what to do.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use mio::{Poll, Waker};

use crate::net::driver::{Command, Driver};
use crate::net::role::Role;
use crate::net::status::Status;
use crate::net::transport::Listener;
use crate::{Address, EndpointStatus, Event, Options};

/// How much longer than its linger to wait for the thread.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait for an answer of the thread, which only waits itself in a poll.
const ANSWER: Duration = Duration::from_secs(5);

/// What all sockets have in common: their bound and connected addresses.
pub struct Socket {
    commands: Sender<Command>,
    waker: Arc<Waker>,
    status: Arc<Status>,
    thread: Option<JoinHandle<()>>,
}

impl Socket {
    /// Binds an address. Returns it with its port.
    ///
    /// # Errors
    /// `AddrInUse` if it is taken; for ipc, `AlreadyExists` if the file is no socket.
    pub fn bind(&self, address: &Address) -> io::Result<Address> {
        let (listener, address) = Listener::bind(address)?;
        self.status.add(&address, true);
        self.command(Command::Bind(listener, address.clone()));
        Ok(address)
    }

    /// Unbinds an address and closes its connections.
    pub fn unbind(&self, address: &Address) {
        self.status.remove(address, true);
        self.command(Command::Unbind(address.clone()));
    }

    /// Connects to an address, and reconnects whenever the connection ends.
    pub fn connect(&self, address: &Address) {
        let known = |it: &EndpointStatus| !it.is_bound && it.address == *address;
        if !self.status.endpoints().iter().any(known) {
            self.status.add(address, false);
            self.command(Command::Connect(address.clone()));
        }
    }

    /// Closes the connection to an address.
    pub fn disconnect(&self, address: &Address) {
        self.status.remove(address, false);
        self.command(Command::Disconnect(address.clone()));
    }

    /// The bound and connected addresses, and their connections.
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        self.status.endpoints()
    }

    /// Number of connections, those in a handshake included.
    pub fn connections(&self) -> usize {
        self.status.open()
    }

    /// What happened to connections. Events beyond 1024 that are not read are lost.
    pub fn events(&self) -> &Receiver<Event> {
        self.status.events()
    }

    /// Gets a message when a connection or a subscription has changed, or a router has a message.
    pub fn changes(&self) -> &Receiver<()> {
        self.status.change()
    }

    /// From now on, `listener` is called in the socket's thread when a connection or a
    /// subscription has changed, or a router has a message. It must not wait.
    pub fn on_change(&self, listener: Box<dyn Fn() + Send>) {
        self.status.listen(listener);
    }

    fn wake(&self) {
        // Fails only if the thread and its poll are gone, which the next send reports.
        let _ = self.waker.wake();
    }

    fn command(&self, command: Command) {
        // Fails if the thread is gone, as above.
        let _ = self.commands.send(command);
        self.wake();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let (answer, _) = crossbeam_channel::bounded(1);
            self.command(Command::Close(Instant::now(), answer));
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// The owner's end of a socket, whose thread answers requests of the type `A`.
pub(crate) struct Owner<A> {
    socket: Socket,
    requests: Sender<A>,
}

impl<A: Send + 'static> Owner<A> {
    /// Starts the thread of a socket. `on_end` is called when it has ended, or panicked.
    pub(crate) fn start<R: Role<Request = A>>(
        name: &str,
        options: Options,
        status: Arc<Status>,
        role: impl FnOnce(Arc<Waker>) -> R,
        on_end: impl Fn() + Send + 'static,
    ) -> io::Result<Owner<A>> {
        let poll = Poll::new()?;
        let waker = Arc::new(Driver::<R>::waker(&poll)?);
        let (commands, received) = crossbeam_channel::unbounded();
        let (requests, asked) = crossbeam_channel::unbounded();
        let role = role(Arc::clone(&waker));
        let driver = Driver::new(role, options, (received, asked), Arc::clone(&status), poll)?;
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _on_end = OnDrop(on_end);
            driver.run();
        })?;
        Ok(Owner { socket: Socket { commands, waker, status, thread: Some(thread) }, requests })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn wake(&self) {
        self.socket.wake();
    }

    /// Passes a request to the thread.
    pub(crate) fn ask(&self, request: A) {
        // Fails if the thread is gone, which the next send reports.
        let _ = self.requests.send(request);
        self.wake();
    }

    /// Passes a request to the thread, and waits for the answer. Returns the default if the
    /// thread is gone.
    pub(crate) fn answer<T: Default>(&self, request: impl FnOnce(Sender<T>) -> A) -> T {
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.ask(request(answer));
        answered.recv_timeout(ANSWER).unwrap_or_default()
    }

    /// Closes the socket once everything is sent, or after `linger`. Returns whether everything
    /// was sent.
    pub(crate) fn close(mut self, linger: Duration) -> bool {
        let Some(thread) = self.socket.thread.take() else { return false };
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.socket.command(Command::Close(Instant::now() + linger, answer));
        let sent = answered.recv_timeout(linger + GRACE).unwrap_or(false);
        // A panic was reported when it happened.
        let _ = thread.join();
        sent
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

//! A mail server on loopback for the mail handler: it speaks SMTP (RFC 5321), accepts every
//! mail, and counts it.
//!
//! It holds each mail for a delay that stands for a real server's work. Mails are counted,
//! shown to `inspect`, and dropped: nothing is stored or forwarded, and memory is bounded
//! by the open connections. `session` implements the protocol.

mod session;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use self::session::Mail;
use self::session::{Next, Session};
use zlog_core::{Error, Result};
use zlog_pipeline::os;

/// An idle connection is closed after this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long [`SmtpServer::stop`] waits for connections to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept: descriptors may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Called with each mail before it is acknowledged, on its connection's thread.
pub type Inspect = Box<dyn Fn(&Mail) + Send + Sync>;

/// The server's behaviour.
#[derive(Default)]
pub struct ServerOptions {
    /// How long each mail is held before it is acknowledged.
    pub delay: Duration,
    /// Called with each mail.
    pub inspect: Option<Inspect>,
}

/// A running mail server. Dropping it stops it.
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// State that the server and its threads share.
struct Shared {
    options: ServerOptions,
    state: Mutex<State>,
    /// Notified for each mail.
    arrived: Condvar,
    /// Notified when the server stops.
    stopped: Condvar,
    /// Notified when a connection ends.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    received: u64,
    stopping: bool,
    /// Open connections, so that they can be shut down.
    connections: HashMap<u64, TcpStream>,
}

impl SmtpServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// No port or no thread is available.
    pub fn start(options: ServerOptions) -> Result<SmtpServer> {
        let failed = |error: io::Error| Error::io("can't start the embedded mail server", &error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            options,
            state: Mutex::default(),
            arrived: Condvar::new(),
            stopped: Condvar::new(),
            ended: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = os::thread::spawn("smtp server", move || accept(&listener, &accepting))?;
        Ok(SmtpServer { address, shared, acceptor: Some(acceptor) })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL: `smtp://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// How many mails were received so far. A mail is counted when it is complete and its
    /// delay has passed, just before it is acknowledged.
    pub fn received(&self) -> u64 {
        self.shared.state().received
    }

    /// Waits until `count` mails were received since the start, at most for `within`.
    /// Returns how many were.
    pub fn wait_for(&self, count: u64, within: Duration) -> u64 {
        let state = self.shared.state();
        let waited =
            self.shared.arrived.wait_timeout_while(state, within, |state| state.received < count);
        waited.unwrap_or_else(PoisonError::into_inner).0.received
    }

    /// Stops the server: shuts down open connections and waits for their threads. A mail
    /// that was not acknowledged is not counted. Returns how many were received.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.received()
    }

    fn end(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        {
            let mut state = self.shared.state();
            state.stopping = true;
            for stream in state.connections.values() {
                // It may be closed already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.shared.stopped.notify_all();
        // Wakes the accepting thread. If no connection can be made, that thread ends with
        // the process.
        if TcpStream::connect_timeout(&self.address, STOP_TIMEOUT).is_ok() {
            let _ = acceptor.join();
        }
        let state = self.shared.state();
        let open = |state: &mut State| !state.connections.is_empty();
        drop(self.shared.ended.wait_timeout_while(state, STOP_TIMEOUT, open));
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// The state is consistent whenever the lock is released, so a panic elsewhere does not
    /// matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `delay` or until the server stops. Returns whether it stops.
    fn pause(&self, delay: Duration) -> bool {
        let state = self.state();
        if delay.is_zero() {
            return state.stopping;
        }
        let waited = self.stopped.wait_timeout_while(state, delay, |state| !state.stopping);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    /// Accepts a mail. Returns whether it may be acknowledged.
    fn deliver(&self, mail: &Mail) -> bool {
        if let Some(inspect) = &self.options.inspect {
            inspect(mail);
        }
        if self.pause(self.options.delay) {
            return false;
        }
        self.state().received += 1;
        self.arrived.notify_all();
        true
    }
}

/// Accepts connections until the server stops.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for number in 0.. {
        let taken = listener.accept().and_then(|(stream, _)| open(stream, number, shared));
        let wait = if taken.is_ok() { Duration::ZERO } else { ACCEPT_PAUSE };
        if shared.pause(wait) {
            return;
        }
    }
}

/// Starts a connection's thread.
fn open(stream: TcpStream, number: u64, shared: &Arc<Shared>) -> io::Result<()> {
    // Each reply is one write, and the client waits for it.
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    let cut = stream.try_clone()?;
    {
        let mut state = shared.state();
        if state.stopping {
            return Ok(());
        }
        state.connections.insert(number, cut);
    }
    let connection = OpenConnection { number, shared: Arc::clone(shared) };
    let serve = move || {
        // If the client disconnects, its mail is not counted.
        let _ = serve(&stream, &connection.shared);
    };
    thread::Builder::new().name("smtp session".to_owned()).spawn(serve).map(drop)
}

/// Removes a connection from the open ones when dropped.
struct OpenConnection {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.shared.state().connections.remove(&self.number);
        self.shared.ended.notify_all();
    }
}

/// Serves one client until it leaves.
fn serve(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut session = Session::default();
    let mut replies = Vec::new();
    let mut block = [0; 8192];
    session.greet(&mut replies);
    loop {
        stream.write_all(&replies)?;
        replies.clear();
        let len = match stream.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut deliver = |mail: &Mail| shared.deliver(mail);
        if session.feed(&block[..len], &mut replies, &mut deliver) == Next::Close {
            return stream.write_all(&replies);
        }
    }
}

#[cfg(test)]
mod tests;

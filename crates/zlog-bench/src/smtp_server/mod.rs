//! A mail server on loopback for the mail handler to talk to: it speaks SMTP
//! (RFC 5321), takes every mail, and counts it.
//!
//! What may be here: the listener, its connections, the count, and the delay that
//! stands for what a real server does with a mail before it acknowledges it. What
//! is said on a connection is `session`'s. A mail is counted, shown to whoever
//! asked to see it, and dropped: nothing is stored or passed on, and memory stays
//! bounded by the connections that are open.

mod session;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::session::{Next, Session};
use zlog_core::error::{Error, Result};

/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// How long [`SmtpServer::stop`] waits for connections to end.
const STOPPING: Duration = Duration::from_secs(5);
/// The wait after a connection could not be taken: descriptors may have run out.
const BREATH: Duration = Duration::from_millis(20);

/// A mail as it was received.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mail {
    /// The reverse path, from `MAIL FROM`; empty for a bounce.
    pub from: String,
    /// The forward paths, from `RCPT TO`.
    pub to: Vec<String>,
    /// Headers and body, dots unstuffed. It ends with CR LF.
    pub data: Vec<u8>,
}

/// Sees each mail before it is acknowledged, on its connection's thread.
pub type Inspect = Box<dyn Fn(&Mail) + Send + Sync>;

/// How the server behaves.
#[derive(Default)]
pub struct ServerOptions {
    /// How long each mail is held before it is acknowledged.
    pub delay: Duration,
    /// Is shown each mail.
    pub inspect: Option<Inspect>,
}

/// A mail server that is running. It ends when it is dropped.
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the server and its threads share.
struct Shared {
    options: ServerOptions,
    state: Mutex<State>,
    /// Signalled for each mail.
    arrived: Condvar,
    /// Signalled when the server is to stop.
    stopped: Condvar,
    /// Signalled when a connection ends.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    received: u64,
    stopping: bool,
    /// Those that are open, so that they can be cut.
    connections: HashMap<u64, TcpStream>,
}

impl SmtpServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port or no thread is to be had.
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
        let acceptor = thread::Builder::new()
            .name("smtp server".to_owned())
            .spawn(move || accept(&listener, &accepting))
            .map_err(failed)?;
        Ok(SmtpServer { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL: `smtp://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// How many mails were received so far. A mail counts when it is complete and
    /// its delay has passed, just before it is acknowledged.
    pub fn received(&self) -> u64 {
        self.shared.state().received
    }

    /// Waits until `count` mails were received since the start, but not longer than
    /// `within`. Returns how many there were.
    pub fn wait_for(&self, count: u64, within: Duration) -> u64 {
        let state = self.shared.state();
        let waited =
            self.shared.arrived.wait_timeout_while(state, within, |state| state.received < count);
        waited.unwrap_or_else(PoisonError::into_inner).0.received
    }

    /// Stops: cuts what connections are open and waits for their threads. A mail
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
                // One that is closed already is what is wanted.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.shared.stopped.notify_all();
        // The acceptor waits for a connection: this is one. Where none can be made,
        // it can't be woken, and is left to end with the process.
        if TcpStream::connect_timeout(&self.address, STOPPING).is_ok() {
            let _ = acceptor.join();
        }
        let state = self.shared.state();
        let open = |state: &mut State| !state.connections.is_empty();
        drop(self.shared.ended.wait_timeout_while(state, STOPPING, open));
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Nothing is left half done under this lock, so a panic elsewhere is no reason
    /// to give up.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, unless the server is to stop. Returns whether it is.
    fn pause(&self, delay: Duration) -> bool {
        let state = self.state();
        if delay.is_zero() {
            return state.stopping;
        }
        let waited = self.stopped.wait_timeout_while(state, delay, |state| !state.stopping);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    /// Takes a mail. Returns whether it may be acknowledged.
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

/// Takes connections until the server stops.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for number in 0.. {
        let taken = listener.accept().and_then(|(stream, _)| open(stream, number, shared));
        let wait = if taken.is_ok() { Duration::ZERO } else { BREATH };
        if shared.pause(wait) {
            return;
        }
    }
}

/// Gives a connection its thread.
fn open(stream: TcpStream, number: u64, shared: &Arc<Shared>) -> io::Result<()> {
    // Each reply is one write, and the client waits for it.
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let cut = stream.try_clone()?;
    {
        let mut state = shared.state();
        if state.stopping {
            return Ok(());
        }
        state.connections.insert(number, cut);
    }
    let place = Place { number, shared: Arc::clone(shared) };
    let converse = move || {
        // A client that breaks off is its own concern: its mail is not counted.
        let _ = converse(&stream, &place.shared);
    };
    thread::Builder::new().name("smtp session".to_owned()).spawn(converse).map(drop)
}

/// A connection's place among those that are open, given up however it ends.
struct Place {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.state().connections.remove(&self.number);
        self.shared.ended.notify_all();
    }
}

/// Speaks with one client until it leaves.
fn converse(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
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
        if session.take(&block[..len], &mut replies, &mut deliver) == Next::Close {
            return stream.write_all(&replies);
        }
    }
}

#[cfg(test)]
mod tests;

//! Listening sockets that accept clients.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use crate::source::python::options::ListenOptions;
use crate::source::python::peer::Peer;
use crate::source::python::sockets::{Listener, Stream};
use crate::source::python::stats::NoticeLimiter;
use zlog_core::{Error, Result};

/// `logging.handlers.DEFAULT_TCP_LOGGING_PORT`.
const PORT: u16 = 9020;

/// Pause after a failed accept, usually because descriptors ran out. Without it, the loop
/// would spin.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Most clients accepted in a row, before connected clients get their turns.
const MAX_AT_ONCE: u32 = 64;

/// A listening socket.
pub(super) struct Acceptor {
    listener: Listener,
    name: Arc<str>,
    /// Clients may be waiting. The system reports this once, so it must be kept.
    ready: bool,
    /// Accept is not called before this.
    not_before: Option<Instant>,
    /// The last accept failed, which was reported.
    failing: bool,
    /// Clients accepted in a row.
    accepted: u32,
}

/// Outcome of [`Acceptor::accept`].
pub(super) enum Accepted {
    /// A client.
    Client(Stream, Peer),
    /// No client waits, or none can be accepted now.
    NoClient,
    /// More clients wait, for the next call.
    Later,
}

/// Opens all listening sockets. Their tokens begin with 0.
///
/// # Errors
/// An address can't be listened on.
pub(super) fn open(
    options: &ListenOptions,
    registry: &Registry,
    notices: &mut Vec<String>,
) -> Result<Vec<Acceptor>> {
    let mut acceptors: Vec<Acceptor> = Vec::new();
    for address in &options.tcp {
        for listener in address.open(PORT, options.allow_remote, Listener::open)? {
            let mut acceptor = Acceptor::new(listener);
            let token = Token(acceptors.len());
            let source = acceptor.listener.source();
            let registered = registry.register(source, token, Interest::READABLE);
            registered.map_err(|error| Error::io("watching a socket", &error))?;
            notices.push(format!("listening on {} for Python's SocketHandler", acceptor.name));
            acceptors.push(acceptor);
        }
    }
    Ok(acceptors)
}

impl Acceptor {
    fn new(listener: Listener) -> Acceptor {
        let name = listener.name().into();
        Acceptor { listener, name, ready: false, not_before: None, failing: false, accepted: 0 }
    }

    /// Clients may be waiting.
    pub(super) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Longest wait before the next call of [`Acceptor::accept`].
    pub(super) fn max_wait(&self, now: Instant) -> Duration {
        match self.not_before {
            _ if !self.ready => Duration::MAX,
            Some(not_before) => not_before.saturating_duration_since(now),
            None => Duration::ZERO,
        }
    }

    /// Removes the file of a Unix socket, so that no new client finds it. Clients that are
    /// waiting are still accepted.
    pub(super) fn unlink(&mut self) {
        self.listener.unlink();
    }

    /// Whether clients wait that the system could not accept.
    pub(super) fn is_failing(&self) -> bool {
        self.failing && self.ready
    }

    /// Ends the pause after a failure.
    pub(super) fn retry_now(&mut self) {
        self.not_before = None;
    }

    /// Accepts the next client.
    pub(super) fn accept(&mut self, at: Instant, notices: &mut NoticeLimiter) -> Accepted {
        if !self.ready || self.not_before.is_some_and(|not_before| at < not_before) {
            return Accepted::NoClient;
        }
        if self.accepted >= MAX_AT_ONCE {
            self.accepted = 0;
            return Accepted::Later;
        }
        self.not_before = None;
        loop {
            match self.listener.accept() {
                Ok((stream, sender)) => {
                    self.failing = false;
                    self.accepted += 1;
                    return Accepted::Client(stream, Peer::new(sender, &self.name));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.ready = false;
                        self.accepted = 0;
                        return Accepted::NoClient;
                    }
                    // The client has disconnected already, or a signal came.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => return self.fail(&error, at, notices),
                },
            }
        }
    }

    /// No client can be accepted now. Connected clients are not affected.
    fn fail(&mut self, error: &io::Error, at: Instant, notices: &mut NoticeLimiter) -> Accepted {
        self.not_before = Some(at + FAILURE_PAUSE);
        self.accepted = 0;
        if !self.failing {
            self.failing = true;
            let name = &self.name;
            let error = Error::io(format_args!("can't accept new clients on {name}"), error);
            notices.report(|| format!("{error}; they wait (a higher `ulimit -n` may help)"));
        }
        Accepted::NoClient
    }
}

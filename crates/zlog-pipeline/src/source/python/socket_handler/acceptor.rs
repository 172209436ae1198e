//! Listening sockets: where clients come in.
//!
//! What may be here: accepting, and what the system says to it. How many may be inside
//! is `socket_handler`'s; what kinds of sockets there are, `listen`'s.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use crate::source::python::{ListenOptions, Listener, NoticeLimiter, Peer, Stream};
use zlog_core::error::{Error, Result};

/// `logging.handlers.DEFAULT_TCP_LOGGING_PORT`.
const PORT: u16 = 9020;

/// How long an acceptor is left alone at which the system could let nobody in: out of
/// descriptors, most often. Asking at once again would be asking without end.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Those let in at once, before clients get their turns again.
const MAX_AT_ONCE: u32 = 64;

/// A acceptor.
pub(super) struct Acceptor {
    listener: Listener,
    name: Arc<str>,
    /// Somebody may wait. The system tells once, not as long as it is so.
    ready: bool,
    /// Before this, the system is not asked again.
    not_before: Option<Instant>,
    /// The system's last word was a failure, and that has been told.
    failing: bool,
    accepted: u32,
}

/// Who is at the acceptor.
pub(super) enum Accepted {
    /// A client, let in.
    Client(Stream, Peer),
    /// Nobody, or nobody who can be let in now.
    NoClient,
    /// More, for another time.
    Later,
}

/// Opens all acceptors, with tokens from 0 on.
///
/// # Errors
/// An address that can't be listened on.
pub(super) fn open(
    options: &ListenOptions,
    registry: &Registry,
    bound: &mut Vec<String>,
) -> Result<Vec<Acceptor>> {
    let mut acceptors: Vec<Acceptor> = Vec::new();
    for address in &options.tcp {
        for listener in address.open(PORT, options.allow_remote, Listener::open)? {
            let mut acceptor = Acceptor::new(listener);
            let token = Token(acceptors.len());
            let watched = registry.register(acceptor.listener.source(), token, Interest::READABLE);
            watched.map_err(|error| Error::io("watching a socket", &error))?;
            bound.push(format!("{} for Python's SocketHandler", acceptor.name));
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

    /// Somebody waits.
    pub(super) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// How long it may be left alone.
    pub(super) fn max_wait(&self, now: Instant) -> Duration {
        match self.not_before {
            _ if !self.ready => Duration::MAX,
            Some(not_before) => not_before.saturating_duration_since(now),
            None => Duration::ZERO,
        }
    }

    /// No one new is to come, as far as that can be had; those who wait are let in.
    pub(super) fn stop_accepting(&mut self) {
        self.listener.stop_accepting();
    }

    /// Whether the system could not let in who waits.
    pub(super) fn is_failing(&self) -> bool {
        self.failing && self.ready
    }

    /// The system may be asked again at once.
    pub(super) fn retry_now(&mut self) {
        self.not_before = None;
    }

    /// Lets the next one in.
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
                    // It has hung up again, or a signal came.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => return self.fail(&error, at, notices),
                },
            }
        }
    }

    /// The system can't let anybody in now. Those inside don't notice.
    fn fail(&mut self, error: &io::Error, at: Instant, notices: &mut NoticeLimiter) -> Accepted {
        self.not_before = Some(at + FAILURE_PAUSE);
        self.accepted = 0;
        if !self.failing {
            self.failing = true;
            let name = &self.name;
            let error = Error::io(format_args!("no new clients can be let in on {name}"), error);
            notices.report(|| format!("{error}; they wait (a higher `ulimit -n` may help)"));
        }
        Accepted::NoClient
    }
}

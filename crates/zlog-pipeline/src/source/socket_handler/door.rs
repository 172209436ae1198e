//! Listening sockets: where clients come in.
//!
//! What may be here: accepting, and what the system says to it. How many may be inside
//! is `socket_handler`'s; what kinds of sockets there are, `listen`'s.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use crate::source::listen::{ListenOptions, Listener, Peer, Stream, Told};
use zlog_core::error::{Error, Result};

/// `logging.handlers.DEFAULT_TCP_LOGGING_PORT`.
const PORT: u16 = 9020;

/// How long a door is left alone at which the system could let nobody in: out of
/// descriptors, most often. Asking at once again would be asking without end.
const PAUSE: Duration = Duration::from_secs(1);

/// Those let in at once, before clients get their turns again.
const AT_ONCE: u32 = 64;

/// A door.
pub(super) struct Door {
    listener: Listener,
    name: Arc<str>,
    /// Somebody may wait. The system tells once, not as long as it is so.
    knocked: bool,
    /// Before this, the system is not asked again.
    not_before: Option<Instant>,
    /// The system's last word was a failure, and that has been told.
    failing: bool,
    let_in: u32,
}

/// Who is at the door.
pub(super) enum Knock {
    /// A client, let in.
    Client(Stream, Peer),
    /// Nobody, or nobody who can be let in now.
    Nobody,
    /// More, for another time.
    Later,
}

/// Opens all doors, with tokens from 0 on.
///
/// # Errors
/// An address that can't be listened on.
pub(super) fn open(
    options: &ListenOptions,
    registry: &Registry,
    bound: &mut Vec<String>,
) -> Result<Vec<Door>> {
    let mut doors: Vec<Door> = Vec::new();
    for address in &options.tcp {
        for listener in address.open(PORT, options.allow_remote, Listener::open)? {
            let mut door = Door::new(listener);
            let token = Token(doors.len());
            let watched = registry.register(door.listener.source(), token, Interest::READABLE);
            watched.map_err(|error| Error::io("watching a socket", &error))?;
            bound.push(format!("{} for Python's SocketHandler", door.name));
            doors.push(door);
        }
    }
    Ok(doors)
}

impl Door {
    fn new(listener: Listener) -> Door {
        let name = listener.place().into();
        Door { listener, name, knocked: false, not_before: None, failing: false, let_in: 0 }
    }

    /// Somebody waits.
    pub(super) fn knocked(&mut self) {
        self.knocked = true;
    }

    /// How long it may be left alone.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        match self.not_before {
            _ if !self.knocked => Duration::MAX,
            Some(not_before) => not_before.saturating_duration_since(now),
            None => Duration::ZERO,
        }
    }

    /// No one new is to come, as far as that can be had; those who wait are let in.
    pub(super) fn shut(&mut self) {
        self.listener.shut();
    }

    /// Whether the system could not let in who waits.
    pub(super) fn is_failing(&self) -> bool {
        self.failing && self.knocked
    }

    /// The system may be asked again at once.
    pub(super) fn try_again(&mut self) {
        self.not_before = None;
    }

    /// Lets the next one in.
    pub(super) fn accept(&mut self, at: Instant, told: &mut Told) -> Knock {
        if !self.knocked || self.not_before.is_some_and(|not_before| at < not_before) {
            return Knock::Nobody;
        }
        if self.let_in >= AT_ONCE {
            self.let_in = 0;
            return Knock::Later;
        }
        self.not_before = None;
        loop {
            match self.listener.accept() {
                Ok((stream, sender)) => {
                    self.failing = false;
                    self.let_in += 1;
                    return Knock::Client(stream, Peer::new(sender, &self.name));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.knocked = false;
                        self.let_in = 0;
                        return Knock::Nobody;
                    }
                    // It has hung up again, or a signal came.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => return self.fail(&error, at, told),
                },
            }
        }
    }

    /// The system can't let anybody in now. Those inside don't notice.
    fn fail(&mut self, error: &io::Error, at: Instant, told: &mut Told) -> Knock {
        self.not_before = Some(at + PAUSE);
        self.let_in = 0;
        if !self.failing {
            self.failing = true;
            let name = &self.name;
            let error = Error::io(format_args!("no new clients can be let in on {name}"), error);
            told.say(|| format!("{error}; they wait (a higher `ulimit -n` may help)"));
        }
        Knock::Nobody
    }
}

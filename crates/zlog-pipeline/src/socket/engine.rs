//! Which implementation of ZeroMQ's protocol carries the messages.

use super::endpoint::Endpoint;
use zlog_core::text::choice::{Choice, Named};
use zlog_core::{Error, Result};

/// The environment variable that sets the engine where no option does.
pub const ENGINE_VARIABLE: &str = "ZLOG_ENGINE";

/// An implementation of ZeroMQ's protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// The crate `zmtp`: tcp and ipc, peers of ZMTP 3.
    Native,
    /// libzmq: all transports, and peers of ZMTP 2.0.
    Libzmq,
}

impl Choice for Engine {
    const CHOICES: &'static [Named<Engine>] = &[
        Named::new(Engine::Native, "native", "zlog's own, for tcp and ipc"),
        Named::new(Engine::Libzmq, "libzmq", "libzmq, with all of its transports"),
    ];
}

impl Engine {
    /// The one that `ZLOG_ENGINE` names; `None` if that is empty or not set.
    ///
    /// # Errors
    /// No engine has this name.
    pub fn of_environment() -> Result<Option<Engine>> {
        Engine::of_name(&std::env::var(ENGINE_VARIABLE).unwrap_or_default())
    }

    /// As [`Engine::of_environment`], for a value of `ZLOG_ENGINE`.
    ///
    /// # Errors
    /// As there.
    pub fn of_name(name: &str) -> Result<Option<Engine>> {
        if name.is_empty() {
            return Ok(None);
        }
        Engine::from_name(name).map(Some).ok_or_else(|| {
            Error::usage(format!("{ENGINE_VARIABLE}: no engine is called {name:?}"))
                .hint("Write native or libzmq.")
        })
    }

    /// The engine for `endpoints`: the one that was chosen, or else the native one, unless an
    /// endpoint needs libzmq.
    pub(super) fn for_endpoints<'e>(
        chosen: Option<Engine>,
        endpoints: impl IntoIterator<Item = &'e Endpoint>,
    ) -> Engine {
        let needs_libzmq = || endpoints.into_iter().any(|it| it.only_libzmq_has().is_some());
        chosen.unwrap_or_else(|| if needs_libzmq() { Engine::Libzmq } else { Engine::Native })
    }

    /// That of sockets of the tests.
    #[cfg(test)]
    pub(crate) fn of_tests() -> Engine {
        Engine::for_endpoints(Engine::of_environment().unwrap_or(None), [])
    }
}

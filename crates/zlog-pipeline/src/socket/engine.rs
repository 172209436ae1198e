//! Which implementation of ZeroMQ's protocol carries the messages.

use zlog_core::text::choice::{Choice, Named};
use zlog_core::{Error, Result};

/// The environment variable that sets the engine where no option does.
pub const ENGINE_VARIABLE: &str = "ZLOG_ENGINE";

/// An implementation of ZeroMQ's protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// libzmq: all transports, and peers of ZMTP 2.0.
    Libzmq,
    /// The crate `zmtp`: tcp and ipc, peers of ZMTP 3.
    Native,
}

impl Choice for Engine {
    const CHOICES: &'static [Named<Engine>] = &[
        Named::new(Engine::Libzmq, "libzmq", "libzmq, with all of its transports"),
        Named::new(Engine::Native, "native", "zlog's own, for tcp and ipc"),
    ];
}

impl Engine {
    /// The one that `ZLOG_ENGINE` names; libzmq if that is empty or not set.
    ///
    /// # Errors
    /// No engine has this name.
    pub fn of_environment() -> Result<Engine> {
        Engine::of_name(&std::env::var(ENGINE_VARIABLE).unwrap_or_default())
    }

    /// As [`Engine::of_environment`], for a value of `ZLOG_ENGINE`.
    ///
    /// # Errors
    /// As there.
    pub fn of_name(name: &str) -> Result<Engine> {
        if name.is_empty() {
            return Ok(Engine::Libzmq);
        }
        Engine::from_name(name).ok_or_else(|| {
            Error::usage(format!("{ENGINE_VARIABLE}: no engine is called {name:?}"))
                .hint("Write libzmq or native.")
        })
    }
}

impl Default for Engine {
    /// That [of the environment](Engine::of_environment); libzmq if it names no engine.
    fn default() -> Engine {
        Engine::of_environment().unwrap_or(Engine::Libzmq)
    }
}

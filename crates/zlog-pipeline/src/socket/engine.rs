//! Which implementation of ZeroMQ's protocol carries the messages.

use zlog_core::text::choice::{Choice, Named};

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

impl Default for Engine {
    /// The one that `ZLOG_ENGINE` names, otherwise libzmq.
    fn default() -> Engine {
        let name = std::env::var(ENGINE_VARIABLE).unwrap_or_default();
        Engine::from_name(&name).unwrap_or(Engine::Libzmq)
    }
}

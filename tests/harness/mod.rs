//! Helpers of the tests: `zlog` and Python as child processes, ZeroMQ sockets that see raw
//! frames, a pseudo-terminal.
//!
//! Tests poll conditions until a deadline. A test fails after [`DEADLINE`] with the command,
//! its status and both of its streams.

mod addresses;
mod finished;
mod logrotate;
#[cfg(feature = "nats")]
mod nats;
#[cfg(target_os = "linux")]
mod network;
#[cfg(feature = "otlp")]
mod otlp;
mod peer;
mod pty;
mod python;
mod rsyslog;
mod running;
mod stream;
mod user;
mod watchdog;
mod wire;
mod zlog;
mod zmtp;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) use self::addresses::{ANY_PORT, bind_again, own_address, own_port};
pub(crate) use self::finished::{Finished, shell_code};
pub(crate) use self::logrotate::{Logrotate, logrotate};
#[cfg(feature = "nats")]
pub(crate) use self::nats::{Nats, NatsClient, nats, nats_with, old_nats};
#[cfg(all(feature = "nats", target_os = "linux"))]
pub(crate) use self::nats::{NatsCluster, Stored, nats_at, nats_cluster};
#[cfg(target_os = "linux")]
pub(crate) use self::network::enter_network;
#[cfg(feature = "otlp")]
pub(crate) use self::otlp::{OtlpReceiver, Rotel};
pub(crate) use self::peer::{installed, left_out, skipped};
pub(crate) use self::pty::{Terminal, open as open_terminal};
pub(crate) use self::python::{Python, install as install_python, python};
pub(crate) use self::rsyslog::{
    Rsyslog, rsyslog, rsyslog_with_its_default_limit, rsyslog_with_tls,
};
pub(crate) use self::running::{Input, Running};
pub(crate) use self::user::User;
pub(crate) use self::wire::{Listener, Message, Publisher};
pub(crate) use self::zlog::{Zlog, zlog};
pub(crate) use self::zmtp::{RawSubscriber, Zmtp, frame};

/// Time limit of every wait. Generous, because only a failing test waits for all of it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Removes everything from the child's environment that depends on who runs the tests, except
/// the path of programs.
pub(crate) fn clear_environment(command: &mut Command) {
    command.env_clear();
    // Every test runs on the engine that is chosen for all of them.
    for name in ["PATH", "HOME", "ZLOG_ENGINE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // No configuration of the user's own.
    command.env("LANG", "C.UTF-8").env("TZ", "UTC").env("ZLOG_CONFIG", "");
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_RUNTIME_DIR", runtime_directory());
}

/// Whether the tests run on the native engine, the default: not with `ZLOG_ENGINE=libzmq cargo test`.
pub(crate) fn is_native() -> bool {
    !std::env::var("ZLOG_ENGINE").is_ok_and(|engine| engine == "libzmq")
}

/// The runtime directory of tests that need none of their own. It is not the user's.
fn runtime_directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("run");
        std::fs::create_dir_all(&path).expect("a directory for the tests");
        path
    })
}

/// An emitter that binds any port and waits for a subscriber.
pub(crate) fn emit<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Zlog {
    zlog(["emit", "--bind", ANY_PORT, "--wait", "60s"]).args(args)
}

/// Runs an emitter. Returns everything it publishes, and its end.
#[track_caller]
pub(crate) fn published(emit: Zlog) -> (Vec<Message>, Finished) {
    let mut emit = emit.start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let messages = listener.everything();
    (messages, emit.wait())
}

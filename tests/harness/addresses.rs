//! Addresses at which tests listen.

use std::fmt::Display;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::time::Instant;

use super::DEADLINE;

/// Any free port of the loopback interface.
pub(crate) const ANY_PORT: &str = "tcp://127.0.0.1:*";

/// Any free port of a loopback address of its own, for tests that bind a port again after
/// closing it. A port of 127.0.0.1 could be taken by another test meanwhile, or be the local
/// port of an outgoing connection.
pub(crate) fn own_address() -> String {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    if !cfg!(target_os = "linux") {
        return ANY_PORT.to_owned(); // there is one loopback address only
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!("tcp://127.{}.{low}.{}:*", 1 + high % 254, 1 + number % 254)
}

/// A port that no other test is likely to use. It lies below Linux's default range of ephemeral ports
/// (from 32,768), so that the system gives it to no `:0` and to no outgoing connection. For programs that
/// do not tell which port they took, and for ports where nobody listens.
pub(crate) fn own_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let number = std::process::id() * 31 + u32::from(TAKEN.fetch_add(1, Ordering::Relaxed));
    13_000 + (number % 19_000) as u16
}

/// Binds `address`, which this process has bound before. A child process of another test that is
/// just being started may hold a copy of the old socket for a moment.
#[track_caller]
pub(crate) fn bind_again<S, E: Display>(address: &str, bind: impl Fn() -> Result<S, E>) -> S {
    let until = Instant::now() + DEADLINE;
    loop {
        match bind() {
            Ok(socket) => return socket,
            Err(error) => {
                assert!(Instant::now() < until, "{address} can't be bound again: {error}")
            }
        }
        std::thread::yield_now();
    }
}

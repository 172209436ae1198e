//! Refuses to bind beyond loopback without encryption, and what only one engine can do.

use std::sync::Arc;

use super::endpoint::Endpoint;
use super::engine::Engine;
use super::keyring::Keyring;
use super::options::{SocketOptions, Stall};
use zlog_core::{Error, Result};

impl SocketOptions {
    /// The options with the keys that sockets of these endpoints need.
    ///
    /// # Errors
    /// Other machines can reach an endpoint to bind, and there is no key; or the engine has no
    /// encryption, or can't cut off subscribers.
    pub fn secured(&self, endpoints: &[Endpoint]) -> Result<SocketOptions> {
        let is_libzmq = || Engine::for_endpoints(self.engine, endpoints) == Engine::Libzmq;
        let keyring = match self.keyring.clone() {
            Some(keyring) => keyring,
            None => Arc::new(Keyring::new(endpoints, self.key.clone(), self.insecure)?),
        };
        if matches!(self.stall, Stall::After(_)) && is_libzmq() {
            return Err(Error::new("only zlog's own engine can cut off subscribers (stall)")
                .hint("Add --engine native, or leave stall out."));
        }
        if keyring.encrypts() && is_libzmq() {
            return Err(Error::new("keys need zlog's own engine")
                .hint("Add --engine native; or --insecure, to bind without encryption."));
        }
        Ok(SocketOptions { keyring: Some(keyring), ..self.clone() })
    }
}

//! Looks up the host of an endpoint, and words what fails there.

use std::fmt;
use std::net::SocketAddr;

use super::Endpoint;
use crate::os::resolve;
use zlog_core::{Error, Result};

impl Endpoint {
    /// Looks up a host, IPv4 addresses first. Returns at least one address.
    pub(in crate::socket) fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        let found = resolve::look_up(host, port);
        let mut found = found.map_err(|error| error.within(self.cannot()))?;
        found.sort_by_key(SocketAddr::is_ipv6);
        Ok(found)
    }

    /// The error that it can't be bound, or connected to.
    pub(in crate::socket) fn failed(&self, cause: &dyn fmt::Display) -> Error {
        Error::new(format!("{}: {cause}", self.cannot()))
    }

    fn cannot(&self) -> String {
        format!("can't {} {self}", self.role().verb())
    }
}

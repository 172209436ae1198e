//! Addresses to bind and to connect.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// An address. Host names are the caller's business: looking them up may take long.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// `tcp://127.0.0.1:5555`, `tcp://[::1]:5555`. To bind also `tcp://*:5555` (all IPv4
    /// addresses), and port `*` or 0 (any free one).
    Tcp(SocketAddr),
    /// `ipc:///path/of/socket`; `ipc://@name` in the abstract namespace of Linux.
    Ipc(PathBuf),
}

impl Address {
    /// Parses an endpoint with a numeric host. Returns `None` for anything else.
    pub fn parse(endpoint: &str) -> Option<Address> {
        if let Some(path) = endpoint.strip_prefix("ipc://") {
            return (!path.is_empty() && !path.contains('\0')).then(|| Address::Ipc(path.into()));
        }
        let (host, port) = endpoint.strip_prefix("tcp://")?.rsplit_once(':')?;
        let port = if port == "*" { 0 } else { port.parse().ok()? };
        if host == "*" {
            return Some(Address::Tcp(SocketAddr::from(([0; 4], port))));
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let ip: IpAddr = match bare {
            Some(bare) => IpAddr::V6(bare.parse().ok()?),
            None => host.parse().ok()?,
        };
        Some(Address::Tcp(SocketAddr::new(ip, port)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "tcp://{address}"),
            Address::Ipc(path) => write!(f, "ipc://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_with_numeric_hosts_are_parsed_and_written_the_same() {
        for text in ["tcp://127.0.0.1:5555", "tcp://[::1]:0", "ipc:///tmp/s", "ipc://@name"] {
            let address = Address::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(address.to_string(), text);
        }
        assert_eq!(Address::parse("tcp://*:*"), Address::parse("tcp://0.0.0.0:0"));
        for text in ["tcp://localhost:5555", "tcp://1.2.3.4", "tcp://1.2.3.4:99999", "ipc://", "x"]
        {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}

//! Addresses to listen on: `HOST:PORT` or `unix:PATH`, and what they resolve to.
//!
//! Addresses that other machines can reach are refused unless the user allows them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::os::resolve::{self, is_loopback};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// An address to listen on, as typed: `127.0.0.1:9020`, `[::1]:9020`, `localhost:9020`,
/// `:9020` or `9020` (loopback), a host without a port (then the protocol's default), `*:9020`
/// (every interface). Port 0 is any free port. `unix:/run/log.sock`, or a path that begins
/// with `/`: a Unix socket, as Python's handlers take it with `port=None`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    typed: String,
    host: Host,
    port: Option<u16>,
}

/// A resolved address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenAddr {
    /// A port of an interface.
    Net(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddr::Net(address) => address.fmt(f),
            ListenAddr::Unix(path) => write!(f, "unix:{}", escape(&path.to_string_lossy())),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Host {
    Ip(IpAddr),
    Name(String),
    /// A path instead of a host.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(typed: &str) -> Result<Address, String> {
        if let Some(path) = typed.strip_prefix("unix:") {
            // unix:///run/log.sock is accepted too, as for --syslog.
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Address { typed: typed.to_owned(), host: unix(path)?, port: None });
        }
        if typed.starts_with('/') {
            return Ok(Address { typed: typed.to_owned(), host: unix(typed)?, port: None });
        }
        if typed.starts_with("ipc:") {
            return Err("write unix:PATH: a ZeroMQ endpoint can't be used here".into());
        }
        if typed.contains("://") {
            return Err("write HOST:PORT alone: a ZeroMQ endpoint can't be used here".into());
        }
        let (host, port) = split(typed)?;
        let port = match port {
            None => None,
            Some(port) => Some(port.parse().map_err(|_| {
                format!("`{port}` is not a port: write a number up to 65535, or 0 for any free one")
            })?),
        };
        Ok(Address { typed: typed.to_owned(), host: Host::read(host)?, port })
    }
}

#[cfg(unix)]
fn unix(path: &str) -> Result<Host, String> {
    if path.is_empty() {
        return Err("the path is missing: write unix:PATH".into());
    }
    // A path that is too long is reported here, with other usage errors.
    std::os::unix::net::SocketAddr::from_pathname(Path::new(path))
        .map_err(|error| error.to_string())?;
    Ok(Host::Unix(path.into()))
}

#[cfg(not(unix))]
fn unix(_: &str) -> Result<Host, String> {
    Err("there are no Unix sockets on this system".into())
}

/// Splits host and port. A number alone is a port, and an IPv6 address needs no brackets if
/// no port follows.
fn split(typed: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = typed.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("`[` without `]`: write [::1]:9020")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("write the port after a colon: [::1]:9020".into()),
        };
    }
    if !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(("", Some(typed)));
    }
    if typed.parse::<Ipv6Addr>().is_ok() {
        return Ok((typed, None));
    }
    match typed.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            Err("write an IPv6 address in brackets: [::1]:9020".into())
        }
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((typed, None)),
    }
}

impl Host {
    fn read(host: &str) -> Result<Host, String> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || "/\\@".contains(c);
        match host {
            "" => Ok(Host::Ip(Ipv4Addr::LOCALHOST.into())),
            "*" => Ok(Host::Ip(Ipv4Addr::UNSPECIFIED.into())),
            _ if host.contains(odd) => {
                Err("not a host: write HOST:PORT, like 127.0.0.1:9020".into())
            }
            _ => Ok(host.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Ip)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl Address {
    /// The addresses that it resolves to, each of them once; `port` is the default port.
    /// A name may resolve to several; with port 0 only the first one counts, since two free
    /// ports would differ.
    ///
    /// # Errors
    /// A name can't be looked up, or other machines can reach an address and that is not
    /// allowed: neither protocol says who sends. A Unix socket is always allowed, since the
    /// file system decides who may write to it.
    pub fn resolve(&self, port: u16, allow_remote: bool) -> Result<Vec<ListenAddr>> {
        if let Host::Unix(path) = &self.host {
            return Ok(vec![ListenAddr::Unix(path.clone())]);
        }
        let addresses = self.look_up(self.port.unwrap_or(port))?;
        let remote = addresses.iter().find(|address| !is_loopback(address.ip()));
        let Some(remote) = remote.filter(|_| !allow_remote) else {
            return Ok(addresses.into_iter().map(ListenAddr::Net).collect());
        };
        Err(self.refused(Some(remote.port()).filter(|port| *port != 0)))
    }

    /// Refuses an address that other machines can reach. A name is not looked up, and passes.
    ///
    /// # Errors
    /// As [`Address::resolve`].
    pub fn check_local(&self) -> Result<()> {
        match &self.host {
            Host::Ip(ip) if !is_loopback(*ip) => Err(self.refused(self.port)),
            Host::Ip(_) | Host::Name(_) | Host::Unix(_) => Ok(()),
        }
    }

    fn refused(&self, port: Option<u16>) -> Error {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Error::usage(format!(
            "listening on {self} would let anyone who reaches the port write records"
        ))
        .hint(format!(
            "Listen on 127.0.0.1{port}, or add --allow-remote (in a file: allow-remote = true) if \
             you trust the network."
        ))
    }

    fn look_up(&self, port: u16) -> Result<Vec<SocketAddr>> {
        let mut addresses = match &self.host {
            Host::Unix(_) => Vec::new(),
            Host::Ip(ip) => vec![SocketAddr::new(*ip, port)],
            Host::Name(name) => resolve::look_up(name, port)?,
        };
        if port == 0 {
            addresses.truncate(1);
        }
        Ok(addresses)
    }

    /// Opens a socket on each address that it resolves to. Addresses that this machine does
    /// not have are skipped if there is another one: `localhost` without IPv6.
    ///
    /// # Errors
    /// As [`Address::resolve`], and an address that can't be listened on.
    pub(in crate::source) fn open<S>(
        &self,
        port: u16,
        allow_remote: bool,
        open: impl Fn(&ListenAddr) -> io::Result<S>,
    ) -> Result<Vec<S>> {
        let mut sockets = Vec::new();
        let mut failure = None;
        for addr in self.resolve(port, allow_remote)? {
            match open(&addr) {
                Ok(socket) => sockets.push(socket),
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                    failure = Some(listen_error(&addr, &error));
                }
                Err(error) => return Err(listen_error(&addr, &error)),
            }
        }
        match failure {
            Some(error) if sockets.is_empty() => Err(error),
            _ => Ok(sockets),
        }
    }
}

/// The error of an address that can't be listened on, with the next step.
fn listen_error(addr: &ListenAddr, error: &io::Error) -> Error {
    let failed = Error::io(format_args!("listening on {addr}"), error);
    match (addr, error.kind()) {
        (ListenAddr::Net(_), io::ErrorKind::AddrInUse) => {
            failed.hint("Another program listens there. Stop it, or use another port.")
        }
        (ListenAddr::Net(_), io::ErrorKind::PermissionDenied) => {
            failed.hint("Use a port of 1024 or higher.")
        }
        (ListenAddr::Net(_), io::ErrorKind::AddrNotAvailable) => {
            failed.hint("This machine does not have that address. `ip addr` lists its addresses.")
        }
        (ListenAddr::Unix(_), io::ErrorKind::AddrInUse) => {
            failed.hint("Another program listens there. Stop it, or use another path.")
        }
        (ListenAddr::Unix(_), io::ErrorKind::AlreadyExists) => {
            failed.hint("Use another path. The file is left as it is.")
        }
        (ListenAddr::Unix(_), io::ErrorKind::NotFound) => failed.hint("Its directory must exist."),
        (ListenAddr::Unix(_), io::ErrorKind::PermissionDenied) => {
            failed.hint("Use a directory that zlog may write to.")
        }
        _ => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(typed: &str) -> String {
        let address: Address = typed.parse().unwrap_or_else(|e| panic!("{typed}: {e}"));
        let all = address.resolve(9020, true).unwrap();
        all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_address_may_be_typed_in_many_ways() {
        for (typed, want) in [
            ("127.0.0.1:9999", "127.0.0.1:9999"),
            (":9999", "127.0.0.1:9999"),
            ("9999", "127.0.0.1:9999"),
            ("127.0.0.1", "127.0.0.1:9020"),
            ("[::1]:9999", "[::1]:9999"),
            ("[::1]", "[::1]:9020"),
            ("::1", "[::1]:9020"),
            ("*:9999", "0.0.0.0:9999"),
            ("10.1.2.3:0", "10.1.2.3:0"),
            ("unix:/run/log.sock", "unix:/run/log.sock"),
            ("unix:///run/log.sock", "unix:/run/log.sock"),
            ("/run/log.sock", "unix:/run/log.sock"),
            ("unix:log.sock", "unix:log.sock"),
        ] {
            assert_eq!(resolved(typed), want, "{typed}");
        }
        for address in resolved("localhost:9999").split(' ') {
            assert!(["127.0.0.1:9999", "[::1]:9999"].contains(&address), "{address}");
        }
    }

    #[test]
    fn an_invalid_address_is_refused_with_a_valid_form() {
        for (typed, hint) in [
            ("tcp://127.0.0.1:9020", "HOST:PORT"),
            ("ipc:///run/log.sock", "unix:PATH"),
            ("unix:", "unix:PATH"),
            ("127.0.0.1:99999", "65535"),
            ("127.0.0.1:", "not a port"),
            ("host:http", "not a port"),
            ("[::1", "[::1]:9020"),
            ("fe80::1:zz:9020", "brackets"),
            ("a b:9020", "127.0.0.1:9020"),
        ] {
            let error = typed.parse::<Address>().unwrap_err();
            assert!(error.contains(hint), "{typed}: {error}");
        }
    }

    #[test]
    fn only_loopback_is_allowed_without_allow_remote() {
        for (typed, local) in [
            ("127.0.0.1", true),
            ("127.8.9.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("localhost", true),
            ("unix:/run/log.sock", true),
            ("0.0.0.0", false),
            ("*", false),
            ("[::]:1", false),
            ("192.0.2.1", false),
        ] {
            let address: Address = typed.parse().unwrap();
            let resolved = address.resolve(9020, false);
            assert_eq!(resolved.is_ok(), local, "{typed}");
            assert_eq!(address.check_local().is_ok(), local, "{typed}");
            if let Err(error) = resolved {
                let text = error.to_string();
                assert!(text.contains("--allow-remote") && text.contains("127.0.0.1:"), "{text}");
            }
            assert!(address.resolve(9020, true).is_ok(), "{typed}");
        }
    }

    #[test]
    fn with_port_0_a_name_means_one_address() {
        let address: Address = "localhost:0".parse().unwrap();
        assert_eq!(address.resolve(9020, false).unwrap().len(), 1);
    }
}

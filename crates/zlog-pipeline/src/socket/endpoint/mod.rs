//! Endpoints, checked before libzmq gets them.
//!
//! libzmq silently accepts port 99999 (as 34463), a connection to a host that does not exist,
//! and a bind that replaces another program's socket file; its Rust binding panics on a NUL.

mod bytes;
mod check;
mod failure;

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

pub use self::bytes::endpoint_text;
pub(super) use self::bytes::{to_bytes, to_text};
use self::check::Transport;
use crate::os::interface;
use crate::os::resolve::{is_loopback, parse_ip};
use crate::os::run_directory::{Registered, RunDirectory};
use zlog_core::Result;

/// The default endpoint, which `emit` binds and `tail` connects to: that of PyZMQ's logging
/// documentation.
pub const DEFAULT_ENDPOINT: &str = "tcp://127.0.0.1:12345";

/// Which end of a connection a socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It listens for peers.
    Bind,
    /// It connects to a peer.
    Connect,
}

impl Role {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Role::Bind => "bind",
            Role::Connect => "connect to",
        }
    }
}

/// The next step if an endpoint is in use when it is bound, by what has bound it: a sentence,
/// in which `{}` stands for the endpoint to connect to. The caller knows which options there
/// are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InUseHints {
    /// A publishing socket has bound it.
    pub publisher: &'static str,
    /// A subscribing socket has bound it.
    pub subscriber: &'static str,
    /// Something else has bound it, or it is not known what.
    pub other: &'static str,
}

/// A valid endpoint and its role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    text: String,
    role: Role,
    transport: Transport,
    in_use_hints: Option<InUseHints>,
    /// The endpoint to bind instead if this one is in use.
    fallback: Option<Box<Endpoint>>,
    run_directory: Option<RunDirectory>,
}

impl Endpoint {
    /// Parses an endpoint as the user typed it. `PORT` and `:PORT` are ports of 127.0.0.1, and
    /// `HOST:PORT` is TCP.
    ///
    /// # Errors
    /// A usage error that names the endpoint, the mistake and the correct form.
    pub fn parse(text: &str, role: Role) -> Result<Endpoint> {
        let text = check::complete(text);
        let transport = check::check(&text, role)?;
        Ok(Endpoint::new(text, role, transport))
    }

    fn new(text: String, role: Role, transport: Transport) -> Endpoint {
        let (in_use_hints, fallback, run_directory) = (None, None, None);
        Endpoint { text, role, transport, in_use_hints, fallback, run_directory }
    }

    /// Parses endpoints to bind and endpoints to connect to.
    ///
    /// # Errors
    /// See [`Endpoint::parse`].
    pub fn parse_all(bind: &[String], connect: &[String]) -> Result<Vec<Endpoint>> {
        let bind = bind.iter().map(|text| Endpoint::parse(text, Role::Bind));
        bind.chain(connect.iter().map(|text| Endpoint::parse(text, Role::Connect))).collect()
    }

    /// Parses a default endpoint. `bind:ENDPOINT` and `connect:ENDPOINT` fix the role; without
    /// them it is `role`. Returns whether it is fixed.
    ///
    /// # Errors
    /// See [`Endpoint::parse`].
    pub fn parse_default(text: &str, role: Role) -> Result<(Endpoint, bool)> {
        for (prefix, role) in [("bind:", Role::Bind), ("connect:", Role::Connect)] {
            if let Some(text) = text.strip_prefix(prefix) {
                return Ok((Endpoint::parse(text, role)?, true));
            }
        }
        Ok((Endpoint::parse(text, role)?, false))
    }

    /// Whether a process with this default endpoint and a registered one meet.
    pub fn is_default_of(&self, process: &Registered) -> bool {
        let default = Endpoint::parse(&process.default, self.role);
        default.is_ok_and(|default| default.same_address(self))
    }

    /// The ipc endpoint of a path.
    ///
    /// # Errors
    /// The path is too long for a socket, or has control characters.
    pub fn ipc(path: &Path, role: Role) -> Result<Endpoint> {
        let path = to_text(path.as_os_str().as_encoded_bytes());
        Endpoint::parse(&format!("ipc://{path}"), role)
    }

    /// All publishers that are registered in a run directory for this default endpoint, now and
    /// later.
    #[must_use]
    pub fn registered(&self, directory: RunDirectory) -> Endpoint {
        let endpoint = Endpoint::new(self.text.clone(), Role::Connect, self.transport);
        Endpoint { run_directory: Some(directory), ..endpoint }
    }

    /// The run directory, of an endpoint made by [`Endpoint::registered`].
    pub fn run_directory(&self) -> Option<&RunDirectory> {
        self.run_directory.as_ref()
    }

    /// Sets the next step to suggest if the endpoint is in use when it is bound.
    #[must_use]
    pub fn with_in_use_hints(mut self, hints: InUseHints) -> Endpoint {
        self.in_use_hints = Some(hints);
        self
    }

    /// See [`Endpoint::with_in_use_hints`].
    pub(super) fn in_use_hints(&self) -> Option<InUseHints> {
        self.in_use_hints
    }

    /// Sets an endpoint to bind instead if this one is in use.
    #[must_use]
    pub fn or_if_in_use(mut self, fallback: Endpoint) -> Endpoint {
        self.fallback = Some(Box::new(fallback));
        self
    }

    /// See [`Endpoint::or_if_in_use`].
    pub(super) fn fallback(&self) -> Option<&Endpoint> {
        self.fallback.as_deref()
    }

    /// The endpoint, with a transport and a host.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The endpoint with which this machine connects to what is bound at this one: a wildcard
    /// host becomes the loopback address.
    pub fn to_connect(&self) -> String {
        let hosts = [("*", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]")];
        let find = |(any, loopback): &(&str, &str)| {
            let text = self.text.replacen(&format!("://{any}:"), &format!("://{loopback}:"), 1);
            (text != self.text).then_some(text)
        };
        hosts.iter().find_map(find).unwrap_or_else(|| self.text.clone())
    }

    /// What this endpoint needs and only libzmq has.
    pub(super) fn only_libzmq_has(&self) -> Option<&'static str> {
        match self.transport {
            Transport::Ws => Some("transport ws"),
            Transport::Tcp if self.text.contains(';') => Some("source addresses"),
            Transport::Tcp | Transport::Ipc => None,
        }
    }

    /// The endpoint of a relay's queries, if the relay publishes on this one: the next port,
    /// or the path with `.ask` appended. For any free port, it is any free port, too. `None`
    /// after port 65535.
    pub fn query_endpoint(&self) -> Option<Endpoint> {
        self.sibling(|port| port.checked_add(1), ".ask")
    }

    /// The endpoint of confirmed delivery to a relay that collects on this one: the port before it,
    /// or the path with `.confirm` appended. For any free port, it is any free port, too. `None`
    /// before port 1.
    pub fn confirm_endpoint(&self) -> Option<Endpoint> {
        self.sibling(|port| port.checked_sub(1).filter(|port| *port > 0), ".confirm")
    }

    /// Where a relay collects that confirms here, if it confirms at its default.
    pub fn collect_endpoint(&self) -> Option<Endpoint> {
        match self.transport {
            Transport::Ipc => Endpoint::parse(self.text.strip_suffix(".confirm")?, self.role).ok(),
            _ => self.sibling(|port| port.checked_add(1), ""),
        }
    }

    /// An endpoint of the native engine beside this one: tcp, without a path or a source address,
    /// or ipc.
    fn sibling(&self, port_of: fn(u16) -> Option<u16>, suffix: &str) -> Option<Endpoint> {
        let text = match self.transport {
            Transport::Ipc if self.text == "ipc://*" => self.text.clone(),
            Transport::Ipc => format!("{}{suffix}", self.text),
            Transport::Tcp | Transport::Ws => {
                let (_, rest) = self.text.split_once("://")?;
                let address = rest.split_once('/').map_or(rest, |(address, _path)| address);
                let address = address.rsplit_once(';').map_or(address, |(_source, to)| to);
                let (host, port) = address.rsplit_once(':')?;
                match port {
                    "*" | "0" => format!("tcp://{host}:*"),
                    _ => format!("tcp://{host}:{}", port_of(port.parse().ok()?)?),
                }
            }
        };
        Endpoint::parse(&text, self.role).ok()
    }

    /// Whether both are the same address of this machine, as far as is known without a
    /// lookup: `localhost` is a loopback address, and `*` matches all addresses. Any free port
    /// differs from all others.
    pub fn same_address(&self, other: &Endpoint) -> bool {
        if self.text == other.text {
            return !self.text.ends_with('*') && !self.text.ends_with(":0");
        }
        let (Some((host, port)), Some((its_host, its_port))) = (self.port(), other.port()) else {
            return false;
        };
        self.transport == other.transport
            && port == its_port
            && !matches!(port, "*" | "0")
            && match (Reach::of(host), Reach::of(its_host)) {
                (Some(Reach::Loopback(one)), Some(Reach::Loopback(two))) => {
                    one.is_none() || two.is_none() || one == two
                }
                (one, two) => one.is_some() && two.is_some(),
            }
    }

    /// The host and the port, if it has them.
    fn port(&self) -> Option<(&str, &str)> {
        let (_, address) = self.text.split_once("://")?;
        let address = address.split_once('/').map_or(address, |(address, _path)| address);
        let address = address.rsplit_once(';').map_or(address, |(_, destination)| destination);
        address.rsplit_once(':')
    }

    /// The path of an ipc endpoint, unless it is abstract.
    pub(super) fn ipc_path(&self) -> Option<PathBuf> {
        ipc_path(&self.text).filter(|path| path.as_os_str() != "*")
    }

    /// The host name and port to look up before libzmq gets the endpoint: libzmq would block
    /// all messages during the lookup. `None` for a numeric host, a wildcard or no host. Any
    /// free port is 0.
    pub(super) fn name(&self) -> Option<(&str, u16)> {
        if !matches!(self.transport, Transport::Tcp | Transport::Ws) {
            return None;
        }
        let (host, port) = self.port()?;
        let is_name = host != "*" && !host.starts_with('[') && parse_ip(host).is_none();
        let port = if port == "*" { "0" } else { port };
        is_name.then_some((host, port.parse().ok()?))
    }

    /// The host and port of a tcp endpoint, as they were given.
    pub(super) fn host_and_port(&self) -> Option<String> {
        let (host, port) = self.port().filter(|_| self.transport == Transport::Tcp)?;
        Some(format!("{host}:{port}"))
    }

    /// Whether it is bound, and other machines can reach it. Looks up a host name.
    ///
    /// # Errors
    /// The host can't be looked up.
    pub(super) fn is_exposed(&self) -> Result<bool> {
        let Some((host, _)) = self.port().filter(|_| self.role == Role::Bind) else {
            return Ok(false);
        };
        let Some((name, port)) = self.name() else {
            // A wildcard, or an address with a zone.
            return Ok(!parse_ip(host).is_some_and(is_loopback));
        };
        let mut addresses = interface::addresses(name, port);
        if addresses.is_empty() {
            addresses = self.look_up(name, port)?;
        }
        Ok(addresses.iter().any(|address| !is_loopback(address.ip())))
    }

    /// The endpoint with its host replaced by an address.
    pub(super) fn at(&self, address: SocketAddr) -> String {
        let (scheme, rest) = self.text.split_once("://").unwrap_or(("tcp", ""));
        let (before, path) = match rest.split_once('/') {
            Some((before, path)) => (before, format!("/{path}")),
            None => (rest, String::new()),
        };
        let source = before.rsplit_once(';').map(|(source, _)| format!("{source};"));
        format!("{scheme}://{}{address}{path}", source.unwrap_or_default())
    }

    /// Whether it can be connected to at this address: a source address
    /// (`tcp://SOURCE;HOST:PORT`) only allows its own family.
    pub(super) fn allows(&self, address: SocketAddr) -> bool {
        let source = self.text.split_once("://").and_then(|(_, rest)| rest.rsplit_once(';'));
        let source = source.and_then(|(source, _)| source.rsplit_once(':'));
        let source = source.and_then(|(host, _port)| parse_ip(host));
        source.is_none_or(|source| source.is_ipv6() == address.is_ipv6())
    }
}

/// The path of an ipc endpoint, unless it is abstract.
pub(super) fn ipc_path(text: &str) -> Option<PathBuf> {
    let path = text.strip_prefix("ipc://").filter(|path| !path.starts_with('@'))?;
    #[cfg(unix)]
    return Some(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(to_bytes(path)).into());
    #[cfg(not(unix))]
    Some(OsString::from(String::from_utf8_lossy(&to_bytes(path)).into_owned()).into())
}

/// Whether `ZMQ_IPV6` must be set for an endpoint with a numeric host.
///
/// With `ZMQ_IPV6`, a bound `*` listens on both families, unlike `PUBHandler`'s. So it is set
/// only where it is needed.
pub(super) fn needs_ipv6(text: &str) -> bool {
    let address = text.rsplit_once(';').map_or(text, |(_, destination)| destination);
    address.split_once("://").map_or(address, |(_, address)| address).starts_with('[')
}

/// The addresses of a host that certainly is this machine.
#[derive(PartialEq, Eq)]
enum Reach {
    /// A loopback address; `None` for `localhost`, which may be any.
    Loopback(Option<IpAddr>),
    /// All addresses of this machine.
    All,
}

impl Reach {
    fn of(host: &str) -> Option<Reach> {
        match host {
            "*" => return Some(Reach::All),
            "localhost" => return Some(Reach::Loopback(None)),
            _ => {}
        }
        let address = parse_ip(host)?;
        if address.is_unspecified() {
            return Some(Reach::All);
        }
        address.is_loopback().then_some(Reach::Loopback(Some(address)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;

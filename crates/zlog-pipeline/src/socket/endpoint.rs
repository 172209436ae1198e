//! Endpoints, checked before libzmq sees them.
//!
//! libzmq takes port 99999 (as 34463), a connect to a host that does not exist
//! and a bind over another program's socket file without a word, and its Rust
//! binding panics on a NUL. What may be here: syntax, and what can be told from
//! it before a socket is touched.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::os::resolve::numeric;
use zlog_core::error::{Error, Result};

/// Where `emit` binds and `tail` connects unless told otherwise: the endpoint of
/// PyZMQ's logging documentation.
pub const DEFAULT_ENDPOINT: &str = "tcp://127.0.0.1:12345";

/// Longest socket path that `sockaddr_un` holds, without its final NUL.
const LONGEST_IPC_PATH: usize = 107;

/// Which end of a connection a socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It waits for peers.
    Bind,
    /// It goes to a peer.
    Connect,
}

impl Role {
    fn verb(self) -> &'static str {
        match self {
            Role::Bind => "bind",
            Role::Connect => "connect to",
        }
    }
}

/// How an endpoint is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Transport {
    Tcp,
    Ipc,
    Ws,
    Other,
}

/// The transports that a command can use, with the name under which libzmq says
/// whether it was built with them (`None`: always), and how their addresses read.
///
/// `inproc` is left out on purpose: it reaches no other process. `udp` carries
/// no publish/subscribe.
const TRANSPORTS: [(&str, Option<&str>, Transport); 9] = [
    ("tcp", None, Transport::Tcp),
    ("ipc", Some("ipc"), Transport::Ipc),
    ("ws", Some("WS"), Transport::Ws),
    ("wss", Some("WSS"), Transport::Ws),
    ("tipc", Some("tipc"), Transport::Other),
    ("vmci", Some("vmci"), Transport::Other),
    ("pgm", Some("pgm"), Transport::Other),
    ("epgm", Some("pgm"), Transport::Other),
    ("norm", Some("norm"), Transport::Other),
];

/// Names of the transports that this build of libzmq has.
fn available() -> impl Iterator<Item = &'static str> {
    let has = |capability: Option<&str>| capability.is_none_or(|c| zmq::has(c).unwrap_or(false));
    TRANSPORTS.iter().filter(move |(_, capability, _)| has(*capability)).map(|(name, ..)| *name)
}

/// An endpoint that libzmq can be given, and what is to be done with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    text: String,
    role: Role,
    transport: Transport,
    /// What to do when it can't be bound because another program has it.
    in_use_hint: Option<&'static str>,
}

impl Endpoint {
    /// Checks an endpoint as a person typed it.
    ///
    /// # Errors
    /// A usage error that names the endpoint, what is wrong with it and what would be right.
    pub fn parse(text: &str, role: Role) -> Result<Endpoint> {
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(wrong(text, role, "it contains a space or a control character"));
        }
        let Some((scheme, address)) = text.split_once("://") else {
            return Err(without_scheme(text, role));
        };
        let known = TRANSPORTS.iter().find(|(name, ..)| *name == scheme);
        let Some((_, _, transport)) = known.filter(|(name, ..)| available().any(|a| a == *name))
        else {
            return Err(unknown_transport(text, role, scheme));
        };
        if address.is_empty() {
            return Err(wrong(text, role, "the address is missing").hint(example(*transport)));
        }
        match transport {
            Transport::Tcp => check_host_and_port(text, role, address)?,
            Transport::Ws => {
                let host = address.split_once('/').map_or(address, |(host, _path)| host);
                check_host_and_port(text, role, host)?;
            }
            Transport::Ipc => check_ipc_path(text, role, address)?,
            Transport::Other => {}
        }
        let (text, transport, in_use_hint) = (text.to_owned(), *transport, None);
        Ok(Endpoint { text, role, transport, in_use_hint })
    }

    /// Says what to do, as a sentence, when it can't be bound because another program has
    /// it: whoever binds it knows what it is for, and which option names it.
    #[must_use]
    pub fn with_in_use_hint(mut self, hint: &'static str) -> Endpoint {
        self.in_use_hint = Some(hint);
        self
    }

    /// What to do when another program has it.
    pub(super) fn in_use_hint(&self) -> Option<&'static str> {
        self.in_use_hint
    }

    /// The endpoint as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is to be done with it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Where whoever publishes at this endpoint is asked questions: the next port, or
    /// the path with `.ask` behind it. Any free port has another one beside it. `None`
    /// where there is no such place: after port 65535, or on another transport.
    pub fn query_endpoint(&self) -> Option<Endpoint> {
        let text = match self.transport {
            Transport::Ipc if self.text == "ipc://*" => self.text.clone(),
            Transport::Ipc => format!("{}.ask", self.text),
            Transport::Tcp | Transport::Ws => {
                let (scheme, rest) = self.text.split_once("://")?;
                let (address, path) = match rest.split_once('/') {
                    Some((address, path)) => (address, format!("/{path}")),
                    None => (rest, String::new()),
                };
                let (host, port) = address.rsplit_once(':')?;
                match port {
                    "*" | "0" => format!("{scheme}://{host}:*{path}"),
                    _ => {
                        let next = port.parse::<u16>().ok()?.checked_add(1)?;
                        format!("{scheme}://{host}:{next}{path}")
                    }
                }
            }
            Transport::Other => return None,
        };
        Endpoint::parse(&text, self.role).ok()
    }

    /// Whether both are one place on this machine, so far as can be seen without asking
    /// the resolver: `localhost` is a loopback address, and `*` has them all. Any free
    /// port is nobody else's.
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

    /// Host and port, where it has them.
    fn port(&self) -> Option<(&str, &str)> {
        let (_, address) = self.text.split_once("://")?;
        let address = address.split_once('/').map_or(address, |(address, _path)| address);
        let address = address.rsplit_once(';').map_or(address, |(_, destination)| destination);
        address.rsplit_once(':')
    }

    /// The path of an ipc endpoint that stands in the file system.
    pub(super) fn ipc_path(&self) -> Option<&str> {
        let path = self.text.strip_prefix("ipc://")?;
        (!path.starts_with('@') && path != "*").then_some(path)
    }

    /// The host and port that must be looked up before libzmq gets the endpoint: libzmq
    /// would do it on the thread that moves all messages. `None` where the host is an
    /// address or a wildcard, or there is none. Any free port is 0.
    pub(super) fn name(&self) -> Option<(&str, u16)> {
        if !matches!(self.transport, Transport::Tcp | Transport::Ws) {
            return None;
        }
        let (host, port) = self.port()?;
        let is_name = host != "*" && !host.starts_with('[') && numeric(host).is_none();
        let port = if port == "*" { "0" } else { port };
        is_name.then_some((host, port.parse().ok()?))
    }

    /// The endpoint with an address in place of its host.
    pub(super) fn at(&self, address: SocketAddr) -> String {
        let (scheme, rest) = self.text.split_once("://").unwrap_or(("tcp", ""));
        let (before, path) = match rest.split_once('/') {
            Some((before, path)) => (before, format!("/{path}")),
            None => (rest, String::new()),
        };
        let source = before.rsplit_once(';').map(|(source, _)| format!("{source};"));
        format!("{scheme}://{}{address}{path}", source.unwrap_or_default())
    }

    /// Whether it can be reached at this address: a source address (`tcp://SOURCE;HOST:PORT`)
    /// allows its own family only.
    pub(super) fn allows(&self, address: SocketAddr) -> bool {
        let source = self.text.split_once("://").and_then(|(_, rest)| rest.rsplit_once(';'));
        let source = source.and_then(|(source, _)| source.rsplit_once(':'));
        let source = source.and_then(|(host, _port)| numeric(host));
        source.is_none_or(|source| source.is_ipv6() == address.is_ipv6())
    }
}

/// Whether a socket must speak IPv6 for an endpoint as libzmq is given it, whose host is
/// no name.
///
/// With `ZMQ_IPV6` on, a bound `*` is every address of both families, and what `PUBHandler`
/// binds is of one: so it is on only where IPv4 won't do.
pub(super) fn needs_ipv6(text: &str) -> bool {
    let address = text.rsplit_once(';').map_or(text, |(_, destination)| destination);
    address.split_once("://").map_or(address, |(_, address)| address).starts_with('[')
}

/// A host that is this machine for sure.
#[derive(PartialEq, Eq)]
enum Reach {
    /// One loopback address; `None` for whichever `localhost` is.
    Loopback(Option<IpAddr>),
    /// Every address of this machine.
    All,
}

impl Reach {
    fn of(host: &str) -> Option<Reach> {
        match host {
            "*" => return Some(Reach::All),
            "localhost" => return Some(Reach::Loopback(None)),
            _ => {}
        }
        let address = numeric(host)?;
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

fn wrong(text: &str, role: Role, cause: impl fmt::Display) -> Error {
    Error::usage(format!("can't {} \"{}\": {cause}", role.verb(), text.escape_debug()))
}

fn example(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "An endpoint looks like tcp://127.0.0.1:12345.",
        Transport::Ipc => "An endpoint looks like ipc:///tmp/zlog.sock.",
        Transport::Ws => "An endpoint looks like ws://127.0.0.1:12345/logs.",
        Transport::Other => "See libzmq's manual page of that transport.",
    }
}

fn without_scheme(text: &str, role: Role) -> Error {
    let error = wrong(text, role, "the transport is missing");
    if text.starts_with(['/', '.']) {
        return error.hint(format!("Did you mean ipc://{text}?"));
    }
    match text.rsplit_once(':') {
        Some((_, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            let host = if text.starts_with(':') { "127.0.0.1" } else { "" };
            error.hint(format!("Did you mean tcp://{host}{text}?"))
        }
        _ => error.hint(example(Transport::Tcp)),
    }
}

fn unknown_transport(text: &str, role: Role, scheme: &str) -> Error {
    let names: Vec<&str> = available().collect();
    let hint = format!("This build has {}.", names.join(", "));
    let cause = match scheme {
        "inproc" => "inproc:// reaches no other process".to_owned(),
        "udp" => "udp:// carries no publish/subscribe".to_owned(),
        _ if TRANSPORTS.iter().any(|(name, ..)| *name == scheme) => {
            format!("this build of libzmq lacks the transport {scheme}")
        }
        _ => format!("there is no transport \"{}\"", scheme.escape_debug()),
    };
    wrong(text, role, cause).hint(hint)
}

/// `host:port`, where the host may be a bracketed IPv6 address, and on bind `*`
/// or the name of an interface.
fn check_host_and_port(text: &str, role: Role, address: &str) -> Result<()> {
    // On connect libzmq also takes `source:port;destination:port`.
    let address = match role {
        Role::Connect => address.rsplit_once(';').map_or(address, |(_, destination)| destination),
        Role::Bind => address,
    };
    let Some((host, port)) = address.rsplit_once(':').filter(|(_, p)| !p.ends_with(']')) else {
        let hint = format!("Did you mean {text}:12345?");
        return Err(wrong(text, role, "the port is missing").hint(hint));
    };
    if host.is_empty() {
        let hint = format!("Did you mean {}?", text.replacen("://", "://127.0.0.1", 1));
        return Err(wrong(text, role, "the host is missing").hint(hint));
    }
    check_host(text, role, host, port)?;
    match (port, role) {
        ("*" | "0", Role::Bind) => Ok(()),
        ("*" | "0", Role::Connect) => {
            let cause = format!("port {port} is for --bind, where it means any free port");
            Err(wrong(text, role, cause))
        }
        _ if port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok() => Ok(()),
        ("", _) => {
            Err(wrong(text, role, "the port is missing").hint(format!("Did you mean {text}12345?")))
        }
        _ => {
            let cause = format!("\"{}\" is not a port", port.escape_debug());
            Err(wrong(text, role, cause).hint("A port is a number from 1 to 65535."))
        }
    }
}

fn check_host(text: &str, role: Role, host: &str, port: &str) -> Result<()> {
    if let Some(inner) = host.strip_prefix('[') {
        // A zone (`%eth0`) is the interface's name and is left to the resolver.
        let inner = inner.strip_suffix(']').unwrap_or("");
        let address = inner.split_once('%').map_or(inner, |(address, _zone)| address);
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(wrong(text, role, format!("{host} is not an IPv6 address")));
        }
        return Ok(());
    }
    if host.contains(':') {
        let hint = format!("Did you mean tcp://[{host}]:{port}?");
        return Err(wrong(text, role, "an IPv6 address stands in brackets").hint(hint));
    }
    if host == "*" && role == Role::Connect {
        let hint = format!("Did you mean tcp://127.0.0.1:{port}?");
        return Err(wrong(text, role, "host * is for --bind").hint(hint));
    }
    Ok(())
}

fn check_ipc_path(text: &str, role: Role, path: &str) -> Result<()> {
    if path == "*" && role == Role::Connect {
        return Err(wrong(text, role, "ipc://* is for --bind"));
    }
    if path.len() > LONGEST_IPC_PATH {
        let cause =
            format!("the path has {} bytes, and {LONGEST_IPC_PATH} is the most", path.len());
        return Err(wrong(text, role, cause).hint("Choose a shorter path, such as one in /tmp."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str, role: Role) -> String {
        Endpoint::parse(text, role).expect_err(text).to_string()
    }

    #[test]
    fn one_place_is_known_under_its_several_names() {
        let parse = |text: &str| Endpoint::parse(text, Role::Bind).expect(text);
        for (one, other, same) in [
            ("tcp://127.0.0.1:5", "tcp://127.0.0.1:5", true),
            ("tcp://127.0.0.1:5", "tcp://localhost:5", true),
            ("tcp://127.0.0.1:5", "tcp://127.0.0.2:5", false),
            ("tcp://*:5", "tcp://127.0.0.1:5", true),
            ("tcp://0.0.0.0:5", "tcp://localhost:5", true),
            ("tcp://[::]:5", "tcp://[::1]:5", true),
            ("tcp://*:5", "tcp://127.0.0.1:6", false),
            ("tcp://*:5", "tcp://10.1.2.3:5", false),
            ("tcp://10.1.2.3:5", "tcp://10.1.2.3:5", true),
            ("tcp://*:5", "ws://*:5/", false),
            ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", false),
            ("tcp://*:0", "tcp://127.0.0.1:0", false),
            ("ipc:///tmp/a", "ipc:///tmp/a", true),
            ("ipc:///tmp/a", "ipc:///tmp/b", false),
            ("ipc://*", "ipc://*", false),
        ] {
            assert_eq!(parse(one).same_address(&parse(other)), same, "{one} {other}");
            assert_eq!(parse(other).same_address(&parse(one)), same, "{other} {one}");
        }
    }

    #[test]
    fn questions_are_asked_at_the_next_port_or_beside_the_file() {
        let query_endpoint = |text: &str, role| {
            let endpoint = Endpoint::parse(text, role).expect(text);
            endpoint.query_endpoint().map(|it| it.as_str().to_owned())
        };
        for (text, expected) in [
            ("tcp://127.0.0.1:12345", Some("tcp://127.0.0.1:12346")),
            ("tcp://[::1]:5", Some("tcp://[::1]:6")),
            ("tcp://*:65535", None),
            ("tcp://127.0.0.1:0", Some("tcp://127.0.0.1:*")),
            ("ipc:///tmp/logs", Some("ipc:///tmp/logs.ask")),
            ("ipc://@logs", Some("ipc://@logs.ask")),
            ("ws://127.0.0.1:80/logs", Some("ws://127.0.0.1:81/logs")),
        ] {
            assert_eq!(query_endpoint(text, Role::Bind).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn endpoints_that_libzmq_can_use_are_let_through() {
        for text in [
            DEFAULT_ENDPOINT,
            "tcp://localhost:1",
            "tcp://[::1]:65535",
            "tcp://[fe80::1%eth0]:80",
            "tcp://10.0.0.1:0;10.0.0.2:5555",
            "ipc:///tmp/x.sock",
            "ipc://@abstract",
            "ws://127.0.0.1:80/logs",
        ] {
            assert_eq!(Endpoint::parse(text, Role::Connect).expect(text).as_str(), text);
        }
        for text in ["tcp://*:*", "tcp://eth0:0", "tcp://[::]:*", "ipc://*", "ws://*:8080"] {
            Endpoint::parse(text, Role::Bind).expect(text);
        }
    }

    #[test]
    fn a_port_outside_the_range_is_refused_although_libzmq_takes_it() {
        for text in ["tcp://h:99999", "tcp://h:65536", "tcp://h:-1", "tcp://h:+80", "tcp://h:x"] {
            assert!(refused(text, Role::Bind).contains("is not a port"), "{text}");
        }
    }

    #[test]
    fn wildcards_are_for_bind_alone() {
        for text in ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "tcp://*:80", "ipc://*"] {
            assert!(refused(text, Role::Connect).contains("is for --bind"), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_the_right_form_suggested() {
        let cases = [
            ("localhost:5555", "Did you mean tcp://localhost:5555?"),
            (":5555", "Did you mean tcp://127.0.0.1:5555?"),
            ("/tmp/a.sock", "Did you mean ipc:///tmp/a.sock?"),
            ("tcp://localhost", "Did you mean tcp://localhost:12345?"),
            ("tcp://[::1]", "the port is missing"),
            ("tcp://localhost:", "the port is missing"),
            ("tcp://:5555", "Did you mean tcp://127.0.0.1:5555?"),
            ("tcp://::1:5555", "Did you mean tcp://[::1]:5555?"),
            ("tcp://[::g]:5555", "not an IPv6 address"),
            ("tcp://", "the address is missing"),
            ("myprogram", "the transport is missing"),
        ];
        for (text, part) in cases {
            let said = refused(text, Role::Connect);
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn a_transport_that_is_not_there_names_those_that_are() {
        for text in ["http://x:1", "inproc://x", "udp://x:1", "norm://x:1"] {
            let said = refused(text, Role::Connect);
            assert!(said.contains("This build has tcp, ipc, ws"), "{text}: {said}");
        }
    }

    #[test]
    fn nul_and_other_control_characters_are_refused_and_shown_escaped() {
        assert!(refused("tcp://127.0.0.1:1\0", Role::Connect).contains("\\0"));
        assert!(refused("tcp://a b:1", Role::Connect).contains("space"));
    }

    #[test]
    fn an_ipc_path_that_the_system_would_cut_off_is_refused() {
        let fits = format!("ipc://{}", "a".repeat(LONGEST_IPC_PATH));
        Endpoint::parse(&fits, Role::Bind).expect("fits");
        assert!(refused(&format!("{fits}b"), Role::Bind).contains("108 bytes"));
    }

    #[test]
    fn a_name_is_told_from_an_address_and_replaced_by_one() {
        let address: SocketAddr = "[::1]:5".parse().expect("an address");
        for (text, role, name, at) in [
            ("tcp://localhost:5", Role::Connect, Some(("localhost", 5)), "tcp://[::1]:5"),
            ("ws://h:5/logs/a", Role::Connect, Some(("h", 5)), "ws://[::1]:5/logs/a"),
            ("tcp://eth0:*;h:5", Role::Connect, Some(("h", 5)), "tcp://eth0:*;[::1]:5"),
            ("tcp://h:*", Role::Bind, Some(("h", 0)), "tcp://[::1]:5"),
            ("tcp://127.1:5", Role::Connect, Some(("127.1", 5)), "tcp://[::1]:5"),
            ("tcp://127.0.0.1:5", Role::Connect, None, "tcp://[::1]:5"),
            ("tcp://[fe80::1%eth0]:5", Role::Connect, None, "tcp://[::1]:5"),
            ("tcp://*:5", Role::Bind, None, "tcp://[::1]:5"),
        ] {
            let endpoint = Endpoint::parse(text, role).expect(text);
            assert_eq!((endpoint.name(), endpoint.at(address).as_str()), (name, at), "{text}");
        }
        assert_eq!(Endpoint::parse("ipc:///tmp/h:5", Role::Connect).expect("ipc").name(), None);
    }

    #[test]
    fn a_source_address_allows_destinations_of_its_own_family() {
        let allowed = |text: &str| {
            let endpoint = Endpoint::parse(text, Role::Connect).expect(text);
            ["127.0.0.1:5", "[::1]:5"].map(|to| endpoint.allows(to.parse().expect(to)))
        };
        assert_eq!(allowed("tcp://h:5"), [true, true]);
        assert_eq!(allowed("tcp://10.0.0.1:0;h:5"), [true, false]);
        assert_eq!(allowed("tcp://[::1]:0;h:5"), [false, true]);
        assert_eq!(allowed("tcp://eth0:0;h:5"), [true, true]);
    }

    #[test]
    fn ipv6_is_asked_for_where_ipv4_will_not_do() {
        for (text, needed) in [
            ("tcp://[::1]:5", true),
            ("tcp://[::1]:0;[::1]:5", true),
            ("ws://[::1]:5/[x]", true),
            ("tcp://127.0.0.1:5", false),
            ("tcp://*:5", false),
            ("ipc:///tmp/[x]", false),
        ] {
            assert_eq!(needs_ipv6(text), needed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_answered_without_a_panic(text in ".*", bind: bool) {
            let role = if bind { Role::Bind } else { Role::Connect };
            if let Ok(endpoint) = Endpoint::parse(&text, role) {
                prop_assert!(!endpoint.as_str().contains('\0'));
            }
        }

        #[test]
        fn every_port_is_taken_and_no_number_beyond(port in 1u32..200_000) {
            let text = format!("tcp://127.0.0.1:{port}");
            prop_assert_eq!(Endpoint::parse(&text, Role::Connect).is_ok(), port <= 65535);
        }
    }
}

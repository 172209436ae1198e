//! The syntax of endpoints, with errors that suggest the correct form.

use std::fmt;

use super::{Role, to_bytes};
use zlog_core::text::suggest::did_you_mean;
use zlog_core::{Error, Result};

/// Longest socket path that `sockaddr_un` holds, without the final NUL.
pub(super) const MAX_IPC_PATH: usize = 107;

/// The transports of commands. Left out: `inproc`, which reaches no other process, and `udp`,
/// which has no publish/subscribe. `zmq-sys` builds libzmq without any others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    Tcp,
    Ipc,
    Ws,
}

/// The transports of this build by name. Windows may lack `ipc`.
fn transports() -> impl Iterator<Item = (&'static str, Transport)> {
    let all = [("tcp", Transport::Tcp), ("ipc", Transport::Ipc), ("ws", Transport::Ws)];
    all.into_iter().filter(|(name, _)| *name != "ipc" || zmq::has("ipc").unwrap_or(false))
}

/// Adds the transport, and the host 127.0.0.1, to a port or a host and a port.
pub(super) fn complete(text: &str) -> String {
    let is_port = |port: &str| {
        port == "*" || (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match text.rsplit_once(':') {
        None if is_port(text) && text != "*" => format!("tcp://127.0.0.1:{text}"),
        Some(("", port)) if is_port(port) => format!("tcp://127.0.0.1:{port}"),
        Some((host, port))
            if is_port(port) && !host.contains('/') && !host.starts_with(['.', '~']) =>
        {
            format!("tcp://{text}")
        }
        _ => text.to_owned(),
    }
}

/// Checks the syntax of an endpoint.
pub(super) fn check(text: &str, role: Role) -> Result<Transport> {
    // A path may contain spaces.
    let is_path = text.starts_with("ipc://");
    if text.contains(|c: char| c.is_control() || (c.is_whitespace() && !is_path)) {
        return Err(wrong(text, role, "it contains a space or a control character"));
    }
    let Some((scheme, address)) = text.split_once("://") else {
        return Err(without_scheme(text, role));
    };
    let Some((_, transport)) = transports().find(|(name, _)| *name == scheme) else {
        return Err(unknown_transport(text, role, scheme));
    };
    if address.is_empty() {
        return Err(wrong(text, role, "the address is missing").hint(example(transport)));
    }
    match transport {
        Transport::Tcp => check_host_and_port(text, role, address)?,
        Transport::Ws => {
            let host = address.split_once('/').map_or(address, |(host, _path)| host);
            check_host_and_port(text, role, host)?;
        }
        Transport::Ipc => check_ipc_path(text, role, address)?,
    }
    Ok(transport)
}

fn wrong(text: &str, role: Role, cause: impl fmt::Display) -> Error {
    Error::usage(format!("can't {} \"{}\": {cause}", role.verb(), text.escape_debug()))
}

fn example(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "An endpoint looks like tcp://127.0.0.1:12345.",
        Transport::Ipc => "An endpoint looks like ipc:///tmp/zlog.sock.",
        Transport::Ws => "An endpoint looks like ws://127.0.0.1:12345/logs.",
    }
}

fn without_scheme(text: &str, role: Role) -> Error {
    let error = wrong(text, role, "the transport is missing");
    if text.starts_with(['/', '.']) {
        return error.hint(did_you_mean(&format!("ipc://{text}")));
    }
    error.hint(example(Transport::Tcp))
}

fn unknown_transport(text: &str, role: Role, scheme: &str) -> Error {
    let names: Vec<&str> = transports().map(|(name, _)| name).collect();
    let other = match scheme {
        "nats" => " For a NATS server, use --nats.",
        "http" | "https" => " For an OpenTelemetry collector, use --otlp.",
        _ => "",
    };
    let hint = format!("This build has {}.{other}", names.join(", "));
    let cause = match scheme {
        "inproc" => "inproc:// reaches no other process".to_owned(),
        "udp" => "udp:// carries no publish/subscribe".to_owned(),
        _ => format!("unknown transport \"{}\"", scheme.escape_debug()),
    };
    wrong(text, role, cause).hint(hint)
}

/// Checks `host:port`. The host may be a bracketed IPv6 address; to bind, also `*` or the
/// name of an interface.
fn check_host_and_port(text: &str, role: Role, address: &str) -> Result<()> {
    // To connect, libzmq also accepts `source:port;destination:port`.
    let address = match role {
        Role::Connect => address.rsplit_once(';').map_or(address, |(_, destination)| destination),
        Role::Bind => address,
    };
    let Some((host, port)) = address.rsplit_once(':').filter(|(_, p)| !p.ends_with(']')) else {
        let hint = did_you_mean(&format!("{text}:12345"));
        return Err(wrong(text, role, "the port is missing").hint(hint));
    };
    if host.is_empty() {
        let hint = did_you_mean(&text.replacen("://", "://127.0.0.1", 1));
        return Err(wrong(text, role, "the host is missing").hint(hint));
    }
    check_host(text, role, host, port)?;
    match (port, role) {
        ("*", Role::Bind) => Ok(()),
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
        // A zone (`%eth0`) is an interface name, which the resolver checks.
        let inner = inner.strip_suffix(']').unwrap_or("");
        let address = inner.split_once('%').map_or(inner, |(address, _zone)| address);
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(wrong(text, role, format!("{host} is not an IPv6 address")));
        }
        return Ok(());
    }
    if host.contains(':') {
        let hint = format!("Did you mean tcp://[{host}]:{port}?");
        return Err(wrong(text, role, "an IPv6 address must be in brackets").hint(hint));
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
    let bytes = to_bytes(path).len();
    if bytes > MAX_IPC_PATH {
        let cause = format!("the path has {bytes} bytes; the limit is {MAX_IPC_PATH}");
        return Err(wrong(text, role, cause).hint("Choose a shorter path, such as one in /tmp."));
    }
    Ok(())
}

//! Binds and connects endpoints, with errors that name the next step.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::ffi::{self, Errno};
use crate::os::resolve;
use crate::socket::diagnose::{self, PeerKind};
use crate::socket::endpoint::{Endpoint, Role, needs_ipv6, to_text};
use zlog_core::{Error, Result};

/// A bound or connected endpoint.
pub(super) struct Attached {
    /// The endpoint; for a bound one with wildcards filled in.
    pub(super) endpoint: String,
    /// Other spellings that libzmq may use in monitor events.
    pub(super) aliases: Vec<String>,
}

/// Binds or connects `socket`, and waits for the lookup of a host name. Names to connect
/// to that must be followed later belong to [`HostNames`](super::host_names::HostNames).
pub(super) fn attach(socket: &mut zmq::Socket, endpoint: &Endpoint) -> Result<Attached> {
    if endpoint.role() == Role::Bind {
        return bind(socket, endpoint);
    }
    let address = match endpoint.name() {
        Some((host, port)) => endpoint.at(look_up(endpoint, host, port)?[0]),
        None => endpoint.as_str().to_owned(),
    };
    connect(socket, &address).map_err(|errno| failed(endpoint, &errno))?;
    Ok(Attached { endpoint: endpoint.as_str().to_owned(), aliases: vec![address] })
}

/// Connects to an endpoint with a numeric address.
pub(super) fn connect(socket: &mut zmq::Socket, address: &str) -> Result<(), Errno> {
    set_ipv6(socket, needs_ipv6(address))?;
    ffi::connect(socket, address)
}

/// Disconnects from an endpoint as it was passed to [`connect`].
pub(super) fn disconnect(socket: &mut zmq::Socket, address: &str) {
    // Fails if libzmq has already dropped the endpoint, which has the same effect.
    let _ = ffi::disconnect(socket, address);
}

/// Reconnects an endpoint that libzmq gave up. On failure it stays disconnected.
pub(super) fn reconnect(socket: &mut zmq::Socket, address: &str) {
    disconnect(socket, address);
    let _ = connect(socket, address);
}

fn set_ipv6(socket: &mut zmq::Socket, ipv6: bool) -> Result<(), Errno> {
    ffi::set_int(socket, zmq_sys::ZMQ_IPV6, ipv6.into())
}

/// Looks up a host, IPv4 addresses first. Returns at least one address.
fn look_up(endpoint: &Endpoint, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let found = resolve::look_up(host, port);
    let mut found = found.map_err(|error| error.within(cannot(endpoint)))?;
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}

/// Why an endpoint can't be bound.
enum BindError {
    /// Another program has bound it.
    InUse,
    Other(Error),
}

impl From<Error> for BindError {
    fn from(error: Error) -> BindError {
        BindError::Other(error)
    }
}

/// Binds an endpoint, or its fallback if it is in use.
fn bind(socket: &mut zmq::Socket, endpoint: &Endpoint) -> Result<Attached> {
    let bound = check_ipc_is_free(endpoint).and_then(|()| bind_anywhere(socket, endpoint));
    match (bound, endpoint.fallback()) {
        (Ok(()), _) => {}
        (Err(BindError::InUse), Some(fallback)) => return bind(socket, fallback),
        (Err(BindError::InUse), None) => return Err(in_use(endpoint)),
        (Err(BindError::Other(error)), _) => return Err(error),
    }
    let real = match socket.get_last_endpoint() {
        Ok(Ok(real)) => to_text(real.as_bytes()),
        Ok(Err(bytes)) => to_text(&bytes),
        Err(_) => endpoint.as_str().to_owned(),
    };
    let aliases = vec![endpoint.as_str().to_owned()];
    Ok(Attached { endpoint: real, aliases })
}

/// Binds the first address of the endpoint's host that this machine has. For an interface
/// name these are the interface's addresses, IPv4 first.
fn bind_anywhere(socket: &mut zmq::Socket, endpoint: &Endpoint) -> Result<(), BindError> {
    let text = endpoint.as_str().to_owned();
    let tries: Vec<(String, bool)> = match endpoint.name() {
        None => {
            let ipv6 = needs_ipv6(&text);
            vec![(text, ipv6)]
        }
        Some((host, _)) if ffi::is_interface(host) => vec![(text.clone(), false), (text, true)],
        Some((host, port)) => {
            let found = look_up(endpoint, host, port)?;
            found.iter().map(|address| (endpoint.at(*address), address.is_ipv6())).collect()
        }
    };
    let mut outcome = Ok(());
    for (address, ipv6) in tries {
        outcome = set_ipv6(socket, ipv6).and_then(|()| ffi::bind(socket, &address));
        match outcome {
            Err(errno) if is_elsewhere(errno) => {}
            _ => break,
        }
    }
    outcome.map_err(|errno| match errno.kind() {
        ErrorKind::AddrInUse => BindError::InUse,
        _ => bind_failed(endpoint, errno).into(),
    })
}

/// Whether this machine lacks the address, or the interface an address of this family.
fn is_elsewhere(errno: Errno) -> bool {
    errno.kind() == ErrorKind::AddrNotAvailable || errno.is(zmq::Error::ENODEV)
}

/// Fails if the path belongs to a running program or is not a socket: libzmq would delete
/// either before it binds. A stale socket file (its program crashed) may be replaced.
#[cfg(unix)]
fn check_ipc_is_free(endpoint: &Endpoint) -> Result<(), BindError> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;

    let Some(path) = endpoint.ipc_path() else { return Ok(()) };
    let Ok(metadata) = std::fs::symlink_metadata(&path) else {
        return Ok(()); // Missing or inaccessible: bind reports which.
    };
    if !metadata.file_type().is_socket() {
        let error = failed(endpoint, &"the file at that path is not a socket");
        return Err(error.hint("Choose another path. The file is left as it is.").into());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(BindError::InUse),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(failed(endpoint, &"the socket at that path belongs to another user").into())
        }
        Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_ipc_is_free(_: &Endpoint) -> Result<(), BindError> {
    Ok(())
}

fn bind_failed(endpoint: &Endpoint, errno: Errno) -> Error {
    match errno.kind() {
        _ if is_elsewhere(errno) => {
            failed(endpoint, &"this machine has no such address or interface")
                .hint("Bind tcp://*:PORT for all of its addresses.")
        }
        ErrorKind::PermissionDenied => failed(endpoint, &errno)
            .hint("Ports below 1024 and directories of other users need permission."),
        ErrorKind::NotFound => {
            failed(endpoint, &errno).hint("The directory of an ipc path must exist.")
        }
        _ => failed(endpoint, &errno),
    }
}

/// The error of an endpoint in use, with the next step for what has bound it.
fn in_use(endpoint: &Endpoint) -> Error {
    let error = failed(endpoint, &"address already in use");
    let Some(hints) = endpoint.in_use_hints() else { return error };
    let there = endpoint.to_connect();
    let hint = match diagnose::peer_kind(&there) {
        Some(PeerKind::Publisher) => hints.publisher,
        Some(PeerKind::Subscriber) => hints.subscriber,
        Some(PeerKind::Other(_)) | None => hints.other,
    };
    error.hint(hint.replace("{}", &there))
}

fn failed(endpoint: &Endpoint, cause: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{}: {cause}", cannot(endpoint)))
}

fn cannot(endpoint: &Endpoint) -> String {
    format!("can't {} {endpoint}", endpoint.role().verb())
}

#[cfg(test)]
mod tests {
    use super::super::ipc_cleanup::IpcFiles;
    use super::*;
    use crate::socket::endpoint::InUseHints;

    fn socket() -> zmq::Socket {
        let socket = zmq::Context::new().socket(zmq::XPUB).expect("socket");
        socket.set_linger(0).expect("linger");
        socket
    }

    fn try_bind(socket: &mut zmq::Socket, text: &str) -> Result<String> {
        let endpoint = Endpoint::parse(text, Role::Bind)?;
        attach(socket, &endpoint).map(|attached| attached.endpoint)
    }

    #[test]
    fn wildcards_are_filled_in() {
        let mut socket = socket();
        for text in ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "ipc://*"] {
            let real = try_bind(&mut socket, text).expect(text);
            let _file = IpcFiles::of(std::slice::from_ref(&real));
            assert!(!real.ends_with([':', '*']) && !real.ends_with(":0"), "{real}");
        }
    }

    #[test]
    fn the_hint_fits_what_has_bound_the_endpoint() {
        let hints = InUseHints {
            publisher: "A publisher: {}",
            subscriber: "A subscriber: {}",
            other: "Another program",
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let other = format!("tcp://{}", listener.local_addr().expect("an address"));
        let mut taken = vec![(other, "Another program".to_owned())];
        let sockets =
            [(zmq::XPUB, "A publisher"), (zmq::SUB, "A subscriber")].map(|(kind, hint)| {
                let mut socket = zmq::Context::new().socket(kind).expect("socket");
                let real = try_bind(&mut socket, "tcp://127.0.0.1:0").expect("bind");
                taken.push((real.clone(), format!("{hint}: {real}")));
                socket
            });
        for (text, expected) in taken {
            let endpoint = Endpoint::parse(&text, Role::Bind).expect("valid");
            let bound = attach(&mut socket(), &endpoint.with_in_use_hints(hints));
            let error = bound.err().expect("in use");
            let what = format!("can't bind {text}: address already in use");
            assert_eq!(error.message(), what);
            assert_eq!(error.next_step(), Some(&*expected));
        }
        drop(sockets);
    }

    #[test]
    fn an_endpoint_in_use_is_replaced_by_its_fallback() {
        let mut first = socket();
        let real = try_bind(&mut first, "tcp://127.0.0.1:0").expect("bind");
        let endpoint = |text| Endpoint::parse(text, Role::Bind).expect("valid");
        let with_fallback = endpoint(&real).or_if_in_use(endpoint("tcp://127.0.0.1:*"));
        let mut second = socket();
        let other = attach(&mut second, &with_fallback).expect("bind").endpoint;
        assert_ne!(other, real);
        drop(first);
        let unused = endpoint("tcp://127.0.0.1:*").or_if_in_use(endpoint(&other));
        assert_ne!(attach(&mut socket(), &unused).expect("bind").endpoint, other);
    }

    #[test]
    fn binding_an_address_of_another_machine_is_reported_as_such() {
        for (text, cause) in [
            ("tcp://host.invalid:0", "looking up host.invalid: "),
            ("tcp://192.0.2.1:0", "this machine has no such address"),
            ("tcp://[2001:db8::1]:0", "this machine has no such address"),
        ] {
            let said = try_bind(&mut socket(), text).expect_err(text).to_string();
            assert!(said.contains(cause), "{said}");
        }
    }

    #[test]
    fn a_name_is_bound_at_its_first_address_and_an_interface_at_its_own() {
        for text in ["tcp://localhost:0", "tcp://127.1:*", "ws://localhost:0/logs"] {
            let real = try_bind(&mut socket(), text).expect(text);
            assert!(real.contains("://127.0.0.1:") && !real.ends_with(":0"), "{real}");
        }
        if cfg!(target_os = "linux") {
            let real = try_bind(&mut socket(), "tcp://lo:0").expect("the loopback interface");
            assert!(real.starts_with("tcp://127.0.0.1:"), "{real}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_live_ipc_socket_is_not_replaced_and_a_stale_one_is() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("s.sock");
        let text = format!("ipc://{}", path.display());

        let mut first = socket();
        try_bind(&mut first, &text).expect("bind");
        let said = try_bind(&mut socket(), &text).expect_err("live").to_string();
        assert!(said.contains("address already in use"), "{said}");
        drop(first);

        std::fs::remove_file(&path).ok();
        drop(std::os::unix::net::UnixListener::bind(&path).expect("leave a stale file"));
        assert!(path.exists());
        try_bind(&mut socket(), &text).expect("stale");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_not_a_socket_is_never_removed() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let text = format!("ipc://{}", file.path().display());
        let said = try_bind(&mut socket(), &text).expect_err("a file").to_string();
        assert!(said.contains("not a socket"), "{said}");
        assert!(file.path().exists());
    }
}

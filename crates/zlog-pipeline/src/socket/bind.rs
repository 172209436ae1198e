//! Binds an endpoint on any engine, with errors that name the next step.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::diagnose::{self, PeerKind};
use super::endpoint::{Endpoint, needs_ipv6};
use zlog_core::{Error, Result};

/// What an engine must be able to do.
pub(super) trait Bind {
    /// The addresses of a network interface, IPv4 first. None if `host` is no interface.
    fn interface(&self, endpoint: &Endpoint, host: &str, port: u16) -> Vec<Candidate>;

    /// Binds an address. Returns it with wildcards filled in.
    fn bind(&mut self, candidate: &Candidate) -> Result<String, BindError>;
}

/// An address to bind.
pub(super) struct Candidate {
    /// The endpoint, with a numeric host.
    pub(super) address: String,
    /// Whether it is an address of IPv6.
    pub(super) is_ipv6: bool,
}

/// Why an address can't be bound.
pub(super) struct BindError {
    /// The kind of error.
    pub(super) kind: ErrorKind,
    /// The engine's words for it.
    pub(super) text: String,
}

/// Why an endpoint can't be bound.
enum Refusal {
    /// Another program has bound it.
    InUse,
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Other(error)
    }
}

/// Binds an endpoint, or its fallback if it is in use. Returns the endpoint with wildcards filled
/// in.
pub(super) fn bind(binder: &mut dyn Bind, endpoint: &Endpoint) -> Result<String> {
    let bound = check_ipc_is_free(endpoint).and_then(|()| bind_anywhere(binder, endpoint));
    match (bound, endpoint.fallback()) {
        (Ok(bound), _) => Ok(bound),
        (Err(Refusal::InUse), Some(fallback)) => bind(binder, fallback),
        (Err(Refusal::InUse), None) => Err(in_use(endpoint)),
        (Err(Refusal::Other(error)), _) => Err(error),
    }
}

/// Binds the first address of the endpoint's host that this machine has. For an interface
/// name these are the interface's addresses, IPv4 first.
fn bind_anywhere(binder: &mut dyn Bind, endpoint: &Endpoint) -> Result<String, Refusal> {
    let text = endpoint.as_str().to_owned();
    let candidates = match endpoint.name() {
        None => vec![Candidate { is_ipv6: needs_ipv6(&text), address: text }],
        Some((host, port)) => match binder.interface(endpoint, host, port) {
            none if none.is_empty() => {
                let found = endpoint.look_up(host, port)?;
                let candidate = |address: &SocketAddr| Candidate {
                    address: endpoint.at(*address),
                    is_ipv6: address.is_ipv6(),
                };
                found.iter().map(candidate).collect()
            }
            addresses => addresses,
        },
    };
    let mut outcome = Err(BindError { kind: ErrorKind::AddrNotAvailable, text: String::new() });
    for candidate in candidates {
        outcome = binder.bind(&candidate);
        match &outcome {
            // This machine lacks the address, or the interface an address of this family.
            Err(error) if error.kind == ErrorKind::AddrNotAvailable => {}
            _ => break,
        }
    }
    outcome.map_err(|error| match error.kind {
        ErrorKind::AddrInUse => Refusal::InUse,
        _ => bind_failed(endpoint, &error).into(),
    })
}

/// Fails if the path belongs to a running program or is not a socket: libzmq would delete
/// either before it binds. A stale socket file (its program crashed) may be replaced.
#[cfg(unix)]
fn check_ipc_is_free(endpoint: &Endpoint) -> Result<(), Refusal> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;

    let Some(path) = endpoint.ipc_path() else { return Ok(()) };
    let Ok(metadata) = std::fs::symlink_metadata(&path) else {
        return Ok(()); // Missing or inaccessible: bind reports which.
    };
    if !metadata.file_type().is_socket() {
        let error = endpoint.failed(&"the file at that path is not a socket");
        return Err(error.hint("Choose another path. The file is left as it is.").into());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Refusal::InUse),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(endpoint.failed(&"the socket at that path belongs to another user").into())
        }
        Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_ipc_is_free(_: &Endpoint) -> Result<(), Refusal> {
    Ok(())
}

fn bind_failed(endpoint: &Endpoint, error: &BindError) -> Error {
    let cause = &error.text;
    match error.kind {
        ErrorKind::AddrNotAvailable => endpoint
            .failed(&"this machine has no such address or interface")
            .hint("Bind tcp://*:PORT for all of its addresses."),
        ErrorKind::PermissionDenied => endpoint
            .failed(cause)
            .hint("Ports below 1024 and directories of other users need permission."),
        ErrorKind::NotFound => {
            endpoint.failed(cause).hint("The directory of an ipc path must exist.")
        }
        _ => endpoint.failed(cause),
    }
}

/// The error of an endpoint in use, with the next step for what has bound it.
fn in_use(endpoint: &Endpoint) -> Error {
    let error = endpoint.failed(&"address already in use");
    let Some(hints) = endpoint.in_use_hints() else { return error };
    let there = endpoint.to_connect();
    let hint = match diagnose::peer_kind(&there) {
        Some(PeerKind::Publisher) => hints.publisher,
        Some(PeerKind::Subscriber) => hints.subscriber,
        Some(PeerKind::Other(_)) | None => hints.other,
    };
    error.hint(hint.replace("{}", &there))
}

//! Binding and connecting, with errors that say what to do.
//!
//! What may be here: what is done to a socket for each endpoint when it is
//! opened or made anew.

use std::io::ErrorKind;

use super::endpoint::{Endpoint, Lookup, Role};
use super::raw::{self, Errno};
use zlog_core::error::{Error, Result};

/// What became of an endpoint.
pub(super) struct Attached {
    /// The endpoint as it is reached: of a bound one, wildcards are filled in.
    pub(super) endpoint: String,
    /// How libzmq may spell it in its monitor.
    pub(super) aliases: Vec<String>,
    /// Why the host's name is not known.
    pub(super) unresolved: Option<String>,
}

/// Binds or connects `socket`.
pub(super) fn attach(socket: &mut zmq::Socket, endpoint: &Endpoint) -> Result<Attached> {
    let lookup = endpoint.look_up();
    socket
        .set_ipv6(endpoint.needs_ipv6(&lookup))
        .map_err(|error| failed(endpoint, &error.message()))?;
    match endpoint.role() {
        Role::Bind => bind(socket, endpoint),
        Role::Connect => {
            raw::connect(socket, endpoint.as_str()).map_err(|errno| failed(endpoint, &errno))?;
            Ok(connected(endpoint, lookup))
        }
    }
}

/// Connects anew what libzmq gave up. A failure shows as what it is: no connection.
pub(super) fn again(socket: &mut zmq::Socket, endpoint: &str) {
    // Fails where libzmq has already forgotten the endpoint, which is as good.
    let _ = raw::disconnect(socket, endpoint);
    let _ = raw::connect(socket, endpoint);
}

fn connected(endpoint: &Endpoint, lookup: Lookup) -> Attached {
    let text = endpoint.as_str();
    let scheme = text.split_once("://").map_or("tcp", |(scheme, _)| scheme);
    let (aliases, unresolved) = match lookup {
        Lookup::Found(found) => {
            (found.iter().map(|address| format!("{scheme}://{address}")).collect(), None)
        }
        Lookup::Unknown(why) => (Vec::new(), Some(why)),
        Lookup::NotAName => (Vec::new(), None),
    };
    Attached { endpoint: text.to_owned(), aliases, unresolved }
}

fn bind(socket: &mut zmq::Socket, endpoint: &Endpoint) -> Result<Attached> {
    if let Some(path) = endpoint.ipc_path() {
        check_ipc_is_free(endpoint, path)?;
    }
    raw::bind(socket, endpoint.as_str()).map_err(|errno| bind_failed(endpoint, errno))?;
    let real = match socket.get_last_endpoint() {
        Ok(Ok(real)) => real,
        _ => endpoint.as_str().to_owned(),
    };
    let aliases = vec![endpoint.as_str().to_owned()];
    Ok(Attached { endpoint: real, aliases, unresolved: None })
}

/// libzmq removes whatever stands at an ipc path before it binds: the socket of a
/// program that runs, or a file that is no socket. A socket that nobody listens
/// on (its program crashed) may go.
#[cfg(unix)]
fn check_ipc_is_free(endpoint: &Endpoint, path: &str) -> Result<()> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;

    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(()); // Not there, or out of reach: bind says which.
    };
    if !metadata.file_type().is_socket() {
        let error = failed(endpoint, &"there is a file at that path, and it is not a socket");
        return Err(error.hint("Choose another path; the file is left as it is."));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(in_use(endpoint)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(failed(endpoint, &"the socket at that path belongs to somebody else"))
        }
        Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_ipc_is_free(_endpoint: &Endpoint, _path: &str) -> Result<()> {
    Ok(())
}

fn bind_failed(endpoint: &Endpoint, errno: Errno) -> Error {
    match errno.kind() {
        ErrorKind::AddrInUse => in_use(endpoint),
        ErrorKind::AddrNotAvailable => failed(endpoint, &"this machine has no such address")
            .hint("Bind tcp://*:PORT for all of its addresses."),
        ErrorKind::PermissionDenied => failed(endpoint, &errno)
            .hint("Ports below 1024 and other people's directories need rights."),
        ErrorKind::NotFound => {
            failed(endpoint, &errno).hint("The directory of an ipc path must exist.")
        }
        // libzmq looks the host up as an interface first.
        _ if errno.is(zmq::Error::ENODEV) => {
            failed(endpoint, &"this machine has no such address or interface")
                .hint("Bind tcp://*:PORT for all of its addresses.")
        }
        _ => failed(endpoint, &errno),
    }
}

fn in_use(endpoint: &Endpoint) -> Error {
    let error = failed(endpoint, &"address already in use");
    if let Some(hint) = endpoint.hint_when_taken() {
        return error.hint(hint);
    }
    let next = match endpoint.ipc_path() {
        Some(_) => "another path",
        None => "another port (0 takes a free one)",
    };
    error.hint(format!(
        "Another program listens there, maybe another `zlog emit`: --connect to it or --bind {next}."
    ))
}

fn failed(endpoint: &Endpoint, cause: &dyn std::fmt::Display) -> Error {
    let verb = match endpoint.role() {
        Role::Bind => "bind",
        Role::Connect => "connect to",
    };
    Error::new(format!("can't {verb} {endpoint}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::leavings::Leavings;

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
            let _file = Leavings::of(std::slice::from_ref(&real));
            assert!(!real.ends_with([':', '*']) && !real.ends_with(":0"), "{real}");
        }
    }

    #[test]
    fn an_address_in_use_is_named_with_the_next_step() {
        let mut first = socket();
        let real = try_bind(&mut first, "tcp://127.0.0.1:0").expect("bind");
        let said = try_bind(&mut socket(), &real).expect_err("in use").to_string();
        assert!(
            said.starts_with(&format!("can't bind {real}: address already in use\n")),
            "{said}"
        );
        assert!(said.contains("--connect"), "{said}");
    }

    #[test]
    fn a_host_that_is_not_this_machine_is_said_to_be_so() {
        for text in ["tcp://nosuchif0:0", "tcp://192.0.2.1:0"] {
            let said = try_bind(&mut socket(), text).expect_err(text).to_string();
            assert!(said.contains("this machine has no such address"), "{said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_live_ipc_socket_is_not_stolen_and_a_stale_one_does_not_block() {
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
    fn a_file_that_is_no_socket_is_never_removed() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let text = format!("ipc://{}", file.path().display());
        let said = try_bind(&mut socket(), &text).expect_err("a file").to_string();
        assert!(said.contains("not a socket"), "{said}");
        assert!(file.path().exists());
    }
}

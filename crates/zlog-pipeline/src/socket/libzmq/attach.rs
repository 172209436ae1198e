//! Binds and connects the sockets of libzmq.

use std::io::ErrorKind;

use super::ffi::{self, Errno};
use crate::socket::bind::{self, Bind, BindError, Candidate};
#[cfg(unix)]
use crate::socket::endpoint::ipc_path;
use crate::socket::endpoint::{Endpoint, Role, needs_ipv6, to_text};
use zlog_core::Result;

/// A bound or connected endpoint.
pub(super) struct Attached {
    /// The endpoint; for a bound one with wildcards filled in.
    pub(super) endpoint: String,
    /// Other spellings that libzmq may use in monitor events.
    pub(super) aliases: Vec<String>,
}

/// Binds or connects `socket`, and waits for the lookup of a host name. Names to connect
/// to that must be followed later belong to [`HostNames`](crate::socket::host_names::HostNames).
pub(super) fn attach(socket: &mut zmq::Socket, endpoint: &Endpoint) -> Result<Attached> {
    if endpoint.role() == Role::Bind {
        let bound = bind::bind(&mut Binding(socket), endpoint)?;
        return Ok(Attached { endpoint: bound, aliases: vec![endpoint.as_str().to_owned()] });
    }
    let address = match endpoint.name() {
        Some((host, port)) => endpoint.at(endpoint.look_up(host, port)?[0]),
        None => endpoint.as_str().to_owned(),
    };
    connect(socket, &address).map_err(|errno| endpoint.failed(&errno))?;
    Ok(Attached { endpoint: endpoint.as_str().to_owned(), aliases: vec![address] })
}

/// A socket to bind.
struct Binding<'s>(&'s mut zmq::Socket);

impl Bind for Binding<'_> {
    /// libzmq looks for the addresses itself.
    fn interface(&self, endpoint: &Endpoint, host: &str, _: u16) -> Vec<Candidate> {
        let candidate = |is_ipv6| Candidate { address: endpoint.as_str().to_owned(), is_ipv6 };
        if ffi::is_interface(host) { [false, true].map(candidate).into() } else { Vec::new() }
    }

    fn bind(&mut self, candidate: &Candidate) -> Result<String, BindError> {
        let Candidate { address, is_ipv6 } = candidate;
        set_ipv6(self.0, *is_ipv6).and_then(|()| ffi::bind(self.0, address)).map_err(|errno| {
            let is_elsewhere = errno.is(zmq::Error::ENODEV);
            let kind = if is_elsewhere { ErrorKind::AddrNotAvailable } else { errno.kind() };
            BindError { kind, text: errno.to_string() }
        })?;
        let real = match self.0.get_last_endpoint() {
            Ok(Ok(real)) => to_text(real.as_bytes()),
            Ok(Err(bytes)) => to_text(&bytes),
            Err(_) => address.clone(),
        };
        restrict(&real)
            .map_err(|error| BindError { kind: error.kind(), text: error.to_string() })?;
        Ok(real)
    }
}

/// Lets only the owner connect to the socket file of an ipc endpoint.
fn restrict(endpoint: &str) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(path) = ipc_path(endpoint) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
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

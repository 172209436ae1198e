//! Opens sockets: binds and connects their endpoints.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use zmtp::{Address, Authenticator, Router};

use super::address::{to_address, to_endpoint};
use super::endpoints::{Connections, Endpoints, Socket, lock};
use super::follower::{Followed, Follower};
use crate::os::{fd_limit, interface};
use crate::socket::bind::{self, Bind, BindError, Candidate};
use crate::socket::connection::{ConnectionEvent, EndpointStatus};
use crate::socket::endpoint::{Endpoint, Role};
use crate::socket::engine::Engine;
use crate::socket::keyring::Keyring;
use crate::socket::options::SocketOptions;
use crate::socket::registered_publishers::RegisteredPublishers;
use zlog_core::{Error, Result};

/// An open socket.
pub(super) struct Open<S: Socket> {
    // Ends before the socket that it uses.
    follower: Option<Follower>,
    pub(super) socket: Arc<S>,
    endpoints: Arc<Mutex<Endpoints>>,
    bound: Vec<String>,
    /// The directories of `ipc://*`, removed after the socket.
    directories: Vec<TempDir>,
}

/// A socket could not be opened.
pub(super) fn open_error(error: &io::Error) -> Error {
    Error::io("can't open a ZeroMQ socket", error)
        .hint("Raise the limits on descriptors (`ulimit -n`) and processes (`ulimit -u`).")
}

impl Open<Router> {
    /// Opens a router on `endpoints` that receives messages of at most `max_message` bytes. `set` sets
    /// further options.
    ///
    /// # Errors
    /// An endpoint can't be bound; the error names it, the cause and the next step.
    pub(super) fn router(
        endpoints: &[Endpoint],
        security: &SocketOptions,
        max_message: usize,
        set: impl FnOnce(&mut zmtp::Options),
        on_change: impl Fn() + Send + Clone + 'static,
    ) -> Result<Open<Router>> {
        let own = SocketOptions {
            max_message: max_message as u64,
            insecure: security.insecure,
            key: security.key.clone(),
            engine: Some(Engine::Native),
            ..SocketOptions::subscriber()
        };
        let own = own.secured(endpoints)?;
        let mut options = zmtp::Options::subscriber();
        set_options(&own, &mut options);
        set(&mut options);
        let router = Router::new(options).map_err(|error| open_error(&error))?;
        Open::new(router, endpoints, own.keyring.clone(), on_change)
    }
}

impl<S: Socket> Open<S> {
    /// Binds and connects `endpoints`. `on_change` is called in other threads when a connection
    /// has changed.
    pub(super) fn new(
        socket: S,
        endpoints: &[Endpoint],
        keyring: Option<Arc<Keyring>>,
        on_change: impl Fn() + Send + Clone + 'static,
    ) -> Result<Open<S>> {
        let (mut table, mut followed) = (Endpoints::new(keyring), Followed::default());
        let (mut bound, mut directories) = (Vec::new(), Vec::new());
        let mut follows = false;
        for (at, endpoint) in endpoints.iter().enumerate() {
            // A publisher that connects twice would send everything twice.
            if endpoint.role() == Role::Connect && endpoints[..at].contains(endpoint) {
                continue;
            }
            check(endpoint)?;
            let text = endpoint.as_str();
            if endpoint.role() == Role::Bind {
                let mut binding = Binding { socket: &socket, directories: &mut directories };
                let real = bind::bind(&mut binding, endpoint)?;
                table.add(&real, Role::Bind, to_address(&real).into_iter().collect());
                bound.push(real);
            } else if let Some(directory) = endpoint.run_directory() {
                let entry = table.add_run_directory(&directory.path().to_string_lossy());
                followed.registered =
                    Some(RegisteredPublishers::new(directory.clone(), endpoint, entry));
                follows = true;
            } else if endpoint.name().is_some() {
                followed.names.add(endpoint, table.add(text, Role::Connect, Vec::new()));
                follows = true;
            } else {
                let address = to_address(text).ok_or_else(|| unknown(endpoint))?;
                socket.connect(&address);
                table.add(text, Role::Connect, vec![address]);
            }
        }
        followed.names.open(&mut Connections { socket: &socket, endpoints: &mut table });
        socket.on_change(Box::new(on_change.clone()));
        let (socket, endpoints) = (Arc::new(socket), Arc::new(Mutex::new(table)));
        let start =
            || Follower::start(Arc::clone(&socket), Arc::clone(&endpoints), followed, on_change);
        let follower = if follows { Some(start()?) } else { None };
        Ok(Open { follower, socket, endpoints, bound, directories })
    }

    /// The bound endpoints, with wildcards filled in.
    pub(super) fn bound(&self) -> &[String] {
        &self.bound
    }

    /// The state of each endpoint.
    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        // Query the engine first: the follower holds this lock while it queries the engine.
        let engine = self.socket.endpoints();
        lock(&self.endpoints).status(&engine)
    }

    /// Whether there are endpoints, and all are connected ones.
    pub(super) fn all_connect(&self) -> bool {
        lock(&self.endpoints).all_connect()
    }

    /// The events since the last call. Calls `each` with those of the engine.
    pub(super) fn events(
        &self,
        mut each: impl FnMut(&zmtp::Event, &Endpoints),
    ) -> Vec<ConnectionEvent> {
        let mut endpoints = lock(&self.endpoints);
        let mut events = endpoints.take_events();
        while let Ok(event) = self.socket.events().try_recv() {
            each(&event, &endpoints);
            events.extend(endpoints.translate(&event));
        }
        events
    }

    /// Whether it has a key for its connections.
    pub(super) fn encrypts(&self) -> bool {
        lock(&self.endpoints).keyring().is_some_and(|keyring| keyring.encrypts())
    }

    /// What is wrong with the lists of keys, or right again. Each once.
    pub(super) fn take_key_notices(&self) -> Vec<String> {
        let keyring = lock(&self.endpoints).keyring();
        keyring.map(|keyring| keyring.take_notices()).unwrap_or_default()
    }

    /// Ends what follows endpoints. Returns the socket to close, and what must outlive it.
    pub(super) fn into_socket(self) -> (Option<S>, Vec<TempDir>) {
        drop(self.follower);
        (Arc::into_inner(self.socket), self.directories)
    }
}

/// Sets the options that both kinds of sockets have.
pub(super) fn set_options(own: &SocketOptions, options: &mut zmtp::Options) {
    let max_message = usize::try_from(own.max_message).unwrap_or(usize::MAX);
    options.max_message = max_message.max(crate::socket::MIN_MAX_MESSAGE);
    options.handshake = own.handshake;
    options.reconnect = own.reconnect;
    options.reconnect_max = own.reconnect_max;
    // Files, lookups and the next context need descriptors, too.
    options.refuse_descriptor = Some(fd_limit::is_reserved);
    options.authenticator = own.keyring.clone().map(|it| it as Arc<dyn Authenticator>);
}

/// Fails for what only libzmq can do.
fn check(endpoint: &Endpoint) -> Result<()> {
    let Some(what) = endpoint.only_libzmq_has() else { return Ok(()) };
    let error = endpoint.failed(&format!("the native engine has no {what}"));
    Err(error.hint("Use --engine libzmq."))
}

fn unknown(endpoint: &Endpoint) -> Error {
    endpoint
        .failed(&"the native engine does not understand this address")
        .hint("Use --engine libzmq.")
}

/// A socket to bind.
struct Binding<'a> {
    socket: &'a zmtp::Socket,
    directories: &'a mut Vec<TempDir>,
}

impl Bind for Binding<'_> {
    fn interface(&self, endpoint: &Endpoint, host: &str, port: u16) -> Vec<Candidate> {
        let candidate = |address: SocketAddr| Candidate {
            address: endpoint.at(address),
            is_ipv6: address.is_ipv6(),
        };
        interface::addresses(host, port).into_iter().map(candidate).collect()
    }

    fn bind(&mut self, candidate: &Candidate) -> Result<String, BindError> {
        let failed =
            |error: std::io::Error| BindError { kind: error.kind(), text: error.to_string() };
        let address = match candidate.address.as_str() {
            "ipc://*" => {
                let directory = tempfile::Builder::new().prefix("zlog-").tempdir();
                let directory = directory.map_err(failed)?;
                let address = Address::Ipc(directory.path().join("socket"));
                self.directories.push(directory);
                Some(address)
            }
            text => to_address(text),
        };
        let unknown = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
        let address = address.ok_or_else(unknown).map_err(failed)?;
        self.socket.bind(&address).map(|bound| to_endpoint(&bound)).map_err(failed)
    }
}

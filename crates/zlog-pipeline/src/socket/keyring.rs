//! The keys of a socket: which connections are encrypted, and whose keys are admitted.
//!
//! What is bound beyond loopback is encrypted with this machine's key, unless `insecure` is set; with a
//! key that was named, so is loopback. A connection is encrypted if the server's key is known. A
//! server on loopback that asks for encryption may be another process of this machine: then the
//! server must have this machine's key, too. The lists are read again when they change.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use zmtp::{Address, Authenticator, Credentials, Disconnect, KeyPair, Rights, Security};

use super::endpoint::{Endpoint, Role};
use crate::keys::{Client, Clients, KeyDirectory, OwnKey, PublicKey, Servers};
use crate::os::resolve::is_loopback;
use zlog_core::text::escape::escape;
use zlog_core::wire::mark;
use zlog_core::{Error, Result};

/// What to do about a server whose key is not known; the host follows.
const UNKNOWN_SERVER: &str = "it asks for encryption, and its key is not known here. Get its .pub file, \
                              then: zlog keygen --trust FILE --host ";

/// Most notices that wait to be taken.
const MAX_NOTICES: usize = 16;

/// The keys of a socket.
pub struct Keyring {
    directory: Option<KeyDirectory>,
    /// The file of the key that was named. All tcp connections are then encrypted.
    file: Option<PathBuf>,
    insecure: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    own: Option<OwnKey>,
    clients: Clients,
    servers: Servers,
    /// Those of the lists of clients and of servers that were read.
    stamps: [Option<Stamp>; 2],
    /// What was last reported to be wrong with each list, and the notices that are not reported yet.
    wrong: [Option<String>; 2],
    notices: Vec<String>,
    /// They were read again since [`Authenticator::has_changed`] was asked.
    has_changed: bool,
    /// Hosts and ports as they were given, by the addresses that they have.
    names: HashMap<Address, String>,
    /// Hosts and ports of connections that are encrypted, and never without from then on.
    secured: HashSet<String>,
}

impl Keyring {
    /// Reads the keys that these endpoints need. `file` has the key to use instead of the machine's;
    /// `insecure` allows to bind without one.
    ///
    /// # Errors
    /// A key is missing, or a file of keys is wrong.
    pub(super) fn new(
        endpoints: &[Endpoint],
        file: Option<PathBuf>,
        insecure: bool,
    ) -> Result<Keyring> {
        let keyring = Keyring {
            directory: KeyDirectory::of_user().ok(),
            file,
            insecure,
            state: Mutex::default(),
        };
        keyring.read_lists(endpoints)?;
        for endpoint in endpoints.iter().filter(|it| it.run_directory().is_none()) {
            if keyring.needs_key(endpoint)? && !keyring.load_own()? {
                return Err(match endpoint.role() {
                    Role::Bind => refused(endpoint),
                    Role::Connect => Error::new(format!(
                        "can't connect to {endpoint}: its key is known, but this machine has none"
                    ))
                    .hint("Make one: zlog keygen."),
                });
            }
        }
        let binds = endpoints.iter().any(|it| it.role() == Role::Bind);
        if let Some(directory) = keyring.directory.as_ref().filter(|_| binds && keyring.encrypts())
        {
            Clients::read(&directory.clients())?;
        }
        Ok(keyring)
    }

    /// Whether a connection is encrypted from the beginning.
    pub(super) fn encrypts(&self) -> bool {
        self.state().own.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the lists that matter for the endpoints.
    fn read_lists(&self, endpoints: &[Endpoint]) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let state = &mut *self.state();
        let (clients, servers) = (directory.clients(), directory.servers());
        state.stamps = [stamp(&clients), stamp(&servers)];
        state.clients = Clients::read_valid(&clients).map(|(all, _)| all).unwrap_or_default();
        // Without a wrong line, a connection could be one without encryption.
        let connects = |it: &Endpoint| it.role() == Role::Connect && it.host_and_port().is_some();
        if endpoints.iter().any(connects) {
            state.servers = Servers::read(&servers)?;
        }
        Ok(())
    }

    /// Whether the connections of an endpoint are encrypted.
    fn needs_key(&self, endpoint: &Endpoint) -> Result<bool> {
        let host = endpoint.host_and_port();
        if endpoint.role() == Role::Bind {
            let is_chosen = self.file.is_some() && host.is_some();
            return Ok(is_chosen || !self.insecure && endpoint.is_exposed()?);
        }
        let Some(host) = host else { return Ok(false) };
        let state = &mut *self.state();
        let is_known = state.servers.find(&host).is_some();
        if is_known {
            state.secured.insert(host.clone());
        }
        if !is_known && self.file.is_some() {
            return Err(Error::new(format!(
                "can't connect to {endpoint} with a key: the server's key is not known"
            ))
            .hint(format!("Get its .pub file, then: zlog keygen --trust FILE --host {host}")));
        }
        Ok(is_known)
    }

    /// Reads the key to use if that has not happened yet. Returns whether there is one.
    fn load_own(&self) -> Result<bool> {
        Ok(self.own(&mut self.state())?.is_some())
    }

    fn own<'s>(&self, state: &'s mut State) -> Result<Option<&'s OwnKey>> {
        if state.own.is_none() {
            state.own = match (&self.file, &self.directory) {
                (Some(file), _) => Some(OwnKey::read(file)?),
                (None, Some(directory)) => directory.machine()?,
                (None, None) => None,
            };
        }
        Ok(state.own.as_ref())
    }

    /// Reads the lists again if they have changed.
    fn read_changes(&self, state: &mut State) {
        let Some(directory) = &self.directory else { return };
        let (clients, servers) = (directory.clients(), directory.servers());
        let stamps = [stamp(&clients), stamp(&servers)];
        if stamps == state.stamps {
            return;
        }
        // A list that can't be read changes nothing, and is tried again.
        if stamps[0] != state.stamps[0] {
            let read = Clients::read_valid(&clients);
            state.tell(0, read.as_ref().map_or_else(Some, |(_, wrong)| wrong.first()), &clients);
            if let Ok((clients, _)) = read {
                (state.clients, state.stamps[0], state.has_changed) = (clients, stamps[0], true);
            }
        }
        // Nor does one with a wrong line: it could be that of a server.
        if stamps[1] != state.stamps[1] {
            let read = Servers::read(&servers);
            state.tell(1, read.as_ref().err(), &servers);
            if let Ok(servers) = read {
                (state.servers, state.stamps[1], state.has_changed) = (servers, stamps[1], true);
            }
        }
    }

    /// What is wrong with a list that has changed, or that it is right again. Each once.
    pub(super) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notices)
    }

    /// Notes the host and port that an address was found for.
    pub(super) fn name(&self, address: &Address, endpoint: &str) {
        if let Some((_, host)) = endpoint.split_once("://") {
            self.state().names.insert(address.clone(), host.to_owned());
        }
    }

    /// Why a handshake failed, with the next step, if it has to do with keys.
    pub(super) fn explain(&self, why: &Disconnect, address: Option<&Address>) -> Option<String> {
        let state = &*self.state();
        let own = state.own.as_ref().map(OwnKey::public);
        let host = address.map(|it| state.host(it)).unwrap_or_default();
        Some(match (why, address.is_some()) {
            // Made by `admit`.
            (Disconnect::Refused(why), _) => why.clone(),
            (Disconnect::RefusedByPeer(_), true) if own.is_some() => {
                let own = own?;
                format!(
                    "it does not trust this machine's key ({}). There: zlog keygen --trust '{own}' \
                     --name NAME",
                    own.fingerprint()
                )
            }
            (Disconnect::ServerKey, _) => match state.servers.find(&host) {
                Some(known) => format!(
                    "its key is not the one known here ({}). Compare it with `zlog keygen --list` \
                     there; if it has changed: zlog keygen --trust KEY --host {}",
                    known.key.fingerprint(),
                    escape(&known.host)
                ),
                None => format!("{UNKNOWN_SERVER}{host}"),
            },
            (Disconnect::Undecipherable("HELLO"), false) => {
                "it expects another key of this machine. There: zlog keygen --trust KEY --host HOST, \
                 with the key in machine.pub"
                    .to_owned()
            }
            (Disconnect::Mechanism(theirs), true) if theirs == "CURVE" => {
                format!("{UNKNOWN_SERVER}{host}")
            }
            (Disconnect::Mechanism(theirs), true) if theirs == "NULL" => format!(
                "it does not encrypt, but a key is known for it. To connect all the same: zlog \
                 keygen --revoke {}",
                state.servers.find(&host).map_or(&*host, |known| &*known.host)
            ),
            (Disconnect::Mechanism(theirs), false) if theirs == "NULL" => {
                "it does not encrypt. There: zlog keygen --trust KEY --host HOST, with the key in \
                 this machine's machine.pub"
                    .to_owned()
            }
            _ => return None,
        })
    }
}

impl State {
    /// Notes that a list is wrong, or right again.
    fn tell(&mut self, list: usize, wrong: Option<&Error>, path: &Path) {
        let text = wrong.map(ToString::to_string);
        if text == self.wrong[list] {
            return;
        }
        let notice = match &text {
            Some(text) => {
                format!("a list of keys has changed, and is not in force as it is: {text}")
            }
            None => format!("{} can be read again", escape(&path.to_string_lossy())),
        };
        self.wrong[list] = text;
        self.has_changed = true;
        if self.notices.len() < MAX_NOTICES {
            self.notices.push(notice);
        }
    }

    /// The host and port of a connected address.
    fn host(&self, address: &Address) -> String {
        match (self.names.get(address), address) {
            (Some(name), _) => name.clone(),
            (None, Address::Tcp(address)) => address.to_string(),
            (None, Address::Ipc(_)) => String::new(),
        }
    }
}

impl Authenticator for Keyring {
    fn security(&self, address: &Address, is_bound: bool) -> Option<Security> {
        let Address::Tcp(tcp) = address else { return Some(Security::Null) };
        let state = &mut *self.state();
        self.read_changes(state);
        // Without a key of its own, a new one is refused by the other side.
        let own = |state: &mut State| match self.own(state) {
            Ok(Some(own)) => own.pair.clone(),
            _ => KeyPair::generate(),
        };
        if is_bound {
            let encrypts = self.file.is_some() || !self.insecure && !is_loopback(tcp.ip());
            return Some(if encrypts { Security::CurveServer(own(state)) } else { Security::Null });
        }
        let host = state.host(address);
        let server = state.servers.find(&host).map(|server| server.key.0);
        if server.is_none() && !state.secured.contains(&host) {
            return Some(Security::Null);
        }
        state.secured.insert(host);
        let keys = own(state);
        let server = server.unwrap_or(*keys.public());
        Some(Security::CurveClient { keys, server })
    }

    fn note_mechanism(&self, address: &Address, theirs: &str) {
        let is_here = matches!(address, Address::Tcp(tcp) if is_loopback(tcp.ip()));
        if is_here && theirs == "CURVE" && self.load_own().is_ok_and(|has_own| has_own) {
            let state = &mut *self.state();
            state.secured.insert(state.host(address));
        }
    }

    fn admit(&self, peer: &Credentials<'_>) -> Result<Rights, String> {
        let Some(key) = peer.key.copied().map(PublicKey) else { return Ok(Rights::default()) };
        let state = &mut *self.state();
        self.read_changes(state);
        let own = state.own.as_ref().map(OwnKey::public);
        let is_own = own == Some(key);
        if peer.is_server {
            let is_known = state.servers.0.iter().any(|server| server.key == key);
            return match is_known || is_own {
                true => Ok(Rights::default()),
                false => Err("its key is not trusted any more".to_owned()),
            };
        }
        match state.clients.find(&key) {
            Some(client) => Ok(rights(client)),
            None if is_own => Ok(Rights::default()),
            None => Err(format!(
                "its key {} is not trusted. If that is what `zlog keygen --list` shows there: zlog \
                 keygen --trust '{key}' --name NAME",
                key.fingerprint()
            )),
        }
    }

    fn has_changed(&self) -> bool {
        let state = &mut *self.state();
        self.read_changes(state);
        std::mem::take(&mut state.has_changed)
    }
}

/// The error that an endpoint must not be bound, and the next steps.
fn refused(endpoint: &Endpoint) -> Error {
    let what = "other machines can reach it, and nothing is encrypted";
    Error::new(format!("can't bind {endpoint}: {what}")).hint(
        "Make a key with `zlog keygen`, to encrypt; or, on a network that you trust, add --insecure \
         (the option insecure of a handler; insecure = true in a file).",
    )
}

fn rights(client: &Client) -> Rights {
    let prefixes = |prefixes: &Option<Vec<String>>| {
        let prefixes = prefixes.as_ref()?;
        // What zlog's processes tell each other about these topics.
        let marks = mark::prefixes(prefixes).map(Vec::into_boxed_slice);
        let prefixes = prefixes.iter().map(|it| it.as_bytes().into());
        Some(prefixes.chain(marks).collect::<Vec<Box<[u8]>>>().into())
    };
    let name: Arc<str> = escape(&client.name).into();
    Rights {
        name,
        key: Some(Arc::new(client.key.0)),
        send: prefixes(&client.publish),
        receive: prefixes(&client.read),
    }
}

/// When a file was written, how long it is, and which file it is: it may be replaced.
type Stamp = (SystemTime, u64, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((metadata.modified().ok()?, metadata.len(), number))
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl PartialEq for Keyring {
    fn eq(&self, other: &Keyring) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Keyring {}

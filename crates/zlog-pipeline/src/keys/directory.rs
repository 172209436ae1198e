//! The directory of keys.

use std::fs;
use std::path::{Path, PathBuf};

use super::lists::{self, Client, Clients, Server, Servers};
use super::{Form, OwnKey, PublicKey, shown, write_pair};
use crate::os::file_error;
use zlog_core::{Error, Result};

/// The environment variable with the directory of keys.
pub const KEYS_VARIABLE: &str = "ZLOG_KEYS";

/// The directory of keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyDirectory(PathBuf);

impl KeyDirectory {
    /// The directory of this user: `ZLOG_KEYS`, or `zlog` in the directory of configurations.
    ///
    /// # Errors
    /// Neither `ZLOG_KEYS` nor `HOME` is set.
    pub fn of_user() -> Result<KeyDirectory> {
        let variable =
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = || {
            // The XDG specification ignores relative paths.
            let base = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
            Some(base.or_else(|| Some(variable("HOME")?.join(".config")))?.join("zlog"))
        };
        variable(KEYS_VARIABLE).or_else(base).map(KeyDirectory).ok_or_else(|| {
            Error::new("there is no directory for keys: neither ZLOG_KEYS nor HOME is set")
                .hint("Set ZLOG_KEYS to a directory.")
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of this machine's secret key.
    pub fn machine_key(&self) -> PathBuf {
        self.0.join("machine.key")
    }

    /// The list of clients that may connect.
    pub fn clients(&self) -> PathBuf {
        self.0.join("authorized_clients")
    }

    /// The list of servers' keys.
    pub fn servers(&self) -> PathBuf {
        self.0.join("known_servers")
    }

    /// Makes this machine's key pair.
    ///
    /// # Errors
    /// There is one already, or it can't be written.
    pub fn make_machine_key(&self, name: &str) -> Result<OwnKey> {
        self.make()?;
        let own = OwnKey::generate(name)?;
        write_pair(&self.0.join("machine"), &own, Form::Zlog)?;
        Ok(own)
    }

    /// This machine's key. `None` if there is none.
    ///
    /// # Errors
    /// See [`OwnKey::read`].
    pub fn machine(&self) -> Result<Option<OwnKey>> {
        let path = self.machine_key();
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        OwnKey::read(&path).map(Some)
    }

    /// Lets a client connect, in place of an entry with the same key or name.
    ///
    /// # Errors
    /// The list can't be read or written.
    pub fn trust_client(&self, client: &Client) -> Result<()> {
        self.make()?;
        let same = |other: &Client| other.key == client.key || other.name == client.name;
        lists::add(&self.clients(), client, same)
    }

    /// Remembers the key of a server, in place of an entry for the same host.
    ///
    /// # Errors
    /// The list can't be read or written.
    pub fn trust_server(&self, server: &Server) -> Result<()> {
        self.make()?;
        let same = |other: &Server| other.host.eq_ignore_ascii_case(&server.host);
        lists::add(&self.servers(), server, same)
    }

    /// Removes clients by name or key, and servers by host, name or key. Returns the lines.
    ///
    /// # Errors
    /// A list can't be read or written.
    pub fn revoke(&self, which: &str, key: Option<PublicKey>) -> Result<(Clients, Servers)> {
        // An empty name is that of servers that have none.
        let is = |name: &str| !which.is_empty() && name == which;
        let client = |it: &Client| is(&it.name) || Some(it.key) == key;
        let is_host = |host: &str| !which.is_empty() && host.eq_ignore_ascii_case(which);
        let server = |it: &Server| is_host(&it.host) || is(&it.name) || Some(it.key) == key;
        let clients = lists::remove(&self.clients(), client)?;
        Ok((Clients(clients), Servers(lists::remove(&self.servers(), server)?)))
    }

    /// Makes the directory, which only the owner may enter.
    fn make(&self) -> Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.0)
            .map_err(|error| file_error(format!("can't make {}", shown(&self.0)), &self.0, &error))
    }
}

//! Keys for encryption by CURVE: this machine's, those of servers that it connects to, and those
//! of clients that may connect.
//!
//! They are in `~/.config/zlog`, or the directory that `ZLOG_KEYS` names:
//!
//! - `machine.key` and `machine.pub`: this machine's key pair.
//! - `authorized_clients`: who may connect to what this machine binds, and their rights.
//! - `known_servers`: the keys of the servers that this machine connects to.

mod certificate;
mod directory;
mod lists;
mod z85;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use dryoc::classic::crypto_generichash::crypto_generichash;

pub use self::certificate::{Form, OwnKey, read_public, write_pair};
pub use self::directory::{KEYS_VARIABLE, KeyDirectory};
pub use self::lists::{Client, Clients, Prefixes, Server, Servers, check_name};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The name of a key that nobody has named: the user and the machine.
pub fn default_name() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let name = user.filter(|it| !it.is_empty()).map_or(host.clone(), |it| format!("{it}@{host}"));
    if check_name(&name).is_ok() { name } else { "machine".to_owned() }
}

/// A path, as messages show it.
fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

/// Bytes of a fingerprint. Another key with the same one can't be found by trying.
const FINGERPRINT: usize = 16;

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// What people compare: 16 bytes of a BLAKE2b hash, in hexadecimal groups.
    pub fn fingerprint(&self) -> String {
        let mut hash = [0; FINGERPRINT];
        // Fails for lengths that it does not have.
        let _ = crypto_generichash(&mut hash, &self.0, None);
        let groups = hash.as_chunks::<2>().0.iter().map(|[a, b]| format!("{a:02x}{b:02x}"));
        groups.collect::<Vec<_>>().join(":")
    }
}

/// As Z85.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&z85::encode(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<PublicKey> {
        let key = z85::decode(text.as_bytes()).map(PublicKey);
        // The text may be a secret key by mistake.
        key.ok_or_else(|| Error::usage("not a key: a key has 40 characters of Z85"))
    }
}

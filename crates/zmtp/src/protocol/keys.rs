//! Makes the keys of CURVE, and encrypts and decrypts boxes with them.

use std::fmt;

use dryoc::classic::crypto_box;
use dryoc::classic::crypto_core::crypto_scalarmult_base;
use dryoc::classic::crypto_secretbox;
use zeroize::Zeroize;

use crate::disconnect::Disconnect;

/// Bytes of a key.
pub(super) const KEY: usize = 32;
/// Bytes by which a box is longer than what is in it.
pub(super) const MAC: usize = 16;
/// Bytes of a nonce, and of the counter and the random number at the end of one.
const NONCE: usize = 24;
pub(super) const SHORT_NONCE: usize = 8;
pub(super) const LONG_NONCE: usize = 16;

pub(super) const WRONG_LENGTH: Disconnect =
    Disconnect::Malformed("a CURVE command of a wrong length");

/// A public key and the secret key that belongs to it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    public: [u8; KEY],
    secret: [u8; KEY],
}

impl KeyPair {
    /// A new pair, from the system's random numbers.
    pub fn generate() -> KeyPair {
        let (public, secret) = crypto_box::crypto_box_keypair();
        KeyPair { public, secret }
    }

    /// The pair of a secret key.
    pub fn from_secret(secret: [u8; 32]) -> KeyPair {
        let mut public = [0; KEY];
        crypto_scalarmult_base(&mut public, &secret);
        KeyPair { public, secret }
    }

    /// Two keys that need not belong to each other.
    #[cfg(test)]
    pub(super) fn of(public: [u8; KEY], secret: [u8; KEY]) -> KeyPair {
        KeyPair { public, secret }
    }

    /// The public key.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The secret key.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl Drop for KeyPair {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for KeyPair {
    /// Without the secret key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

/// The key that two sides share. It is computed from the public key of one and the secret key
/// of the other.
pub(super) struct SharedKey([u8; KEY]);

impl Drop for SharedKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SharedKey {
    /// A known key.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of(key: [u8; KEY]) -> SharedKey {
        SharedKey(key)
    }

    /// # Errors
    /// The public key gives the same shared key whatever the secret key is.
    pub(super) fn new(public: &[u8; KEY], own: &KeyPair) -> Result<SharedKey, Disconnect> {
        let key = crypto_box::crypto_box_beforenm(public, &own.secret);
        key.map(SharedKey).map_err(|_| Disconnect::Malformed("a weak CURVE key"))
    }

    /// Appends a box of `plain` to `out`.
    pub(super) fn seal(&self, nonce: &[u8; NONCE], plain: &[u8], out: &mut Vec<u8>) {
        let mac = out.len();
        out.extend([0; MAC]);
        out.extend_from_slice(plain);
        self.seal_end(nonce, mac, out);
    }

    /// Encrypts the end of `out`: room for the MAC at `mac`, and the plain text.
    pub(super) fn seal_end(&self, nonce: &[u8; NONCE], mac: usize, out: &mut [u8]) {
        if let Some((mac, text)) = out[mac..].split_first_chunk_mut() {
            crypto_box::crypto_box_detached_afternm_inplace(text, mac, nonce, &self.0);
        }
    }

    /// Decrypts a box into `plain`, which is by [`MAC`] shorter. Returns whether it is genuine.
    pub(super) fn open_into(&self, nonce: &[u8; NONCE], sealed: &[u8], plain: &mut [u8]) -> bool {
        let Some((mac, text)) = sealed.split_first_chunk() else { return false };
        let opened =
            crypto_secretbox::crypto_secretbox_open_detached(plain, text, mac, nonce, &self.0);
        opened.is_ok()
    }

    /// Decrypts a box of `command`.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE],
        sealed: &[u8],
        command: &'static str,
    ) -> Result<Vec<u8>, Disconnect> {
        let mut plain = vec![0; sealed.len().saturating_sub(MAC)];
        match self.open_into(nonce, sealed, &mut plain) {
            true => Ok(plain),
            false => Err(Disconnect::Undecipherable(command)),
        }
    }
}

/// A nonce: what it begins with, and a counter or a random number. Both together are
/// [`NONCE`] bytes.
pub(super) fn nonce(start: &[u8], end: &[u8]) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..start.len()].copy_from_slice(start);
    nonce[start.len()..].copy_from_slice(end);
    nonce
}

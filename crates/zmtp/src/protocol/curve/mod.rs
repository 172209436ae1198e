//! Shakes hands as CURVE does: both sides prove that they have the secret keys of their public ones.
//!
//! The source of all rules is <https://rfc.zeromq.org/spec/26/> (CurveZMQ). A client knows the
//! server's public key beforehand. Both make a transient key pair for each connection, so that
//! what was recorded stays secret when a long-term key is stolen.

mod client;
mod server;
#[cfg(test)]
mod tests;

pub(super) use self::client::Client;
pub(super) use self::server::Server;
use super::keys::{KEY, MAC, WRONG_LENGTH};
use crate::disconnect::Disconnect;

/// Bytes of the cookie, which the client returns.
const COOKIE: usize = 96;
/// Bytes of the vouch: the box that ties a client's transient key to its long-term one.
const VOUCH: usize = 2 * KEY + MAC;

/// What the nonce of a box begins with.
const HELLO: &[u8] = b"CurveZMQHELLO---";
const WELCOME: &[u8] = b"WELCOME-";
const INITIATE: &[u8] = b"CurveZMQINITIATE";
const VOUCHED: &[u8] = b"VOUCH---";
const READY: &[u8] = b"CurveZMQREADY---";

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    dryoc::rng::copy_randombytes(&mut bytes);
    bytes
}

/// Takes an array from the front of `data`.
fn take<const N: usize>(data: &mut &[u8]) -> Result<[u8; N], Disconnect> {
    let (array, rest) = data.split_first_chunk().ok_or(WRONG_LENGTH)?;
    *data = rest;
    Ok(*array)
}

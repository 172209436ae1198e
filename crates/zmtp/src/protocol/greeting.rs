//! The greeting: 64 bytes that each side sends first.

use crate::disconnect::Disconnect;

/// Its length.
pub(crate) const LEN: usize = 64;
/// Where the version and the mechanism stand.
const MAJOR: usize = 10;
const MINOR: usize = 11;
const MECHANISM: std::ops::Range<usize> = 12..32;
const AS_SERVER: usize = 32;

/// What a peer's greeting says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Greeting {
    /// 0 for ZMTP 3.0.
    pub(crate) minor: u8,
    /// The mechanism's name, without its padding.
    pub(crate) mechanism: Vec<u8>,
}

/// The own greeting. `mechanism` has at most 20 bytes.
pub(crate) fn encode(mechanism: &str, as_server: bool) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    (bytes[0], bytes[9]) = (0xff, 0x7f);
    (bytes[MAJOR], bytes[MINOR]) = (3, 1);
    bytes[MECHANISM][..mechanism.len()].copy_from_slice(mechanism.as_bytes());
    bytes[AS_SERVER] = as_server.into();
    bytes
}

/// Parses what has arrived of a greeting. Returns `None` while bytes are missing.
///
/// # Errors
/// The peer speaks another protocol, or an older version of this one. Both show before the
/// greeting is complete: older peers wait for an answer to their first bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Greeting>, Disconnect> {
    let differs = |at: usize, mask: u8, value: u8| bytes.get(at).is_some_and(|b| b & mask != value);
    // The eight bytes between are padding, in which libzmq sends a length of ZMTP 1.0.
    if differs(0, 0xff, 0xff) || differs(9, 1, 1) {
        return Err(Disconnect::NotZmtp);
    }
    if let Some(&major @ 0..=2) = bytes.get(MAJOR) {
        // Revision 1 is ZMTP 2.0, and 0 is 1.0.
        return Err(Disconnect::OldVersion(major + 1));
    }
    let Some(bytes) = bytes.first_chunk::<LEN>() else { return Ok(None) };
    let mechanism = &bytes[MECHANISM];
    let end = mechanism.iter().position(|&b| b == 0).unwrap_or(mechanism.len());
    Ok(Some(Greeting { minor: bytes[MINOR], mechanism: mechanism[..end].to_vec() }))
}

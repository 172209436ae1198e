//! The metadata of READY: properties with a name and a value.

use super::socket_type::SocketType;
use crate::disconnect::Disconnect;

/// A property.
pub(crate) type Property<'a> = (&'a str, &'a [u8]);

/// The property that names the type of the socket.
pub(crate) const SOCKET_TYPE: &str = "Socket-Type";

/// Encodes properties. Names have at most 255 bytes.
pub(crate) fn encode(properties: &[Property<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in properties {
        bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        bytes.extend(name.as_bytes());
        bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(*value);
    }
    bytes
}

/// The metadata of a socket of this type.
pub(crate) fn of_type(own: SocketType) -> Vec<u8> {
    encode(&[(SOCKET_TYPE, own.name().as_bytes())])
}

/// Finds the value of a property. Names are compared without regard to case. All properties
/// are checked.
///
/// # Errors
/// The metadata is malformed.
pub(crate) fn find<'a>(metadata: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Disconnect> {
    let mut found = None;
    let mut rest = metadata;
    while !rest.is_empty() {
        let (key, value);
        (key, value, rest) = split(rest).ok_or(Disconnect::Malformed("metadata of READY"))?;
        if key.eq_ignore_ascii_case(name.as_bytes()) {
            found = Some(value);
        }
    }
    Ok(found)
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(length.into())?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (value, rest) = rest.split_at_checked(length)?;
    (!name.is_empty()).then_some((name, value, rest))
}

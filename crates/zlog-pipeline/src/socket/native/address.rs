//! Converts endpoints to addresses of the engine, and back.

use zmtp::Address;

use crate::socket::endpoint::{endpoint_text, ipc_path};

/// The address of an endpoint with a numeric host.
pub(super) fn to_address(endpoint: &str) -> Option<Address> {
    // The text of an endpoint has escapes for bytes that are not UTF-8.
    if let Some(path) = ipc_path(endpoint) {
        return Some(Address::Ipc(path));
    }
    let socket_address = endpoint.strip_prefix("tcp://").and_then(|it| it.parse().ok());
    socket_address.map(Address::Tcp).or_else(|| Address::parse(endpoint))
}

/// The endpoint of an address.
pub(super) fn to_endpoint(address: &Address) -> String {
    match address {
        Address::Tcp(_) => address.to_string(),
        Address::Ipc(path) => format!("ipc://{}", endpoint_text(path.as_os_str())),
    }
}

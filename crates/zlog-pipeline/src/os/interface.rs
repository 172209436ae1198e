//! Network interfaces by name, as `lo` and `eth0`.

use std::net::SocketAddr;

/// The addresses of the interface of this name, IPv4 first. None if there is no such interface,
/// or it has no address.
#[cfg(unix)]
pub(crate) fn addresses(name: &str, port: u16) -> Vec<SocketAddr> {
    use std::ffi::CStr;

    let mut found = Vec::new();
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: writes a list to `first`, which is freed below.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return found;
    }
    let mut next = first;
    // SAFETY: the list ends with a null pointer, and lives until it is freed. Names are
    // NUL-terminated. An address may be null.
    while let Some(interface) = unsafe { next.as_ref() } {
        next = interface.ifa_next;
        let is_named = unsafe { CStr::from_ptr(interface.ifa_name) }.to_bytes() == name.as_bytes();
        if is_named && !interface.ifa_addr.is_null() {
            found.extend(unsafe { address(interface.ifa_addr, port) });
        }
    }
    // SAFETY: made by getifaddrs, and not used any more.
    unsafe { libc::freeifaddrs(first) };
    found.sort_by_key(SocketAddr::is_ipv6);
    found
}

/// Converts an IPv4 or IPv6 address.
///
/// # Safety
/// `address` points to a socket address of the family that it names.
#[cfg(unix)]
unsafe fn address(address: *const libc::sockaddr, port: u16) -> Option<SocketAddr> {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

    // SAFETY: each cast is to the type of the family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            let ip = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() }.sin_addr;
            let ip = Ipv4Addr::from(ip.s_addr.to_ne_bytes());
            Some(SocketAddr::new(ip.into(), port))
        }
        libc::AF_INET6 => {
            let ip = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            let (bytes, scope) = (ip.sin6_addr.s6_addr, ip.sin6_scope_id);
            Some(SocketAddrV6::new(Ipv6Addr::from(bytes), port, 0, scope).into())
        }
        _ => None,
    }
}

#[cfg(not(unix))]
pub(crate) fn addresses(_: &str, _: u16) -> Vec<SocketAddr> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_the_loopback_address() {
        assert_eq!(addresses("lo", 5)[0].to_string(), "127.0.0.1:5");
        assert!(addresses("no-such-interface", 5).is_empty());
    }
}

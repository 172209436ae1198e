//! Which process of this machine has a TCP connection.

#[cfg(target_os = "linux")]
use std::net::IpAddr;
use std::net::SocketAddr;

/// The process with a socket whose local address is this one. `None` if it is not on this
/// machine, belongs to another user, several sockets have the address (to different peers), or the
/// system does not say.
///
/// Reads all of /proc, which takes milliseconds.
#[cfg(target_os = "linux")]
pub(crate) fn socket_owner(address: SocketAddr) -> Option<u32> {
    use std::fs;

    if !address.ip().is_loopback() {
        return None;
    }
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let link = format!("socket:[{}]", inode(&fs::read_to_string(table).ok()?, address)?);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|process| {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"));
        let is_it = |path| fs::read_link(path).is_ok_and(|target| target.as_os_str() == &*link);
        descriptors.is_ok_and(|all| all.flatten().any(|entry| is_it(entry.path())))
    })
}

/// Other systems have no /proc.
#[cfg(not(target_os = "linux"))]
pub(crate) fn socket_owner(_: SocketAddr) -> Option<u32> {
    None
}

/// The inode of the socket with this local address in the text of /proc/net/tcp.
#[cfg(target_os = "linux")]
fn inode(table: &str, address: SocketAddr) -> Option<&str> {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    // The kernel writes an address as hexadecimal numbers of 32 bits in its byte order.
    let word = |bytes: &[u8]| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let words = octets.chunks_exact(4).map(|bytes| format!("{:08X}", word(bytes)));
    let local = format!("{}:{:04X}", words.collect::<String>(), address.port());
    let found = table.lines().filter_map(|line| {
        let mut columns = line.split_whitespace();
        (columns.nth(1)? == local).then(|| columns.nth(7)).flatten()
    });
    // A connection that has ended belongs to nobody.
    let mut found = found.filter(|inode| *inode != "0");
    found.next().filter(|_| found.next().is_none())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_process_of_a_connection_is_found() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(host) else { continue };
            // Another process may have a connection from the same port.
            let owner = std::iter::repeat_with(|| {
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                socket_owner(client.local_addr().unwrap())
            });
            assert_eq!(owner.take(5).flatten().next(), Some(std::process::id()), "{host}");
        }
        assert_eq!(socket_owner("127.0.0.1:1".parse().unwrap()), None);
        assert_eq!(socket_owner("192.0.2.1:1".parse().unwrap()), None);
    }
}

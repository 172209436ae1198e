//! Which process of this machine has a TCP connection.

#[cfg(target_os = "linux")]
use std::net::IpAddr;
use std::net::SocketAddr;

/// The process with a socket whose local address is this one. `None` if it is not on this
/// machine, belongs to another user, sockets of several processes have the address (to different
/// peers), or the system does not say.
///
/// Reads all of /proc, which takes milliseconds.
#[cfg(target_os = "linux")]
pub(crate) fn socket_owner(address: SocketAddr) -> Option<u32> {
    use std::fs;

    if !address.ip().is_loopback() {
        return None;
    }
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let table = fs::read_to_string(table).ok()?;
    // A listener and its connections have the same address.
    let links: Vec<String> =
        inodes(&table, address).map(|inode| format!("socket:[{inode}]")).collect();
    let mut owners = vec![None; links.len()];
    let processes = fs::read_dir("/proc").ok()?.flatten();
    for process in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { continue };
        for target in descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()) {
            if let Some(at) = links.iter().position(|link| target.as_os_str() == &**link) {
                owners[at].get_or_insert(process);
            }
        }
    }
    let owner = owners.first().copied().flatten();
    owner.filter(|_| owners.iter().all(|other| *other == owner))
}

/// Other systems have no /proc.
#[cfg(not(target_os = "linux"))]
pub(crate) fn socket_owner(_: SocketAddr) -> Option<u32> {
    None
}

/// The inodes of the sockets with this local address in the text of /proc/net/tcp.
#[cfg(target_os = "linux")]
fn inodes(table: &str, address: SocketAddr) -> impl Iterator<Item = &str> {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    // The kernel writes an address as hexadecimal numbers of 32 bits in its byte order.
    let word = |bytes: &[u8]| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let words = octets.chunks_exact(4).map(|bytes| format!("{:08X}", word(bytes)));
    let local = format!("{}:{:04X}", words.collect::<String>(), address.port());
    let found = table.lines().filter_map(move |line| {
        let mut columns = line.split_whitespace();
        (columns.nth(1)? == local).then(|| columns.nth(7)).flatten()
    });
    // A connection that has ended belongs to nobody.
    found.filter(|inode| *inode != "0")
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

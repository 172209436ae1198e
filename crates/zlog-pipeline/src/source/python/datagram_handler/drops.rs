//! Datagrams that Linux dropped because they were not read in time.
//!
//! The number is in the last column of `/proc/net/udp`. The socket option `SO_RXQ_OVFL`
//! has it too, but neither std nor socket2 reads it without `unsafe`.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// The datagrams dropped at one socket.
#[derive(Debug)]
pub(super) struct Drops {
    /// The socket's number in the table; `None` if it is unknown.
    inode: Option<u64>,
    table: &'static str,
    reported: u64,
}

impl Drops {
    /// For a socket that is bound to `address`.
    pub(super) fn of(socket: &impl AsFd, address: io::Result<SocketAddr>) -> Drops {
        let v6 = address.is_ok_and(|address| address.is_ipv6());
        let table = if v6 { "/proc/net/udp6" } else { "/proc/net/udp" };
        Drops { inode: inode(socket), table, reported: 0 }
    }

    /// How many were dropped since the last call; 0 if the system does not say.
    pub(super) fn count_new(&mut self) -> u64 {
        let Some(inode) = self.inode else { return 0 };
        let table = fs::read_to_string(self.table).unwrap_or_default();
        let all =
            table.lines().skip(1).find_map(|line| dropped(line, inode)).unwrap_or(self.reported);
        let new = all.saturating_sub(self.reported);
        self.reported = all;
        new
    }
}

fn inode(socket: &impl AsFd) -> Option<u64> {
    let descriptor: OwnedFd = socket.as_fd().try_clone_to_owned().ok()?;
    Some(File::from(descriptor).metadata().ok()?.ino())
}

/// The drops in a line of the table, if it is this socket's: the tenth word is the number,
/// the last one the drops.
fn dropped(line: &str, inode: u64) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let number: u64 = words.nth(9)?.parse().ok()?;
    (number == inode).then(|| words.last()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn received_and_dropped_datagrams_add_up_to_those_sent() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut drops = Drops::of(&socket, socket.local_addr());
        assert_eq!(drops.count_new(), 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let full = [7; 60_000];
        for _ in 0..1000 {
            sender.send_to(&full, socket.local_addr().unwrap()).unwrap();
        }
        let dropped = drops.count_new();
        let mut buffer = vec![0; 65_536];
        socket.set_nonblocking(true).unwrap();
        let came = std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count() as u64;
        assert_eq!(came + dropped, 1000);
        assert_eq!(drops.count_new(), 0, "they are counted once");
    }
}

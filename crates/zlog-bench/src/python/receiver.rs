//! What Python's `SocketHandler` sends to: it counts records, and reads each length
//! whole, however it comes in pieces.

use std::io::{BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::far::{Channels, Counter, FarEnd, serve};
use zlog_core::error::{Error, Result};

/// The longest record that is taken: more is no record of this bench.
const LONGEST: u32 = 64 << 20;
/// How much is read at once.
const BLOCK: usize = 1 << 16;

/// Takes one client after the other on a port of loopback, in threads of its own.
pub(super) struct Receiver {
    address: SocketAddr,
    counter: Counter<Channels>,
    ended: Arc<AtomicBool>,
}

impl Receiver {
    pub(super) fn start(patience: Duration) -> Result<Receiver> {
        let failed = |error: std::io::Error| Error::io("can't receive on loopback", &error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (received, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&received), Arc::clone(&ended));
        thread::spawn(move || {
            while let (Ok((client, _)), false) = (listener.accept(), end.load(Ordering::Relaxed)) {
                // A client that breaks off is known by what is missing.
                let _ = receive(client, &count);
            }
        });
        let (orders, taken) = crossbeam_channel::unbounded();
        let (answers, replies) = crossbeam_channel::unbounded();
        thread::spawn(move || {
            let mut answer =
                |reply| answers.send(reply).map_err(|_| Error::new("nobody wants the count"));
            // Whoever asked sees that there is no answer.
            let _ = serve(&mut |wait| Ok(more(&received, wait)), &taken, &mut answer);
        });
        let counter = Counter::new(Channels { orders, replies }, patience);
        Ok(Receiver { address, counter, ended })
    }

    /// `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl FarEnd for Receiver {
    fn settle(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration> {
        self.counter.settle(total, stop)
    }

    fn arrived(&mut self) -> Result<Option<u64>> {
        self.counter.arrived()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for clients; where that can't be done, it ends
        // with the process.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// Waits until more has been received, or for `wait`.
fn more(received: &AtomicU64, wait: Duration) -> u64 {
    let (before, until) = (received.load(Ordering::Relaxed), Instant::now() + wait);
    loop {
        let now = received.load(Ordering::Relaxed);
        if now > before || Instant::now() >= until {
            return now;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Counts records: each is a length in four bytes, the first the highest, and as many
/// bytes of pickle.
fn receive(client: TcpStream, count: &AtomicU64) -> std::io::Result<()> {
    let mut client = BufReader::with_capacity(BLOCK, client);
    let mut header = [0; 4];
    loop {
        client.read_exact(&mut header)?;
        let length = u32::from_be_bytes(header);
        if length > LONGEST {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let length = u64::from(length);
        let skipped = std::io::copy(&mut client.by_ref().take(length), &mut std::io::sink())?;
        if skipped < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn records_count_whole_however_their_bytes_come_in() {
        let mut receiver = Receiver::start(LONG).unwrap();
        let mut client = TcpStream::connect(receiver.address()).unwrap();
        client.set_nodelay(true).unwrap();
        for byte in [0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0, 0, 0, 0, 1, b'c'] {
            client.write_all(&[byte]).unwrap();
        }
        receiver.settle(3, &|| false).unwrap();
        assert_eq!(receiver.arrived().unwrap(), Some(3));
        // Another client, after one that breaks off in the middle of a record.
        client.write_all(&[0, 0, 0, 9, b'x']).unwrap();
        drop(client);
        let mut client = TcpStream::connect(receiver.address()).unwrap();
        client.write_all(&[0, 0, 0, 1, b'd']).unwrap();
        receiver.settle(4, &|| false).unwrap();
        assert_eq!(receiver.arrived().unwrap(), Some(4));
    }
}

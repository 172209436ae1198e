//! The receiver of Python's `SocketHandler`: counts records, and reads every header whole,
//! however its bytes arrive.

use std::io::{BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::arrivals::{ArrivalCounter, RemoteCounter, ThreadClient};
use zlog_core::{Error, Result};

/// Limit on a record's length in bytes; records of a bench are shorter.
const MAX_LENGTH: u32 = 64 << 20;
/// Bytes read at once.
const BLOCK: usize = 1 << 16;

/// Serves one client after the other on a loopback port, in threads of its own.
pub(super) struct Receiver {
    address: SocketAddr,
    counter: RemoteCounter<ThreadClient>,
    stopped: Arc<AtomicBool>,
}

impl Receiver {
    pub(super) fn start(idle_timeout: Duration) -> Result<Receiver> {
        let failed = |error: std::io::Error| Error::io("can't receive on loopback", &error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (received, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&received), Arc::clone(&stopped));
        thread::spawn(move || {
            while let (Ok((client, _)), false) = (listener.accept(), stop.load(Ordering::Relaxed)) {
                // A broken connection shows as missing records.
                let _ = receive(client, &count);
            }
        });
        let client = ThreadClient::start(move |wait| Ok(wait_for_more(&received, wait)))?;
        let counter = RemoteCounter::new(client, idle_timeout);
        Ok(Receiver { address, counter, stopped })
    }

    /// `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl ArrivalCounter for Receiver {
    fn wait_for_arrivals(&mut self, total: u64, stop: &dyn Fn() -> bool) -> Result<Duration> {
        self.counter.wait_for_arrivals(total, stop)
    }

    fn arrived(&mut self) -> Result<Option<u64>> {
        self.counter.arrived()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the accepting thread. If that fails, it ends with the process.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// Waits until more has been received, at most for `wait`.
fn wait_for_more(received: &AtomicU64, wait: Duration) -> u64 {
    let (before, until) = (received.load(Ordering::Relaxed), Instant::now() + wait);
    loop {
        let now = received.load(Ordering::Relaxed);
        if now > before || Instant::now() >= until {
            return now;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Counts records: a big-endian length of four bytes, then that many bytes of pickle.
fn receive(client: TcpStream, count: &AtomicU64) -> std::io::Result<()> {
    let mut client = BufReader::with_capacity(BLOCK, client);
    let mut header = [0; 4];
    loop {
        client.read_exact(&mut header)?;
        let length = u32::from_be_bytes(header);
        if length > MAX_LENGTH {
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
        receiver.wait_for_arrivals(3, &|| false).unwrap();
        assert_eq!(receiver.arrived().unwrap(), Some(3));
        // Another client, after one whose connection breaks within a record.
        client.write_all(&[0, 0, 0, 9, b'x']).unwrap();
        drop(client);
        let mut client = TcpStream::connect(receiver.address()).unwrap();
        client.write_all(&[0, 0, 0, 1, b'd']).unwrap();
        receiver.wait_for_arrivals(4, &|| false).unwrap();
        assert_eq!(receiver.arrived().unwrap(), Some(4));
    }
}

//! Sends records over TCP as Python's `logging.handlers.SocketHandler` does: each as a pickle after
//! its length.

use std::io::Write as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::{HandleError, Handler};
use zlog_core::text::escape::escape;
use zlog_core::wire::pickle;
use zlog_core::{Error, Record, Result};

/// Longest wait for a connection, and for room.
const WAIT: Duration = Duration::from_secs(5);

/// Sends records over one connection.
pub struct SocketHandler {
    stream: TcpStream,
    address: String,
    frame: Vec<u8>,
}

impl SocketHandler {
    /// Connects to `HOST:PORT`.
    ///
    /// # Errors
    /// It is no address, or nothing listens there.
    pub fn connect(address: &str) -> Result<SocketHandler> {
        let shown = escape(address);
        let failed = |error: &std::io::Error| {
            Error::io(format!("can't connect to {shown}"), error)
                .hint("Start what listens there: zlog relay --listen, or a program.")
        };
        let found = address.to_socket_addrs().map_err(|error| failed(&error))?;
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        for candidate in found {
            match TcpStream::connect_timeout(&candidate, WAIT) {
                Ok(stream) => {
                    // Without them, records take longer, or wait without limit.
                    let _ = stream.set_nodelay(true);
                    let _ = stream.set_write_timeout(Some(WAIT));
                    let address = shown;
                    return Ok(SocketHandler { stream, address, frame: Vec::new() });
                }
                Err(error) => last = error,
            }
        }
        Err(failed(&last))
    }
}

impl Handler for SocketHandler {
    /// # Errors
    /// The connection has ended, or has taken nothing for 5 s. The record may have arrived.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        self.frame.clear();
        self.frame.extend([0; 4]);
        pickle::write(record, &mut self.frame);
        let length = u32::try_from(self.frame.len() - 4).unwrap_or(u32::MAX);
        self.frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&self.frame).map_err(|error| {
            let what = format!("can't send to {}", self.address);
            HandleError::from(Error::io(what, &error))
        })
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

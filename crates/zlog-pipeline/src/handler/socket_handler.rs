//! Sends records over TCP as Python's `logging.handlers.SocketHandler` does: each as a pickle after
//! its length.

use std::io::Write as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::{HandleError, Handler};
use zlog_core::text::escape::escape;
use zlog_core::wire::pickle;
use zlog_core::{Error, Record, Result};

/// Longest wait for a connection, and for room.
const WAIT: Duration = Duration::from_secs(5);

/// Time between two attempts to connect again: the first pause of Python's handler.
const RECONNECT: Duration = Duration::from_secs(1);

/// Sends records over one connection, and connects again after one has broken.
pub struct SocketHandler {
    /// None after a failure.
    stream: Option<TcpStream>,
    /// When it failed, or could not be made.
    failed: Option<Instant>,
    /// `HOST:PORT`, as it was typed.
    address: String,
    frame: Vec<u8>,
}

impl SocketHandler {
    /// Connects to `HOST:PORT`.
    ///
    /// # Errors
    /// It is no address, or nothing listens there.
    pub fn connect(address: &str) -> Result<SocketHandler> {
        let stream = Some(open(address)?);
        Ok(SocketHandler { stream, failed: None, address: address.to_owned(), frame: Vec::new() })
    }

    /// The connection. Makes another one if the last one has failed some time ago.
    fn stream(&mut self) -> Result<&mut TcpStream> {
        if self.stream.is_none() {
            if self.failed.is_some_and(|at| at.elapsed() < RECONNECT) {
                return Err(Error::new(format!("not connected to {}", escape(&self.address))));
            }
            self.failed = Some(Instant::now());
            self.stream = Some(open(&self.address)?);
        }
        self.stream.as_mut().ok_or_else(|| Error::new("not connected"))
    }
}

/// Connects to `HOST:PORT`.
fn open(address: &str) -> Result<TcpStream> {
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
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(&last))
}

impl Handler for SocketHandler {
    /// # Errors
    /// The connection has ended, or has taken nothing for 5 s: the record may have arrived. Later
    /// ones are refused until there is another connection.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        self.frame.clear();
        self.frame.extend([0; 4]);
        pickle::write(record, &mut self.frame);
        let length = u32::try_from(self.frame.len() - 4).unwrap_or(u32::MAX);
        self.frame[..4].copy_from_slice(&length.to_be_bytes());
        let frame = std::mem::take(&mut self.frame);
        let sent = self.stream()?.write_all(&frame);
        self.frame = frame;
        sent.map_err(|error| {
            (self.stream, self.failed) = (None, Some(Instant::now()));
            let what = format!("can't send to {}", escape(&self.address));
            HandleError::from(Error::io(what, &error))
        })
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

//! A peer that speaks ZMTP 3.0 by itself, to stop where no ZeroMQ socket would.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a ZeroMQ socket.
pub(crate) struct RawPeer {
    stream: TcpStream,
}

impl RawPeer {
    /// Connects, and says nothing yet.
    pub(crate) fn connect(endpoint: &str) -> RawPeer {
        let stream = TcpStream::connect(endpoint.trim_start_matches("tcp://")).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a plain option");
        RawPeer { stream }
    }

    /// Shakes hands as a subscriber, and subscribes to everything.
    ///
    /// # Errors
    /// The other side hangs up, or does not answer.
    pub(crate) fn subscribe(&mut self) -> io::Result<()> {
        let mut greeting = [0; 64];
        (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
        greeting[12..16].copy_from_slice(b"NULL");
        let ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB";
        self.stream.write_all(&greeting)?;
        self.stream.write_all(ready)?;
        self.stream.read_exact(&mut greeting)?;
        let mut head = [0; 2];
        self.stream.read_exact(&mut head)?;
        self.stream.read_exact(&mut vec![0; head[1].into()])?;
        // Not before its READY: libzmq takes it for a part of the handshake then.
        self.stream.write_all(b"\x00\x01\x01")
    }

    /// Reads until the other side has hung up, and says whether it did.
    pub(crate) fn is_hung_up(&mut self) -> bool {
        match io::copy(&mut self.stream, &mut io::sink()) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

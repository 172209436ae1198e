//! A peer that speaks ZMTP without libzmq: it makes the handshake, and then sends any bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::DEADLINE;

/// The protocol version of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Zmtp {
    /// 3.0 or 3.1, with the NULL mechanism.
    Three(u8),
    /// 2.0, which has no mechanism.
    Two,
}

/// A connection whose handshake is done.
pub(crate) struct RawSubscriber(TcpStream);

impl RawSubscriber {
    /// Connects to a publisher on TCP.
    #[track_caller]
    pub(crate) fn connect(endpoint: &str, version: Zmtp) -> RawSubscriber {
        RawSubscriber::try_connect(endpoint, version).expect("a handshake")
    }

    /// Connects and makes the handshake.
    ///
    /// # Errors
    /// The publisher disconnects, or does not answer within [`DEADLINE`].
    pub(crate) fn try_connect(endpoint: &str, version: Zmtp) -> std::io::Result<RawSubscriber> {
        RawSubscriber::try_connect_as("SUB", endpoint, version)
    }

    /// The same with another socket type, which only [`Zmtp::Three`] sends.
    fn try_connect_as(kind: &str, endpoint: &str, version: Zmtp) -> std::io::Result<RawSubscriber> {
        let mut stream = TcpStream::connect(endpoint.trim_start_matches("tcp://"))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let signature = [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f];
        match version {
            Zmtp::Three(minor) => {
                let mut greeting = [0; 64];
                greeting[..10].copy_from_slice(&signature);
                greeting[10..12].copy_from_slice(&[3, minor]);
                greeting[12..16].copy_from_slice(b"NULL");
                stream.write_all(&greeting)?;
                stream.read_exact(&mut [0; 64])?;
                let length = kind.len() as u8;
                let ready = [b"\x05READY\x0bSocket-Type\0\0\0", &[length][..], kind.as_bytes()];
                stream.write_all(&frame(4, &ready.concat()))?;
                let mut head = [0; 2];
                stream.read_exact(&mut head)?;
                stream.read_exact(&mut vec![0; head[1].into()])?;
            }
            Zmtp::Two => {
                // The revision, the type SUB, and an empty identity.
                stream.write_all(&[&signature[..], &[1, 2, 0, 0]].concat())?;
                stream.read_exact(&mut [0; 14])?;
            }
        }
        Ok(RawSubscriber(stream))
    }

    /// Sends these bytes.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the publisher reads");
    }

    /// Sends new blocks as a socket of type `kind`, and reconnects whenever the connection has
    /// ended, until `connections` connections have ended or `most` bytes were sent. Returns how
    /// many have ended.
    pub(crate) fn flood(
        kind: &str,
        endpoint: &str,
        connections: usize,
        most: usize,
        mut block: impl FnMut() -> Vec<u8>,
    ) -> usize {
        let until = Instant::now() + DEADLINE;
        let (mut sent, mut ended) = (0, 0);
        while ended < connections && sent < most && Instant::now() < until {
            let peer = RawSubscriber::try_connect_as(kind, endpoint, Zmtp::Three(0));
            let Ok(mut peer) = peer else { continue };
            while sent < most && Instant::now() < until {
                let block = block();
                if peer.0.write_all(&block).is_err() {
                    ended += 1;
                    break;
                }
                sent += block.len();
            }
        }
        ended
    }

    /// Waits for a number of bytes.
    #[track_caller]
    pub(crate) fn expect_bytes(&mut self, bytes: usize) {
        self.0.read_exact(&mut vec![0; bytes]).expect("the publisher sends");
    }

    /// Waits until the publisher closes the connection.
    #[track_caller]
    pub(crate) fn expect_end(mut self) {
        let mut bytes = [0; 4096];
        loop {
            match self.0.read(&mut bytes) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("the connection goes on: {error}"),
            }
        }
    }

    /// Waits until the publisher resets the connection. Closing alone does not count: it does
    /// not wake a peer that blocks in a write.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn expect_reset(self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        // Without requested events, poll() returns when both directions have ended.
        let mut fds = [PollFd::new(&self.0, PollFlags::empty())];
        let deadline = Timespec::try_from(DEADLINE).expect("a time");
        let ready = poll(&mut fds, Some(&deadline)).expect("poll");
        assert_eq!(ready, 1, "the connection is not reset");
    }
}

/// A frame, with its flags (1: more follow, 4: a command).
pub(crate) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(length) => [&[flags, length], body].concat(),
        Err(_) => [&[flags | 2][..], &(body.len() as u64).to_be_bytes(), body].concat(),
    }
}

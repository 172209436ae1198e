//! A connection with TLS to a syslog daemon (RFC 5425).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, SignatureScheme};

use super::state::{ConnectionState, is_late, left};

/// The most bytes of messages in a TLS record (RFC 8446, section 5.1).
const RECORD: usize = 1 << 14;
/// How long to wait for the refusal of a client's certificate.
const REFUSAL: Duration = Duration::from_millis(500);
/// How long to wait for the end of a connection that zlog ends.
const END: Duration = Duration::from_secs(1);
/// At least this long, even if there is no time left.
const SHORTEST_END: Duration = Duration::from_millis(50);

/// Knows whether the server has asked for a certificate.
#[derive(Debug)]
struct Resolver {
    inner: Arc<dyn ResolvesClientCert>,
    was_asked: AtomicBool,
}

impl ResolvesClientCert for Resolver {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Ordering::Relaxed);
        self.inner.resolve(authorities, schemes)
    }

    /// Otherwise it is not asked.
    fn has_certs(&self) -> bool {
        true
    }
}

/// A connection whose handshake is done.
pub(super) struct TlsStream {
    socket: TcpStream,
    session: ClientConnection,
    /// When the current operation must be done.
    deadline: Instant,
}

impl TlsStream {
    /// Shakes hands with `host` until `deadline`.
    pub(super) fn connect(
        socket: TcpStream,
        mut config: ClientConfig,
        host: &str,
        deadline: Instant,
    ) -> io::Result<TlsStream> {
        let inner = Arc::clone(&config.client_auth_cert_resolver);
        let resolver = Arc::new(Resolver { inner, was_asked: AtomicBool::new(false) });
        config.client_auth_cert_resolver = Arc::clone(&resolver) as Arc<dyn ResolvesClientCert>;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = TlsStream { socket, session, deadline };
        while stream.session.is_handshaking() {
            stream.flush()?;
            if stream.session.is_handshaking() && !stream.read()? {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "it ended the connection during the TLS handshake",
                ));
            }
        }
        stream.flush()?;
        let version = stream.session.protocol_version();
        if resolver.was_asked.load(Ordering::Relaxed) && version == Some(ProtocolVersion::TLSv1_3) {
            stream.wait_for_refusal()?;
        }
        Ok(stream)
    }

    /// With TLS 1.3, the handshake is done for the client before a server that asks for a
    /// certificate has seen it. The server may then refuse it, or refuse that there is none, by an
    /// alert. Most servers say at once, by a session ticket, that they accept it.
    fn wait_for_refusal(&mut self) -> io::Result<()> {
        let deadline = self.deadline;
        self.deadline = deadline.min(Instant::now() + REFUSAL);
        let came = self.read();
        self.deadline = deadline;
        match came {
            Ok(true) => Ok(()),
            Ok(false) => Err(ended_silently()),
            Err(error) if is_late(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Writes at most one TLS record. Nothing counts as written before the whole record is on the
    /// socket: the daemon can't read a part of one. After an error the connection is useless.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.session.writer().write(&bytes[..bytes.len().min(RECORD)])?;
        self.flush()?;
        Ok(length)
    }

    /// The state of the connection. Discards what the daemon has sent.
    pub(super) fn state(&mut self) -> ConnectionState {
        let looked = self.socket.set_nonblocking(true).and_then(|()| self.look());
        // A key update is to be answered.
        let looked = looked.and_then(|state| {
            self.socket.set_nonblocking(false)?;
            self.deadline = Instant::now() + SHORTEST_END;
            self.flush().map(|()| state)
        });
        looked.unwrap_or_else(ConnectionState::Broken)
    }

    fn look(&mut self) -> io::Result<ConnectionState> {
        // No syslog daemon sends this much.
        for _ in 0..16 {
            match self.session.read_tls(&mut self.socket) {
                Ok(0) if self.session.wants_read() => {
                    return Ok(ConnectionState::Broken(ended_silently()));
                }
                Ok(0) => return Ok(ConnectionState::Closed),
                Ok(_) if self.process()? => return Ok(ConnectionState::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(ConnectionState::Open);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(ErrorKind::InvalidData, "it sends data, but a syslog daemon sends none"))
    }

    /// Ends the connection, and reads until the daemon has ended it, too: it has then read
    /// everything, otherwise its system would have reset the connection. rsyslog does not answer
    /// `close_notify`.
    ///
    /// # Errors
    /// The daemon has reset the connection, or has not ended it in time.
    pub(super) fn close(mut self, until: Instant) -> io::Result<()> {
        let now = Instant::now();
        self.deadline = until.clamp(now + SHORTEST_END, now + END);
        self.session.send_close_notify();
        self.flush()?;
        self.socket.shutdown(Shutdown::Write)?;
        let mut buffer = [0; 4096];
        loop {
            self.socket.set_read_timeout(Some(left(self.deadline)?))?;
            match self.socket.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes everything that is to be sent.
    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.socket.set_write_timeout(Some(left(self.deadline)?))?;
            match self.session.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for something of the daemon. Returns false at the end.
    fn read(&mut self) -> io::Result<bool> {
        loop {
            self.socket.set_read_timeout(Some(left(self.deadline)?))?;
            match self.session.read_tls(&mut self.socket) {
                Ok(0) => return Ok(false),
                Ok(_) => return self.process().map(|closed| !closed),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Processes what was read. Returns whether the daemon has said that it ends the connection.
    fn process(&mut self) -> io::Result<bool> {
        match self.session.process_new_packets() {
            Ok(state) => {
                let length = state.plaintext_bytes_to_read() as u64;
                io::copy(&mut self.session.reader().take(length), &mut io::sink())?;
                Ok(state.peer_has_closed())
            }
            Err(error) => {
                // Tells the daemon why. It does not matter if that fails.
                let _ = self.session.write_tls(&mut self.socket);
                Err(io::Error::new(ErrorKind::InvalidData, error))
            }
        }
    }
}

fn ended_silently() -> io::Error {
    let what = "it ended the connection without close_notify";
    io::Error::new(ErrorKind::UnexpectedEof, what)
}

//! Finds out why an endpoint can't be used, for messages: who has bound it, or why nobody
//! answers.
//!
//! Neither engine reports this. A peer sends the type of its socket in the ZMTP handshake, so a
//! connection of its own is made: [`zmtp::peer_type`].

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::endpoint::ipc_path;
use crate::keys::{KeyDirectory, Servers};
use crate::os::resolve::Lookup;

/// How long looking up a host, connecting, and the handshake may take.
const TIMEOUT: Duration = Duration::from_millis(500);
/// The type of the socket that has bound an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerKind {
    /// PUB or XPUB.
    Publisher,
    /// SUB or XSUB.
    Subscriber,
    /// Another type of socket, as `PULL`.
    Other(String),
}

/// The message that a publisher connects to an endpoint where nobody gets its records, since a socket
/// of this kind has bound it. `None` for a subscriber.
pub fn wrong_peer(endpoint: &str, kind: &PeerKind) -> Option<String> {
    let what = match kind {
        PeerKind::Subscriber => return None,
        PeerKind::Publisher => "publisher, too",
        PeerKind::Other(kind) => &format!("{kind} socket"),
    };
    Some(format!("{endpoint} is a {what}: nobody there gets these records"))
}

/// Asks which type of socket has bound an endpoint. `None` if nobody answers, or not in ZMTP 3
/// without encryption.
///
/// Waits up to 1.5 s.
pub fn peer_kind(endpoint: &str) -> Option<PeerKind> {
    let kind = match ipc_path(endpoint) {
        Some(path) => ask_ipc(&path)?,
        None => ask_tcp(endpoint)?,
    };
    Some(match &*kind {
        "PUB" | "XPUB" => PeerKind::Publisher,
        "SUB" | "XSUB" => PeerKind::Subscriber,
        _ => PeerKind::Other(kind),
    })
}

#[cfg(unix)]
fn ask_ipc(path: &std::path::Path) -> Option<String> {
    use std::os::unix::net::UnixStream;
    let stream = UnixStream::connect(path).ok()?;
    stream.set_write_timeout(Some(TIMEOUT)).ok()?;
    zmtp::peer_type(UntilDeadline::new(stream, UnixStream::set_read_timeout))
}

#[cfg(not(unix))]
fn ask_ipc(_: &std::path::Path) -> Option<String> {
    None
}

/// Whether the server's key is known. It would report a question without encryption as a peer that does not
/// encrypt.
fn has_known_key(host: &str, port: &str) -> bool {
    let known = KeyDirectory::of_user().and_then(|keys| Servers::read_valid(&keys.servers()));
    known.is_ok_and(|(servers, _)| servers.find(&format!("{host}:{port}")).is_some())
}

fn ask_tcp(endpoint: &str) -> Option<String> {
    let (_, address) = endpoint.split_once("tcp://")?;
    let (host, port) = address.rsplit_once(';').map_or(address, |(_, to)| to).rsplit_once(':')?;
    if has_known_key(host, port) {
        return None;
    }
    let found = Lookup::of_endpoint(host, port.parse().ok()?).wait(Instant::now() + TIMEOUT)?;
    let address = *found.ok()?.first()?;
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
    stream.set_write_timeout(Some(TIMEOUT)).ok()?;
    zmtp::peer_type(UntilDeadline::new(stream, TcpStream::set_read_timeout))
}

/// A stream whose reads end at a deadline, also if the peer sends a byte now and then.
struct UntilDeadline<S> {
    stream: S,
    set_timeout: fn(&S, Option<Duration>) -> io::Result<()>,
    deadline: Instant,
}

impl<S> UntilDeadline<S> {
    fn new(stream: S, set_timeout: fn(&S, Option<Duration>) -> io::Result<()>) -> Self {
        UntilDeadline { stream, set_timeout, deadline: Instant::now() + TIMEOUT }
    }
}

impl<S: Read> Read for UntilDeadline<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        (self.set_timeout)(&self.stream, Some(left))?;
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for UntilDeadline<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Why nobody answers at an ipc endpoint. `None` for other transports, and if somebody does
/// answer.
pub fn why_unreachable(endpoint: &str) -> Option<String> {
    let path = ipc_path(endpoint)?;
    #[cfg(unix)]
    {
        use std::io::ErrorKind;
        let error = std::os::unix::net::UnixStream::connect(&path).err()?;
        Some(match error.kind() {
            ErrorKind::PermissionDenied => "no permission to connect to the socket".to_owned(),
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::ConnectionRefused if path.exists() => {
                "no program listens on the socket".to_owned()
            }
            _ => return None,
        })
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The message that the hosts of `count` endpoints are not found, and the next step. `endpoints` names them.
pub fn host_not_found(endpoints: &str, count: usize, why: &str) -> String {
    let (hosts, are, its) = match count {
        1 => ("host", "is", "its"),
        _ => ("hosts", "are", "their"),
    };
    format!(
        "the {hosts} of {endpoints} {are} not found: {why}. Check {its} spelling, or write an \
         address, as 127.0.0.1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(kind: zmq::SocketType, at: &str) -> (zmq::Context, zmq::Socket, String) {
        let context = zmq::Context::new();
        let socket = context.socket(kind).expect("socket");
        socket.bind(at).expect("bind");
        let endpoint = socket.get_last_endpoint().expect("bound").expect("text");
        (context, socket, endpoint)
    }

    #[test]
    fn the_type_of_a_bound_socket_is_found_out() {
        let directory = tempfile::tempdir().expect("directory");
        let ipc = format!("ipc://{}/s", directory.path().display());
        for (kind, expected) in [
            (zmq::PUB, PeerKind::Publisher),
            (zmq::XPUB, PeerKind::Publisher),
            (zmq::SUB, PeerKind::Subscriber),
            (zmq::XSUB, PeerKind::Subscriber),
            (zmq::PULL, PeerKind::Other("PULL".into())),
        ] {
            for at in ["tcp://127.0.0.1:*", &ipc] {
                let (_context, _socket, endpoint) = bound(kind, at);
                assert_eq!(peer_kind(&endpoint), Some(expected.clone()), "{endpoint}");
            }
        }
    }

    #[test]
    fn a_program_that_does_not_speak_zmtp_has_no_type() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let endpoint = format!("tcp://{}", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("a peer");
            let _ = peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        assert_eq!(peer_kind(&endpoint), None);
        server.join().expect("server");
        assert_eq!(peer_kind(&endpoint), None, "nobody listens any more");
    }

    #[test]
    fn a_peer_that_sends_a_byte_now_and_then_is_not_waited_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let endpoint = format!("tcp://{}", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("a peer");
            let mut sent = 0;
            while sent < 64 && peer.write_all(b"\xff").is_ok() {
                sent += 1;
                std::thread::sleep(TIMEOUT / 4);
            }
            sent
        });
        assert_eq!(peer_kind(&endpoint), None);
        assert!(server.join().expect("server") < 64, "the whole greeting was read");
    }

    #[cfg(unix)]
    #[test]
    fn the_reason_why_nobody_answers_at_a_path_is_found_out() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("s");
        let endpoint = format!("ipc://{}", path.display());
        assert_eq!(why_unreachable(&endpoint).as_deref(), Some("there is no such file"));
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bind");
        assert_eq!(why_unreachable(&endpoint), None);
        drop(listener);
        let why = why_unreachable(&endpoint).expect("a reason");
        assert!(why.contains("no program listens"), "{why}");
        assert_eq!(why_unreachable("tcp://127.0.0.1:1"), None);
    }
}

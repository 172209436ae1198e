//! Finds out why an endpoint can't be used, for messages: who has bound it, or why nobody
//! answers.
//!
//! Neither engine reports this. A peer sends its socket type in the READY command of the ZMTP
//! handshake (<https://rfc.zeromq.org/spec/23/>), right after the greetings. That much of the
//! handshake is made here. To a publisher and a subscriber it looks like a peer that
//! connects and leaves; to others, like a handshake that was broken off.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::endpoint::ipc_path;
use crate::os::resolve::Lookup;

/// How long looking up a host, connecting, and the handshake may take.
const TIMEOUT: Duration = Duration::from_millis(500);
/// The first bytes of a greeting, up to the version 3.0. The mechanism and zeros follow.
const GREETING: [u8; 12] = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
const MECHANISM: &[u8] = b"NULL";
const GREETING_LEN: usize = 64;
/// Longest READY command that is read, in bytes.
const MAX_READY: usize = 4096;

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

/// That a publisher connects to an endpoint where nobody gets its records, since a socket of this
/// kind has bound it. `None` for a subscriber.
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
    ask(UntilDeadline::new(stream, UnixStream::set_read_timeout))
}

#[cfg(not(unix))]
fn ask_ipc(_: &std::path::Path) -> Option<String> {
    None
}

fn ask_tcp(endpoint: &str) -> Option<String> {
    let (_, address) = endpoint.split_once("tcp://")?;
    let (host, port) = address.rsplit_once(';').map_or(address, |(_, to)| to).rsplit_once(':')?;
    let found = Lookup::of_endpoint(host, port.parse().ok()?).wait(Instant::now() + TIMEOUT)?;
    let address = *found.ok()?.first()?;
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
    stream.set_write_timeout(Some(TIMEOUT)).ok()?;
    ask(UntilDeadline::new(stream, TcpStream::set_read_timeout))
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

/// Exchanges greetings, and reads the socket type from the peer's READY. Completes the handshake
/// with a publisher or a subscriber, which would report one that is broken off. (A PUSH socket
/// would send messages to a peer.)
fn ask(mut stream: impl Read + Write) -> Option<String> {
    let mut greeting = [0; GREETING_LEN];
    greeting[..GREETING.len()].copy_from_slice(&GREETING);
    greeting[GREETING.len()..][..MECHANISM.len()].copy_from_slice(MECHANISM);
    stream.write_all(&greeting).ok()?;
    let mut theirs = [0; GREETING_LEN];
    stream.read_exact(&mut theirs).ok()?;
    let is_zmtp_3 = theirs[0] == GREETING[0] && theirs[9] == GREETING[9] && theirs[10] >= 3;
    if !is_zmtp_3 || !theirs[GREETING.len()..].starts_with(b"NULL\0") {
        return None;
    }
    let kind = socket_type(&read_command(&mut stream)?)?;
    let own = match &*kind {
        "PUB" | "XPUB" => "SUB",
        "SUB" | "XSUB" => "PUB",
        _ => return Some(kind),
    };
    // The answer is known, whether the peer gets this or not.
    let _ = stream.write_all(&ready(own));
    Some(kind)
}

/// The frame of a READY command with this socket type.
fn ready(kind: &str) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
    // All types are shorter than 256 bytes.
    body.push(kind.len() as u8);
    body.extend_from_slice(kind.as_bytes());
    [&[4, body.len() as u8], &*body].concat()
}

/// The body of the next frame, which must be a command.
fn read_command(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut flags = [0];
    stream.read_exact(&mut flags).ok()?;
    let length = match flags {
        [4] => {
            let mut length = [0];
            stream.read_exact(&mut length).ok()?;
            length[0].into()
        }
        [6] => {
            let mut length = [0; 8];
            stream.read_exact(&mut length).ok()?;
            usize::try_from(u64::from_be_bytes(length)).ok()?
        }
        _ => return None,
    };
    let mut body = vec![0; Some(length).filter(|length| *length <= MAX_READY)?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

/// The property `Socket-Type` of a READY command.
fn socket_type(ready: &[u8]) -> Option<String> {
    let mut rest = ready.strip_prefix(b"\x05READY")?;
    loop {
        let (&length, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(length.into())?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (value, after) = after.split_at_checked(length)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
        rest = after;
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

/// That the hosts of `count` endpoints are not found, and the next step. `endpoints` names them.
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
            while sent < GREETING_LEN && peer.write_all(&GREETING[..1]).is_ok() {
                sent += 1;
                std::thread::sleep(TIMEOUT / 4);
            }
            sent
        });
        assert_eq!(peer_kind(&endpoint), None);
        assert!(server.join().expect("server") < GREETING_LEN, "the whole greeting was read");
    }

    #[test]
    fn a_damaged_ready_has_no_type() {
        let ready = b"\x05READY\x08Identity\0\0\0\0\x0bSocket-Type\0\0\0\x03PUB";
        assert_eq!(socket_type(ready).as_deref(), Some("PUB"));
        for end in 0..ready.len() {
            assert_eq!(socket_type(&ready[..end]), None);
        }
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

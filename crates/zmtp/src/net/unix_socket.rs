//! Unix sockets: binding replaces files of programs that are gone, and removes its own.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

/// A bound Unix socket.
pub(crate) struct Listener {
    listener: UnixListener,
    /// The file to remove.
    path: Option<PathBuf>,
}

impl Listener {
    /// Binds `path`.
    ///
    /// # Errors
    /// `AddrInUse` if a program listens there, `AlreadyExists` if the file is no socket.
    pub(crate) fn bind(path: &Path) -> io::Result<Listener> {
        let address = address(path)?;
        let is_file = address.as_pathname().is_some();
        if is_file {
            remove_stale(path)?;
        }
        let listener = StdListener::bind_addr(&address)?;
        if is_file {
            std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        }
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener);
        Ok(Listener { listener, path: is_file.then(|| path.to_owned()) })
    }

    /// Accepts a connection of a process of the same user, or of root. Closes others: the system
    /// checks no permissions for abstract names, nor before a file has got its own.
    pub(crate) fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept()?;
            if is_permitted(&stream) {
                return Ok(stream);
            }
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.listener, token, Interest::READABLE)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Fails if someone has removed it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Starts to connect to `path`.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect_addr(&address(path)?)
}

/// The address of a path. On Linux, `@name` is in the abstract namespace.
fn address(path: &Path) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = path.to_str().and_then(|path| path.strip_prefix('@')) {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(path)
}

/// Removes the socket file of a program that is gone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(()); // Missing or inaccessible: bind reports which.
    };
    if !metadata.file_type().is_socket() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    match StdStream::connect(path) {
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// The process that has connected.
pub(crate) fn peer_process(stream: &UnixStream) -> Option<i32> {
    credentials(stream).map(|peer| peer.pid).filter(|pid| *pid > 0)
}

fn is_permitted(stream: &UnixStream) -> bool {
    // SAFETY: it has no preconditions and can't fail.
    let own = unsafe { libc::geteuid() };
    credentials(stream).is_none_or(|peer| peer.uid == own || peer.uid == 0)
}

/// What the system knows of the process that has connected.
struct Credentials {
    pid: i32,
    uid: u32,
}

#[cfg(target_os = "linux")]
fn credentials(stream: &UnixStream) -> Option<Credentials> {
    use std::os::fd::AsRawFd;

    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(size_of_val(&peer)).ok()?;
    // SAFETY: writes at most `length` bytes to `peer`. std's `peer_cred` is not stable.
    let rc = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    (rc == 0).then_some(Credentials { pid: peer.pid, uid: peer.uid })
}

#[cfg(not(target_os = "linux"))]
fn credentials(_: &UnixStream) -> Option<Credentials> {
    None
}

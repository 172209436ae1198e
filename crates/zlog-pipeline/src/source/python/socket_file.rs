//! The file of a Unix socket: binds to a path without replacing another program's socket,
//! and removes the file in the end if it is still the same.
//!
//! | at the path | is handled so |
//! |---|---|
//! | nothing | the file is created |
//! | a socket that nobody listens on: its program crashed | replaced |
//! | a socket that a program listens on, of whatever kind | an error; left as it is |
//! | a file, a directory, a link | an error; left as it is |
//!
//! The umask and the directory decide who may send, as for ZeroMQ's ipc sockets and those
//! of most servers. With the usual umask, 022, it is the same user and root.
#![cfg(unix)]

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::address::ListenAddr;

/// Longest wait for another zlog that binds in the same directory.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// A socket's file. Drop removes it if it is still the same.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and inode; `None` once it has been removed.
    own: Option<(u64, u64)>,
}

impl fmt::Display for SocketFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ListenAddr::Unix(self.path.clone()).fmt(f)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

impl SocketFile {
    /// Removes the file: new clients do not find the socket, and those that have are served.
    pub(super) fn remove(&mut self) {
        let Some(own) = self.own.take() else { return };
        let identity = fs::symlink_metadata(&self.path).ok().as_ref().map(identity);
        // Another program may have removed it and created its own. This one's inode is not
        // used again, since the socket is still open.
        if identity == Some(own) {
            // If it stays, the next program finds that nobody listens on it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Binds a socket of this kind to `path`, and makes it ready with `begin`.
///
/// # Errors
/// A program listens there (`AddrInUse`), a file that is no socket is there
/// (`AlreadyExists`), and errors of the system.
pub(super) fn bind(
    path: &Path,
    kind: Type,
    begin: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<(SocketFile, Socket)> {
    // Another zlog must not create its socket between the check of a stale one and its
    // removal, nor take this socket for stale between bind and listen.
    let _lock = lock_directory(path);
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(path, &address, kind)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    let own = fs::symlink_metadata(path).ok().as_ref().map(identity);
    let file = SocketFile { path: path.to_owned(), own };
    begin(&socket)?;
    Ok((file, socket))
}

/// Waits until no other zlog binds in this directory. If the directory can't be locked, or
/// another program keeps it locked, there is no lock.
fn lock_directory(path: &Path) -> Option<File> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = File::open(directory).ok()?;
    let until = Instant::now() + LOCK_WAIT;
    while let Err(error) = directory.try_lock() {
        let taken = matches!(error, fs::TryLockError::WouldBlock);
        if !taken || Instant::now() >= until {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(directory)
}

/// Removes a socket that nobody listens on.
fn remove_stale(path: &Path, address: &SockAddr, kind: Type) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        let why = "the file at that path is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, why));
    }
    let probe = Socket::new(Domain::UNIX, kind, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let why = "the socket at that path belongs to another user";
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        // A program listens, even if its queue is full or its socket is of another kind.
        _ => return Err(Errno::ADDRINUSE.into()),
    }
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn listen(path: &Path) -> io::Result<(SocketFile, Socket)> {
        bind(path, Type::STREAM, |socket| socket.listen(64))
    }

    #[test]
    fn of_many_that_find_a_stale_socket_at_once_one_gets_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.sock");
        for round in 0..50 {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            // A child that another test is starting may have a copy for a moment.
            while std::os::unix::net::UnixStream::connect(&path).is_ok() {
                thread::yield_now();
            }
            let at_once = Barrier::new(8);
            let bound: Vec<_> = thread::scope(|scope| {
                let try_it = || {
                    at_once.wait();
                    listen(&path)
                };
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(try_it)).collect();
                threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
            });
            assert_eq!(bound.len(), 1, "round {round}");
            std::os::unix::net::UnixStream::connect(&path).unwrap();
            drop(bound);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_socket_whose_queue_is_full_or_that_is_of_another_kind_is_not_stale() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.sock");
        let _full = bind(&path, Type::STREAM, |socket| socket.listen(0)).unwrap();
        let mut waiting = Vec::new();
        loop {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            if client.connect(&SockAddr::unix(&path).unwrap()).is_err() {
                break;
            }
            waiting.push(client);
        }
        for kind in [Type::STREAM, Type::DGRAM] {
            let refused = bind(&path, kind, |_| Ok(())).map(drop).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::AddrInUse, "{kind:?}");
        }
    }

    #[test]
    fn a_locked_directory_delays_binding_only_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let locked = File::open(directory.path()).unwrap();
        locked.lock().unwrap();
        listen(&directory.path().join("log.sock")).unwrap();
    }
}

//! The file of a Unix socket: whose it is, and when it goes.
//!
//! What may be here: binding to a path so that nobody's socket is taken away, and
//! removing the file at the end if it is still our own.
//!
//! | at the path | what is done |
//! |---|---|
//! | nothing | it is made |
//! | a socket that nobody listens at: its program crashed | replaced |
//! | a socket that somebody listens at, of whatever kind | left alone, an error |
//! | a file, a directory, a link | left alone, an error |
//!
//! Who may send is what the file system says: the umask decides (as for ZeroMQ's ipc
//! sockets and most servers'), and so does the directory. With the usual one, 022, it is
//! the same user and root.
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

/// How long another zlog may take that looks at a path in the same directory.
const TURN: Duration = Duration::from_secs(1);

/// A socket's file. It is removed when this is dropped at the latest, if it is still the
/// same.
pub(in crate::source) struct SocketFile {
    path: PathBuf,
    /// Its device and number; `None` when it is gone.
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
    /// Removes it: from now on nobody finds the socket, and those who have are served.
    pub(in crate::source) fn remove(&mut self) {
        let Some(own) = self.own.take() else { return };
        let identity = fs::symlink_metadata(&self.path).ok().as_ref().map(identity);
        // Somebody may have removed it, and another program made its own there. Ours is
        // open until afterwards, so nothing else has its number.
        if identity == Some(own) {
            // Should it stay: the next one finds it dead.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Binds a socket of this kind at `path`, and makes it ready with `begin`.
///
/// # Errors
/// Somebody listens there (`AddrInUse`); there is a file that is no socket
/// (`AlreadyExists`); and the system's.
pub(super) fn bind(
    path: &Path,
    kind: Type,
    begin: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<(SocketFile, Socket)> {
    // Between the look at a socket that nobody listens at and its removal, another zlog
    // must not put its own there; nor between its bind and its listen take it for dead.
    let _turn = take_turn(path);
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

/// Waits until no other zlog looks at a path of this directory. Where that can't be
/// known, or others lock the directory for reasons of their own, it goes without.
fn take_turn(path: &Path) -> Option<File> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = File::open(directory).ok()?;
    let until = Instant::now() + TURN;
    while let Err(error) = directory.try_lock() {
        let taken = matches!(error, fs::TryLockError::WouldBlock);
        if !taken || Instant::now() >= until {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(directory)
}

/// Removes a socket that nobody listens at.
fn remove_stale(path: &Path, address: &SockAddr, kind: Type) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        let why = "there is a file at that path, and it is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, why));
    }
    let probe = Socket::new(Domain::UNIX, kind, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let why = "the socket at that path belongs to somebody else";
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        // Somebody is there, if only one whose queue is full or who speaks otherwise.
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
    fn of_many_that_find_a_dead_socket_at_once_one_gets_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.sock");
        for round in 0..50 {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            // A child of another test that is just being started has a copy, for a moment.
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
    fn a_socket_whose_queue_is_full_or_that_is_of_another_kind_is_not_dead() {
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
    fn a_directory_that_others_have_locked_for_long_is_waited_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let locked = File::open(directory.path()).unwrap();
        locked.lock().unwrap();
        listen(&directory.path().join("log.sock")).unwrap();
    }
}

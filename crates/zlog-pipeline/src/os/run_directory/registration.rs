//! The file of a registered process: `emit-4711.lock`, next to its sockets `emit-4711*`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::shown;
use zlog_core::{Error, Result};

/// The extension of the file.
const LOCK: &str = ".lock";
/// What the names of a process's sockets may end in: its publishing, collecting and query
/// socket.
const SOCKETS: [&str; 3] = ["", ".collect", ".ask"];
/// The kind of a process that subscribes.
pub const SUBSCRIBER: &str = "tail";
/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 4096;
/// Most names that are tried: another process may have the same id in another container.
const MAX_NAMES: u32 = 100;

/// The endpoints that a process has announced, as text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registered {
    /// Its name: `emit-4711`.
    pub name: String,
    /// The default endpoint that it was started with. Processes with other defaults ignore it.
    pub default: String,
    /// Where it publishes.
    pub publishes: Option<String>,
    /// Where a relay collects.
    pub collects: Option<String>,
    /// Where a relay answers queries.
    pub answers: Option<String>,
}

impl Registered {
    /// Whether it subscribes: its registration is made with [`SUBSCRIBER`].
    pub(crate) fn is_subscriber(&self) -> bool {
        self.name.starts_with(SUBSCRIBER)
    }

    /// One line for each endpoint. Endpoints have no line breaks.
    fn to_text(&self) -> String {
        let mut text = String::new();
        let endpoints = [
            ("default", Some(&self.default)),
            ("publishes", self.publishes.as_ref()),
            ("collects", self.collects.as_ref()),
            ("answers", self.answers.as_ref()),
        ];
        for (key, endpoint) in endpoints {
            if let Some(endpoint) = endpoint {
                let _ = writeln!(text, "{key} {endpoint}");
            }
        }
        text
    }

    /// `None` for the empty file of a process that has not announced itself yet.
    fn parse(name: String, text: &str) -> Option<Registered> {
        let get = |key: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(found, _)| *found == key).map(|(_, endpoint)| endpoint.to_owned())
        };
        Some(Registered {
            name,
            default: get("default")?,
            publishes: get("publishes"),
            collects: get("collects"),
            answers: get("answers"),
        })
    }
}

/// The registration of this process. Ends when it is dropped: drop it after the sockets.
#[derive(Debug)]
pub struct Registration {
    file: File,
    /// The file without [`LOCK`]: the path of the publishing socket.
    socket: PathBuf,
}

impl Registration {
    pub(super) fn new(directory: &Path, kind: &str) -> Result<Registration> {
        let process = std::process::id();
        for number in 0..MAX_NAMES {
            let name = match number {
                0 => format!("{kind}-{process}"),
                _ => format!("{kind}-{process}-{number}"),
            };
            let socket = directory.join(name);
            let file = create_locked(&with_suffix(&socket, LOCK));
            let file = file.map_err(|error| {
                Error::io(format!("can't register in {}", shown(directory)), &error)
            })?;
            if let Some(file) = file {
                return Ok(Registration { file, socket });
            }
        }
        Err(Error::new(format!("can't register in {}: all names are taken", shown(directory))))
    }

    /// The name by which others know this process: `emit-4711`.
    pub fn name(&self) -> Cow<'_, str> {
        self.socket.file_name().unwrap_or_default().to_string_lossy()
    }

    /// The path for the socket that publishes.
    pub fn publish_path(&self) -> PathBuf {
        self.socket.clone()
    }

    /// The path for the socket that collects.
    pub fn collect_path(&self) -> PathBuf {
        with_suffix(&self.socket, SOCKETS[1])
    }

    /// The path for the socket that answers queries.
    pub fn query_path(&self) -> PathBuf {
        with_suffix(&self.socket, SOCKETS[2])
    }

    /// Tells other processes where this one can be found. Call it once, when the sockets are
    /// bound. The name is ignored.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn announce(&mut self, endpoints: &Registered) -> Result<()> {
        // One write: nobody reads half of it.
        let written = self.file.write_all(endpoints.to_text().as_bytes());
        written.map_err(|error| {
            Error::io(format!("can't register in {}", shown(&self.socket)), &error)
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        remove(&self.socket);
    }
}

/// Creates a file and locks it. `None` if another process has a file of this name.
fn create_locked(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    loop {
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Removes it if its process has ended.
                read(path);
                if path.exists() {
                    return Ok(None);
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        // Others hold a shared lock for a moment, to see whether the process has ended.
        file.lock()?;
        // One of them may have removed the file before it was locked.
        if is_at(&file, path) {
            return Ok(Some(file));
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// The endpoints that the process of this file has announced. Removes the file and the sockets of
/// a process that has ended.
pub(super) fn read(path: &Path) -> Option<Registered> {
    if path.extension()? != &LOCK[1..] {
        return None;
    }
    let socket = path.with_extension("");
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Ok(()) => {
            // Only one at a time may remove it: meanwhile, a new process with the same number may
            // have made its own.
            if file.try_lock().is_ok() && is_at(&file, path) {
                remove(&socket);
            }
            None
        }
        // Where locks do not work, nobody can register.
        Err(TryLockError::Error(_)) => None,
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            (&file).take(MAX_BYTES).read_to_string(&mut text).ok()?;
            // Perhaps another process has just removed it.
            if !is_at(&file, path) {
                return None;
            }
            Registered::parse(socket.file_name()?.to_string_lossy().into_owned(), &text)
        }
    }
}

/// Removes the sockets of a process, and then its file.
fn remove(socket: &Path) {
    for suffix in SOCKETS.iter().chain([&LOCK]) {
        // Most of them do not exist.
        let _ = fs::remove_file(with_suffix(socket, suffix));
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = OsString::from(path);
    text.push(suffix);
    text.into()
}

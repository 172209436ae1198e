//! The file of a registered process: `emit-4711.lock`, next to its sockets `emit-4711*`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::shown;
use zlog_core::{Error, Result};

/// The extension of the file.
const LOCK: &str = ".lock";
/// What the names of a process's sockets may end in: its publishing, collecting and query
/// socket.
const SOCKETS: [&str; 4] = ["", ".collect", ".ask", ".confirm"];
/// The kind of a process that subscribes.
pub const SUBSCRIBER: &str = "tail";
/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 4096;
/// The key of a line that a publisher adds to a subscriber's file.
const MISSED: &str = "missed";
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
    /// Where a relay confirms what it receives.
    pub confirms: Option<String>,
    /// When it announced itself, in milliseconds since 1970. Set by [`Registration::announce`].
    pub since: Option<u64>,
}

/// A publisher that has ended before a registered subscriber had connected to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missed {
    /// Its process.
    pub process: u32,
    /// The number of records that it published.
    pub records: u64,
}

impl Missed {
    /// Reads the line `missed 4711 17`.
    fn parse(line: &str) -> Option<Missed> {
        let mut numbers = line.strip_prefix(MISSED)?.split_ascii_whitespace();
        let missed = Missed {
            process: numbers.next()?.parse().ok()?,
            records: numbers.next()?.parse().ok()?,
        };
        numbers.next().is_none().then_some(missed)
    }
}

impl Registered {
    /// Whether it subscribes: its registration is made with [`SUBSCRIBER`].
    pub(crate) fn is_subscriber(&self) -> bool {
        self.name.starts_with(SUBSCRIBER)
    }

    /// How long ago it announced itself. `None` if it did not say, or the clock was set back.
    pub(crate) fn age(&self) -> Option<Duration> {
        now().checked_sub(Duration::from_millis(self.since?))
    }

    /// One line for each endpoint. Endpoints have no line breaks.
    fn to_text(&self) -> String {
        let mut text = String::new();
        let since = self.since.map(|since| since.to_string());
        let endpoints = [
            ("default", Some(&self.default)),
            ("publishes", self.publishes.as_ref()),
            ("collects", self.collects.as_ref()),
            ("answers", self.answers.as_ref()),
            ("confirms", self.confirms.as_ref()),
            ("since", since.as_ref()),
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
            confirms: get("confirms"),
            since: get("since").and_then(|since| since.parse().ok()),
        })
    }
}

/// The registration of this process. Ends when it is dropped: drop it after the sockets.
#[derive(Debug)]
pub struct Registration {
    file: File,
    /// How much of the file is known: publishers add to it.
    read: u64,
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
                return Ok(Registration { file, read: 0, socket });
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

    /// The path for the socket that confirms.
    pub fn confirm_path(&self) -> PathBuf {
        with_suffix(&self.socket, SOCKETS[3])
    }

    /// Tells other processes where this one can be found. Call it once, when the sockets are
    /// bound. The name and the time are ignored.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn announce(&mut self, endpoints: &Registered) -> Result<()> {
        let since = u64::try_from(now().as_millis()).ok();
        let text = Registered { since, ..endpoints.clone() }.to_text();
        self.read = text.len() as u64;
        // One write: nobody reads half of it.
        self.file.write_all(text.as_bytes()).map_err(|error| {
            Error::io(format!("can't register in {}", shown(&self.socket)), &error)
        })
    }

    /// The publishers that have ended before this subscriber had connected, since the last call.
    pub fn take_missed(&mut self) -> Vec<Missed> {
        let mut text = String::new();
        let file = &mut self.file;
        let read = file
            .seek(SeekFrom::Start(self.read))
            .and_then(|_| file.take(MAX_BYTES).read_to_string(&mut text));
        self.read += read.unwrap_or_default() as u64;
        text.lines().filter_map(Missed::parse).collect()
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
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    loop {
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Removes it if its process has ended.
                read(path);
                if fs::symlink_metadata(path).is_ok() {
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
    let mut options = OpenOptions::new();
    let file = open_regular(path, options.read(true))?;
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

/// Tells the subscriber of this name that this process has published without it, unless it has not
/// read much of the kind.
pub(super) fn report_missed(directory: &Path, name: &str, records: u64) {
    let mut options = OpenOptions::new();
    let path = with_suffix(&directory.join(name), LOCK);
    let Some(mut file) = open_regular(&path, options.append(true)) else { return };
    if file.metadata().is_ok_and(|found| found.len() < MAX_BYTES) {
        let line = format!("{MISSED} {} {records}\n", std::process::id());
        // It may have ended meanwhile.
        let _ = file.write_all(line.as_bytes());
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Opens a file. `None` for anything else of that name: to open a pipe would wait for its
/// writer.
fn open_regular(path: &Path, options: &mut OpenOptions) -> Option<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path).ok()?;
    file.metadata().is_ok_and(|found| found.is_file()).then_some(file)
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

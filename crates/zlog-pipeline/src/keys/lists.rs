//! The lists of clients and servers: one entry on a line, `#` begins a comment.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::{PublicKey, shown};
use crate::os::file_error;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// Prefixes of topics; `None` allows all.
pub type Prefixes = Option<Vec<String>>;

/// A client that may connect: `NAME KEY [publish=PREFIX,...] [read=PREFIX,...]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    /// Its name, for messages.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
    /// Beginnings of topics that it may publish.
    pub publish: Prefixes,
    /// Beginnings of topics that it may read.
    pub read: Prefixes,
}

/// A server's key: `HOST[:PORT] KEY [NAME]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// The host as it is given in endpoints, and the port if the key is not for all ports.
    pub host: String,
    /// Its key.
    pub key: PublicKey,
    /// Its name, for messages; may be empty.
    pub name: String,
}

/// An entry of a list.
pub(super) trait Entry: Sized {
    fn parse(words: &[&str]) -> Result<Self, String>;
    fn to_line(&self) -> String;
}

impl Entry for Client {
    fn parse(words: &[&str]) -> Result<Client, String> {
        let [name, key, rights @ ..] = words else {
            return Err("write NAME KEY [publish=PREFIX,...] [read=PREFIX,...]".to_owned());
        };
        let key = key.parse().map_err(|error: Error| error.message().to_owned())?;
        let mut client = Client { name: (*name).to_owned(), key, publish: None, read: None };
        for right in rights {
            let (which, prefixes) = right.split_once('=').unwrap_or((right, ""));
            let prefixes = prefixes.split(',').filter(|it| !it.is_empty()).map(str::to_owned);
            match which {
                "publish" => client.publish = Some(prefixes.collect()),
                "read" => client.read = Some(prefixes.collect()),
                _ => return Err(format!("{} is not a right: publish= or read=", escape(right))),
            }
        }
        Ok(client)
    }

    fn to_line(&self) -> String {
        let mut line = format!("{} {}", self.name, self.key);
        for (right, prefixes) in [("publish", &self.publish), ("read", &self.read)] {
            if let Some(prefixes) = prefixes {
                line.push_str(&format!(" {right}={}", prefixes.join(",")));
            }
        }
        line
    }
}

impl Entry for Server {
    fn parse(words: &[&str]) -> Result<Server, String> {
        let [host, key, name @ ..] = words else {
            return Err("write HOST[:PORT] KEY [NAME]".to_owned());
        };
        let key = key.parse().map_err(|error: Error| error.message().to_owned())?;
        Ok(Server { host: (*host).to_owned(), key, name: name.join(" ") })
    }

    fn to_line(&self) -> String {
        format!("{} {} {}", self.host, self.key, self.name).trim_end().to_owned()
    }
}

/// The clients that may connect.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clients(pub Vec<Client>);

/// The servers whose keys are known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Servers(pub Vec<Server>);

impl Clients {
    /// Reads the list. A missing one is empty.
    ///
    /// # Errors
    /// It can't be read, others may write it, or a line is wrong.
    pub fn read(path: &Path) -> Result<Clients> {
        read(path).map(Clients)
    }

    /// As [`Clients::read`], with what is wrong with the lines that are left out.
    ///
    /// # Errors
    /// It can't be read, or others may write it.
    pub fn read_valid(path: &Path) -> Result<(Clients, Vec<Error>)> {
        read_valid(path).map(|(clients, wrong)| (Clients(clients), wrong))
    }

    /// The client with this key.
    pub fn find(&self, key: &PublicKey) -> Option<&Client> {
        self.0.iter().find(|client| client.key == *key)
    }
}

impl Servers {
    /// Reads the list. A missing one is empty.
    ///
    /// # Errors
    /// As [`Clients::read`].
    pub fn read(path: &Path) -> Result<Servers> {
        read(path).map(Servers)
    }

    /// As [`Servers::read`], with what is wrong with the lines that are left out.
    ///
    /// # Errors
    /// It can't be read, or others may write it.
    pub fn read_valid(path: &Path) -> Result<(Servers, Vec<Error>)> {
        read_valid(path).map(|(servers, wrong)| (Servers(servers), wrong))
    }

    /// The server at `HOST:PORT`. An entry with the port counts before one without.
    pub fn find(&self, host_and_port: &str) -> Option<&Server> {
        let host = host_and_port.rsplit_once(':').map_or(host_and_port, |(host, _)| host);
        let with = |text: &str| self.0.iter().find(|it| it.host.eq_ignore_ascii_case(text));
        with(host_and_port).or_else(|| with(host))
    }
}

/// Checks a name of a key or a host in a list.
///
/// # Errors
/// It has spaces or control characters, or begins as a comment.
pub fn check_name(name: &str) -> Result<()> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '"';
    if name.is_empty() || name.starts_with('#') || name.contains(is_odd) || name.len() > 255 {
        return Err(Error::usage(format!("\"{}\" is not a name", name.escape_debug()))
            .hint("Write a name without spaces, such as web1."));
    }
    Ok(())
}

fn entries<E: Entry>(text: &str) -> impl Iterator<Item = (usize, Result<E, String>)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(at, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (at, E::parse(&words))
    })
}

fn read_text(path: &Path) -> Result<String> {
    let failed = |error| file_error(format!("can't read {}", shown(path)), path, &error);
    match fs::read_to_string(path) {
        Ok(text) => {
            check_owned(path)?;
            Ok(text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(failed(error)),
    }
}

fn read<E: Entry>(path: &Path) -> Result<Vec<E>> {
    let (found, wrong) = read_valid(path)?;
    wrong.into_iter().next().map_or(Ok(found), Err)
}

fn read_valid<E: Entry>(path: &Path) -> Result<(Vec<E>, Vec<Error>)> {
    let text = read_text(path)?;
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for (at, entry) in entries(&text) {
        match entry {
            Ok(entry) => found.push(entry),
            Err(why) => wrong.push(Error::new(format!("{}:{at}: {why}", shown(path)))),
        }
    }
    Ok((found, wrong))
}

/// Refuses a list that others may write.
#[cfg(unix)]
fn check_owned(path: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let metadata = fs::metadata(path).map_err(|error| Error::io(shown(path), &error))?;
    let shown = shown(path);
    if ![0, rustix::process::geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(Error::new(format!(
            "{shown} belongs to another user, so its keys are not trusted"
        ))
        .hint(format!(
            "Look through it, then: chown {} {shown}.",
            rustix::process::geteuid().as_raw()
        )));
    }
    if metadata.permissions().mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Error::new(format!("others may write {shown}, so its keys are not trusted"))
        .hint(format!("Look through it, then: chmod go-w {shown}.")))
}

#[cfg(not(unix))]
fn check_owned(_: &Path) -> Result<()> {
    Ok(())
}

/// Adds an entry in place of those that `replaces` says.
///
/// # Errors
/// The list can't be read or written.
pub(super) fn add<E: Entry>(path: &Path, entry: &E, replaces: impl Fn(&E) -> bool) -> Result<()> {
    let _lock = lock(path)?;
    let (mut text, _) = without(path, replaces)?;
    text.push_str(&entry.to_line());
    text.push('\n');
    write(path, &text)
}

/// Removes entries. Returns them.
///
/// # Errors
/// The list can't be read or written.
pub(super) fn remove<E: Entry>(path: &Path, which: impl Fn(&E) -> bool) -> Result<Vec<E>> {
    let Some(_lock) = lock(path)? else { return Ok(Vec::new()) };
    let (text, removed) = without(path, which)?;
    if !removed.is_empty() {
        write(path, &text)?;
    }
    Ok(removed)
}

/// Keeps other processes from changing the lists of a directory meanwhile. `None` if there is no
/// directory.
///
/// # Errors
/// The directory can't be locked.
fn lock(path: &Path) -> Result<Option<File>> {
    let Some(directory) = path.parent() else { return Ok(None) };
    let failed = |error| Error::io(format!("can't lock {}", shown(directory)), &error);
    match File::open(directory) {
        Ok(file) => {
            file.lock().map_err(failed)?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// The text of a list without some entries, and these. Comments and wrong lines stay.
fn without<E: Entry>(path: &Path, which: impl Fn(&E) -> bool) -> Result<(String, Vec<E>)> {
    let (mut kept, mut removed) = (String::new(), Vec::new());
    for line in read_text(path)?.lines() {
        match entries::<E>(line).next() {
            Some((_, Ok(entry))) if which(&entry) => removed.push(entry),
            _ => {
                kept.push_str(line);
                kept.push('\n');
            }
        }
    }
    Ok((kept, removed))
}

/// Replaces a list as a whole: running commands never read a part.
fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error| file_error(format!("can't write {}", shown(path)), path, &error);
    let directory = path.parent().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
